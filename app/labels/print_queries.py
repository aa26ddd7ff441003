"""What became of the labels that a printer was given: waiting, sent without proof, scanned back."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, literal, select
from sqlalchemy.orm import Session

from app.db.outbox import Outgoing
from app.labels.models import Label
from app.work.models import WorkItem

MOST = 20


@dataclass(frozen=True)
class Job:
    """One label that a printer was given: its serial, when it was asked for and sent, what is known of it."""

    serial: str
    made_at: datetime
    sent_at: datetime | None
    confirmed_at: datetime | None
    outcome: str


@dataclass(frozen=True)
class Printing:
    """A printer's labels: the last one, how many wait, and those of preparations that nobody has scanned back yet.

    Only a preparation's label is scanned back with a tray; a drawer's or a dose's is proved when it is picked to.
    """

    last: Job | None
    waiting: int
    unproven: tuple[Job, ...]


def printing_at(session: Session, url: str) -> Printing:
    """Read what became of the labels for the printer with this address; void labels do not count as unproven."""
    mine = (Outgoing.kind == "print", Outgoing.destination == url)
    last = session.scalar(select(Outgoing).where(*mine).order_by(Outgoing.id.desc()).limit(1))
    ends = (Outgoing.sent_at, Outgoing.given_up_at, Outgoing.confirmed_at)
    waiting = select(func.count()).where(*mine, *(end.is_(None) for end in ends))
    unproven = (
        select(Outgoing)
        .join(Label, Outgoing.identity == literal("label ") + Label.serial)
        .join(WorkItem, WorkItem.id == Label.work_id)
        .where(*mine, Outgoing.sent_at.is_not(None), Label.confirmed_at.is_(None), Label.voided_at.is_(None))
        .where(WorkItem.kind == "preparation")
        .order_by(Outgoing.id)
        .limit(MOST)
    )
    return Printing(
        last=_job(last) if last else None,
        waiting=session.scalar(waiting) or 0,
        unproven=tuple(_job(row) for row in session.scalars(unproven)),
    )


def _job(row: Outgoing) -> Job:
    serial = row.identity.removeprefix("label ")
    return Job(serial, row.made_at, row.sent_at, row.confirmed_at, row.outcome or "")
