"""A dose that the bedside says was given: the line it was, its custody, and its packages."""

from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import select

from app.audit.actions import record
from app.core.wording import instant
from app.db.session import Tx
from app.orders.models import OrderVersion
from unitdose.delivery_actions import close_lines
from unitdose.delivery_queries import left_of
from unitdose.happened import Happened
from unitdose.models import FillLine
from unitdose.ward_models import LineEvent

NEAR = timedelta(hours=12)
"""A dose is given within this time of its due time, or the record is of another dose."""


def given_at_bedside(tx: Tx, order_id: int, at: datetime, code: str, message_id: int, place: str) -> str:
    """Note the dose of an order that is due nearest to an instant as given; returns what was noted, in words.

    Its custody closes first, if nobody has closed it: the bedside record comes before any scan of the drawer. Twice
    for one message is once; a dose that was given is not given again.
    """
    key = f"bedside {message_id} {order_id} {at.isoformat()}"
    if tx.session.scalar(select(LineEvent.id).where(LineEvent.key.in_([key, f"{key} 2"]))) is not None:
        return "noted before"
    lines = _near(tx, order_id, at)
    if not lines:
        return f"no dose from the cart is due near {_said(tx, order_id, at)}; nothing was changed"
    close_lines(tx, [line.id for line in lines])
    left = left_of(tx.session, [line.id for line in lines])
    noted = 0
    for line in lines:
        on_unit = left[line.id].on_unit if line.id in left else Decimal(0)
        packages = min(Decimal(line.packages), on_unit)
        if packages <= 0:
            continue
        noted += 1
        tx.session.add(
            LineEvent(
                key=key if noted == 1 else f"{key} {noted}",
                line_id=line.id,
                what=Happened.GIVEN,
                packages=packages,
                place=place,
                note=code or None,
                message_id=message_id,
                at=at,
            )
        )
        record(tx, "given", f"line {line.id}", {"at": at, "packages": packages, "message": message_id})
    tx.session.flush()
    if not noted:
        return f"the dose near {_said(tx, order_id, at)} is not on the ward by the books; a pharmacist should look"
    tx.tell("ward")
    return f"the dose due {_said(tx, order_id, lines[0].due_at or at)} counts as given"


def _near(tx: Tx, order_id: int, at: datetime) -> list[FillLine]:
    """The lines of the dose that is due nearest (two where two packages make it) and was not given yet."""
    query = (
        select(FillLine)
        .where(FillLine.order_id == order_id, FillLine.packages > 0, FillLine.work_id.is_not(None))
        .where(FillLine.due_at.is_(None) | FillLine.due_at.between(at - NEAR, at + NEAR))
        .order_by(FillLine.id)
    )
    rows = list(tx.session.scalars(query))
    gone = set(
        tx.session.scalars(
            select(LineEvent.line_id).where(
                LineEvent.line_id.in_([row.id for row in rows]), LineEvent.what == Happened.GIVEN
            )
        )
    )
    waiting = [row for row in rows if row.id not in gone or row.due_at is None]
    timed = [row for row in waiting if row.due_at is not None]
    if not timed:
        return waiting[-1:]
    nearest = min(timed, key=lambda row: abs(row.due_at - at) if row.due_at else NEAR)
    return [row for row in timed if row.due_at == nearest.due_at]


def _said(tx: Tx, order_id: int, at: datetime) -> str:
    zone = tx.session.scalar(select(OrderVersion.zone).where(OrderVersion.order_id == order_id).limit(1)) or "UTC"
    return instant(at, zone)
