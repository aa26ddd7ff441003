"""Orders: stating a version, verifying it with a signature, and writing the doses that fall due."""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.audit.actions import record
from app.core.canonical import canonical, sha256
from app.core.errors import Missing, Refused
from app.core.permissions import May
from app.core.workflow import Meaning
from app.db.session import Tx
from app.identity.actions import Proven, sign
from app.orders.models import Dose, Order, OrderComponent, OrderVersion, Verification
from app.orders.patient_actions import find_patient, find_stay
from app.orders.schedule import due_times
from app.orders.stated import StatedOrder

AHEAD = timedelta(hours=48)
STATES = {"discontinue": "stopped", "hold": "held"}


def lock_head(session: Session, order_id: int) -> Order:
    """Lock an order's head row before an act that depends on it, and read it fresh. Raises Missing.

    Without this lock a release and a discontinuation miss each other on PostgreSQL; SQLite's one writer does it alone.
    """
    query = select(Order).where(Order.id == order_id).with_for_update(read=True)
    head = session.scalar(query.execution_options(populate_existing=True))
    if head is None:
        raise Missing("This order does not exist.")
    return head


def state(tx: Tx, stated: StatedOrder) -> OrderVersion:
    """Add what a sender or a transcriber states as the order's next version, unless it says nothing new.

    A stopped order stays stopped: an older event never undoes a newer one.
    """
    patient = find_patient(tx, stated.patient)
    stay = find_stay(tx, patient, stated.place)
    head = tx.session.scalar(select(Order).where(Order.key == stated.key).with_for_update())
    if head is None:
        head = Order(
            key=stated.key,
            number=stated.number,
            sender=stated.sender,
            patient_id=patient.id,
            stay_id=stay.id if stay else None,
            newest=0,
        )
        tx.session.add(head)
        tx.session.flush()
    elif head.patient_id != patient.id:
        raise Refused(f"Order {stated.number} belongs to another patient. A pharmacist must look at this message.")
    last = version_of(tx.session, head.id, head.newest) if head.newest else None
    content = sha256(canonical(stated.content()))
    wanted = STATES.get(stated.control, "active")
    if last and last.content_sha256 == content and last.state == wanted:
        return last
    if last and last.state == "stopped" and stated.control != "new":
        return last
    if last and stated.stated_at < last.stated_at:
        return last
    return _add_version(tx, head, stated, content, wanted)


def _add_version(tx: Tx, head: Order, stated: StatedOrder, content: str, wanted: str) -> OrderVersion:
    main = stated.additives[0] if stated.additives else stated.components[0]
    version = OrderVersion(
        order_id=head.id,
        number=head.newest + 1,
        state=wanted,
        control=stated.control,
        stated_at=stated.stated_at,
        received_at=tx.now,
        drug_id=main.drug_id,
        title=stated.title,
        route=stated.route,
        frequency=stated.frequency,
        priority=stated.priority,
        start_at=stated.start_at,
        end_at=stated.end_at,
        first_due_at=stated.first_due_at,
        interval_minutes=stated.interval_minutes,
        zone=stated.zone,
        rate=stated.rate,
        infuse_minutes=stated.infuse_minutes,
        notes="\n".join(stated.notes),
        warnings="\n".join(stated.warnings),
        content_sha256=content,
        message_id=stated.message_id,
        picture_sha256=stated.picture_sha256,
        transcribed_by=tx.who.person_id if stated.message_id is None else None,
    )
    tx.session.add(version)
    tx.session.flush()
    for position, part in enumerate(stated.components):
        tx.session.add(
            OrderComponent(
                version_id=version.id,
                position=position,
                role=part.role,
                drug_id=part.drug_id,
                amount=part.amount.value,
                unit=part.amount.unit,
            )
        )
    _make_newest(tx, head, version)
    return version


def _make_newest(tx: Tx, head: Order, version: OrderVersion) -> None:
    head.newest = version.number
    record(
        tx,
        f"order {version.control}",
        f"order {head.id}",
        {"version": version.number, "state": version.state, "title": version.title, "number": head.number},
    )
    tx.tell("orders")
    tx.tell("worklist")
    tx.tell(f"order:{head.id}")


