"""`laminar rule schedule`: the planned doses of one order in one window, by the very rule that plans a hospital's.

What is wrong with the line is an error; an order that is well written but cannot be scheduled is `refused` in words.
"""

import re
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NoReturn

from app.cli.rule_fields import Case, CaseFault, given, refuse, text_of, texts_of, whole_of
from app.cli.schedule_schema import KINDS, ORDER_FIELDS
from app.core.errors import Invalid
from app.orders.due import doses_in
from app.orders.frequency import Meaning, Unread, read_frequency
from app.orders.schedule import (
    DAYS,
    AsNeeded,
    Continuous,
    Due,
    Flag,
    Interval,
    Once,
    Rhythm,
    Schedule,
    Times,
    Window,
)
from app.orders.times_table import DEFAULT, clock_time
from app.orders.wall_clock import place, wall_of, zone_named

_WALL = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]([0-9]{2}:[0-9]{2}(?::[0-9]{2})?)(Z|[+-][0-9]{2}:[0-9]{2})?", re.ASCII
)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_PART = r"(?:([0-9]{1,6}(?:[.,][0-9]{1,6})?)%s)?"
_DURATION = re.compile(f"P{_PART % 'W'}{_PART % 'D'}(?:T{_PART % 'H'}{_PART % 'M'}{_PART % 'S'})?", re.ASCII)
_LENGTHS = (timedelta(weeks=1), timedelta(days=1), timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1))


def schedule(case: Case, today: date) -> dict[str, Any]:
    """The doses of an order that fall due in a window, and why there are none where it cannot be scheduled."""
    zone = text_of(case, "zone")
    zone_named(zone)
    edges = texts_of(case, "window")
    if len(edges) != 2:
        refuse("window", "'window' must be a list of two wall times: its start and its end.")
    start, end = (_wall(text, zone, "window").at for text in edges)
    window = Window(start, end)
    if case.get("snapshot") is not None:
        _wall(text_of(case, "snapshot"), zone, "snapshot")
    order = given(case, "order")
    if not isinstance(order, dict):
        refuse("order", "'order' must be an object in braces.")
    for name in order:
        if name not in ORDER_FIELDS:
            refuse(name, f"'{name}' is not part of an order: use {', '.join(ORDER_FIELDS)}.")
    try:
        found = _doses({name: value for name, value in order.items() if value is not None}, window, zone)
    except _NotScheduled as reason:
        return {"doses": [], "refused": str(reason)}
    return {
        "doses": [
            {
                "at": due.at.astimezone(zone_named(zone)).isoformat(),
                "wall": due.wall.isoformat(),
                "flags": sorted(due.flags),
            }
            for due in found
        ],
        "refused": None,
    }


class _NotScheduled(Exception):
    """The order is well written, but no schedule; the message says why."""


def _not(why: str) -> NoReturn:
    raise _NotScheduled(why)


def _doses(order: Case, window: Window, zone: str) -> list[Due]:
    start = _wall(text_of(order, "start"), zone, "start") if "start" in order else None
    stop = _wall(text_of(order, "stop"), zone, "stop").at if "stop" in order else None
    first = _wall(text_of(order, "first_given"), zone, "first_given").at if "first_given" in order else None
    dated = _DAY.fullmatch(str(order.get("anchor", ""))) is not None
    anchor = _wall(text_of(order, "anchor") + "T00:00" * dated, zone, "anchor") if "anchor" in order else None
    count = whole_of(order, "count") if "count" in order else None
    try:
        meaning = _meaning(order)
        if meaning.count is not None and count not in (None, meaning.count):
            _not(f"The frequency says {meaning.count} doses and the order {count}: ask which is meant.")
        rhythm = _anchored(_masked(meaning.rhythm, order), anchor, dated)
        begin = start.at if start else None
        if meaning.lasts is not None:
            if begin is None:
                _not("Say when the order starts: its length is counted from there.")
            stop = min(stop or begin + meaning.lasts, begin + meaning.lasts)
        planned = Schedule(rhythm, begin, stop, count if count is not None else meaning.count, first)
        found = doses_in(planned, window, zone)
    except CaseFault:
        raise
    except Invalid as invalid:
        _not(str(invalid))
    # What was given is not planned again; of a single dose the wall time is known as it was written.
    found = tuple(due for due in found if Flag.FIRST not in due.flags)
    written = anchor or start
    if isinstance(rhythm, Once) and written is not None:
        return [replace(due, wall=written.wall, flags=written.flags) for due in found]
    return list(found)


