"""Reading a calendar day as people write it on cartons and forms."""

import calendar
import re
from datetime import date

from app.core.wording import MONTHS

_FULL = re.compile(r"(\d{1,2})[-. ]([A-Za-z]{3})[-. ](\d{4})", re.ASCII)
_MONTH = re.compile(r"([A-Za-z]{3})[-. ](\d{4})", re.ASCII)
_ISO = re.compile(r"(\d{4})-(\d{2})(?:-(\d{2}))?", re.ASCII)
_NUMBER = {name.casefold(): number for number, name in enumerate(MONTHS, start=1)}
HINT = "Write the day as 31-Mar-2027; a month alone (Mar-2027) means its last day."


def read_day(text: str) -> date:
    """Read 31-Mar-2027, 2027-03-31, Mar-2027 or 2027-03 (the last day of that month).

    Days written in digits only, such as 03/04/2027, mean two things and are refused. Raises ValueError in words.
    Source: USP <7> (an expiry without a day ends with its month).
    """
    written = text.strip()
    if found := _FULL.fullmatch(written):
        parts = (int(found[3]), _NUMBER.get(found[2].casefold(), 0), int(found[1]))
    elif found := _MONTH.fullmatch(written):
        parts = (int(found[2]), _NUMBER.get(found[1].casefold(), 0), 0)
    elif found := _ISO.fullmatch(written):
        parts = (int(found[1]), int(found[2]), int(found[3]) if found[3] else 0)
    else:
        raise ValueError(f"“{written}” is not a day. {HINT}" if written else f"The day is missing. {HINT}")
    year, month, day = parts
    if not 1 <= month <= 12 or not 2000 <= year <= 2199:
        raise ValueError(f"“{written}” is not a day of this century. {HINT}")
    last = calendar.monthrange(year, month)[1]
    if day > last or (day == 0 and found.re is _FULL):
        raise ValueError(f"“{written}” is not in the calendar. {HINT}")
    return date(year, month, day or last)