def restate(tx: Tx, order_id: int, control: str, stated_at: datetime, message_id: int | None = None) -> OrderVersion:
    """Add a version that only stops, holds or resumes what the newest one says. Raises Missing, Refused."""
    head = tx.session.scalar(select(Order).where(Order.id == order_id).with_for_update())
    if head is None or not head.newest:
        raise Missing("This order does not exist.")
    last = version_of(tx.session, head.id, head.newest)
    wanted = STATES.get(control, "active")
    if last.state == wanted or last.state == "stopped":
        return last
    again = OrderVersion(
        **{
            column.name: getattr(last, column.name)
            for column in OrderVersion.__table__.columns
            if column.name not in ("id", "number", "state", "control", "stated_at", "received_at")
        },
        number=head.newest + 1,
        state=wanted,
        control=control,
        stated_at=stated_at,
        received_at=tx.now,
    )
    again.message_id = message_id
    if message_id is None:
        again.transcribed_by = tx.who.person_id
    tx.session.add(again)
    tx.session.flush()
    for part in tx.session.scalars(select(OrderComponent).where(OrderComponent.version_id == last.id)):
        tx.session.add(
            OrderComponent(
                version_id=again.id,
                position=part.position,
                role=part.role,
                drug_id=part.drug_id,
                amount=part.amount,
                unit=part.unit,
            )
        )
    _make_newest(tx, head, again)
    return again


def stop(tx: Tx, order_id: int, stated_at: datetime | None = None, message_id: int | None = None) -> OrderVersion:
    """Stop an order. By hand this is a pharmacist's decision; a message carries the prescriber's."""
    if message_id is None:
        tx.who.require(May.VERIFY)
    return restate(tx, order_id, "discontinue", stated_at or tx.now, message_id)


def verify(tx: Tx, version_id: int, proven: Proven, shown_sha256: str, room: str = "iv") -> Verification:
    """Verify an order version with a pharmacist's signature and write the doses of the next 48 hours.

    Raises Refused for anyone who may not, for a version that is not the newest or not active, and for a second time.
    """
    tx.who.require(May.VERIFY)
    version = tx.session.get(OrderVersion, version_id)
    if version is None:
        raise Missing("This order does not exist.")
    head = lock_head(tx.session, version.order_id)
    if head.newest != version.number:
        raise Refused("A newer version of this order has arrived. Reload and look at that one.")
    if version.state != "active":
        raise Refused(f"This order is {version.state}; there is nothing to verify.")
    if tx.session.get(Verification, version_id):
        raise Refused("This order is verified already.")
    signature = sign(tx, proven, Meaning.VERIFIED, f"order {head.id}", shown_sha256)
    assert tx.who.person_id is not None
    found = Verification(
        version_id=version_id,
        person_id=tx.who.person_id,
        signature_id=signature.id,
        room=room,
        at=tx.now,
        doses_until=version.start_at,
    )
    tx.session.add(found)
    tx.session.flush()
    written = _write_doses(tx, version, found)
    record(tx, "verified", f"order {head.id}", {"version": version.number, "doses": written, "room": room})
    tx.tell("orders")
    tx.tell("worklist")
    return found


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
            written += _write_doses(tx, version, verification)
    if written:
        record(tx, "doses written", "orders", {"doses": written})
        tx.tell("worklist")
    return written


def _write_doses(tx: Tx, version: OrderVersion, verification: Verification) -> int:
    until = tx.now + AHEAD
    if verification.doses_until >= until:
        return 0
    # What falls due from an hour before the verification on is still given; older times have passed.
    after = max(verification.doses_until, verification.at - timedelta(hours=1))
    if version.priority == "STAT" or version.interval_minutes is None:
        after = min(after, version.first_due_at)
    times = due_times(version.first_due_at, version.interval_minutes, version.zone, after, until, version.end_at)
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


def version_of(session: Session, order_id: int, number: int) -> OrderVersion:
    """The version of an order by its number."""
    query = select(OrderVersion).where(OrderVersion.order_id == order_id, OrderVersion.number == number)
    return session.scalars(query).one()


def why_not_current(session: Session, version_id: int) -> str | None:
    """Say why work on an order version must stop, or None while it is the newest, active and verified version."""
    version = session.get(OrderVersion, version_id)
    if version is None:
        raise Missing("This order does not exist.")
    head = session.get(Order, version.order_id)
    assert head is not None
    if head.newest != version.number:
        newest = version_of(session, head.id, head.newest)
        if newest.state == "stopped":
            return "the order was stopped"
        if newest.state == "held":
            return "the order is on hold"
        return "the order was changed"
    if version.state != "active":
        return f"the order is {version.state}"
    if session.get(Verification, version_id) is None:
        return "the order is not verified"
    return None
