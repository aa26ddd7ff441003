"""Effects outside the database: one row each, written in the act's own transaction and sent by the worker.

A row keeps its identity through every retry, and the bytes of its first sending. 'Sent' is not 'arrived'.
"""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, LargeBinary, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from app.core.canonical import canonical
from app.db.base import Base, Key, one_of
from app.db.session import Tx

KINDS = ("print", "message")


class Outgoing(Base):
    """One effect: what, where to, its frozen facts, and what became of it (`outcome` in words for people)."""

    __tablename__ = "outgoing"

    id: Mapped[Key]
    kind: Mapped[str]
    identity: Mapped[str] = mapped_column(unique=True)
    destination: Mapped[str]
    facts: Mapped[str]
    made_at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(default=0)
    next_at: Mapped[datetime | None]
    claimed_at: Mapped[datetime | None]
    first_bytes: Mapped[bytes | None] = mapped_column(LargeBinary)
    sent_at: Mapped[datetime | None]
    confirmed_at: Mapped[datetime | None]
    given_up_at: Mapped[datetime | None]
    outcome: Mapped[str | None]

    __table_args__ = (
        CheckConstraint(one_of("kind", KINDS), name="kind_known"),
        Index(
            "ix_outgoing_next_at",
            "next_at",
            sqlite_where=text("next_at IS NOT NULL"),
            postgresql_where=text("next_at IS NOT NULL"),
        ),
    )


def send(tx: Tx, kind: str, identity: str, destination: str, facts: dict[str, object]) -> None:
    """Ask for an effect when the act commits. The same identity asked twice is refused by the database."""
    tx.session.add(
        Outgoing(
            kind=kind,
            identity=identity,
            destination=destination,
            facts=canonical(facts),
            made_at=tx.now,
            next_at=tx.now,
        )
    )


def of_identity(session: Session, identity: str) -> Outgoing | None:
    """The effect with an identity, if it was asked for."""
    return session.scalar(select(Outgoing).where(Outgoing.identity == identity))
