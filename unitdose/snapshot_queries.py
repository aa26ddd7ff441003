"""Everything that a plan of a cart's window depends on, read in one consistent look at the database.

Columns and not objects are read: a hospital's fill sees tens of thousands of doses.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from app.core.quantity import Quantity, plain
from app.db.base import among, fetched
from app.formulary.unit_dose import UnitDoseFacts
from app.formulary.unit_dose_queries import unit_doses
from app.inventory.fefo import Held
from app.orders.due import doses_in
from app.orders.models import (
    Dose,
    ExpectedDischarge,
    Leave,
    OrderComponent,
    OrderVersion,
    Stay,
    Verification,
)
from app.orders.models import Order as OrderHead
from app.orders.queries import Found, schedule_of
from app.orders.routes import STERILE
from app.orders.schedule import AsNeeded, Continuous, Due, Schedule, Window
from app.orders.wall_clock import wall_of
from unitdose.cart_models import Cart, CartUnit, InUse, OwnSupply, PrnPar, ProductChoice, UnitStock
from unitdose.models import Fill, FillLine
from unitdose.plan import Container, Order, Patient, Shelf, Wanted
from unitdose.stock_queries import free_stock, on_unit


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a plan is made of: the wanted doses, the patients, what there is to give, and what is free of it."""

    wanted: tuple[Wanted, ...]
    patients: Mapping[int, Patient]
    shelf: Shelf
    free: Mapping[int, tuple[Held, ...]]


@dataclass(frozen=True, slots=True)
class _Version:
    """The newest version of an order, with what was last verified of it."""

    order_id: int
    version_id: int
    patient_id: int
    state: str
    content: str
    verified: bool
    iv: bool
    route: str
    priority: str
    schedule: Schedule | None


def snapshot(
    session: Session,
    cart: Cart,
    window: Window,
    order_ids: Collection[int] | None = None,
    *,
    first_doses: bool = False,
) -> Snapshot:
    """Read a cart's window: all its patients' orders, or only some orders.

    An order of a patient who is on no unit of the cart any more is read too, where the cart has planned it before.
    """
    units = set(session.scalars(select(CartUnit.unit_id).where(CartUnit.cart_id == cart.id)))
    beds = _beds(session, units, order_ids)
    versions = _versions(session, cart.id, beds, window, order_ids)
    patient_ids = {each.patient_id for each in versions}
    patients = _patients(session, patient_ids, beds, window)
    doses = _doses(session, {each.order_id for each in versions}, window)
    details = _details(session, versions)
    by_drug = unit_doses(session, {drug for drug, _, _ in details.values()})
    packages = {each.package_id: each for found in by_drug.values() for each in found}
    extras = _Extras(session, cart, versions, packages, window)
    wanted: list[Wanted] = []
    for version in versions:
        order = _order(version, details.get(version.version_id), extras)
        wanted += _wanted(version, order, doses.get(version.order_id, {}), window, cart.zone)
    free = free_stock(session, packages)
    stock = select(UnitStock.unit_id, UnitStock.package_id, UnitStock.out_at).where(UnitStock.unit_id.in_(units))
    pars = select(PrnPar.unit_id, PrnPar.drug_id, PrnPar.par).where(PrnPar.unit_id.in_(units))
    shelf = Shelf(
        packages=by_drug,
        stock={(unit, package): out is None for unit, package, out in session.execute(stock)},
        pars={(unit, drug): par for unit, drug, par in session.execute(pars)},
        on_hand=frozenset(free),
        trims_discharges=cart.trims_discharges,
        first_doses=first_doses,
    )
    return Snapshot(tuple(wanted), patients, shelf, free)


def _beds(
    session: Session, units: Collection[int], order_ids: Collection[int] | None
) -> dict[int, tuple[int, str, int, datetime]]:
    """By patient: the unit of the cart, the bed, the stay, and since when."""
    query = (
        select(Stay.patient_id, Stay.unit_id, Stay.room, Stay.bed, Stay.id, Stay.moved_at)
        .where(Stay.ended_at.is_(None), Stay.unit_id.in_(units))
        .order_by(Stay.moved_at)
    )
    if order_ids is not None:
        query = query.where(Stay.patient_id.in_(select(OrderHead.patient_id).where(OrderHead.id.in_(order_ids))))
    found = {}
    for patient_id, unit_id, room, bed, stay_id, moved_at in session.execute(query):
        assert unit_id is not None  # asked for
        found[patient_id] = (unit_id, "-".join(part for part in (room, bed) if part), stay_id, moved_at)
    return found