def _meaning(order: Case) -> Meaning:
    if ("frequency" in order) == ("kind" in order):
        refuse("frequency", "An order has a 'frequency' or a 'kind', one of the two.")
    if "frequency" in order:
        read = read_frequency(text_of(order, "frequency"), DEFAULT)
        if isinstance(read, Unread):
            _not(read.why)
        if "interval" in order:
            refuse("interval", "'interval' belongs to the kind INTERVAL, not to a frequency.")
        if "times" in order:
            times = _times(order)
            if not isinstance(read.rhythm, Times) or len(read.rhythm.at) != len(times):
                _not("The frequency and the number of its times do not fit: ask which is meant.")
            return replace(read, rhythm=replace(read.rhythm, at=times))
        return read
    return _kind(order)


def _kind(order: Case) -> Meaning:
    kind = " ".join(re.split(r"[\s_-]+", text_of(order, "kind").lower()))
    if kind not in KINDS and kind != "prn":
        refuse("kind", f"'kind' is one of {', '.join(KINDS)}.")
    if kind != "interval" and "interval" in order:
        refuse("interval", "'interval' belongs to the kind interval.")
    if kind not in ("times", "once") and "times" in order:
        refuse("times", "'times' belong to the kinds times and once.")
    match kind:
        case "times":
            return Meaning(Times(_times(order)))
        case "interval":
            return Meaning(Interval(_duration(text_of(order, "interval"))))
        case "once" if "times" in order and len(_times(order)) > 1:
            refuse("times", "One dose has one time.")
        case "once" if "times" in order:
            return Meaning(Times(_times(order)), count=1)
        case "once":
            return Meaning(Once())
        case "continuous":
            return Meaning(Continuous())
    return Meaning(AsNeeded())


def _masked(rhythm: Rhythm, order: Case) -> Rhythm:
    """The rhythm on the days that the order names beside its frequency."""
    weekdays = texts_of(order, "weekdays")
    if unknown := [day for day in weekdays if day not in DAYS]:
        refuse("weekdays", f"'{unknown[0][:20]}' is not a day of the week: use {' '.join(DAYS)}.")
    days = whole_of(order, "every_days") if "every_days" in order else 1
    if days < 1:
        refuse("every_days", "'every_days' is 1 for every day, 2 for every other day, and so on.")
    if not weekdays and days == 1:
        return rhythm
    if not isinstance(rhythm, Times):
        _not("Days of the week and every so many days go with times of the clock only.")
    named = tuple(sorted({DAYS.index(day) for day in weekdays}))
    if (rhythm.weekdays and named not in ((), rhythm.weekdays)) or (days > 1 and rhythm.every_days not in (1, days)):
        _not("The frequency and the order name different days: ask which are meant.")
    return replace(rhythm, weekdays=named or rhythm.weekdays, every_days=max(days, rhythm.every_days))


def _anchored(rhythm: Rhythm, anchor: Due | None, dated: bool) -> Rhythm:
    """The rhythm with its first dose, of which perhaps only the date is given."""
    if anchor is None:
        return rhythm
    match rhythm:
        case Times() if rhythm.anchored:
            return replace(rhythm, anchor=anchor.wall.date())
        case Interval() | Once() if dated:
            _not("The first dose needs its time here, not only its date.")
        case Interval():
            return replace(rhythm, anchor=anchor.at)
        case Once():
            return Once(anchor.at)
    return rhythm


def _wall(text: str, zone: str, name: str) -> Due:
    """A wall time as an instant: the first of two, moved out of a gap; an offset written with it decides alone."""
    found = _WALL.fullmatch(text)
    if found is None:
        refuse(name, f"'{text[:40]}' is not a wall time: write it as 2026-06-09T15:00.")
    try:
        wall = datetime.fromisoformat(f"{found[1]}T{found[2]}{found[3] or ''}")
    except ValueError:
        refuse(name, f"'{text}' is not in the calendar.")
    if wall.tzinfo is None:
        return place(wall, zone)
    return Due(wall.astimezone(UTC), wall_of(wall, zone))


def _times(order: Case) -> tuple[time, ...]:
    try:
        found = [clock_time(text) for text in texts_of(order, "times")]
    except Invalid as invalid:
        refuse("times", str(invalid))
    if not found:
        refuse("times", "'times' must name at least one time of day, as 09:00.")
    masked = order.get("weekdays") or order.get("every_days") not in (None, 1, "1")
    if masked and any(text.startswith("24") for text in texts_of(order, "times")):
        _not("24:00 is 00:00 of the next date: with named days, write 00:00 and the day on which it falls.")
    return tuple(sorted(set(found)))


def _duration(text: str) -> timedelta:
    found = _DURATION.fullmatch(text)
    if found is None or not any(found.groups()):
        refuse("interval", f"'{text[:40]}' is not a length of time: write PT6H, PT36H or P2D; months have no length.")
    parts = zip(found.groups(), _LENGTHS, strict=True)
    return sum((length * float(many.replace(",", ".")) for many, length in parts if many), timedelta(0))
