"""Reading where labelled doses are: one bag, one dose, a nurse's beds, and what is missed."""

import json
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from app.core.errors import Missing
from app.core.workflow import State
from app.custody.bag import Bag, must_come_out
from app.custody.beds import Bed, Beds, in_order
from app.custody.fact_queries import label_facts, work_facts
from app.custody.models import Shift, ShiftBed
from app.custody.whereabouts import Fact, Stage, What, Whereabouts, where_is
from app.inventory.models import Movement
from app.inventory.queries import recalled_among
from app.labels.models import Label
from app.orders.facts import OrderFacts, PatientFacts
from app.orders.identity_queries import old_label
from app.orders.models import Dose, FormerIdentity, Order, OrderVersion, Patient, PatientAlias, Stay, Verification
from app.orders.queries import order_facts, orders_facts, patient_of, patients_facts, why_not_current
from app.stations.models import Unit
from app.work.models import WorkItem, WorkMove

SOON = timedelta(hours=3)
AHEAD = timedelta(hours=24)
OVERDUE = timedelta(hours=12)
SURELY_GIVEN = timedelta(hours=1)
DRAWERS_KEEP = timedelta(days=7)


@dataclass(frozen=True)
class Awaited:
    """One dose that a patient gets, made or not: when it is due, where it is, and its bag once it has a label."""

    dose_id: int | None
    due_at: datetime
    order: OrderFacts
    where: Whereabouts
    bag: Bag | None


@dataclass(frozen=True)
class AtBed:
    """A patient in a bed: what must not be given, what is due in three hours, and the rest of the day."""

    patient: PatientFacts
    unit: str
    place: str
    zone: str
    out: tuple[Bag, ...]
    soon: tuple[Awaited, ...]
    later: tuple[Awaited, ...]


@dataclass(frozen=True)
class Occupied:
    """A bed with its patient, to be picked."""

    bed: Bed
    unit_name: str
    patient: str


def bag(session: Session, serial: str, order: OrderFacts | None = None) -> Bag:
    """One labelled bag with everything done to it; `order` as in `dose_awaited`. Raises Missing."""
    label = session.get(Label, serial)
    item = session.get(WorkItem, label.work_id) if label is not None and label.work_id is not None else None
    if label is None or item is None or item.dose_id is None:
        raise Missing(f"No label with the number {serial} was made here. Check the number, or call the pharmacy.")
    dose = session.get_one(Dose, item.dose_id)
    order = order or order_facts(session, dose.version_id)
    stands = json.loads(label.content)
    return Bag(
        serial=serial,
        work_id=item.id,
        dose_id=dose.id,
        state=State(item.state),
        void=label.voided_at is not None,
        beyond_use=label.beyond_use,
        due_at=dose.due_at,
        order=order,
        labelled_for=stands.get("unit_bed", ""),
        storage=stands.get("storage", ""),
        old_label=old_label(session, stands, order.patient),
        why_not=why_not_current(session, order),
        why_not_since=_superseded_at(session, dose.version_id),
        recalled=recalled_among(session, _lots(session, f"{item.kind} {item.id}")),
        facts=(*work_facts(session, item.id), *label_facts(session, serial)),
    )


def bags(session: Session, serials: Iterable[str]) -> list[Bag]:
    """Several labelled bags. Raises Missing."""
    return [bag(session, serial) for serial in serials]


def _lots(session: Session, cause: str) -> set[int]:
    return set(session.scalars(select(Movement.lot_id).where(Movement.cause == cause)))


def _superseded_at(session: Session, version_id: int) -> datetime | None:
    """When the version that replaced or stopped this one arrived."""
    mine = session.get_one(OrderVersion, version_id)
    later = select(OrderVersion.received_at).where(
        OrderVersion.order_id == mine.order_id, OrderVersion.number > mine.number
    )
    return session.scalar(later.order_by(OrderVersion.number).limit(1))


def dose_awaited(session: Session, dose_id: int, order: OrderFacts | None = None) -> tuple[Awaited, tuple[Fact, ...]]:
    """One dose with where it is, and the facts that say so, first to last. Raises Missing.

    `order` is the dose's own order version, where it has been read already.
    """
    dose = session.get(Dose, dose_id)
    if dose is None:
        raise Missing("This dose does not exist.")
    order = order or order_facts(session, dose.version_id)
    facts = list(_order_facts(order))
    found: Bag | None = None
    works = list(session.scalars(select(WorkItem.id).where(WorkItem.dose_id == dose_id).order_by(WorkItem.id)))
    for work_id in works:
        serials = select(Label.serial).where(Label.work_id == work_id).order_by(Label.copy_number.desc()).limit(1)
        serial = session.scalar(serials)
        last = work_id == works[-1]
        facts += work_facts(session, work_id)
        if serial and last:
            found = bag(session, serial, order)
            facts += label_facts(session, serial)
    where = where_is(facts)
    if where.stage is Stage.VERIFIED:
        found = None
    return Awaited(dose_id, dose.due_at, order, where, found), tuple(sorted(facts, key=lambda fact: fact.at))


