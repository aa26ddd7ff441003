"""Laws of every schedule in every zone: windows in a row neither lose nor double a dose, and the library agrees."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from dateutil import rrule
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.canonical import canonical
from app.core.errors import Invalid
from app.orders.due import anchored, doses_in, first_planned
from app.orders.preview import next_change, preview
from app.orders.schedule import (
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
    doses_a_day,
    timing_class,
)
from app.orders.schedule_document import (
    kind_of,
    read_rhythm,
    read_schedule,
    rhythm_facts,
    written_rhythm,
    written_schedule,
)
from app.orders.schedule_words import in_words, schedule_in_words
from app.orders.wall_clock import place, wall_of

# Zones that change by an hour, by half an hour, at odd times, by a whole day, and not at all.
ODD = (
    "America/New_York", "Europe/London", "Australia/Lord_Howe", "America/St_Johns", "Asia/Kathmandu",
    "Africa/Casablanca", "Pacific/Apia", "Antarctica/Troll", "Pacific/Chatham", "America/Phoenix", "Asia/Gaza",
    "UTC", "America/Havana",
)  # fmt: skip
ALL = sorted(available_timezones() - {"localtime"})
zones = st.sampled_from(ODD) | st.sampled_from(ALL)
FIRST, LAST = datetime(2005, 1, 1, tzinfo=UTC), datetime(2035, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@st.composite
def instants(draw: st.DrawFn, zone: str) -> datetime:
    """Any instant to the minute, rather often one within two days of a change of the zone's clocks."""
    at = draw(st.datetimes(FIRST.replace(tzinfo=None), LAST.replace(tzinfo=None))).replace(tzinfo=UTC, second=0)
    at = at.replace(microsecond=0)
    change = next_change(zone, at)
    if change is not None and draw(st.booleans()):
        at = change + draw(st.integers(-3000, 3000)) * MINUTE
    return at


clock = st.builds(time, st.integers(0, 23), st.sampled_from([0, 15, 30, 45, 59])) | st.builds(time, st.integers(0, 3))


@st.composite
def all_times(draw: st.DrawFn) -> Times:
    at = tuple(sorted(draw(st.sets(clock, min_size=1, max_size=8))))
    kind = draw(st.sampled_from(["daily", "weekdays", "every", "month", "months"]))
    if kind == "weekdays":
        return Times(at, weekdays=tuple(sorted(draw(st.sets(st.integers(0, 6), min_size=1)))))
    if kind == "every":
        return Times(at, every_days=draw(st.integers(2, 20)))
    if kind == "month":
        return Times(at, month_day=draw(st.integers(1, 28)))
    if kind == "months":
        return Times(at, month_day=draw(st.integers(1, 28)), every_months=draw(st.integers(2, 6)))
    return Times(at)


intervals = st.builds(Interval, st.integers(30, 5000).map(lambda minutes: minutes * MINUTE))
rhythms: st.SearchStrategy[Rhythm] = all_times() | intervals | st.just(Once())


@st.composite
def planned(draw: st.DrawFn) -> tuple[str, Schedule]:
    """A zone and a schedule with whatever limits."""
    zone = draw(zones)
    start = draw(instants(zone))
    stop = draw(st.none() | st.integers(0, 60 * 24 * 60).map(lambda minutes: start + minutes * MINUTE))
    first = draw(st.none() | st.none() | st.integers(0, 3000).map(lambda minutes: start + minutes * MINUTE))
    count = draw(st.none() | st.integers(1, 30))
    return zone, Schedule(draw(rhythms), start, stop, count, first)


def cuts(draw: st.DrawFn, start: datetime, days: int = 9) -> list[datetime]:
    """The edges of windows in a row."""
    inside = draw(st.lists(st.integers(-1440, days * 1440), max_size=6, unique=True))
    ends = {start - timedelta(days=1), start + timedelta(days=days)}
    return sorted(ends | {start + each * MINUTE for each in inside})


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_windows_in_a_row_neither_lose_nor_double_a_dose(data: st.DataObject) -> None:
    zone, schedule = data.draw(planned())
    assert schedule.start is not None
    edges = cuts(data.draw, schedule.start)
    whole = doses_in(schedule, Window(edges[0], edges[-1]), zone)
    parts = [due for a, b in pairwise(edges) for due in doses_in(schedule, Window(a, b), zone)]
    assert tuple(parts) == whole
    instants_of = [due.at for due in whole]
    assert instants_of == sorted(set(instants_of))


