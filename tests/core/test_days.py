from datetime import date, datetime

import pytest

from app.core.days import read_day, read_wall
from app.core.wording import day


def test_a_birth_is_a_whole_day_of_any_century_that_people_live_in():
    assert read_day("03-Feb-1961", since=1880, whole=True) == date(1961, 2, 3)
    for text in ("Feb-1961", "1961-02", "03/02/1961", "03-Feb-1879"):
        with pytest.raises(ValueError, match="31-Mar-2027"):
            read_day(text, since=1880, whole=True)


def test_what_a_page_shows_as_a_day_is_read_back_as_that_day():
    assert read_day(day(date(2026, 11, 22)), whole=True) == date(2026, 11, 22)


@pytest.mark.parametrize("text", ["22-Nov-2026 14:05", " 22 nov 2026 14:05 ", "2026-11-22T14:05", "2026-11-22 14:05"])
def test_a_wall_clock_is_read_as_people_write_it(text):
    assert read_wall(text) == datetime(2026, 11, 22, 14, 5)


@pytest.mark.parametrize(
    "text", ["", "14:05", "22-Nov-2026", "22-Nov-2026 2:05 PM", "22-Nov-2026 24:00", "Nov-2026 14:05"]
)
def test_a_wall_clock_without_day_or_time_is_refused(text):
    with pytest.raises(ValueError, match=r"22-Nov-2026 14:05|31-Mar-2027"):
        read_wall(text)
