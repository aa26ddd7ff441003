"""Noting what becomes of delivered packages of one line: each note once, never more than there are, by lot."""

from collections.abc import Collection, Mapping
from decimal import Decimal

from sqlalchemy import func, select

from app.core.errors import Missing
from app.db.session import Tx
from unitdose.delivery_queries import delivered
from unitdose.happened import NONE, Happened
from unitdose.models import FillLine
from unitdose.ward_models import LineEvent


def held_line(tx: Tx, line_id: int) -> FillLine:
    """A line, held until the commit so that notes about its packages come one by one. Raises Missing."""
    query = select(FillLine).where(FillLine.id == line_id).with_for_update(key_share=True)
    line = tx.session.scalar(query.execution_options(populate_existing=True))
    if line is None:
        raise Missing("This dose does not exist.")
    return line


def held_lines(tx: Tx, line_ids: Collection[int]) -> None:
    """Hold several lines as `held_line` does, in the order of their numbers: nobody waits for each other in a ring."""
    query = select(FillLine.id).where(FillLine.id.in_(list(line_ids))).order_by(FillLine.id)
    tx.session.scalars(query.with_for_update(key_share=True)).all()


def by_lot(tx: Tx, line_id: int, packages: Decimal) -> dict[int, Decimal]:
    """From which delivered lots so many packages of a line are, first those of which most are left."""
    held = delivered(tx.session, [line_id]).get(line_id, {})
    gone = select(LineEvent.lot_id, LineEvent.what, func.sum(LineEvent.packages)).where(LineEvent.line_id == line_id)
    left = dict(held)
    for lot_id, what, count in tx.session.execute(gone.group_by(LineEvent.lot_id, LineEvent.what)):
        if lot_id in left and what != Happened.TAKEN_OUT:
            left[lot_id] += count if what == Happened.FOUND else -count
    found: dict[int, Decimal] = {}
    for lot_id in sorted(left, key=lambda each: (-left[each], each)):
        part = min(left[lot_id], packages - sum(found.values(), NONE))
        if part > 0:
            found[lot_id] = part
    return found


def missing_of(tx: Tx, line_id: int) -> dict[int, Decimal]:
    """By lot: how many packages of a line are missed and not found again."""
    query = select(LineEvent.lot_id, LineEvent.what, func.sum(LineEvent.packages)).where(
        LineEvent.line_id == line_id, LineEvent.what.in_((Happened.MISSING, Happened.FOUND))
    )
    found: dict[int, Decimal] = {}
    for lot_id, what, count in tx.session.execute(query.group_by(LineEvent.lot_id, LineEvent.what)):
        if lot_id is not None:
            found[lot_id] = found.get(lot_id, NONE) + (count if what == Happened.MISSING else -count)
    return found


def note_line(
    tx: Tx, line_id: int, what: Happened, lots: Mapping[int, Decimal], key: str, place: str, note: str | None = None
) -> None:
    """Note that something happened to packages of a line, by lot; `key` makes it count once."""
    for lot_id, packages in sorted(lots.items()):
        tx.session.add(
            LineEvent(
                key=f"{key} lot {lot_id}",
                line_id=line_id,
                what=what,
                packages=packages,
                lot_id=lot_id,
                place=place,
                note=note,
                person_id=tx.who.person_id,
                station_id=tx.who.station_id,
                at=tx.now,
            )
        )
    tx.session.flush()
    tx.tell(f"line:{line_id}")
    tx.tell("ward")
