"""Reading messages: what waits for a person and why, what was answered, and what eMAR was told."""

import json
import re
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.errors import Missing
from app.db.outbox import Outgoing
from app.formulary.product import DrugFacts
from app.formulary.queries import as_sent, meaning_of
from app.identity.models import Person
from app.interop.clock_times import Site
from app.interop.identity_queries import naming, who_else_of_order
from app.interop.mapping import read_message
from app.interop.models import Message, SenderWord
from app.interop.shown import Line, field_spans, shown_lines
from app.interop.stating import Finding, stated_order
from app.interop.understood import STARTS, AdtMessage, GivenMessage, OrderMessage, Other, Unmappable
from app.interop.values import Connection
from app.labels.models import Label
from app.orders.identity_queries import named
from app.orders.queries import patient_of, why_not_theirs
from app.orders.same_person import differences
from app.orders.stated import StatedOrder
from app.orders.times_queries import times_table, where_of
from app.stations.models import Unit
from app.work.models import WorkItem

SHELF = frozenset({"F", "AD"})
ACCEPTED = "accepted"
BY_HAND = "told by hand"


@dataclass(frozen=True)
class Decided:
    """The decisions about one sender's codes and words, and the site's times at an instant, read when asked for."""

    session: Session
    sender: str
    zone: str
    at: datetime

    def drug(self, code: str, text: str) -> DrugFacts | None:
        """The drug that a code with its text means."""
        return meaning_of(self.session, self.sender, code, text)

    def word(self, kind: Literal["frequency", "route"], text: str) -> str | None:
        """What a frequency or a route means."""
        same = {"sender": self.sender, "kind": kind, "text": as_sent(text).upper()}
        return self.session.scalar(select(SenderWord.meaning).filter_by(**same))

    def site(self, unit: str, route: str, drug_ids: list[int]) -> Site:
        """The table in force, the row it chooses for an order, and the zone of its unit."""
        zone = self.session.scalar(select(Unit.zone).where(Unit.code == unit)) or self.zone
        where = where_of(self.session, unit, route, drug_ids, self.at)
        return Site(times_table(self.session, self.at), where, zone, lambda text: self.word("frequency", text))


Step = StatedOrder | OrderMessage | AdtMessage | GivenMessage
"""What a message changes here: one of these at a time."""


@dataclass(frozen=True)
class Interpreted:
    """What one message means here and now: orders to state, things said about orders, ADT, and what waits."""

    steps: tuple[Step, ...]
    findings: tuple[Finding, ...]
    ignored: tuple[str, ...]


def interpret(session: Session, message: Message, connection: Connection) -> Interpreted:
    """Read a stored message and everything that was decided about its words; changes nothing."""
    steps: list[Step] = []
    findings: list[Finding] = []
    ignored: list[str] = []
    repeated = _repeated_id(session, message)
    for it in read_message(message.raw, connection=connection, received=message.received_at):
        match it:
            case Other():
                ignored.append(it.why)
            case Unmappable():
                findings.append(Finding(it.reason, it.where, it.span))
            case AdtMessage() | GivenMessage():
                steps.append(it)
            case OrderMessage():
                it = replace(it, warnings=(*it.warnings, repeated)) if repeated else it
                found = _order(session, message, it, connection)
                if isinstance(found, str):
                    ignored.append(found)
                elif isinstance(found, tuple):
                    findings += found
                else:
                    steps.append(found)
    return Interpreted(tuple(steps), tuple(findings), tuple(ignored))


def _order(
    session: Session, message: Message, order: OrderMessage, connection: Connection
) -> StatedOrder | OrderMessage | tuple[Finding, ...] | str:
    if why := why_not_theirs(session, order.key, order.patient.mrn):
        return (Finding(f"Order {order.key.split('^')[0]} {why}: nothing was changed.", "PID-3", order.span),)
    if order.control == "refill":
        return "It asks for a refill; doses are planned from the order itself."
    if order.control == "status" and order.order_status not in ("CA", "DC", "RP", "HD"):
        return f"It reports the status {order.order_status or 'unknown'}, which changes nothing here."
    if order.control not in STARTS:
        return order
    if order.package_method in SHELF:
        return "The dose comes from floor stock or a cabinet; the pharmacy prepares none."
    span = field_spans(message.raw, order.span, connection.charset)
    decided = Decided(session, connection.name, connection.zone, message.received_at)
    stated = stated_order(order, decided, connection, message.received_at, span)
    other, remark = _another_person(session, order)
    if other:
        return (other, *(stated if isinstance(stated, tuple) else ()))
    if isinstance(stated, tuple):
        return stated
    remarks = filter(None, (remark, _weight_remark(session, stated)))
    return replace(stated, message_id=message.id, warnings=(*stated.warnings, *remarks))


