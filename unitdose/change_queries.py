"""What has changed since a plan was made, told by the time of each change, and what no plan has a line for."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import ColumnElement, and_, or_, select, union
from sqlalchemy.orm import Session

from app.inventory.models import Location, Lot, Movement
from app.labels.models import Label
from app.orders.models import Dose, ExpectedDischarge, Leave, Order, OrderVersion, Stay, Verification
from app.orders.schedule import Window
from unitdose.cart_models import CartUnit, InUse, OwnSupply, ProductChoice, UnitStock
from unitdose.delta import Standing
from unitdose.models import Fill, FillLine
from unitdose.queries import left, live
from unitdose.routes import Reason, Route


def standing_lines(session: Session, fill_id: int, order_ids: Collection[int] | None = None) -> list[Standing]:
    """The live lines of a fill, or of some of its orders, as a newer plan is compared with them."""
    query = (
        select(FillLine, OrderVersion.content_sha256)
        .join(OrderVersion, OrderVersion.id == FillLine.version_id)
        .join(Fill, Fill.id == FillLine.fill_id)
        .where(FillLine.fill_id == fill_id, live())
    )
    if order_ids is not None:
        query = query.where(FillLine.order_id.in_(order_ids))
    return [
        Standing(
            line_id=row.id,
            order_id=row.order_id,
            content=content,
            at=row.due_at,
            package_id=row.package_id,
            units=row.units,
            packages=row.packages,
            route=Route(row.route),
            reason=Reason(row.reason),
            patient_id=row.patient_id,
            unit_id=row.unit_id,
            flags=tuple(row.flags.split()),
        )
        for row, content in session.execute(query)
    ]


def changed_orders(session: Session, since: datetime) -> set[int]:
    """The orders that something has happened to since an instant: themselves, their patient, or their product.

    Stated anew, verified, product chosen, own medication, container counted; the patient moved, left, went on leave.
    """
    patients = union(
        select(Stay.patient_id).where(or_(Stay.moved_at >= since, Stay.ended_at >= since)),
        select(Leave.patient_id).where(Leave.changed_at >= since),
        select(Stay.patient_id)
        .join(ExpectedDischarge, ExpectedDischarge.stay_id == Stay.id)
        .where(ExpectedDischarge.told_at >= since),
    )
    pockets = (
        select(FillLine.order_id)
        .join(UnitStock, and_(UnitStock.unit_id == FillLine.unit_id, UnitStock.package_id == FillLine.package_id))
        .join(Fill, Fill.id == FillLine.fill_id)
        .where(UnitStock.changed_at >= since, Fill.closed_at.is_(None), FillLine.ended_run_id.is_(None))
    )
    orders = union(
        select(OrderVersion.order_id).where(OrderVersion.received_at >= since),
        select(OrderVersion.order_id)
        .join(Verification, Verification.version_id == OrderVersion.id)
        .where(Verification.at >= since),
        select(OwnSupply.order_id).where(or_(OwnSupply.at >= since, OwnSupply.ended_at >= since)),
        select(ProductChoice.order_id).where(ProductChoice.at >= since),
        select(InUse.order_id).where(or_(InUse.counted_at >= since, InUse.ended_at >= since)),
        select(Order.id).where(Order.patient_id.in_(patients)),
        pockets,
    )
    return set(session.scalars(orders))


def orders_of_cart(session: Session, cart_id: int, fill_id: int, order_ids: Collection[int]) -> set[int]:
    """Those of some orders that concern a fill: it has a line of them, or their patient lies on a unit of its cart."""
    here = (
        select(Order.id)
        .join(Stay, Stay.patient_id == Order.patient_id)
        .join(CartUnit, CartUnit.unit_id == Stay.unit_id)
        .where(CartUnit.cart_id == cart_id, Stay.ended_at.is_(None), Order.id.in_(order_ids))
    )
    planned = select(FillLine.order_id).where(FillLine.fill_id == fill_id, FillLine.order_id.in_(order_ids))
    return set(session.scalars(union(here, planned)))


def short_fills(session: Session, since: datetime) -> list[int]:
    """The open fills that lack packages of which some have come to a storage location since an instant."""
    query = (
        select(FillLine.fill_id)
        .join(Fill, Fill.id == FillLine.fill_id)
        .join(Lot, Lot.package_id == FillLine.package_id)
        .join(Movement, Movement.lot_id == Lot.id)
        .join(Location, Location.place_id == Movement.to_place_id)
        .where(Fill.closed_at.is_(None), live(), FillLine.short > 0, Movement.at >= since)
        .distinct()
    )
    return list(session.scalars(query))


def unplanned_orders(session: Session, cart_id: int, since: datetime, until: datetime) -> set[int]:
    """Orders for the cart's units with a verified unit dose due in a span that no fill of any cart has a line for."""
    planned = (
        select(FillLine.id)
        .where(
            FillLine.order_id == Dose.order_id,
            FillLine.due_at == Dose.due_at,
            FillLine.ended_run_id.is_(None),
        )
        .exists()
    )
    query = (
        select(Dose.order_id)
        .join(OrderVersion, OrderVersion.id == Dose.version_id)
        .join(Order, and_(Order.id == Dose.order_id, Order.newest == OrderVersion.number))
        .join(Stay, Stay.patient_id == Order.patient_id)
        .join(CartUnit, CartUnit.unit_id == Stay.unit_id)
        .where(
            CartUnit.cart_id == cart_id,
            Stay.ended_at.is_(None),
            Dose.room == "unit dose",
            Dose.due_at >= since,
            Dose.due_at < until,
            OrderVersion.state == "active",
            ~planned,
        )
    )
    return set(session.scalars(query.distinct()))


def planned_doses(session: Session, order_ids: Collection[int], window: Window) -> set[tuple[int, datetime | None]]:
    """The (order, instant) of some orders that any fill has a live line for."""
    query = select(FillLine.order_id, FillLine.due_at).where(
        FillLine.order_id.in_(order_ids),
        FillLine.due_at >= window.start,
        FillLine.due_at < window.end,
        FillLine.ended_run_id.is_(None),
    )
    return {(order_id, at) for order_id, at in session.execute(query)}


def on_wards(session: Session, window: Window, whose: ColumnElement[bool]) -> set[tuple[int, datetime | None, int]]:
    """The doses of patients in the house whose packages have left for a ward: (order, instant, fill).

    They go along with their patient, whatever ward that is, and no other cart brings them again. `whose` is a condition
    on `FillLine`.
    """
    in_house = select(Stay.id).join(Order, Order.patient_id == Stay.patient_id)
    in_house = in_house.where(Order.id == FillLine.order_id, Stay.ended_at.is_(None))
    query = (
        select(FillLine.order_id, FillLine.due_at, FillLine.fill_id)
        .join(Fill, Fill.id == FillLine.fill_id)
        .where(
            whose,
            FillLine.due_at >= window.start,
            FillLine.due_at < window.end,
            FillLine.packages > 0,
            live(),
            in_house.exists(),
            left().where(Label.work_id == FillLine.work_id).exists(),
        )
    )
    return {(order_id, at, fill) for order_id, at, fill in session.execute(query)}
