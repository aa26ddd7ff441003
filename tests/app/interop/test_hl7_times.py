"""HL7 times: offsets, zones, the two odd hours of the year, dates alone, and times that cannot be."""

from datetime import UTC, datetime, time

import pytest

from app.interop.stamps import read_birth, read_stamp, read_time, sender_clock
from tests.app.interop.samples import RECEIVED, connection


def at(text: str, msh_7: str = "20261204090000-0600", zone: str = "America/Chicago", received: datetime = RECEIVED):
    warnings: list[str] = []
    clock, _ = sender_clock(msh_7, connection(zone=zone), received, [])
    return read_stamp(text, clock, "the start", warnings), warnings


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


STAMPS = [
    ("20261204180000", utc(2026, 12, 5, 0), "second"),
    ("202612041800", utc(2026, 12, 5, 0), "minute"),
    ("2026120418", utc(2026, 12, 5, 0), "hour"),
    ("20261204", utc(2026, 12, 4, 6), "day"),
    ("202612", utc(2026, 12, 1, 6), "month"),
    ("20261204180000.1234", utc(2026, 12, 5, 0, 0, 0, 123400), "second"),
    ("20261204180000+0100", utc(2026, 12, 4, 17), "second"),
    ("2026 12 04 18 00 00", utc(2026, 12, 5, 0), "second"),
    ("202612042400", utc(2026, 12, 5, 6), "minute"),
    ("20261204175960", utc(2026, 12, 5, 0), "second"),
    ("202607041800", utc(2026, 7, 4, 23), "minute"),
]


@pytest.mark.parametrize(("text", "instant", "precision"), STAMPS)
def test_a_stamp_becomes_the_instant_that_the_sender_meant(text, instant, precision):
    stamp, warnings = at(text)
    assert (stamp.instant, stamp.precision, stamp.text, warnings) == (instant, precision, text, [])


def test_a_date_alone_is_the_start_of_that_local_day():
    stamp, _ = at("20261204", zone="Asia/Kolkata", msh_7="20261204090000")
    assert stamp.instant == utc(2026, 12, 3, 18, 30) and stamp.local_day.isoformat() == "2026-12-04"


@pytest.mark.parametrize("text", ["tomorrow", "20261304", "20260230", "2026120425", "18991231", "20400101",
                                  "20261204180000+9900", "2026-12-04"])  # fmt: skip
def test_a_time_that_cannot_be_is_none_and_remarked_never_guessed(text):
    stamp, warnings = at(text)
    assert stamp is None and len(warnings) == 1 and "by hand" in warnings[0]


def test_an_offset_that_the_zone_confirms_does_not_freeze_the_season():
    assert at("202607041800", msh_7="20261204090000-0600")[0].instant == utc(2026, 7, 4, 23)


def test_an_offset_that_contradicts_the_zone_rules_the_message_and_is_remarked():
    warnings: list[str] = []
    clock, sent = sender_clock("20261204090000+0100", connection(), RECEIVED, warnings)
    assert sent.instant == utc(2026, 12, 4, 8) and "time zone" in warnings[0]
    assert read_stamp("20261204120000", clock, "the start", []).instant == utc(2026, 12, 4, 11)


def test_the_doubled_hour_in_autumn_is_chosen_by_the_message_time_else_the_first():
    # 1 November 2026: 01:30 comes at 06:30 and at 07:30 UTC in Chicago.
    late, remarks = at("20261101013000", "20261101014500-0600", received=utc(2026, 11, 1, 7, 46))
    assert late.instant == utc(2026, 11, 1, 7, 30) and "twice" in remarks[0]
    early, _ = at("20261101013000", "20261101010000-0500", received=utc(2026, 11, 1, 6, 1))
    assert early.instant == utc(2026, 11, 1, 6, 30)
    planned, _ = at("20261101013000", "20261028120000-0500", received=utc(2026, 10, 28, 17))
    assert planned.instant == utc(2026, 11, 1, 6, 30)


def test_the_missing_hour_in_spring_moves_forward_and_is_remarked():
    stamp, remarks = at("20260308023000", "20260307120000", received=utc(2026, 3, 7, 18))
    assert stamp.instant == utc(2026, 3, 8, 8, 30) and "does not exist" in remarks[0]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("0600", time(6)), ("06:00", time(6)), ("070000", time(7)), ("11:30:05", time(11, 30, 5)), ("2400", time(0)),
     ("2460", None), ("9", None), ("morning", None)],
)  # fmt: skip
def test_a_time_of_day_is_read_or_it_is_none(text, wanted):
    assert read_time(text) == wanted


def test_a_birth_date_may_lie_far_back_and_is_never_half_read():
    warnings: list[str] = []
    assert read_birth("18991231", warnings).year == 1899 and not warnings
    assert read_birth("Aug 15, 1942", warnings) is None and "identity" in warnings[0]
    assert read_birth("1942", []) is None


def test_a_connection_needs_a_zone_that_exists():
    with pytest.raises(ValueError, match="America/Chicago"):
        connection(zone="Mars/Olympus")
