"""The end of the record, proved at every start; the whole of it is `app.audit.queries.verify`."""

from sqlalchemy.orm import Session

from app.audit.stored_queries import copies_differ, stored
from app.core.chain import GENESIS, broken_at

TAIL = 10_000


def tail_broken(session: Session, entries: int = TAIL) -> str | None:
    """Follow the last entries of the chain and say, in words, where they break; None when they hold."""
    rows = list(stored(session, newest=entries))
    if not rows:
        return None
    first = rows[-1].link
    broken = broken_at(
        (row.link for row in reversed(rows)), start=first.seq, prev=first.prev if first.seq > 1 else GENESIS
    )
    return broken or next((wrong for row in reversed(rows) if (wrong := copies_differ(row))), None)
