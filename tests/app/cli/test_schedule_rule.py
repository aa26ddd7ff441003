"""`laminar rule schedule`: worked cases as a hospital would write them, every corner, and all that is refused."""

import json
from datetime import date

import pytest

from app.cli.rules import answer

WINDOW = ["2026-06-09T15:00", "2026-06-10T15:00"]
SPRING = ["2026-03-07T15:00", "2026-03-08T15:00"]
AUTUMN = ["2026-10-31T15:00", "2026-11-01T15:00"]
START = "2026-06-01T09:00"


def ask(order: dict, window: list[str] = WINDOW, zone: str = "America/New_York", **more: object) -> dict:
    case = {"zone": zone, "window": window, "order": order, **more}
    return answer("schedule", json.dumps(case).encode(), date(2026, 6, 9))


def at(order: dict, window: list[str] = WINDOW, zone: str = "America/New_York", **more: object) -> list[str]:
    told = ask(order, window, zone, **more)
    assert told.get("refused", told) is None, told
    return [dose["at"][8:16].replace("T", " ") for dose in told["doses"]]


def flags(order: dict, window: list[str]) -> dict[str, list[str]]:
    return {dose["at"]: dose["flags"] for dose in ask(order, window)["doses"] if dose["flags"]}


def why_not(order: dict, window: list[str] = WINDOW) -> str:
    told = ask(order, window)
    assert told.get("doses") == [], told
    return told["refused"]


CASES = [
    ("U01", {"frequency": "DAILY"}, ["10 09:00"]),
    ("U02", {"frequency": "BID"}, ["09 21:00", "10 09:00"]),
    ("U03", {"frequency": "TID"}, ["09 21:00", "10 09:00", "10 14:00"]),
    ("U04", {"frequency": "QID"}, ["09 17:00", "09 21:00", "10 09:00", "10 13:00"]),
    ("U05", {"frequency": "Q6H"}, ["09 18:00", "10 00:00", "10 06:00", "10 12:00"]),
    ("U06", {"frequency": "Q8H"}, ["09 22:00", "10 06:00", "10 14:00"]),
    ("U07", {"frequency": "Q4H"}, ["09 18:00", "09 22:00", "10 02:00", "10 06:00", "10 10:00", "10 14:00"]),
    ("U08", {"frequency": "QHS"}, ["09 21:00"]),
    ("U09", {"frequency": "DAILY", "times": ["15:00"]}, ["09 15:00"]),
    ("U09 as a kind", {"kind": "times", "times": ["1500"]}, ["09 15:00"]),
    ("U10 AC", {"frequency": "AC"}, ["09 16:30", "10 07:30", "10 11:30"]),
    ("U10 PC", {"frequency": "PC"}, ["09 18:00", "10 09:00", "10 13:00"]),
    ("U10 ACHS", {"frequency": "ACHS"}, ["09 16:30", "09 21:00", "10 07:30", "10 11:30"]),
    ("U11", {"frequency": "QMWF"}, ["10 09:00"]),
    ("U11 as days", {"frequency": "DAILY", "weekdays": ["WE", "MO", "FR"]}, ["10 09:00"]),
    ("U12", {"frequency": "Q48H", "anchor": "2026-06-01"}, []),
    ("U13", {"frequency": "Q72H", "anchor": "2026-06-01T09:00"}, ["10 09:00"]),
    ("U14", {"frequency": "every other day", "anchor": "2026-06-02"}, ["10 09:00"]),
    ("U14 as days", {"kind": "times", "times": ["09:00"], "every_days": 2, "anchor": "2026-06-02"}, ["10 09:00"]),
    ("U15", {"frequency": "weekly", "anchor": "2026-06-03"}, ["10 09:00"]),
    ("U16", {"kind": "interval", "interval": "PT36H", "anchor": "2026-06-08T08:00"}, ["09 20:00"]),
    ("U17", {"kind": "INTERVAL", "interval": "PT5H", "anchor": "2026-06-09T16:30"},
     ["09 16:30", "09 21:30", "10 02:30", "10 07:30", "10 12:30"]),
    ("U18", {"frequency": "X1", "start": "2026-06-10T08:00"}, ["10 08:00"]),
    ("U18 at its anchor", {"kind": "once", "anchor": "2026-06-10T08:00"}, ["10 08:00"]),
    ("U18 at its time", {"kind": "once", "times": ["08:00"], "start": "2026-06-10T00:00"}, ["10 08:00"]),
    ("U19", {"frequency": "STAT", "start": "2026-06-09T10:05"}, []),
    ("U20", {"frequency": "BID", "start": "2026-06-10T08:00"}, ["10 09:00"]),
    ("U21", {"frequency": "BID", "stop": "2026-06-10T09:00"}, ["09 21:00"]),
    ("U21 a minute later", {"frequency": "BID", "stop": "2026-06-10T09:01"}, ["09 21:00", "10 09:00"]),
    ("U22", {"frequency": "TID x 5 doses", "start": "2026-06-09T09:00"}, ["09 21:00", "10 09:00", "10 14:00"]),
    ("U22 as a count", {"frequency": "TID", "count": 5, "start": "2026-06-09T09:00"},
     ["09 21:00", "10 09:00", "10 14:00"]),
    ("U23", {"frequency": "Q6H PRN"}, []),
    ("U29", {"kind": "continuous"}, []),
    ("U51", {"frequency": "Q6H", "start": "2026-06-09T10:00", "first_given": "2026-06-09T10:30"},
     ["09 18:00", "10 00:00", "10 06:00", "10 12:00"]),
    ("U53", {"kind": "times", "times": ["18:00"], "weekdays": ["TU", "TH", "SA", "SU"]}, ["09 18:00"]),
]  # fmt: skip


