"""Reading labels."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db.outbox import Outgoing
from app.labels.models import Label


def label_of(session: Session, serial: str) -> Label | None:
    """A label by its serial."""
    return session.get(Label, serial)


def printing(session: Session, serial: str) -> Outgoing | None:
    """What became of a label's printing."""
    return session.scalar(select(Outgoing).where(Outgoing.identity == f"label {serial}"))
