"""Writing the doses that fall due, 48 hours ahead, each once."""

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import or_, select, update

from app.audit.actions import record
from app.db.base import among, fetched, table
from app.db.bulk import write_rows
from app.db.session import Tx
from app.orders.due import STILL_GIVEN, at_once, doses_in
from app.orders.models import Dose, Order, OrderVersion, Stay, Verification
from app.orders.queries import Found, schedule_of
from app.orders.schedule import Window
from app.orders.schedule_document import REPEATING

AHEAD = timedelta(hours=48)
EVERY = timedelta(hours=1)
# Columns and tables, not objects: a hospital has ten thousand orders, and each is looked at every hour.
_VERIFIED = (
    select(
        OrderVersion.id, OrderVersion.order_id, OrderVersion.schedule, OrderVersion.start_at, OrderVersion.end_at,
        OrderVersion.first_due_at, OrderVersion.priority, OrderVersion.zone,
        Verification.room, Verification.at, Verification.doses_until,
    )
    .join(Verification, Verification.version_id == OrderVersion.id)
    .join(Order, (Order.id == OrderVersion.order_id) & (Order.newest == OrderVersion.number))
    .where(OrderVersion.state == "active", OrderVersion.rhythm.in_(REPEATING))
    .where(or_(OrderVersion.end_at.is_(None), OrderVersion.end_at > Verification.doses_until))
    .order_by(OrderVersion.id)
    # Two that top up at once: the second waits here, and then finds nothing to do.
    .with_for_update(of=Verification, key_share=True)
)  # fmt: skip
_DOSE = ("order_id", "version_id", "due_at", "room", "made_at")


def top_up(
    tx: Tx,
    until: datetime | None = None,
    most: int | None = None,
    *,
    order_ids: Collection[int] | None = None,
    unit_ids: Collection[int] | None = None,
) -> int:
    """Write the doses that have come within 48 hours, or that fall due before `until`; at most for `most` orders, or
    for some orders only, or for the patients who lie on some units.

    What stopped or was replaced gets none. Returns for how many orders doses were looked for, so that a long run can
    go on in small transactions until it is 0.
    """
    # An order is touched once an hour, not at every tick: the last of the 48 hours may be missing for a while.
    behind = until or tx.now + AHEAD - EVERY
    until = until or tx.now + AHEAD
    query = _VERIFIED.where(Verification.doses_until < behind).limit(most)
    if order_ids is not None:
        query = query.where(Order.id.in_(order_ids))
    if unit_ids is not None:
        there = select(Stay.patient_id).where(Stay.unit_id.in_(unit_ids), Stay.ended_at.is_(None))
        query = query.where(Order.patient_id.in_(there))
    found = fetched(tx.session, query)
    rows = [row for each in found for row in _falling_due(each, each, until, tx.now)]
    if found:
        looked_at = update(table(Verification)).values(doses_until=until)
        whose = among(tx.session, Verification.version_id, [each.id for each in found])
        tx.session.connection().execute(looked_at.where(whose))
    if rows:
        write_rows(tx.session, Dose, _DOSE, rows)
        record(tx, "doses written", "orders", {"doses": len(rows)})
        tx.tell("worklist")
    return len(found)


def write_doses(tx: Tx, version: OrderVersion, verification: Verification, until: datetime | None = None) -> int:
    """Write the doses of a verified version that fall due within 48 hours, or before `until`, and are not written yet.

    Returns how many.
    """
    until = until or tx.now + AHEAD
    rows = _falling_due(version, verification, until, tx.now)
    verification.doses_until = max(until, verification.doses_until)
    tx.session.flush()
    if rows:
        write_rows(tx.session, Dose, _DOSE, rows)
    return len(rows)


def _falling_due(
    version: OrderVersion | Found, verification: Verification | Found, until: datetime, now: datetime
) -> list[tuple[object, ...]]:
    """The rows of a version's doses that are due before `until` and not written yet, in the order of _DOSE."""
    if verification.doses_until >= until:
        return []
    after = max(verification.doses_until, verification.at - STILL_GIVEN)
    schedule, first = schedule_of(version), version.first_due_at
    assert schedule is not None  # nothing is verified before its times are known
    times = [due.at for due in doses_in(schedule, Window(after, until), version.zone)]
    nothing_yet = verification.doses_until == version.start_at
    if nothing_yet and at_once(schedule, version.priority) and first is not None and first < after:
        times.insert(0, first)  # A first dose that must be given at once is never too old.
    return [(version.order_id, version.id, at, verification.room, now) for at in times]
