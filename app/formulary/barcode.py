"""What a scanned or typed code says: a GS1 message, a product number, one of our own codes, or why it is none."""

import calendar
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from biip import ParseConfig, ParseError
from biip.checksums import gs1_standard_check_digit
from biip.gs1_digital_link_uris import GS1DigitalLinkURI
from biip.gs1_element_strings import GS1ElementString
from biip.gs1_messages import GS1Message

Kind = Literal["gs1", "gtin", "other", "error"]
Error = Literal["check_digit", "malformed", "bad_date", "conflict", "empty"]

GROUP_SEPARATOR = "\x1d"
LONGEST_SCAN = 1000  # characters; no code on a medicine comes near it
_SYMBOLOGY = re.compile(r"\][A-Za-z][0-9A-Za-z]")
_GS1_MESSAGE = frozenset(("]d2", "]C1", "]e0", "]e1", "]e2", "]Q3", "]J1"))
_GTIN_LENGTHS = {"]E0": (12, 13), "]E4": (8,), "]I1": (14,)}
_BARE_GTIN_LENGTHS = (12, 13, 14)
_DATES = ("11", "12", "13", "15", "16", "17", "7003", "7006", "4324", "4325", "4326")
_CHECKED = ("00", "01", "02", "03")
_TIME = re.compile(r"(?:[01][0-9]|2[0-3])[0-5][0-9]")
_LINK = ("https://", "http://")

WORDS: Mapping[Error, str] = {
    "check_digit": "The check digit is wrong: the code was misread or is damaged. Scan it again.",
    "malformed": "This code is damaged or cut short. Scan it again, or another code on the package.",
    "bad_date": "This code carries a day that is not in the calendar. Set the package aside and ask a pharmacist.",
    "conflict": "This code says two different things in one place. Set the package aside and ask a pharmacist.",
    "empty": "The scanner sent nothing. Scan again.",
}


@dataclass(frozen=True, slots=True)
class Barcode:
    """A code as it was understood: what it identifies, its lot, expiry, serial and count, and every element raw.

    `ais`: GS1 application identifier → value as scanned; `text`: the whole of a code that is not GS1;
    `error`: set if and only if `kind` is "error", and then nothing else is.
    """

    kind: Kind
    error: Error | None = None
    gtin14: str | None = None
    ndc10: str | None = None
    lot: str | None = None
    expiry: date | None = None
    serial: str | None = None
    count: int | None = None
    ais: Mapping[str, str] = field(default_factory=dict)
    text: str | None = None


def read_barcode(scan: str, *, today: date, separators: str = GROUP_SEPARATOR) -> Barcode:
    """Read one scan, from a scanner or from the fingers, into what it says; never raises for any text.

    Scan: the characters sent, with or without AIM prefix and with whatever the scanner adds at the end; typed GS1
    text has its identifiers in parentheses. `today` decides the century of two-digit years; `separators` are the
    characters that this scanner sends for FNC1. Source: GS1 General Specifications 3 and 7 (element strings, dates,
    check digits), GS1 Digital Link; ISO/IEC 15424 for the prefixes.
    """
    for character in separators:
        scan = scan.replace(character, GROUP_SEPARATOR)
    scan = scan.strip()  # blanks, CR LF and group separators alike
    found = _SYMBOLOGY.match(scan)
    prefix = found[0] if found else None
    text = scan[3:].strip() if prefix else scan
    if not text:
        return _wrong("empty")
    if len(text) > LONGEST_SCAN:
        return _wrong("malformed")
    if prefix in _GS1_MESSAGE:
        return _link(text, today) or _message(text, today)
    if prefix in _GTIN_LENGTHS:
        return _product(text, _GTIN_LENGTHS[prefix])
    if prefix is None:
        return _link(text, today) or _unmarked(text, today)
    return _link(text, today) or Barcode("other", text=text)


def ndc10_of(gtin14: str) -> str | None:
    """The ten digits of the National Drug Code inside a GTIN-14, or None for a product that is not from the US.

    The split into labeler, product and package is not in the code. Source: FDA; US drugs have digits 2–3 = 03.
    """
    return gtin14[3:13] if gtin14[1:3] == "03" else None


