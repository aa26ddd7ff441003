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


@dataclass(frozen=True, slots=True)
class Held:
    """What is free of one lot at one storage location, not set aside for anything yet; whole containers."""

    lot_id: int
    place_id: int
    number: str
    expiry: date
    free: int
    recalled: bool = False


@dataclass(frozen=True, slots=True)
class Want:
    """So many containers for one use; `until` is the instant to whose end they must stay in date."""

    key: int
    quantity: int
    until: datetime


@dataclass(frozen=True, slots=True)
class SetAside:
    """What was found for one use: (lot, place, quantity) parts, how many are missing, and why in words."""

    key: int
    parts: tuple[tuple[int, int, int], ...]
    short: int
    why: str = ""


def set_aside(wants: Iterable[Want], stocks: Iterable[Held], zone: str | tzinfo) -> tuple[SetAside, ...]:
    """Give each use its containers in the order of the wants: the first to expire, then the smallest rest, then place.

    A lot serves a use only if it stays in date to the end of that use, and is not recalled. What is missing is said
    with its reason, never filled up silently. Source: unit-dose reference §2.6 and §4.1 (FEFO allocation).
    """
    stocks = tuple(stocks)
    good = sorted(
        (each for each in stocks if each.free > 0 and not each.recalled),
        key=lambda each: (each.expiry, each.free, each.number, each.place_id),
    )
    last = {each.lot_id: last_minute(each.expiry, zone) for each in good}
    free = [each.free for each in good]
    first = 0
    found = []
    for want in wants:
        parts, missing = [], want.quantity
        while first < len(good) and free[first] == 0:
            first += 1
        for nth in range(first, len(good)):
            if not missing:
                break
            if free[nth] == 0 or last[good[nth].lot_id] < want.until:
                continue
            part = min(free[nth], missing)
            free[nth] -= part
            missing -= part
            parts.append((good[nth].lot_id, good[nth].place_id, part))
        why = _why_short(want, want.quantity - missing, stocks, zone) if missing else ""
        found.append(SetAside(want.key, tuple(parts), missing, why))
    return tuple(found)


def _why_short(want: Want, found: int, stocks: tuple[Held, ...], zone: str | tzinfo) -> str:
    """Say what there is instead, so that a person knows where to look."""
    recalled = sum(each.free for each in stocks if each.recalled)
    dated = sum(each.free for each in stocks if not each.recalled and last_minute(each.expiry, zone) < want.until)
    said = [f"{found} of {want.quantity} in stock and in date"]
    if recalled:
        said.append(f"{recalled} recalled")
    if dated:
        said.append(f"{dated} expire before the end of use")
    return ", ".join(said)
