"""Reading fills: the live plan, its lines with all that screens and labels need, its drawers, how far it has come."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, bindparam, func, or_, select
from sqlalchemy.orm import Session

from app.core.errors import Missing
from app.core.quantity import Quantity, plain
from app.core.workflow import State
from app.custody.models import CustodyEvent
from app.custody.whereabouts import What
from app.db.base import fetched
from app.formulary.unit_dose import UnitDoseFacts
from app.formulary.unit_dose_queries import unit_doses_by_package
from app.inventory.models import Location, Lot
from app.labels.models import Label
from app.orders.facts import OrderFacts
from app.orders.queries import orders_facts
from app.work.models import WorkItem
from unitdose.cart_models import Cart
from unitdose.models import Allocation, Drawer, Fill, FillLine, FillRun, Pull, Put, Short
from unitdose.routes import Reason, Route
from unitdose.units import Made, instruction
from unitdose.windows import CartTimes, cart_times

LEFT = (What.HANDED_OVER, What.ARRIVED, What.RECEIVED, What.REJECTED)
"""What says that a drawer has left the pharmacy."""


@dataclass(frozen=True, slots=True)
class FillFacts:
    """One fill: its cart, window and times, the plan's version (None: not planned yet) and why, and when it closed."""

    fill_id: int
    kind: str
    cart_id: int
    cart: str
    cart_name: str
    zone: str
    start_at: datetime
    end_at: datetime
    cutoff_at: datetime
    leaves_at: datetime
    exchange_at: datetime
    version: int | None
    planned_at: datetime | None
    cause: str
    closed_at: datetime | None
    dropped_why: str | None
    printer_url: str | None


@dataclass(frozen=True, slots=True)
class SetAsideFacts:
    """So many packages of one lot, set aside at one storage location."""

    lot_id: int
    lot: str
    expiry: object
    place_id: int
    location: str
    quantity: int


@dataclass(frozen=True, slots=True)
class LineFacts:
    """One live line of a fill with its order and package; `put` packages are in the drawer, `short` are known missing,
    `missed` a technician did not find.

    `says` is what a nurse must know to give the dose of its packages ('half tablet (12.5 mg)'), '' where a package is
    the dose. `wanted` packages are still to be put.
    """

    line_id: int
    fill_id: int
    order: OrderFacts
    dose_id: int | None
    patient_id: int
    unit_id: int | None
    bed: str
    due_at: datetime | None
    wall: str
    flags: tuple[str, ...]
    route: Route
    reason: Reason
    package: UnitDoseFacts | None
    units: Decimal | None
    packages: int
    short: int
    short_why: str | None
    work_id: int | None
    set_aside: tuple[SetAsideFacts, ...]
    put: int
    missed: int

    @property
    def dose(self) -> Quantity | None:
        """What the order gives at once, where one drug makes it."""
        return next(iter(self.order.doses.values())) if len(self.order.doses) == 1 else None

    @property
    def says(self) -> str:
        if self.package is None or self.units is None or self.dose is None:
            return ""
        return instruction(Made(self.package, self.units, self.packages), self.dose)

    @property
    def wanted(self) -> int:
        return max(0, self.packages - self.put - self.short)


@dataclass(frozen=True, slots=True)
class DrawerFacts:
    """One drawer of a fill: whose it is, its number in the cart, and how its work stands; `serial` is its label."""

    work_id: int
    fill_id: int
    patient_id: int
    number: int
    sequence: int
    state: State
    holder_id: int | None
    serial: str | None


def live() -> ColumnElement[bool]:
    """The lines of the plan that is current: joined with Fill, what its newest finished run sees."""
    return and_(
        FillLine.run_id <= Fill.current_run_id,
        or_(FillLine.ended_run_id.is_(None), FillLine.ended_run_id > Fill.current_run_id),
    )


def times_of(cart: Cart) -> CartTimes:
    """A cart's times."""
    return cart_times(cart.zone, cart.starts, cart.cutoff_minutes, cart.leaves_minutes, cart.exchange_minutes)


def fill_facts(session: Session, fill_id: int) -> FillFacts:
    """One fill. Raises Missing."""
    found = fetched(session, _FILL, fill_id=fill_id)
    if not found:
        raise Missing("This fill does not exist.")
    return FillFacts(*found[0])


