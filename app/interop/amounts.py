"""Numbers, units and codes out of HL7 fields: exact decimals, the pharmacy's own units, or a reason in words.

Sources: HL7 v2.5.1 chapter 2A (CWE, CQ, NM) and 4A (RXE, RXC); house interoperability notes on what feeds send.
"""

import re
from dataclasses import dataclass
from decimal import Decimal

from app.core.errors import Invalid
from app.core.quantity import parse_number, parse_unit
from app.interop.hl7 import Segment
from app.interop.understood import Amount, Span
from app.interop.values import Code

_RANGE = re.compile(r"([0-9.,]+)\s*(?:-|to)\s*([0-9.,]+)", re.IGNORECASE)
_SPAN = re.compile(r"(INDEF|[SMHDWLX])\s*([0-9]*\.?[0-9]+)?|([0-9]*\.?[0-9]+)\s*([A-Z]+)?", re.IGNORECASE)
_MINUTES = {
    "S": Decimal(1) / 60, "SEC": Decimal(1) / 60, "M": Decimal(1), "MIN": Decimal(1), "MINS": Decimal(1),
    "MINUTE": Decimal(1), "MINUTES": Decimal(1), "H": Decimal(60), "HR": Decimal(60), "HRS": Decimal(60),
    "HOUR": Decimal(60), "HOURS": Decimal(60), "D": Decimal(1440), "DAY": Decimal(1440), "DAYS": Decimal(1440),
    "W": Decimal(10080), "WK": Decimal(10080), "WEEK": Decimal(10080), "WEEKS": Decimal(10080),
}  # fmt: skip


class Unreadable(Exception):
    """A value that must not be guessed: `where` names the field, `span` the bytes to mark, the text the reason."""

    def __init__(self, reason: str, where: str, span: tuple[int, int]):
        super().__init__(reason)
        self.reason, self.where, self.span = reason, where, span


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit as sent and as the pharmacy calls it; `per` is "" or what it is given per ("hour", "kg min")."""

    unit: str
    text: str
    per: str = ""


def read_code(segment: Segment, field: int, repetition: int = 1) -> Code:
    """Read a coded element (CE, CWE); an integration engine's unfilled placeholders (`##…`) count as empty."""
    values = []
    for component in (1, 2, 3, 4, 5, 6, 9):
        text = segment.get(field, component, 0, repetition)
        values.append("" if text.startswith("##") else text)
    return Code(*values)


def read_number(text: str) -> tuple[Decimal, Decimal | None]:
    """Read "1,000", ".5" or a range "325-650" as (least, most or None); Invalid (`value`) when it is neither."""
    try:
        return parse_number(text), None
    except Invalid:
        match = _RANGE.fullmatch(text.strip())
        if not match:
            raise
        least, most = parse_number(match.group(1)), parse_number(match.group(2))
        if most < least:
            raise Invalid({"value": f"'{text}' runs from high to low: it is not a range."}) from None
        return least, most


def read_unit(text: str) -> Unit:
    """Read a unit that may be given per time or weight ("mL/hr", "mcg/kg/min"); Invalid (`unit`) when unknown."""
    if "\ufffd" in text or "?" in text:
        raise Invalid({"unit": f"The unit '{text}' holds a character that was lost on the way: ask the sender."})
    try:
        return Unit(parse_unit(text), text)
    except Invalid:
        head, *per = re.split(r"\s*/\s*|\s+per\s+", text.strip(), flags=re.IGNORECASE)
        if not per:
            raise
        try:
            return Unit(parse_unit(head), text, " ".join(parse_unit(part) for part in per))
        except Invalid:
            raise Invalid({"unit": f"'{text[:30]}' is not a unit of this pharmacy."}) from None


def coded_unit(segment: Segment, field: int) -> Unit:
    """Read a unit field whose code or text may be the unit (`ML`, `43^mg/hr`, `BG^Bag`).

    Raises Unreadable when neither is known, or when they name two different units.
    """
    where = f"{segment.name}-{field}"
    sent = [text for text in (segment.get(field, part, 0) for part in (1, 2)) if text]
    if not sent:
        raise Unreadable(f"The unit in {where} is missing: ask the sender.", where, segment.span(field))
    read: list[Unit] = []
    for text in sent:
        try:
            read.append(read_unit(text))
        except Invalid:
            # Codes of a local table (43, BG) mean nothing here; a text beside them usually does.
            continue
    if not read or any("\ufffd" in text for text in sent):
        raise Unreadable(
            f"The unit '{sent[-1][:40]}' in {where} is not known here: map it or ask the sender.",
            where, segment.span(field),
        )  # fmt: skip
    if len({(unit.unit, unit.per) for unit in read}) > 1:
        raise Unreadable(
            f"The unit in {where} is said twice and differently ('{sent[0]}' and '{sent[1]}'): ask the sender.",
            where, segment.span(field),
        )  # fmt: skip
    return Unit(read[0].unit, sent[-1], read[0].per)


def read_amount(segment: Segment, least: int, unit: int, most: int | None = None) -> Amount | None:
    """Read an amount from its fields (number, unit, upper end); None when no number is sent.

    Raises Unreadable when a number or its unit cannot be read, or when a number stands without a unit.
    """
    low = segment.get(least, 1, 0)
    high = segment.get(most, 1, 0) if most else ""
    if not low and not high:
        return None
    where = f"{segment.name}-{least}"
    try:
        number, upper = read_number(low or high)
        if low and high:
            top, beyond = read_number(high)
            if upper is not None or beyond is not None or top < number:
                raise Invalid({"value": f"'{low}' to '{high}' is not a range."})
            upper = top if top != number else None
    except Invalid as invalid:
        raise Unreadable(f"The amount in {where} cannot be used: {invalid}", where, segment.span(least)) from None
    known = coded_unit(segment, unit)
    return Amount(number, upper, known.unit, known.text, known.per)


def read_span(text: str) -> Span | None:
    """Read a length of time: "H6", "D5", "X3", "INDEF", "3^Hr" as "3 Hr", or a bare text that stays a text."""
    words = text.strip()
    if not words:
        return None
    match = _SPAN.fullmatch(words)
    if not match:
        return Span(words)
    code = (match.group(1) or match.group(4) or "").upper()
    number = Decimal(match.group(2) or match.group(3) or 1)
    if code == "X":
        whole = number == number.to_integral_value() and match.group(2) and number < 10**6
        return Span(words, times=int(number)) if whole else Span(words)
    # "L" is months and "M" before a number is minutes; a month has no fixed length and stays a text.
    if code in _MINUTES and (match.group(2) or match.group(3)):
        return Span(words, minutes=number * _MINUTES[code])
    return Span(words)
