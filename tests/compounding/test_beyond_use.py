from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import product
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import Invalid, Refused
from compounding.beyond_use import beyond_use, category_allowed, expiry_instant, refuse_uncertified, usp_limit

NEW_YORK = "America/New_York"
START = datetime(2026, 3, 3, 19, 10, tzinfo=UTC)  # 14:10 on the ward
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BAG = {
    "start": START, "zone": NEW_YORK, "category": "2", "process": "aseptic", "sterile_start": True, "tested": False,
    "storage": "refrigerator", "stability_hours": 14 * 24, "expiries": ["2027-01-31"], "components": [],
}  # fmt: skip

# Category, process, sterile start, tested → room, refrigerator, freezer in hours; written out once more, row by row.
NO = None
TABLE = {
    ("immediate", "aseptic", True, False): (4, NO, NO), ("immediate", "aseptic", True, True): (4, NO, NO),
    ("immediate", "terminal", True, False): (4, NO, NO), ("immediate", "terminal", True, True): (4, NO, NO),
    ("immediate", "aseptic", False, False): (NO, NO, NO), ("immediate", "aseptic", False, True): (NO, NO, NO),
    ("immediate", "terminal", False, False): (NO, NO, NO), ("immediate", "terminal", False, True): (NO, NO, NO),
    ("1", "aseptic", True, False): (12, 24, NO), ("1", "aseptic", True, True): (12, 24, NO),
    ("1", "aseptic", False, False): (12, 24, NO), ("1", "aseptic", False, True): (12, 24, NO),
    ("1", "terminal", True, False): (12, 24, NO), ("1", "terminal", True, True): (12, 24, NO),
    ("1", "terminal", False, False): (12, 24, NO), ("1", "terminal", False, True): (12, 24, NO),
    ("2", "aseptic", False, False): (24, 96, 1080), ("2", "aseptic", True, False): (96, 240, 1080),
    ("2", "aseptic", False, True): (720, 1080, 1440), ("2", "aseptic", True, True): (720, 1080, 1440),
    ("2", "terminal", False, False): (336, 672, 1080), ("2", "terminal", True, False): (336, 672, 1080),
    ("2", "terminal", False, True): (1080, 1440, 2160), ("2", "terminal", True, True): (1080, 1440, 2160),
    ("3", "aseptic", False, True): (1440, 2160, 2880), ("3", "aseptic", True, True): (1440, 2160, 2880),
    ("3", "terminal", False, True): (2160, 2880, 4320), ("3", "terminal", True, True): (2160, 2880, 4320),
    ("3", "aseptic", False, False): (NO, NO, NO), ("3", "aseptic", True, False): (NO, NO, NO),
    ("3", "terminal", False, False): (NO, NO, NO), ("3", "terminal", True, False): (NO, NO, NO),
}  # fmt: skip
EVERY = list(product(("immediate", "1", "2", "3"), ("aseptic", "terminal"), (True, False), (True, False)))


# --- the table, all ninety-six cells ---


@pytest.mark.parametrize("row", EVERY, ids=str)
@pytest.mark.parametrize("storage", ["room", "refrigerator", "freezer"])
def test_every_cell_of_the_table(row, storage):
    category, process, sterile_start, tested = row
    hours = TABLE[row][("room", "refrigerator", "freezer").index(storage)]
    if hours is None:
        with pytest.raises(Invalid):
            usp_limit(category, process, sterile_start=sterile_start, tested=tested, storage=storage)
    else:
        limit = usp_limit(category, process, sterile_start=sterile_start, tested=tested, storage=storage)
        assert limit == hours * HOUR


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"category": "4"}, "category", "use one of immediate, 1, 2, 3"),
        ({"process": "boiled"}, "process", "terminal"),
        ({"storage": "shelf"}, "storage", "refrigerator"), ({"category": 2}, "category", "use one of"),
        ({"category": "3"}, "tested", "sterility test"),
        ({"category": "1", "storage": "freezer"}, "storage", "Category 1"),
        ({"category": "immediate"}, "storage", "cannot be kept in the refrigerator"),
        ({"category": "immediate", "storage": "freezer"}, "storage", "in the freezer"),
        ({"category": "immediate", "storage": "room", "sterile_start": False}, "sterile_start", "sterile starting"),
        ({"category": "3", "tested": True, "stability_hours": None}, "stability_hours", "proven stability"),
        ({"stability_hours": 0}, "stability_hours", "above zero"),
        ({"stability_hours": -1}, "stability_hours", "above zero"),
        ({"stability_hours": Decimal("NaN")}, "stability_hours", "cannot be"),
        ({"stability_hours": Decimal("1E+99")}, "stability_hours", "cannot be"),
        ({"stability_hours": True}, "stability_hours", "cannot be"),
        ({"stability_hours": 1.5}, "stability_hours", "cannot"),
        ({"stability_hours": Decimal("1E-20")}, "stability_hours", "Already past"),
        ({"zone": "Mars/Olympus"}, "zone", "not a time zone"), ({"zone": "../etc"}, "zone", "not a time zone"),
        ({"start": datetime(2026, 3, 3, 14, 10)}, "start", "no offset"),
        ({"start": datetime.max.replace(tzinfo=UTC)}, "start", "beyond the calendar"),
        ({"components": [datetime(2026, 3, 9)]}, "components", "no offset"),
        ({"components": [START]}, "components", "Already past"),
        ({"components": [START - DAY]}, "components", "Already"),
        ({"expiries": ["2026-03-02"]}, "expiries", "Already past at the start: expiry 02-Mar-2026"),
        ({"expiries": ["2027-01", "2026-02"]}, "expiries", "expiry 28-Feb-2026"),
    ],
)  # fmt: skip
def test_what_cannot_be_dated_is_refused_under_its_own_name(change, field, words):
    with pytest.raises(Invalid, match=words) as refused:
        beyond_use(**BAG | change)
    assert list(refused.value.fields) == [field]