def _order_facts(order: OrderFacts) -> Iterable[Fact]:
    yield Fact(What.ORDERED, order.received_at, order.sender if order.message_id else "")
    if order.verified_at:
        yield Fact(What.VERIFIED, order.verified_at, order.verified_by or "")


def beds_of(session: Session, person_id: int | None, now: datetime) -> Beds | None:
    """The beds that somebody has picked for the shift that is running, or None."""
    query = select(Shift).where(Shift.person_id == person_id).order_by(Shift.id.desc()).limit(1)
    shift = session.scalar(query)
    if shift is None or shift.ends_at <= now:
        return None
    rows = session.execute(select(ShiftBed.unit, ShiftBed.bed).where(ShiftBed.shift_id == shift.id))
    return Beds(frozenset(Bed(unit, bed) for unit, bed in rows), shift.ends_at)


def occupied(session: Session) -> list[Occupied]:
    """Every bed with a patient in it, as one walks past them."""
    found = {_bed(stay, unit): (stay, unit) for stay, unit in _stays(session)}
    people = patients_facts(session, {stay.patient_id for stay, _ in found.values()})
    return [
        Occupied(bed, unit.name if unit else stay.location, people[stay.patient_id].name)
        for bed, (stay, unit) in ((bed, found[bed]) for bed in in_order(found))
    ]


def _stays(session: Session) -> Iterable[tuple[Stay, Unit | None]]:
    query = select(Stay, Unit).join(Unit, Unit.id == Stay.unit_id, isouter=True).where(Stay.ended_at.is_(None))
    return ((stay, unit) for stay, unit in session.execute(query))


def _bed(stay: Stay, unit: Unit | None) -> Bed:
    """The place of a stay in the words in which orders and labels name it."""
    return Bed(unit.code if unit else stay.location, "-".join(part for part in (stay.room, stay.bed) if part))


def ward_list(session: Session, beds: Beds, now: datetime) -> list[AtBed]:
    """The patients in some beds, each with what must come out, what is due in three hours, and the rest."""
    here = {}
    for stay, unit in _stays(session):
        bed = _bed(stay, unit)
        if beds.cover(bed.unit, bed.bed or ""):
            here[bed] = (stay.patient_id, unit.zone if unit else None)
    return _at_beds(session, [(bed, *here[bed]) for bed in in_order(here)], now)


def _at_beds(session: Session, beds: Sequence[tuple[Bed, int, str | None]], now: datetime) -> list[AtBed]:
    ids = {patient_id for _, patient_id, _ in beds}
    due: dict[int, list[Awaited]] = {patient_id: [] for patient_id in ids}
    for awaited in _awaited(session, ids, now):
        due[awaited.order.patient.id].append(awaited)
    out: dict[int, list[Bag]] = {patient_id: [] for patient_id in ids}
    for bag_ in bags_to_come_out(session, ids, now):
        out[bag_.order.patient.id].append(bag_)
    facts = patients_facts(session, ids)
    return [_at_bed(bed, facts[each], zone, due[each], out[each], now) for bed, each, zone in beds]


def _at_bed(
    bed: Bed, patient: PatientFacts, zone: str | None, awaited: list[Awaited], out: list[Bag], now: datetime
) -> AtBed:
    due = sorted(awaited, key=lambda each: each.due_at)
    barred = [each for each in due if each.bag and must_come_out(each.bag, now)]
    every = {each.serial: each for each in (*(each.bag for each in barred if each.bag), *out)}
    soon = tuple(each for each in due if each not in barred and is_soon(each.where, each.due_at, now))
    later = tuple(each for each in due if each not in barred and each not in soon)
    zone = zone or next((order.zone for order in (*(e.order for e in due), *(e.order for e in out))), "UTC")
    first = tuple(sorted(every.values(), key=lambda each: (each.due_at, each.serial)))
    return AtBed(patient, bed.unit, bed.place, zone, first, soon, later)


def is_soon(where: Whereabouts, due_at: datetime, now: datetime) -> bool:
    """Whether a dose is wanted now: an overdue one too, until it was given, or received and an hour has gone by."""
    done = where.stage is Stage.GIVEN or (where.stage is Stage.RECEIVED and due_at < now - SURELY_GIVEN)
    return due_at <= now + SOON and not done


