"""What the pharmacy's delivery pages show: what waits to leave, what is in which tote, what is under way or back."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.errors import Missing
from app.core.workflow import State
from app.custody.fact_queries import parcels
from app.custody.models import ReturnLot, ReturnLotLabel, ToteLoad, ToteTrip
from app.custody.queries import bags
from app.custody.whereabouts import Stage, Whereabouts
from app.identity.models import Person
from app.labels.models import Label
from app.orders.queries import patients_facts
from app.stations.models import Unit
from app.work.models import WorkItem
from unitdose.delivery_queries import drawer_parcels, exchange_on, lies, struck_inside
from unitdose.models import Drawer, Fill, FillLine
from unitdose.parcel import DrawerParcel, Lies

RECENT = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Thing:
    """One labelled thing that travels: a drawer or a bag, for whom, where its patient lies now, and where it is.

    `address` is its page; `struck` packages must come out of it first.
    """

    serial: str
    what: str
    patient: str
    place: str
    where: Whereabouts
    address: str
    struck: int = 0


@dataclass(frozen=True, slots=True)
class Tote:
    """A tote on its newest trip: to which ward, since when in which state, who carries it, and what is in it.

    `state` is 'empty', 'packed', 'on its way', 'arrived' or 'brought back'.
    """

    tote: str
    state: str
    unit_id: int | None
    unit: str
    unit_code: str
    since: datetime | None
    who: str
    things: tuple[Thing, ...]


@dataclass(frozen=True, slots=True)
class Waiting:
    """Checked drawers of one cart that wait to leave for one ward, and those that are not checked yet."""

    fill_id: int
    cart: str
    kind: str
    leaves_at: datetime
    zone: str
    unit_id: int
    unit: str
    ready: tuple[Thing, ...]
    unchecked: int


@dataclass(frozen=True, slots=True)
class GoingBack:
    """A return lot on its way to the pharmacy."""

    return_lot_id: int
    unit: str
    taken_at: datetime
    who: str
    drawers: int


def tote(session: Session, code: str) -> Tote:
    """A tote by its code; one that never travelled is empty."""
    query = select(ToteTrip).where(ToteTrip.tote == code).order_by(ToteTrip.id.desc()).limit(1)
    trip = session.scalar(query)
    if trip is None:
        return Tote(code, "empty", None, "", "", None, "", ())
    return _totes(session, [trip])[0]


def totes_out(session: Session, now: datetime) -> tuple[Tote, ...]:
    """The totes that are packed or on their way, and those that arrived within twelve hours; newest last."""
    open_ones = ToteTrip.ended_at.is_(None)
    recent = (ToteTrip.ended_as == "arrived") & (ToteTrip.ended_at > now - RECENT)
    return _totes(session, list(session.scalars(select(ToteTrip).where(open_ones | recent).order_by(ToteTrip.id))))


def _totes(session: Session, trips: Collection[ToteTrip]) -> tuple[Tote, ...]:
    units = {unit.id: unit for unit in session.scalars(select(Unit).where(Unit.id.in_({t.unit_id for t in trips})))}
    ids = {each for trip in trips for each in (trip.opened_by, trip.left_by, trip.ended_by) if each}
    people = {each.id: each.name for each in session.scalars(select(Person).where(Person.id.in_(ids)))}
    loads = select(ToteLoad.trip_id, ToteLoad.serial).where(
        ToteLoad.trip_id.in_([trip.id for trip in trips]), ToteLoad.out_at.is_(None)
    )
    inside: dict[int, list[str]] = {}
    for trip_id, serial in session.execute(loads.order_by(ToteLoad.id)):
        inside.setdefault(trip_id, []).append(serial)
    known = _things(session, {serial for found in inside.values() for serial in found})
    return tuple(
        Tote(
            tote=trip.tote,
            state=_state(trip),
            unit_id=trip.unit_id,
            unit=units[trip.unit_id].name,
            unit_code=units[trip.unit_id].code,
            since=trip.ended_at or trip.left_at or trip.opened_at,
            who=people[trip.ended_by or trip.left_by or trip.opened_by],
            things=tuple(known[serial] for serial in inside.get(trip.id, ())),
        )
        for trip in trips
    )


def _state(trip: ToteTrip) -> str:
    return trip.ended_as or ("on its way" if trip.left_at else "packed")


def _things(session: Session, serials: Collection[str]) -> dict[str, Thing]:
    """Labelled drawers and bags by their labels."""
    found = {
        serial: each
        for each in drawer_parcels(session, Label.serial.in_(list(serials)))
        for serial in each.serials
        if serial in serials
    }
    things = _drawers(session, found)
    rest = [serial for serial in serials if serial not in things]
    where = parcels(session, rest)
    for bag in bags(session, rest):
        things[bag.serial] = Thing(
            bag.serial, bag.order.title, bag.order.patient.name, bag.order.place, where[bag.serial].where,
            f"/scan/{bag.serial}",
        )  # fmt: skip
    return things


def _drawers(session: Session, drawers: dict[str, DrawerParcel]) -> dict[str, Thing]:
    people = patients_facts(session, {each.patient_id for each in drawers.values()})
    places = lies(session, set(people))
    struck = struck_inside(session, [each.work_id for each in drawers.values()])
    return {
        serial: Thing(
            serial=serial,
            what=f"Cart {each.cart}, {each.called}",
            patient=people[each.patient_id].name,
            place=_place(places.get(each.patient_id)),
            where=each.where,
            address=f"/drawers/{each.work_id}",
            struck=struck.get(each.work_id, 0),
        )
        for serial, each in drawers.items()
    }


def _place(here: Lies | None) -> str:
    return here.place if here else "left the hospital"


def waiting(session: Session, now: datetime) -> tuple[Waiting, ...]:
    """The drawers that wait to leave, by cart and ward, the cart that leaves first on top."""
    which = (Fill.end_at > now) & WorkItem.state.in_((State.RELEASED, State.MADE, State.MAKING, State.PAUSED))
    every = [each for each in drawer_parcels(session, which) if each.where.stage not in _UNDER_WAY]
    places = lies(session, {each.patient_id for each in every})
    ready = {each.serial: each for each in every if each.state is State.RELEASED and each.serial}
    things = _drawers(session, ready)
    fills = {each.id: each for each in session.scalars(select(Fill).where(Fill.id.in_({e.fill_id for e in every})))}
    groups: dict[tuple[int, int], list[DrawerParcel]] = {}
    for each in every:
        here = places.get(each.patient_id)
        if here is not None and each.where.stage in (Stage.RELEASED, Stage.MADE, Stage.MAKING, Stage.PAUSED):
            groups.setdefault((each.fill_id, here.unit_id), []).append(each)
    found = []
    for (fill_id, unit_id), mine in groups.items():
        here = places[mine[0].patient_id]
        found.append(
            Waiting(
                fill_id=fill_id,
                cart=mine[0].cart,
                kind=mine[0].kind,
                leaves_at=fills[fill_id].leaves_at,
                zone=fills[fill_id].zone,
                unit_id=unit_id,
                unit=here.unit_name,
                ready=tuple(things[each.serial] for each in mine if each.serial in ready),
                unchecked=sum(each.state is not State.RELEASED for each in mine),
            )
        )
    return tuple(sorted(found, key=lambda each: (each.leaves_at, each.unit)))


_UNDER_WAY = (Stage.PACKED, Stage.ON_ITS_WAY, Stage.ARRIVED, Stage.RECEIVED)


def drawers_in(session: Session, code: str) -> set[int]:
    """The drawers that came, or come, in a tote on its newest trip."""
    newest = select(ToteTrip.id).where(ToteTrip.tote == code).order_by(ToteTrip.id.desc()).limit(1).scalar_subquery()
    query = (
        select(Drawer.work_id)
        .join(Label, Label.work_id == Drawer.work_id)
        .join(ToteLoad, ToteLoad.serial == Label.serial)
        .where(ToteLoad.trip_id == newest, ToteLoad.out_at.is_(None))
    )
    return set(session.scalars(query))


@dataclass(frozen=True, slots=True)
class AtTheWard:
    """What a courier sees at a ward: what came and waits for a nurse, and what an exchange would take back.

    `kept` are the doses in old drawers that are due before the new cart's window: the nurse keeps them.
    """

    unit_id: int
    unit: str
    zone: str
    came: int
    waiting: int
    old: tuple[Thing, ...]
    until: datetime | None
    kept: int
    closes: bool


def at_the_ward(session: Session, unit_id: int, now: datetime) -> AtTheWard:
    """What an exchange on a ward would do. Raises Missing."""
    unit = session.get(Unit, unit_id)
    if unit is None:
        raise Missing("This ward does not exist.")
    found = exchange_on(session, unit_id, now)
    old = {each.serials[-1]: each for each in found.old}
    until = min((each.end_at for each in found.old if each.end_at > now), default=None)
    kept = 0
    if until is not None:
        works = [each.work_id for each in found.old]
        due = select(FillLine.id).where(
            FillLine.work_id.in_(works), FillLine.due_at > now, FillLine.due_at < until, FillLine.ended_run_id.is_(None)
        )
        kept = len(session.scalars(due).all())
    return AtTheWard(
        unit_id=unit.id,
        unit=unit.name,
        zone=unit.zone,
        came=len(found.came),
        waiting=sum(each.where.stage is Stage.ARRIVED for each in found.came),
        old=tuple(_drawers(session, old).values()),
        until=until,
        kept=kept,
        closes=bool(found.complete),
    )


def going_back(session: Session) -> tuple[GoingBack, ...]:
    """The return lots on their way to the pharmacy, the oldest first."""
    query = (
        select(ReturnLot, Unit.name, Person.name)
        .join(Unit, Unit.id == ReturnLot.unit_id)
        .join(Person, Person.id == ReturnLot.taken_by)
        .where(ReturnLot.came_at.is_(None))
        .order_by(ReturnLot.id)
    )
    rows = session.execute(query).all()
    inside: dict[int, int] = {}
    labels = select(ReturnLotLabel.return_lot_id).where(
        ReturnLotLabel.return_lot_id.in_([lot.id for lot, _, _ in rows])
    )
    for lot_id in session.scalars(labels):
        inside[lot_id] = inside.get(lot_id, 0) + 1
    return tuple(GoingBack(lot.id, unit, lot.taken_at, who, inside.get(lot.id, 0)) for lot, unit, who in rows)
