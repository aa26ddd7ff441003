"""Writing a plan: its lines, what they set aside, and drawers. `scheduler` calls these in transactions of its own."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.engine import CursorResult

from app.core.canonical import sha256
from app.core.errors import Refused
from app.core.workflow import State
from app.db.bulk import numbers, write_rows
from app.db.session import Tx
from app.inventory.fefo import SetAside, Want, set_aside
from app.work import actions as work
from unitdose.delta import Delta
from unitdose.models import Allocation, Drawer, Fill, FillLine, FillRun
from unitdose.plan import Line
from unitdose.queries import has_left
from unitdose.run_actions import alone, held_fill, name_current, new_run
from unitdose.stock_queries import free_stock

_OPEN = (State.QUEUED, State.MAKING, State.PAUSED)


def write_lines(
    tx: Tx,
    run_id: int,
    fill_id: int,
    lines: Sequence[Line],
    aside: Mapping[int, SetAside],
    drawers: Mapping[int, int],
    first: int = 0,
) -> tuple[list[int], str]:
    """Write lines with what is set aside for them (`aside` by place in the plan, counted from `first`).

    `drawers` gives the work item of a patient. Returns the lines' numbers and the hash of what was written.
    """
    if not lines:
        return [], sha256("")
    ids = numbers(tx.session, FillLine, len(lines))
    rows = [
        (line_id, fill_id, run_id, *_row(line, aside.get(nth), drawers))
        for nth, (line_id, line) in enumerate(zip(ids, lines, strict=True), first)
    ]
    write_rows(tx.session, FillLine, _COLUMNS, rows)
    _set_aside(tx, run_id, {line_id: aside[nth] for nth, line_id in enumerate(ids, first) if nth in aside})
    return ids, sha256("\n".join(_text(line, aside.get(nth)) for nth, line in enumerate(lines, first)))


_COLUMNS = (
    "id", "fill_id", "run_id", "order_id", "version_id", "dose_id", "patient_id", "unit_id", "bed", "due_at", "wall",
    "flags", "route", "reason", "package_id", "units", "packages", "short", "short_why", "work_id",
)  # fmt: skip


def _row(line: Line, aside: SetAside | None, drawers: Mapping[int, int]) -> tuple[Any, ...]:
    """A line in the order of _COLUMNS, after the numbers of its row, fill and run."""
    due, package = line.due, line.package
    return (
        line.order_id, line.version_id, line.dose_id, line.patient_id, line.unit_id, line.bed,
        None if due is None else due.at, "" if due is None else due.wall.isoformat(timespec="minutes"),
        " ".join(line.flags), line.route.value, line.reason.value, None if package is None else package.package_id,
        line.units, line.packages, 0 if aside is None else aside.short, None if aside is None else aside.why or None,
        drawers[line.patient_id] if line.packages else None,
    )  # fmt: skip


def _set_aside(tx: Tx, run_id: int, found: Mapping[int, SetAside]) -> None:
    write_rows(
        tx.session, Allocation, ("line_id", "lot_id", "place_id", "quantity", "run_id"),
        [(line_id, *part, run_id) for line_id, each in found.items() for part in each.parts],
    )  # fmt: skip


def _text(line: Line, aside: SetAside | None) -> str:
    """One line of a plan as it is hashed."""
    package = None if line.package is None else line.package.package_id
    parts = () if aside is None else aside.parts
    said = f"{line.order_id} {line.version_id} {line.at} {line.route} {line.reason} {package}"
    return f"{said} {line.units} {line.packages} {parts}"


def make_drawers(tx: Tx, fill_id: int, patients: Iterable[int]) -> dict[int, int]:
    """A drawer for every patient, numbered as they come; those that an earlier, failed run made are used again."""
    query = select(Drawer.patient_id, Drawer.work_id, Drawer.number).where(
        Drawer.fill_id == fill_id, Drawer.sequence == 1
    )
    there = {patient: (work_id, number) for patient, work_id, number in tx.session.execute(query)}
    number = max((number for _, number in there.values()), default=0)
    found = {patient: work_id for patient, (work_id, _) in there.items()}
    new = [patient for patient in patients if patient not in found]
    made = dict(zip(new, work.begin_many(tx, "drawer", len(new)), strict=True))
    write_rows(
        tx.session, Drawer, ("work_id", "fill_id", "patient_id", "number", "sequence"),
        [(work_id, fill_id, patient, nth, 1) for nth, (patient, work_id) in enumerate(made.items(), number + 1)],
    )  # fmt: skip
    return found | made


def drawer_for(tx: Tx, fill_id: int, patient_id: int) -> int:
    """The drawer that takes what is added for a patient: the one still open, else a new one in a bag of its own."""
    query = (
        select(Drawer.work_id, Drawer.number, Drawer.sequence)
        .where(Drawer.fill_id == fill_id, Drawer.patient_id == patient_id)
        .order_by(Drawer.sequence.desc())
    )
    last = tx.session.execute(query).first()
    if last is None:
        most = select(func.max(Drawer.number)).where(Drawer.fill_id == fill_id)
        return _drawer(tx, fill_id, patient_id, (tx.session.scalar(most) or 0) + 1, 1)
    if work.hold(tx, last.work_id).state in _OPEN:
        return int(last.work_id)
    return _drawer(tx, fill_id, patient_id, last.number, last.sequence + 1)


def _drawer(tx: Tx, fill_id: int, patient_id: int, number: int, sequence: int) -> int:
    item = work.begin(tx, "drawer", None)
    drawer = Drawer(work_id=item.id, fill_id=fill_id, patient_id=patient_id, number=number, sequence=sequence)
    tx.session.add(drawer)
    tx.session.flush()
    return item.id


def change(
    tx: Tx, fill: Fill, difference: Delta, aside: Mapping[int, SetAside], cause: str, *, bring: bool
) -> FillRun | None:
    """Write a delta run: end what ends, add what is added, move what moves. None when there is nothing to write.

    `aside` counts in the added lines. Without `bring` (the cart has left) what would have to be picked is not added:
    it goes as a first dose.
    """
    added = [line for line, _ in difference.added if bring or not line.packages]
    if not (added or difference.ended or difference.moved):
        return None
    run = new_run(tx, fill, cause, under_way=None)
    for standing, how, why in difference.ended:
        end_line(tx, run.id, standing.line_id, how, why)
    for standing, line in difference.moved:
        moved = update(FillLine).where(FillLine.id == standing.line_id)
        tx.session.execute(moved.values(unit_id=line.unit_id, bed=line.bed))
    places = {id(line): nth for nth, (line, _) in enumerate(difference.added)}
    kept_aside = {nth: aside[places[id(line)]] for nth, line in enumerate(added) if places[id(line)] in aside}
    drawers = {each: drawer_for(tx, fill.id, each) for each in sorted({x.patient_id for x in added if x.packages})}
    _, written = write_lines(tx, run.id, fill.id, added, kept_aside, drawers)
    before = tx.session.get(FillRun, fill.current_run_id) if fill.current_run_id else None
    ended = [(standing.line_id, how, why) for standing, how, why in difference.ended]
    run.plan_sha256 = sha256(f"{before.plan_sha256 if before else ''} {ended} {written}")
    name_current(tx, run)
    return run


def end_line(tx: Tx, run_id: int, line_id: int, how: str, why: str) -> None:
    """End a line by a run, once; what it had set aside is free again. Raises Refused when somebody was faster."""
    ended = update(FillLine).where(FillLine.id == line_id, FillLine.ended_run_id.is_(None))
    done: CursorResult[Any] = tx.session.execute(ended.values(ended_run_id=run_id, ended_as=how, ended_why=why))  # type: ignore[assignment]
    if done.rowcount != 1:
        raise Refused("Somebody was faster: this dose's plan has just changed. Reload the page.")
    free_line(tx, run_id, line_id)


def free_line(tx: Tx, run_id: int, line_id: int) -> None:
    """Set a line's packages free again."""
    aside = update(Allocation).where(Allocation.line_id == line_id, Allocation.ended_run_id.is_(None))
    tx.session.execute(aside.values(ended_run_id=run_id))


