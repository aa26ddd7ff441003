"""When the doses of an order as sent fall due: its schedule, or the sentence that says why nobody knows.

A frequency is read by what was decided about the sender's words, then by the site's table and the grammar; what stays
unread comes to a pharmacist with its order. What contradicts itself is an exception. Source: house interoperability
notes on timing; HL7 v2.5.1 chapter 4 (TQ1, RPT).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta

from app.core.wording import instant
from app.interop.text import tidy
from app.interop.understood import OrderMessage, Timing
from app.orders.due import first_planned
from app.orders.frequency import Meaning, Unread, read_frequency, scheduled
from app.orders.routes import STERILE
from app.orders.schedule import AsNeeded, Continuous, Interval, Once, Rhythm, Schedule, Times
from app.orders.schedule_words import span
from app.orders.times_table import TimesTable, Where

_AT_ONCE = frozenset({"STAT", "NOW"})
_DAY = 1440
_ENDS_EARLY = "The order ends before its first dose falls due: ask the sender when it is given."


@dataclass(frozen=True)
class Site:
    """What a message is read by here: the table in force, the row it chooses, the unit's zone, words decided before."""

    table: TimesTable
    where: Where
    zone: str
    word: Callable[[str], str | None]


@dataclass(frozen=True)
class Dosing:
    """When doses fall due: `schedule`, or `unread` where a pharmacist must choose the times.

    `reason` says that the message contradicts itself, and `where` it does. Instants in UTC.
    """

    text: str
    start: datetime
    end: datetime | None = None
    schedule: Schedule | None = None
    unread: str = ""
    infuse_minutes: int | None = None
    warnings: tuple[str, ...] = ()
    reason: str = ""
    where: str = "ORC-7"


class _Contradicts(Exception):
    """The message says two things that cannot both be; the words say which."""


class _Unknown(Exception):
    """Nobody knows when the doses are given; the words say why."""


def dosing(order: OrderMessage, site: Site, received: datetime) -> Dosing:
    """Read an order's timing. `received` counts as the start where the message names none."""
    timing = order.timing
    text = frequency_text(timing) or ("STAT" if timing.priority == "STAT" else "")
    start = timing.start.instant if timing.start else received
    infuse = _infusion(order)
    where = timing.read_from.split(",")[0].split(" ")[0] or "ORC-7"
    end, warnings = _end(timing, start)
    if not re.fullmatch(r"(1(\.0*)?( .*)?)?", timing.quantity):
        warnings.append(f"The timing asks for '{tidy(timing.quantity)[:20]}' at a time: check how much one dose is.")
    read = Dosing(text, start, end, infuse_minutes=infuse, warnings=tuple(warnings), where=where)
    try:
        if len(order.timings) > 1:
            raise _Contradicts("The order has more than one timing, one after the other: enter it by hand.")
        if lost := [name for name in timing.unread if not _known_otherwise(timing, name)]:
            what = " and the ".join(lost)
            raise _Contradicts(f"The {what} that the message gives could not be read: ask the sender.")
        schedule = _schedule(timing, _meaning(timing, text, site), site, start, end)
    except _Contradicts as wrong:
        return replace(read, reason=str(wrong))
    except _Unknown as unknown:
        return replace(read, unread=str(unknown))
    if isinstance(schedule.rhythm, Continuous) and site.where.route in STERILE:
        return replace(read, unread=_bags(order))
    first = first_planned(schedule, site.zone)
    if first is not None and schedule.stop is not None and first >= schedule.stop:
        return replace(read, reason=_ENDS_EARLY)
    remarks = _start_remarks(timing, schedule, first, site.zone)
    return replace(read, end=schedule.stop, schedule=schedule, warnings=(*warnings, *remarks))


def _known_otherwise(timing: Timing, name: str) -> bool:
    """Whether what one place of a message could not say was read from another."""
    read = {"start": timing.start, "end": timing.end, "number of doses": timing.occurrences}
    return read.get(name) is not None


def frequency_text(timing: Timing) -> str:
    """The frequency as it is shown and decided about: the sender's word, without its clock times."""
    return tidy(re.split(r"[@&]", timing.pattern or timing.pattern_text)[0])


def _meaning(timing: Timing, text: str, site: Site) -> Meaning:
    said = site.word(text) or text
    read = read_frequency(said, site.table, site.where, time_critical=timing.priority == "timing critical")
    if timing.prn and not (isinstance(read, Meaning) and isinstance(read.rhythm, AsNeeded)):
        # "As needed" stands beside the frequency; alone it says enough.
        read = read_frequency(f"{said} PRN" if isinstance(read, Meaning) else "PRN", site.table, site.where)
    if isinstance(read, Unread):
        raise _Unknown(read.why)
    count = timing.occurrences or (timing.duration.times if timing.duration else None)
    if read.count is not None and count not in (None, read.count):
        raise _Contradicts(f"The order says {read.count} doses and {count} doses: ask the sender how many.")
    return replace(read, count=read.count or count)