@pytest.mark.parametrize(("order", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_worked_cases(order, expected):
    assert at({"start": START, **order}) == expected


def test_u12_and_u51_in_the_windows_beside():
    q48h = {"frequency": "Q48H", "anchor": "2026-06-01", "start": START}
    assert at(q48h, ["2026-06-08T15:00", "2026-06-09T15:00"]) == ["09 09:00"]
    assert at(q48h, ["2026-06-10T15:00", "2026-06-11T15:00"]) == ["11 09:00"]
    early = {"frequency": "Q6H", "start": "2026-06-09T08:00", "first_given": "2026-06-09T08:30"}
    assert at(early, ["2026-06-09T08:00", "2026-06-09T15:00"]) == ["09 12:00"]


def test_u40_to_u48_clock_changes():
    order = {"start": "2026-01-01T09:00"}
    assert at({"frequency": "Q4H", **order}, SPRING) == [
        "07 18:00", "07 22:00", "08 03:00", "08 06:00", "08 10:00", "08 14:00"
    ]  # fmt: skip
    shifted = ask({"kind": "times", "times": ["02:30"], **order}, SPRING)["doses"]
    assert shifted == [{"at": "2026-03-08T03:30:00-04:00", "wall": "2026-03-08T02:30:00", "flags": ["DST_SHIFTED"]}]
    assert flags({"frequency": "Q1H", **order}, SPRING) == {"2026-03-08T03:00:00-04:00": ["DST_MERGED"]}
    assert flags({"frequency": "Q2H", **order}, SPRING) == {
        "2026-03-08T03:00:00-04:00": ["DST_SHIFTED"], "2026-03-08T04:00:00-04:00": ["SHORT_GAP"],
    }  # fmt: skip
    assert flags({"frequency": "Q1H", **order}, AUTUMN) == {
        "2026-11-01T01:00:00-04:00": ["DST_REPEAT"], "2026-11-01T02:00:00-05:00": ["LONG_GAP"],
    }  # fmt: skip
    hourly = {"kind": "interval", "interval": "PT1H", "anchor": AUTUMN[0], **order}
    assert len(at(hourly, AUTUMN)) == 25
    eight = {"kind": "interval", "interval": "PT8H", "anchor": "2026-10-31T16:00", **order}
    assert at(eight, AUTUMN) == ["31 16:00", "01 00:00", "01 07:00"]


def test_a_window_may_end_in_the_hour_that_does_not_exist_or_comes_twice():
    spring = {"kind": "times", "times": ["02:00", "02:30"], "start": "2026-03-01T09:00"}
    assert at(spring, ["2026-03-07T15:00", "2026-03-08T02:30"]) == ["08 03:00"]
    assert at(spring, ["2026-03-08T02:30", "2026-03-08T15:00"]) == ["08 03:30"]
    autumn = {"kind": "interval", "interval": "PT30M", "anchor": "2026-11-01T00:00"}
    twice = ["2026-11-01T01:00", "2026-11-01T01:30"]
    assert [dose["at"] for dose in ask(autumn, twice)["doses"]] == ["2026-11-01T01:00:00-04:00"]
    second = ["2026-11-01T01:00-05:00", "2026-11-01T01:30-05:00"]
    assert [dose["at"] for dose in ask(autumn, second)["doses"]] == ["2026-11-01T01:00:00-05:00"]


def test_a_single_dose_written_for_an_hour_that_does_not_exist_says_so():
    told = ask({"frequency": "ONCE", "start": "2026-03-08T02:30"}, SPRING)["doses"]
    assert told == [{"at": "2026-03-08T03:30:00-04:00", "wall": "2026-03-08T02:30:00", "flags": ["DST_SHIFTED"]}]


def test_a_snapshot_takes_no_dose_away():
    assert at({"frequency": "BID", "start": START}, snapshot="2026-06-10T14:00") == ["09 21:00", "10 09:00"]


def test_midnight_written_as_2400_is_the_next_date_and_refused_where_the_day_decides():
    day = ["2026-06-10T00:00", "2026-06-11T00:00"]
    assert at({"kind": "times", "times": ["2400"], "start": START}, day) == ["10 00:00"]
    assert at({"kind": "times", "times": ["23:59"], "start": START}, day) == ["10 23:59"]
    told = why_not({"kind": "times", "times": ["24:00"], "weekdays": ["MO"], "start": START})
    assert "00:00 of the next date" in told


def test_an_order_without_start_has_always_been_there():
    assert at({"frequency": "BID"}) == ["09 21:00", "10 09:00"]
    assert "when the order starts" in why_not({"frequency": "BID", "count": 5})
    assert "when the order starts" in why_not({"frequency": "every other day"})
    assert "when the order starts" in why_not({"frequency": "STAT"})


def test_a_stop_at_the_start_leaves_no_dose_and_an_empty_window_has_none():
    assert at({"frequency": "BID", "start": START, "stop": START}) == []
    assert at({"frequency": "BID", "start": START}, ["2026-06-09T21:00", "2026-06-09T21:00"]) == []


def test_what_was_written_as_nothing_is_not_there():
    assert at({"frequency": "BID", "start": START, "stop": None, "kind": None, "count": None}) == [
        "09 21:00", "10 09:00"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("order", "words"),
    [
        ({"frequency": "monthly on day 31"}, "Not every month has a day 31"),
        ({"frequency": "TWICE-ISH"}, "cannot be read"),
        ({"frequency": ""}, "does not say how often"),
        ({"frequency": "BID", "start": START, "stop": "2026-05-31T09:00"}, "stops before it starts"),
        ({"frequency": "BID", "times": ["09:00"]}, "do not fit"),
        ({"frequency": "Q5H", "times": ["09:00"]}, "do not fit"),
        ({"frequency": "TID x 5 doses", "count": 4}, "5 doses and the order 4"),
        ({"frequency": "QMWF", "weekdays": ["TU"]}, "different days"),
        ({"frequency": "every other day", "every_days": 3}, "different days"),
        ({"frequency": "Q36H", "weekdays": ["TU"]}, "times of the clock only"),
        ({"kind": "interval", "interval": "PT6H", "anchor": "2026-06-09"}, "not only its date"),
        ({"frequency": "BID", "count": 0}, "1 or more"),
    ],
)  # fmt: skip
def test_an_order_that_cannot_be_scheduled_is_refused_in_words(order, words):
    assert words in why_not({"start": START, **order})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"zone": "Mars"}, "not a time zone"), ({"zone": 5}, "must be a text"),
        ({"window": ["2026-06-09T15:00"]}, "a list of two"), ({"window": "today"}, "a list"),
        ({"window": ["2026-06-10T15:00", "2026-06-09T15:00"]}, "ends before it starts"),
        ({"window": ["2026-06-09", "2026-06-10"]}, "not a wall time"),
        ({"window": ["2026-02-30T15:00", "2026-06-10T15:00"]}, "not in the calendar"),
        ({"snapshot": "soon"}, "not a wall time"), ({"order": []}, "an object"), ({"cart": "7W"}, "not part of this"),
        ({"order": {}}, "one of the two"), ({"order": {"frequency": "BID", "kind": "once"}}, "one of the two"),
        ({"order": {"frequency": 12}}, "must be a text"), ({"order": {"kind": "sometimes"}}, "is one of"),
        ({"order": {"kind": "times"}}, "at least one"), ({"order": {"kind": "times", "times": ["9"]}}, "time of day"),
        ({"order": {"kind": "times", "times": ["25:00"]}}, "time of day"),
        ({"order": {"kind": "interval"}}, "'interval' is missing"),
        ({"order": {"kind": "interval", "interval": "6 hours"}}, "length of time"),
        ({"order": {"kind": "interval", "interval": "P1M"}}, "length of time"),
        ({"order": {"frequency": "BID", "interval": "PT12H"}}, "belongs to the kind"),
        ({"order": {"kind": "interval", "interval": "PT12H", "times": ["09:00"]}}, "belong to the kinds"),
        ({"order": {"kind": "once", "times": ["09:00", "10:00"]}}, "one time"),
        ({"order": {"frequency": "BID", "weekdays": ["MONDAY"]}}, "not a day of the week"),
        ({"order": {"frequency": "BID", "every_days": 0}}, "every other day"),
        ({"order": {"frequency": "BID", "count": "many"}}, "whole number"),
        ({"order": {"frequency": "BID", "start": "yesterday"}}, "not a wall time"),
        ({"order": {"frequency": "BID", "dose": "5 mg"}}, "not part of an order"),
    ],
)  # fmt: skip
def test_a_line_on_nonsense_is_an_error_in_words(change, words):
    case = {"zone": "America/New_York", "window": WINDOW, "order": {"frequency": "BID"}, **change}
    told = answer("schedule", json.dumps(case).encode(), date(2026, 6, 9))
    assert list(told) == ["error"], told
    assert words in told["error"]
