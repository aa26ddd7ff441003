"""When the doses of an order as sent fall due: interval, first dose, end; or the sentence that says why not.

A frequency is read by the site's own decisions first, then by what can mean one thing only, then by a person.
Source: house interoperability notes on timing; HL7 v2.5.1 chapter 4 (TQ1, RPT).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from app.interop.text import tidy
from app.interop.understood import OrderMessage, Timing
from app.orders.intervals import interval_minutes

_TIMES_A_DAY = {"BID": 2, "TID": 3, "QID": 4}
_AT_ONCE = frozenset({"STAT", "NOW"})


@dataclass(frozen=True)
class Dosing:
    """When doses fall due (UTC, minutes), or `reason`: why that is not certain, and whether choosing settles it."""

    text: str
    start: datetime
    first_due: datetime
    end: datetime | None = None
    interval: int | None = None
    infuse_minutes: int | None = None
    warnings: tuple[str, ...] = ()
    reason: str = ""
    where: str = "ORC-7"
    askable: bool = False


def dosing(order: OrderMessage, zone: str, received: datetime, word: Callable[[str], str | None]) -> Dosing:
    """Read an order's timing. `zone` is the sender's (IANA); `word` gives a frequency that was decided before."""
    timing = order.timing
    text = frequency_text(timing)
    where = timing.read_from.split(",")[0].split(" ")[0] or "ORC-7"
    start = timing.start.instant if timing.start else received
    blank = Dosing(text, start, start, where=where)

    def refused(reason: str, askable: bool = False) -> Dosing:
        return Dosing(text, start, start, reason=reason, where=where, askable=askable)

    if len(order.timings) > 1:
        return refused("The order has more than one timing, one after the other: enter it by hand.")
    if lost := [name for name in timing.unread if not _known_otherwise(timing, name)]:
        return refused(f"The {' and the '.join(lost)} that the message gives could not be read: ask the sender.")
    if timing.prn:
        return refused("The order is given as needed, so no doses can be planned: enter single doses by hand.")
    if not text:
        if timing.priority == "STAT":
            text = "STAT"
        else:
            return refused("The order does not say how often it is given: ask the sender.")
    interval = _interval(timing, text, word)
    if isinstance(interval, str):
        return refused(interval, askable=True)
    warnings: list[str] = []
    first = start
    if timing.explicit_times and (interval is not None or text.upper() not in _AT_ONCE):
        if why := _off_beat(timing.explicit_times, interval):
            return refused(f"The times {_shown(timing.explicit_times)} {why}: ask the sender.")
        first = _next_of(timing.explicit_times, start, zone)
    elif timing.start and timing.start.precision in ("year", "month", "day"):
        warnings.append("The message names the day of the first dose but no time: check when it is due.")
    elif not timing.start:
        warnings.append("The message names no start: the first dose is due at its arrival. Check it.")
    if not re.fullmatch(r"(1(\.0*)?( .*)?)?", timing.quantity):
        warnings.append(f"The timing asks for '{tidy(timing.quantity)[:20]}' at a time: check how much one dose is.")
    end, more = _end(timing, first, interval)
    if end is not None and (end < first or (end == first and interval is not None)):
        return refused("The order ends before its first dose falls due: ask the sender when it is given.")
    return Dosing(text, start, first, end, interval, _infusion(order), (*blank.warnings, *warnings, *more), where=where)


def _known_otherwise(timing: Timing, name: str) -> bool:
    """Whether what one place of a message could not say was read from another."""
    read = {"start": timing.start, "end": timing.end, "number of doses": timing.occurrences}
    return read.get(name) is not None


def frequency_text(timing: Timing) -> str:
    """The frequency as it is shown and decided about: the sender's word, without its clock times."""
    return tidy(re.split(r"[@&]", timing.pattern or timing.pattern_text)[0])


def _interval(timing: Timing, text: str, word: Callable[[str], str | None]) -> int | None | str:
    decided = word(text)
    if decided:
        return None if decided == "once" else int(decided)
    read = interval_minutes(text)
    if not isinstance(read, str):
        return read
    times = sorted(timing.explicit_times)
    count = _TIMES_A_DAY.get(text.upper())
    # "Twice a day" means nothing without its times; with times evenly spread over the day it is said exactly.
    if count and len(times) == count and not _off_beat(times, 1440 // count):
        return 1440 // count
    return read


def _off_beat(times: "tuple[time, ...] | list[time]", interval: int | None) -> str:
    minutes = sorted({t.hour * 60 + t.minute for t in times})
    if interval is None:
        return "" if len(minutes) == 1 else "are more than one, and the dose is given once"
    if interval > 1440 or 1440 % interval:
        return f"cannot be kept with a dose every {interval // 60} hours"
    if len({each % interval for each in minutes}) > 1:
        return f"are not {interval // 60} hours apart"
    if len(minutes) not in (1, 1440 // interval):
        return f"are not all those of a dose every {interval // 60} hours"
    return ""


def _next_of(times: tuple[time, ...], start: datetime, zone: str) -> datetime:
    place = ZoneInfo(zone)
    local = start.astimezone(place)
    days = (local.date() + timedelta(days=ahead) for ahead in (0, 1))
    found = (datetime.combine(day, at, place).astimezone(UTC) for day in days for at in sorted(times))
    return next(at for at in found if at >= start)


def _end(timing: Timing, first: datetime, interval: int | None) -> tuple[datetime | None, list[str]]:
    """The end is exclusive: no dose falls due at it. A number of doses is counted from the first one."""
    length = timing.duration
    count = timing.occurrences or (length.times if length else None)
    if timing.end:
        return timing.end.instant, []
    if count and interval:
        return first + timedelta(minutes=interval * count), []
    if length and length.minutes is not None:
        return first + timedelta(minutes=int(length.minutes)), []
    if length and length.text and length.text.upper() != "INDEF" and not length.times:
        return None, [f"The duration '{tidy(length.text)[:30]}' was not understood: check when the order ends."]
    return None, []


def _infusion(order: OrderMessage) -> int | None:
    span = order.timing.infusion
    if span is None or span.minutes is None or span.minutes < 1:
        return None
    return int(span.minutes) if span.minutes == int(span.minutes) else None


def _shown(times: tuple[time, ...]) -> str:
    return ", ".join(f"{t:%H:%M}" for t in times)