def set_aside_again(tx: Tx, fill: Fill, found: Mapping[int, SetAside], cause: str) -> FillRun | None:
    """Write what was found for lines that were short: a run that changes nothing but where packages come from."""
    new = {line_id: each for line_id, each in found.items() if each.parts}
    if not new:
        return None
    run = new_run(tx, fill, cause, under_way=None)
    _set_aside(tx, run.id, new)
    for line_id, each in new.items():
        still = update(FillLine).where(FillLine.id == line_id)
        tx.session.execute(still.values(short=each.short, short_why=each.why or None))
    before = tx.session.get_one(FillRun, fill.current_run_id)
    run.plan_sha256 = sha256(f"{before.plan_sha256} {sorted((k, v.parts) for k, v in new.items())}")
    name_current(tx, run)
    return run


def missed(tx: Tx, fill_id: int, missing: Mapping[int, int], place_id: int, why: str) -> None:
    """Take packages that are not where the plan said (line → how many) from elsewhere, or call them short.

    What was set aside for these lines at that place is set aside no more. Raises Refused while a plan is under way.
    """
    alone(tx)
    fill = held_fill(tx, fill_id)
    run = new_run(tx, fill, why, under_way=None)
    gone = update(Allocation).where(
        Allocation.line_id.in_(list(missing)), Allocation.place_id == place_id, Allocation.ended_run_id.is_(None)
    )
    tx.session.execute(gone.values(ended_run_id=run.id))
    rows = {row.id: row for row in tx.session.scalars(select(FillLine).where(FillLine.id.in_(list(missing))))}
    free = free_stock(tx.session, {row.package_id for row in rows.values() if row.package_id is not None})
    found: list[tuple[int, Any]] = []
    for line_id, quantity in missing.items():
        elsewhere = [each for each in free.get(rows[line_id].package_id or 0, ()) if each.place_id != place_id]
        each = set_aside([Want(line_id, quantity, fill.end_at)], elsewhere, fill.zone)[0]
        _set_aside(tx, run.id, {line_id: each})
        if each.short:
            rows[line_id].short += each.short
            rows[line_id].short_why = f"{why}; elsewhere {each.why}"
        found.append((line_id, each.parts))
        free = free_stock(tx.session, {rows[line_id].package_id or 0}) if each.parts else free
    before = tx.session.get(FillRun, fill.current_run_id)
    run.plan_sha256 = sha256(f"{before.plan_sha256 if before else ''} {found}")
    name_current(tx, run)