# --- the worked example, compounding 3.11 ---


def test_3_11_the_vancomycin_bag_is_governed_by_the_lot_of_its_saline():
    dated = beyond_use(**BAG | {"expiries": ["2026-03-08", "2027-01"]})
    assert dated.governed_by == "expiry"
    assert dated.at == datetime(2026, 3, 9, 3, 59, tzinfo=UTC)
    assert dated.at.astimezone(ZoneInfo(NEW_YORK)).strftime("%d %H:%M") == "08 23:59"
    assert [(clock.name, clock.at) for clock in dated.clocks] == [
        ("usp", START + 10 * DAY), ("stability", START + 14 * DAY), ("expiry", dated.at),
    ]  # fmt: skip


def test_3_11_without_the_short_lot_usp_governs():
    dated = beyond_use(**BAG)
    assert (dated.at, dated.governed_by) == (START + 10 * DAY, "usp")
    assert dated.clocks[0].because == "USP ⟨797⟩ Category 2, 10 days in the refrigerator"


def test_3_11_the_same_dose_in_a_segregated_area():
    dated = beyond_use(**BAG | {"category": "1"})
    assert (dated.at, dated.governed_by) == (START + DAY, "usp")


def test_a_day_is_twenty_four_hours_when_the_clocks_change():
    """The night of 8 March 2026 has 23 hours in New York: ten days after 14:10 is 15:10 on the wall."""
    dated = beyond_use(**BAG)
    assert dated.at.astimezone(ZoneInfo(NEW_YORK)).strftime("%d %H:%M") == "13 15:10"


# --- governing and ties ---


@pytest.mark.parametrize(
    ("stability", "expiries", "components", "governor"),
    [
        (240, [], [START + 10 * DAY], "usp"), (239, [], [START + 239 * HOUR], "stability"),
        (240, ["2026-03-13"], [], "usp"), (None, [], [], "usp"), (None, [], [START + 9 * DAY], "component"),
        (336, ["2026-03-05", "2026-03-04"], [START + 9 * DAY], "expiry"),
        (336, ["2026-03-04"], [datetime(2026, 3, 5, 4, 59, tzinfo=UTC)], "expiry"),
        (336, ["2026-03-04"], [datetime(2026, 3, 5, 4, 58, tzinfo=UTC)], "component"),
    ],
)  # fmt: skip
def test_of_equal_clocks_the_first_in_order_governs(stability, expiries, components, governor):
    dated = beyond_use(**BAG | {"stability_hours": stability, "expiries": expiries, "components": components})
    assert dated.governed_by == governor


def test_stability_and_expiry_at_the_same_minute_are_stability():
    hours = (datetime(2026, 3, 5, 4, 59, tzinfo=UTC) - START) / HOUR
    dated = beyond_use(**BAG | {"stability_hours": Decimal(round(hours * 60)) / 60, "expiries": ["2026-03-04"]})
    assert dated.governed_by == "stability"
    assert dated.at <= datetime(2026, 3, 5, 4, 59, tzinfo=UTC)


