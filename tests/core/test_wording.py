import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.wording import (
    age,
    away,
    clock,
    day,
    instant,
    measured,
    number,
    percent,
    signed,
    strength,
    tall_man,
    time_zone,
    unmistakable,
)

NUMBERS = st.decimals(min_value=-(10**9), max_value=10**9, allow_nan=False, allow_infinity=False)
READ_ALOUD = re.compile(r"-?(0|[1-9]\d{0,2}(,\d{3})*)(\.\d*[1-9])?")


@given(NUMBERS)
def test_a_number_never_has_a_trailing_zero_a_naked_point_or_an_exponent(value):
    text = number(value)
    assert READ_ALOUD.fullmatch(text)
    assert text != "-0"
    assert Decimal(text.replace(",", "")) == value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("1.0", "1"), ("0.50", "0.5"), (".5", "0.5"), ("5.", "5"), ("100", "100"), ("1000", "1,000"), ("1E+3", "1,000"),
        ("25000.00", "25,000"), ("1234567.8900", "1,234,567.89"), ("-0", "0"), ("-0.00", "0"), ("0E+3", "0"),
        ("0.000001", "0.000001"), ("1E-7", "0.0000001"), ("-2.50", "-2.5"),
    ],
)  # fmt: skip
def test_a_number_reads_as_a_pharmacist_says_it(value, text):
    assert number(Decimal(value)) == text