def full_year(two_digits: int, today: date) -> int:
    """The year that two digits mean: the one from 49 years back to 50 years ahead of today. Source: GS1 7.12."""
    year = today.year - today.year % 100 + two_digits
    if year > today.year + 50:
        return year - 100
    return year + 100 if year < today.year - 49 else year


def _unmarked(text: str, today: date) -> Barcode:
    """Without a prefix: typed GS1 text, a product number, a GS1 message, or one of our own codes."""
    if text.startswith("("):
        return _typed(text, today)
    if text.isascii() and text.isdigit():
        if len(text) in _BARE_GTIN_LENGTHS:
            return _product(text, _BARE_GTIN_LENGTHS)
        if text[:2] not in ("00", "01", "02"):
            return Barcode("other", text=text)  # a record or badge number, not an expiry that happens to parse
        return _message(text, today)
    read = _message(text, today)
    meant_as_gs1 = GROUP_SEPARATOR in text or re.match(r"0[0-2][0-9]{14}", text) is not None
    return read if meant_as_gs1 or read.kind == "gs1" else Barcode("other", text=text)


def _product(text: str, lengths: Sequence[int]) -> Barcode:
    if not (text.isascii() and text.isdigit()) or len(text) not in lengths:
        return _wrong("malformed")
    gtin14 = text.zfill(14)
    if not _checks(gtin14):
        return _wrong("check_digit")
    return Barcode("gtin", gtin14=gtin14, ndc10=ndc10_of(gtin14))


def _message(text: str, today: date) -> Barcode:
    try:
        elements = GS1Message.parse(text, config=_config()).element_strings
    except (ParseError, ValueError):
        return _wrong("malformed")
    return _elements(elements, today)


def _typed(text: str, today: date) -> Barcode:
    try:
        message = GS1Message.parse_hri(text, config=_config())
    except (ParseError, ValueError):
        return _wrong("malformed")
    # What the reader left out (a parenthesis inside a lot) must not be lost silently.
    if message.as_hri() != "".join(text.split()):
        return _wrong("malformed")
    return _elements(message.element_strings, today)


def _link(text: str, today: date) -> Barcode | None:
    """A GS1 Digital Link; None for any other text, also for any other web address."""
    if not text.lower().startswith(_LINK):
        return None
    try:
        return _elements(GS1DigitalLinkURI.parse(text, config=_config()).element_strings, today)
    except (ParseError, ValueError):
        return None


def _elements(elements: Sequence[GS1ElementString], today: date) -> Barcode:
    ais: dict[str, str] = {}
    days: dict[str, date] = {}
    for element in elements:
        ai, value = element.ai.ai, element.value
        if not value or not value.isascii():
            return _wrong("malformed")
        if ais.setdefault(ai, value) != value:
            return _wrong("conflict")
        if ai in _CHECKED and not _checks(value):
            return _wrong("check_digit")
        if ai in _DATES:
            on = _day(value, today)
            if on is None or (ai == "7003" and not _TIME.fullmatch(value[6:])):
                return _wrong("bad_date")
            days[ai] = on
    if not ais:
        return _wrong("empty")
    gtin14 = ais.get("01")
    expiries = [days[ai] for ai in ("17", "7003") if ai in days]
    count = ais.get("30", ais.get("37"))
    return Barcode(
        "gs1",
        gtin14=gtin14,
        ndc10=ndc10_of(gtin14) if gtin14 else None,
        lot=ais.get("10"),
        expiry=min(expiries) if expiries else None,
        serial=ais.get("21"),
        count=int(count) if count else None,
        ais=ais,
    )


def _day(value: str, today: date) -> date | None:
    """The day that YYMMDD (and what may follow) means; day 00 is the last of the month."""
    year, month, on = full_year(int(value[:2]), today), int(value[2:4]), int(value[4:6])
    try:
        return date(year, month, on or calendar.monthrange(year, month)[1])
    except (ValueError, IndexError):  # IllegalMonthError is one or the other, by Python version
        return None


def _checks(digits: str) -> bool:
    return gs1_standard_check_digit(digits[:-1]) == int(digits[-1])


def _config() -> ParseConfig:
    # The library reads the clock to find the century; dates are therefore judged here, against `today`.
    return ParseConfig(gs1_element_strings_verify_date=False, separator_chars=(GROUP_SEPARATOR,))


def _wrong(error: Error) -> Barcode:
    return Barcode("error", error=error)
