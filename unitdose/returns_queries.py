"""What came back from the wards, and which returned doses a patient may have missed."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.codes import read_code
from app.identity.models import Person
from app.inventory.models import Lot
from app.labels.models import Label
from app.orders.facts import PatientFacts
from app.orders.queries import patient_facts
from unitdose.happened import RETURNED
from unitdose.label_queries import dose_labelled
from unitdose.models import Drawer
from unitdose.queries import FillFacts, LineFacts, fill_facts, line_facts
from unitdose.ward_models import LineEvent, PossibleOmission


@dataclass(frozen=True, slots=True)
class Returned:
    """One package that came back: what it is, from which drawer, where it went and why."""

    line: LineFacts
    drawer: int | None
    lot: str
    went: str
    why: str
    who: str
    at: datetime


@dataclass(frozen=True, slots=True)
class OmissionFacts:
    """A dose that came back though it was due and nobody charted it."""

    line: LineFacts
    fill: FillFacts
    patient: PatientFacts
    found_at: datetime


def drawer_of_label(session: Session, scan: str) -> Drawer | None:
    """The drawer whose label was scanned, or that of a dose with a label of its own; a void label too.

    It is what lies in the hand.
    """
    code = read_code(scan)
    label = session.get(Label, code.text) if code is not None and code.kind == "label" else None
    if label is None:
        return None
    if label.work_id is not None:
        return session.get(Drawer, label.work_id)
    line = dose_labelled(session, label.serial)
    return session.get(Drawer, line.work_id) if line is not None and line.work_id is not None else None


def last_returned(session: Session, most: int = 12) -> list[Returned]:
    """The packages that came back last, the newest first."""
    rows = session.execute(
        select(LineEvent, Person.name, Lot.number)
        .join(Person, Person.id == LineEvent.person_id)
        .join(Lot, Lot.id == LineEvent.lot_id)
        .where(LineEvent.what.in_(RETURNED), LineEvent.key.like("put %"))
        .order_by(LineEvent.id.desc())
        .limit(most)
    ).all()
    lines = line_facts(session, {event.line_id for event, _, _ in rows})
    drawers = _drawer_numbers(session, lines.values())
    return [
        Returned(lines[event.line_id], drawers.get(event.line_id), lot, event.what, event.note or "", name, event.at)
        for event, name, lot in rows
    ]


def _drawer_numbers(session: Session, lines: Iterable[LineFacts]) -> dict[int, int]:
    items = {each.line_id: each.work_id for each in lines if each.work_id}
    query = select(Drawer.work_id, Drawer.number).where(Drawer.work_id.in_(set(items.values())))
    numbers = dict(session.execute(query).all())
    return {line: numbers[work] for line, work in items.items()}


def open_omissions(session: Session) -> list[OmissionFacts]:
    """Doses that a patient may have missed and that no pharmacist has looked into, the oldest first."""
    rows = session.execute(
        select(PossibleOmission.line_id, PossibleOmission.at)
        .where(PossibleOmission.closed_at.is_(None))
        .order_by(PossibleOmission.at)
    ).all()
    lines = line_facts(session, [line for line, _ in rows])
    return [
        OmissionFacts(
            lines[line], fill_facts(session, lines[line].fill_id), patient_facts(session, lines[line].patient_id), at
        )
        for line, at in rows
    ]
