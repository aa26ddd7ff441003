"""The worked cases of the unit-dose reference that are schedules alone, under their numbers.

Unless stated: America/New_York, the window from Tuesday 9 June 2026 15:00 to Wednesday 15:00, an order that started on
1 June at 09:00 without a stop, the default table. A dose is written as its local date, time and zone letters.
Cases about routes, plans, quantities and people stand with the plan: U23, U24, U26 to U37, U54 to U59.
"""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from app.core.errors import Invalid
from app.orders.due import doses_in
from app.orders.schedule import Due, Flag, Interval, Once, Rhythm, Schedule, Times, Window
from app.orders.times_table import DEFAULT, clock_times
from app.orders.wall_clock import place

NEW_YORK = "America/New_York"
TUESDAY = ("2026-06-09 15:00", "2026-06-10 15:00")
SPRING = ("2026-03-07 15:00", "2026-03-08 15:00")
AUTUMN = ("2026-10-31 15:00", "2026-11-01 15:00")
START = "2026-06-01 09:00"


def instant(wall: str, zone: str = NEW_YORK) -> datetime:
    return place(datetime.fromisoformat(wall), zone).at


def code(name: str) -> Times:
    times = DEFAULT.times(name)
    assert times, f"the default table has no {name}"
    return Times(times)


def at(*times: str) -> Times:
    return Times(clock_times(" ".join(times)))


def order(rhythm: Rhythm, start: str = START, stop: str | None = None, first: str | None = None,
          count: int | None = None) -> Schedule:  # fmt: skip
    return Schedule(
        rhythm, instant(start), instant(stop) if stop else None, count, instant(first) if first else None
    )


def doses(schedule: Schedule, window: tuple[str, str] = TUESDAY, zone: str = NEW_YORK) -> tuple[Due, ...]:
    return doses_in(schedule, Window(*(instant(each, zone) for each in window)), zone)


def shown(schedule: Schedule, window: tuple[str, str] = TUESDAY, zone: str = NEW_YORK) -> list[str]:
    """The doses as '10 09:00', in a window over a clock change '08 03:00 EDT'."""
    letters = " %Z" if window in (SPRING, AUTUMN) else ""
    return [f"{due.at.astimezone(ZoneInfo(zone)):%d %H:%M{letters}}" for due in doses(schedule, window, zone)]


def flags(schedule: Schedule, window: tuple[str, str]) -> dict[str, tuple[Flag, ...]]:
    found = zip(shown(schedule, window), doses(schedule, window), strict=True)
    return {words: due.flags for words, due in found if due.flags}


def anchored(name: str, days: int, first: str) -> Times:
    return Times(code(name).at, every_days=days, anchor=date.fromisoformat(first))


# --- codes of the table ---

TABLE = [
    ("U01", code("DAILY"), ["10 09:00"]),
    ("U02", code("BID"), ["09 21:00", "10 09:00"]),
    ("U03", code("TID"), ["09 21:00", "10 09:00", "10 14:00"]),
    ("U04", code("QID"), ["09 17:00", "09 21:00", "10 09:00", "10 13:00"]),
    ("U05", code("Q6H"), ["09 18:00", "10 00:00", "10 06:00", "10 12:00"]),
    ("U06", code("Q8H"), ["09 22:00", "10 06:00", "10 14:00"]),
    ("U07", code("Q4H"), ["09 18:00", "09 22:00", "10 02:00", "10 06:00", "10 10:00", "10 14:00"]),
    ("U08", code("QHS"), ["09 21:00"]),
    ("U10 AC", code("AC"), ["09 16:30", "10 07:30", "10 11:30"]),
    ("U10 PC", code("PC"), ["09 18:00", "10 09:00", "10 13:00"]),
    ("U10 ACHS", code("ACHS"), ["09 16:30", "09 21:00", "10 07:30", "10 11:30"]),
]


