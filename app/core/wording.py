"""Numbers, dates, ages and drug names in the one form that screen, label and report share."""

import re
from datetime import date, datetime, timedelta, tzinfo
from decimal import ROUND_HALF_EVEN, Context, Decimal
from zoneinfo import ZoneInfo

from app.core.look_alikes import NAME, TALL

_PER_ONE = re.compile(r"/1(?![\d.,])")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def number(value: Decimal) -> str:
    """Write a number so that it cannot be misread: 1,000 and 0.5, never 1.0, .5 or 1E+3.

    Value: any finite Decimal; every digit that says something is kept, rounding is the caller's named act.
    Raises ValueError for NaN and infinity. Source: ISMP list of error-prone dose designations.
    """
    text = measured(value)
    return text.rstrip("0").rstrip(".") if "." in text else text


def measured(value: Decimal) -> str:
    """Write a balance reading with exactly the decimals the balance sent (28.410), for readings, never for doses.

    Raises ValueError for NaN and infinity.
    """
    if not value.is_finite():
        raise ValueError(f"{value} is not a number that can be shown.")
    return format(value.copy_abs() if value.is_zero() else value, ",f")


def signed(value: Decimal) -> str:
    """Write a deviation with its direction: +0.4, -2.5, and 0 without a sign."""
    text = number(value)
    return "+" + text if value > 0 else text


def percent(value: Decimal, places: int = 1, *, direction: bool = False) -> str:
    """Write a percentage rounded half-even to `places` decimals: "0.4 %", with `direction` "+0.4 %"."""
    if not value.is_finite():
        raise ValueError(f"{value} is not a number that can be shown.")
    rounded = value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN, Context(prec=200))
    return f"{signed(rounded) if direction else number(rounded)} %"


def day(on: date, *, weekday: bool = False) -> str:
    """Write a calendar day as 22-Nov-2026, with `weekday` as Sun 22-Nov-2026, whatever the computer's language.

    Source: NHS common user interface, date display.
    """
    text = f"{on.day:02d}-{MONTHS[on.month - 1]}-{on.year:04d}"
    return f"{WEEKDAYS[on.weekday()]} {text}" if weekday else text


def instant(
    at: datetime, zone: str | tzinfo, *, seconds: bool = False, weekday: bool = False, named: bool = False
) -> str:
    """Write an instant as the wall clock of `zone` showed it: 22-Nov-2026 14:05.

    `seconds` adds them (audit trail), `weekday` puts Sun before, `named` adds the zone (EST) as records need it: on
    the night the clocks go back, only the zone tells the two 01:30s apart. Raises ValueError for an instant without
    offset and for an unknown zone. Source: NHS common user interface, time display.
    """
    local = _local(at, zone)
    text = f"{day(local.date(), weekday=weekday)} {local.hour:02d}:{local.minute:02d}"
    if seconds:
        text += f":{local.second:02d}"
    return f"{text} {local.tzname()}" if named else text


def unmistakable(at: datetime, zone: str | tzinfo) -> str:
    """Write an instant for a label: 01-Nov-2026 01:30 EDT in the hour that the clocks repeat, else without the zone.

    Raises ValueError as `instant` does. Source: unit-dose reference §6.1 (no time on a label may mean two).
    """
    local = _local(at, zone)
    comes_twice = local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()
    return instant(at, zone, named=comes_twice)


def clock(at: datetime, zone: str | tzinfo, *, seconds: bool = False) -> str:
    """Write only the time of day in `zone`: 14:05, with `seconds` 14:05:21. Raises ValueError as `instant` does."""
    return instant(at, zone, seconds=seconds).split(" ", 1)[1]


def away(at: datetime, now: datetime) -> str:
    """Say how far an instant is from now, as one reads it off a list: now, in 44 min, in 3 h, 21 min late, 2 d late.

    Minutes under two hours, hours under two days, then days; whole ones, cut off.
    """
    far = abs(at - now) // timedelta(minutes=1)
    if far == 0:
        return "now"
    amount = f"{far} min" if far < 120 else f"{far // 60} h" if far < 48 * 60 else f"{far // 1440} d"
    return f"{amount} late" if at < now else f"in {amount}"


def strength(text: str) -> str:
    """A maker's strength as one says it: a directory's '25 mg/1' is 25 mg, in one; '160 mg/5mL' stays."""
    return _PER_ONE.sub("", text)


def age(birth: date, today: date) -> str:
    """Write an age as a ward says it: 12 d in the first month, 14 mo under two years, then 65 y.

    Raises ValueError for a birth after today.
    """
    if birth > today:
        raise ValueError(f"Born {day(birth)} is after {day(today)}: check the date of birth.")
    months = (today.year - birth.year) * 12 + today.month - birth.month - (today.day < birth.day)
    if months == 0:
        return f"{(today - birth).days} d"
    return f"{months} mo" if months < 24 else f"{months // 12} y"


def tall_man(name: str) -> str:
    """Write look-alike generic names with their tall-man letters: vincristine becomes vinCRIStine, wherever it stands.

    Whole words only, whatever their case; every other word is left as it came (norepinephrine, vancomycin).
    A listed name without tall letters (morphine) is left as it came too.
    Source: the FDA and ISMP lists of look-alike drug names with recommended tall-man letters (`look_alikes`).
    """
    return NAME.sub(_tall, name)


def _tall(found: re.Match[str]) -> str:
    whole = TALL.get(found[0].lower())
    return whole or "-".join(TALL.get(part.lower(), part) for part in found[0].split("-"))


def _local(at: datetime, zone: str | tzinfo) -> datetime:
    if at.utcoffset() is None:
        raise ValueError(f"{at.isoformat()} has no time zone: it does not say which instant it is.")
    if isinstance(zone, tzinfo):
        return at.astimezone(zone)
    return at.astimezone(time_zone(zone))


def time_zone(name: str) -> ZoneInfo:
    """The IANA time zone of that name (America/New_York). Raises ValueError in words for any other text."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"'{name}' is not a time zone: use a name such as America/New_York.") from None
