"""What is to be picked for a fill: the stops of its way, who is at which, and what a technician has in hand."""

import json
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Row, Select, and_, bindparam, func, select
from sqlalchemy.orm import Session

from app.core.workflow import State
from app.db.base import fetched
from app.formulary.unit_dose_queries import unit_doses_by_package
from app.identity.models import Person
from app.inventory.models import Location, Lot
from app.work.models import WorkItem
from unitdose.models import Allocation, Drawer, Fill, FillLine, Pull, Put, Stop
from unitdose.picking import PickStop, Spot, ToPut, route
from unitdose.queries import live
from unitdose.stock_queries import picked_of_it

PICKABLE = (State.QUEUED, State.MAKING, State.PAUSED)


@dataclass(frozen=True, slots=True)
class Halt:
    """A hard stop: what is wrong, what was scanned beside what was wanted, and what to do now."""

    what: str
    scanned: str
    wanted: str
    remedy: str


@dataclass(frozen=True, slots=True)
class At:
    """A technician at a stop: what was scanned and is in the hand, the lot that was read aloud, and a hard stop."""

    stop_id: int
    fill_id: int
    key: tuple[int, int]
    person_id: int
    who: str
    hand_lot_id: int | None
    said_lot_id: int | None
    halt: Halt | None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a fill is picked, in packages."""

    planned: int
    put: int
    short: int

    @property
    def left(self) -> int:
        return max(0, self.planned - self.put - self.short)


def way_through(session: Session, fill_id: int) -> tuple[PickStop, ...]:
    """Every stop that a fill still has, in walking order."""
    return route(_stops(session, fetched(session, _OF_ALL, fill_id=fill_id)))


def stop_at(session: Session, fill_id: int, key: tuple[int, int]) -> PickStop | None:
    """What a fill still wants of one package at one location; None when that is nothing.

    Every scan asks this, so nothing is read of the rest of the way; therefore the stop names no look-alike before it.
    """
    package_id, place_id = key
    rows = fetched(session, _OF_ONE_STOP, fill_id=fill_id, package_id=package_id, place_id=place_id)
    return next(iter(_stops(session, rows)), None)


def _wanted(*which: ColumnElement[bool]) -> Select[int, int | None, int | None, int, int, int, str, int]:
    """What is set aside for the live lines of a fill and was not put yet, drawer by drawer."""
    taken = picked_of_it()
    return (
        select(
            FillLine.id,
            FillLine.package_id,
            FillLine.work_id,
            Drawer.number,
            Allocation.lot_id,
            Allocation.place_id,
            Lot.number,
            (Allocation.quantity - taken).label("left"),
        )
        .join(FillLine, FillLine.id == Allocation.line_id)
        .join(Fill, Fill.id == FillLine.fill_id)
        .join(Drawer, Drawer.work_id == FillLine.work_id)
        .join(WorkItem, WorkItem.id == Drawer.work_id)
        .join(Lot, Lot.id == Allocation.lot_id)
        .where(
            FillLine.fill_id == bindparam("fill_id"),
            live(),
            Allocation.ended_run_id.is_(None),
            WorkItem.state.in_(PICKABLE),
            Fill.closed_at.is_(None),
            *which,
        )
        .order_by(Drawer.number, FillLine.due_at, FillLine.id, Lot.expiry)
    )


# Built once: putting them together takes longer than the database needs to answer, and every scan asks.
_OF_ALL = _wanted()
_OF_ONE_STOP = _wanted(
    FillLine.package_id == bindparam("package_id"), Allocation.place_id == bindparam("place_id")
)  # fmt: skip


def _stops(
    session: Session, rows: Iterable[Row[int, int | None, int | None, int, int, int, str, int]]
) -> list[PickStop]:
    puts: dict[tuple[int, int], list[ToPut]] = {}
    for line_id, package_id, work_id, drawer, lot_id, place_id, lot, left in rows:
        if left > 0:
            assert package_id is not None and work_id is not None  # what is set aside has both
            each = ToPut(line_id, work_id, drawer, lot_id, lot, left)
            puts.setdefault((package_id, place_id), []).append(each)
    packages = unit_doses_by_package(session, {package for package, _ in puts})
    spots = _spots(session, {place for _, place in puts})
    return [PickStop(packages[key[0]], spots[key[1]], tuple(mine)) for key, mine in puts.items() if key[1] in spots]


_SPOTS = select(
    Location.place_id, Location.code, Location.zone, Location.aisle, Location.bay, Location.shelf, Location.bin
).where(Location.place_id.in_(bindparam("place_ids", expanding=True)))


def _spots(session: Session, place_ids: set[int]) -> dict[int, Spot]:
    return {row.place_id: Spot(*row) for row in fetched(session, _SPOTS, place_ids=list(place_ids))}


def at_stops(session: Session, fill_id: int) -> tuple[At, ...]:
    """Who is at which stop of a fill now."""
    return tuple(_at(session, Stop.fill_id == fill_id))


def where_am_i(session: Session, person_id: int | None) -> At | None:
    """The stop at which somebody is now, of whatever fill."""
    return next(iter(_at(session, Stop.person_id == person_id)), None)


def _at(session: Session, which: object) -> Iterable[At]:
    query = (
        select(Stop, Person.name)
        .join(Person, Person.id == Stop.person_id)
        .where(and_(which, Stop.ended_at.is_(None)))  # type: ignore[arg-type]
        .order_by(Stop.id)
    )
    for row, who in session.execute(query):
        yield At(
            stop_id=row.id,
            fill_id=row.fill_id,
            key=(row.package_id, row.place_id),
            person_id=row.person_id,
            who=who,
            hand_lot_id=row.hand_lot_id,
            said_lot_id=row.said_lot_id,
            halt=Halt(**json.loads(row.halt)) if row.halt else None,
        )


def progress(session: Session, fill_id: int) -> Progress:
    """How far a fill is picked."""
    mine = and_(FillLine.fill_id == fill_id, live(), FillLine.packages > 0)
    sums = select(func.sum(FillLine.packages), func.sum(FillLine.short)).join(Fill, Fill.id == FillLine.fill_id)
    planned, short = session.execute(sums.where(mine)).one()
    put = (
        select(func.count(Put.id))
        .join(FillLine, FillLine.id == Put.line_id)
        .join(Fill, Fill.id == FillLine.fill_id)
        .outerjoin(Pull, Pull.put_id == Put.id)
        .where(mine, Pull.put_id.is_(None))
    )
    return Progress(int(planned or 0), session.scalar(put) or 0, int(short or 0))
