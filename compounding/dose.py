"""The dose calculation with its working, for the pharmacist who verifies: every number with how it came about.

Only what the order says is used; what is missing is said, never assumed. Weight-based doses are shown to three
figures, named rounding for reading only.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal

from app.core.quantity import Quantity, Ratio
from app.core.wording import number
from compounding.amounts import target_of
from compounding.recipe import Draw, Reconstitute
from compounding.reconstitution import Reconstituted
from compounding.worksheet import Candidate, Worksheet

STALE_WEIGHT = timedelta(days=30)
_RATE = re.compile(r"([\d,]*\.?\d+)\s*mL\s*(?:/|per)\s*(?:h|hr|hour)\b\.?", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True)
class Working:
    """One line of a calculation: what, how it is worked out, the result, and whether somebody should look twice."""

    what: str
    how: str
    result: str
    caution: bool = False


@dataclass(frozen=True)
class Ordered:
    """What the calculation needs of an order: amounts by drug name, base volume, times and the patient's weight.

    `a_day` counts the doses of a day: 0 for a single dose, None where not every day has as many.
    """

    doses: Mapping[str, Quantity]
    base_volume: Quantity | None
    a_day: int | None
    infuse_minutes: int | None
    rate: str | None
    weight_kg: Decimal | None
    weight_at: datetime | None


def dose_working(ordered: Ordered, concentrations: Mapping[str, str], now: datetime) -> tuple[Working, ...]:
    """Work out dose per kg and per day, concentration and rate, one line each, for reading aloud.

    `concentrations` are by drug name, as they will stand on the label. `now` is an aware instant, for the age of the
    weight (FT46: a stale weight is marked).
    """
    lines: list[Working] = []
    for name, dose in ordered.doses.items():
        lines += _by_weight(name, dose, ordered, now)
        lines += _by_day(name, dose, ordered)
        if concentrations.get(name) and ordered.base_volume is not None:
            how = f"{dose} in {ordered.base_volume}"
            lines.append(Working(f"{name}: concentration", how, concentrations[name]))
    lines += _rate(ordered)
    return tuple(lines)


def _by_weight(name: str, dose: Quantity, ordered: Ordered, now: datetime) -> list[Working]:
    if ordered.weight_kg is None or ordered.weight_kg <= 0:
        return [Working(f"{name}: dose for the weight", "the weight is not known", "can not be worked out", True)]
    per_kg = _figures(dose / ordered.weight_kg)
    how = f"{dose} ÷ {number(ordered.weight_kg)} kg"
    lines = [Working(f"{name}: dose for the weight", how, f"{per_kg}/kg a dose")]
    if ordered.weight_at is not None and now - ordered.weight_at > STALE_WEIGHT:
        days = (now - ordered.weight_at).days
        lines.append(Working("weight", f"measured {days} days ago", "too old: ask for a new one", True))
    return lines


def _by_day(name: str, dose: Quantity, ordered: Ordered) -> list[Working]:
    times = ordered.a_day
    if times is None:
        return []
    if not times:
        return [Working(f"{name}: in a day", "once", str(dose))]
    day = dose * times
    what = f"{name}: in a day"
    how = f"{times} × {dose}" if times > 1 else str(dose)
    if ordered.weight_kg is None or ordered.weight_kg <= 0:
        return [Working(what, how, str(day))]
    return [Working(what, how, f"{day} ({_figures(day / ordered.weight_kg)}/kg a day)")]


def _rate(ordered: Ordered) -> list[Working]:
    volume, minutes = ordered.base_volume, ordered.infuse_minutes
    if volume is None or volume.dimension != "volume":
        return []
    ml = volume.to("mL").value
    found = _RATE.search(ordered.rate or "")
    stated = Decimal(found[1].replace(",", "")) if found else None
    if stated is not None and stated > 0:
        lasts = ml / stated * 60
        how = f"{number(ml)} mL ÷ {number(stated)} mL/h"
        if minutes and abs(lasts - minutes) > Decimal(minutes) / 10:
            words = f"{_round(lasts)} min, but the order says {minutes} min: clear this up"
            return [Working("infusion", how, words, True)]
        return [Working("infusion", how, f"{_round(lasts)} min")]
    if minutes:
        per_hour = _figures(Quantity(ml * 60 / minutes, "mL"))
        return [Working("rate", f"{number(ml)} mL over {minutes} min", f"{per_hour}/h")]
    words = ordered.rate or "not stated"
    return [Working("rate", "the order names neither rate nor time", words, ordered.rate is None)]


@dataclass(frozen=True)
class PlannedDraw:
    """What the recipe will have the technician draw: drug code, amount, volume in mL, and the concentration."""

    drug: str
    amount: Quantity
    volume_ml: Decimal
    concentration: Ratio


def planned_draws(sheet: Worksheet) -> tuple[PlannedDraw, ...]:
    """What will be drawn for a dose, by the label contents and displacement volumes of the first products in use.

    A vial that the recipe weighs is taken as its label says until it has been weighed.
    """
    first = {slot: found[0] for slot, found in sheet.candidates.items() if found}
    vials = _as_labelled(sheet, first)
    planned = []
    for step in sheet.recipe.steps:
        if isinstance(step, Draw):
            target = target_of(sheet, step, first, vials)
            if target is not None:
                amount, volume, concentration, _ = target
                drug = sheet.recipe.slot(step.slot).drug
                planned.append(PlannedDraw(drug, amount, volume, concentration))
    return tuple(planned)


def _as_labelled(sheet: Worksheet, first: Mapping[str, Candidate]) -> dict[str, Reconstituted]:
    found = {}
    for step in sheet.recipe.steps:
        vial = first.get(step.slot) if isinstance(step, Reconstitute) else None
        if isinstance(step, Reconstitute) and vial and vial.content is not None and vial.displacement_ml is not None:
            volume = step.volume.to("mL").value + vial.displacement_ml
            ratio = Ratio(vial.content, Quantity(volume, "mL"), "label content; displacement as known")
            found[step.slot] = Reconstituted(ratio, volume, Decimal(0), Decimal(0))
    return found


def expected_volume(sheet: Worksheet) -> Working:
    """The volume of the finished bag that the recipe leads to: the base as labelled and what is drawn into it."""
    base = sheet.recipe.base_volume.to("mL").value
    draws = planned_draws(sheet)
    parts = " + ".join([f"{number(base)} mL", *(f"{number(_cents(d.volume_ml))} mL" for d in draws)])
    whole = base + sum((d.volume_ml for d in draws), Decimal(0))
    return Working("volume of the finished bag", parts, f"about {number(_cents(whole))} mL, overfill not counted")


def _cents(value: Decimal) -> Decimal:
    return value.quantize(Decimal("0.01"), ROUND_HALF_EVEN)


def _round(value: Decimal) -> str:
    return number(value.quantize(Decimal(1), ROUND_HALF_EVEN))


def _figures(quantity: Quantity) -> Quantity:
    """Three figures, for reading."""
    value = quantity.value
    return quantity.rounded(max(0, 2 - value.adjusted())) if value else quantity
