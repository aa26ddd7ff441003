"""What a nurse sees of her patients: what must come out first, what is due, how and when each dose comes, what came.

IV doses and what carts bring stand in one list. The number of queries does not grow with the patients.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app.custody.bag import GIVEN_BY_THEN, Bag
from app.custody.beds import Beds
from app.custody.queries import AHEAD, OVERDUE, AtBed, Awaited, is_soon, ward_list
from app.custody.queries import named as named_in_beds
from app.custody.whereabouts import Stage, Whereabouts
from app.orders.facts import OrderFacts, PatientFacts
from app.orders.models import Dose, Order, OrderVersion
from app.orders.queries import orders_facts
from app.stations.models import Unit
from unitdose.cart_models import Cart, CartUnit
from unitdose.history import LineHistory, history_of
from unitdose.history_queries import line_histories
from unitdose.models import Fill, FillLine
from unitdose.queries import times_of
from unitdose.ways import Coming, NextCart, coming
from unitdose.windows import covering, cutoff_of

LINES_KEEP = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class WardDose:
    """One dose as a nurse sees it, whatever its way: when, where it is, and in `coming` how it comes.

    `says` are its packages in words, `missing` the lines of which 'not here' can be said; `line_id` names as-needed
    stock, which has no dose. `bag` is set for the IV room, where `coming` is None.
    """

    dose_id: int | None
    line_id: int | None
    due_at: datetime | None
    order: OrderFacts
    where: Whereabouts
    bag: Bag | None = None
    coming: Coming | None = None
    says: tuple[str, ...] = ()
    missing: tuple[tuple[int, str], ...] = ()
    told: bool = False


@dataclass(frozen=True, slots=True)
class TakeOut:
    """Packages in delivered drawers that must not be given: all of one order, why, since when, for which times."""

    patient: PatientFacts
    place: str
    zone: str
    order: OrderFacts
    line_ids: tuple[int, ...]
    packages: Decimal
    shown: str
    drawers: tuple[str, ...]
    dues: tuple[datetime, ...]
    why: str
    since: datetime | None


@dataclass(frozen=True, slots=True)
class AtWard:
    """A patient in a bed: bags and packages that must come out, what is due in three hours, the rest, what is PRN."""

    patient: PatientFacts
    unit: str
    place: str
    zone: str
    out: tuple[Bag, ...]
    take_out: tuple[TakeOut, ...]
    soon: tuple[WardDose, ...]
    later: tuple[WardDose, ...]
    as_needed: tuple[WardDose, ...]

    @property
    def ways(self) -> tuple[tuple[str, int], ...]:
        """How many of the day's doses stand how: ('Received', 5), ('Cabinet', 2), ('Short', 1)."""
        counted: dict[str, int] = {}
        for each in (*self.soon, *self.later):
            word = each.coming.word if each.coming else each.where.word
            counted[word] = counted.get(word, 0) + 1
        return tuple(counted.items())


def ward(session: Session, beds: Beds, now: datetime) -> list[AtWard]:
    """The patients in some beds, each with everything that is theirs."""
    return _with_carts(session, ward_list(session, beds, now), now)


def named(session: Session, words: str, now: datetime) -> list[AtWard]:
    """The patients whose name begins with the words, or whose record number it is, each with everything of theirs."""
    return _with_carts(session, named_in_beds(session, words, now), now)


def _with_carts(session: Session, found: Sequence[AtBed], now: datetime) -> list[AtWard]:
    patients = {each.patient.id for each in found}
    lines = _lines(session, patients, now)
    doses = _doses(session, patients, now)
    orders = orders_facts(session, {version_id for rows in doses.values() for _, version_id, _ in rows})
    carts = _carts(session, {each.unit for each in found})
    return [
        _at_ward(each, lines.get(each.patient.id, ()), doses.get(each.patient.id, ()), orders, carts, now)
        for each in found
    ]


def _lines(session: Session, patients: Collection[int], now: datetime) -> dict[int, tuple[LineHistory, ...]]:
    """The lines of the patients' orders around now, by patient; ended ones too."""
    mine = select(Order.id).where(Order.patient_id.in_(list(patients)))
    near = FillLine.due_at.between(now - LINES_KEEP, now + AHEAD)
    as_needed = FillLine.due_at.is_(None) & (Fill.end_at > now - LINES_KEEP)
    found: dict[int, tuple[LineHistory, ...]] = {}
    for line in line_histories(session, FillLine.order_id.in_(mine) & or_(near, as_needed)):
        found[line.order.patient.id] = (*found.get(line.order.patient.id, ()), line)
    return found


_Due = tuple[int, int, datetime]


def _doses(session: Session, patients: Collection[int], now: datetime) -> dict[int, tuple[_Due, ...]]:
    """The unit doses of the patients' active orders from twelve hours ago to a day ahead, by patient."""
    query = (
        select(Order.patient_id, Dose.id, Dose.version_id, Dose.due_at)
        .join(OrderVersion, OrderVersion.id == Dose.version_id)
        .join(Order, (Order.id == OrderVersion.order_id) & (Order.newest == OrderVersion.number))
        .where(Order.patient_id.in_(list(patients)), OrderVersion.state == "active", Dose.room == "unit dose")
        .where(Dose.due_at >= now - OVERDUE, Dose.due_at < now + AHEAD)
        .order_by(Dose.due_at, Dose.id)
    )
    found: dict[int, tuple[_Due, ...]] = {}
    for patient_id, dose_id, version_id, due_at in session.execute(query):
        found[patient_id] = (*found.get(patient_id, ()), (dose_id, version_id, due_at))
    return found


