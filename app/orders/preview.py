"""What a schedule yields: its next doses, and those around the next change of the clocks, for people to look at."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta

from app.core.wording import day, instant
from app.orders.due import doses_in
from app.orders.schedule import Due, Flag, Schedule, Window
from app.orders.wall_clock import place, wall_of, zone_named

AHEAD = timedelta(days=3)
_DAY = timedelta(days=1)
_LOOK = 400  # days within which a zone that changes its clocks does so
_WORDS = {
    Flag.SHIFTED: "moved forward, {wall} does not exist that day",
    Flag.REPEAT: "{wall} comes twice that day, this is the first",
    Flag.MERGED: "two doses fall together, one is given",
    Flag.SHORT_GAP: "soon after the one before: a pharmacist looks at it",
    Flag.LONG_GAP: "long after the one before: a pharmacist looks at it",
    Flag.FIRST: "the first dose, off the table",
}


@dataclass(frozen=True)
class Told:
    """One planned dose in words: its time with the zone's letters, and what to know about it."""

    at: datetime
    clock: str
    remark: str


@dataclass(frozen=True)
class Day:
    """One date of the wall clock with its doses."""

    words: str
    doses: tuple[Told, ...]


@dataclass(frozen=True)
class Preview:
    """The doses of the next days and those around the next change of the clocks; `change` is "" where there is none."""

    soon: tuple[Day, ...]
    change: str
    around: tuple[Day, ...]


def preview(schedule: Schedule, zone: str, now: datetime) -> Preview:
    """What a schedule yields from now on in a zone (IANA). Raises Invalid as `doses_in` does."""
    soon = _days(doses_in(schedule, Window(now, now + AHEAD), zone), zone)
    change = next_change(zone, now)
    if change is None:
        return Preview(soon, "", ())
    midnight = datetime.combine(wall_of(change, zone).date(), time())
    night = Window(place(midnight - _DAY / 2, zone).at, place(midnight + _DAY, zone).at)
    forward = wall_of(change, zone) - wall_of(change - timedelta(minutes=1), zone) > timedelta(minutes=1)
    before = change - timedelta(minutes=1)
    words = (
        f"The clocks go {'forward' if forward else 'back'} on {instant(before, zone, weekday=True, named=True)}, "
        f"and then show {instant(change, zone, named=True)[-9:]}."
    )
    return Preview(soon, words, _days(doses_in(schedule, night, zone), zone))


def next_change(zone: str, now: datetime) -> datetime | None:
    """The next instant at which a zone changes its offset, to the minute; None within the next 400 days."""
    place_of = zone_named(zone)

    def offset(at: datetime) -> timedelta | None:
        return at.astimezone(place_of).utcoffset()

    for nth in range(_LOOK):
        early, late = now + nth * _DAY, now + (nth + 1) * _DAY
        if offset(early) == offset(late):
            continue
        while late - early > timedelta(minutes=1):
            middle = early + (late - early) / 2
            early, late = (middle, late) if offset(middle) == offset(early) else (early, middle)
        return late.replace(second=0, microsecond=0)
    return None


def remark_of(due: Due) -> str:
    """What to know about a planned dose, in words; "" for nothing."""
    return "; ".join(words.format(wall=f"{due.wall:%H:%M}") for flag, words in _WORDS.items() if flag in due.flags)


def _days(found: tuple[Due, ...], zone: str) -> tuple[Day, ...]:
    days: dict[str, list[Told]] = {}
    for due in found:
        on = day(wall_of(due.at, zone).date(), weekday=True)
        days.setdefault(on, []).append(Told(due.at, instant(due.at, zone, named=True).split(" ", 1)[1], remark_of(due)))
    return tuple(Day(on, tuple(doses)) for on, doses in days.items())
