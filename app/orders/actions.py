"""Orders: stating a version, verifying it with a signature, and writing the doses that fall due."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from app.audit.actions import record
from app.core.canonical import canonical, sha256
from app.core.errors import Missing, Refused
from app.core.permissions import May
from app.core.workflow import Meaning
from app.db.session import Tx
from app.identity.actions import Proven, sign
from app.orders.dose_actions import write_doses
from app.orders.events import newest_content, state_of
from app.orders.models import Order, OrderComponent, OrderEvent, OrderVersion, Patient, Verification
from app.orders.patient_actions import find_patient, find_stay
from app.orders.queries import events_of, shown_sha256, version_of, why_not_theirs
from app.orders.routes import STERILE
from app.orders.stated import StatedOrder
from app.orders.timing_queries import timed, with_times

__all__ = ["hold", "lock_head", "restate", "resume", "state", "stop", "tell_of", "verify"]
CONTROLS = {
    "new": "new", "replacement": "new", "change": "change", "cancel": "stop", "discontinue": "stop",
    "replaced": "stop", "hold": "hold", "discharge": "hold", "release": "release", "discharge undone": "release",
}  # fmt: skip


def lock_head(session: Session, order_id: int) -> Order:
    """Lock an order's head row before an act that depends on it, and read it fresh. Raises Missing.

    Without this lock a release and a discontinuation miss each other on PostgreSQL; SQLite's one writer does it alone.
    """
    query = select(Order).where(Order.id == order_id).with_for_update(read=True)
    head = session.scalar(query.execution_options(populate_existing=True))
    if head is None:
        raise Missing("This order does not exist.")
    return head


def for_change(session: Session, which: ColumnElement[bool]) -> Order | None:
    """Hold an order's head row alone, and read it fresh: whoever came first may have added a version meanwhile."""
    query = select(Order).where(which).with_for_update()
    return session.scalar(query.execution_options(populate_existing=True))


def state(tx: Tx, stated: StatedOrder) -> OrderVersion:
    """Add what a sender or a transcriber states as the order's next version, unless it says nothing new.

    Events count by their own times, so an older one never undoes a newer one and a stop that came ahead of its order
    stops it. Raises Refused when the order belongs to another patient.
    """
    if why := why_not_theirs(tx.session, stated.key, stated.patient.mrn):
        raise Refused(f"Order {stated.number} {why}. A pharmacist must look at this message.")
    sent_at = stated.sent_at or stated.stated_at
    # What a person transcribes names nobody: any message about the patient knows better.
    named_at = sent_at if stated.message_id is not None else None
    patient = find_patient(tx, stated.patient, at=sent_at, named_at=named_at)
    stay = find_stay(tx, patient, stated.place, sent_at)
    head = for_change(tx.session, Order.key == stated.key)
    said = _say(tx, stated.key, CONTROLS[stated.control], patient.mrn, (stated.stated_at, sent_at), stated.message_id)
    events = events_of(tx.session, stated.key)
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
    last = version_of(tx.session, head.id, head.newest) if head.newest else None
    newest = newest_content(events)
    if last and (newest is None or newest.number != said.id):
        return last
    if stay and head.stay_id != stay.id:
        head.stay_id = stay.id
    stated = with_times(stated, last)
    content = sha256(canonical(stated.content()))
    wanted = state_of(events)
    if last and last.content_sha256 == content and last.state == wanted:
        return last
    return _add_version(tx, head, _with_remarks(stated, last, wanted), content, wanted)


def _with_remarks(stated: StatedOrder, last: OrderVersion | None, wanted: str) -> StatedOrder:
    """Warn of what the pharmacist would not expect of this version."""
    found = list(stated.warnings)
    if last is None and wanted == "stopped":
        found.append("A stop for this order arrived before the order itself: it was never active.")
    elif last is None and wanted == "held":
        found.append("A hold for this order arrived before the order itself.")
    elif last is None and stated.control == "change":
        found.append("This change arrived before the order itself: what is shown is the change.")
    if last and last.state == "stopped" and wanted == "active":
        found.append("This order was stopped before and has been ordered anew under the same number.")
    return replace(stated, warnings=tuple(dict.fromkeys(found)))


def _say(tx: Tx, key: str, what: str, mrn: str, times: tuple[datetime, datetime], message_id: int | None) -> OrderEvent:
    """Note an event of an order, once for each message."""
    same = select(OrderEvent).where(OrderEvent.key == key, OrderEvent.what == what)
    if message_id is not None:
        known = tx.session.scalars(same.where(OrderEvent.message_id == message_id)).first()
        if known is not None:
            return known
    at, sent_at = times
    event = OrderEvent(
        key=key, what=what, mrn=mrn, at=at, sent_at=sent_at, received_at=tx.now, message_id=message_id
    )  # fmt: skip
    tx.session.add(event)
    tx.session.flush()
    return event


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
        **timed(stated.schedule, stated.zone, stated.unread),
        chosen_by=stated.chosen_by,
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
    make_newest(tx, head, version)
    return version


def make_newest(tx: Tx, head: Order, version: OrderVersion) -> None:
    head.newest = version.number
    record(
        tx,
        f"order {version.control}",
        f"order {head.id}",
        {
            "version": version.number,
            "state": version.state,
            "title": version.title,
            "number": head.number,
            "message": version.message_id,
        },
    )
    tx.tell("orders")
    tx.tell("worklist")
    tx.tell(f"order:{head.id}")