def _schedule(timing: Timing, meaning: Meaning, site: Site, start: datetime, stop: datetime | None) -> Schedule:
    rhythm, times = meaning.rhythm, tuple(sorted(set(timing.explicit_times)))
    if stop is not None and stop < start:
        raise _Contradicts(_ENDS_EARLY)
    if isinstance(rhythm, Once):
        if len(times) > 1:
            more = f"The times {_shown(times)} are more than one, and the dose is given once"
            raise _Contradicts(f"{more}: ask the sender.")
        at_time = times and frequency_text(timing).upper() not in _AT_ONCE
        at = first_planned(Schedule(Times(times), start), site.zone) if at_time else None
        return replace(scheduled(meaning, start, stop), rhythm=Once(at or start))
    if times:
        rhythm = _at(times, rhythm, frequency_text(timing))
    critical = meaning.time_critical or timing.priority == "timing critical"
    read = replace(meaning, rhythm=rhythm, time_critical=critical)
    return scheduled(read, start, stop, at_once=timing.priority in ("STAT", "ASAP"))


def _at(times: tuple[time, ...], rhythm: Rhythm, text: str) -> Rhythm:
    """The rhythm at the times that the message names, which are those of the sender's own chart."""
    match rhythm:
        case Times() if re.search(r"\d\s*H", text.upper()) is None and len(times) == len(rhythm.at):
            return replace(rhythm, at=times)
        case Times():
            return replace(rhythm, at=_beat(times, _DAY // len(rhythm.at)))
        case Interval(every=every):
            return Times(_beat(times, every // timedelta(minutes=1)))
    return rhythm


def _beat(times: tuple[time, ...], minutes: int) -> tuple[time, ...]:
    """All times of the day that keep the beat of those named. Raises _Contradicts where they keep none."""
    named = [each.hour * 60 + each.minute for each in times]
    if minutes > _DAY or _DAY % minutes:
        why = f"cannot be kept with a dose every {minutes // 60} hours"
    elif len({each % minutes for each in named}) > 1:
        why = f"are not {minutes // 60} hours apart"
    elif len(named) not in (1, _DAY // minutes):
        why = f"are not all those of a dose every {minutes // 60} hours"
    else:
        grid = sorted((named[0] + nth * minutes) % _DAY for nth in range(_DAY // minutes))
        return tuple(time(each // 60, each % 60) for each in grid)
    raise _Contradicts(f"The times {_shown(times)} {why}: ask the sender.")


def _bags(order: OrderMessage) -> str:
    """How often a bag of a continuous infusion is due is for a pharmacist to say; what is sent may tell."""
    why = "It runs without a break: choose how often a bag is due"
    volume, rate = order.total_volume, order.rate
    if volume is None or rate is None or volume.volume_ml is None or rate.most is not None or rate.least <= 0:
        return why + "."
    if rate.per != "hour" or rate.unit != "mL":
        return why + "."
    lasts = timedelta(minutes=int(volume.volume_ml / rate.least * 60))
    return f"{why}. {volume.quantity} at {rate.quantity} an hour last {span(lasts)}."


def _start_remarks(timing: Timing, schedule: Schedule, first: datetime | None, zone: str) -> list[str]:
    by_table = isinstance(schedule.rhythm, Times)
    if timing.start is None:
        return ["The message names no start: the first dose is due at its arrival. Check it."] if not by_table else []
    if timing.start.precision in ("year", "month", "day"):
        words = "The message names the day of the first dose but no time: check when it is due."
        return [] if by_table else [words]
    if by_table and first is not None and not timing.explicit_times and first != timing.start.instant:
        asked, due = instant(timing.start.instant, zone), instant(first, zone)
        return [f"The order starts {asked}; by the table its first dose is due {due}."]
    return []


def _end(timing: Timing, start: datetime) -> tuple[datetime | None, list[str]]:
    """The end is exclusive: no dose falls due at it."""
    length = timing.duration
    if timing.end:
        return timing.end.instant, []
    if length and length.minutes is not None:
        return start + timedelta(minutes=int(length.minutes)), []
    if length and length.text and length.text.upper() != "INDEF" and not length.times:
        return None, [f"The duration '{tidy(length.text)[:30]}' was not understood: check when the order ends."]
    return None, []


def _infusion(order: OrderMessage) -> int | None:
    lasts = order.timing.infusion
    if lasts is None or lasts.minutes is None or lasts.minutes < 1:
        return None
    return int(lasts.minutes) if lasts.minutes == int(lasts.minutes) else None


def _shown(times: tuple[time, ...]) -> str:
    return ", ".join(f"{t:%H:%M}" for t in times)
