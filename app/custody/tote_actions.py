"""A tote's trip to one ward: packed in the pharmacy, out with a courier, in at the ward's place; each by scan.

For which ward a thing is, its own room says when it calls `pack`. A trip's row is locked before what is in it.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.exc import IntegrityError

from app.audit.actions import record
from app.core.errors import Missing, Refused
from app.core.permissions import May
from app.custody.actions import lock_labels, locked_bag, note_all, unit_named
from app.custody.bag import Kind, answer
from app.custody.fact_queries import parcels
from app.custody.models import ToteLoad, ToteTrip
from app.custody.parcel import Parcel, why_not_to_be_packed
from app.custody.whereabouts import MAY_FOLLOW, Stage, What
from app.db.session import Tx
from app.labels.models import Label
from app.stations.models import Unit
from app.work.models import WorkItem

DELIVERIES = "deliveries"


@dataclass(frozen=True)
class Stopped:
    """A delivery that was stopped at the wrong ward: where it goes, where the courier stands, and that in words."""

    wanted: str
    seen: str
    words: str


@dataclass(frozen=True)
class Came:
    """What comes to a ward by one scan of its place: the trips of its totes, and the labels in them."""

    unit_id: int
    unit: str
    trips: tuple[ToteTrip, ...] = ()
    serials: tuple[str, ...] = ()


def pack_bag(tx: Tx, tote: str, serial: str, place: str) -> ToteTrip:
    """Pack a bag into a tote for the ward where its patient lies. Raises Refused and Missing."""
    tx.who.require(May.DELIVER)
    _open_trip(tx, tote)
    found = locked_bag(tx, serial)
    said = answer(found, tx.now)
    if said.kind is not Kind.FREE:
        raise Refused(f"{said.title} {said.why} Keep it in the pharmacy.")
    unit_id = unit_named(tx, found.order.unit)
    if unit_id is None:
        raise Refused(f"Nobody knows on which ward {found.order.patient.name} lies. Ask a pharmacist.")
    return pack(tx, tote, serial, unit_id, place)


def pack(tx: Tx, tote: str, serial: str, unit_id: int, place: str) -> ToteTrip:
    """Pack a released drawer or bag into a tote for a ward; the first thing in it says where the tote goes.

    Packed twice it is packed once. Raises Refused: not checked, in another tote, a tote for another ward or one that
    has left; and Missing.
    """
    return pack_all(tx, tote, (serial,), unit_id, place)


def pack_all(tx: Tx, tote: str, serials: Collection[str], unit_id: int, place: str) -> ToteTrip:
    """Pack several things for one ward in one act, all of them or none. Raises as `pack` does."""
    tx.who.require(May.DELIVER)
    trip = _open_trip(tx, tote)
    found = _locked_parcels(tx, serials)
    for parcel in found:
        if why := why_not_to_be_packed(parcel):
            raise Refused(why)
    query = select(ToteLoad.serial, ToteTrip).join(ToteTrip, ToteTrip.id == ToteLoad.trip_id)
    held = {serial: of for serial, of in tx.session.execute(query.where(ToteLoad.serial.in_(serials), _inside()))}
    new = [parcel for parcel in found if parcel.serial not in held]
    for parcel in found:
        if (other := held.get(parcel.serial)) is not None and (trip is None or other.id != trip.id):
            name = other.tote
            raise Refused(f"This {parcel.called} is in {name} already. Take it out of {name} first.")
    if not new:
        assert trip is not None
        return trip
    trip = trip or _begin(tx, tote, unit_id)
    if trip.left_at is not None:
        raise Refused(f"{tote} has left for {_unit(tx, trip.unit_id)}. Take an empty tote.")
    if trip.unit_id != unit_id:
        there, here = _unit(tx, trip.unit_id), _unit(tx, unit_id)
        raise Refused(f"{tote} goes to {there}, this {new[0].called} to {here}. Take a tote for {here}.")
    note_all(tx, [each.serial for each in new if each.where.stage is Stage.MISSING], What.FOUND, place)
    assert tx.who.person_id is not None
    for parcel in new:
        tx.session.add(ToteLoad(trip_id=trip.id, serial=parcel.serial, person_id=tx.who.person_id, at=tx.now))
        record(tx, What.PACKED, f"label {parcel.serial}", {"tote": tote, "unit_id": unit_id})
    tx.session.flush()
    note_all(tx, [each.serial for each in new], What.PACKED, place, words=f"in {tote}")
    tx.tell(DELIVERIES)
    return trip


def unpack(tx: Tx, serial: str, place: str) -> None:
    """Take something out of a tote that has not left; what is in none stays as it is. Raises Refused and Missing."""
    tx.who.require(May.DELIVER)
    where = select(ToteTrip).join(ToteLoad, ToteLoad.trip_id == ToteTrip.id).where(ToteLoad.serial == serial, _inside())
    trip = tx.session.scalar(where.with_for_update(of=ToteTrip).execution_options(populate_existing=True))
    _locked_parcels(tx, (serial,))
    held = tx.session.scalar(select(ToteLoad).where(ToteLoad.serial == serial, _inside()))
    if trip is None or held is None:
        return
    if trip.left_at is not None:
        raise Refused(f"{trip.tote} has left for {_unit(tx, trip.unit_id)}. What is in it is taken out there.")
    held.out_at = tx.now
    if not labels_in(tx, trip):
        _end(tx, trip, "brought back")  # An empty tote goes nowhere: what is packed next says where.
    note_all(tx, (serial,), What.UNPACKED, place, words=f"out of {trip.tote}")
    record(tx, What.UNPACKED, f"label {serial}", {"tote": trip.tote})
    tx.tell(DELIVERIES)


def leave(tx: Tx, tote: str, place: str) -> ToteTrip:
    """Note that a courier leaves with a tote; noted twice it has left once. Raises Refused when nothing is in it."""
    tx.who.require(May.DELIVER)
    trip = _open_trip(tx, tote)
    if trip is None:
        raise Refused(f"{tote} is empty. Scan what goes into it first.")
    if trip.left_at is None:
        _leave(tx, trip, place)
    return trip


def _leave(tx: Tx, trip: ToteTrip, place: str) -> None:
    serials = labels_in(tx, trip)
    lock_labels(tx, serials)
    trip.left_at, trip.left_by = tx.now, tx.who.person_id
    words = f"in {trip.tote} to {_unit(tx, trip.unit_id)}"
    note_all(tx, _that_may(tx, serials, What.HANDED_OVER), What.HANDED_OVER, place, words=words)
    record(tx, "sent", f"tote {trip.tote}", {"unit_id": trip.unit_id, "labels": list(serials)})
    tx.tell(DELIVERIES)


def coming(tx: Tx, unit_id: int, tote: str | None, place: str) -> Came | Stopped:
    """What a courier's scan of a ward's place brings: the tote in hand, or every tote that this courier carries there.

    At another ward nothing comes and the stop is on record. Scanned twice a tote has come once: the second scan brings
    nothing. Raises Refused when no tote is on its way at all.
    """
    tx.who.require(May.DELIVER)
    here = _unit(tx, unit_id)
    carried = _carried(tx, tote)
    there = [trip for trip in carried if trip.unit_id == unit_id]
    if not there and carried:
        return _wrong_ward(tx, carried, here)
    if not there and tote is not None and _came_before(tx, tote, unit_id):
        return Came(unit_id, here)
    if not there:
        raise Refused(f"No tote is on its way to {here}. Scan the tote first, then the place of its ward.")
    serials: list[str] = []
    for trip in there:
        if trip.left_at is None:
            _leave(tx, trip, place)  # Whoever stands on the ward with it has left with it.
        serials += labels_in(tx, trip)
    return Came(unit_id, here, tuple(there), tuple(serials))


def arrived(tx: Tx, came: Came) -> None:
    """Note what `coming` told as arrived. What a nurse has taken out of a tote on its way stays as she noted it."""
    lock_labels(tx, came.serials)
    for trip in came.trips:
        record(tx, "arrived", f"tote {trip.tote}", {"unit_id": came.unit_id, "labels": list(labels_in(tx, trip))})
        _end(tx, trip, "arrived")
    note_all(tx, _that_may(tx, came.serials, What.ARRIVED), What.ARRIVED, came.unit, unit_id=came.unit_id)
    tx.tell(DELIVERIES)


def bring_back(tx: Tx, tote: str, place: str) -> None:
    """Note that a tote is back in the pharmacy with everything in it, undelivered. Raises Refused."""
    tx.who.require(May.DELIVER)
    trip = _open_trip(tx, tote)
    if trip is None:
        raise Refused(f"{tote} is not on its way. Scan it to see what is in it.")
    serials = labels_in(tx, trip)
    lock_labels(tx, serials)
    _end(tx, trip, "brought back")
    back = _that_may(tx, serials, What.UNPACKED)
    note_all(tx, back, What.UNPACKED, place, words=f"{tote} came back")
    record(tx, "brought back", f"tote {tote}", {"unit_id": trip.unit_id, "labels": list(serials)})
    tx.tell(DELIVERIES)


def labels_in(tx: Tx, trip: ToteTrip) -> tuple[str, ...]:
    """The labels that are in a tote, or were when its trip ended."""
    tx.session.flush()
    query = select(ToteLoad.serial).where(ToteLoad.trip_id == trip.id, ToteLoad.out_at.is_(None))
    return tuple(tx.session.scalars(query.order_by(ToteLoad.serial)))


def _locked_parcels(tx: Tx, serials: Collection[str]) -> list[Parcel]:
    """Read parcels when neither their check nor a note about them can change any more. Raises Missing."""
    works = select(Label.work_id).where(Label.serial.in_(list(serials)))
    held = select(WorkItem).where(WorkItem.id.in_(works)).order_by(WorkItem.id).with_for_update(read=True)
    tx.session.scalars(held.execution_options(populate_existing=True)).all()
    lock_labels(tx, serials)
    found = parcels(tx.session, serials)
    if unknown := [serial for serial in serials if serial not in found]:
        raise Missing(f"No label with the number {unknown[0]} was made here. Check the number, or call the pharmacy.")
    return [found[serial] for serial in serials]


def _that_may(tx: Tx, serials: Sequence[str], what: What) -> list[str]:
    found = parcels(tx.session, serials)
    return [serial for serial in serials if found[serial].where.stage in MAY_FOLLOW[what]]


def _carried(tx: Tx, tote: str | None) -> list[ToteTrip]:
    """The open trip of a tote, or those with which this courier has left."""
    which = ToteTrip.tote == tote if tote is not None else ToteTrip.left_by == tx.who.person_id
    query = select(ToteTrip).where(which, ToteTrip.ended_at.is_(None)).order_by(ToteTrip.id).with_for_update()
    return list(tx.session.scalars(query.execution_options(populate_existing=True)))


def _came_before(tx: Tx, tote: str, unit_id: int) -> bool:
    query = select(ToteTrip).where(ToteTrip.tote == tote).order_by(ToteTrip.id.desc()).limit(1)
    last = tx.session.scalar(query)
    return last is not None and last.ended_as == "arrived" and last.unit_id == unit_id


def _wrong_ward(tx: Tx, carried: Sequence[ToteTrip], here: str) -> Stopped:
    wanted = " and ".join(sorted({_unit(tx, trip.unit_id) for trip in carried}))
    totes = " and ".join(trip.tote for trip in carried)
    for trip in carried:
        record(tx, "stopped at the wrong ward", f"tote {trip.tote}", {"wanted": wanted, "scanned": here})
    words = f"{totes} {'goes' if len(carried) == 1 else 'go'} to {wanted}. This is {here}. Nothing was delivered."
    return Stopped(wanted, here, words)


def _open_trip(tx: Tx, tote: str) -> ToteTrip | None:
    query = select(ToteTrip).where(ToteTrip.tote == tote, ToteTrip.ended_at.is_(None)).with_for_update()
    return tx.session.scalar(query.execution_options(populate_existing=True))


def _begin(tx: Tx, tote: str, unit_id: int) -> ToteTrip:
    assert tx.who.person_id is not None
    trip = ToteTrip(tote=tote, unit_id=unit_id, opened_at=tx.now, opened_by=tx.who.person_id)
    tx.session.add(trip)
    try:
        tx.session.flush()
    except IntegrityError:
        raise Refused(f"Somebody packs {tote} at this moment. Scan it again, or take another tote.") from None
    return trip


def _inside() -> ColumnElement[bool]:
    return and_(ToteLoad.out_at.is_(None), ToteLoad.done_at.is_(None))


def _end(tx: Tx, trip: ToteTrip, how: str) -> None:
    trip.ended_at, trip.ended_by, trip.ended_as = tx.now, tx.who.person_id, how
    for load in tx.session.scalars(select(ToteLoad).where(ToteLoad.trip_id == trip.id, _inside())):
        load.done_at = tx.now
    tx.session.flush()


def _unit(tx: Tx, unit_id: int) -> str:
    return tx.session.get_one(Unit, unit_id).name
