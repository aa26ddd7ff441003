"""Reading a calendar day, or a day with its time, as people write it on cartons and forms."""

import calendar
import re
from datetime import date, datetime, time

from app.core.wording import MONTHS

_FULL = re.compile(r"(\d{1,2})[-. ]([A-Za-z]{3})[-. ](\d{4})", re.ASCII)
_MONTH = re.compile(r"([A-Za-z]{3})[-. ](\d{4})", re.ASCII)
_ISO = re.compile(r"(\d{4})-(\d{2})(?:-(\d{2}))?", re.ASCII)
_NUMBER = {name.casefold(): number for number, name in enumerate(MONTHS, start=1)}
_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)", re.ASCII)
HINT = "Write the day as 31-Mar-2027; a month alone (Mar-2027) means its last day."
WHOLE = "Write the day as 31-Mar-2027."


def read_day(text: str, *, since: int = 2000, whole: bool = False) -> date:
    """Read 31-Mar-2027, 2027-03-31, Mar-2027 or 2027-03 (the last day of that month).

    Days written in digits only, such as 03/04/2027, mean two things and are refused. `since` is the first year that
    can be meant; with `whole` a month alone is refused. Raises ValueError in words.
    Source: USP <7> (an expiry without a day ends with its month).
    """
    written, hint = text.strip(), WHOLE if whole else HINT
    if found := _FULL.fullmatch(written):
        parts = (int(found[3]), _NUMBER.get(found[2].casefold(), 0), int(found[1]))
    elif found := _MONTH.fullmatch(written):
        parts = (int(found[2]), _NUMBER.get(found[1].casefold(), 0), 0)
    elif found := _ISO.fullmatch(written):
        parts = (int(found[1]), int(found[2]), int(found[3]) if found[3] else 0)
    else:
        raise ValueError(f"“{written}” is not a day. {hint}" if written else f"The day is missing. {hint}")
    year, month, day = parts
    if not 1 <= month <= 12 or not since <= year <= 2199:
        raise ValueError(f"“{written}” is not a day of this century. {hint}")
    last = calendar.monthrange(year, month)[1]
    if day > last or (day == 0 and (whole or found.re is _FULL)):
        raise ValueError(f"“{written}” is not in the calendar. {hint}")
    return date(year, month, day or last)


def read_wall(text: str) -> datetime:
    """Read 22-Nov-2026 14:05 or 2026-11-22T14:05: what a wall clock shows, without zone. Raises ValueError in words."""
    day, _, clock = text.strip().replace("T", " ").rpartition(" ")
    found = _CLOCK.fullmatch(clock)
    if found is None:
        raise ValueError("Write the day with its time as 22-Nov-2026 14:05, on the 24-hour clock.")
    return datetime.combine(read_day(day, whole=True), time(int(found[1]), int(found[2])))