def _awaited(session: Session, patient_ids: Collection[int], now: datetime) -> Iterable[Awaited]:
    """The IV doses of patients' active orders from twelve hours ago to a day ahead; and orders not yet verified."""
    newest = (Order.id == OrderVersion.order_id) & (Order.newest == OrderVersion.number)
    doses = (
        select(Dose.id, Dose.version_id)
        .join(OrderVersion, OrderVersion.id == Dose.version_id)
        .join(Order, newest)
        .where(Order.patient_id.in_(patient_ids), OrderVersion.state == "active", Dose.room == "iv")
        .where(Dose.due_at >= now - OVERDUE, Dose.due_at < now + AHEAD)
    )
    due = session.execute(doses).all()
    known = orders_facts(session, {version_id for _, version_id in due})
    for dose_id, version_id in due:
        yield dose_awaited(session, dose_id, known[version_id])[0]
    unverified = (
        select(OrderVersion.id)
        .join(Order, newest)
        .join(Verification, Verification.version_id == OrderVersion.id, isouter=True)
        .where(Order.patient_id.in_(patient_ids), OrderVersion.state == "active", Verification.version_id.is_(None))
    )
    for order in orders_facts(session, session.scalars(unverified).all()).values():
        yield Awaited(None, order.first_due_at or order.start_at, order, where_is(_order_facts(order)), None)


def bags_to_come_out(session: Session, patient_ids: Collection[int], now: datetime) -> list[Bag]:
    """The released bags of patients that may lie in a drawer and must not be given, first due first."""
    released = select(WorkMove.id).where(WorkMove.work_id == WorkItem.id, WorkMove.event == "release").exists()
    query = (
        select(Label.serial)
        .join(WorkItem, WorkItem.id == Label.work_id)
        .join(Dose, Dose.id == WorkItem.dose_id)
        .join(OrderVersion, OrderVersion.id == Dose.version_id)
        .join(Order, Order.id == OrderVersion.order_id)
        .where(Order.patient_id.in_(patient_ids), released, Dose.due_at > now - DRAWERS_KEEP)
        .where(
            or_(
                WorkItem.state == State.REFUSED,
                Order.newest != OrderVersion.number,
                OrderVersion.state != "active",
                Label.beyond_use <= now,
                known_otherwise(),
            )
        )
        .order_by(Dose.due_at, Label.serial)
    )
    found = (bag(session, serial) for serial in session.scalars(query))
    return [each for each in found if must_come_out(each, now)]


def known_otherwise() -> ColumnElement[bool]:
    """A condition on `Label` and its `Order`: the patient got another number or name after the label was made."""
    later = (PatientAlias.patient_id == Order.patient_id) & (PatientAlias.at >= Label.made_at)
    named = (FormerIdentity.patient_id == Order.patient_id) & (FormerIdentity.until >= Label.made_at)
    return or_(select(PatientAlias.mrn).where(later).exists(), select(FormerIdentity.id).where(named).exists())


def named(session: Session, words: str, now: datetime, limit: int = 10) -> list[AtBed]:
    """The patients in the house whose name begins with the words, accents and capitals forgiven, with their doses.

    So does a name that they had before, which a label may still show. A record number finds its patient too, also a
    retired one, in the house or not.
    """
    sought = _plain(words)
    if not sought:
        return []
    beds = {stay.patient_id: (_bed(stay, unit), unit.zone if unit else None) for stay, unit in _stays(session)}
    here = select(Patient).join(Stay, Stay.patient_id == Patient.id).where(Stay.ended_at.is_(None)).distinct()
    every = {each.id: each for each in session.scalars(here)}
    called = {each.id: [each.family, each.given] for each in every.values()}
    for former in session.scalars(select(FormerIdentity).where(FormerIdentity.patient_id.in_(list(called)))):
        called[former.patient_id] += [former.family, former.given]
    found = {each: every[each] for each in every if any(_plain(name).startswith(sought) for name in called[each])}
    if (numbered := patient_of(session, words.strip())) is not None:
        found[numbered.id] = numbered
    nowhere = (Bed("place not known", None), None)
    first = sorted(found.values(), key=lambda each: (_plain(each.family), _plain(each.given)))[:limit]
    places = ((beds.get(each.id, nowhere), each.id) for each in first)
    return _at_beds(session, [(bed, patient_id, zone) for (bed, zone), patient_id in places], now)


def _plain(name: str) -> str:
    """A name as it is typed in a hurry: no capitals, no accents."""
    apart = unicodedata.normalize("NFKD", name.strip().casefold())
    return "".join(letter for letter in apart if not unicodedata.combining(letter))
