"""The end of the record, proved at every start; the whole of it is `app.audit.queries.verify`."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.audit.models import AuditEvent
from app.core.chain import GENESIS, Link, broken_at

TAIL = 10_000


def tail_broken(session: Session, entries: int = TAIL) -> str | None:
    """Follow the last entries of the chain and say, in words, where they break; None when they hold."""
    rows = session.scalars(select(AuditEvent).order_by(AuditEvent.seq.desc()).limit(entries)).all()
    if not rows:
        return None
    first = rows[-1]
    return broken_at(
        (Link(row.seq, row.prev, row.text, row.hash) for row in reversed(rows)),
        start=first.seq,
        prev=first.prev if first.seq > 1 else GENESIS,
    )