@settings(max_examples=100, deadline=None)
@given(planned())
def test_a_number_of_doses_is_never_passed_and_is_the_beginning_of_all(made: tuple[str, Schedule]) -> None:
    zone, schedule = made
    assert schedule.start is not None
    span = Window(schedule.start - timedelta(days=1), schedule.start + timedelta(days=40))
    endless = doses_in(replace(schedule, count=None), span, zone)
    limited = doses_in(schedule, span, zone)
    if schedule.count is None:
        assert limited == endless
    else:
        assert limited == endless[: schedule.count]


@settings(max_examples=100, deadline=None)
@given(planned())
def test_no_dose_lies_before_the_start_or_at_the_stop(made: tuple[str, Schedule]) -> None:
    zone, schedule = made
    assert schedule.start is not None
    for due in doses_in(schedule, Window(schedule.start - timedelta(days=5), schedule.start + timedelta(days=9)), zone):
        assert due.at >= schedule.start
        assert schedule.stop is None or due.at < schedule.stop
        if not set(due.flags) & {Flag.SHIFTED, Flag.REPEAT, Flag.MERGED}:
            assert wall_of(due.at, zone) == due.wall


@settings(max_examples=60, deadline=None)
@given(planned())
def test_naming_the_first_dose_in_the_rhythm_changes_no_dose(made: tuple[str, Schedule]) -> None:
    zone, schedule = made
    assert schedule.start is not None
    span = Window(schedule.start, schedule.start + timedelta(days=20))
    assert doses_in(anchored(schedule, zone), span, zone) == doses_in(schedule, span, zone)
    found = doses_in(replace(schedule, stop=None), Window(schedule.start, schedule.start + timedelta(days=400)), zone)
    first = first_planned(replace(schedule, stop=None), zone)
    assert (found[0].at if found else None) == first


@settings(max_examples=150, deadline=None)
@given(planned())
def test_a_schedule_is_stored_and_read_back_as_the_same_value(made: tuple[str, Schedule]) -> None:
    zone, schedule = made
    for each in (schedule, anchored(schedule, zone), replace(schedule, time_critical=True)):
        text = written_schedule(each)
        assert read_schedule(text, each.start, each.stop) == each
        assert canonical(rhythm_facts(each.rhythm)) == written_rhythm(each.rhythm)
        assert read_rhythm(written_rhythm(each.rhythm)) == each.rhythm
        assert schedule_in_words(each, zone) and kind_of(each.rhythm) in text


# --- the library as a second opinion ---


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_times_without_a_clock_change_are_those_of_the_recurrence_library(data: st.DataObject) -> None:
    times = data.draw(all_times())
    start = data.draw(st.datetimes(datetime(2005, 1, 1), datetime(2035, 1, 1))).replace(second=0, microsecond=0)
    schedule = anchored(Schedule(times, start.replace(tzinfo=UTC)), "UTC")
    assert isinstance(schedule.rhythm, Times)
    begin = datetime.combine(schedule.rhythm.anchor or start.date(), time())
    frequency, step = rrule.DAILY, times.every_days
    if times.month_day is not None:
        frequency, step = rrule.MONTHLY, times.every_months
    days = rrule.rrule(
        frequency, dtstart=begin, interval=step, bymonthday=times.month_day, byweekday=times.weekdays or None
    )  # fmt: skip
    end = start + timedelta(days=100)
    dates = days.between(begin - timedelta(days=1), end, inc=True)
    walls = [datetime.combine(day, at) for day in dates for at in times.at]
    expected = [wall for wall in walls if start <= wall < end]
    found = doses_in(schedule, Window(start.replace(tzinfo=UTC), end.replace(tzinfo=UTC)), "UTC")
    assert [due.wall for due in found] == expected


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_intervals_are_those_of_the_recurrence_library_whatever_the_clocks_do(data: st.DataObject) -> None:
    zone = data.draw(zones)
    anchor = data.draw(instants(zone))
    minutes = data.draw(st.integers(10, 4000))
    window = Window(anchor + data.draw(st.integers(-3000, 9000)) * MINUTE, anchor + timedelta(days=12))
    rule = rrule.rrule(rrule.MINUTELY, interval=minutes, dtstart=anchor.replace(tzinfo=None))
    begin, end = window.start.replace(tzinfo=None), window.end.replace(tzinfo=None)
    expected = [at for at in rule.between(begin, end, inc=True) if at < end]
    found = doses_in(Schedule(Interval(minutes * MINUTE, anchor), anchor), window, zone)
    assert [due.at.replace(tzinfo=None) for due in found] == expected


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_daily_time_is_given_once_on_every_date_that_has_it(data: st.DataObject) -> None:
    """One dose a date, at the time meant or, where that does not exist, moved forward by just the gap."""
    zone, at = data.draw(zones), data.draw(clock)
    near = wall_of(data.draw(instants(zone)), zone).date()
    midnight = place(datetime.combine(near, time()), zone).at
    window = Window(midnight, midnight + timedelta(days=6))
    found = doses_in(Schedule(Times((at,))), window, zone)
    for due in found:
        assert due.wall.time() == at
        moved = wall_of(due.at, zone) - due.wall
        assert (moved > timedelta(0)) == (Flag.SHIFTED in due.flags)
    dates = [due.wall.date() for due in found]
    assert len(dates) == len(set(dates))
    missing = {window_day for window_day in _dates(window, zone)} - set(dates)
    # A date is missing only where the window cuts it, or the zone left it out and its dose fell together with another.
    edge = {wall_of(window.start, zone).date(), wall_of(window.end, zone).date()}
    assert all(day in edge or not _exists(day, zone) for day in missing)


