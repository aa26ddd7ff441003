"""Which way each dose of a window goes, and why: the tests of the cart fill in their order, the first hit decides.

Every dose leaves a line, also one that nobody brings: "why is this (not) in the drawer?" has an answer in words.
Source: unit-dose reference §2.2, §2.5, §2.6 (VistA Inpatient Medications: ward groups, ward-stock exclusion, as-needed
off by default).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from app.core.quantity import Quantity
from app.formulary.unit_dose import UnitDoseFacts
from app.orders.schedule import Due
from app.orders.wall_clock import wall_of
from unitdose.routes import Reason, Route
from unitdose.units import Made, enough, split, uses_left, ways

DUPLICATE = "DUPLICATE"
"""The flag of two orders that give one patient the same drug at the same time: both are planned, a pharmacist looks."""


@dataclass(frozen=True, slots=True)
class Patient:
    """Where a patient is for this cart: the unit (None: on none of its units), the bed, when away or expected to go.

    `leaves` are spans (from, until or None) of a pass; `fasting` of nothing by mouth.
    """

    patient_id: int
    unit_id: int | None
    bed: str
    leaves: tuple[tuple[datetime, datetime | None], ...] = ()
    fasting: tuple[tuple[datetime, datetime | None], ...] = ()
    leaves_for_good_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """What the plan must know of one order version. `state` 'active', 'held', 'stopped' or 'replaced' (by a newer one).

    `rhythm` is 'timed', 'as needed', 'continuous' or 'unread'; `most` the as-needed doses that the order allows in the
    window; `chosen` the packages by which a pharmacist said it is made; `containers` what stands opened on the unit.
    """

    order_id: int
    version_id: int
    patient_id: int
    drug_id: int
    content: str
    dose: Quantity | None
    route: str = "PO"
    verified: bool = True
    state: str = "active"
    rhythm: str = "timed"
    sterile: bool = False
    own: bool = False
    stop: datetime | None = None
    most: int | None = None
    chosen: tuple[tuple[UnitDoseFacts, Decimal], ...] = ()
    containers: tuple["Container", ...] = ()
    on_unit: int = 0


@dataclass(frozen=True, slots=True)
class Container:
    """A container of many doses that stands opened for an order; `doses_since` were due since it was counted."""

    package_id: int
    opened_on: date
    uses_left: Decimal | None
    doses_since: int = 0


@dataclass(frozen=True, slots=True)
class Wanted:
    """One dose that may be due in the window; `due` None stands for what has no instant (as needed, continuous)."""

    order: Order
    due: Due | None
    dose_id: int | None = None


@dataclass(frozen=True, slots=True)
class Shelf:
    """What a ward group can have: packages by drug, what the units stock (in or out), as-needed pars, what is on hand.

    `stock` maps (unit, package) to whether the pocket has it; `pars` (unit, drug) to packages. `first_doses`: the plan
    is of what no cart brings in time.
    """

    packages: Mapping[int, tuple[UnitDoseFacts, ...]] = field(default_factory=dict)
    stock: Mapping[tuple[int, int], bool] = field(default_factory=dict)
    pars: Mapping[tuple[int, int], int] = field(default_factory=dict)
    on_hand: frozenset[int] = frozenset()
    trims_discharges: bool = False
    first_doses: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a plan: a dose of one package, its way and reason, and how many packages go into the drawer."""

    order_id: int
    version_id: int
    content: str
    patient_id: int
    unit_id: int | None
    bed: str
    dose_id: int | None
    due: Due | None
    route: Route
    reason: Reason
    package: UnitDoseFacts | None = None
    units: Decimal | None = None
    packages: int = 0
    duplicate: bool = False

    @property
    def at(self) -> datetime | None:
        return None if self.due is None else self.due.at

    @property
    def flags(self) -> tuple[str, ...]:
        """What the pharmacist or the label must know of it."""
        return (*(() if self.due is None else self.due.flags), *((DUPLICATE,) if self.duplicate else ()))


def plan(wanted: Iterable[Wanted], patients: Mapping[int, Patient], shelf: Shelf, zone: str) -> tuple[Line, ...]:
    """The lines of a window's wanted doses, by patient, time and order: one each, or one for each of its packages."""
    by_order: dict[int, list[Wanted]] = {}
    for each in wanted:
        by_order.setdefault(each.order.version_id, []).append(each)
    lines: list[Line] = []
    made: dict[tuple[int, Decimal | None, str, int | None], tuple[Made, ...]] = {}
    for doses in by_order.values():
        order, patient = doses[0].order, patients[doses[0].order.patient_id]
        # Most of a ward's orders are a few dozen doses: each is made up once, as it is written ('0.5 g', '500 mg').
        value, unit = (None, "") if order.dose is None else (order.dose.value, order.dose.unit)
        key = (order.drug_id, value, unit, patient.unit_id)
        usual = made[key] if key in made else made.setdefault(key, _usually_made(order, shelf, patient.unit_id))
        lines += _lines_of(doses, patient, _made(order, usual), shelf, zone)
    return _marked(sorted(lines, key=_place_in_plan))


