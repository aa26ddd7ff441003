"""What a prescriber's "how often" comes down to: one of five rhythms, between a start and a stop.

A code such as BID is only an alias of a row in the site's table; an order keeps the rhythm itself, so that a later
change of the table moves no order that was verified before. Source: unit-dose reference §2.3 and §2.4.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum

from app.core.errors import Invalid

DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")  # as date.weekday() counts them
LAST_MONTH_DAY = 28  # every month has it
SHORTEST = timedelta(minutes=1)
LONGEST = timedelta(days=92)


class Flag(StrEnum):
    """What a person should know about one planned dose."""

    SHIFTED = "DST_SHIFTED"  # its wall time does not exist that day: moved forward by the gap
    REPEAT = "DST_REPEAT"  # its wall time comes twice that day: this is the first
    MERGED = "DST_MERGED"  # another dose of the order was moved onto this one: one of them is kept
    SHORT_GAP = "SHORT_GAP"  # the clock change leaves under 75 % of the usual time since the dose before
    LONG_GAP = "LONG_GAP"  # the clock change makes it over 150 %
    FIRST = "FIRST_DOSE"  # the first dose, off the table


@dataclass(frozen=True, slots=True)
class Times:
    """Doses at times of the wall clock, on the days that all the masks leave.

    `weekdays` counts from Monday 0, () is every day. With `every_days` or `every_months` above 1, `anchor` is the date
    of the first dose, None the first day on which the order has one. Raises Invalid.
    """

    at: tuple[time, ...]
    weekdays: tuple[int, ...] = ()
    every_days: int = 1
    month_day: int | None = None
    every_months: int = 1
    anchor: date | None = None

    def __post_init__(self) -> None:
        if not self.at:
            raise Invalid({"times": "Name at least one time of day."})
        if list(self.at) != sorted(set(self.at)) or any(each.tzinfo for each in self.at):
            raise Invalid({"times": "Name each time of day once, in their order, as the wall clock shows it."})
        if list(self.weekdays) != sorted({day for day in self.weekdays if 0 <= day <= 6}):
            raise Invalid({"weekdays": "Name each day of the week once, from Monday to Sunday."})
        if not 1 <= self.every_days <= LONGEST.days or not 1 <= self.every_months <= 12:
            raise Invalid({"every_days": f"Every how many days: a whole number from 1 to {LONGEST.days}."})
        if self.month_day is not None and not 1 <= self.month_day <= LAST_MONTH_DAY:
            raise Invalid({
                "month_day": f"Not every month has a day {self.month_day}: choose one from 1 to {LAST_MONTH_DAY}."
            })  # fmt: skip
        if self.every_months > 1 and self.month_day is None:
            raise Invalid({"month_day": "Every how many months needs the day of the month."})

    @property
    def anchored(self) -> bool:
        """Whether the days depend on the date of the first dose."""
        return self.every_days > 1 or self.every_months > 1

    def on(self, day: date) -> bool:
        """Whether doses fall on that date of the wall clock."""
        if self.weekdays and day.weekday() not in self.weekdays:
            return False
        if self.month_day is not None and day.day != self.month_day:
            return False
        if self.anchored and self.anchor is not None:
            months = (day.year - self.anchor.year) * 12 + day.month - self.anchor.month
            return (
                day >= self.anchor
                and (day - self.anchor).days % self.every_days == 0
                and months % self.every_months == 0
            )
        return True

    @property
    def longest_wait(self) -> int:
        """Days within which the next dose comes, whatever the masks."""
        months = 31 * self.every_months if self.month_day is not None else 1
        return max(self.every_days * (7 if self.weekdays else 1), months * (7 if self.weekdays else 1)) + 1


@dataclass(frozen=True, slots=True)
class Interval:
    """Doses a constant time apart, in elapsed hours: the wall time drifts an hour when the clocks change.

    `anchor` is the instant of the first dose, None the start of the order. Raises Invalid.
    """

    every: timedelta
    anchor: datetime | None = None

    def __post_init__(self) -> None:
        if not SHORTEST <= self.every <= LONGEST:
            raise Invalid({"interval": f"Between doses lies a minute at least and {LONGEST.days} days at most."})
        _utc(self.anchor)


@dataclass(frozen=True, slots=True)
class Once:
    """One dose; `at` None: at the start of the order."""

    at: datetime | None = None

    def __post_init__(self) -> None:
        _utc(self.at)


@dataclass(frozen=True, slots=True)
class AsNeeded:
    """As needed or on call: nothing is planned. At least `apart` between doses, at most `a_day` of them a day.

    `when` says in words what it waits for ("on call", "after dialysis"), "" for the patient's need.
    """

    apart: timedelta | None = None
    a_day: int | None = None
    when: str = ""


@dataclass(frozen=True, slots=True)
class Continuous:
    """Runs without a break at the order's rate; its bags are planned where they are compounded."""


