"""What a stored message changes: orders, patients and stays; and what a pharmacist decides about the others."""

from collections.abc import Callable

import structlog
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError, OperationalError, StatementError

from app.audit.actions import record
from app.core.errors import Invalid, Missing, Refused
from app.core.permissions import May
from app.core.workflow import Meaning
from app.custody.given_actions import Noted
from app.db.session import SYSTEM, Db, Tx
from app.formulary.actions import map_code
from app.formulary.queries import as_sent
from app.identity.actions import Proven, sign
from app.interop.adt_actions import take_adt
from app.interop.given_actions import take_given
from app.interop.identity_queries import two_names
from app.interop.models import Message, SenderWord
from app.interop.queries import Interpreted, Step, interpret
from app.interop.understood import AdtMessage, GivenMessage
from app.interop.values import Connection
from app.orders.actions import state, tell_of
from app.orders.models import Patient
from app.orders.patient_actions import held_patient, name_patient, was_known_as
from app.orders.routes import ROUTES
from app.orders.stated import StatedOrder

log = structlog.get_logger()
CHUNK = 50
_SAID = {"cancel": "cancelled", "discontinue": "stopped", "replaced": "replaced", "hold": "held", "release": "released"}
_STATUS = {"CA": "cancel", "DC": "discontinue", "RP": "replaced", "HD": "hold"}


def apply_waiting(db: Db, connection: Connection, stopped: Callable[[], bool] = lambda: False) -> int:
    """Apply every message that waits, in the order of arrival, each in a transaction of its own; returns how many.

    A message that cannot be applied becomes an exception in words and holds up no other. Raises OperationalError when
    the database cannot be reached: what waits is applied later.
    """
    done = 0
    while not stopped():
        with db.read() as session:
            query = select(Message.id).where(Message.outcome == "waiting").order_by(Message.id).limit(CHUNK)
            waiting = list(session.scalars(query))
        if not waiting:
            return done
        for message_id in waiting:
            apply_one(db, connection, message_id)
            done += 1
    return done


def apply_one(db: Db, connection: Connection, message_id: int) -> str:
    """Apply one stored message and return its outcome; one that was applied before is left alone."""
    try:
        with db.write(SYSTEM) as tx:
            message = _waiting(tx, message_id)
            return _apply(tx, message, connection) if message else "applied"
    except OperationalError:
        raise
    except (DBAPIError, StatementError, Refused, Invalid, Missing, ValueError, ArithmeticError, LookupError) as fault:
        known = isinstance(fault, (Refused, Invalid, Missing))
        if not known:
            log.error("message not applied", message=message_id, kind=type(fault).__name__)
        words = str(fault) if known else "This system could not take it over. Enter it by hand and report this message."
        with db.write(SYSTEM) as tx:
            message = _waiting(tx, message_id)
            if message:
                _mark(tx, message, "exception", words)
        return "exception"


def _waiting(tx: Tx, message_id: int) -> Message | None:
    query = select(Message).where(Message.id == message_id, Message.outcome == "waiting").with_for_update()
    return tx.session.scalar(query)


def _apply(tx: Tx, message: Message, connection: Connection) -> str:
    # An order that replaces another one, or two groups about one order, must see each other: one after the other.
    read = interpret(tx.session, message, connection)
    took = [_take(tx, message, step) for step in read.steps]
    return _conclude(tx, message, read, took)


def _take(tx: Tx, message: Message, step: Step) -> str | Noted:
    if isinstance(step, StatedOrder):
        version = state(tx, step)
        return f"order {step.number}: version {version.number}"
    if isinstance(step, AdtMessage):
        return take_adt(tx, step, message.id)
    if isinstance(step, GivenMessage):
        return take_given(tx, step, message.id)
    control = _STATUS.get(step.order_status, "") if step.control == "status" else step.control
    sent = step.source.sent.instant if step.source.sent else message.received_at
    at = step.event_time.instant if step.event_time else sent
    number = step.key.split("^")[0]
    version_or_none = tell_of(tx, step.key, control, step.patient.mrn, at, sent, message.id)
    if version_or_none is None:
        return f"order {number} is not known here yet: it will be {_SAID[control]} when it arrives"
    return f"order {number} {_SAID[control]}"


def _conclude(tx: Tx, message: Message, read: Interpreted, took: list[str | Noted]) -> str:
    words = [each.words if isinstance(each, Noted) else each for each in took]
    looks = [each.words for each in took if isinstance(each, Noted) and each.look]
    if read.findings or looks:
        outcome, reason = "exception", " ".join(dict.fromkeys([*(f.reason for f in read.findings), *looks]))
    elif words:
        outcome, reason = "applied", "; ".join(words)
    else:
        outcome, reason = "ignored", " ".join(dict.fromkeys(read.ignored)) or "It holds nothing for the pharmacy."
    _mark(tx, message, outcome, reason)
    return outcome


def _mark(tx: Tx, message: Message, outcome: str, reason: str) -> None:
    message.outcome, message.reason, message.read_at = outcome, reason[:2000], tx.now
    tx.tell("messages")