def _another_person(session: Session, order: OrderMessage) -> tuple[Finding | None, str]:
    """An order that names somebody else than the one whose record number it bears belongs to nobody yet."""
    known = patient_of(session, order.patient.mrn)
    if known is None:
        return None, ""
    said = naming(order.patient)
    if differing := who_else_of_order(session, known, said):
        reason = f"Record number {known.mrn} is known here with another {' and '.join(differing)}: nothing was taken "
        return Finding(f"{reason}over. Find out whose order this is.", "PID-5", order.span), ""
    what = " and ".join(differences(named(known), said))
    return None, f"The message gives this patient another {what} than is known here: compare." if what else ""


def _weight_remark(session: Session, stated: StatedOrder) -> str:
    """A weight that is far from the one known before is one of the two wrong, or in another unit."""
    known, new = patient_of(session, stated.patient.mrn), stated.patient.weight_kg
    if known is None or known.weight_kg is None or new is None or abs(new - known.weight_kg) * 10 <= known.weight_kg:
        return ""
    return (
        f"The weight {new.normalize():f} kg differs by more than 10 % from {known.weight_kg.normalize():f} kg, "
        "known before: find out which is right."
    )


def _repeated_id(session: Session, message: Message) -> str:
    earlier = select(Message.id).where(
        Message.sender == message.sender,
        Message.control_id == message.control_id,
        Message.sha256 != message.sha256,
        Message.id < message.id,
    )
    if not message.control_id or session.scalar(earlier.limit(1)) is None:
        return ""
    return "Another message with the same control id came before: compare the two."


@dataclass(frozen=True)
class MessageLine:
    """One row of the exceptions worklist."""

    id: int
    kind: str
    control_id: str
    received_at: datetime
    reason: str


@dataclass(frozen=True)
class MessagePage:
    """One message with what it says, what is wrong with it now, and what was decided."""

    id: int
    kind: str
    sender: str
    control_id: str
    received_at: datetime
    outcome: str
    reason: str
    settled_by: str
    settled_at: datetime | None
    settled_how: str
    lines: tuple[Line, ...]
    findings: tuple[Finding, ...]


def exceptions(session: Session, limit: int = 200) -> list[MessageLine]:
    """The messages that wait for a person, the oldest first."""
    query = select(Message).where(Message.outcome == "exception").order_by(Message.id).limit(limit)
    return [MessageLine(m.id, m.kind, m.control_id, m.received_at, m.reason or "") for m in session.scalars(query)]


def counts(session: Session) -> dict[str, int]:
    """How many messages there are of each outcome."""
    query = select(Message.outcome, func.count()).group_by(Message.outcome)
    return {outcome: number for outcome, number in session.execute(query)}


def ignored_kinds(session: Session) -> list[tuple[str, str, int]]:
    """The ignored messages by kind and reason, the most frequent first."""
    many = func.count()
    query = select(Message.kind, Message.reason, many).where(Message.outcome == "ignored")
    query = query.group_by(Message.kind, Message.reason).order_by(many.desc()).limit(50)
    return [(kind, reason or "", number) for kind, reason, number in session.execute(query)]


@dataclass(frozen=True)
class Heard:
    """One message in one line without patient data; `id` 0: there is none."""

    id: int
    outcome: str
    words: str


_KINDS = {"R": "order", "O": "order", "A": "ADT"}


