"""First to expire, first out; and the minute in which a lot's day ends."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from app.inventory.fefo import Stock, expired, first_out, last_minute, usable

NEW_YORK = "America/New_York"
ONE = Decimal(1)


@pytest.mark.parametrize(
    ("expiry", "zone", "until"),
    [
        (date(2027, 3, 31), NEW_YORK, datetime(2027, 4, 1, 3, 59, tzinfo=UTC)),
        (date(2027, 1, 31), NEW_YORK, datetime(2027, 2, 1, 4, 59, tzinfo=UTC)),
        (date(2028, 2, 29), "UTC", datetime(2028, 2, 29, 23, 59, tzinfo=UTC)),
        (date(2027, 3, 14), NEW_YORK, datetime(2027, 3, 15, 3, 59, tzinfo=UTC)),
        (date(2026, 11, 1), NEW_YORK, datetime(2026, 11, 2, 4, 59, tzinfo=UTC)),
        (date(2027, 3, 31), "Asia/Kolkata", datetime(2027, 3, 31, 18, 29, tzinfo=UTC)),
    ],
)
def test_a_lot_may_be_used_until_23_59_of_its_day_where_the_hood_stands(
    expiry: date, zone: str, until: datetime
) -> None:
    assert last_minute(expiry, zone) == until
    assert not expired(expiry, until - timedelta(seconds=1), zone)
    assert not expired(expiry, until, zone)
    assert expired(expiry, until + timedelta(seconds=1), zone)


def test_an_unknown_zone_is_no_zone() -> None:
    with pytest.raises(ValueError, match="not a time zone"):
        last_minute(date(2027, 1, 1), "Mars/Olympus")


def test_the_first_to_expire_goes_out_first_and_nothing_unusable_goes_out() -> None:
    at = datetime(2026, 11, 22, 14, 5, tzinfo=UTC)
    later = Stock(1, "A", date(2027, 6, 30), ONE)
    sooner = Stock(2, "B", date(2027, 3, 31), ONE)
    same_day = Stock(3, "A", date(2027, 3, 31), ONE)
    empty = Stock(4, "E", date(2026, 12, 1), Decimal(0))
    recalled = Stock(5, "R", date(2026, 12, 1), ONE, recalled=True)
    gone = Stock(6, "X", date(2026, 11, 21), ONE)
    today = Stock(7, "T", date(2026, 11, 22), ONE)
    assert usable([later, empty, sooner, recalled, gone, same_day, today], at, NEW_YORK) == (
        today,
        same_day,
        sooner,
        later,
    )
    assert first_out([later, sooner], at, NEW_YORK) == sooner
    assert first_out([empty, recalled, gone], at, NEW_YORK) is None
