"""The drug of an order as sent: title, amounts, RXC components, and the volume arithmetic that checks them.

Sources: HL7 v2.5.1 chapter 4A (RXO, RXE, RXC); house interoperability notes, admixture rules.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal, TypeVar

from app.interop.amounts import Unreadable, read_amount, read_code
from app.interop.hl7 import Segment
from app.interop.order_groups import COMPONENT_KINDS
from app.interop.understood import Amount, Component, Span, Timing
from app.interop.values import Code

T = TypeVar("T")
Listed = Literal["encoded", "requested", "dispensed"]
# Rates are rounded to whole mL/h by prescribers: 1 % covers 42 mL/h for 24 h of a litre.
_EXACT = Decimal("0.01")
# Where an additive is sent by mass its volume is unknown; more than a quarter of the bag is not a drug's volume.
_UNKNOWN_ADDITIVE = Decimal("0.25")
# A bag's overfill is at most about a fifth of its label volume (50 mL bags).
_OVERFILL = Decimal("0.20")


@dataclass(frozen=True, slots=True)
class Detail:
    """Where RXE and RXO keep the same facts; 0 is a field that the segment does not have."""

    segment: Segment
    drug: int
    least: int
    most: int
    unit: int
    form: int
    rate: int
    rate_unit: int
    give_per: int
    notes: tuple[int, ...]
    indication: int


def detail_of(segment: Segment) -> Detail:
    """The positions of RXE (encoded order) or RXO (requested order)."""
    if segment.name == "RXE":
        return Detail(segment, 2, 3, 4, 5, 6, 23, 24, 22, (7, 21), 27)
    return Detail(segment, 1, 2, 3, 4, 5, 21, 22, 17, (6, 7), 20)


def attempt(read: Callable[[], T], default: T, strict: bool, warnings: list[str]) -> T:
    """Read a value; what cannot be read raises Unreadable when strict, else it is remarked and left out.

    A stop order must get through whatever its amounts look like; a start order must not.
    """
    try:
        return read()
    except Unreadable as unreadable:
        if strict:
            raise
        warnings.append(unreadable.reason)
        return default


def read_drug(detail: Detail) -> Code:
    """The order's title. Raises Unreadable when a character of it was lost."""
    drug = read_code(detail.segment, detail.drug)
    _whole(drug, detail.segment, detail.drug)
    return drug


def read_given(detail: Detail) -> Amount | None:
    """The amount of the title line (RXE-3 to 5, RXO-2 to 4): a dose, a total volume, or "1 dose"."""
    return read_amount(detail.segment, detail.least, detail.unit, detail.most)


def read_rate(detail: Detail, warnings: list[str]) -> tuple[Amount | None, str]:
    """The infusion rate and its text. A rate in words ("TITRATE") stays a text and is remarked."""
    segment = detail.segment
    text = segment.get(detail.rate, 1, 0)
    if not text:
        return None, ""
    shown = f"{text} {segment.get(detail.rate_unit, 2, 0) or segment.get(detail.rate_unit, 1, 0)}".strip()
    if not any(c.isdigit() for c in text):
        warnings.append(f"The rate is in words ('{text[:40]}'): enter it by hand if the label needs it.")
        return None, shown
    return read_amount(segment, detail.rate, detail.rate_unit), shown


def read_components(
    segments: Sequence[Segment], listed: Listed, title: Code, strict: bool, warnings: list[str]
) -> tuple[Component, ...]:
    """Read one list of RXC, in the order sent, the title repeated as "1 dose" included and marked.

    Raises Unreadable when strict and a component lacks its name, an additive lacks its amount, or an amount
    cannot be read.
    """
    return tuple(_component(rxc, listed, place, title, strict, warnings) for place, rxc in enumerate(segments, 1))


def dose_and_volume(given: Amount | None, recipe: Sequence[Component]) -> tuple[Amount | None, Amount | None]:
    """Tell the dose from the total volume in the title line's amount.

    With components, a volume is the total and a count ("1 bag") is neither; the dose is then that of the only
    additive. Without components the amount is the dose, whatever its unit.
    """
    if not recipe:
        return given, None
    additives = [component for component in recipe if component.kind == "additive"]
    only = additives[0].amount if len(additives) == 1 else None
    if given is None or given.unit_text == "" or given.quantity.dimension.startswith("count"):
        return only, None
    if given.volume_ml is not None:
        return only, given
    return given, None