@pytest.mark.parametrize(("rhythm", "expected"), [case[1:] for case in TABLE], ids=[case[0] for case in TABLE])
def test_the_codes_of_the_default_table(rhythm, expected):
    assert shown(order(rhythm)) == expected


def test_u09_a_dose_at_the_boundary_belongs_to_the_window_that_it_begins():
    following = ("2026-06-10 15:00", "2026-06-11 15:00")
    assert shown(order(at("15:00"))) == ["09 15:00"]
    assert shown(order(at("15:00")), following) == ["10 15:00"]


# --- masks of days ---


def test_u11_days_of_the_week():
    mwf = Times(code("DAILY").at, weekdays=(0, 2, 4))
    assert shown(order(mwf)) == ["10 09:00"]
    assert shown(order(mwf), ("2026-06-08 15:00", "2026-06-09 15:00")) == []


def test_u12_every_48_hours_counts_from_its_first_dose():
    q48h = order(anchored("DAILY", 2, "2026-06-01"))
    assert shown(q48h) == []
    assert shown(q48h, ("2026-06-08 15:00", "2026-06-09 15:00")) == ["09 09:00"]
    assert shown(q48h, ("2026-06-10 15:00", "2026-06-11 15:00")) == ["11 09:00"]


def test_u12_without_an_anchor_the_first_dose_is_the_first_table_time_of_the_order():
    assert shown(order(Times(code("DAILY").at, every_days=2)), ("2026-06-08 15:00", "2026-06-09 15:00")) == ["09 09:00"]
    late = order(Times(code("DAILY").at, every_days=2), start="2026-06-01 09:01")
    assert shown(late) == ["10 09:00"]


def test_u13_every_72_hours():
    assert shown(order(anchored("DAILY", 3, "2026-06-01"))) == ["10 09:00"]


def test_u14_every_other_day_takes_its_parity_from_the_anchor_not_from_the_calendar():
    assert shown(order(anchored("DAILY", 2, "2026-06-02"))) == ["10 09:00"]


def test_u15_weekly():
    assert shown(order(anchored("DAILY", 7, "2026-06-03"))) == ["10 09:00"]


# --- intervals and single doses ---


def test_u16_every_36_hours():
    assert shown(order(Interval(timedelta(hours=36), instant("2026-06-08 08:00")))) == ["09 20:00"]


def test_u17_every_5_hours():
    every = order(Interval(timedelta(hours=5), instant("2026-06-09 16:30")))
    assert shown(every) == ["09 16:30", "09 21:30", "10 02:30", "10 07:30", "10 12:30"]


def test_u18_one_dose():
    assert shown(order(Once(), start="2026-06-10 08:00")) == ["10 08:00"]


def test_u19_a_stat_dose_written_before_the_window_is_not_of_the_window():
    stat = order(Once(), start="2026-06-09 10:05")
    assert shown(stat) == []
    assert shown(stat, ("2026-06-08 15:00", "2026-06-09 15:00")) == ["09 10:05"]


# --- start, stop, number of doses, hold ---


def test_u20_a_start_inside_the_window():
    assert shown(order(code("BID"), start="2026-06-10 08:00")) == ["10 09:00"]
    assert shown(order(code("BID"), start="2026-06-10 09:00")) == ["10 09:00"], "the start itself is included"


def test_u21_the_stop_is_not_included():
    assert shown(order(code("BID"), stop="2026-06-10 09:00")) == ["09 21:00"]
    assert shown(order(code("BID"), stop="2026-06-10 09:01")) == ["09 21:00", "10 09:00"]


def test_u22_a_number_of_doses_counts_those_before_the_window_too():
    five = order(code("TID"), start="2026-06-09 09:00", count=5)
    assert shown(five, ("2026-06-08 15:00", "2026-06-09 15:00")) == ["09 09:00", "09 14:00"]
    assert shown(five) == ["09 21:00", "10 09:00", "10 14:00"]
    assert shown(five, ("2026-06-10 15:00", "2026-06-11 15:00")) == []


