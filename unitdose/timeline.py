"""A ward's next hours as a picture: a line for each patient, a shape for what is due in each hour.

Only numbers and words; a template draws them. A shape stands for all doses of one hour that stand alike, with their
count beside it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.core.wording import clock

HOURS = 8
BACK = 2
COLUMN, ROW, LEFT, TOP = 44, 36, 4, 22
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Mark:
    """What is to be drawn of one dose: when it is due, its state (shape) and word, what it is, where its page is."""

    due_at: datetime
    state: str
    word: str
    what: str
    address: str


@dataclass(frozen=True, slots=True)
class Shape:
    """One shape of the picture, in its own units: left upper corner, state, how many doses, their words, the page."""

    x: int
    y: int
    state: str
    count: int
    words: str
    address: str


@dataclass(frozen=True, slots=True)
class Line:
    """The line of one patient: the shapes, the hours under them, where now is, and how high it is."""

    shapes: tuple[Shape, ...]
    hours: tuple[tuple[int, str], ...]
    now: int
    height: int

    @property
    def width(self) -> int:
        return LEFT * 2 + COLUMN * HOURS


_FIRST = ("stop", "caution", "now", "waiting", "held", "ok")
"""What a nurse looks at first stands on top."""


def line(marks: Sequence[Mark], now: datetime, zone: str, home: str) -> Line:
    """The line of one patient from two hours back to six ahead, in hours of the ward's clock.

    `home` is where a shape leads that stands for several doses.
    """
    start = now.replace(minute=0, second=0, microsecond=0) - BACK * _HOUR
    shapes: list[Shape] = []
    highest = 1
    for column in range(HOURS):
        begin = start + column * _HOUR
        here = [mark for mark in marks if begin <= mark.due_at < begin + _HOUR]
        alike: dict[str, list[Mark]] = {}
        for mark in sorted(here, key=lambda each: (each.due_at, each.what)):
            alike.setdefault(mark.state, []).append(mark)
        highest = max(highest, len(alike))
        for nth, state in enumerate(sorted(alike, key=_FIRST.index)):
            found = alike[state]
            address = found[0].address if len(found) == 1 else home
            x, y = LEFT + column * COLUMN, TOP + nth * ROW
            shapes.append(Shape(x, y, state, len(found), _words(found, zone), address))
    # Every second hour is named: on a phone, all of them would run into each other.
    hours = tuple(
        (LEFT + column * COLUMN, clock(start + column * _HOUR, zone) if column % 2 == 0 else "")
        for column in range(HOURS)
    )
    # The line of now lies in its own hour: minutes of the hour as a part of the column, in whole units.
    into = LEFT + BACK * COLUMN + now.minute * COLUMN // 60
    return Line(tuple(shapes), hours, into, TOP + highest * ROW)


def _words(marks: Sequence[Mark], zone: str) -> str:
    each = "; ".join(f"{clock(mark.due_at, zone)} {mark.what}: {mark.word}" for mark in marks)
    return f"{len(marks)} doses: {each}" if len(marks) > 1 else each
