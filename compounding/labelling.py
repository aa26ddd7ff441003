"""The dispensing label of a finished preparation, and the beyond-use date that stands on it."""

from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from zoneinfo import ZoneInfo

from app.core.error_prone import in_safe_words
from app.core.errors import Refused
from app.core.quantity import Quantity, Ratio
from app.core.wording import clock, instant, tall_man, unmistakable
from app.labels.bedside import order_code
from app.labels.content import DispenseLabel, Ingredient
from app.labels.problems import problems
from app.labels.serial import new_serial
from app.orders.facts import OrderFacts
from compounding.beyond_use import BeyondUse, beyond_use
from compounding.opened import Opened
from compounding.procedure import Standing
from compounding.records import Record, Scanned
from compounding.worksheet import Worksheet

AT_ONCE = "Room temperature. Use at once."
CLOCKS = {"usp": "USP", "stability": "stability", "expiry": "expiry of what went in", "component": "a component"}


def beyond_use_of(sheet: Worksheet, where: Standing) -> BeyondUse:
    """When administration must have begun: from the first scan of a container in the hood.

    The category is the one that the hood's certificates allowed when the dose was planned; immediate use is kept at
    room temperature. Raises Invalid.
    """
    scans = [r for r in where.done.values() if isinstance(r.facts, Scanned)]
    return _dated(sheet, started(scans), [r.facts.expiry.isoformat() for r in scans if isinstance(r.facts, Scanned)])


def refuse_too_early(sheet: Worksheet, now: datetime, due_at: datetime) -> None:
    """Refuse a dose that would have run out when it is due if it were begun now. Raises Refused, Invalid."""
    until = _dated(sheet, now, []).at
    if until <= due_at:
        raise Refused(
            f"Too early: made now, this dose must be begun by {instant(until, sheet.zone)}, and it is due "
            f"{instant(due_at, sheet.zone)}. Take it up later."
        )


def _dated(sheet: Worksheet, start: datetime, expiries: list[str]) -> BeyondUse:
    dating, category = sheet.recipe.dating, sheet.category
    return beyond_use(
        start=start,
        zone=sheet.zone,
        category=category,
        process=dating.process,
        sterile_start=dating.sterile_start,
        tested=dating.tested,
        storage="room" if category == "immediate" else dating.storage,
        stability_hours=dating.stability_hours,
        expiries=expiries,
        components=[],
    )


def started(scans: list[Record]) -> datetime:
    """The start of compounding: the first container scanned in the hood."""
    if not scans:
        raise Refused("Nothing was scanned yet, so no beyond-use date can be set.")
    return min(r.at for r in scans).astimezone(UTC)


def dispense_label(
    at: Opened, *, hospital: str, bedside: str, test: bool, prepared_by: str, now: datetime, random: bytes
) -> tuple[DispenseLabel, datetime, dict[str, object]]:
    """Compose the label of a preparation: its content, its beyond-use instant, and the clocks for the record.

    It prints what was ordered; what was measured stays in the record. Raises Refused, Invalid.
    """
    until = beyond_use_of(at.sheet, at.where)
    label = _composed(
        at.order, at.sheet, at.due_at, until.at, hospital=hospital, bedside=bedside, test=test,
        prepared_by=prepared_by, now=now, random=random,
    )  # fmt: skip
    clocks: dict[str, object] = {
        "governed_by": until.governed_by,
        "clocks": [[c.name, c.at, c.because] for c in until.clocks],
    }
    return label, until.at, clocks


def label_faults(order: OrderFacts, sheet: Worksheet, due_at: datetime, *, bedside: str) -> tuple[str, ...]:
    """Why the label of a dose could not be printed once it is made, as sentences; empty when it can.

    Asked before anything is drawn up: a bag without a label is waste. What only the making tells (its beyond-use
    date, its serial, who made it) is stood in for.
    """
    try:
        return problems(
            _composed(
                order, sheet, due_at, due_at, hospital="", bedside=bedside, test=False, prepared_by="somebody",
                now=due_at, random=bytes(6),
            )  # fmt: skip
        )
    except Refused as refused:
        return (str(refused),)


def _composed(
    order: OrderFacts, sheet: Worksheet, due_at: datetime, until: datetime, *,
    hospital: str, bedside: str, test: bool, prepared_by: str, now: datetime, random: bytes,
) -> DispenseLabel:  # fmt: skip
    if order.patient.born is None:
        raise Refused(
            "The patient's date of birth is not known, and a label needs two identifiers. Ask the ward to send it."
        )
    code, kind = order_code(bedside, order.number)
    return DispenseLabel(
        hospital=hospital,
        patient_name=order.patient.name,
        mrn=order.patient.mrn,
        birth_date=order.patient.born,
        unit_bed=order.place,
        ingredients=tuple(
            Ingredient(tall_man(in_safe_words(order.names[drug])), str(dose), concentration(dose, order.base_volume))
            for drug, dose in order.doses.items()
        ),
        diluent=in_safe_words(order.base_name or ""),
        total_volume=str(order.base_volume or ""),
        route=in_safe_words(order.route),
        rate=in_safe_words(rate(order)),
        due=unmistakable(due_at, order.zone),
        beyond_use=f"{instant(until, order.zone)} {until.astimezone(ZoneInfo(order.zone)):%Z}",
        storage=in_safe_words(sheet.recipe.label_storage) if sheet.category != "immediate" else AT_ONCE,
        auxiliary=tuple(map(in_safe_words, sheet.recipe.label_texts)),
        high_alert=sheet.recipe.high_alert or order.high_alert,
        prepared_by=prepared_by,
        made_at=clock(now, order.zone),
        serial=new_serial(random),
        order_number=order.number,
        bedside_code=code,
        bedside_kind=kind,
        test=test,
    )


def concentration(dose: Quantity, base_volume: Quantity | None) -> str:
    """One ordered amount per mL of the ordered base, '4 mg/mL', to three figures; 'about' when they are not exact.

    Empty where the order names no volume of base, or the drug itself by volume. A mass below a tenth of its unit is
    said in the next smaller one ('2 mg/mL' for 2 g in 1,000 mL), as pumps are set: zeros after the point are misread.
    """
    if base_volume is None or dose.dimension == base_volume.dimension or dose.value <= 0:
        return ""
    per_ml = Ratio(dose, base_volume, "as ordered").amount_in(Quantity(Decimal(1), "mL"))
    while per_ml.value < Decimal("0.1") and per_ml.unit in _SMALLER:
        per_ml = per_ml.to(_SMALLER[per_ml.unit])
    least = Decimal(1).scaleb(min(0, per_ml.value.adjusted() - 2))
    rounded = Quantity(per_ml.value.quantize(least, ROUND_HALF_EVEN), per_ml.unit)
    about = "" if rounded == per_ml else "about "
    return f"{about}{rounded}/mL"


_SMALLER = {"kg": "g", "g": "mg", "mg": "mcg"}


def rate(order: OrderFacts) -> str:
    """How fast it is given, as ordered."""
    if order.rate:
        return order.rate
    return f"over {order.infuse_minutes} min" if order.infuse_minutes else "as ordered"
