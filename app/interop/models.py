"""Every message as it came, what was understood of it, and what was answered."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, Key, one_of

OUTCOMES = ("waiting", "applied", "ignored", "exception", "settled")
WORDS = ("frequency", "route")


class Message(Base):
    """One message in its raw bytes, committed before it was answered.

    `outcome` waiting: not read yet; applied: an order or a patient was changed; ignored: nothing for us in it;
    exception: a person has to look (`reason` says why); settled: a person has looked.
    """

    __tablename__ = "message"

    id: Mapped[Key]
    sender: Mapped[str]
    control_id: Mapped[str]
    sha256: Mapped[str]
    raw: Mapped[bytes] = mapped_column(LargeBinary)
    received_at: Mapped[datetime]
    answer: Mapped[bytes] = mapped_column(LargeBinary)
    kind: Mapped[str]
    outcome: Mapped[str]
    reason: Mapped[str | None]
    read_at: Mapped[datetime | None]
    settled_by: Mapped[int | None]
    settled_at: Mapped[datetime | None]
    settled_how: Mapped[str | None]

    __table_args__ = (
        UniqueConstraint("sender", "control_id", "sha256"),
        CheckConstraint(one_of("outcome", OUTCOMES), name="outcome_known"),
        CheckConstraint("outcome != 'exception' OR reason IS NOT NULL", name="exception_has_reason"),
        Index("ix_message_outcome_id", "outcome", "id"),
    )


class SenderWord(Base):
    """What a sender's word means here, as a pharmacist decided: a frequency, in our words ("Q12H"), or a route."""

    __tablename__ = "sender_word"

    id: Mapped[Key]
    sender: Mapped[str]
    kind: Mapped[str]
    text: Mapped[str]
    meaning: Mapped[str]
    decided_by: Mapped[int]
    decided_at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("sender", "kind", "text"),
        CheckConstraint(one_of("kind", WORDS), name="kind_known"),
    )
