"""What is where, what was staged, and what stands against using the container in the hand."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from decimal import Decimal

from sqlalchemy import ColumnElement, bindparam, case, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.core.wording import day
from app.db.base import fetched
from app.formulary.models import Package
from app.formulary.queries import called
from app.inventory.fefo import Stock, expired
from app.inventory.models import Lot, Movement, Place, Staged

_GONE = ("patient", "waste")
_STOCKED = ("shelf", "hood", "cart")


@dataclass(frozen=True, slots=True)
class StagedLot:
    """A lot that was staged to a hood, and what the ledger says is left of it there."""

    staged_id: int
    lot_id: int
    number: str
    expiry: date
    on_hand: Decimal
    recalled: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class ShelfLot:
    """What is left of a lot at one place; `container` says what is counted, with its size."""

    lot_id: int
    package_id: int
    product_id: int
    container: str
    number: str
    expiry: date
    recalled: bool
    place_id: int
    place: str
    on_hand: Decimal


@dataclass(frozen=True, slots=True)
class Use:
    """One use of a lot: its movement's key and cause, how many containers, the serial, to 'patient' or 'waste'."""

    key: str
    cause: str
    quantity: Decimal
    serial: str | None
    to: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Where a lot number of a product is, whatever its size and the expiry that was read, and every use of it."""

    stock: tuple[ShelfLot, ...]
    uses: tuple[Use, ...]


# Asked of every container that is scanned: built once, and each begins at an index.
_RECALLED = (
    select(Lot.recall_reason)
    .join(Package, Package.id == Lot.package_id)
    .where(Package.product_id == bindparam("product_id"), Lot.recalled_at.is_not(None))
    .where(func.upper(Lot.number) == bindparam("number"))
    .limit(1)
)
_BROUGHT = (
    select(Place.id)
    .join(Movement, Movement.to_place_id == Place.id)
    .where(Place.station_id == bindparam("station_id"), Movement.lot_id == bindparam("lot_id"))
    .limit(1)
)
_USED = (
    select(Movement.id)
    .join(Lot, Lot.id == Movement.lot_id)
    .join(Package, Package.id == Lot.package_id)
    .join(Place, Place.id == Movement.to_place_id)
    .where(Movement.serial == bindparam("serial"), Package.product_id == bindparam("product_id"))
    .where(Place.kind.in_(_GONE))
    .limit(1)
)


def on_hand(session: Session, lot_id: int, place_id: int) -> Decimal:
    """How many containers of a lot the ledger says are at a place."""
    moved = func.sum(case((Movement.to_place_id == place_id, Movement.quantity), else_=-Movement.quantity))
    here = or_(Movement.to_place_id == place_id, Movement.from_place_id == place_id)
    return session.scalar(select(moved).where(Movement.lot_id == lot_id, here)) or Decimal(0)


def place_at(session: Session, station_id: int) -> int | None:
    """The place of a hood in the ledger; None until something was brought there."""
    return session.scalar(select(Place.id).where(Place.station_id == station_id))


def shelves_with(session: Session, lot_id: int) -> tuple[tuple[int, Decimal], ...]:
    """The shelves that hold a lot: (place, on hand), in the order in which the shelves were set up."""
    held = ((each.place_id, each.on_hand) for each in _stock(session, Lot.id == lot_id, ("shelf",)))
    return tuple(sorted(held))


def staged_at(session: Session, station_id: int, package_id: int) -> tuple[StagedLot, ...]:
    """The lots of a package that are staged to a hood now, the first to expire first."""
    query = (
        select(Staged, Lot)
        .join(Lot, Lot.id == Staged.lot_id)
        .where(Staged.station_id == station_id, Staged.ended_at.is_(None), Lot.package_id == package_id)
        .order_by(Lot.expiry, Lot.number, Staged.id)
    )
    place_id = place_at(session, station_id)
    return tuple(
        StagedLot(
            staged_id=staged.id,
            lot_id=lot.id,
            number=lot.number,
            expiry=lot.expiry,
            on_hand=Decimal(0) if place_id is None else on_hand(session, lot.id, place_id),
            recalled=recall_of(session, lot) is not None,
            at=staged.at,
        )
        for staged, lot in session.execute(query).all()
    )


def serial_used(session: Session, product_id: int, serial: str) -> bool:
    """Tell whether the container of a product with this serial was used or wasted before."""
    return bool(fetched(session, _USED, serial=serial, product_id=product_id))


def booked(session: Session, key: str) -> bool:
    """Tell whether a movement was booked under a key."""
    return session.scalar(select(Movement.id).where(Movement.key == key)) is not None


def recall_of(session: Session, lot: Lot) -> str | None:
    """Why a lot was recalled, or None. A recall means the number: a misread expiry or case does not escape it."""
    if lot.recalled_at is not None:
        return lot.recall_reason
    found = fetched(session, _RECALLED, product_id=lot.product_id, number=lot.number.upper())
    return found[0].recall_reason if found else None


def recalled_among(session: Session, lot_ids: Iterable[int]) -> tuple[str, ...]:
    """Say which of these lots are recalled now, in sentences; for the blockers of signing and release (FT41)."""
    lots = session.scalars(select(Lot).where(Lot.id.in_(set(lot_ids))).order_by(Lot.id)).all()
    return tuple(
        f"Lot {lot.number} was recalled ({reason})" for lot in lots if (reason := recall_of(session, lot)) is not None
    )


def container_problems(
    session: Session, lot: Lot, serial: str | None, station_id: int, at: datetime, zone: str | tzinfo
) -> tuple[str, ...]:
    """Everything that forbids using the container in the hand at this hood now, in sentences; empty when nothing does.

    Expired after 23:59 of the expiry day on the wall clock of `zone` (FT39), recalled (FT41), booked as used up at
    this hood, or a serial that was used before. A lot of which the ledger knows nothing at this hood is no problem.
    """
    problems = []
    if expired(lot.expiry, at, zone):
        problems.append(f"Lot {lot.number} expired on {day(lot.expiry)}. Put it aside and take another one.")
    reason = recall_of(session, lot)
    if reason is not None:
        problems.append(f"Lot {lot.number} was recalled ({reason}). Put it in quarantine and tell a pharmacist.")
    if _booked_empty(session, lot.id, station_id):
        problems.append(
            f"The books say that nothing of lot {lot.number} is left at this hood. "
            "Count what is there, or stage the carton it came from."
        )
    if serial and serial_used(session, lot.product_id, serial):
        problems.append(f"The container with serial {serial} was used before. Scan the container in your hand.")
    return tuple(problems)


def _booked_empty(session: Session, lot_id: int, station_id: int) -> bool:
    return any(
        on_hand(session, lot_id, place_id) <= 0
        for (place_id,) in fetched(session, _BROUGHT, lot_id=lot_id, station_id=station_id)
    )


def place_named(session: Session, place_id: int) -> str:
    """What a place is called."""
    return session.get_one(Place, place_id).name.removeprefix("LOC-")


def lots_expiring(session: Session, until: date) -> tuple[ShelfLot, ...]:
    """What expires on or before a day and still lies on a shelf, at a hood or in a cart; the first to expire first."""
    return _stock(session, Lot.expiry <= until, _STOCKED)


def on_shelves(session: Session) -> tuple[ShelfLot, ...]:
    """What lies on the shelves by the books, the first to expire first."""
    return _stock(session, Lot.id.is_not(None), ("shelf",))


def stock_of(session: Session, *, package_id: int, place_id: int) -> tuple[Stock, ...]:
    """The lots of a package at one place, for the choice of the first to expire."""
    return tuple(
        Stock(each.lot_id, each.number, each.expiry, each.on_hand, each.recalled)
        for each in _stock(session, Lot.package_id == package_id, _STOCKED)
        if each.place_id == place_id
    )


def whereabouts(session: Session, lot_id: int) -> Whereabouts:
    """Sweep for a lot: where it still lies and every use of it, in the order of use (FT41)."""
    lot = session.get_one(Lot, lot_id)
    same = same_number(session, lot)
    query = (
        select(Movement, Place.kind)
        .join(Place, Place.id == Movement.to_place_id)
        .where(Movement.lot_id.in_(same), Place.kind.in_(_GONE))
        .order_by(Movement.id)
    )
    uses = tuple(
        Use(each.key, each.cause, each.quantity, each.serial, kind, each.at) for each, kind in session.execute(query)
    )
    return Whereabouts(_stock(session, Lot.id.in_(same), _STOCKED), uses)


def same_number(session: Session, lot: Lot) -> list[int]:
    """The numbers of all lots of the same product with the same lot number, whatever their size, case and expiry."""
    query = select(Lot.id).where(Lot.product_id == lot.product_id, func.upper(Lot.number) == lot.number.upper())
    return list(session.scalars(query.order_by(Lot.id)))


def _stock(session: Session, which: ColumnElement[bool], kinds: Iterable[str]) -> tuple[ShelfLot, ...]:
    come = _sums(session, which, Movement.to_place_id)
    gone = _sums(session, which, Movement.from_place_id)
    left = {each: come[each] - gone.get(each, Decimal(0)) for each in come}
    places = {place.id: place for place in session.scalars(select(Place).where(Place.kind.in_(list(kinds))))}
    lots = {lot.id: lot for lot in session.scalars(select(Lot).where(which))}
    names = called(session, {lot.package_id for lot in lots.values()})
    found = [
        ShelfLot(
            lot_id=lot_id,
            package_id=lots[lot_id].package_id,
            product_id=lots[lot_id].product_id,
            container=names[lots[lot_id].package_id],
            number=lots[lot_id].number,
            expiry=lots[lot_id].expiry,
            recalled=lots[lot_id].recalled_at is not None,
            place_id=place_id,
            place=places[place_id].name,
            on_hand=quantity,
        )
        for (lot_id, place_id), quantity in left.items()
        if quantity > 0 and place_id in places
    ]
    return tuple(sorted(found, key=lambda each: (each.expiry, each.number, each.lot_id, each.place)))


def _sums(
    session: Session, which: ColumnElement[bool], place: InstrumentedAttribute[int]
) -> dict[tuple[int, int], Decimal]:
    query = (
        select(Movement.lot_id, place, func.sum(Movement.quantity))
        .join(Lot, Lot.id == Movement.lot_id)
        .where(which)
        .group_by(Movement.lot_id, place)
    )
    return {(lot_id, place_id): total for lot_id, place_id, total in session.execute(query)}
