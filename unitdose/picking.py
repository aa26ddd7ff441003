"""The way through the store: serpentine by aisle, look-alikes apart, and two technicians who never meet at one bin.

Source: unit-dose reference §2.9 (serpentine order; look-alike names never adjacent in one wave).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from app.core.look_alikes import alike
from app.formulary.unit_dose import UnitDoseFacts


@dataclass(frozen=True, slots=True)
class Spot:
    """A storage location as one walks: zone, aisle, bay, shelf and bin; `code` is what is scanned there."""

    place_id: int
    code: str
    zone: str
    aisle: int
    bay: int
    shelf: int
    bin: int

    @property
    def shown(self) -> str:
        """The location as it is read from afar: 'A1-2-1-04'."""
        return self.code.removeprefix("LOC-")


@dataclass(frozen=True, slots=True)
class ToPut:
    """Packages of one lot at one location that one line still waits for, and the drawer they go into."""

    line_id: int
    work_id: int
    drawer: int
    lot_id: int
    lot: str
    quantity: int


@dataclass(frozen=True, slots=True)
class PickStop:
    """One package at one location with all the drawers that wait for it; `beside` names a look-alike just before it."""

    package: UnitDoseFacts
    spot: Spot
    puts: tuple[ToPut, ...]
    beside: str = ""

    @property
    def key(self) -> tuple[int, int]:
        return (self.package.package_id, self.spot.place_id)

    @property
    def quantity(self) -> int:
        """How many packages are to be taken here."""
        return sum(each.quantity for each in self.puts)

    @property
    def lots(self) -> tuple[tuple[int, str], ...]:
        """The lots that the plan takes here, each once, in the plan's order."""
        return tuple(dict.fromkeys((each.lot_id, each.lot) for each in self.puts))


def walk(spot: Spot) -> tuple[str, int, int, int, int]:
    """Where a location comes on the way: up one aisle and down the next, then by shelf and bin."""
    return (spot.zone, spot.aisle, spot.bay if spot.aisle % 2 else -spot.bay, spot.shelf, spot.bin)


def route(stops: Collection[PickStop]) -> tuple[PickStop, ...]:
    """The stops in walking order, with another drug between any two that look alike.

    The nearest later stop that differs is taken first; where there is none, the stop says beside which look-alike it
    comes, so that the screen can warn.
    """
    waiting = sorted(stops, key=lambda stop: (walk(stop.spot), stop.package.package_id))
    found: list[PickStop] = []
    while waiting:
        nth = 0
        if found:
            last = found[-1].package.name
            nth = next((n for n, stop in enumerate(waiting) if not alike(last, stop.package.name)), 0)
        stop = waiting.pop(nth)
        if found and alike(found[-1].package.name, stop.package.name):
            stop = PickStop(stop.package, stop.spot, stop.puts, found[-1].package.name)
        found.append(stop)
    return tuple(found)


def next_stop(
    way: Sequence[PickStop], taken: Collection[tuple[int, int]], after: tuple[int, int] | None = None
) -> PickStop | None:
    """The next stop for a technician: the first after the last one that nobody is at, else the first of all."""
    free = [stop for stop in way if stop.key not in taken]
    if after is not None:
        keys = [stop.key for stop in way]
        if after in keys:
            later = {stop.key for stop in way[keys.index(after) + 1 :]}
            return next((stop for stop in free if stop.key in later), free[0] if free else None)
    return free[0] if free else None


def far_end(way: Sequence[PickStop], taken: Collection[tuple[int, int]]) -> PickStop | None:
    """Where a second technician begins: half-way between those who are at it already and the end of the way."""
    free = [stop for stop in way if stop.key not in taken]
    if not taken or not free:
        return free[0] if free else None
    return free[len(free) // 2]