Rhythm = Times | Interval | Once | AsNeeded | Continuous


@dataclass(frozen=True, slots=True)
class Schedule:
    """A rhythm from `start` (its instant included, None: for ever) to `stop` (excluded, None: no end).

    `count` ends it at that many planned doses, counted from the first one whatever way it is given. `first_dose` is the
    instant of a first dose off the table: the table begins after it by the 50 % rule, and an interval runs from it.
    `time_critical` doses bear 30 minutes early or late. All instants in UTC. Raises Invalid, and ValueError for an
    instant that is not in UTC.
    """

    rhythm: Rhythm
    start: datetime | None = None
    stop: datetime | None = None
    count: int | None = None
    first_dose: datetime | None = None
    time_critical: bool = False

    def __post_init__(self) -> None:
        for instant in (self.start, self.stop, self.first_dose):
            _utc(instant)
        if self.start is not None and self.stop is not None and self.stop < self.start:
            raise Invalid({"stop": "The order stops before it starts: ask the prescriber which of the two is wrong."})
        if self.count is not None and self.count < 1:
            raise Invalid({"count": "A number of doses is 1 or more."})
        if self.start is None and self.needs_start:
            raise Invalid({"start": "Say when the order starts: its doses are counted from there."})

    @property
    def needs_start(self) -> bool:
        """Whether nothing but the start says which doses these are."""
        match self.rhythm:
            case Times() as times:
                open_ended = times.anchored and times.anchor is None
                return (open_ended or self.count is not None) and self.first_dose is None
            case Interval(anchor=anchor):
                return anchor is None and self.first_dose is None
            case Once(at=at):
                return at is None and self.first_dose is None
        return False


@dataclass(frozen=True, slots=True)
class Window:
    """A span of instants in UTC, `start` included and `end` excluded, so that windows in a row share no dose."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        _utc(self.start)
        _utc(self.end)
        if self.end < self.start:
            raise Invalid({"window": "The window ends before it starts."})


@dataclass(frozen=True, slots=True)
class Due:
    """One planned dose: its instant in UTC, the wall time that was meant, and what to know about it."""

    at: datetime
    wall: datetime
    flags: tuple[Flag, ...] = ()


@dataclass(frozen=True, slots=True)
class TimingClass:
    """How far from its time a dose may be given."""

    name: str
    either_way: timedelta


TIME_CRITICAL = TimingClass("time-critical", timedelta(minutes=30))
SEVERAL_A_DAY = TimingClass("several times a day", timedelta(hours=1))
DAILY_OR_LESS = TimingClass("daily or less often", timedelta(hours=2))


def timing_class(schedule: Schedule) -> TimingClass | None:
    """How exactly the doses of a schedule are to be timed; None for single, as-needed and continuous orders.

    Time-critical where the order or the site says so, and whatever comes more often than every 4 hours.
    Source: ISMP acute care guidelines for timely administration of scheduled medications.
    """
    match schedule.rhythm:
        case Times() as times:
            apart = _closest(times)
        case Interval(every=apart):
            pass
        case _:
            return None
    if schedule.time_critical or apart < timedelta(hours=4):
        return TIME_CRITICAL
    return SEVERAL_A_DAY if apart < timedelta(hours=24) else DAILY_OR_LESS


def doses_a_day(schedule: Schedule) -> int | None:
    """How many doses each day has: 0 for a single dose, None where days differ or nothing is planned."""
    day = timedelta(days=1)
    match schedule.rhythm:
        case Once():
            return 0
        case Times() as times if not times.weekdays and not times.anchored and times.month_day is None:
            return len(times.at)
        case Interval(every=every) if not day % every:
            return day // every
    return None


def _closest(times: Times) -> timedelta:
    minutes = [at.hour * 60 + at.minute for at in times.at]
    gaps = [later - earlier for earlier, later in zip(minutes, minutes[1:], strict=False)]
    overnight = minutes[0] + 1440 - minutes[-1]
    every_day = times.every_days == 1 and times.month_day is None
    return timedelta(minutes=min([*gaps, overnight] if every_day or not gaps else gaps))


def _utc(instant: datetime | None) -> None:
    if instant is not None and instant.utcoffset() != timedelta(0):
        raise ValueError(f"{instant!r} is not an instant in UTC.")
