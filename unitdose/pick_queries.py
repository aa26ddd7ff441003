"""What is to be picked for a fill: the stops of its way, who is at which, and what a technician has in hand."""

import json
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from app.core.workflow import State
from app.formulary.unit_dose_queries import unit_doses_by_package
from app.identity.models import Person
from app.inventory.models import Location, Lot
from app.work.models import WorkItem
from unitdose.models import Allocation, Drawer, Fill, FillLine, Pull, Put, Stop
from unitdose.picking import PickStop, Spot, ToPut, route
from unitdose.queries import live

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
    taken = (
        select(func.count(Put.id))
        .outerjoin(Pull, Pull.put_id == Put.id)
        .where(
            Put.line_id == Allocation.line_id,
            Put.lot_id == Allocation.lot_id,
            Put.place_id == Allocation.place_id,
            Pull.put_id.is_(None),
        )
        .correlate(Allocation)
        .scalar_subquery()
    )
    query = (
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
            FillLine.fill_id == fill_id,
            live(),
            Allocation.ended_run_id.is_(None),
            WorkItem.state.in_(PICKABLE),
            Fill.closed_at.is_(None),
        )
        .order_by(Drawer.number, FillLine.due_at, FillLine.id, Lot.expiry)
    )
    puts: dict[tuple[int, int], list[ToPut]] = {}
    for row in session.execute(query):
        if row.left > 0:
            each = ToPut(row.id, row.work_id, row.number, row.lot_id, row[6], row.left)
            puts.setdefault((row.package_id, row.place_id), []).append(each)
    packages = unit_doses_by_package(session, {package for package, _ in puts})
    spots = _spots(session, {place for _, place in puts})
    return route(
        [PickStop(packages[key[0]], spots[key[1]], tuple(mine)) for key, mine in puts.items() if key[1] in spots]
    )


def _spots(session: Session, place_ids: set[int]) -> dict[int, Spot]:
    query = select(Location).where(Location.place_id.in_(place_ids))
    return {
        row.place_id: Spot(row.place_id, row.code, row.zone, row.aisle, row.bay, row.shelf, row.bin)
        for row in session.scalars(query)
    }


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