def _place_in_plan(line: Line) -> tuple[int, datetime, int, int]:
    package = 0 if line.package is None else line.package.package_id
    return (line.patient_id, line.at or _NEVER, line.order_id, package)


_NEVER = datetime.fromisoformat("9999-12-31T00:00:00+00:00")


def _marked(lines: Sequence[Line]) -> tuple[Line, ...]:
    """The lines with those marked that give a patient the same drug at the same time under two orders."""
    seen: dict[tuple[int, int, datetime], set[int]] = {}
    for line in lines:
        if line.package is not None and line.at is not None:
            seen.setdefault((line.patient_id, line.package.drug_id, line.at), set()).add(line.order_id)
    twice = {key for key, orders in seen.items() if len(orders) > 1}
    if not twice:
        return tuple(lines)
    return tuple(
        replace(line, duplicate=True)
        if line.package is not None and (line.patient_id, line.package.drug_id, line.at) in twice
        else line
        for line in lines
    )


def _lines_of(doses: list[Wanted], patient: Patient, made: tuple[Made, ...], shelf: Shelf, zone: str) -> list[Line]:
    order = doses[0].order
    from_container = bool(made) and made[0].package.uses is not None
    usual = _usual_way(order, patient, made, shelf)
    lines: list[Line] = []
    for each in doses:
        route, reason = _way(each, patient, usual, shelf)
        parts = made if reason not in _WITHOUT_PACKAGE else ()
        for part in parts or (None,):
            counted = part is not None and route in BROUGHT and not from_container
            lines.append(
                Line(
                    order_id=order.order_id,
                    version_id=order.version_id,
                    content=order.content,
                    patient_id=order.patient_id,
                    unit_id=patient.unit_id,
                    bed=patient.bed,
                    dose_id=each.dose_id,
                    due=each.due,
                    route=route,
                    reason=reason,
                    package=None if part is None else part.package,
                    units=None if part is None else part.units,
                    packages=_packages(part, order, shelf, patient) if part is not None and counted else 0,
                )
            )
    return _from_container(lines, order, zone) if from_container else lines


_WITHOUT_PACKAGE = frozenset({Reason.NOT_ON_UNIT, Reason.UNVERIFIED, Reason.IV_ROUTE, Reason.EXC_PRODUCT})
BROUGHT = frozenset({Route.CART, Route.FIRST_DOSE})
"""The ways on which the pharmacy puts packages into a drawer or a bag."""


def _packages(part: Made, order: Order, shelf: Shelf, patient: Patient) -> int:
    """How many packages go with a dose that is brought."""
    if order.rhythm != "as needed":
        return part.packages
    # As needed: top the drawer up to the unit's par, never more than the order allows in the window.
    par = shelf.pars.get((patient.unit_id or 0, order.drug_id), 0)
    par = par if order.most is None else min(par, order.most)
    return max(0, par * part.packages - order.on_unit)


def _made(order: Order, usual: tuple[Made, ...]) -> tuple[Made, ...]:
    """The packages that make one dose: those that a pharmacist chose, else the usual ones.

    Empty where no product makes it exactly.
    """
    if order.dose is None or order.sterile:
        return ()
    if order.chosen:
        try:
            return split(order.dose, order.chosen)
        except ValueError:
            return ()
    return usual


def _usually_made(order: Order, shelf: Shelf, unit_id: int | None) -> tuple[Made, ...]:
    """The first way to make a dose of a drug on a unit, a stocked one before others."""
    if order.dose is None:
        return ()
    found = ways(order.dose, shelf.packages.get(order.drug_id, ()), shelf.on_hand)
    if unit_id is None:
        return found[:1]
    # What the unit has in its cabinet needs no cart; so that way is looked at first.
    stocked = [each for each in found if shelf.stock.get((unit_id, each.package.package_id))]
    out = [each for each in found if shelf.stock.get((unit_id, each.package.package_id)) is False]
    return tuple((stocked or out or list(found))[:1])


