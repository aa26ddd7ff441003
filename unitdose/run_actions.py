"""The runs of a fill's plan: begun alone, kept alive, named current by one last commit, or given up with a reason."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import bindparam, delete, func, select, text, update
from sqlalchemy.orm import Session

from app.audit.actions import record
from app.core.canonical import sha256
from app.core.errors import Missing, Refused
from app.core.permissions import May
from app.db.base import table
from app.db.session import Tx
from unitdose.models import Allocation, Fill, FillLine, FillRun

DEAD_AFTER = timedelta(seconds=60)
"""A run whose worker has not been heard of for so long is over; its half-written plan was never read by anybody."""
_BEAT = (
    update(table(FillRun))
    .where(FillRun.id == bindparam("run"), FillRun.under_way == 1)
    .values(done=table(FillRun).c.done + bindparam("parts"), total=bindparam("total"), beat_at=bindparam("beat_at"))
)
_PLANNING_LOCK = 7_411_004  # PostgreSQL's advisory lock number for planning.


def begin_run(tx: Tx, fill_id: int, cause: str) -> FillRun:
    """Begin a long planning run, the only one in the hospital. Raises Missing; Refused while another is under way."""
    if tx.who.person_id is not None:
        tx.who.require(May.RUN_FILL)
    alone(tx)
    fill = held_fill(tx, fill_id)
    if fill.closed_at is not None:
        raise Refused("This cart's window is closed: nothing more is planned for it.")
    return new_run(tx, fill, cause, under_way=1)


def alone(tx: Tx) -> None:
    """Be the only plan of the hospital until the commit, so that no package is set aside twice.

    A run whose worker died is given up here. Raises Refused while another one is under way.
    """
    if tx.session.get_bind().dialect.name == "postgresql":
        tx.session.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": _PLANNING_LOCK})
    for other in tx.session.scalars(select(FillRun).where(FillRun.under_way == 1)).all():
        if tx.now - other.beat_at < DEAD_AFTER:
            raise Refused("A cart is being planned at this moment. Wait until it is done, then try again.")
        fail_run(tx, other.id, "its server stopped")


def new_run(tx: Tx, fill: Fill, cause: str, under_way: int | None) -> FillRun:
    last = tx.session.scalar(select(func.max(FillRun.version)).where(FillRun.fill_id == fill.id)) or 0
    run = FillRun(
        fill_id=fill.id,
        version=last + 1,
        cause=cause,
        snapshot_at=tx.now,
        person_id=tx.who.person_id,
        started_at=tx.now,
        beat_at=tx.now,
        done=0,
        total=0,
        under_way=under_way,
        finished_at=None if under_way else tx.now,
    )
    tx.session.add(run)
    tx.session.flush()
    tx.tell("fills")
    return run


def held_fill(tx: Tx, fill_id: int) -> Fill:
    """A fill, held until the commit and read fresh. Raises Missing."""
    query = select(Fill).where(Fill.id == fill_id).with_for_update(key_share=True)
    fill = tx.session.scalar(query.execution_options(populate_existing=True))
    if fill is None:
        raise Missing("This fill does not exist.")
    return fill


def beat(tx: Tx, run_id: int, parts: int, total: int) -> None:
    """Say that so many more parts of a run are written, of `total`; as the last thing before the commit.

    Raises Refused when somebody has taken the run for dead meanwhile.
    """
    said = {"run": run_id, "beat_at": tx.now, "parts": parts, "total": total}
    told = tx.session.connection().execute(_BEAT, said)
    if told.rowcount != 1:
        raise Refused("This planning run was taken for dead and given up. Plan the cart again.")
    tx.tell("fills")


def fail_run(tx: Tx, run_id: int, why: str) -> None:
    """End a run that came to nothing, and take away what it wrote: nobody has read it."""
    # First its end, for which a chunk that is being committed is waited for; what would come later is refused.
    ended = update(FillRun).where(FillRun.id == run_id, FillRun.under_way == 1)
    tx.session.execute(ended.values(under_way=None, finished_at=tx.now, failed_why=why))
    mine = select(FillLine.id).where(FillLine.run_id == run_id)
    tx.session.execute(delete(Allocation).where(Allocation.line_id.in_(mine)))
    tx.session.execute(delete(FillLine).where(FillLine.run_id == run_id))
    record(tx, "planning given up", f"fill run {run_id}", {"why": why})
    tx.tell("fills")


def finish_run(tx: Tx, run_id: int, hashes: Sequence[str]) -> int:
    """Make a run's plan the plan of its fill; one record of the trail holds its hash. Returns the version."""
    run = tx.session.scalar(select(FillRun).where(FillRun.id == run_id).with_for_update())
    if run is None or run.under_way != 1:
        raise Refused("This planning run was taken for dead and given up. Plan the cart again.")
    run.under_way, run.finished_at, run.plan_sha256 = None, tx.now, sha256("".join(hashes))
    name_current(tx, run)
    return run.version


def name_current(tx: Tx, run: FillRun) -> None:
    """Name a run current: from this commit on its plan is read."""
    fill = tx.session.get_one(Fill, run.fill_id)
    fill.current_run_id = run.id
    tx.session.flush()
    facts = {"fill": fill.id, "version": run.version, "cause": run.cause, "plan_sha256": run.plan_sha256}
    record(tx, "planned" if run.version == 1 else "planned again", f"fill {fill.id}", facts)
    for topic in ("fills", f"fill:{fill.id}", "ward"):
        tx.tell(topic)


def close_fill(tx: Tx, fill_id: int, at: datetime | None = None, dropped_why: str | None = None) -> None:
    """Close a fill: its cart was exchanged, or (with a reason) it was given up. Closed once."""
    fill = held_fill(tx, fill_id)
    if fill.closed_at is not None:
        return
    fill.closed_at, fill.dropped_why = at or tx.now, dropped_why
    record(tx, "given up" if dropped_why else "closed", f"fill {fill_id}", {"why": dropped_why})
    tx.session.flush()
    tx.tell("fills")


def has_passed(session: Session, now: datetime) -> list[int]:
    """The windows that have passed before anybody planned them."""
    passed = select(Fill.id).where(
        Fill.kind == "cart", Fill.current_run_id.is_(None), Fill.closed_at.is_(None), Fill.end_at <= now
    )
    return list(session.scalars(passed.order_by(Fill.id)))


def give_up_passed(tx: Tx) -> None:
    """Give up the windows that have passed before anybody planned them, with that reason."""
    for fill_id in has_passed(tx.session, tx.now):
        close_fill(tx, fill_id, dropped_why="it had passed before it was planned")