@pytest.mark.parametrize("value", ["NaN", "sNaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize("write", [number, measured, signed, percent])
def test_what_is_no_number_is_never_shown_as_one(write, value):
    with pytest.raises(ValueError, match="not a number"):
        write(Decimal(value))


@pytest.mark.parametrize(
    ("value", "text"),
    [("28.410", "28.410"), ("0.00", "0.00"), ("-0.00", "0.00"), ("1204.0", "1,204.0"), ("-12.30", "-12.30")],
)
def test_a_reading_keeps_the_decimals_of_the_balance(value, text):
    assert measured(Decimal(value)) == text


@given(NUMBERS)
def test_a_deviation_shows_its_direction_and_nothing_has_none(value):
    assert signed(value)[0] == ("+" if value > 0 else "-" if value < 0 else "0")


@pytest.mark.parametrize(
    ("value", "places", "direction", "text"),
    [
        ("0.4", 1, True, "+0.4 %"), ("0.04", 1, True, "0 %"), ("-0.04", 1, True, "0 %"), ("1.04", 1, False, "1 %"),
        ("0.25", 1, False, "0.2 %"), ("0.35", 1, False, "0.4 %"), ("-17.54", 1, True, "-17.5 %"),
        ("1234.5", 0, False, "1,234 %"), ("0.394", 2, False, "0.39 %"),
    ],
)  # fmt: skip
def test_a_percentage_is_rounded_half_even_and_stands_apart_from_its_sign(value, places, direction, text):
    assert percent(Decimal(value), places, direction=direction) == text


@pytest.mark.parametrize(
    ("minutes", "text"),
    [
        (0, "now"), (0.9, "now"), (-0.9, "now"), (1, "in 1 min"), (-1, "1 min late"), (119.5, "in 119 min"),
        (120, "in 2 h"), (-179, "2 h late"), (47 * 60 + 59, "in 47 h"), (48 * 60, "in 2 d"), (-5000, "3 d late"),
    ],
)  # fmt: skip
def test_how_far_away_an_instant_is_reads_off_a_list(minutes, text):
    now = datetime(2026, 11, 22, 19, 5, tzinfo=UTC)
    assert away(now + timedelta(minutes=minutes), now) == text


def test_a_day_names_its_month_in_letters():
    assert day(date(2026, 11, 2)) == "02-Nov-2026"
    assert day(date(2026, 11, 22), weekday=True) == "Sun 22-Nov-2026"


@given(st.dates())
def test_every_day_can_be_read_in_one_way_only(on):
    text = day(on)
    assert re.fullmatch(r"\d\d-[A-Z][a-z]{2}-\d{4}", text)
    assert datetime.strptime(text, "%d-%b-%Y").date() == on


def test_an_instant_is_the_wall_clock_of_the_ward():
    at = datetime(2026, 11, 22, 19, 5, 21, tzinfo=UTC)
    assert instant(at, "America/New_York") == "22-Nov-2026 14:05"
    assert instant(at, ZoneInfo("America/New_York"), seconds=True) == "22-Nov-2026 14:05:21"
    assert instant(at, "America/New_York", weekday=True) == "Sun 22-Nov-2026 14:05"
    assert instant(at, "America/New_York", named=True) == "22-Nov-2026 14:05 EST"
    assert clock(at, "America/New_York") == "14:05"
    assert clock(at, "America/New_York", seconds=True) == "14:05:21"


def test_midnight_belongs_to_the_day_that_begins():
    assert instant(datetime(2026, 11, 23, tzinfo=UTC), "UTC") == "23-Nov-2026 00:00"


def test_the_hour_that_comes_twice_is_told_apart_by_its_zone():
    first = datetime(2026, 11, 1, 5, 30, tzinfo=UTC)
    assert instant(first, "America/New_York", named=True) == "01-Nov-2026 01:30 EDT"
    assert instant(first + timedelta(hours=1), "America/New_York", named=True) == "01-Nov-2026 01:30 EST"


@pytest.mark.parametrize(
    ("utc", "zone", "text"),
    [
        ((2026, 11, 1, 5, 30), "America/New_York", "01-Nov-2026 01:30 EDT"),
        ((2026, 11, 1, 6, 30), "America/New_York", "01-Nov-2026 01:30 EST"),
        ((2026, 11, 1, 4, 59), "America/New_York", "01-Nov-2026 00:59"),
        ((2026, 11, 1, 7, 0), "America/New_York", "01-Nov-2026 02:00"),
        ((2026, 3, 8, 7, 0), "America/New_York", "08-Mar-2026 03:00"),
        ((2026, 10, 25, 0, 30), "Europe/Oslo", "25-Oct-2026 02:30 CEST"),
        ((2026, 10, 25, 0, 30), "UTC", "25-Oct-2026 00:30"),
    ],
)
def test_a_label_names_the_zone_only_in_the_hour_that_comes_twice(utc, zone, text):
    assert unmistakable(datetime(*utc, tzinfo=UTC), zone) == text


def test_an_instant_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="has no time zone"):
        instant(datetime(2026, 11, 22, 14, 5), "UTC")


@pytest.mark.parametrize("name", ["", "../etc/passwd", "America", "x" * 300, "a\0b", "Mars/Olympus"])
def test_an_unknown_zone_is_refused_in_words(name):
    with pytest.raises(ValueError, match="is not a time zone"):
        time_zone(name)


@pytest.mark.parametrize(
    ("birth", "today", "text"),
    [
        (date(1961, 2, 3), date(2026, 11, 22), "65 y"), (date(1961, 2, 3), date(2026, 2, 2), "64 y"),
        (date(2026, 11, 22), date(2026, 11, 22), "0 d"), (date(2026, 10, 26), date(2026, 11, 22), "27 d"),
        (date(2026, 10, 23), date(2026, 11, 22), "30 d"),
        (date(2026, 10, 22), date(2026, 11, 22), "1 mo"), (date(2025, 9, 22), date(2026, 11, 22), "14 mo"),
        (date(2024, 11, 23), date(2026, 11, 22), "23 mo"), (date(2024, 11, 22), date(2026, 11, 22), "2 y"),
        (date(2004, 2, 29), date(2026, 2, 28), "21 y"), (date(2004, 2, 29), date(2026, 3, 1), "22 y"),
    ],
)  # fmt: skip
def test_an_age_is_said_as_the_ward_says_it(birth, today, text):
    assert age(birth, today) == text


def test_nobody_is_born_tomorrow():
    with pytest.raises(ValueError, match="check the date of birth"):
        age(date(2026, 11, 23), date(2026, 11, 22))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("vincristine sulfate", "vinCRIStine sulfate"), ("VINBLASTINE", "vinBLAStine"), ("Dopamine", "DOPamine"),
        ("dobutamine/dopamine", "DOBUTamine/DOPamine"), ("hydromorphone", "HYDROmorphone"),
        ("cefazolin 1 g", "ceFAZolin 1 g"), ("vancomycin", "vancomycin"), ("potassium chloride", "potassium chloride"),
        ("norepinephrine", "norepinephrine"), ("Epinephrine", "EPINEPHrine"), ("", ""),
    ],
)  # fmt: skip
def test_look_alike_names_wear_tall_letters_and_others_are_left_alone(name, text):
    assert tall_man(name) == text


def test_a_directorys_strength_per_one_is_said_as_people_say_it() -> None:
    said_as = {"25 mg/1": "25 mg", "1 g/1": "1 g", "160 mg/5mL": "160 mg/5mL", "9 g/1000mL": "9 g/1000mL"}
    for text, said in said_as.items():
        assert strength(text) == said
    assert strength("800 mg/1; 160 mg/1") == "800 mg; 160 mg"
    assert strength("1 mg/1.5mL") == "1 mg/1.5mL"
