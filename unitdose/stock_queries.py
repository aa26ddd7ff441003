"""What the store has free for a cart, and what of as-needed stock is still on a unit."""

from collections.abc import Collection

from sqlalchemy import ScalarSelect, case, func, select
from sqlalchemy.orm import Session

from app.inventory.fefo import Held
from app.inventory.models import Location, Lot, Movement
from unitdose.happened import Happened
from unitdose.models import Allocation, Fill, FillLine, FillRun, Pull, Put
from unitdose.ward_models import LineEvent

_GONE = (Happened.GIVEN, Happened.RESTOCKED, Happened.QUARANTINED, Happened.WASTED, Happened.MISSING, Happened.FOUND)


def free_stock(session: Session, package_ids: Collection[int] | None = None) -> dict[int, tuple[Held, ...]]:
    """By package: what is free at the storage locations, after what open fills have set aside and not yet picked."""
    lots = select(Lot.id, Lot.package_id, Lot.number, Lot.expiry, Lot.recalled_at)
    if package_ids is not None:
        lots = lots.where(Lot.package_id.in_(package_ids))
    known = {row.id: row for row in session.execute(lots)}
    held: dict[tuple[int, int], int] = {}
    for target, sign in ((Movement.to_place_id, 1), (Movement.from_place_id, -1)):
        query = (
            select(Movement.lot_id, target, func.sum(Movement.quantity))
            .join(Location, Location.place_id == target)
            .group_by(Movement.lot_id, target)
        )
        if package_ids is not None:
            query = query.where(Movement.lot_id.in_(list(known)))
        for lot_id, place_id, total in session.execute(query):
            held[lot_id, place_id] = held.get((lot_id, place_id), 0) + sign * int(total)
    for key, count in _set_aside(session, list(known) if package_ids is not None else None).items():
        held[key] = held.get(key, 0) - count
    found: dict[int, tuple[Held, ...]] = {}
    for (lot_id, place_id), free in held.items():
        lot = known.get(lot_id)
        if lot is not None and free > 0:
            each = Held(lot_id, place_id, lot.number, lot.expiry, free, lot.recalled_at is not None)
            found[lot.package_id] = (*found.get(lot.package_id, ()), each)
    return found


def picked_of_it() -> ScalarSelect[int]:
    """Beside `Allocation`: how many packages of what it sets aside lie in a drawer."""
    return (
        select(func.count(Put.id))
        .outerjoin(Pull, Pull.put_id == Put.id)
        .where(
            Put.line_id == Allocation.line_id,
            Put.lot_id == Allocation.lot_id,
            Put.place_id == Allocation.place_id,
            Pull.put_id.is_(None),
        )
        .correlate(Allocation)
        .scalar_subquery()
    )


def _set_aside(session: Session, lot_ids: Collection[int] | None) -> dict[tuple[int, int], int]:
    """What lines of open fills have set aside and nobody has picked yet, by lot and place; a run under way counts."""
    picked = picked_of_it()
    # Two databases, two names for the larger of two numbers; a CASE would count what was picked twice.
    larger = func.max if session.get_bind().dialect.name == "sqlite" else func.greatest
    query = (
        select(Allocation.lot_id, Allocation.place_id, func.sum(larger(Allocation.quantity - picked, 0)))
        # By the run and not by the line: the same fill, and a line that ends sets what it has free.
        .join(FillRun, FillRun.id == Allocation.run_id)
        .join(Fill, Fill.id == FillRun.fill_id)
        .where(Allocation.ended_run_id.is_(None), Fill.closed_at.is_(None))
        .group_by(Allocation.lot_id, Allocation.place_id)
    )
    if lot_ids is not None:
        query = query.where(Allocation.lot_id.in_(lot_ids))
    return {(lot_id, place_id): int(count) for lot_id, place_id, count in session.execute(query)}


def on_unit(session: Session, order_ids: Collection[int]) -> dict[int, int]:
    """By order: the as-needed packages that carts brought and nobody gave, returned, wasted or missed yet."""
    if not order_ids:
        return {}
    lines = FillLine.order_id.in_(list(order_ids)), FillLine.due_at.is_(None)
    brought = (
        select(FillLine.order_id, func.count(Put.id))
        .join(Put, Put.line_id == FillLine.id)
        .outerjoin(Pull, Pull.put_id == Put.id)
        .where(*lines, Pull.put_id.is_(None))
        .group_by(FillLine.order_id)
    )
    found = case((LineEvent.what == Happened.FOUND, -LineEvent.packages), else_=LineEvent.packages)
    gone = (
        select(FillLine.order_id, func.sum(found))
        .join(LineEvent, LineEvent.line_id == FillLine.id)
        .where(*lines, LineEvent.what.in_(_GONE))
        .group_by(FillLine.order_id)
    )
    left = {order_id: int(count) for order_id, count in session.execute(brought)}
    for order_id, count in session.execute(gone):
        left[order_id] = left.get(order_id, 0) - int(count)
    return left