def decide_code(tx: Tx, message_id: int, code: str, text: str, drug_id: int, connection: Connection) -> str:
    """Decide which drug a sender's code and text mean, and apply the message again; returns its new outcome.

    Raises Refused, Missing, Invalid.
    """
    message = _exception(tx, message_id)
    map_code(tx, connection.name, code, text, drug_id)
    return _again(tx, message, connection, f"'{as_sent(f'{code} {text}')[:80]}' was mapped")


def decide_route(tx: Tx, message_id: int, text: str, meaning: str, connection: Connection) -> str:
    """Decide which route a sender's word means, and apply the message again. Raises Refused, Missing, Invalid."""
    message = _exception(tx, message_id)
    if meaning not in ROUTES:
        raise Invalid({"meaning": f"Choose what '{text[:40]}' means."})
    _decide(tx, connection.name, "route", text, meaning)
    return _again(tx, message, connection, f"'{as_sent(text)[:80]}' means {meaning}")


def remember_frequency(tx: Tx, sender: str, text: str, meaning: str) -> None:
    """Note what a sender's frequency means, in words of the table, for its later orders. Raises Refused."""
    tx.who.require(May.MAP)
    _decide(tx, sender, "frequency", text, meaning)


def _decide(tx: Tx, sender: str, kind: str, text: str, meaning: str) -> None:
    same = {"sender": sender, "kind": kind, "text": as_sent(text).upper()}
    known = tx.session.scalar(select(SenderWord).filter_by(**same).with_for_update())
    if known is None:
        known = SenderWord(**same)
        tx.session.add(known)
    before, known.meaning, known.decided_by, known.decided_at = known.meaning, meaning, _person(tx), tx.now
    tx.session.flush()
    record(tx, "word decided", f"sender word {known.id}", {**same, "meaning": meaning, "before": before})


def same_person(
    tx: Tx, message_id: int, proven: Proven, shown: str, reason: str, connection: Connection
) -> str:
    """Decide that a message and the record number it bears mean one person, and apply the message; its new outcome.

    The patient is named as the message does, unless a newer message has named them. `shown` is the hash of what was on
    the screen. Raises Refused for whoever may not and when anything has changed since, Missing, Invalid.
    """
    tx.who.require(May.SAME_PERSON)
    message = _exception(tx, message_id)
    if len(reason.strip()) < 3:
        raise Invalid({"reason": "Say how you know that it is the same person: who was asked, what was compared."})
    asked = two_names(tx.session, message, connection)
    if asked is None or held_patient(tx, asked.mrn) is None:
        raise Refused("This message names nobody else any more. Reload the page.")
    asked = two_names(tx.session, message, connection)
    if asked is None or asked.shown_sha256 != shown:
        raise Refused("What is known of the patient has changed since you opened this. Compare it again, then sign.")
    patient = tx.session.get_one(Patient, asked.patient_id)
    sign(tx, proven, Meaning.VERIFIED, f"patient {patient.id}", shown)
    facts = {"message": message_id, "reason": reason.strip(), "known": asked.known_name, "said": asked.said_name}
    record(tx, "same person", f"patient {patient.id}", {**facts, "shown": shown, "taken": not asked.late})
    if asked.late:
        was_known_as(tx, patient, asked.said)
    else:
        name_patient(tx, patient, asked.said, asked.sex, min(asked.named_at, tx.now))
    how = f"the same person as record number {asked.mrn}, {asked.known_name}: {reason.strip()}"
    return _again(tx, message, connection, how)


def dismiss(tx: Tx, message_id: int, reason: str) -> None:
    """Lay an exception aside: nothing of it is taken over, for a reason. Raises Refused, Missing, Invalid."""
    message = _exception(tx, message_id)
    if len(reason.strip()) < 3:
        raise Invalid({"reason": "Say why nothing of this message is needed, or what was done instead."})
    message.outcome = "settled"
    _settled(tx, message, f"laid aside: {reason.strip()}")


def _exception(tx: Tx, message_id: int) -> Message:
    tx.who.require(May.MAP)
    message = tx.session.scalar(select(Message).where(Message.id == message_id).with_for_update())
    if message is None:
        raise Missing("This message does not exist.")
    if message.outcome != "exception":
        raise Refused("This message has been settled already. Go back to the list.")
    return message


def _again(tx: Tx, message: Message, connection: Connection, how: str) -> str:
    """Apply a message again under a decision; those that wait for the same decision are tried again by the product."""
    outcome = _apply(tx, message, connection)
    _settled(tx, message, how)
    others = select(Message).where(Message.outcome == "exception", Message.sender == message.sender)
    for other in tx.session.scalars(others.where(Message.id != message.id).limit(200)):
        if not interpret(tx.session, other, connection).findings:
            other.outcome = "waiting"
    return outcome


def _settled(tx: Tx, message: Message, how: str) -> None:
    before = f"{message.settled_how}; " if message.settled_how else ""
    message.settled_by, message.settled_at, message.settled_how = _person(tx), tx.now, before + how
    record(tx, "message settled", f"message {message.id}", {"how": how, "outcome": message.outcome})
    tx.tell("messages")


def _person(tx: Tx) -> int:
    if tx.who.person_id is None:
        raise Refused("A decision is made by a person who stands for it.")
    return tx.who.person_id