def _dates(window: Window, zone: str) -> set[date]:
    day, last = wall_of(window.start, zone).date(), wall_of(window.end, zone).date()
    return {day + timedelta(days=nth) for nth in range((last - day).days + 1)}


def _exists(day: date, zone: str) -> bool:
    noon = datetime.combine(day, time(12))
    return place(noon, zone).flags != (Flag.SHIFTED,)


# --- single values ---


def test_a_day_that_a_zone_left_out_gives_its_dose_with_the_next() -> None:
    """Samoa went from 29 to 31 December 2011."""
    apia = "Pacific/Apia"
    window = Window(place(datetime(2011, 12, 29), apia).at, place(datetime(2012, 1, 2), apia).at)
    daily = doses_in(Schedule(Times((time(9),))), window, apia)
    assert [(due.wall.day, due.flags) for due in daily] == [(29, ()), (31, (Flag.MERGED,)), (1, ())]
    other = Schedule(Times((time(9),), every_days=2, anchor=date(2011, 12, 28)))
    assert [(wall_of(due.at, apia).day, due.flags) for due in doses_in(other, window, apia)] == [
        (31, (Flag.SHIFTED,)), (1, (Flag.SHORT_GAP,)),
    ]  # fmt: skip


def test_a_gap_before_the_first_dose_of_an_order_is_nobodys() -> None:
    start = place(datetime(2026, 3, 8, 3, 30), "America/New_York").at
    grid = Times(tuple(time(hour) for hour in range(0, 24, 2)))
    found = doses_in(Schedule(grid, start), Window(start, start + timedelta(hours=4)), "America/New_York")
    assert [(due.wall.hour, due.flags) for due in found] == [(4, ()), (6, ())]


@pytest.mark.parametrize(
    ("rhythm", "class_name", "a_day"),
    [
        (Times((time(9),)), "daily or less often", 1),
        (Times((time(9), time(21))), "several times a day", 2),
        (Times((time(9), time(13), time(17), time(21))), "several times a day", 4),
        (Times((time(9), time(12))), "time-critical", 2),
        (Times((time(9), time(12)), every_days=2), "time-critical", None),
        (Times((time(9),), weekdays=(0, 2)), "daily or less often", None),
        (Interval(timedelta(hours=2)), "time-critical", 12),
        (Interval(timedelta(hours=36)), "daily or less often", None),
        (Once(), None, 0),
        (AsNeeded(), None, None),
        (Continuous(), None, None),
    ],
)
def test_how_exactly_a_dose_is_to_be_timed(rhythm: Rhythm, class_name: str | None, a_day: int | None) -> None:
    schedule = Schedule(rhythm, FIRST)
    found = timing_class(schedule)
    assert (found and found.name) == class_name
    assert doses_a_day(schedule) == a_day
    critical = timing_class(replace(schedule, time_critical=True))
    assert (critical and critical.either_way) == (timedelta(minutes=30) if class_name else None)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Times(()),
        lambda: Times((time(9), time(9))),
        lambda: Times((time(21), time(9))),
        lambda: Times((time(9),), weekdays=(7,)),
        lambda: Times((time(9),), weekdays=(2, 1)),
        lambda: Times((time(9),), every_days=0),
        lambda: Times((time(9),), every_months=2),
        lambda: Times((time(9),), month_day=29),
        lambda: Interval(timedelta(0)),
        lambda: Interval(timedelta(days=100)),
        lambda: Schedule(Times((time(9),)), LAST, FIRST),
        lambda: Schedule(Times((time(9),)), FIRST, count=0),
        lambda: Schedule(Once()),
        lambda: Schedule(Interval(timedelta(hours=6))),
        lambda: Schedule(Times((time(9),), every_days=2)),
        lambda: Window(LAST, FIRST),
    ],
)
def test_what_cannot_be_a_schedule_is_refused_in_words(wrong: Callable[[], object]) -> None:
    with pytest.raises(Invalid) as refused:
        wrong()
    assert len(str(refused.value).split()) > 3


