"""Until when a preparation may be started on a patient: the earliest of four clocks, and which one it was."""

import calendar
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from typing import Literal, get_args

from app.core.errors import Invalid, Refused
from app.core.wording import day, number, time_zone

Category = Literal["immediate", "1", "2", "3"]
Process = Literal["aseptic", "terminal"]
Storage = Literal["room", "refrigerator", "freezer"]
Governor = Literal["usp", "stability", "expiry", "component"]

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_STORAGES: tuple[Storage, ...] = get_args(Storage)
_NAMES = {"immediate": "Immediate use", "1": "Category 1", "2": "Category 2", "3": "Category 3"}
_PLACES = {"room": "at room temperature", "refrigerator": "in the refrigerator", "freezer": "in the freezer"}
_FIELDS = {"usp": "start", "stability": "stability_hours", "expiry": "expiries", "component": "components"}
_EXPIRY = re.compile(r"([0-9]{4})-([0-9]{2})(?:-([0-9]{2}))?")


@dataclass(frozen=True, slots=True)
class Clock:
    """One of the clocks that run on a preparation: its name, the instant (UTC) at which it runs out, and why."""

    name: Governor
    at: datetime
    because: str


@dataclass(frozen=True, slots=True)
class BeyondUse:
    """The beyond-use instant (UTC), the clock that governs it, and all clocks there were, in the order of ties."""

    at: datetime
    governed_by: Governor
    clocks: tuple[Clock, ...]


def usp_limit(
    category: Category, process: Process, *, sterile_start: bool, tested: bool, storage: Storage
) -> timedelta:
    """The longest time that USP ⟨797⟩ gives a preparation of this category in this storage.

    Raises Invalid for a word that is not one of the table's and for a combination that has no row in it.
    Source: USP ⟨797⟩ (official 1 November 2023), beyond-use dates; immediate use: 4 hours.
    """
    for name, value, words in (
        ("category", category, get_args(Category)),
        ("process", process, get_args(Process)),
        ("storage", storage, _STORAGES),
    ):
        if value not in words:
            raise Invalid({name: f"{name} is {value!r}: use one of {', '.join(words)}."})
    if category == "immediate" and not sterile_start:
        raise Invalid({"sterile_start": "Immediate use allows sterile starting components only."})
    if category == "3" and not tested:
        raise Invalid({"tested": "Category 3 needs a passed sterility test: test it, or date it as Category 2."})
    limit = _row(category, process, sterile_start, tested)[_STORAGES.index(storage)]
    if limit is None:
        raise Invalid({"storage": f"{_NAMES[category]} cannot be kept {_PLACES[storage]}: choose another storage."})
    return limit


def expiry_instant(expiry: str, zone: str | tzinfo) -> datetime:
    """The last minute (UTC) of a printed expiry: 23:59 by the wall clock of `zone` on its last day.

    Expiry: "2027-06-30"; "2027-06" and "2027-06-00" mean the last day of the month. Where the clocks make 23:59
    come twice, the first one ends it. Raises Invalid for any other text and for a day that does not exist.
    """
    match = _EXPIRY.fullmatch(expiry)
    if not match:
        raise Invalid({"expiries": f"'{expiry[:30]}' is not an expiry: write it as 2027-06 or 2027-06-30."})
    year, month, on = int(match[1]), int(match[2]), int(match[3] or 0)
    try:
        last = date(year, month, on or calendar.monthrange(year, month)[1])
        local = datetime.combine(last, time(23, 59), time_zone(zone) if isinstance(zone, str) else zone)
        return local.astimezone(UTC)
    except (calendar.IllegalMonthError, ValueError, OverflowError):
        raise Invalid({"expiries": f"'{expiry}' is not a day of the calendar: check the expiry."}) from None


def beyond_use(
    *,
    start: datetime,
    zone: str,
    category: Category,
    process: Process,
    sterile_start: bool,
    tested: bool,
    storage: Storage,
    stability_hours: Decimal | int | None,
    expiries: Sequence[str],
    components: Sequence[datetime],
) -> BeyondUse:
    """Until when administration must have begun: the earliest of USP limit, stability, expiry and components.

    Start: the first puncture or scan in the hood; a day is 24 hours in UTC whatever the clocks do. Stability: hours
    from the start in this storage and container, None where no source gives one (never in Category 3). Expiries: as
    printed on what goes in. Components: beyond-use instants of compounded ones. Of equal clocks the earlier in the
    order usp, stability, expiry, component governs. Raises Invalid, with the field's name, for instants without
    offset, an unknown zone, an impossible combination and anything that has run out at the start already.
    Source: USP ⟨797⟩; compounding 2.2 and 3.11.
    """
    begun = _utc(start, "start")
    try:
        wall = time_zone(zone)
    except ValueError as unknown:
        raise Invalid({"zone": str(unknown)}) from None
    limit = usp_limit(category, process, sterile_start=sterile_start, tested=tested, storage=storage)
    clocks = [Clock("usp", _later(begun, limit), f"USP ⟨797⟩ {_NAMES[category]}, {_span(limit)} {_PLACES[storage]}")]
    if stability_hours is not None:
        clocks.append(_stability(begun, stability_hours))
    elif category == "3":
        raise Invalid({"stability_hours": "Category 3 needs a proven stability: enter its hours."})
    if expiries:
        ends = min((expiry_instant(expiry, wall), expiry) for expiry in expiries)
        clocks.append(Clock("expiry", ends[0], f"expiry {day(ends[0].astimezone(wall).date())} of what went in"))
    if components:
        earliest = min(_utc(component, "components") for component in components)
        clocks.append(Clock("component", earliest, "beyond-use date of a compounded component"))
    for clock in clocks:
        if clock.at <= begun:
            raise Invalid({_FIELDS[clock.name]: f"Already past at the start: {clock.because}. Take another one."})
    first = min(clocks, key=lambda clock: clock.at)  # min keeps the first of equals: the order above is that of ties
    return BeyondUse(first.at, first.name, tuple(clocks))