def _versions(
    session: Session,
    cart_id: int,
    beds: Mapping[int, object],
    window: Window,
    order_ids: Collection[int] | None,
) -> list[_Version]:
    newest = and_(OrderHead.id == OrderVersion.order_id, OrderHead.newest == OrderVersion.number)
    query = (
        select(
            OrderVersion.id, OrderVersion.order_id, OrderVersion.state, OrderVersion.content_sha256,
            OrderVersion.route, OrderVersion.priority, OrderVersion.schedule, OrderVersion.start_at,
            OrderVersion.end_at, OrderHead.patient_id, Verification.room,
        )
        .join(OrderHead, newest)
        .outerjoin(Verification, Verification.version_id == OrderVersion.id)
        .order_by(OrderHead.patient_id, OrderHead.id)
    )  # fmt: skip
    if order_ids is not None:
        query = query.where(OrderHead.id.in_(order_ids))
    else:
        planned = (
            select(FillLine.order_id)
            .join(Fill, Fill.id == FillLine.fill_id)
            .where(Fill.cart_id == cart_id, Fill.closed_at.is_(None), FillLine.ended_run_id.is_(None))
        )
        query = query.where(or_(OrderHead.patient_id.in_(list(beds)), OrderHead.id.in_(planned)))
        # What stopped before the window leaves a line only where its doses had been written into it.
        in_window = select(Dose.order_id).where(Dose.due_at >= window.start, Dose.due_at < window.end)
        query = query.where(or_(OrderVersion.state != "stopped", OrderHead.id.in_(in_window)))
    return [_version(row) for row in fetched(session, query)]


def _version(row: Found) -> _Version:
    return _Version(
        order_id=row.order_id,
        version_id=row.id,
        patient_id=row.patient_id,
        state=row.state,
        content=row.content_sha256,
        # What only stops or holds an order is nobody's to verify; the pharmacist looked at what it says before.
        verified=row.room is not None or row.state != "active",
        iv=row.room == "iv" if row.room is not None else row.route in STERILE,
        route=row.route,
        priority=row.priority,
        schedule=schedule_of(row),
    )


def _patients(
    session: Session, patient_ids: Collection[int], beds: Mapping[int, tuple[int, str, int, datetime]], window: Window
) -> dict[int, Patient]:
    away: dict[int, dict[str, list[tuple[datetime, datetime | None]]]] = {}
    leaves = select(Leave).where(
        Leave.patient_id.in_(patient_ids),
        Leave.from_at < window.end,
        or_(Leave.until_at.is_(None), Leave.until_at > window.start),
    )
    for leave in session.scalars(leaves):
        away.setdefault(leave.patient_id, {}).setdefault(leave.kind, []).append((leave.from_at, leave.until_at))
    stays = {beds[each][2]: each for each in patient_ids if each in beds}
    expected = select(ExpectedDischarge.stay_id, ExpectedDischarge.at).where(ExpectedDischarge.stay_id.in_(list(stays)))
    goes = {stays[stay_id]: at for stay_id, at in session.execute(expected)}
    return {
        each: Patient(
            patient_id=each,
            unit_id=beds[each][0] if each in beds else None,
            bed=beds[each][1] if each in beds else "",
            leaves=tuple(away.get(each, {}).get("on leave", ())),
            fasting=tuple(away.get(each, {}).get("nothing by mouth", ())),
            leaves_for_good_at=goes.get(each),
        )
        for each in patient_ids
    }


def _doses(session: Session, order_ids: Collection[int], window: Window) -> dict[int, dict[int, dict[datetime, int]]]:
    """The written doses in the window: order → version → instant → dose."""
    query = select(Dose.id, Dose.order_id, Dose.version_id, Dose.due_at).where(
        among(session, Dose.order_id, order_ids), Dose.due_at >= window.start, Dose.due_at < window.end
    )
    found: dict[int, dict[int, dict[datetime, int]]] = {}
    for dose_id, order_id, version_id, due_at in fetched(session, query):
        found.setdefault(order_id, {}).setdefault(version_id, {})[due_at] = dose_id
    return found


def _details(session: Session, versions: Iterable[_Version]) -> dict[int, tuple[int, Quantity | None, bool]]:
    """By version: the drug, its dose (None where several drugs make it), and whether a base makes it an admixture."""
    ids = [each.version_id for each in versions]
    query = select(
        OrderComponent.version_id,
        OrderComponent.role,
        OrderComponent.drug_id,
        OrderComponent.amount,
        OrderComponent.unit,
    ).order_by(OrderComponent.version_id, OrderComponent.position)
    query = query.where(among(session, OrderComponent.version_id, ids))
    found: dict[int, tuple[int, Quantity | None, bool]] = {}
    for version_id, role, drug_id, amount, unit in fetched(session, query):
        before = found.get(version_id)
        if role == "base":
            drug, dose, _ = before or (drug_id, None, True)
            found[version_id] = (drug, dose, True)
        elif before is None or (before[1] is None and before[2]):
            found[version_id] = (drug_id, Quantity(plain(amount), unit), before is not None)
        else:
            found[version_id] = (before[0], None, before[2])
    return found


