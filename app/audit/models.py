"""The record: one row an event, hash-chained, without foreign keys, never changed."""

from datetime import datetime

from sqlalchemy import Index
from sqlalchemy.orm import Mapped

from app.db.base import Base, Key


class AuditEvent(Base):
    """One thing that happened. `text` is what was hashed; the other columns are copies of it for searching."""

    __tablename__ = "audit_event"

    seq: Mapped[Key]
    prev: Mapped[str]
    hash: Mapped[str]
    text: Mapped[str]
    at: Mapped[datetime]
    person_id: Mapped[int | None]
    station_id: Mapped[int | None]
    action: Mapped[str]
    subject: Mapped[str]

    __table_args__ = (
        Index("ix_audit_event_subject_seq", "subject", "seq"),
        Index("ix_audit_event_person_id_seq", "person_id", "seq"),
    )
