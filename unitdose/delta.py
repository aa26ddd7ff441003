"""What a newer plan changes in an older one, dose by dose: KEEP ADD REMOVE CHANGE REROUTE HOLD.

A dose is known by its order and instant, never by a number in a list; a newer order version that says the very same
keeps what was planned, picked and checked for the older one. Source: unit-dose reference §2.1, §2.7.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from unitdose.plan import BROUGHT, Line
from unitdose.routes import Reason, Route


class Change(StrEnum):
    """What becomes of a dose's line."""

    KEEP = "KEEP"
    ADD = "ADD"
    REMOVE = "REMOVE"
    CHANGE = "CHANGE"
    REROUTE = "REROUTE"
    HOLD = "HOLD"


Key = tuple[int, datetime | None, int | None]
"""Order, instant, package: what makes two lines the same line."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A line of the current plan, by its number, as far as a newer plan may differ from it."""

    line_id: int
    order_id: int
    content: str
    at: datetime | None
    package_id: int | None
    units: Decimal | None
    packages: int
    route: Route
    reason: Reason
    patient_id: int
    unit_id: int | None
    flags: tuple[str, ...] = ()

    @property
    def key(self) -> Key:
        return (self.order_id, self.at, self.package_id)


@dataclass(frozen=True, slots=True)
class Delta:
    """What to do: lines that end (with how and why), lines that are added, lines that move with their patient to
    another unit of the cart with all that is picked for them, and how many stay as they are.
    """

    ended: tuple[tuple[Standing, Change, str], ...]
    added: tuple[tuple[Line, Change], ...]
    moved: tuple[tuple[Standing, Line], ...]
    kept: int

    @property
    def is_empty(self) -> bool:
        return not (self.ended or self.added or self.moved)


def delta(before: Iterable[Standing], after: Iterable[Line]) -> Delta:
    """Compare the current lines of some orders with their lines in a newer plan.

    Every line of `before` is kept or ended, every line of `after` is kept or added; nothing is lost between the two.
    """
    old: dict[Key, Standing] = {each.key: each for each in before}
    new: dict[Key, Line] = {key_of(line): line for line in after}
    doses = {(line.order_id, line.at): line for line in new.values()}
    ended, moved = [], []
    kept = 0
    for key, standing in old.items():
        line = new.get(key)
        if line is not None and _same(standing, line):
            kept += 1
            if line.unit_id != standing.unit_id:
                moved.append((standing, line))
        else:
            now = line or doses.get((standing.order_id, standing.at))
            ended.append((standing, *_how_it_ends(standing, now)))
    known = {(each.order_id, each.at) for each in old.values()}
    added = tuple(
        (line, Change.CHANGE if (line.order_id, line.at) in known else Change.ADD)
        for key, line in new.items()
        if key not in old or not _same(old[key], line)
    )
    return Delta(tuple(ended), added, tuple(moved), kept)


def key_of(line: Line) -> Key:
    return (line.order_id, line.at, None if line.package is None else line.package.package_id)


def _same(standing: Standing, line: Line) -> bool:
    said = (standing.content, standing.units, standing.packages, standing.route, standing.reason)
    now = (line.content, line.units, line.packages, line.route, line.reason)
    whose = (standing.patient_id, standing.flags)
    return said == now and whose == (line.patient_id, tuple(str(flag) for flag in line.flags))


def _how_it_ends(standing: Standing, now: Line | None) -> tuple[Change, str]:
    if now is None:
        return Change.REMOVE, "it is not due at that time any more"
    if now.reason in (Reason.HELD, Reason.LOA):
        return Change.HOLD, "the order is on hold" if now.reason is Reason.HELD else "the patient is on leave"
    if now.unit_id != standing.unit_id and now.unit_id is not None:
        return Change.REROUTE, "the patient has moved"
    if now.route is not standing.route and now.route in (*BROUGHT, Route.CABINET, Route.OWN, Route.CONTROLLED):
        return Change.REROUTE, "it comes another way"
    if now.packages > 0:
        return Change.CHANGE, "the order or its product has changed"
    return Change.REMOVE, _ENDS.get(now.reason, "it is not brought any more")


_ENDS: Mapping[Reason, str] = {
    Reason.NOT_ON_UNIT: "the patient has left the unit",
    Reason.UNVERIFIED: "the changed order waits for a pharmacist",
    Reason.STOPPED: "the order was stopped",
    Reason.REPLACED: "the order was changed",
    Reason.EXC_PRODUCT: "no product makes the changed dose exactly",
    Reason.EXC_TIME: "the changed order's times are not known",
    Reason.DISCHARGE: "the patient is expected to have left",
}
