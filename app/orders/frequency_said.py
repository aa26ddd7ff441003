"""What the words of a written frequency say one by one: numbers, hours, days, parts of the day, times of the clock."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import time, timedelta

from app.orders.frequency_words import Word, number, weekdays
from app.orders.schedule import Times
from app.orders.times_table import clock_time, clock_times

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
PARTS = {"bedtime": "QHS", "morning": "QAM", "evening": "QPM", "noon": "NOON"}
MEALS = ("breakfast", "lunch", "dinner")
ALL_MEALS = {"before_meals": "AC", "after_meals": "PC", "with_meals": "WITH MEALS"}
_NAMED = {"daily": 1, "daily_at": 1, "twice": 2, "thrice": 3, "four": 4}
_HOURS = ("every", "every_bare", "hours_only", "hourly")
_UNITS = {"H": HOUR, "M": timedelta(minutes=1), "D": DAY, "W": timedelta(days=7)}


class Unclear(Exception):
    """Reading stops; the message says why, as a sentence without its full stop."""


@dataclass(frozen=True, slots=True)
class Days:
    """The days that a frequency names; as it stands, every day."""

    weekdays: tuple[int, ...] = ()
    every_days: int = 1
    month_day: int | None = None

    def at(self, times: tuple[time, ...]) -> Times:
        """Those times on these days."""
        return Times(times, self.weekdays, self.every_days, self.month_day)


EVERY_DAY = Days()


@dataclass(frozen=True, slots=True)
class Hours:
    """Time between doses; `most` where a range was written."""

    least: timedelta
    most: timedelta | None = None


class Said:
    """The words of one text, asked by kind. Each answer raises Unclear where the words contradict each other."""

    def __init__(self, words: Sequence[Word]):
        self.words = words
        self.kinds = frozenset(word.kind for word in words)

    def any(self, *kinds: str) -> bool:
        """Whether a word of one of these kinds stands in the text."""
        return not self.kinds.isdisjoint(kinds)

    def only(self, *kinds: str) -> None:
        """Refuse words of any other kind."""
        for word in self.words:
            if word.kind not in kinds:
                raise Unclear(f"What “{word.text}” adds to it is not certain")

    def text(self, kind: str) -> str:
        """The words of a kind as written, in small letters."""
        return " ".join(word.text for word in self.words if word.kind == kind).lower()

    def frequencies(self) -> int:
        """How many different frequencies the text names."""
        return len({word.kind for word in self.words if word.kind in _HOURS}) + len(self._a_day())

    def a_day(self) -> int | None:
        """Doses a day, by name (BID) or number (2 times daily)."""
        found = self._a_day()
        return max(found) if found else None

    def _a_day(self) -> set[int]:
        return {_NAMED[kind] for kind in _NAMED if kind in self.kinds} | set(self._numbers("a_day"))

    def agrees(self) -> bool:
        """Whether hours and doses a day say the same twice, as 'every 12 hours (BID)' does."""
        hours, a_day = self.hours(), self.a_day()
        return hours is not None and a_day is not None and len(self._a_day()) == 1 and hours.least * a_day == DAY

    def hours(self) -> Hours | None:
        """The time between doses."""
        found: set[Hours] = set()
        for word in self.words:
            if word.kind == "hourly":
                found.add(Hours(HOUR))
            elif word.kind in ("every_bare", "hours_only"):
                found.add(Hours(int(word.parts[0] or 0) * HOUR))
            elif word.kind == "every":
                found.add(_hours(word))
        if len(found) > 1:
            raise Unclear("It names two frequencies")
        if any(not each.least for each in found):
            raise Unclear("Every nothing is no frequency")
        return found.pop() if found else None

    def count(self) -> int | None:
        """The number of doses."""
        counts = set(self._numbers("doses"))
        if len(counts) > 1:
            raise Unclear("It names two numbers of doses")
        return counts.pop() if counts else None

    def lasts(self) -> timedelta | None:
        """How long the order lasts."""
        found = [word for word in self.words if word.kind == "lasts"]
        if not found:
            return None
        many, unit = found[0].parts
        assert many is not None and unit is not None
        if len(found) > 1 or self.any("doses"):
            raise Unclear("It limits the order twice")
        return number(many) * _UNITS[unit[0]]

    def days(self) -> Days:
        """Weekdays, every so many days, or a day of the month."""
        found = []
        named = [word.text for word in self.words if word.kind == "weekdays"]
        if named:
            if any(text.removeprefix("Q").strip() == "MO" for text in named):
                raise Unclear("It may mean Monday or month")
            found.append(Days(weekdays=tuple(sorted({day for text in named for day in weekdays(text)}))))
        if self.any("other_day"):
            found.append(Days(every_days=2))
        if self.any("other_week"):
            found.append(Days(every_days=14))
        weekly = self._numbers("a_week")
        if weekly == [1] and not named:
            found.append(Days(every_days=7))
        elif weekly and (not named or weekly != [len(found[0].weekdays)]):
            raise Unclear("It does not say on which days of the week")
        if self.any("month_day"):
            found.append(Days(month_day=self._numbers("month_day")[0]))
        elif self.any("monthly"):
            raise Unclear("It does not say on which day of the month")
        if len(found) > 1:
            raise Unclear("It names days in two ways")
        return found[0] if found else EVERY_DAY

    def parts(self) -> list[str]:
        """The table's codes of the parts of the day."""
        return [code for kind, code in PARTS.items() if kind in self.kinds]

    def clock(self) -> tuple[time, ...]:
        """The times of the clock as written."""
        found: set[time] = set()
        for word in self.words:
            said = next((part for part in word.parts if part), "")
            if word.kind == "at_times":
                found |= set(clock_times(" ".join(part for part in _split(said) if part[0].isdigit())))
            elif word.kind == "at_hours":
                found |= {clock_time(f"{int(part):02}00") for part in _split(said) if part.isdigit()}
            elif word.kind == "at_hour":
                found.add(_half_day(word))
            elif word.kind == "daily_at":
                if len(said) == 1 and not self.any("at_times"):
                    raise Unclear("Its number may be an hour or something else")
                found.add(clock_time(f"{int(said):02}00"))
        return tuple(sorted(found))

    def _numbers(self, kind: str) -> list[int]:
        said = [next((part for part in word.parts if part), "1") for word in self.words if word.kind == kind]
        return [{"ONCE": 1, "TWICE": 2}.get(each) or number(each) for each in said]


def _hours(word: Word) -> Hours:
    least, most, unit, minutes = word.parts
    assert least is not None and unit is not None
    if unit.startswith("MO"):
        raise Unclear("It does not say on which day of the month")
    length = _UNITS[unit[0]]
    more = timedelta(minutes=int(minutes)) if minutes else timedelta(0)
    return Hours(number(least) * length + more, int(most) * length if most else None)


def _split(text: str) -> list[str]:
    for between in ",;/&-":
        text = text.replace(between, " ")
    return text.split()


def _half_day(word: Word) -> time:
    hour, minute, half = word.parts
    assert hour is not None and half is not None
    if not 1 <= int(hour) <= 12 or int(minute or 0) > 59:
        raise Unclear(f"“{word.text}” is not a time of day")
    return time(int(hour) % 12 + (12 if half == "P" else 0), int(minute or 0))
