"""Sending labels that wait in the outbox. Sent is not printed: only a scan of label and tray together is."""

import json
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import or_, select

from app.audit.actions import record
from app.db.outbox import Outgoing
from app.db.session import Tx
from app.labels.models import Label
from app.labels.queries import thing_of

PATIENCE = timedelta(minutes=2)
RETRY = timedelta(seconds=5)
BROKEN_OFF = (
    "The system stopped while this label was being sent, so it may have printed. "
    "If it lies at the printer, use it (a dose of the hood is scanned with its tray); if not, print it again."
)


@dataclass(frozen=True)
class Job:
    """One label to send: the effect's number, the printer's address, the bytes, a title without patient data."""

    id: int
    printer: str
    data: bytes
    title: str


def claim_print(tx: Tx) -> Job | None:
    """Take the next label that is due. One whose sending broke off is not sent again by itself: it may have printed."""
    query = (
        select(Outgoing)
        .where(Outgoing.kind == "print", Outgoing.next_at.is_not(None))
        # Nothing is ever put off for so long: a time beyond it was written before the clock was set back.
        .where(or_(Outgoing.next_at <= tx.now, Outgoing.next_at > tx.now + PATIENCE))
        .order_by(Outgoing.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    row = tx.session.scalar(query)
    if row is None:
        return None
    label = tx.session.get_one(Label, json.loads(row.facts)["serial"])
    if label.voided_at is not None:
        row.next_at, row.given_up_at, row.outcome = None, tx.now, "the label was voided before it was printed"
        return claim_print(tx)
    row.attempts += 1
    row.claimed_at, row.next_at = tx.now, None
    row.first_bytes = row.first_bytes or label.job
    return Job(row.id, row.destination, label.job, f"label {label.serial}")


def note_broken_off(tx: Tx) -> int:
    """Say of each label whose sending broke off that it may have printed; a person resolves that. Returns how many.

    To be asked when nothing is being sent: as the worker starts, and after it could not note what became of one.
    """
    broken = select(Outgoing.id).where(
        Outgoing.kind == "print",
        Outgoing.claimed_at.is_not(None),
        Outgoing.next_at.is_(None),
        Outgoing.sent_at.is_(None),
        Outgoing.given_up_at.is_(None),
        Outgoing.confirmed_at.is_(None),
    )
    found = list(tx.session.scalars(broken.order_by(Outgoing.id)))
    for number in found:
        note_print(tx, number, "unconfirmed", BROKEN_OFF, again=False)
    return len(found)


def note_print(tx: Tx, outgoing_id: int, outcome: str, words: str, *, again: bool) -> None:
    """Note what became of a label: what surely did not print is tried again, what may have printed is not."""
    row = tx.session.get_one(Outgoing, outgoing_id)
    label = tx.session.get_one(Label, json.loads(row.facts)["serial"])
    row.outcome = words
    if again and tx.now - row.made_at < PATIENCE:
        row.next_at = tx.now + RETRY
    elif again:
        row.given_up_at = tx.now
    else:
        row.sent_at = row.sent_at or tx.now
    if row.attempts == 1 or not again:
        record(tx, f"label {outcome}", thing_of(tx.session, label), {"serial": label.serial, "words": words})
    tx.tell("printing")
    if label.work_id is not None:
        tx.tell(f"work:{label.work_id}")