def open_fills(session: Session) -> tuple[FillFacts, ...]:
    """Every fill that is not closed, the next to leave first."""
    return tuple(FillFacts(*row) for row in fetched(session, _OPEN_FILLS))


# Built once, as what follows here is: every page, every scan and every label of a cart asks it.
_FILLS: Select[*tuple[Any, ...]] = (
    select(
        Fill.id, Fill.kind, Fill.cart_id, Cart.code, Cart.name, Fill.zone, Fill.start_at, Fill.end_at, Fill.cutoff_at,
        Fill.leaves_at, Fill.exchange_at, FillRun.version, FillRun.finished_at, func.coalesce(FillRun.cause, ""),
        Fill.closed_at, Fill.dropped_why, Cart.printer_url,
    )
    .join(Cart, Cart.id == Fill.cart_id)
    .outerjoin(FillRun, FillRun.id == Fill.current_run_id)
    .order_by(Fill.leaves_at, Fill.id)
)  # fmt: skip
_FILL = _FILLS.where(Fill.id == bindparam("fill_id"))
_OPEN_FILLS = _FILLS.where(Fill.closed_at.is_(None))


def lines_of(session: Session, fill_id: int, *which: ColumnElement[bool]) -> tuple[LineFacts, ...]:
    """The live lines of a fill (or those of them that `which` names), by patient and time; suppressed ones too."""
    query = (
        select(FillLine)
        .join(Fill, Fill.id == FillLine.fill_id)
        .where(FillLine.fill_id == fill_id, live(), *which)
        .order_by(FillLine.patient_id, FillLine.due_at, FillLine.id)
    )
    return tuple(_line_facts(session, list(session.scalars(query))))


def line_facts(session: Session, line_ids: Iterable[int]) -> dict[int, LineFacts]:
    """Lines by their numbers, ended ones too."""
    wanted = list(line_ids)
    rows = session.scalars(_LINES, {"line_ids": wanted}) if wanted else ()
    return {each.line_id: each for each in _line_facts(session, list(rows))}


_LINES = select(FillLine).where(FillLine.id.in_(bindparam("line_ids", expanding=True)))


def _line_facts(session: Session, rows: list[FillLine]) -> Iterable[LineFacts]:
    if not rows:
        return
    orders = orders_facts(session, {row.version_id for row in rows})
    packages = unit_doses_by_package(session, {row.package_id for row in rows if row.package_id is not None})
    ids = [row.id for row in rows if row.packages > 0]
    aside = _set_aside(session, ids)
    put, missed = puts(session, ids), _missed(session, ids)
    for row in rows:
        yield LineFacts(
            line_id=row.id,
            fill_id=row.fill_id,
            order=orders[row.version_id],
            dose_id=row.dose_id,
            patient_id=row.patient_id,
            unit_id=row.unit_id,
            bed=row.bed,
            due_at=row.due_at,
            wall=row.wall,
            flags=tuple(row.flags.split()),
            route=Route(row.route),
            reason=Reason(row.reason),
            package=None if row.package_id is None else packages[row.package_id],
            units=None if row.units is None else plain(row.units),
            packages=row.packages,
            short=row.short,
            short_why=row.short_why,
            work_id=row.work_id,
            set_aside=aside.get(row.id, ()),
            put=put.get(row.id, 0),
            missed=missed.get(row.id, 0),
        )


_SET_ASIDE = (
    select(
        Allocation.line_id, Allocation.lot_id, Lot.number, Lot.expiry, Allocation.place_id, Location.code,
        Allocation.quantity,
    )
    .join(Lot, Lot.id == Allocation.lot_id)
    .outerjoin(Location, Location.place_id == Allocation.place_id)
    .where(Allocation.line_id.in_(bindparam("line_ids", expanding=True)), Allocation.ended_run_id.is_(None))
    .order_by(Allocation.id)
)  # fmt: skip
_PUT = (
    select(Put.line_id, func.count(Put.id))
    .outerjoin(Pull, Pull.put_id == Put.id)
    .where(Put.line_id.in_(bindparam("line_ids", expanding=True)), Pull.put_id.is_(None))
    .group_by(Put.line_id)
)
_MISSED = (
    select(Short.line_id, func.sum(Short.quantity))
    .where(Short.line_id.in_(bindparam("line_ids", expanding=True)))
    .group_by(Short.line_id)
)


