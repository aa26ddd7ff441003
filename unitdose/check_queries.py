"""The drawers that wait for a pharmacist, and one drawer as it is checked."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from app.core.workflow import Event, State
from app.identity.models import Person
from app.orders.models import Patient
from app.work.models import WorkItem, WorkMove
from unitdose.cart_models import Cart
from unitdose.models import Drawer, Fill, FillLine
from unitdose.queries import live
from unitdose.routes import Reason


@dataclass(frozen=True, slots=True)
class Waiting:
    """A drawer in the check queue: its cart and number, whose it is, how much is in it, and how much is unusual."""

    work_id: int
    fill_id: int
    cart: str
    first_dose: bool
    zone: str
    leaves_at: datetime
    number: int
    patient: str
    mrn: str
    bed: str
    doses: int
    packages: int
    unusual: int
    made_by: str
    made_by_id: int
    since: datetime


def check_queue(session: Session, fill_id: int | None = None) -> tuple[Waiting, ...]:
    """The drawers that were signed as prepared and wait for their check: the next cart to leave first."""
    return tuple(_waiting(session, fill_id))


def _waiting(session: Session, fill_id: int | None) -> Iterable[Waiting]:
    unusual = case(((FillLine.short > 0) | (FillLine.flags != "") | (FillLine.reason == Reason.ADC_OUT), 1), else_=0)
    counted = (
        select(
            FillLine.work_id,
            func.count(FillLine.id).label("doses"),
            func.sum(FillLine.packages).label("packages"),
            func.sum(unusual).label("unusual"),
            func.max(FillLine.bed).label("bed"),
        )
        .join(Fill, Fill.id == FillLine.fill_id)
        .where(live(), FillLine.packages > 0)
        .group_by(FillLine.work_id)
        .subquery()
    )
    signed = (
        select(WorkMove.work_id, func.max(WorkMove.id).label("move_id"))
        .where(WorkMove.event == Event.FINISH)
        .group_by(WorkMove.work_id)
        .subquery()
    )
    query = (
        select(Drawer, Fill, Cart.code, Patient, WorkMove.at, Person, counted)
        .join(WorkItem, WorkItem.id == Drawer.work_id)
        .join(Fill, Fill.id == Drawer.fill_id)
        .join(Cart, Cart.id == Fill.cart_id)
        .join(Patient, Patient.id == Drawer.patient_id)
        .join(counted, counted.c.work_id == Drawer.work_id)
        .join(signed, signed.c.work_id == Drawer.work_id)
        .join(WorkMove, WorkMove.id == signed.c.move_id)
        .join(Person, Person.id == WorkMove.person_id)
        .where(WorkItem.state == State.MADE)
        .order_by(Fill.kind != "first dose", Fill.leaves_at, Drawer.fill_id, Drawer.number, Drawer.sequence)
    )
    if fill_id is not None:
        query = query.where(Drawer.fill_id == fill_id)
    for row in session.execute(query):
        drawer, fill, cart, patient, at, person = row[:6]
        yield Waiting(
            work_id=drawer.work_id,
            fill_id=fill.id,
            cart=cart,
            first_dose=fill.kind == "first dose",
            zone=fill.zone,
            leaves_at=fill.leaves_at,
            number=drawer.number,
            patient=f"{patient.family.upper()}, {patient.given}",
            mrn=patient.mrn,
            bed=row.bed or "",
            doses=int(row.doses),
            packages=int(row.packages),
            unusual=int(row.unusual),
            made_by=person.name,
            made_by_id=person.id,
            since=at,
        )
