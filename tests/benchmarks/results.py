"""What a measurement says: how many, how long, beside which limit, and in words whether it holds."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil


@dataclass(frozen=True)
class Spread:
    """Times in milliseconds: the median, and what 95 and 99 of a hundred stay within."""

    n: int
    p50: float
    p95: float
    p99: float


def spread(seconds: Sequence[float]) -> Spread:
    """The spread of some times in seconds, by nearest rank. Raises ValueError for none."""
    if not seconds:
        raise ValueError("Nothing was measured.")
    ordered = sorted(seconds)

    def rank(share: float) -> float:
        return ordered[ceil(share * len(ordered)) - 1] * 1000

    return Spread(len(ordered), rank(0.5), rank(0.95), rank(0.99))


@dataclass(frozen=True)
class Limit:
    """What a figure is held against: `figure` and `bound` in the same unit, `words` say what is counted.

    The figure stays below the bound, or above it where `least` is set.
    """

    words: str
    figure: float
    bound: float
    unit: str = "×"
    least: bool = False

    @property
    def holds(self) -> bool:
        return self.figure >= self.bound if self.least else self.figure <= self.bound

    @property
    def wanted(self) -> str:
        return f"{'≥' if self.least else '≤'} {short(self.bound)} {self.unit} {self.words}".replace("  ", " ").strip()

    @property
    def seen(self) -> str:
        return f"{short(self.figure)} {self.unit}".strip()


@dataclass(frozen=True)
class Row:
    """One line of the table: what was measured, its times or another figure, and its limit if it has one."""

    name: str
    times: Spread | None = None
    figure: str = ""
    limit: Limit | None = None

    @property
    def verdict(self) -> str:
        if self.limit is None:
            return "for comparison"
        return "holds" if self.limit.holds else "does not hold"


HEAD = ("what", "n", "p50 ms", "p95 ms", "p99 ms", "also", "limit", "seen", "verdict")


def cells(row: Row) -> tuple[str, ...]:
    """A row as texts, in the order of HEAD."""
    times = row.times
    numbers = (f"{times.n:,}", short(times.p50), short(times.p95), short(times.p99)) if times else ("", "", "", "")
    limit = (row.limit.wanted, row.limit.seen) if row.limit else ("", "")
    return (row.name, *numbers, row.figure, *limit, row.verdict)


def short(number: float) -> str:
    """A number with as many places as mean something: 1,234 / 12.3 / 0.15."""
    if number >= 100 or number == int(number):
        return f"{number:,.0f}"
    return f"{number:.1f}" if number >= 10 else f"{number:.2f}"
