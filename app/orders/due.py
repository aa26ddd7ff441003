"""The planned doses of a schedule over a window: one rule for every order, wherever it came from.

Whether a dose is planned depends on the schedule alone, never on the window through which one looks: windows in a row
neither lose nor double a dose. Source: unit-dose reference §2.1 to §2.4.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache

from app.core.errors import Invalid
from app.orders.schedule import Due, Flag, Interval, Once, Schedule, Times, Window
from app.orders.wall_clock import due_on, wall_of

# What falls due from an hour before the verification on is still given; older times have passed.
STILL_GIVEN = timedelta(hours=1)
MOST = 20_000  # doses of one order in one window; more means that something is wrong with it
_GAPS = (Flag.SHORT_GAP, Flag.LONG_GAP)
_DAY = timedelta(days=1)
_SHARED = timedelta(days=3)


def doses_in(schedule: Schedule, window: Window, zone: str) -> tuple[Due, ...]:
    """The planned doses in a window, in the order of their instants. `zone` is the unit's IANA name.

    As-needed and continuous orders have none. Raises Invalid for more than 20,000, ValueError for an unknown zone.
    """
    match schedule.rhythm:
        case Times() as times:
            return _at_times(schedule, times, window, zone)
        case Interval() as interval:
            return _apart(schedule, interval, window, zone)
        case Once(at=at):
            only = schedule.first_dose or at or schedule.start
            assert only is not None  # a schedule that needs its start has one
            flags = (Flag.FIRST,) if schedule.first_dose else ()
            return tuple(due for due in (_seen(only, zone, flags),) if _within(due.at, schedule, window))
    return ()


def at_once(schedule: Schedule, priority: str) -> bool:
    """Whether the first dose is given however late it is: that of a STAT order, and the only one of an order."""
    return priority == "STAT" or isinstance(schedule.rhythm, Once) or schedule.count == 1


def anchored(schedule: Schedule, zone: str) -> Schedule:
    """The same doses with the first of them named in the rhythm, so that a later start does not shift the others.

    Raises Invalid where an order that depends on its first dose has none.
    """
    match schedule.rhythm:
        case Times() as times if times.anchored and times.anchor is None:
            return replace(schedule, rhythm=_anchored(schedule, times, zone))
        case Interval(every=every):
            anchor = schedule.first_dose or schedule.rhythm.anchor or schedule.start
            return replace(schedule, rhythm=Interval(every, anchor))
        case Once():
            return replace(schedule, rhythm=Once(schedule.first_dose or schedule.rhythm.at or schedule.start))
    return schedule


def first_planned(schedule: Schedule, zone: str) -> datetime | None:
    """The instant of the first planned dose; None where none is planned. The schedule has a start."""
    begin = schedule.first_dose or schedule.start
    assert begin is not None  # a schedule that is stored has a start
    match schedule.rhythm:
        case Times() as times:
            late = (times.anchor - begin.date()).days if times.anchor else 0
            wait = timedelta(days=times.longest_wait + max(0, late) + 2)
        case Interval(every=every, anchor=anchor):
            wait = every + max(timedelta(0), (anchor or begin) - begin)
        case Once(at=at):
            wait = max(timedelta(0), (at or begin) - begin)
        case _:
            return None
    found = doses_in(replace(schedule, count=1), Window(begin, begin + wait + _DAY), zone)
    return found[0].at if found else None


def _within(at: datetime, schedule: Schedule, window: Window) -> bool:
    begun = schedule.start is None or at >= schedule.start or at == schedule.first_dose
    return window.start <= at < window.end and begun and (schedule.stop is None or at < schedule.stop)


def _seen(at: datetime, zone: str, flags: tuple[Flag, ...] = ()) -> Due:
    return Due(at, wall_of(at, zone), flags)


def _apart(schedule: Schedule, interval: Interval, window: Window, zone: str) -> tuple[Due, ...]:
    anchor = schedule.first_dose or interval.anchor or schedule.start
    assert anchor is not None
    begin = anchor if schedule.start is None else max(anchor, schedule.start)
    begin = schedule.first_dose or begin
    first = -((anchor - begin) // interval.every)  # the first planned dose, counted from the anchor
    last = -((anchor - min(window.end, schedule.stop or window.end)) // interval.every)
    if schedule.count is not None:
        last = min(last, first + schedule.count)
    start = max(first, -((anchor - window.start) // interval.every))
    if last - start > MOST:
        raise _too_many()
    return tuple(
        _seen(anchor + nth * interval.every, zone, (Flag.FIRST,) if schedule.first_dose and nth == 0 else ())
        for nth in range(start, last)
    )


def _at_times(schedule: Schedule, times: Times, window: Window, zone: str) -> tuple[Due, ...]:
    times = _anchored(schedule, times, zone)
    end = window.end if schedule.stop is None else min(window.end, schedule.stop)
    first = schedule.first_dose
    start = _table_start(schedule, times, zone)
    if schedule.count is not None:
        begin = start if start is not None else window.start
    else:
        begin = window.start if start is None else max(window.start, start)
    if first is None and schedule.count is None and end - begin <= _SHARED:
        shared, plain = _shared_table(times, begin, end, zone)
        if plain:
            return shared
    found: list[Due] = [] if first is None or first >= end else [_seen(first, zone, (Flag.FIRST,))]
    for due in _table(times, begin, end, zone):
        if schedule.count is not None and len(found) >= schedule.count:
            break
        found.append(_judged(due, schedule, times, zone, start) if due.flags else due)
        if len(found) > MOST:
            raise _too_many()
    return tuple(due for due in found if due.at >= window.start)


def _table(times: Times, start: datetime, end: datetime, zone: str) -> Iterator[Due]:
    """The table's doses in [start, end). A dose that was moved forward may lie on the date after its own."""
    if start >= end:
        return
    day, last = wall_of(start, zone).date() - _DAY, wall_of(end, zone).date()
    while day <= last:
        for due in due_on(times, zone, day):
            if start <= due.at < end:
                yield due
        day += _DAY