def _set_aside(session: Session, line_ids: list[int]) -> dict[int, tuple[SetAsideFacts, ...]]:
    found: dict[int, tuple[SetAsideFacts, ...]] = {}
    for line_id, lot_id, lot, expiry, place_id, code, quantity in fetched(session, _SET_ASIDE, line_ids=line_ids):
        each = SetAsideFacts(lot_id, lot, expiry, place_id, code or "", quantity)
        found[line_id] = (*found.get(line_id, ()), each)
    return found


def puts(session: Session, line_ids: Iterable[int]) -> dict[int, int]:
    """By line: how many packages are in its drawer now."""
    return {line_id: count for line_id, count in fetched(session, _PUT, line_ids=list(line_ids))}


def _missed(session: Session, line_ids: list[int]) -> dict[int, int]:
    return {line_id: int(count) for line_id, count in fetched(session, _MISSED, line_ids=line_ids)}


def drawers_of(session: Session, fill_id: int) -> tuple[DrawerFacts, ...]:
    """The drawers of a fill in the order of their numbers."""
    return tuple(_drawer_facts(row) for row in fetched(session, _DRAWERS_OF_FILL, fill_id=fill_id))


def drawer_facts(session: Session, work_id: int) -> DrawerFacts:
    """One drawer. Raises Missing."""
    found = fetched(session, _DRAWER, work_id=work_id)
    if not found:
        raise Missing("This drawer does not exist.")
    return _drawer_facts(found[0])


def drawer_labelled(session: Session, serial: str) -> DrawerFacts | None:
    """The drawer whose label a scan names; None when the label is another thing's, or void."""
    found = fetched(session, _DRAWER_LABELLED, serial=serial)
    return _drawer_facts(found[0]) if found else None


_DRAWERS = (
    select(
        Drawer.work_id, Drawer.fill_id, Drawer.patient_id, Drawer.number, Drawer.sequence, WorkItem.state,
        WorkItem.holder_id, Label.serial,
    )
    .join(WorkItem, WorkItem.id == Drawer.work_id)
    .outerjoin(Label, and_(Label.work_id == Drawer.work_id, Label.voided_at.is_(None)))
    .order_by(Drawer.fill_id, Drawer.number, Drawer.sequence)
)  # fmt: skip
_DRAWERS_OF_FILL = _DRAWERS.where(Drawer.fill_id == bindparam("fill_id"))
_DRAWER = _DRAWERS.where(Drawer.work_id == bindparam("work_id"))
_DRAWER_LABELLED = _DRAWERS.where(Label.serial == bindparam("serial"), Label.voided_at.is_(None))


def _drawer_facts(row: Row[*tuple[Any, ...]]) -> DrawerFacts:
    work_id, fill_id, patient_id, number, sequence, state, holder_id, serial = row
    return DrawerFacts(work_id, fill_id, patient_id, number, sequence, State(state), holder_id, serial)


def has_left(session: Session, fill_id: int) -> bool:
    """Whether anything of a fill was seen to leave the pharmacy, and did not come back undelivered."""
    query = left().join(Drawer, Drawer.work_id == Label.work_id).where(Drawer.fill_id == fill_id)
    return session.scalar(query.limit(1)) is not None


def drawer_has_left(session: Session, work_id: int) -> bool:
    """Whether one drawer was seen to leave the pharmacy, and did not come back undelivered."""
    return session.scalar(left().where(Label.work_id == work_id).limit(1)) is not None


def left() -> Select[int]:
    """What was noted of labels that left the pharmacy and did not come back undelivered."""
    back = CustodyEvent.__table__.alias()
    came_back = (
        select(back.c.id)
        .where(back.c.serial == CustodyEvent.serial, back.c.kind == What.UNPACKED, back.c.id > CustodyEvent.id)
        .exists()
    )
    seen = select(CustodyEvent.id).join(Label, Label.serial == CustodyEvent.serial)
    return seen.where(CustodyEvent.kind.in_(LEFT), ~came_back)


def counts(session: Session, fill_id: int) -> Mapping[tuple[Route, Reason], int]:
    """How many live lines of a fill go which way and why."""
    query = (
        select(FillLine.route, FillLine.reason, func.count(FillLine.id))
        .join(Fill, Fill.id == FillLine.fill_id)
        .where(FillLine.fill_id == fill_id, live())
        .group_by(FillLine.route, FillLine.reason)
    )
    return {(Route(route), Reason(reason)): count for route, reason, count in session.execute(query)}