def fill_again(tx: Tx, fill_id: int, work_id: int, how: str, why: str) -> None:
    """End the lines of a drawer that came to nothing and plan the same doses again, in a new drawer.

    After the cart has left they are planned as first doses instead. Raises Refused while a plan is under way.
    """
    alone(tx)
    fill = held_fill(tx, fill_id)
    mine = select(FillLine).where(FillLine.work_id == work_id, FillLine.ended_run_id.is_(None)).order_by(FillLine.id)
    rows = tx.session.scalars(mine).all()
    run = new_run(tx, fill, why, under_way=None)
    for row in rows:
        end_line(tx, run.id, row.id, how, why)
    tx.session.flush()
    if rows and fill.closed_at is None and not has_left(tx.session, fill_id):
        drawer = drawer_for(tx, fill_id, rows[0].patient_id)
        free = free_stock(tx.session, {row.package_id for row in rows if row.package_id is not None})
        wants = [Want(nth, row.packages, fill.end_at) for nth, row in enumerate(rows)]
        columns = [c.name for c in FillLine.__table__.columns if c.name not in _OF_ITS_OWN]
        for want, row in zip(wants, rows, strict=True):
            found = set_aside([want], free.get(row.package_id or 0, ()), fill.zone)[0]
            again = FillLine(**{name: getattr(row, name) for name in columns})
            again.run_id, again.work_id = run.id, drawer
            again.short, again.short_why = found.short, found.why or None
            tx.session.add(again)
            tx.session.flush()
            _set_aside(tx, run.id, {again.id: found})
            if found.parts and row.package_id is not None:
                free |= free_stock(tx.session, {row.package_id})
    before = tx.session.get(FillRun, fill.current_run_id)
    run.plan_sha256 = sha256(f"{before.plan_sha256 if before else ''} {work_id} {why}")
    name_current(tx, run)


_OF_ITS_OWN = ("id", "run_id", "ended_run_id", "ended_as", "ended_why", "work_id", "short", "short_why")