@lru_cache(maxsize=4096)
def _shared_table(times: Times, start: datetime, end: datetime, zone: str) -> tuple[tuple[Due, ...], bool]:
    """The same, once for all orders of a hospital that share their times: they are looked at through one window.

    Also whether no clock change is near, so that there is nothing to judge for one order or another.
    """
    found = tuple(_table(times, start, end, zone))
    return found, not any(due.flags for due in found)


def _anchored(schedule: Schedule, times: Times, zone: str) -> Times:
    """The same times with the date of their first dose, where that decides the days."""
    if not times.anchored or times.anchor is not None:
        return times
    if schedule.first_dose is not None:
        return replace(times, anchor=wall_of(schedule.first_dose, zone).date())
    assert schedule.start is not None
    any_day = replace(times, every_days=1, every_months=1)
    first = next(_table(any_day, schedule.start, schedule.start + timedelta(days=times.longest_wait), zone))
    return replace(times, anchor=first.wall.date())


def _table_start(schedule: Schedule, times: Times, zone: str) -> datetime | None:
    """From when on the table counts: after a first dose off the table, its next time is passed over when less than
    half of the gap that the dose fell into remains. Source: §2.3, first dose and the 50 % rule.
    """
    first = schedule.first_dose
    if first is None:
        return schedule.start
    wait = timedelta(days=times.longest_wait)
    just_after = first + timedelta(microseconds=1)
    following = next(_table(times, just_after, first + wait + 2 * _DAY, zone), None)
    before = list(_table(times, first - wait - 2 * _DAY, just_after, zone))
    start = just_after if schedule.start is None else max(just_after, schedule.start)
    if following is None or not before:
        return start
    if (following.at - first) * 2 < following.at - before[-1].at:
        return max(start, following.at + timedelta(microseconds=1))
    return start


def _judged(due: Due, schedule: Schedule, times: Times, zone: str, start: datetime | None) -> Due:
    """The dose without its gap flag when the order has no table dose before it."""
    if start is None or not any(flag in _GAPS for flag in due.flags):
        return due
    back = max(start, due.at - timedelta(days=times.longest_wait + 2))
    if any(True for _ in _table(times, back, due.at, zone)):
        return due
    return replace(due, flags=tuple(flag for flag in due.flags if flag not in _GAPS))


def _too_many() -> Invalid:
    return Invalid({"window": f"More than {MOST:,} doses: check the interval, the end and the window."})
