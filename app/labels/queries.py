"""Reading labels."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db.outbox import Outgoing
from app.labels.models import Label
from app.work.models import WorkItem


def thing_of(session: Session, label: Label) -> str:
    """What a label is of, as the record names it: 'preparation 5', 'drawer 7', 'line 12', 'tote TOTE-07'."""
    if label.work_id is None:
        return label.subject or ""
    return f"{session.get_one(WorkItem, label.work_id).kind} {label.work_id}"


def label_of(session: Session, serial: str) -> Label | None:
    """A label by its serial."""
    return session.get(Label, serial)


@dataclass(frozen=True)
class Said:
    """What is known of a label's printing: the words, what to do now, and whether it surely did not come out yet."""

    words: str
    remedy: str
    missing: bool


def said_of_printing(session: Session, serial: str) -> Said | None:
    """Say what became of a label that nobody has scanned back; None while it waits for its first sending."""
    row = printing(session, serial)
    if row is None or row.outcome is None or row.confirmed_at is not None:
        return None
    if row.given_up_at is not None:
        remedy = "The label did not come out. See to the printer, then press Problem and print the label again."
        return Said(row.outcome, remedy, True)
    if row.next_at is not None:
        return Said(row.outcome, "The label has not come out yet. It is kept and sent again by itself.", True)
    return Said(row.outcome, "", False)


def printing(session: Session, serial: str) -> Outgoing | None:
    """What became of a label's printing."""
    return session.scalar(select(Outgoing).where(Outgoing.identity == f"label {serial}"))
