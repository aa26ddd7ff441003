"""How every cart stands: its window, how far it is picked and checked, and what a person must look at."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import Session

from app.core.workflow import State
from app.custody.models import CustodyEvent
from app.custody.whereabouts import What
from app.labels.models import Label
from app.orders.schedule import Window
from app.work.models import WorkItem
from unitdose.cart_models import Cart
from unitdose.models import Drawer, Fill, FillLine, FillRun
from unitdose.pick_queries import Progress, progress
from unitdose.queries import FillFacts, LineFacts, has_left, line_facts, lines_of, live, open_fills, times_of
from unitdose.routes import EXCEPTIONS
from unitdose.scheduler import next_window, windows_of
from unitdose.windows import CartTimes, begins, cutoff_of, gaps, window_from


@dataclass(frozen=True, slots=True)
class Running:
    """A planning run under way: how many of its parts are written."""

    done: int
    total: int


@dataclass(frozen=True, slots=True)
class OnBoard:
    """One open fill on the board: how far it is, its drawers by state, and how many lines need a look.

    Of its drawers so many have `come` to a ward, and so many a nurse has `taken` or rejected there.
    """

    fill: FillFacts
    progress: Progress
    drawers: dict[State, int]
    exceptions: int
    left: bool
    running: Running | None
    come: int = 0
    taken: int = 0

    @property
    def stage(self) -> str:
        """How far the fill is, as a board says it."""
        states = {state for state, count in self.drawers.items() if count and state is not State.REFUSED}
        if self.fill.version is None:
            return "being planned" if self.running else "to be planned"
        if self.left:
            sent = self.drawers.get(State.RELEASED, 0)
            if sent and self.taken >= sent:
                return "accepted on the ward"
            return "on the ward, not accepted yet" if sent and self.come >= sent else "on its way"
        if not states:
            return "nothing to bring"
        if states == {State.RELEASED}:
            return "ready to leave"
        if states <= {State.MADE, State.RELEASED}:
            return "waits for its check"
        return "being picked" if states != {State.QUEUED} else "to be picked"


@dataclass(frozen=True, slots=True)
class Upcoming:
    """The window that a cart is planned for next, and when."""

    cart_id: int
    cart: str
    name: str
    zone: str
    start_at: datetime
    cutoff_at: datetime


def board(session: Session) -> tuple[OnBoard, ...]:
    """Every open fill, the next to leave first."""
    fills = open_fills(session)
    ids = [each.fill_id for each in fills]
    states: dict[int, dict[State, int]] = {}
    counted = (
        select(Drawer.fill_id, WorkItem.state, func.count(WorkItem.id))
        .join(WorkItem, WorkItem.id == Drawer.work_id)
        .where(Drawer.fill_id.in_(ids))
        .group_by(Drawer.fill_id, WorkItem.state)
    )
    for fill_id, state, count in session.execute(counted):
        states.setdefault(fill_id, {})[State(state)] = count
    unusual = {fill_id: count for fill_id, count in session.execute(_unusual(ids))}
    running = {
        run.fill_id: Running(run.done, run.total)
        for run in session.scalars(select(FillRun).where(FillRun.under_way == 1))
    }
    seen = _on_wards(session, ids)
    return tuple(
        OnBoard(
            each,
            progress(session, each.fill_id),
            states.get(each.fill_id, {}),
            unusual.get(each.fill_id, 0),
            has_left(session, each.fill_id),
            running.get(each.fill_id),
            len(seen.get((each.fill_id, True), set()) | seen.get((each.fill_id, False), set())),
            len(seen.get((each.fill_id, True), set())),
        )
        for each in fills
    )


def _on_wards(session: Session, ids: list[int]) -> dict[tuple[int, bool], set[int]]:
    """By fill, and whether a nurse took or rejected them or they only came: the drawers that reached a ward."""
    query = (
        select(Drawer.fill_id, CustodyEvent.kind, Drawer.work_id)
        .join(Label, Label.work_id == Drawer.work_id)
        .join(CustodyEvent, CustodyEvent.serial == Label.serial)
        .where(Drawer.fill_id.in_(ids), CustodyEvent.kind.in_((What.ARRIVED, What.RECEIVED, What.REJECTED)))
    )
    found: dict[tuple[int, bool], set[int]] = {}
    for fill_id, kind, work_id in session.execute(query):
        found.setdefault((fill_id, kind != What.ARRIVED), set()).add(work_id)
    return found


def _unusual(ids: list[int]) -> Select[int, int]:
    return (
        select(FillLine.fill_id, func.count(FillLine.id))
        .join(Fill, Fill.id == FillLine.fill_id)
        .where(FillLine.fill_id.in_(ids), live(), _needs_a_look())
        .group_by(FillLine.fill_id)
    )


def _needs_a_look() -> ColumnElement[bool]:
    return or_(FillLine.reason.in_(EXCEPTIONS), FillLine.short > 0, FillLine.flags.contains("DUPLICATE"))


def exceptions_of(session: Session, fill_id: int) -> tuple[LineFacts, ...]:
    """The lines of a fill that a person must look at before the cart is complete."""
    return lines_of(session, fill_id, _needs_a_look())


@dataclass(frozen=True, slots=True)
class Gap:
    """A span that no window of a cart covers: what is due in it goes as first doses, unless a window is planned.

    `plan_at` is the first start of a window in it that has not passed; None where none fits.
    """

    cart_id: int
    name: str
    zone: str
    start_at: datetime
    end_at: datetime
    plan_at: datetime | None


def uncovered(session: Session, now: datetime) -> tuple[Gap, ...]:
    """Every span from now on that no window of a cart covers though windows before and after it do."""
    found = []
    for cart in session.scalars(select(Cart).where(Cart.retired_at.is_(None)).order_by(Cart.code)):
        windows = windows_of(session, cart.id)
        following = (next_window(session, cart, now),) if windows else ()
        for gap in gaps((*windows, *following), now):
            start = _fits(times_of(cart), gap, now)
            found.append(Gap(cart.id, cart.name, cart.zone, gap.start, gap.end, start))
    return tuple(found)


def _fits(times: CartTimes, gap: Window, now: datetime) -> datetime | None:
    start = begins(times, gap.start)
    while (window := window_from(times, start)).end <= gap.end:
        if window.end > now:
            return window.start
        start = window.end
    return None


def upcoming(session: Session, now: datetime) -> tuple[Upcoming, ...]:
    """What every cart is planned for next."""
    found = []
    for cart in session.scalars(select(Cart).where(Cart.retired_at.is_(None)).order_by(Cart.code)):
        window = next_window(session, cart, now)
        cutoff = cutoff_of(times_of(cart), window)
        found.append(Upcoming(cart.id, cart.code, cart.name, cart.zone, window.start, cutoff))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Ended:
    """A line that a later plan ended: which, how and why, and by which version."""

    line: LineFacts
    version: int
    cause: str
    at: datetime
    how: str
    why: str


def ended_lines(session: Session, fill_id: int, limit: int = 100) -> tuple[Ended, ...]:
    """What delta runs have taken off a fill, the newest first."""
    query = (
        select(FillLine.id, FillLine.ended_as, FillLine.ended_why, FillRun.version, FillRun.cause, FillRun.finished_at)
        .join(FillRun, FillRun.id == FillLine.ended_run_id)
        .where(and_(FillLine.fill_id == fill_id, FillLine.packages > 0))
        .order_by(FillRun.version.desc(), FillLine.id)
        .limit(limit)
    )
    rows = session.execute(query).all()
    lines = line_facts(session, [row[0] for row in rows])
    return tuple(
        Ended(lines[line_id], version, cause, at, how or "", why or "")
        for line_id, how, why, version, cause, at in rows
        if at is not None
    )
