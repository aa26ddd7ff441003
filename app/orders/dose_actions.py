"""Writing the doses that fall due, 48 hours ahead, each once."""

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import insert, or_, select

from app.audit.actions import record
from app.db.session import Tx
from app.orders.due import STILL_GIVEN, at_once, doses_in
from app.orders.models import Dose, Order, OrderVersion, Verification
from app.orders.queries import schedule_of
from app.orders.schedule import Window
from app.orders.schedule_document import REPEATING

AHEAD = timedelta(hours=48)
EVERY = timedelta(hours=1)


def top_up(
    tx: Tx, until: datetime | None = None, most: int | None = None, *, order_ids: Collection[int] | None = None
) -> int:
    """Write the doses that have come within 48 hours, or that fall due before `until`; at most for `most` orders, or
    for some orders only.

    What stopped or was replaced gets none. Returns for how many orders doses were looked for, so that a long run can
    go on in small transactions until it is 0.
    """
    # An order is touched once an hour, not at every tick: the last of the 48 hours may be missing for a while.
    behind = until or tx.now + AHEAD - EVERY
    until = until or tx.now + AHEAD
    query = (
        select(OrderVersion, Verification)
        .join(Verification, Verification.version_id == OrderVersion.id)
        .join(Order, (Order.id == OrderVersion.order_id) & (Order.newest == OrderVersion.number))
        .where(OrderVersion.state == "active", Verification.doses_until < behind)
        .where(OrderVersion.rhythm.in_(REPEATING))
        .where(or_(OrderVersion.end_at.is_(None), OrderVersion.end_at > Verification.doses_until))
        .order_by(OrderVersion.id)
        .limit(most)
    )
    if order_ids is not None:
        query = query.where(Order.id.in_(order_ids))
    found = tx.session.execute(query).all()
    rows = [row for version, verification in found for row in _falling_due(tx, version, verification, until)]
    if rows:
        tx.session.execute(insert(Dose), rows)
        record(tx, "doses written", "orders", {"doses": len(rows)})
        tx.tell("worklist")
    tx.session.flush()
    return len(found)


def write_doses(tx: Tx, version: OrderVersion, verification: Verification, until: datetime | None = None) -> int:
    """Write the doses of a verified version that fall due within 48 hours, or before `until`, and are not written yet.

    Returns how many.
    """
    rows = _falling_due(tx, version, verification, until or tx.now + AHEAD)
    if rows:
        tx.session.execute(insert(Dose), rows)
    tx.session.flush()
    return len(rows)


def _falling_due(tx: Tx, version: OrderVersion, verification: Verification, until: datetime) -> list[dict[str, object]]:
    """The rows of a version's doses that are due before `until` and not written yet; the verification notes how far."""
    if verification.doses_until >= until:
        return []
    after = max(verification.doses_until, verification.at - STILL_GIVEN)
    schedule, first = schedule_of(version), version.first_due_at
    assert schedule is not None  # nothing is verified before its times are known
    times = [due.at for due in doses_in(schedule, Window(after, until), version.zone)]
    nothing_yet = verification.doses_until == version.start_at
    if nothing_yet and at_once(schedule, version.priority) and first is not None and first < after:
        times.insert(0, first)  # A first dose that must be given at once is never too old.
    verification.doses_until = until
    return [
        {
            "order_id": version.order_id,
            "version_id": version.id,
            "due_at": at,
            "room": verification.room,
            "made_at": tx.now,
        }
        for at in times
    ]
