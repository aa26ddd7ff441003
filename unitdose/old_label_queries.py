"""Labels of a cart that name their patient as they are known no more: of drawers, and of doses in them.

A drawer's packages stay right; its label is printed again. Until then nobody gives from it.
"""

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, union
from sqlalchemy.orm import Session

from app.custody.whereabouts import GONE
from app.labels.models import Label
from app.orders.facts import OldLabel, PatientFacts
from app.orders.identity_queries import old_label
from app.orders.models import FormerIdentity, Order, Patient, PatientAlias
from app.orders.queries import patients_facts
from unitdose.delivery_queries import drawer_parcels
from unitdose.models import Drawer, Fill, FillLine
from unitdose.parcel import DrawerParcel

CHANGED = timedelta(days=7)
"""Who got another name or number longer ago than this has no label of before in any drawer."""


@dataclass(frozen=True, slots=True)
class AsBefore:
    """A drawer of a cart with a label that is out of date: its own, or that of `doses` doses in it."""

    drawer: DrawerParcel
    patient: PatientFacts
    old: OldLabel
    doses: int

    @property
    def what(self) -> str:
        """What is to be labelled anew, in words."""
        if self.drawer.old_label is None:
            return "the label of a dose in it" if self.doses == 1 else f"the labels of {self.doses} doses in it"
        also = f" and of {self.doses} of its doses" if self.doses else ""
        return f"its label{also}"

    @property
    def words(self) -> str:
        """What stands on it, in a sentence."""
        return self.old.words(self.drawer.zone)


def labelled_as_before(session: Session, now: datetime) -> tuple[AsBefore, ...]:
    """Every drawer that may still be given from and has a label of before, its own or a dose's."""
    changed = union(
        select(PatientAlias.patient_id).where(PatientAlias.at > now - CHANGED),
        select(FormerIdentity.patient_id).where(FormerIdentity.until > now - CHANGED),
    )
    patients = set(session.scalars(changed))
    if not patients:
        return ()
    lines: dict[int, list[int]] = {}
    query = (
        select(FillLine.work_id, FillLine.id)
        .join(Order, Order.id == FillLine.order_id)
        .join(Fill, Fill.id == FillLine.fill_id)
        .where(Order.patient_id.in_(patients), FillLine.work_id.is_not(None), Fill.end_at > now - CHANGED)
    )
    for work_id, line_id in session.execute(query):
        lines.setdefault(work_id or 0, []).append(line_id)
    doses = doses_as_before(session, [line_id for found in lines.values() for line_id in found])
    facts = patients_facts(session, patients)
    found = []
    for drawer in drawer_parcels(session, Drawer.work_id.in_(list(lines))):
        old = [doses[line_id] for line_id in lines[drawer.work_id] if line_id in doses]
        first = drawer.old_label or next(iter(old), None)
        if first is not None and drawer.serial is not None and drawer.where.stage not in GONE:
            found.append(AsBefore(drawer, facts[drawer.patient_id], first, len(old)))
    return tuple(found)


def doses_as_before(session: Session, line_ids: Collection[int]) -> dict[int, OldLabel]:
    """By line whose dose has a label of its own that names its patient as before: what it shows."""
    things = {f"{of}line {line_id}": line_id for line_id in line_ids for of in ("", "flag of ")}
    labels = select(Label.subject, Label.content).where(Label.subject.in_(list(things)), Label.voided_at.is_(None))
    rows = [(things[subject or ""], json.loads(content)) for subject, content in session.execute(labels)]
    whose = dict(_whose(session, {line_id for line_id, _ in rows}))
    facts = {each.id: each for each in session.scalars(select(Patient).where(Patient.id.in_(set(whose.values()))))}
    shown = ((line_id, old_label(session, stands, facts[whose[line_id]])) for line_id, stands in rows)
    return {line_id: old for line_id, old in shown if old is not None}


def old_doses_in(session: Session, work_ids: Collection[int]) -> dict[int, OldLabel]:
    """By drawer in which a dose has a label of its own that names its patient as before: what one of them shows."""
    query = select(FillLine.id, FillLine.work_id).where(FillLine.work_id.in_(list(work_ids)))
    lines = {line_id: work_id for line_id, work_id in session.execute(query)}
    old = doses_as_before(session, lines)
    return {lines[line_id] or 0: shown for line_id, shown in old.items()}


def _whose(session: Session, line_ids: Collection[int]) -> Iterable[tuple[int, int]]:
    query = select(FillLine.id, Order.patient_id).join(Order, Order.id == FillLine.order_id)
    return ((line_id, patient_id) for line_id, patient_id in session.execute(query.where(FillLine.id.in_(line_ids))))


def is_void(session: Session, serial: str) -> bool:
    """Whether another label was printed in the place of this one."""
    return session.scalar(select(Label.voided_at).where(Label.serial == serial)) is not None
