"""Writing a plan: its lines, what they set aside, and drawers. `scheduler` calls these in transactions of its own."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from sqlalchemy import Table, func, insert, select, update
from sqlalchemy.engine import CursorResult

from app.core.canonical import sha256
from app.core.errors import Refused
from app.core.workflow import State
from app.db.session import Tx
from app.inventory.fefo import SetAside, Want, set_aside
from app.work import actions as work
from unitdose.delta import Delta
from unitdose.models import Allocation, Drawer, Fill, FillLine, FillRun
from unitdose.plan import Line
from unitdose.queries import has_left
from unitdose.run_actions import alone, held_fill, name_current, new_run
from unitdose.stock_queries import free_stock

# Tables and not objects: a hospital's plan has tens of thousands of lines.
_LINES, _ASIDE = cast(Table, FillLine.__table__), cast(Table, Allocation.__table__)
_INSERT_LINES = insert(_LINES).returning(_LINES.c.id, sort_by_parameter_order=True)
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
    rows = [
        {
            "fill_id": fill_id,
            "run_id": run_id,
            "order_id": line.order_id,
            "version_id": line.version_id,
            "dose_id": line.dose_id,
            "patient_id": line.patient_id,
            "unit_id": line.unit_id,
            "bed": line.bed,
            "due_at": line.at,
            "wall": "" if line.due is None else line.due.wall.isoformat(timespec="minutes"),
            "flags": " ".join(line.flags),
            "route": line.route,
            "reason": line.reason,
            "package_id": None if line.package is None else line.package.package_id,
            "units": line.units,
            "packages": line.packages,
            "short": aside[nth].short if nth in aside else 0,
            "short_why": (aside[nth].why or None) if nth in aside else None,
            "work_id": drawers[line.patient_id] if line.packages else None,
        }
        for nth, line in enumerate(lines, first)
    ]
    ids = list(tx.session.connection().scalars(_INSERT_LINES, rows))
    _set_aside(tx, run_id, {line_id: aside[nth] for nth, line_id in enumerate(ids, first) if nth in aside})
    return ids, sha256("\n".join(_text(row, aside.get(nth)) for nth, row in enumerate(rows, first)))


def _set_aside(tx: Tx, run_id: int, found: Mapping[int, SetAside]) -> None:
    rows = [
        {"line_id": line_id, "lot_id": lot, "place_id": place, "quantity": quantity, "run_id": run_id}
        for line_id, each in found.items()
        for lot, place, quantity in each.parts
    ]
    if rows:
        tx.session.connection().execute(insert(_ASIDE), rows)


def _text(row: Mapping[str, Any], aside: SetAside | None) -> str:
    """One line of a plan as it is hashed."""
    said = ("order_id", "version_id", "due_at", "route", "reason", "package_id", "units", "packages")
    parts = () if aside is None else aside.parts
    return " ".join([*(str(row[name]) for name in said), str(parts)])


def make_drawers(tx: Tx, fill_id: int, patients: Iterable[int]) -> dict[int, int]:
    """A drawer for every patient, numbered as they come; those that an earlier, failed run made are used again."""
    query = select(Drawer.patient_id, Drawer.work_id, Drawer.number).where(
        Drawer.fill_id == fill_id, Drawer.sequence == 1
    )
    there = {patient: (work_id, number) for patient, work_id, number in tx.session.execute(query)}
    number = max((number for _, number in there.values()), default=0)
    found = {patient: work_id for patient, (work_id, _) in there.items()}
    for patient in patients:
        if patient not in found:
            number += 1
            found[patient] = _drawer(tx, fill_id, patient, number, 1)
    tx.session.flush()
    return found


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
