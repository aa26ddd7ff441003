"""A dose that the bedside says was given: the line it was, its custody, and its packages."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from sqlalchemy import select

from app.audit.actions import record
from app.core.wording import instant
from app.custody.given_actions import NEAR, AtBedside, Noted
from app.db.session import Tx
from app.orders.models import OrderVersion
from unitdose.delivery_actions import close_lines
from unitdose.delivery_queries import left_of
from unitdose.happened import Happened
from unitdose.line_event_actions import held_lines
from unitdose.models import FillLine
from unitdose.ward_models import LineEvent


def given_at_bedside(tx: Tx, order_id: int, said: AtBedside) -> Noted:
    """Note the dose of an order that is due nearest to an instant as given; returns what was noted, in words.

    Its custody closes first, if nobody has closed it: the bedside record comes before any scan of the drawer. Twice
    for one message is once; a dose that was given is not given again, and somebody looks.
    """
    key = f"bedside {said.message_id} {order_id} {said.at.isoformat()}"
    if tx.session.scalar(select(LineEvent.id).where(LineEvent.key.in_([key, f"{key} 2"]))) is not None:
        return Noted("noted before")
    told = _said(tx, order_id, said.at)
    lines = _near(tx, order_id, said.at)
    if not lines:
        return Noted(f"no dose from the cart is due near {told}; nothing was changed")
    held_lines(tx, [line.id for line in lines])
    close_lines(tx, [line.id for line in lines])
    left = left_of(tx.session, [line.id for line in lines])
    noted, made_of = 0, set()
    # A dose that was missed and replaced has two lines of one package: the newest that is there was given, not both.
    for line in reversed(lines):
        on_unit = left[line.id].on_unit if line.id in left else Decimal(0)
        if line.package_id in made_of or _given_before(tx, lines, line.package_id):
            continue
        packages = min(Decimal(line.packages), on_unit)
        if packages <= 0:
            continue
        noted += 1
        made_of.add(line.package_id)
        tx.session.add(
            LineEvent(
                key=key if noted == 1 else f"{key} {noted}",
                line_id=line.id,
                what=Happened.GIVEN,
                packages=packages,
                place=said.place,
                note=said.note,
                message_id=said.message_id,
                at=said.at,
            )
        )
        facts = {"at": said.at, "packages": packages, "by": said.by, "message": said.message_id}
        record(tx, "given", f"line {line.id}", facts)
    tx.session.flush()
    if not noted:
        return _not_there(tx, order_id, told, lines)
    tx.tell("ward")
    return Noted(f"the dose due {_said(tx, order_id, lines[0].due_at or said.at)} counts as given")


def _given_before(tx: Tx, lines: Sequence[FillLine], package_id: int | None) -> bool:
    """Whether the dose was given already of this package; as-needed stock is given again and again."""
    mine = [line.id for line in lines if line.package_id == package_id and line.due_at is not None]
    query = select(LineEvent.id).where(LineEvent.line_id.in_(mine), LineEvent.what == Happened.GIVEN)
    return tx.session.scalar(query.limit(1)) is not None


def _not_there(tx: Tx, order_id: int, told: str, lines: Sequence[FillLine]) -> Noted:
    """Why nothing of a dose is there to be given: it was given before, or is not on the ward by the books."""
    query = select(LineEvent.at).where(
        LineEvent.line_id.in_([line.id for line in lines]), LineEvent.what == Happened.GIVEN
    )
    before = tx.session.scalar(query.order_by(LineEvent.at).limit(1))
    if before is not None:
        first = _said(tx, order_id, before)
        words = f"the bedside says that the dose was given at {told}; it was given at {first} already"
        return Noted(f"{words}. Find out whether another one was given.", look=True)
    words = f"the bedside says that a dose was given at {told}, and it is not on the ward by the books"
    return Noted(f"{words}. Find out what was given.", look=True)


def _near(tx: Tx, order_id: int, at: datetime) -> list[FillLine]:
    """The lines of the dose that is due nearest (two where two packages make it), else as-needed stock."""
    query = (
        select(FillLine)
        .where(FillLine.order_id == order_id, FillLine.packages > 0, FillLine.work_id.is_not(None))
        .where(FillLine.due_at.is_(None) | FillLine.due_at.between(at - NEAR, at + NEAR))
        .order_by(FillLine.id)
    )
    rows = list(tx.session.scalars(query))
    timed = {row.due_at for row in rows if row.due_at is not None}
    if not timed:
        return rows[-1:]
    nearest = min(timed, key=lambda due: (abs(due - at), due))
    return [row for row in rows if row.due_at == nearest]


def _said(tx: Tx, order_id: int, at: datetime) -> str:
    zone = tx.session.scalar(select(OrderVersion.zone).where(OrderVersion.order_id == order_id).limit(1)) or "UTC"
    return instant(at, zone)
