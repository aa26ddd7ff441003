"""What a written frequency means: the site's table first, then a grammar of the trade's words, then a pharmacist.

Nothing is guessed: a text that is not wholly understood, or that may mean two things, is `Unread` with the reason in
words. Three times a day is not every eight hours; a range of hours, instructions elsewhere and "with repeats" name no
clock. Source: unit-dose reference §2.3; house interoperability notes on timing.
"""

from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta

from app.core.errors import Invalid
from app.orders.frequency_said import ALL_MEALS, DAY, EVERY_DAY, HOUR, MEALS, PARTS, Days, Hours, Said, Unclear
from app.orders.frequency_words import words_of
from app.orders.schedule import AsNeeded, Continuous, Interval, Once, Rhythm, Schedule, Times
from app.orders.times_table import ANYWHERE, TimesTable, Where, tidied

_CODES = {1: "DAILY", 2: "BID", 3: "TID", 4: "QID"}
_AT_A_MEAL = {"before": "AC ", "before_meals": "AC ", "after": "PC ", "after_meals": "PC ", "with": "",
              "with_meals": ""}  # fmt: skip
_FIXED = ("at_times", "at_hours", "at_hour", "weekdays", "other_day", "other_week", "a_week", "month_day", "monthly")


@dataclass(frozen=True, slots=True)
class Meaning:
    """A frequency as read: its rhythm without an anchor, and the limits that were written with it."""

    rhythm: Rhythm
    count: int | None = None
    lasts: timedelta | None = None
    time_critical: bool = False


@dataclass(frozen=True, slots=True)
class Unread:
    """Why a frequency cannot be read, as a sentence for the pharmacist who chooses the times."""

    why: str


def read_frequency(
    text: str, table: TimesTable, where: Where = ANYWHERE, *, time_critical: bool = False
) -> Meaning | Unread:
    """Read a frequency as people write it.

    `where` chooses among the table's rows. The hours of `time_critical` orders run by elapsed time, not by the table.
    """
    known = tidied(text)
    if not known:
        return Unread("The order does not say how often it is given: ask the prescriber.")
    row = table.row(known, where)
    if row is not None and not time_critical:
        return Meaning(row.rhythm, time_critical=row.time_critical)
    shown = " ".join(text.split())[:60]
    words = words_of(known)
    if isinstance(words, str):
        what = "It" if words == known else f"What “{words[:30]}” means"
        return Unread(f"The frequency “{shown}” cannot be read. {what} is not known here: choose the times.")
    try:
        return _meaning(Said(words), _Table(table, where, time_critical))
    except Unclear as unclear:
        return Unread(f"The frequency “{shown}” cannot be read. {unclear}: choose the times.")
    except Invalid as invalid:
        return Unread(str(invalid))


def scheduled(
    meaning: Meaning, start: datetime, stop: datetime | None = None, *, at_once: bool = False
) -> Schedule:
    """The schedule of an order whose frequency was read. Instants in UTC.

    `at_once`: its first dose is due at its start. Raises Invalid where it stops before it starts.
    """
    if meaning.lasts is not None:
        stop = min(filter(None, (stop, start + meaning.lasts)))
    if isinstance(meaning.rhythm, Once):
        # A single dose is often ended at its own time, which would leave none.
        return Schedule(Once(start), start, stop if stop != start else None, time_critical=meaning.time_critical)
    first = start if at_once and isinstance(meaning.rhythm, Times) else None
    return Schedule(meaning.rhythm, start, stop, meaning.count, first, meaning.time_critical)


@dataclass(frozen=True, slots=True)
class _Table:
    """The site's table as it counts for one order."""

    table: TimesTable
    where: Where
    time_critical: bool

    def rhythm(self, code: str) -> Rhythm | None:
        row = self.table.row(code, self.where)
        return row.rhythm if row is not None else None

    def times(self, *codes: str) -> tuple[time, ...]:
        found: set[time] = set()
        for code in codes:
            at = self.table.times(code, self.where)
            if not at:
                raise Unclear(f"The site's table has no times for {code}")
            found |= set(at)
        return tuple(sorted(found))


def _meaning(said: Said, table: _Table) -> Meaning:
    if said.any("also_as_needed"):
        raise Unclear("It asks for planned doses and for doses as needed, which are two orders")
    if said.any("repeats"):
        raise Unclear("It names a dose and how often it may be repeated, which are two orders")
    if said.any("as_needed"):
        return _as_needed(said)
    if said.any("continuous"):
        said.only("continuous", "on_event", "directed", "elsewhere", "noise", "span", "doses")
        return _limited(said, Continuous())
    if said.any("elsewhere"):
        raise Unclear("It points to instructions elsewhere and names no times")
    if said.kinds <= {"directed", "doses", "noise", "breathing"} and said.any("directed"):
        return _limited(said, AsNeeded(when="as directed"))
    if said.any("on_event", "from_stock"):
        said.only("on_event", "from_stock", "directed", "once", "now", "doses", "noise", "span", "bare_one")
        return _limited(said, AsNeeded(when=_event(said)))
    if said.any("reason"):
        raise Unclear("It names a reason but not whether the doses are given only when needed")
    if said.any("awake"):
        raise Unclear("Which times fall into waking hours is not said")
    if said.any("not_times"):
        raise Unclear("It sets the usual times aside")
    if said.any("around") and said.hours() is None:
        raise Unclear("Around the clock needs the hours between doses")
    if said.any("once", "now") or (said.count() == 1 and not said.frequencies() and not said.any(*PARTS, *_FIXED)):
        return _once(said, table)
    return _limited(said, _planned(said, table))


def _limited(said: Said, rhythm: Rhythm) -> Meaning:
    if said.any("span") and not said.any("once", "now", "doses", "continuous"):
        raise Unclear("It ends in a length of time that may be meant in two ways")
    return Meaning(rhythm, said.count(), said.lasts())


