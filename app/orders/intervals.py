"""When doses fall due. Intervals run by the clock on the wall, so that 'every 24 hours' stays at 09:00 all year."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

# What falls due from an hour before the verification on is still given; older times have passed.
STILL_GIVEN = timedelta(hours=1)
LONGEST = 400  # doses written at once; more means that something is wrong with the order

_EVERY = re.compile(r"(?:Q|EVERY )\s*(\d{1,2})\s*(?:H|HR|HRS|HOURS?)", re.ASCII)
_ONCE = frozenset({"ONCE", "ONE TIME", "ONETIME", "X1", "1X", "NOW", "STAT", "ONCE X1"})
_DAILY = frozenset({"DAILY", "Q24H", "ONCE DAILY", "EVERY DAY", "Q1D", "QD"})


def interval_minutes(frequency: str) -> int | None | str:
    """Read a frequency: minutes between doses, None for a single dose, or a sentence saying why it is not understood.

    Only what can mean one thing is read ('Q12H', 'every 8 hours', 'once', 'daily'); 'BID' needs the site's standard
    times and is left to a person.
    """
    text = re.sub(r"\s+", " ", frequency.strip().upper())
    if text in _ONCE:
        return None
    if text in _DAILY:
        return 24 * 60
    found = _EVERY.fullmatch(text)
    if found and 1 <= int(found[1]) <= 72:
        return int(found[1]) * 60
    return f"The frequency '{frequency}' can not be read as one clock time: choose the interval."


def due_times(
    first: datetime, interval: int | None, zone: str, after: datetime, until: datetime, end: datetime | None = None
) -> list[datetime]:
    """List the instants due in [after, until), from `first` on, every `interval` minutes of wall time.

    All instants aware; results in UTC. A wall time that does not exist (spring) moves forward by the gap; one that
    exists twice (autumn) is the first. `interval` None: once. Raises ValueError for more than 400 doses.
    """
    if interval is None:
        return [first] if after <= first < until else []
    if interval < 60:
        raise ValueError("Doses less than an hour apart are an infusion, not a schedule.")
    place = ZoneInfo(zone)
    wall = first.astimezone(place).replace(tzinfo=None)
    step = timedelta(minutes=interval)
    skip = max(0, int((after - first) / step) - 2)
    found: list[datetime] = []
    while True:
        at = (wall + skip * step).replace(tzinfo=place, fold=0).astimezone(UTC)
        if at >= until or (end is not None and at >= end):
            return found
        if at >= after:
            found.append(at)
        if len(found) > LONGEST:
            raise ValueError("More doses than an order can have: check its interval and its end.")
        skip += 1
