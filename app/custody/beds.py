"""Whose beds are whose: what a nurse picked once a shift."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

LASTS = timedelta(hours=12)


@dataclass(frozen=True)
class Bed:
    """A bed as orders name it: unit '7W', bed '12-A'. No bed means every bed of the unit."""

    unit: str
    bed: str | None

    @property
    def place(self) -> str:
        """The place of a patient, as labels say it."""
        return f"{self.unit}-{self.bed}" if self.bed else self.unit

    @property
    def words(self) -> str:
        """What was picked."""
        return self.place if self.bed else f"all of {self.unit}"


@dataclass(frozen=True)
class Beds:
    """The beds somebody has picked, and until when."""

    picked: frozenset[Bed]
    ends_at: datetime

    def cover(self, unit: str, bed: str) -> bool:
        """Tell whether a patient's place is among them."""
        return bool({Bed(unit, bed), Bed(unit, None)} & self.picked)

    @property
    def words(self) -> str:
        return ", ".join(bed.words for bed in in_order(self.picked))


def in_order(beds: Iterable[Bed]) -> list[Bed]:
    """Beds as one walks past them: by unit, then 3 before 12; a whole unit before its beds."""
    return sorted(beds, key=lambda bed: (bed.unit, walked(bed.bed or "")))


def walked(bed: str) -> list[tuple[int, str]]:
    """A bed's place in the order in which one walks: 2-A, 2-B, 10-A."""
    return [(int(part), "") if part.isdigit() else (0, part) for part in bed.split("-")]
