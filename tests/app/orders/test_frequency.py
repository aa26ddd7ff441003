"""Frequencies as people write them: read into one of the five kinds, or left to a pharmacist with the reason."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.orders.frequency import Meaning, Unread, read_frequency
from app.orders.schedule import AsNeeded, Continuous, Interval, Once, Rhythm, Times
from app.orders.times_table import ANYWHERE, DEFAULT, Row, Scope, TimesTable, Where, clock_times, every

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def read(text: str, where: Where = ANYWHERE, **more: bool) -> Meaning:
    found = read_frequency(text, DEFAULT, where, **more)
    assert isinstance(found, Meaning), found
    return found


def at(times: str, **masks: Any) -> Times:
    return Times(clock_times(times), **masks)


# What each rhythm is written as, with bars between.
WRITTEN: list[tuple[Rhythm, str]] = [
    # named, and so many times a day
    (at("0900"), "daily | QD | Q DAY | qDaily | every day | once daily | .Q24H | q 24 hour (daily)"),
    (at("0900 2100"), "BID | b.i.d. | 2 times daily | twice a day | Q12 | q12h (bid) | every 12 hours scheduled"),
    (at("0900 1400 2100"), "tid | 3XDAY | 3x/day | three times a day | TID (09 14 21)"),
    (at("0900 1300 1700 2100"), "Q.I.D. | 4 times per day | 09-13-17-21"),
    # hours
    (at("0000 0600 1200 1800"), "q6h | Q 6 HRS | Q6H:ASDIR | Q6H ATC | Q6H 0600-1200-1800-2400 | Resp q 6 hour"),
    (at("0200 0600 1000 1400 1800 2200"), "Q4H | RT Q4H | every four hours | q4hr"),
    (at("0600 1400 2200"), "every 8 hours | 8h | Q8HRS"),
    (at(every(1)), "hourly | q1h | every hour"),
    (Interval(8 * HOUR), "Q8H (INT) | q8hr (interval)"),
    (Interval(36 * HOUR), "Q36H | every 36 hours"),
    (Interval(5 * HOUR), "Q5H"),
    (Interval(13 * HOUR + 20 * MINUTE), ".Q13H20M"),
    # days
    (at("0900", every_days=2), "every other day | QOD | Q48H | every 2 days | EOD"),
    (at("2100", every_days=2), "every other day at bedtime | QODHS"),
    (at("2200", every_days=2), "every 2 days at 10 pm"),
    (at("0900", every_days=3), "Q72H | every 3 days"),
    (at("0900", every_days=7), "weekly | once a week | every week"),
    (at("0900", every_days=14), "Q2W | every other week"),
    (at("0900", weekdays=(0, 2, 4)), "QMWF | MO-WE-FR | once per day on Mon Wed Fri | 3 times a week MWF | QMOWEFR"),
    (at("0900", weekdays=(1, 3, 5)), "QTTS | QTUTHSA"),
    (at("0900", weekdays=(0, 3)), "QMONTHUR | every Monday and Thursday"),
    (at("0900", weekdays=(0,)), "weekly on Monday | QMON"),
    (at("0900 2100", weekdays=(1, 3)), "BID on Tue Thu"),
    (at("0900", month_day=15), "monthly on day 15 | monthly15"),
    (at("0900", month_day=1), "monthly on the 1st"),
    # parts of the day and meals
    (at("0900"), "q AM | every morning"),
    (at("1200"), "noon"),
    (at("1800"), "every evening | QPM"),
    (at("2100"), "HS | nightly | at bedtime"),
    (at("0900 1800"), "AM and PM"),
    (at("0730 1130 1630"), "AC | TIDAC | before meals"),
    (at("0730 1130 1630 2100"), "AC & HS | QIDACHS | before meals & nightly"),
    (at("0900 1300 1800 2100"), "QIDPCHS"),
    (at("0800 1200 1700"), "TID with meals | TID W/MEALS"),
    (at("0800 1700"), "BIDWM | 2 times daily with meals"),
    (at("0730"), "every morning before breakfast | QAM AC"),
    (at("1700"), "daily with dinner | Q1700"),
    # times of the clock
    (at("0900 2100"), "0900,2100 | Q12HR(09 21)"),
    (at("0800 1600"), "BID (0800, 1600)"),
    (at("0630"), "DAILY0630 | daily at 6:30 am"),
    (at("1600"), "DAILY16"),
    (at("0000"), "DAILY@2400"),
    # the rest
    (Once(), "x1 | ONE TIME ONLY | stat | now | OTO | 1 dose | 1X | once 1 | NOW X1"),
    (Continuous(), "CONT INF | titrate to effect | IV DRIP | TPN continuous"),
]
PLANNED = [(text, rhythm) for rhythm, texts in WRITTEN for text in texts.split(" | ")]


@pytest.mark.parametrize(("text", "rhythm"), PLANNED, ids=[text for text, _ in PLANNED])
def test_what_is_written_is_read(text: str, rhythm: Rhythm) -> None:
    assert read(text) == Meaning(rhythm)


@pytest.mark.parametrize(
    ("text", "needed", "count"),
    [
        ("PRN", AsNeeded(), None),
        ("q6h prn", AsNeeded(6 * HOUR), None),
        ("Q4-6H:PRN", AsNeeded(4 * HOUR), None),
        ("every 4 hours as needed", AsNeeded(4 * HOUR), None),
        ("PRN Q4H FOR PAIN", AsNeeded(4 * HOUR), None),
        ("TID PRN", AsNeeded(a_day=3), None),
        ("HS PRN", AsNeeded(a_day=1), None),
        ("once prn", AsNeeded(), 1),
        ("Q5 min PRN x3", AsNeeded(5 * MINUTE), 3),
        ("Q6HP", AsNeeded(6 * HOUR), None),
        ("on call to OR", AsNeeded(when="on call to or"), None),
        ("PREOP", AsNeeded(when="preop"), None),
        ("POST HD", AsNeeded(when="post hd"), None),
        ("as directed", AsNeeded(when="as directed"), None),
        ("PYXIS", AsNeeded(when="from ward stock"), None),
    ],
)
def test_what_is_given_when_needed_plans_nothing_and_keeps_its_limits(
    text: str, needed: AsNeeded, count: int | None
) -> None:
    assert read(text) == Meaning(needed, count)


@pytest.mark.parametrize(
    ("text", "rhythm", "count"),
    [
        ("TID x 5 doses", at("0900 1400 2100"), 5),
        ("Q8H X3", at("0600 1400 2200"), 3),
        ("daily for 3 doses", at("0900"), 3),
        ("Q30MIN X4", Interval(30 * MINUTE), 4),
        ("Once: for 1 dose(s)", Once(), 1),
        ("1XHS", at("2100"), 1),
        ("once at 1800", at("1800"), 1),
    ],
)
def test_a_number_of_doses_limits_any_kind(text: str, rhythm: Rhythm, count: int) -> None:
    found = read(text)
    assert (found.rhythm, found.count or 1) == (rhythm, count)


def test_a_length_of_time_limits_too() -> None:
    assert read("BID x 7 days") == Meaning(at("0900 2100"), lasts=timedelta(days=7))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "does not say how often"),
        ("   ", "does not say how often"),
        ("TWICE-ISH", "“ISH” means is not known"),
        ("DOSVID", "is not known here"),
        ("Q4-6H", "a choice of hours"),
        ("Q6H AND PRN", "two orders"),
        ("ONCE MR X1", "two orders"),
        ("see admin notes", "instructions elsewhere"),
        ("per protocol", "instructions elsewhere"),
        ("BID TID", "two frequencies"),
        ("Q8H BID", "two frequencies"),
        ("3x/week", "which days of the week"),
        ("2X/WEEK MWF", "which days of the week"),
        ("monthly", "which day of the month"),
        ("Q1MO", "which day of the month"),
        ("monthly on day 31", "Not every month has a day 31"),
        ("QMO", "Monday or month"),
        ("DAILY AC", "which meals"),
        ("QID AC", "which meals"),
        ("BID0600", "1 time of the clock for 2 a day"),
        ("TID 0900 2100", "2 times of the clock for 3 a day"),
        ("Q8H 0600 1200 1800", "do not keep the hours"),
        ("5X/DAY", "no times for 5X DAILY"),
        ("Q4H WA", "waking hours"),
        ("Q5MIN", "less than an hour apart"),
        ("X3", "a number of doses but not when"),
        ("Q0H", "Every nothing"),
        ("TID ATC", "Around the clock"),
        ("daily9", "may be an hour or something else"),
        ("BID x 5 doses x 3 days", "limits the order twice"),
        ("BID D5", "meant in two ways"),
        ("every other day QMWF", "days in two ways"),
        ("AC at 0800", "meals and times"),
        ("Q12H PO", "“PO” means is not known"),
        ("preop BID", "is not certain"),
        ("13 pm", "not a time of day"),
        ("at 2500", "is not known here"),
        ("continuous BID", "is not certain"),
        ("weekly prn", "no fixed times or days"),
        ("for pain", "only when needed"),
        ("once x 3", "once and names a number"),
    ],
)
def test_what_is_not_certain_is_left_to_a_pharmacist_with_the_reason(text: str, why: str) -> None:
    found = read_frequency(text, DEFAULT)
    assert isinstance(found, Unread), found
    assert why in found.why


def test_three_times_a_day_is_not_every_eight_hours_nor_four_times_every_six() -> None:
    assert read("TID").rhythm != read("Q8H").rhythm
    assert read("QID").rhythm != read("Q6H").rhythm


def test_time_critical_orders_run_by_elapsed_hours() -> None:
    assert read("Q6H", time_critical=True).rhythm == Interval(6 * HOUR)
    assert read("Q24H", time_critical=True).rhythm == Interval(24 * HOUR)
    assert read("BID", time_critical=True).rhythm == at("0900 2100")


# --- the site's table ---


def test_rows_count_in_rising_order_site_unit_route_class() -> None:
    rows = [Row("BID", at("0900 2100"))]
    for times, scope, key in (
        ("0800 2000", Scope.UNIT, "7W"), ("0700 1900", Scope.ROUTE, "PO"), ("0600 1200", Scope.DRUG_CLASS, "diuretic"),
    ):  # fmt: skip
        rows.append(Row("BID", at(times), scope, key))
    table = TimesTable(tuple(rows))
    for where, times in (
        (ANYWHERE, "0900 2100"), (Where("7W"), "0800 2000"), (Where("7w", "PO"), "0700 1900"),
        (Where("8E"), "0900 2100"), (Where("7W", "PO", "Diuretic"), "0600 1200"), (Where("7W", "IV", "x"), "0800 2000"),
    ):  # fmt: skip
        found = read_frequency("2 times daily", table, where)
        assert isinstance(found, Meaning) and found.rhythm == at(times), where


def test_a_bag_runs_from_its_first_dose_and_a_tablet_by_the_grid() -> None:
    assert read("q8h", Where(route="IV")).rhythm == Interval(8 * HOUR)
    assert read("q8h", Where(route="PO")).rhythm == at("0600 1400 2200")
    assert read("every other day", Where(route="IV")).rhythm == at("0900", every_days=2)


def test_the_table_reads_a_sites_own_words_before_the_grammar() -> None:
    table = TimesTable((*DEFAULT.rows, Row("Q4H WA", at("0600 1000 1400 1800 2200")), Row("SLIDING SCALE", AsNeeded())))
    assert read_frequency("q4h  wa", table) == Meaning(at("0600 1000 1400 1800 2200"))
    assert read_frequency("sliding scale", table) == Meaning(AsNeeded())
    assert read_frequency("q4h wa", TimesTable((Row("Q4H WA", at("0600"), time_critical=True),))) == Meaning(
        at("0600"), time_critical=True
    )


def test_a_code_that_the_table_lost_is_not_read() -> None:
    bare = TimesTable(tuple(row for row in DEFAULT.rows if row.code != "TID"))
    found = read_frequency("3 times a day", bare)
    assert isinstance(found, Unread) and "no times for TID" in found.why


@given(st.text(max_size=40))
def test_any_text_whatever_is_read_or_told_why_not(text: str) -> None:
    found = read_frequency(text, DEFAULT)
    assert isinstance(found, Meaning) or (isinstance(found, Unread) and len(found.why) > 20)


@given(st.sampled_from([text for text, _ in PLANNED]), st.sampled_from(["{}", " {} ", "{}  ", "\t{}"]), st.booleans())
def test_blanks_and_capitals_say_nothing(text: str, frame: str, lower: bool) -> None:
    written = frame.format(text.lower() if lower else text.upper())
    assert read_frequency(written, DEFAULT) == read_frequency(text, DEFAULT)


@given(st.sampled_from([text for text, _ in PLANNED]), st.sampled_from(["Z", "QQ", "IF", "UNTIL", "THEN DAILY", "#"]))
def test_a_word_that_nobody_knows_is_never_passed_over(text: str, word: str) -> None:
    assert isinstance(read_frequency(f"{text} {word}", DEFAULT), Unread)
    assert isinstance(read_frequency(f"{word} {text}", DEFAULT), Unread)