def test_an_instant_in_another_zone_is_a_fault_of_the_caller() -> None:
    local = datetime(2026, 6, 1, 9, tzinfo=ZoneInfo("America/New_York"))
    for wrong in (lambda: Schedule(Once(), local), lambda: Window(local, LAST), lambda: Once(datetime(2026, 6, 1))):
        with pytest.raises(ValueError, match="not an instant in UTC"):
            wrong()


def test_more_doses_than_an_order_can_have_are_refused() -> None:
    often = Schedule(Interval(MINUTE), FIRST)
    with pytest.raises(Invalid, match="More than 20,000"):
        doses_in(often, Window(FIRST, FIRST + timedelta(days=30)), "UTC")


def test_what_a_schedule_yields_is_shown_with_the_night_of_the_next_clock_change() -> None:
    now = datetime(2026, 10, 20, 12, tzinfo=UTC)
    told = preview(Schedule(Times((time(1, 30), time(13, 30)))), "America/New_York", now)
    assert [(day.words, [dose.clock for dose in day.doses]) for day in told.soon][:2] == [
        ("Tue 20-Oct-2026", ["13:30 EDT"]), ("Wed 21-Oct-2026", ["01:30 EDT", "13:30 EDT"]),
    ]  # fmt: skip
    assert told.change.startswith("The clocks go back on Sun 01-Nov-2026 01:59 EDT")
    night = {dose.clock: dose.remark for day in told.around for dose in day.doses}
    assert night["01:30 EDT"] == "01:30 comes twice that day, this is the first"
    nothing = preview(Schedule(AsNeeded(), now), "America/Phoenix", now)
    assert (nothing.soon, nothing.change, nothing.around) == ((), "", ())


def test_rhythms_in_words() -> None:
    said = {
        "every day at 09:00 and 21:00": Times((time(9), time(21))),
        "every other day at 21:00, from 10-Jun-2026": Times((time(21),), every_days=2, anchor=date(2026, 6, 10)),
        "Mon, Wed and Fri at 09:00": Times((time(9),), weekdays=(0, 2, 4)),
        "on day 15 of every 3 months at 09:00, from 15-Jun-2026": Times(
            (time(9),), month_day=15, every_months=3, anchor=date(2026, 6, 15)
        ),
        "every day at 24 times from 00:00 to 23:00": Times(tuple(time(hour) for hour in range(24))),
        "every 13 hours 20 min from 01-Jan-2005 00:00": Interval(timedelta(minutes=800), FIRST),
        "one dose, 01-Jan-2005 00:00": Once(FIRST),
        "when needed, at least 6 hours apart, at most 3 a day": AsNeeded(timedelta(hours=6), 3),
        "only when needed: on call": AsNeeded(when="on call"),
        "continuous": Continuous(),
    }
    assert {in_words(rhythm, "UTC"): rhythm for rhythm in said.values()} == said
    limited = Schedule(Times((time(9),)), FIRST, None, 5, FIRST, True)
    assert schedule_in_words(limited, "UTC").endswith("5 doses in all, the first dose 01-Jan-2005 00:00, time-critical")


def test_a_due_dose_is_a_value() -> None:
    assert Due(FIRST, datetime(2005, 1, 1)) == Due(FIRST, datetime(2005, 1, 1), ())
