"""Writing the doses that fall due, 48 hours ahead, each once."""

from datetime import timedelta

from sqlalchemy import select

from app.audit.actions import record
from app.db.session import Tx
from app.orders.intervals import due_times
from app.orders.models import Dose, Order, OrderVersion, Verification

AHEAD = timedelta(hours=48)


def top_up(tx: Tx) -> int:
    """Write the doses that have come within 48 hours; what stopped or was replaced gets none. Returns how many."""
    query = (
        select(OrderVersion, Verification)
        .join(Verification, Verification.version_id == OrderVersion.id)
        .join(Order, (Order.id == OrderVersion.order_id) & (Order.newest == OrderVersion.number))
        .where(OrderVersion.state == "active", Verification.doses_until < tx.now + AHEAD)
        .where(OrderVersion.interval_minutes.is_not(None))
    )
    written = 0
    for version, verification in tx.session.execute(query):
        if version.end_at is None or verification.doses_until < version.end_at:
            written += write_doses(tx, version, verification)
    if written:
        record(tx, "doses written", "orders", {"doses": written})
        tx.tell("worklist")
    return written


def write_doses(tx: Tx, version: OrderVersion, verification: Verification) -> int:
    """Write the doses of a verified version that fall due within 48 hours and are not written yet; how many."""
    until = tx.now + AHEAD
    if verification.doses_until >= until:
        return 0
    # What falls due from an hour before the verification on is still given; older times have passed.
    after = max(verification.doses_until, verification.at - timedelta(hours=1))
    times = due_times(version.first_due_at, version.interval_minutes, version.zone, after, until, version.end_at)
    nothing_yet = verification.doses_until == version.start_at
    at_once = version.priority == "STAT" or version.interval_minutes is None
    if nothing_yet and at_once and version.first_due_at < after:
        times.insert(0, version.first_due_at)  # A first dose that must be given at once is never too old.
    for at in times:
        tx.session.add(
            Dose(
                order_id=version.order_id,
                version_id=version.id,
                due_at=at,
                room=verification.room,
                made_at=tx.now,
            )
        )
    verification.doses_until = until
    tx.session.flush()
    return len(times)
