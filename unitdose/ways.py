"""How a dose comes to its patient and when, in one sentence for a nurse: 'where is my dose' whatever its way."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from app.core.wording import clock, instant
from app.custody.whereabouts import GONE, Stage
from unitdose.history import DoseHistory, LineHistory
from unitdose.routes import IN_WORDS, Reason, Route

PASSED = timedelta(hours=1)
"""A dose that fell due longer ago than this is sent by nobody without being asked."""
_OTHER = {Route.CABINET: "Cabinet", Route.CONTROLLED: "Controlled", Route.OWN: "Own", Route.BULK: "In use"}


@dataclass(frozen=True, slots=True)
class NextCart:
    """The cart whose window holds a dose that no plan has yet: its name, when it is planned and when it comes."""

    name: str
    planned_at: datetime
    comes_at: datetime


@dataclass(frozen=True, slots=True)
class Coming:
    """How a dose comes: a word or two with the state of its mark, and one sentence that says why and when."""

    state: str
    word: str
    sentence: str


def coming(dose: DoseHistory, now: datetime, cart: NextCart | None = None) -> Coming:
    """How one dose comes, in words. `cart` will bring what no plan has yet, None where no cart serves the ward."""
    zone = dose.order.zone
    where = dose.where
    if not dose.lines and dose.due_at is not None and dose.due_at < now - PASSED:
        return Coming("held", "Not brought", "No cart had it. If it is still to be given, call the pharmacy.")
    if not dose.lines:
        return Coming("waiting", where.word, _unplanned(dose, now, cart))
    line = dose.lines[0]
    if where.stage in GONE or where.stage is Stage.MISSING or dose.replaced:
        return Coming(where.shape, where.word, _ended(dose, line))
    if line.ended:
        return Coming("held", "Not brought", f"Taken off the plan: {line.why_out or 'it is not due any more'}.")
    if line.route in _OTHER:
        return Coming("waiting", _OTHER[line.route], _other_way(line))
    if line.route is Route.NONE:
        asked = line.reason is Reason.PRN
        words = "Given as needed: ask the pharmacy for it." if asked else f"Not brought: {IN_WORDS[line.reason]}."
        return Coming("held", "On request" if asked else "Not brought", words)
    if not line.packages:
        return Coming("ok", "In drawer", "Enough of it is in the drawer already.")
    word = "In refrigerator" if _cold(line) and where.stage in _ON_WARD else where.word
    return Coming(where.shape, word, _by_cart(line, where.stage, where.since, zone))


_ON_WARD = (Stage.ARRIVED, Stage.RECEIVED)


def _unplanned(dose: DoseHistory, now: datetime, cart: NextCart | None) -> str:
    zone = dose.order.zone
    if dose.order.verified_at is None:
        return "A pharmacist has not verified the order yet."
    if cart is None:
        return "No cart serves this ward. Call the pharmacy."
    if cart.planned_at <= now:
        return "The pharmacy plans it at this moment. If nothing changes here in a minute, call the pharmacy."
    comes, planned = instant(cart.comes_at, zone), clock(cart.planned_at, zone)
    return f"{cart.name} brings it at {comes}; it is planned at {planned}."


def _ended(dose: DoseHistory, line: LineHistory) -> str:
    where, zone = dose.where, dose.order.zone
    if where.stage is Stage.GIVEN:
        return f"Given at {clock(where.since, zone)}, says {where.who}."
    missed = next((each.report for each in dose.all_lines if each.report), None)
    if missed and dose.replaced:
        at = clock(missed.at, zone)
        how = _by_cart(line, where.stage, where.since, zone)
        return f"Not found at {at}. Another one was sent. {how}"
    if where.stage is Stage.MISSING:
        return f"Not found since {clock(where.since, zone)}. The pharmacy knows."
    return f"{str(where.stage).capitalize()}, since {clock(where.since, zone)}."


def _other_way(line: LineHistory) -> str:
    match line.route:
        case Route.CABINET:
            counted = " It is controlled: count it there." if line.reason is Reason.CS_ROUTE else ""
            return f"Take it from this ward's cabinet.{counted}"
        case Route.CONTROLLED:
            return "A controlled substance: the pharmacy brings it locked, and you count it together."
        case Route.OWN:
            return "The patient's own medication is used. It lies with the patient's things."
    form = line.package.form if line.package else "container"
    return f"From the {form} that is in use for this patient."


def _cold(line: LineHistory) -> bool:
    return line.reason is Reason.FRIDGE or (line.package is not None and line.package.stored == "refrigerator")


def _by_cart(line: LineHistory, stage: Stage, since: datetime, zone: str) -> str:
    """How a dose that a cart or a first dose brings stands, and when it comes."""
    comes = f"{line.cart_name} brings it at {clock(line.exchange_at, zone)}."
    if line.kind == "first dose":
        comes = "It is sent as a first dose."
    at = clock(since, zone)
    match stage:
        case Stage.SHORT:
            return f"Short: {line.short_why or 'the bin was empty'}. The pharmacy looks for more."
        case Stage.PLANNED | Stage.VERIFIED | Stage.ORDERED:
            return f"Planned. {comes}"
        case Stage.PICKED | Stage.MADE | Stage.MAKING | Stage.PAUSED:
            return f"Picked, waits for its check. {comes}"
        case Stage.RELEASED | Stage.PACKED:
            return f"Checked and ready since {at}. {comes}"
        case Stage.ON_ITS_WAY:
            return f"Left the pharmacy at {at}, on its way."
        case Stage.WITH_PATIENT:
            return f"On its way with the patient since {at}."
    return _in_drawer(line, at) + _partly(line)


def _in_drawer(line: LineHistory, at: str) -> str:
    if _cold(line):
        return f"In the medication refrigerator, in a bag of its own, since {at}."
    if line.reason in (Reason.HAZ, Reason.OVERSIZE):
        why = "hazardous" if line.reason is Reason.HAZ else "too large for the drawer"
        return f"In a bag of its own ({why}), since {at}."
    called = line.drawer.called if line.drawer is not None else "drawer"
    return f"In {called} since {at}."


def _partly(line: LineHistory) -> str:
    missing = line.packages - line.inside
    return f" Short: {missing} of {line.packages} packages." if 0 < missing < line.packages else ""
