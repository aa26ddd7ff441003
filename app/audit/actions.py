"""Writing the record: in the same transaction as the act, its lock taken last."""

from typing import Any

from sqlalchemy import insert, select, text

from app.audit.models import AuditEvent
from app.core.canonical import canonical
from app.core.chain import GENESIS, next_hash
from app.db.base import fetched, table
from app.db.session import Tx

_HELD = "audit"
_CHAIN_LOCK = 7_411_001  # PostgreSQL's advisory lock number for the one chain of this database.
_LAST = select(AuditEvent.seq, AuditEvent.hash).order_by(AuditEvent.seq.desc()).limit(1)
_ENTRY = insert(table(AuditEvent))
_COPIES = ("at", "person_id", "station_id", "action", "subject")


def record(tx: Tx, action: str, subject: str, facts: dict[str, Any]) -> None:
    """Record that `action` happened to `subject` ('preparation 12'), with its facts, when the act commits.

    `action` is a past participle in the trade's words ('released'); facts hold no secrets. Raises TypeError for
    a float among the facts.
    """
    waiting: list[dict[str, Any]] = tx.held.setdefault(_HELD, [])
    if not waiting:
        tx.at_the_end(lambda: _append(tx, waiting))
    entry = {
        "action": action,
        "at": tx.now,
        "facts": facts,
        "person_id": tx.who.person_id,
        "person": tx.who.name,
        "station_id": tx.who.station_id,
        "subject": subject,
    }
    canonical(entry)  # A fact without a canonical form fails here, at its place, not at the commit.
    waiting.append(entry)


def _append(tx: Tx, entries: list[dict[str, Any]]) -> None:
    session = tx.session
    if not tx.alone:
        session.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": _CHAIN_LOCK})
    last = fetched(session, _LAST)
    seq, prev = last[0] if last else (0, GENESIS)
    for entry in entries:
        seq += 1
        written = canonical(entry | {"seq": seq})
        link = next_hash(prev, written)
        copies = {name: entry[name] for name in _COPIES}
        session.execute(_ENTRY, {"seq": seq, "prev": prev, "hash": link, "text": written, **copies})
        prev = link