def test_u25_a_hold_is_a_stop_and_a_resumption_a_start():
    held = order(code("BID"), stop="2026-06-09 12:00")
    resumed = order(code("BID"), start="2026-06-10 08:00")
    assert shown(held) == []
    assert shown(held) + shown(resumed) == ["10 09:00"]


# --- windows ---


def test_u38_three_fills_a_day_sum_to_the_daily_count():
    shifts = [("2026-06-10 06:00", "2026-06-10 14:00"), ("2026-06-10 14:00", "2026-06-10 22:00"),
              ("2026-06-10 22:00", "2026-06-11 06:00")]  # fmt: skip
    for name, counts in (("QID", [2, 2, 0]), ("Q6H", [2, 1, 1]), ("BID", [1, 1, 0]), ("Q4H", [2, 2, 2])):
        assert [len(doses(order(code(name)), shift)) for shift in shifts] == counts, name


def test_u39_a_weekend_in_one_fill():
    assert len(doses(order(code("BID")), ("2026-06-12 15:00", "2026-06-14 15:00"))) == 4


# --- the clocks go forward ---


def test_u40_spring_tables():
    from_winter = "2026-03-01 09:00"
    assert shown(order(code("Q4H"), from_winter), SPRING) == [
        "07 18:00 EST", "07 22:00 EST", "08 03:00 EDT", "08 06:00 EDT", "08 10:00 EDT", "08 14:00 EDT",
    ]  # fmt: skip
    assert flags(order(code("Q4H"), from_winter), SPRING) == {"08 03:00 EDT": (Flag.SHIFTED,)}
    assert len(doses(order(code("Q6H"), from_winter), SPRING)) == 4
    assert len(doses(order(code("Q8H"), from_winter), SPRING)) == 3


def test_u41_a_time_that_does_not_exist_moves_forward_by_the_gap():
    (due,) = doses(order(at("02:30"), "2026-03-01 09:00"), SPRING)
    assert due == Due(datetime(2026, 3, 8, 7, 30, tzinfo=UTC), datetime(2026, 3, 8, 2, 30), (Flag.SHIFTED,))
    assert shown(order(at("02:30"), "2026-03-01 09:00"), SPRING) == ["08 03:30 EDT"]


def test_u42_an_interval_drifts_on_the_wall():
    every = order(Interval(timedelta(hours=6), instant("2026-03-07 18:00")), "2026-03-01 09:00")
    assert shown(every, SPRING) == ["07 18:00 EST", "08 00:00 EST", "08 07:00 EDT", "08 13:00 EDT"]


def test_u43_hourly_grids_and_intervals():
    grid = order(code("Q1H"), "2026-03-01 09:00")
    assert len(doses(grid, SPRING)) == 23
    assert flags(grid, SPRING) == {"08 03:00 EDT": (Flag.MERGED,)}
    assert len(doses(order(Interval(timedelta(hours=1), instant(SPRING[0])), "2026-03-01 09:00"), SPRING)) == 23


def test_u44_two_hourly_doses_come_too_close_and_are_reviewed():
    grid = order(code("Q2H"), "2026-03-01 09:00")
    assert len(doses(grid, SPRING)) == 12
    assert flags(grid, SPRING) == {"08 03:00 EDT": (Flag.SHIFTED,), "08 04:00 EDT": (Flag.SHORT_GAP,)}


# --- the clocks go back ---


def test_u45_autumn_tables():
    q4h = order(code("Q4H"))
    assert shown(q4h, AUTUMN) == [
        "31 18:00 EDT", "31 22:00 EDT", "01 02:00 EST", "01 06:00 EST", "01 10:00 EST", "01 14:00 EST",
    ]  # fmt: skip
    assert flags(q4h, AUTUMN) == {}, "five hours are no more than one and a half times four"
    assert (len(doses(order(code("Q6H")), AUTUMN)), len(doses(order(code("BID")), AUTUMN))) == (4, 2)