def volume_remarks(
    recipe: Sequence[Component], total: Amount | None, rate: Amount | None, give_per: Span | None,
    timing: Timing, overfill: bool,
) -> list[str]:  # fmt: skip
    """Compare the sum of component volumes, the total volume and rate x time; a mismatch is a remark in words.

    Source: house interoperability notes (four chemotherapy orders agreed to within 0.2 %).
    """
    volumes = [component.amount.volume_ml if component.amount else None for component in recipe]
    known = sum((volume for volume in volumes if volume is not None), Decimal(0))
    complete = bool(volumes) and None not in volumes
    stated = total.volume_ml if total else None
    infused = _infused_ml(rate, give_per, timing)
    found = []
    if known and stated is not None and not _agree(known, stated, complete, overfill):
        found.append(
            f"The components add up to {_ml(known)}, the order says {_ml(stated)}: clear this up before it is made."
        )
    whole = stated if stated is not None else known
    if whole and infused is not None and not _agree(whole, infused, complete or stated is not None, overfill):
        found.append(
            f"Rate times duration is {_ml(infused)}, the bag is {_ml(whole)}: clear this up before it is made."
        )
    return found


def _component(rxc: Segment, listed: Listed, place: int, title: Code, strict: bool, warnings: list[str]) -> Component:
    drug = read_code(rxc, 2)
    kind = COMPONENT_KINDS.get(rxc.get(1).upper(), "unknown")
    component = Component(kind, drug, None, _strength(rxc), listed, place)
    try:
        _whole(drug, rxc, 2)
        if not drug:
            raise Unreadable(f"Component {place} has no name and no code.", "RXC-2", rxc.span(2))
        component = replace(component, amount=read_amount(rxc, 3, 4))
        if component.amount is None and kind != "base":
            raise Unreadable(f"Component {place} ({drug.name}) has no amount.", "RXC-3", rxc.span(3))
    except Unreadable as unreadable:
        if strict:
            raise
        warnings.append(unreadable.reason)
    return replace(component, repeats_title=_repeats(component, title))


def _repeats(component: Component, title: Code) -> bool:
    amount = component.amount
    if amount is None or amount.unit != "dose" or amount.least != 1 or not title:
        return False
    same_code = bool(title.code) and title.code == component.drug.code
    return same_code or title.name.casefold() == component.drug.name.casefold()


def _strength(rxc: Segment) -> str:
    def shown(number: int, unit: int) -> str:
        return f"{rxc.get(number, 1, 0)} {rxc.get(unit, 2, 0) or rxc.get(unit, 1, 0)}".strip()

    mass, volume = shown(5, 6), shown(8, 9)
    return f"{mass} in {volume}" if mass and volume else mass or volume


def _whole(code: Code, segment: Segment, field: int) -> None:
    if "\ufffd" in f"{code.code}{code.text}{code.original}{code.alt_code}{code.alt_text}":
        raise Unreadable(
            f"The name '{code.name[:40]}' holds a character that was lost on the way: ask the sender.",
            f"{segment.name}-{field}", segment.span(field),
        )  # fmt: skip


def _agree(one: Decimal, other: Decimal, complete: bool, overfill: bool) -> bool:
    above = _EXACT if complete else _UNKNOWN_ADDITIVE
    below = _OVERFILL if overfill else _EXACT
    return one * (1 - below) <= other <= one * (1 + above)


def _infused_ml(rate: Amount | None, give_per: Span | None, timing: Timing) -> Decimal | None:
    if rate is None or rate.most is not None or rate.quantity.dimension != "volume":
        return None
    per = {"hour": Decimal(60), "min": Decimal(1), "day": Decimal(1440)}.get(rate.per)
    length = timing.infusion
    if (length is None or length.minutes is None) and give_per is not None:
        # "H1" says what one rate is given per, not how long the bag runs; "H8" and a bare "48.00" are lengths.
        length = None if give_per.text.upper() in ("H1", "M1", "D1", "H", "M", "D") else give_per
    if per is None or length is None or length.minutes is None:
        return None
    return rate.quantity.to("mL").value * length.minutes / per


def _ml(volume: Decimal) -> str:
    return f"{volume.quantize(Decimal('0.1')).normalize():,f} mL"
