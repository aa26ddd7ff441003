"""Reading and proving the record."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.audit.models import AuditEvent
from app.audit.stored_queries import copies_differ, stored
from app.core.chain import GENESIS, Link, broken_at

PAGE = 100


@dataclass(frozen=True)
class Entry:
    """One event for a reader: number, instant (UTC), who, what, to what, and its facts."""

    seq: int
    at: datetime
    person: str
    station_id: int | None
    action: str
    subject: str
    facts: dict[str, Any]
    person_id: int | None = None


@dataclass(frozen=True)
class Proof:
    """What verification found: how many entries, the head's hash, and where it breaks, in words (None: whole)."""

    entries: int
    head: str
    broken: str | None


def verify(session: Session, anchor: tuple[int, str] | None = None) -> Proof:
    """Follow the whole chain and compare every copied column with the text that was hashed.

    `anchor` is an earlier (entry number, hash) kept outside the database: it shows a tail that was cut off or a
    chain that was written anew.
    """
    count, head, wrong = 0, GENESIS, None
    anchored = anchor is None or anchor[0] == 0

    def links() -> Iterator[Link]:
        nonlocal count, head, wrong, anchored
        for row in stored(session):
            count, head = row.link.seq, row.link.hash
            anchored = anchored or (row.link.seq, row.link.hash) == anchor
            yield row.link
            wrong = wrong or copies_differ(row)  # asked for only once the chain has proved its text

    broken = broken_at(links()) or wrong
    if broken is None and not anchored:
        broken = f"entry {anchor[0] if anchor else 0} is not the one that was anchored"
    return Proof(count, head, broken)


def page(
    session: Session, *, before: int | None = None, subject: str | None = None, person_id: int | None = None
) -> tuple[Entry, ...]:
    """List events, newest first, a page at a time; `before` is the number of the last one seen."""
    query = select(AuditEvent).order_by(AuditEvent.seq.desc()).limit(PAGE)
    if before is not None:
        query = query.where(AuditEvent.seq < before)
    if subject:
        query = query.where(AuditEvent.subject == subject)
    if person_id is not None:
        query = query.where(AuditEvent.person_id == person_id)
    return tuple(_entry(row) for row in session.scalars(query))


def of_subject(session: Session, subject: str) -> tuple[Entry, ...]:
    """List every event of one subject in the order in which they happened."""
    query = select(AuditEvent).where(AuditEvent.subject == subject).order_by(AuditEvent.seq)
    return tuple(_entry(row) for row in session.scalars(query))


def _entry(row: AuditEvent) -> Entry:
    told = json.loads(row.text)
    return Entry(
        row.seq, row.at, told["person"], row.station_id, row.action, row.subject, told["facts"], row.person_id
    )  # fmt: skip