def test_u46_a_time_that_comes_twice_is_given_once_at_its_first():
    assert shown(order(at("01:30")), AUTUMN) == ["01 01:30 EDT"]
    assert flags(order(at("01:30")), AUTUMN) == {"01 01:30 EDT": (Flag.REPEAT,)}


def test_u47_hourly_grids_and_intervals():
    grid = order(code("Q1H"))
    assert len(doses(grid, AUTUMN)) == 24
    assert flags(grid, AUTUMN) == {"01 01:00 EDT": (Flag.REPEAT,), "01 02:00 EST": (Flag.LONG_GAP,)}
    hourly = shown(order(Interval(timedelta(hours=1), instant(AUTUMN[0]))), AUTUMN)
    assert len(hourly) == 25 and {"01 01:00 EDT", "01 01:00 EST"} <= set(hourly)


def test_u48_an_interval_of_eight_hours():
    every = order(Interval(timedelta(hours=8), instant("2026-10-31 16:00")))
    assert shown(every, AUTUMN) == ["31 16:00 EDT", "01 00:00 EDT", "01 07:00 EST"]


# --- places, midnight, first doses, series of orders ---


def test_u49_a_unit_keeps_its_own_clock_wherever_the_pharmacy_is():
    window = ("2026-12-07 15:00", "2026-12-08 15:00")
    phoenix = Schedule(code("BID"), instant(START, "America/Phoenix"))
    found = doses(phoenix, window, "America/Phoenix")
    for zone, expected in (("America/Phoenix", ["21:00 MST", "09:00 MST"]),
                           ("America/Los_Angeles", ["20:00 PST", "08:00 PST"])):  # fmt: skip
        assert [f"{due.at.astimezone(ZoneInfo(zone)):%H:%M %Z}" for due in found] == expected


def test_u50_midnight_and_one_minute_to_midnight_are_different_times():
    day = ("2026-06-10 00:00", "2026-06-11 00:00")
    assert shown(order(code("Q6H")), day) == ["10 00:00", "10 06:00", "10 12:00", "10 18:00"]
    site = at("06:00", "12:00", "18:00", "23:59")
    assert shown(order(site), day) == ["10 06:00", "10 12:00", "10 18:00", "10 23:59"]
    assert clock_times("2400") == (time(0),), "2400 of a table is the first minute of the next date"


@pytest.mark.parametrize(("first", "following"), [("10:30", "09 18:00"), ("08:30", "09 12:00")])
def test_u51_a_first_dose_off_the_table_skips_the_next_time_when_less_than_half_remains(first, following):
    given = order(code("Q6H"), start="2026-06-09 08:00", first=f"2026-06-09 {first}")
    found = shown(given, ("2026-06-09 08:00", "2026-06-10 00:00"))
    assert found[:2] == [f"09 {first}", following]
    assert doses(given, ("2026-06-09 08:00", "2026-06-10 00:00"))[0].flags == (Flag.FIRST,)


def test_u51_exactly_half_remaining_is_given():
    given = order(code("Q6H"), start="2026-06-09 08:00", first="2026-06-09 09:00")
    assert shown(given, ("2026-06-09 08:00", "2026-06-09 13:00")) == ["09 09:00", "09 12:00"]


def test_u52_the_steps_of_a_taper_are_orders_that_follow_each_other():
    forty = order(code("DAILY"), start="2026-06-09 00:00", stop="2026-06-11 00:00")
    thirty = order(code("DAILY"), start="2026-06-11 00:00", stop="2026-06-13 00:00")
    assert (shown(forty), shown(thirty)) == (["10 09:00"], [])


def test_u53_two_strengths_on_different_days_of_the_week():
    five = order(Times((time(18),), weekdays=(0, 2, 4)))
    half = order(Times((time(18),), weekdays=(1, 3, 5, 6)))
    assert (shown(five), shown(half)) == ([], ["09 18:00"])


def test_u60_the_31st_of_the_month_is_refused():
    with pytest.raises(Invalid, match="Not every month has a day 31"):
        Times((time(9),), month_day=31)
