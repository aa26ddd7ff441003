"""The rows of the record as they lie in the database, whatever somebody made of them: damage is found, in words."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import LargeBinary, Select, cast, select
from sqlalchemy.orm import Session

from app.audit.models import AuditEvent
from app.core.chain import Link

_TEXTS = ("prev", "text", "hash", "action", "subject")


@dataclass(frozen=True, slots=True)
class Stored:
    """One row: its link of the chain and the copies for searching; `at` as this database writes an instant down."""

    link: Link
    at: str
    person_id: object
    station_id: object
    action: str
    subject: str


def stored(
    session: Session, *, newest: int | None = None, after: int | None = None, most: int | None = None
) -> Iterator[Stored]:
    """Every row of the record in the order of its entries; or the `newest` ones, the last first; or those `after` an
    entry, at `most` so many.

    SQLite keeps whatever bytes somebody put there, so they are read as bytes; what is no text comes out as text that
    matches no hash.
    """
    raw = session.get_bind().dialect.name == "sqlite"
    named = {name: getattr(AuditEvent, name) for name in ("seq", "at", *_TEXTS, "person_id", "station_id")}
    columns = [cast(c, LargeBinary) if raw and name in ("at", *_TEXTS) else c for name, c in named.items()]
    query: Select[Any] = select(*columns).order_by(AuditEvent.seq if newest is None else AuditEvent.seq.desc())
    if after is not None:
        query = query.where(AuditEvent.seq > after)
    query = query.limit(newest if newest is not None else most)
    for seq, at, prev, text, hashed, action, subject, person, station in session.execute(
        query.execution_options(yield_per=2000)
    ):
        yield Stored(
            Link(seq, _text(prev), _text(text), _text(hashed)),
            _text(at), person, station, _text(action), _text(subject),
        )  # fmt: skip


def copies_differ(row: Stored) -> str | None:
    """Say which column differs from the text that was hashed; None when all agree. The text itself is proved before."""
    try:
        told = json.loads(row.link.text)
        instant = datetime.fromisoformat(told["at"])
        copies = {
            "seq": (told["seq"], row.link.seq),
            "at": (_written(instant, row.at), row.at),
            "person_id": (told["person_id"], row.person_id),
            "station_id": (told["station_id"], row.station_id),
            "action": (told["action"], row.action),
            "subject": (told["subject"], row.subject),
        }
    except (ValueError, KeyError, TypeError):
        return f"entry {row.link.seq} is no entry of this product's"
    for name, (wanted, found) in copies.items():
        if wanted != found:
            return f"entry {row.link.seq} has a copy ({name}) that differs from its text"
    return None


def _written(instant: datetime, like: str) -> str:
    """An instant as the database that wrote `like` writes it: SQLite without its zone, PostgreSQL with it."""
    utc = instant.astimezone(UTC)
    plain = f"{utc:%Y-%m-%d %H:%M:%S.%f}"
    return plain if "+" not in like else f"{plain}+00:00"


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}+00:00"
    return str(value)
