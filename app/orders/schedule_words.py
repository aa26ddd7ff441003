"""A schedule in the words in which one colleague would tell it to another."""

from datetime import datetime, timedelta

from app.core.wording import WEEKDAYS, day, instant
from app.orders.schedule import AsNeeded, Continuous, Interval, Once, Rhythm, Schedule, Times

_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)


def in_words(rhythm: Rhythm, zone: str) -> str:
    """A rhythm in words, its instants on the wall clock of `zone`: 'every other day at 21:00, from 10-Jun-2026'."""
    match rhythm:
        case Times():
            return _times(rhythm)
        case Interval(every=every, anchor=anchor):
            return f"every {span(every)}{_from(anchor, zone)}"
        case Once(at=at):
            return f"one dose{', ' + instant(at, zone) if at else ''}"
        case AsNeeded():
            return _as_needed(rhythm)
        case Continuous():
            return "continuous"


def schedule_in_words(schedule: Schedule, zone: str) -> str:
    """A schedule's rhythm with its limits, without its start and stop."""
    words = [in_words(schedule.rhythm, zone)]
    if schedule.count is not None:
        words.append(f"{schedule.count} {'dose' if schedule.count == 1 else 'doses'} in all")
    if schedule.first_dose is not None:
        words.append(f"the first dose {instant(schedule.first_dose, zone)}")
    if schedule.time_critical:
        words.append("time-critical")
    return ", ".join(words)


def span(length: timedelta) -> str:
    """A length of time: '36 hours', '1 hour 30 min', '10 min'."""
    hours, rest = divmod(length, _HOUR)
    minutes = rest // timedelta(minutes=1)
    told = [f"{hours} {'hour' if hours == 1 else 'hours'}"] if hours else []
    return " ".join([*told, f"{minutes} min"] if minutes or not told else told)


def _times(times: Times) -> str:
    at = [f"{each:%H:%M}" for each in times.at]
    if len(at) > 12:
        clock = f"at {len(at)} times from {at[0]} to {at[-1]}"
    else:
        clock = f"at {_listed(at)}"
    if times.weekdays:
        days = _listed([WEEKDAYS[each] for each in times.weekdays])
    elif times.month_day is not None:
        every = "every month" if times.every_months == 1 else f"every {times.every_months} months"
        days = f"on day {times.month_day} of {every}"
    else:
        days = {1: "every day", 2: "every other day", 7: "once a week"}.get(
            times.every_days, f"every {times.every_days} days"
        )
    if times.weekdays and times.every_days > 1:
        days += f" every {times.every_days} days"
    return f"{days} {clock}" + (f", from {day(times.anchor)}" if times.anchor and times.anchored else "")


def _as_needed(needed: AsNeeded) -> str:
    words = "when needed" if not needed.when else f"only when needed: {needed.when}"
    limits = []
    if needed.apart is not None:
        limits.append(f"at least {span(needed.apart)} apart")
    if needed.a_day is not None:
        limits.append(f"at most {needed.a_day} a day")
    return ", ".join([words, *limits])


def _from(anchor: datetime | None, zone: str) -> str:
    return f" from {instant(anchor, zone)}" if anchor else " from its first dose"


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