def message_line(session: Session, message_id: int | None) -> Heard:
    """Say what became of a message (None: of the newest): its kind, number and outcome, and no patient data."""
    newest = select(func.max(Message.id)).scalar_subquery()
    found = session.scalar(select(Message).where(Message.id == (newest if message_id is None else message_id)))
    if found is None:
        return Heard(0, "", "")
    what = "bedside record" if found.kind.startswith("RAS") else _KINDS.get(found.kind[:1], "message")
    said = {"applied": f"taken over ({what})", "waiting": "not read yet", "settled": "settled by a pharmacist"}
    words = said.get(found.outcome, found.outcome)
    # Reasons of exceptions may quote a patient's number; the place and the worklist hold the rest.
    reason = f": {_without_numbers(found.reason)}" if found.reason and found.outcome in ("exception", "ignored") else ""
    return Heard(found.id, found.outcome, f"{found.kind or 'no type'} {found.control_id}: {words}{reason}")


def _without_numbers(reason: str) -> str:
    return re.sub(r"(record number|Record number|Visit|Order) [^ ,.)]+", r"\1 …", reason)


def message_page(session: Session, message_id: int, connection: Connection) -> MessagePage:
    """One message as a page shows it. Raises Missing."""
    message = session.get(Message, message_id)
    if message is None:
        raise Missing("This message does not exist.")
    findings = interpret(session, message, connection).findings if message.outcome == "exception" else ()
    who = session.get(Person, message.settled_by) if message.settled_by else None
    return MessagePage(
        id=message.id,
        kind=message.kind,
        sender=message.sender,
        control_id=message.control_id,
        received_at=message.received_at,
        outcome=message.outcome,
        reason=message.reason or "",
        settled_by=who.name if who else "",
        settled_at=message.settled_at,
        settled_how=message.settled_how or "",
        lines=shown_lines(message.raw, [f.span for f in findings], connection.charset),
        findings=findings,
    )


def raw_lines(session: Session, message_id: int | None) -> tuple[Line, ...]:
    """A message's segments as it came, to be read beside what was understood; empty when there is none."""
    message = session.get(Message, message_id) if message_id is not None else None
    return shown_lines(message.raw) if message else ()


def raw_of(session: Session, message_id: int) -> bytes:
    """The bytes of a message, exactly as they came. Raises Missing."""
    message = session.get(Message, message_id)
    if message is None:
        raise Missing("This message does not exist.")
    return message.raw


@dataclass(frozen=True)
class SentLine:
    """A dispense message that needs a person: `state` 'waiting', 'refused' or 'withdrawn'."""

    id: int
    serial: str
    work_id: int
    state: str
    words: str
    attempts: int
    made_at: datetime


def sent_trouble(session: Session) -> list[SentLine]:
    """What eMAR has not taken yet, has refused, or still believes of a bag that was withdrawn."""
    query = select(Outgoing).where(Outgoing.kind == "message").order_by(Outgoing.id)
    found = []
    for row in session.scalars(query.where(Outgoing.confirmed_at.is_(None))):
        if (row.outcome or "").startswith(BY_HAND):
            continue
        state = "refused" if row.given_up_at else "waiting"
        found.append(_sent(row, state, row.outcome or "not sent yet"))
    # A bag withdrawn after its release: HL7 has no message that takes a dispense back, so a person tells the ward.
    withdrawn = (
        query.join(Label, Outgoing.identity == "dispense " + Label.serial)
        .join(WorkItem, WorkItem.id == Label.work_id)
        .where(Outgoing.confirmed_at.is_not(None), Outgoing.outcome == ACCEPTED, WorkItem.state == "refused")
    )
    words = "It was withdrawn, and eMAR still lists it: tell the ward and the eMAR desk."
    return found + [_sent(row, "withdrawn", words) for row in session.scalars(withdrawn)]


def letter_due(session: Session, now: datetime) -> bool:
    """Whether the oldest message that eMAR has not acknowledged is due; those behind it wait for it."""
    waiting = select(Outgoing.next_at).where(Outgoing.kind == "message", Outgoing.next_at.is_not(None))
    at = session.scalar(waiting.order_by(Outgoing.id).limit(1))
    return at is not None and at <= now


def _sent(row: Outgoing, state: str, words: str) -> SentLine:
    facts = json.loads(row.facts)
    return SentLine(row.id, facts["serial"], facts["work_id"], state, words, row.attempts, row.made_at)