INSTANTS = st.datetimes(min_value=datetime(2026, 3, 4), max_value=datetime(2030, 1, 1), timezones=st.just(UTC))
DAYS = st.dates(min_value=date(2026, 3, 4), max_value=date(2030, 1, 1)).map(date.isoformat)


@given(
    st.sampled_from([row for row in EVERY if TABLE[row][0]]),
    st.decimals(min_value="0.5", max_value=9000, places=2),
    st.lists(DAYS, max_size=3),
    st.lists(INSTANTS, max_size=3),
)
def test_the_date_is_the_least_of_its_clocks_and_one_of_them(row, hours, expiries, components):
    category, process, sterile_start, tested = row
    dated = beyond_use(
        start=START, zone=NEW_YORK, category=category, process=process, sterile_start=sterile_start, tested=tested,
        storage="room", stability_hours=hours, expiries=expiries, components=components,
    )  # fmt: skip
    named = {clock.name: clock.at for clock in dated.clocks}
    assert dated.at == min(named.values()) == named[dated.governed_by]
    assert START < dated.at <= START + TABLE[row][0] * HOUR
    assert all(dated.at <= component for component in components)
    assert dated.at.utcoffset() == timedelta(0)
    order = ("usp", "stability", "expiry", "component")
    assert list(named) == [name for name in order if name in named]
    assert dated.governed_by == next(name for name in order if named.get(name) == dated.at)


# --- expiries ---


@pytest.mark.parametrize(
    ("text", "last"),
    [("2026-11-23", "2026-11-23"), ("2026-11", "2026-11-30"), ("2026-11-00", "2026-11-30"), ("2028-02", "2028-02-29"),
     ("2027-02-00", "2027-02-28"), ("2028-02-29", "2028-02-29")],
)  # fmt: skip
def test_an_expiry_ends_on_the_last_minute_of_its_last_day(text, last):
    local = expiry_instant(text, NEW_YORK).astimezone(ZoneInfo(NEW_YORK))
    assert local.strftime("%Y-%m-%d %H:%M:%S") == f"{last} 23:59:00"


def test_where_the_last_minute_comes_twice_the_first_one_ends_it():
    """In Beirut the clocks went back at midnight of 29 October 2023, so 28 October had two minutes called 23:59."""
    assert expiry_instant("2023-10-28", "Asia/Beirut") == datetime(2023, 10, 28, 20, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["", "2026", "2026-13", "2026-00", "2027-02-29", "2026-11-31", "26-11-23", "2026-1-2", "0000-01", "2026/11",
             "2026-11-23T00:00", "２０２６-11", "2026-11-23 ", "9999-12-32", "x" * 1000, "9999-12"],
)  # fmt: skip
def test_a_day_that_is_not_in_the_calendar_is_no_expiry(text):
    with pytest.raises(Invalid) as refused:
        expiry_instant(text, NEW_YORK)
    assert list(refused.value.fields) == ["expiries"]


# --- certificates ---

TODAY = date(2026, 11, 22)


@pytest.mark.parametrize(
    ("hood", "room", "category"),
    [
        (TODAY, TODAY, "2"), (TODAY + DAY, TODAY + DAY, "2"), (TODAY, TODAY - DAY, "1"), (TODAY, None, "1"),
        (TODAY - DAY, TODAY, "immediate"), (None, TODAY, "immediate"), (None, None, "immediate"),
        (TODAY - DAY, TODAY - DAY, "immediate"),
    ],
)  # fmt: skip
def test_the_certificates_decide_the_category(hood, room, category):
    assert category_allowed(hood, room, TODAY) == category
    order = ("immediate", "1", "2", "3")
    for wanted in order:
        if order.index(wanted) <= order.index(category):
            refuse_uncertified(wanted, hood, room, TODAY)
        else:
            with pytest.raises(Refused):
                refuse_uncertified(wanted, hood, room, TODAY)


def test_a_refusal_names_the_certificate_its_end_and_the_way_out():
    with pytest.raises(Refused, match="certification of the room ended on 21-Nov-2026.*as Category 1"):
        refuse_uncertified("2", TODAY, TODAY - DAY, TODAY)
    with pytest.raises(Refused, match="certification of the hood is not recorded.*for immediate use"):
        refuse_uncertified("1", None, TODAY, TODAY)
    with pytest.raises(Refused, match="Category 3 needs more than certified air"):
        refuse_uncertified("3", TODAY, TODAY, TODAY)


def test_certificates_may_end_at_an_instant_too():
    assert category_allowed(START, START, START) == "2"
    assert category_allowed(START, START - HOUR, START) == "1"