class _Extras:
    """What belongs to single orders: own medication, chosen products, opened containers, as-needed stock on a unit."""

    def __init__(
        self,
        session: Session,
        cart: Cart,
        versions: Collection[_Version],
        packages: Mapping[int, UnitDoseFacts],
        window: Window,
    ):
        ids = [each.order_id for each in versions]
        self.own = set(
            session.scalars(
                select(OwnSupply.order_id).where(among(session, OwnSupply.order_id, ids), OwnSupply.ended_at.is_(None))
            )
        )
        self.chosen: dict[tuple[int, str], tuple[tuple[UnitDoseFacts, Decimal], ...]] = {}
        choices = select(ProductChoice).where(among(session, ProductChoice.order_id, ids))
        for choice in session.scalars(choices.order_by(ProductChoice.package_id)):
            if choice.package_id in packages:
                key = (choice.order_id, choice.content_sha256)
                part = (packages[choice.package_id], plain(choice.units))
                self.chosen[key] = (*self.chosen.get(key, ()), part)
        self.containers: dict[int, tuple[Container, ...]] = {}
        # What this very window has brought stays planned in it: it is no reason not to have brought it.
        brought = (
            select(FillLine.id)
            .join(Fill, Fill.id == FillLine.fill_id)
            .where(Fill.cart_id == cart.id, Fill.start_at == window.start, Fill.end_at == window.end)
        )
        opened = select(InUse).where(
            among(session, InUse.order_id, ids),
            InUse.ended_at.is_(None),
            or_(InUse.line_id.is_(None), InUse.line_id.not_in(brought)),
        )
        for row in session.scalars(opened):
            since = select(func.count(Dose.id)).where(
                Dose.order_id == row.order_id, Dose.due_at >= row.counted_at, Dose.due_at < window.start
            )
            left = None if row.uses_left is None else plain(row.uses_left)
            each = Container(row.package_id, row.opened_on, left, session.scalar(since) or 0)
            self.containers[row.order_id] = (*self.containers.get(row.order_id, ()), each)
        as_needed = [each.order_id for each in versions if each.schedule and isinstance(each.schedule.rhythm, AsNeeded)]
        self.on_unit = on_unit(session, as_needed)
        self.window = window


def _order(version: _Version, detail: tuple[int, Quantity | None, bool] | None, extras: _Extras) -> Order:
    drug_id, dose, admixture = detail or (0, None, False)
    rhythm = None if version.schedule is None else version.schedule.rhythm
    most = None
    if isinstance(rhythm, AsNeeded):
        days = (extras.window.end - extras.window.start) / timedelta(days=1)
        by_gap = int((extras.window.end - extras.window.start) / rhythm.apart) if rhythm.apart else None
        by_day = int(rhythm.a_day * days) if rhythm.a_day else None
        most = min((each for each in (by_gap, by_day) if each is not None), default=None)
    return Order(
        order_id=version.order_id,
        version_id=version.version_id,
        patient_id=version.patient_id,
        drug_id=drug_id,
        content=version.content,
        dose=dose,
        route=version.route,
        verified=version.verified,
        state=version.state,
        rhythm=_rhythm(version.schedule),
        sterile=version.iv or admixture,
        own=version.order_id in extras.own,
        stop=None if version.schedule is None else version.schedule.stop,
        most=most,
        chosen=extras.chosen.get((version.order_id, version.content), ()),
        containers=extras.containers.get(version.order_id, ()),
        on_unit=extras.on_unit.get(version.order_id, 0),
    )


def _rhythm(schedule: Schedule | None) -> str:
    if schedule is None:
        return "unread"
    if isinstance(schedule.rhythm, AsNeeded):
        return "as needed"
    return "continuous" if isinstance(schedule.rhythm, Continuous) else "timed"


def _wanted(
    version: _Version, order: Order, written: Mapping[int, Mapping[datetime, int]], window: Window, zone: str
) -> Iterable[Wanted]:
    """The doses of one order that the window may hold: written ones, and those of an order that waits or is on hold."""
    planned: tuple[Due, ...] = ()
    if version.schedule is not None:
        planned = doses_in(version.schedule, window, zone)
    if not planned and order.rhythm != "timed" and order.state == "active":
        return (Wanted(order, None),)
    told = {due.at: due for due in planned}
    if order.state == "active" and version.verified:
        mine = written.get(version.version_id, {})
        return tuple(Wanted(order, told.get(at) or Due(at, wall_of(at, zone)), mine[at]) for at in sorted(mine))
    if order.state == "stopped":
        # Of a stopped order what counts is what had been written under any version.
        mine = {at: dose for doses in written.values() for at, dose in doses.items()}
        return tuple(Wanted(order, told.get(at) or Due(at, wall_of(at, zone)), mine[at]) for at in sorted(mine))
    return tuple(Wanted(order, due) for due in planned)