def tell_of(
    tx: Tx, key: str, control: str, mrn: str, at: datetime, sent_at: datetime, message_id: int
) -> OrderVersion | None:
    """Take a stop, hold or release that a message says about an order; None while the order itself is not known.

    What is said ahead of its order is kept and counts when the order arrives. Raises Refused when the order belongs
    to another patient.
    """
    if why := why_not_theirs(tx.session, key, mrn):
        raise Refused(f"The order {why}. A pharmacist must look at this message.")
    head = for_change(tx.session, Order.key == key)
    _say(tx, key, CONTROLS[control], mrn, (at, sent_at), message_id)
    if head is None or not head.newest:
        record(tx, f"order {control} ahead of the order", "orders", {"key": key, "message": message_id})
        return None
    return _follow(tx, head, control, at, message_id)


def restate(tx: Tx, order_id: int, control: str, stated_at: datetime, message_id: int | None = None) -> OrderVersion:
    """Add a version that only stops, holds or resumes what the newest one says. Raises Missing, Refused.

    By hand it counts after all that was said before, whatever the sender's clock shows.
    """
    head = for_change(tx.session, Order.id == order_id)
    if head is None or not head.newest:
        raise Missing("This order does not exist.")
    at = max([stated_at, *(said.place[0] for said in events_of(tx.session, head.key))])
    mrn = tx.session.get_one(Patient, head.patient_id).mrn
    _say(tx, head.key, CONTROLS[control], mrn, (at, at), message_id)
    return _follow(tx, head, control, stated_at, message_id)


def _follow(tx: Tx, head: Order, control: str, stated_at: datetime, message_id: int | None) -> OrderVersion:
    last = version_of(tx.session, head.id, head.newest)
    wanted = state_of(events_of(tx.session, head.key))
    if last.state == wanted:
        return last
    return again(tx, head, control, wanted, stated_at, message_id)


def again(
    tx: Tx, head: Order, control: str, wanted: str, stated_at: datetime, message_id: int | None, warning: str = ""
) -> OrderVersion:
    """Add a version with the content of the newest one and another state, or with a warning to be looked at."""
    last = version_of(tx.session, head.id, head.newest)
    changed = {
        "state": wanted,
        "control": control,
        "stated_at": stated_at,
        "message_id": message_id if message_id is not None else last.message_id,
        "warnings": "\n".join(filter(None, [warning, last.warnings])),
        "transcribed_by": tx.who.person_id or last.transcribed_by,
    }
    return copied(tx, head, last, changed)


def copied(tx: Tx, head: Order, last: OrderVersion, changed: Mapping[str, Any]) -> OrderVersion:
    """Add a version that says what the one before says but for some columns; its ingredients are the same."""
    new = {"number": head.newest + 1, "received_at": tx.now, **changed}
    columns = [c.name for c in OrderVersion.__table__.columns if c.name != "id" and c.name not in new]
    version = OrderVersion(**{name: getattr(last, name) for name in columns}, **new)
    tx.session.add(version)
    tx.session.flush()
    for part in tx.session.scalars(select(OrderComponent).where(OrderComponent.version_id == last.id)):
        kept = {c.name: getattr(part, c.name) for c in OrderComponent.__table__.columns if c.name != "version_id"}
        tx.session.add(OrderComponent(version_id=version.id, **kept))
    make_newest(tx, head, version)
    return version


def stop(
    tx: Tx, order_id: int, stated_at: datetime | None = None, message_id: int | None = None, reason: str = ""
) -> OrderVersion:
    """Stop an order. By hand this is a pharmacist's decision; a message carries the prescriber's."""
    return _by_hand(tx, order_id, "discontinue", stated_at, message_id, reason)


def hold(tx: Tx, order_id: int, reason: str) -> OrderVersion:
    """Put an order on hold by a pharmacist's decision: nothing of it is prepared until it is resumed and verified."""
    return _by_hand(tx, order_id, "hold", None, None, reason)


def resume(tx: Tx, order_id: int, reason: str) -> OrderVersion:
    """Resume an order that is on hold; it waits for verification again."""
    return _by_hand(tx, order_id, "release", None, None, reason)


def _by_hand(
    tx: Tx, order_id: int, control: str, stated_at: datetime | None, message_id: int | None, reason: str
) -> OrderVersion:
    if message_id is None:
        tx.who.require(May.VERIFY)
    version = restate(tx, order_id, control, stated_at or tx.now, message_id)
    if reason:
        record(tx, f"order {control}: reason", f"order {order_id}", {"version": version.number, "reason": reason})
    return version


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
    if version.schedule is None:
        raise Refused("Nobody knows yet when its doses are given. Choose the times first, then verify.")
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
    written = write_doses(tx, version, found)
    record(tx, "verified", f"order {head.id}", {"version": version.number, "doses": written, "room": room})
    tx.tell("orders")
    tx.tell("worklist")
    return found


def verify_as_shown(tx: Tx, version_id: int, proven: Proven, shown: str) -> Verification:
    """Verify what was on the screen; the IV room serves it unless it is taken by mouth or inhaled.

    Raises Refused when anything of it has changed since, and as `verify` does.
    """
    tx.who.require(May.VERIFY)
    if shown != shown_sha256(tx.session, version_id):
        raise Refused("The order, its patient's weight or allergies have changed. Look at the page again, then sign.")
    route = tx.session.get_one(OrderVersion, version_id).route
    return verify(tx, version_id, proven, shown, "iv" if route in STERILE else "unit dose")