def category_allowed(hood_end: date | None, room_end: date | None, at: date) -> Category:
    """The highest category that a station's certificates allow at a time: "2", "1" or "immediate".

    Ends and `at`: days of the site's calendar (a certificate holds through its last day) or instants, all of one
    kind; None: never certified. Without the room it is a segregated area, Category 1; without the hood there is no
    ISO 5 air, immediate use only. Category 3 wants more than certificates and is never allowed by them alone.
    Source: USP ⟨797⟩, certification and beyond-use dates.
    """
    if hood_end is None or hood_end < at:
        return "immediate"
    if room_end is None or room_end < at:
        return "1"
    return "2"


def refuse_uncertified(category: Category, hood_end: date | None, room_end: date | None, at: date) -> None:
    """Refuse a preparation whose category the station's certificates do not carry now.

    Arguments as in `category_allowed`. Raises Refused: which certificate is missing or since when, and what to do.
    """
    order = get_args(Category)
    allowed = category_allowed(hood_end, room_end, at)
    if order.index(category) <= order.index(allowed):
        return
    if allowed == "2":
        raise Refused("Category 3 needs more than certified air: date this preparation as Category 2.")
    what, end = ("hood", hood_end) if allowed == "immediate" else ("room", room_end)
    since = "is not recorded" if end is None else f"ended on {day(end)}"
    instead = "for immediate use" if allowed == "immediate" else "as Category 1"
    raise Refused(
        f"{_NAMES[category]} cannot be made here: the certification of the {what} {since}. "
        f"Use another station, or prepare {instead}."
    )


def _row(
    category: Category, process: Process, sterile_start: bool, tested: bool
) -> tuple[timedelta | None, timedelta | None, timedelta | None]:
    """The row of the table: room, refrigerator, freezer."""
    match category, process, tested:
        case "immediate", _, _:
            return 4 * _HOUR, None, None
        case "1", _, _:
            return 12 * _HOUR, 24 * _HOUR, None
        case "2", "aseptic", False:
            return (4 * _DAY, 10 * _DAY, 45 * _DAY) if sterile_start else (1 * _DAY, 4 * _DAY, 45 * _DAY)
        case "2", "aseptic", _:
            return 30 * _DAY, 45 * _DAY, 60 * _DAY
        case "2", _, False:
            return 14 * _DAY, 28 * _DAY, 45 * _DAY
        case "2", _, _:
            return 45 * _DAY, 60 * _DAY, 90 * _DAY
        case _, "aseptic", _:
            return 60 * _DAY, 90 * _DAY, 120 * _DAY
        case _:
            return 90 * _DAY, 120 * _DAY, 180 * _DAY


def _stability(begun: datetime, hours: Decimal | int) -> Clock:
    exact = isinstance(hours, (int, Decimal)) and not isinstance(hours, bool)
    if not exact or not Decimal(hours).is_finite() or not 0 < hours <= 24 * 3650:
        raise Invalid({"stability_hours": f"A stability of {hours} hours cannot be: enter hours above zero."})
    # Rounded down to the microsecond: a clock never runs longer than its source says.
    span = timedelta(microseconds=int(Decimal(hours) * 3_600_000_000))
    return Clock("stability", _later(begun, span), f"stability of {number(Decimal(hours))} hours")


def _later(begun: datetime, span: timedelta) -> datetime:
    try:
        return begun + span
    except OverflowError:
        raise Invalid({"start": "The start lies beyond the calendar: check it."}) from None


def _utc(at: datetime, name: str) -> datetime:
    if at.utcoffset() is None:
        raise Invalid({name: f"{at.isoformat()} has no offset: it does not say which instant it is."})
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise Invalid({name: f"{at.isoformat()} lies beyond the calendar: check it."}) from None


def _span(span: timedelta) -> str:
    return f"{span.days} days" if span > _DAY else f"{span // _HOUR} hours"
