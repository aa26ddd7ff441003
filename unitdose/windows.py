"""The windows of a cart: half-open spans between wall times of its zone, one after the other without a gap.

A window lasts 23 or 25 hours when the clock changes in it. Source: unit-dose reference §2.1, §2.4.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from itertools import pairwise

from app.core.errors import Invalid
from app.core.wording import instant
from app.orders.schedule import Window
from app.orders.times_table import clock_times
from app.orders.wall_clock import place, wall_of, zone_named

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class CartTimes:
    """When a cart's windows begin (wall times), and how long before that it is planned, leaves and is exchanged."""

    zone: str
    starts: tuple[time, ...]
    cutoff: timedelta
    leaves: timedelta
    exchange: timedelta

    def __post_init__(self) -> None:
        if not self.starts:
            raise Invalid({"starts": "Name at least one time of day at which the cart's window begins."})
        if not self.zone:
            raise Invalid({"zone": "A cart needs the time zone of its units."})
        try:
            zone_named(self.zone)
        except ValueError as unknown:
            raise Invalid({"zone": str(unknown)}) from None
        if not self.cutoff >= self.leaves >= self.exchange >= timedelta(0):
            raise Invalid({"cutoff": "First the cutoff, then the cart leaves, then its exchange: check the minutes."})


def cart_times(zone: str, starts: str, cutoff: int, leaves: int, exchange: int) -> CartTimes:
    """A cart's times from how they are stored: wall times as text, minutes before the start. Raises Invalid."""
    try:
        begin = clock_times(starts)
    except Invalid as wrong:
        raise Invalid({"starts": " ".join(wrong.fields.values())}) from None
    return CartTimes(
        zone.strip(),
        begin,
        timedelta(minutes=cutoff),
        timedelta(minutes=leaves),
        timedelta(minutes=exchange),
    )


def begins(times: CartTimes, after: datetime, *, at_least: bool = True) -> datetime:
    """The first start of a window at or (`at_least` False) strictly after an instant, in UTC."""
    day = wall_of(after, times.zone).date() - _DAY
    while True:
        for each in times.starts:
            start = place(datetime.combine(day, each), times.zone).at
            if start > after or (at_least and start == after):
                return start
        day += _DAY


def window_from(times: CartTimes, start: datetime) -> Window:
    """The window that begins at an instant and ends where the next one begins. Raises Invalid when none begins then."""
    if begins(times, start) != start:
        said = " and ".join(f"{each:%H:%M}" for each in times.starts)
        raise Invalid({"start": f"No window begins at {instant(start, times.zone)}: they begin at {said}."})
    return Window(start, begins(times, start, at_least=False))


def covering(times: CartTimes, at: datetime) -> Window:
    """The window in which an instant lies."""
    start = at - _DAY * 2
    while True:
        window = window_from(times, begins(times, start))
        if window.start <= at < window.end:
            return window
        start = window.end


def cutoff_of(times: CartTimes, window: Window) -> datetime:
    """When the plan of a window is made."""
    return window.start - times.cutoff


def next_to_plan(times: CartTimes, last_end: datetime | None, now: datetime) -> Window:
    """The window that follows the last planned one without a gap; a cart's first is the next one to begin.

    Where the cart's times were changed meanwhile, it is a short one that lasts until the first of the new times. A
    window that has passed while nobody planned is planned by nobody any more: what is still due goes as first doses.
    """
    if last_end is None:
        return window_from(times, begins(times, now))
    end = begins(times, last_end, at_least=False)
    return Window(last_end, end) if end > now else window_from(times, begins(times, now))


def neighbours(times: CartTimes, window: Window, others: tuple[Window, ...]) -> str | None:
    """Why a window may not be planned beside others: it overlaps one; None when it may. A gap is told of (`gaps`)."""
    for other in others:
        if window.start < other.end and other.start < window.end:
            told = f"{instant(other.start, times.zone)} to {instant(other.end, times.zone)}"
            return f"This cart is planned from {told} already: two windows may not overlap."
    return None


def gaps(windows: Iterable[Window], now: datetime) -> tuple[Window, ...]:
    """The spans between a cart's windows that no window covers and that are not over yet, first to last."""
    found = []
    ordered = sorted(windows, key=lambda each: each.start)
    for before, after in pairwise(ordered):
        if before.end < after.start and after.start > now:
            found.append(Window(before.end, after.start))
    return tuple(found)