def _as_needed(said: Said) -> Meaning:
    if said.any(*_FIXED):
        raise Unclear("Doses as needed have no fixed times or days")
    if said.frequencies() > 1 and not said.agrees():
        raise Unclear("It names two frequencies")
    hours, a_day = said.hours(), said.a_day()
    if a_day is None:
        a_day = sum(said.any(kind) for kind in (*PARTS, *MEALS)) or (3 if said.any(*ALL_MEALS) else None)
    when = "a continuous infusion" if said.any("continuous") else _event(said)
    meaning = _limited(said, AsNeeded(hours.least if hours else None, a_day, when))
    single = said.any("once", "now") and not said.frequencies() and meaning.count is None
    return replace(meaning, count=1) if single else meaning


def _event(said: Said) -> str:
    return "from ward stock" if said.any("from_stock") else said.text("on_event")


def _once(said: Said, table: _Table) -> Meaning:
    said.only(
        "once", "now", "doses", "directed", "noise", "span", "bare_one", "at_times", "at_hour", "breathing", *PARTS
    )
    if said.count() not in (None, 1):
        raise Unclear("It says once and names a number of doses")
    at = said.clock() or table.times(*said.parts())
    if len(at) > 1:
        raise Unclear("It says once and names more than one time")
    return Meaning(Times(at), count=1) if at else Meaning(Once())


def _planned(said: Said, table: _Table) -> Rhythm:
    if said.frequencies() > 1 and not said.agrees():
        raise Unclear("It names two frequencies")
    hours, a_day, days, at, parts = said.hours(), said.a_day(), said.days(), said.clock(), said.parts()
    if hours is not None:
        return _by_hours(hours, said, table)
    if said.any(*MEALS, *ALL_MEALS):
        if at:
            raise Unclear("It names meals and times of the clock")
        return days.at(_meals(said, table))
    if said.any("before", "after", "with"):
        raise Unclear("It does not say before, after or with what")
    if parts:
        if a_day not in (None, len(parts)) or (len(parts) > 1 and a_day is not None):
            raise Unclear("Its number of doses and its parts of the day do not fit")
        return days.at(_fitting(at, len(parts)) or table.times(*parts))
    if a_day is None and at:
        return days.at(at)
    if a_day is None and days == EVERY_DAY:
        raise Unclear("It names a number of doses but not when" if said.any("doses") else "It names no times")
    if written := _fitting(at, a_day or 1):
        return days.at(written)
    code = _CODES.get(a_day or 1, f"{a_day}X DAILY")
    rhythm = table.rhythm(code)
    return rhythm if rhythm is not None and days == EVERY_DAY else days.at(table.times(code))


def _by_hours(hours: Hours, said: Said, table: _Table) -> Rhythm:
    every, at, parts = hours.least, said.clock(), said.parts()
    by_elapsed = said.any("elapsed") or table.time_critical
    if hours.most is not None:
        raise Unclear("It leaves a choice of hours")
    if said.days() != EVERY_DAY or said.any(*MEALS, *ALL_MEALS, "before", "after", "with"):
        raise Unclear("It names hours between doses and days or meals")
    if at and not every % DAY:
        return Days(every_days=every // DAY).at(_fitting(at, 1))
    if at:
        return _evenly(at, every)
    if by_elapsed and not parts:
        return Interval(every)
    rhythm = table.rhythm(f"Q{every // HOUR}H") if not every % HOUR and not parts else None
    if rhythm is not None:
        return rhythm
    if not every % DAY:
        return Days(every_days=every // DAY).at(table.times(*parts or ["DAILY"]))
    if parts:
        raise Unclear("It names hours between doses and parts of the day")
    if every < HOUR and not said.any("doses"):
        raise Unclear("Doses less than an hour apart without a number of doses are not a schedule")
    return Interval(every)


def _evenly(at: tuple[time, ...], every: timedelta) -> Times:
    minutes = [each.hour * 60 + each.minute for each in at]
    step = every // timedelta(minutes=1)
    if len(minutes) * step != 1440 or any((each - minutes[0]) % step for each in minutes):
        raise Unclear("Its times do not keep the hours that it names")
    return Times(at)


def _fitting(at: tuple[time, ...], wanted: int) -> tuple[time, ...]:
    if at and len(at) != wanted:
        raise Unclear(f"It names {len(at)} {'time' if len(at) == 1 else 'times'} of the clock for {wanted} a day")
    return at


def _meals(said: Said, table: _Table) -> tuple[time, ...]:
    meals = [meal for meal in MEALS if said.any(meal)]
    general = [kind for kind in ALL_MEALS if said.any(kind)]
    how = {_AT_A_MEAL[kind] for kind in _AT_A_MEAL if said.any(kind)}
    night, a_day = said.any("bedtime"), said.a_day()
    if said.any("noon", "evening") or len(how) > 1:
        raise Unclear("It names meals and other times of the day")
    if said.any("morning"):
        if meals not in ([], ["breakfast"]):
            raise Unclear("It names the morning and another meal")
        meals = ["breakfast"]
    if meals:
        if a_day not in (None, len(meals) + night):
            raise Unclear("Its meals do not fit its number of doses")
        codes = [f"{''.join(how)}{meal.upper()}" for meal in meals]
    elif not general:
        raise Unclear("It does not say which meal")
    elif a_day is None or a_day == 3 + night or a_day == 3:
        codes = [ALL_MEALS[general[0]]]
    elif a_day == 2 and not night:
        codes = [f"BID {ALL_MEALS[general[0]]}"]
    else:
        raise Unclear("It does not say which meals")
    return table.times(*codes, *(["QHS"] if night else []))
