"""Reading the trail by person, subject and time, page by page, and proving it piece by piece."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from app.audit.models import AuditEvent
from app.audit.queries import PAGE, Entry, _entry
from app.audit.stored_queries import copies_differ, stored
from app.core.chain import GENESIS, broken_at

PIECE = 2000


@dataclass(frozen=True)
class Asked:
    """What is looked for: one person's acts (and what was done about them), subjects (None: all), from, before.

    `person_id` 0 means the product itself. Instants are UTC; `until` is not included.
    """

    person_id: int | None = None
    subjects: frozenset[str] | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True)
class Line:
    """One entry with its place in the chain, for an export that others can verify."""

    entry: Entry
    text: str
    prev: str
    hash: str


@dataclass(frozen=True)
class Checked:
    """How far the chain has been followed: the last entry that holds, its hash, where it breaks (None: it does not)."""

    seq: int = 0
    hash: str = GENESIS
    broken: str | None = None


def trail(session: Session, asked: Asked, before: int | None = None, limit: int = PAGE) -> tuple[Entry, ...]:
    """List entries, newest first, a page at a time; `before` is the number of the last one seen."""
    query = _which(select(AuditEvent), asked).order_by(AuditEvent.seq.desc()).limit(limit)
    if before is not None:
        query = query.where(AuditEvent.seq < before)
    return tuple(_entry(row) for row in session.scalars(query))


def export(session: Session, asked: Asked, after: int, limit: int = PIECE) -> tuple[Line, ...]:
    """List entries, oldest first, with their text and hashes; `after` is the number of the last one exported."""
    query = _which(select(AuditEvent), asked).where(AuditEvent.seq > after).order_by(AuditEvent.seq).limit(limit)
    return tuple(Line(_entry(row), row.text, row.prev, row.hash) for row in session.scalars(query))


def head(session: Session) -> int:
    """The number of the newest entry; 0 in an empty trail."""
    return session.scalar(select(func.max(AuditEvent.seq))) or 0


def follow(session: Session, known: Checked, limit: int = PIECE) -> Checked:
    """Follow the chain on from where it was known to hold, at most `limit` entries, comparing every copied column.

    The entry that was known last is read again first: a chain written anew behind it is noticed.
    """
    if known.broken is not None:
        return known
    if known.seq:
        anchor = session.scalar(select(AuditEvent.hash).where(AuditEvent.seq == known.seq))
        if anchor != known.hash:
            return Checked(known.seq, known.hash, f"entry {known.seq} is not the one that was verified before")
    rows = list(stored(session, after=known.seq, most=limit))
    if not rows:
        return known
    broken = broken_at((row.link for row in rows), known.seq + 1, known.hash)
    broken = broken or _first(copies_differ(row) for row in rows)
    return Checked(known.seq, known.hash, broken) if broken else Checked(rows[-1].link.seq, rows[-1].link.hash)


def _first(faults: Iterable[str | None]) -> str | None:
    return next((fault for fault in faults if fault), None)


def pieces(session: Session, asked: Asked) -> Iterator[tuple[Line, ...]]:
    """All pieces of an export, one after the other, each read when it is wanted."""
    after = 0
    while piece := export(session, asked, after):
        yield piece
        after = piece[-1].entry.seq


def _which(query: Select[tuple[AuditEvent]], asked: Asked) -> Select[tuple[AuditEvent]]:
    if asked.person_id == 0:
        query = query.where(AuditEvent.person_id.is_(None))
    elif asked.person_id is not None:
        about = AuditEvent.subject == f"person {asked.person_id}"
        query = query.where(or_(AuditEvent.person_id == asked.person_id, about))
    if asked.subjects is not None:
        query = query.where(AuditEvent.subject.in_(asked.subjects))
    if asked.since is not None:
        query = query.where(AuditEvent.at >= asked.since)
    if asked.until is not None:
        query = query.where(AuditEvent.at < asked.until)
    return query
