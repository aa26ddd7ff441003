"""Wall times of a place as instants, through both clock changes.

A wall time that does not exist (clocks forward) moves forward by the gap; one that comes twice (clocks back) is the
first. Two aware datetimes that share a zone subtract as if their clock never changed (PEP 495), so all arithmetic is
done in UTC. Source: unit-dose reference §2.4.
"""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from app.core.wording import time_zone
from app.orders.schedule import Due, Flag, Times

__all__ = ["due_on", "place", "wall_of", "zone_named"]

# A change of the clock by X upsets gaps shorter than 4 X only; the largest change on record is a whole day (Samoa).
_LOOK_BACK = 4
_SHORT, _LONG = 0.75, 1.5


@lru_cache(maxsize=1024)
def zone_named(name: str) -> ZoneInfo:
    """The IANA zone of that name. Raises ValueError in words."""
    return time_zone(name)


def place(wall: datetime, zone: str) -> Due:
    """The instant of a wall time (naive), with DST_SHIFTED or DST_REPEAT where the clocks change over it."""
    first, second = (wall.replace(tzinfo=zone_named(zone), fold=fold).astimezone(UTC) for fold in (0, 1))
    if first == second:
        return Due(first, wall)
    return Due(first, wall, (Flag.REPEAT if first < second else Flag.SHIFTED,))


def wall_of(instant: datetime, zone: str) -> datetime:
    """What the clock on the wall shows at an instant, naive."""
    return instant.astimezone(zone_named(zone)).replace(tzinfo=None, fold=0)


def due_on(times: Times, zone: str, day: date) -> tuple[Due, ...]:
    """The doses of one date of the wall clock, in the order of their instants.

    Doses moved onto one another by a clock change are one; a gap that the change makes too short or too long is
    flagged on the dose that ends it.
    """
    if not times.on(day):
        return ()
    if _steady(zone, day):
        return _plain(times.at, zone, day)
    return _changing(times, zone, day)


@lru_cache(maxsize=8192)
def _steady(zone: str, day: date) -> bool:
    """Whether the clock neither changed in the days before, as far as it matters, nor changes until the day after."""
    place_of = zone_named(zone)
    midnight = datetime.combine(day, time())
    hours = range(-24 * _LOOK_BACK, 24 * 3, 6)
    walls = (midnight + timedelta(hours=hour) for hour in hours)
    return len({wall.replace(tzinfo=place_of, fold=fold).utcoffset() for wall in walls for fold in (0, 1)}) == 1


@lru_cache(maxsize=65536)
def _plain(at: tuple[time, ...], zone: str, day: date) -> tuple[Due, ...]:
    return tuple(place(datetime.combine(day, each), zone) for each in at)


@lru_cache(maxsize=8192)
def _changing(times: Times, zone: str, day: date) -> tuple[Due, ...]:
    near = (day + timedelta(days=ahead) for ahead in range(-_LOOK_BACK - times.longest_wait, 2))
    placed = sorted(
        (place(datetime.combine(each, at), zone) for each in near if times.on(each) for at in times.at),
        key=lambda due: (due.at, due.wall),
    )
    groups: list[list[Due]] = []
    for due in placed:
        if groups and groups[-1][0].at == due.at:
            groups[-1].append(due)
        else:
            groups.append([due])
    found = []
    for nth, group in enumerate(groups):
        kept = next((due for due in group if Flag.SHIFTED not in due.flags), group[-1])
        if kept.wall.date() != day:
            continue
        flags = [*kept.flags, *([Flag.MERGED] if len(group) > 1 else [])]
        if nth:
            before = groups[nth - 1]
            usual = abs(group[0].wall - before[-1].wall)
            flags += _review(group[0].at - before[0].at, usual)
        found.append(Due(kept.at, kept.wall, tuple(flags)))
    return tuple(found)


def _review(passed: timedelta, usual: timedelta) -> list[Flag]:
    if passed < _SHORT * usual:
        return [Flag.SHORT_GAP]
    return [Flag.LONG_GAP] if passed > _LONG * usual else []