def _carts(session: Session, units: Collection[str]) -> dict[str, Cart]:
    """The cart of each ward, by the ward's code."""
    query = (
        select(Unit.code, Cart)
        .join(CartUnit, CartUnit.unit_id == Unit.id)
        .join(Cart, Cart.id == CartUnit.cart_id)
        .where(Unit.code.in_(list(units)), Cart.retired_at.is_(None))
    )
    return {code: cart for code, cart in session.execute(query)}


def cart_for(cart: Cart | None, due_at: datetime | None) -> NextCart | None:
    """The cart that brings a dose that no plan has yet."""
    if cart is None or due_at is None:
        return None
    times = times_of(cart)
    window = covering(times, due_at)
    return NextCart(cart.name, cutoff_of(times, window), window.start - times.exchange)


def next_cart(session: Session, unit: str, due_at: datetime | None) -> NextCart | None:
    """The cart that brings a dose to a ward that no plan has yet; None where no cart serves the ward."""
    return cart_for(_carts(session, {unit}).get(unit), due_at)


def _at_ward(
    bed: AtBed,
    lines: Sequence[LineHistory],
    doses: Sequence[_Due],
    orders: Mapping[int, OrderFacts],
    carts: Mapping[str, Cart],
    now: datetime,
) -> AtWard:
    cart = carts.get(bed.unit)
    by_dose: dict[tuple[int, datetime | None], tuple[LineHistory, ...]] = {}
    for line in lines:
        key = (line.order.order_id, line.due_at)
        by_dose[key] = (*by_dose.get(key, ()), line)
    mine = []
    for dose_id, version_id, due_at in doses:
        order = orders[version_id]
        mine.append(_ward_dose(order, dose_id, due_at, by_dose.get((order.order_id, due_at), ()), cart, now))
    every = sorted([*(_of_iv(each) for each in (*bed.soon, *bed.later)), *mine], key=_when)
    soon = tuple(each for each in every if _is_wanted(each, now))
    later = tuple(each for each in every if each not in soon)
    as_needed = tuple(
        _ward_dose(found[-1].order, None, None, found, cart, now)
        for (_, due_at), found in by_dose.items()
        if due_at is None and any(line.in_drawer > 0 and line.why_out is None for line in found)
    )
    take_out = tuple(_to_take_out(bed, lines))
    return AtWard(bed.patient, bed.unit, bed.place, bed.zone, bed.out, take_out, soon, later, as_needed)


def _is_wanted(each: WardDose, now: datetime) -> bool:
    """Whether a dose is wanted now; what nobody brings stops being wanted once its time has passed."""
    assert each.due_at is not None
    not_brought = each.coming is not None and each.coming.state == "held"
    return is_soon(each.where, each.due_at, now) and not (not_brought and each.due_at < now)


def _when(each: WardDose) -> tuple[datetime, int]:
    assert each.due_at is not None
    return each.due_at, each.order.order_id


def _of_iv(each: Awaited) -> WardDose:
    return WardDose(each.dose_id, None, each.due_at, each.order, each.where, each.bag)


def _ward_dose(
    order: OrderFacts,
    dose_id: int | None,
    due_at: datetime | None,
    lines: tuple[LineHistory, ...],
    cart: Cart | None,
    now: datetime,
) -> WardDose:
    dose = history_of(order, dose_id, due_at, lines)
    come = coming(dose, now, cart_for(cart, due_at) if not lines else None)
    can = tuple(line for line in dose.lines if line.report is None and line.where.stage in _CAN_MISS and line.packages)
    return WardDose(
        dose_id=dose_id,
        line_id=dose.lines[0].line_id if dose.lines else None,
        due_at=due_at,
        order=order,
        where=dose.where,
        coming=come,
        says=tuple(line.says for line in dose.lines if line.says),
        missing=tuple((line.line_id, line.package.shown if line.package else "") for line in can),
        told=dose.report is not None,
    )


_CAN_MISS = (Stage.RELEASED, Stage.PACKED, Stage.ON_ITS_WAY, Stage.ARRIVED, Stage.RECEIVED, Stage.WITH_PATIENT)


def _to_take_out(bed: AtBed, lines: Iterable[LineHistory]) -> Iterable[TakeOut]:
    """What lies in delivered drawers and must not be given, one entry an order and reason."""
    groups: dict[tuple[int, str], list[LineHistory]] = {}
    for line in lines:
        if line.why_out is not None and line.in_drawer > 0 and _may_lie_there(line):
            groups.setdefault((line.order.order_id, line.why_out), []).append(line)
    for (_, why), found in groups.items():
        yield TakeOut(
            patient=bed.patient,
            place=bed.place,
            zone=bed.zone,
            order=found[0].order,
            line_ids=tuple(line.line_id for line in found),
            packages=sum((line.in_drawer for line in found), Decimal(0)),
            shown=" and ".join(dict.fromkeys(line.package.shown for line in found if line.package)),
            drawers=tuple(dict.fromkeys(line.drawer.called for line in found if line.drawer)),
            dues=tuple(sorted({line.due_at for line in found if line.due_at is not None})),
            why=why,
            since=max((line.out_since for line in found if line.out_since), default=None),
        )


def _may_lie_there(line: LineHistory) -> bool:
    """A dose that fell due long before its order ended was given then, or went back: nobody looks for it."""
    gone = line.where.stage in (Stage.RETURNED, Stage.REJECTED)
    long_ago = line.due_at is not None and line.out_since is not None and line.due_at < line.out_since - GIVEN_BY_THEN
    return not gone and not long_ago
