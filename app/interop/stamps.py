"""HL7 time stamps to instants: offsets, the sender's zone, the two hours a year that are not what they seem.

Sources: HL7 v2.5.1 chapter 2A (TS, DTM, TM); house interoperability notes on encoding.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Literal
from zoneinfo import ZoneInfo

from app.interop.values import Connection, Stamp

_STAMP = re.compile(
    r"(\d{4})(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:\.(\d{1,6}))?)?)?)?)?)?([+-]\d{4})?", re.ASCII
)
_TIME = re.compile(r"(\d\d):?(\d\d)(?::?(\d\d)(?:\.\d+)?)?(?:[+-]\d{4})?", re.ASCII)
_PRECISIONS: tuple[Literal["year", "month", "day", "hour", "minute", "second"], ...] = (
    "year", "month", "day", "hour", "minute", "second"
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class SenderClock:
    """How one message's times are read: the connection's zone, or the message's own offset where that differs.

    `sent` is MSH-7 as an instant; it settles which of two equal clock times in autumn is meant.
    """

    zone: ZoneInfo
    received: datetime
    sent: datetime | None = None
    offset: timezone | None = None


def sender_clock(
    text: str, connection: Connection, received: datetime, warnings: list[str]
) -> tuple[SenderClock, Stamp | None]:
    """Read MSH-7 and say how the message's other times are to be read. `received` is an aware instant.

    An offset in MSH-7 that the zone has at that moment confirms the zone, which then also knows other seasons;
    a different one is taken for the whole message and remarked.
    """
    clock = SenderClock(ZoneInfo(connection.zone), received)
    # A sender's clock that is years off is remarked, but its own order of events is still worth having.
    stamp = read_stamp(text, clock, "the message time (MSH-7)", warnings)
    if stamp is None:
        return clock, None
    own = _offset(text)
    local = stamp.instant.astimezone(clock.zone).utcoffset()
    if own is not None and own.utcoffset(None) != local:
        warnings.append(
            f"The sender's clock is at {text[-5:]}, which is not {connection.zone}: check the time zone set for "
            "this connection."
        )
        return SenderClock(clock.zone, received, stamp.instant, own), stamp
    return SenderClock(clock.zone, received, stamp.instant), stamp


def read_stamp(text: str, clock: SenderClock, what: str, warnings: list[str]) -> Stamp | None:
    """Read one time stamp; one that cannot be read, or lies absurdly far off, is None with a remark.

    `what` names it in remarks. A date alone is the start of that local day.
    """
    compact = re.sub(r"\s", "", text)
    if not compact:
        return None
    match = _STAMP.fullmatch(compact)
    if not match:
        warnings.append(f"'{text[:40]}' as {what} is not a date and time: enter it by hand.")
        return None
    parts = [int(part) for part in match.groups()[:6] if part is not None]
    precision = _PRECISIONS[len(parts) - 1]
    wall = _wall(parts, match.group(7))
    own = _offset(compact) if match.group(8) else None
    if wall is None or (match.group(8) and own is None):
        warnings.append(f"'{text[:40]}' as {what} is not a possible date and time: enter it by hand.")
        return None
    if wall.year < 1900 or wall.year > clock.received.year + 5:
        warnings.append(f"'{text[:40]}' as {what} lies too far off to be true: enter it by hand.")
        return None
    given = own or clock.offset
    if given is not None:
        instant = wall.replace(tzinfo=given).astimezone(UTC)
    else:
        instant = _in_zone(wall, clock, what, warnings)
    return Stamp(instant, text.strip(), precision, wall.date())


def read_birth(text: str, warnings: list[str]) -> date | None:
    """Read a birth date from a stamp of at least day precision; anything else is None with a remark."""
    compact = re.sub(r"\s", "", text)
    if not compact:
        return None
    try:
        if re.match(r"\d{8}", compact, re.ASCII):
            return date(int(compact[:4]), int(compact[4:6]), int(compact[6:8]))
    except ValueError:
        pass
    warnings.append(f"'{text[:40]}' as birth date cannot be read: check the patient's identity.")
    return None


def read_time(text: str) -> time | None:
    """Read a time of day ("0600", "06:00", "070000"; "2400" is midnight), or None when it is none."""
    match = _TIME.fullmatch(text.strip())
    if not match:
        return None
    hour, minute, second = (int(part or 0) for part in match.groups())
    if (hour, minute, second) == (24, 0, 0):
        return time(0, 0)
    if hour > 23 or minute > 59 or second > 59:
        return None
    return time(hour, minute, second)


def _wall(parts: list[int], fraction: str | None) -> datetime | None:
    year, month, day, hour, minute, second = [*parts, *(0, 1, 1, 0, 0, 0)[len(parts) :]]
    later = timedelta(microseconds=int((fraction or "0").ljust(6, "0")))
    if (hour, minute, second) == (24, 0, 0):
        hour, later = 0, timedelta(days=1)
    if second == 60:
        second, later = 59, later + timedelta(seconds=1)
    try:
        return datetime(year, month, day, hour, minute, second) + later  # noqa: DTZ001 - a wall time, zone follows
    except (ValueError, OverflowError):
        return None


def _offset(text: str) -> timezone | None:
    match = re.search(r"([+-])(\d\d)(\d\d)$", re.sub(r"\s", "", text), re.ASCII)
    if not match:
        return None
    hours, minutes = int(match.group(2)), int(match.group(3))
    if hours > 14 or minutes > 59:
        return None
    return timezone((1 if match.group(1) == "+" else -1) * timedelta(hours=hours, minutes=minutes))


def _in_zone(wall: datetime, clock: SenderClock, what: str, warnings: list[str]) -> datetime:
    first = wall.replace(tzinfo=clock.zone, fold=0).astimezone(UTC)
    second = wall.replace(tzinfo=clock.zone, fold=1).astimezone(UTC)
    if first == second:
        return first
    if second < first:
        # The clocks were put forward over this time. The offset from before the change shifts it forward.
        warnings.append(f"The time '{wall:%H:%M}' ({what}) does not exist on that day: read as one hour later.")
        return first
    near = clock.sent or clock.received
    chosen = first
    if abs(near - second) < abs(near - first) and abs(near - second) <= timedelta(hours=3):
        chosen = second
    said = "second" if chosen == second else "first"
    warnings.append(f"The time '{wall:%H:%M}' ({what}) comes twice on that day: the {said} was taken.")
    return chosen