def _way(wanted: Wanted, patient: Patient, usual: tuple[Route, Reason], shelf: Shelf) -> tuple[Route, Reason]:
    """The route of one dose and its reason: the first test that hits, in the order of the reference (§2.2).

    `usual` is what the later tests say, which do not depend on the dose's time.
    """
    order, at = wanted.order, None if wanted.due is None else wanted.due.at
    if patient.unit_id is None:
        return Route.NONE, Reason.NOT_ON_UNIT
    if not order.verified:
        return Route.NONE, Reason.UNVERIFIED
    if order.state in ("stopped", "replaced"):
        return Route.NONE, Reason.STOPPED if order.state == "stopped" else Reason.REPLACED
    if at is not None and order.stop is not None and at >= order.stop:
        return Route.NONE, Reason.STOPPED
    if order.state == "held":
        return Route.NONE, Reason.HELD
    if away := _away(order, patient, at, shelf):
        return Route.NONE, away
    return usual


def _usual_way(order: Order, patient: Patient, made: tuple[Made, ...], shelf: Shelf) -> tuple[Route, Reason]:
    """The way of an order's doses that nothing stands against, by the tests that come after those of time."""
    if order.own:
        return Route.OWN, Reason.OWN_MED
    if order.sterile or order.rhythm == "continuous":
        return Route.IV, Reason.IV_ROUTE
    if order.rhythm == "unread":
        return Route.NONE, Reason.EXC_TIME
    if not made:
        return Route.NONE, Reason.EXC_PRODUCT
    return _by_product(order, patient, made, shelf)


def _away(order: Order, patient: Patient, at: datetime | None, shelf: Shelf) -> Reason | None:
    if at is None:
        return None
    if order.route in ("PO",) and _covers(patient.fasting, at):
        return Reason.HELD
    if _covers(patient.leaves, at):
        return Reason.LOA
    gone = patient.leaves_for_good_at
    return Reason.DISCHARGE if shelf.trims_discharges and gone is not None and at >= gone else None


def _covers(spans: Sequence[tuple[datetime, datetime | None]], at: datetime) -> bool:
    return bool(spans) and any(start <= at and (until is None or at < until) for start, until in spans)


def _by_product(order: Order, patient: Patient, made: tuple[Made, ...], shelf: Shelf) -> tuple[Route, Reason]:
    unit_id = patient.unit_id or 0
    pockets = [shelf.stock.get((unit_id, each.package.package_id)) for each in made]
    if any(each.package.schedule for each in made):
        # Never the open drawer: from the cabinet, else locked and from hand to hand.
        return (Route.CABINET if all(pockets) else Route.CONTROLLED), Reason.CS_ROUTE
    if all(pockets):
        return Route.CABINET, Reason.ADC
    if any(pocket is False for pocket in pockets):
        return Route.CART, Reason.ADC_OUT
    if order.rhythm == "as needed":
        has_par = shelf.pars.get((unit_id, order.drug_id), 0) > 0
        return (Route.CART if has_par else Route.NONE), Reason.PRN
    if shelf.first_doses:
        return Route.FIRST_DOSE, Reason.FIRST_DOSE
    if any(each.package.uses is not None for each in made):
        return Route.BULK, Reason.BULK
    return Route.CART, _bagged(made)


def _bagged(made: tuple[Made, ...]) -> Reason:
    if any(each.package.stored == "refrigerator" for each in made):
        return Reason.FRIDGE
    if any(each.package.hazardous for each in made):
        return Reason.HAZ
    return Reason.OVERSIZE if any(each.package.oversize for each in made) else Reason.CART


def _from_container(lines: list[Line], order: Order, zone: str) -> list[Line]:
    """Doses of a container that holds many: a new one comes with the first dose that the opened one does not serve.

    The opened one serves the window when its content and its in-use days last to the window's last dose.
    """
    doses = [line for line in lines if line.package is not None and line.route in (Route.BULK, *BROUGHT)]
    if not doses or doses[0].package is None or doses[0].units is None:
        return lines
    package, a_dose = doses[0].package, doses[0].units
    final = max((wall_of(line.at, zone).date() for line in doses if line.at), default=None)
    for each in order.containers:
        last = None if package.in_use_days is None else each.opened_on + timedelta(days=package.in_use_days)
        left = uses_left(each.uses_left, a_dose, each.doses_since)
        in_time = last is None or final is None or final <= last
        if each.package_id == package.package_id and in_time and enough(left, a_dose, len(doses)):
            return lines
    brought = doses[0].route if doses[0].route in BROUGHT else Route.CART
    return [replace(line, route=brought, packages=1) if line is doses[0] else line for line in lines]
