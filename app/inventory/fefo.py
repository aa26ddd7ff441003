"""First to expire, first out; and until which minute a lot may be used."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, tzinfo
from decimal import Decimal

from app.core.wording import time_zone

# The last place on Earth where a day ends.
LAST_ZONE = "Etc/GMT+12"


@dataclass(frozen=True, slots=True)
class Stock:
    """What is left of one lot at one place."""

    lot_id: int
    number: str
    expiry: date
    on_hand: Decimal
    recalled: bool = False


def last_minute(expiry: date, zone: str | tzinfo) -> datetime:
    """The instant (UTC) until which a lot may be used: 23:59 of its expiry day on the wall clock of `zone`.

    A month-only expiry is its month's last day before it comes here. Raises ValueError for an unknown zone.
    """
    local = zone if isinstance(zone, tzinfo) else time_zone(zone)
    return datetime.combine(expiry, time(23, 59), local).astimezone(UTC)


def expired(expiry: date, at: datetime, zone: str | tzinfo) -> bool:
    """Tell whether a lot is past its last minute at an instant; in that minute's first second it is still good."""
    return at > last_minute(expiry, zone)


def usable(stocks: Iterable[Stock], at: datetime, zone: str | tzinfo) -> tuple[Stock, ...]:
    """The lots that may be used, the first to expire first; recalled, expired and used-up ones are left out."""
    good = (each for each in stocks if each.on_hand > 0 and not each.recalled and not expired(each.expiry, at, zone))
    return tuple(sorted(good, key=lambda each: (each.expiry, each.number, each.lot_id)))


def first_out(stocks: Iterable[Stock], at: datetime, zone: str | tzinfo) -> Stock | None:
    """The lot to take next, or None when there is none to take."""
    return next(iter(usable(stocks, at, zone)), None)
