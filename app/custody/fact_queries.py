"""Reading the dated facts: what was done to pieces of work, what was noted about labels, and parcels made of both."""

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.workflow import State
from app.custody.models import CustodyEvent
from app.custody.parcel import Parcel
from app.custody.whereabouts import Fact, What
from app.identity.models import Person
from app.labels.models import Label
from app.stations.models import Station
from app.work.models import WorkItem, WorkMove

AT_THE_BED = "the bedside record"


def work_facts(session: Session, work_id: int) -> tuple[Fact, ...]:
    """Every move of a piece of work."""
    return works_facts(session, (work_id,)).get(work_id, ())


def works_facts(session: Session, work_ids: Collection[int]) -> dict[int, tuple[Fact, ...]]:
    """Every move of some pieces of work, by work, first to last."""
    query = (
        select(WorkMove, Person.name, Station.name)
        .join(Person, Person.id == WorkMove.person_id)
        .join(Station, Station.id == WorkMove.station_id, isouter=True)
        .where(WorkMove.work_id.in_(list(work_ids)))
        .order_by(WorkMove.id)
    )
    found: dict[int, tuple[Fact, ...]] = {}
    for move, who, place in session.execute(query):
        fact = Fact(What(move.event), move.at, who, place or "", move.reason or "")
        found[move.work_id] = (*found.get(move.work_id, ()), fact)
    return found


def label_facts(session: Session, serial: str) -> tuple[Fact, ...]:
    """Everything noted about a label."""
    return labels_facts(session, (serial,)).get(serial, ())


def labels_facts(session: Session, serials: Collection[str]) -> dict[str, tuple[Fact, ...]]:
    """Everything noted about some labels, by label, first to last."""
    query = (
        select(CustodyEvent, Person.name)
        .outerjoin(Person, Person.id == CustodyEvent.person_id)
        .where(CustodyEvent.serial.in_(list(serials)))
        .order_by(CustodyEvent.id)
    )
    found: dict[str, tuple[Fact, ...]] = {}
    for event, who in session.execute(query):
        fact = Fact(What(event.kind), event.at, who or AT_THE_BED, event.place, event.note or "", event.unit_id)
        found[event.serial] = (*found.get(event.serial, ()), fact)
    return found


def parcels(session: Session, serials: Collection[str]) -> dict[str, Parcel]:
    """What carries these labels, by serial: bags and drawers alike, with everything that was done to them."""
    query = (
        select(Label.serial, Label.voided_at, WorkItem)
        .join(WorkItem, WorkItem.id == Label.work_id)
        .where(Label.serial.in_(list(serials)))
    )
    rows = session.execute(query).all()
    works = works_facts(session, {item.id for _, _, item in rows})
    labels = labels_facts(session, [serial for serial, _, _ in rows])
    return {
        serial: Parcel(
            serial=serial,
            work_id=item.id,
            kind=item.kind,
            state=State(item.state),
            void=voided_at is not None,
            facts=(*works.get(item.id, ()), *labels.get(serial, ())),
        )
        for serial, voided_at, item in rows
    }
