"""People, what they may do, how they prove who they are, where they are signed in, and what they signed."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.permissions import Role
from app.core.workflow import Meaning
from app.db.base import Base, Key, Ref, one_of


def _while(condition: str) -> dict[str, Any]:
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


class Person(Base):
    """A person, never an account that is shared or given to somebody else later."""

    __tablename__ = "person"

    id: Mapped[Key]
    name: Mapped[str]
    username: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class PersonRole(Base):
    __tablename__ = "person_role"

    person_id: Mapped[Ref] = mapped_column(ForeignKey("person.id"), primary_key=True)
    role: Mapped[str] = mapped_column(primary_key=True)

    __table_args__ = (CheckConstraint(one_of("role", Role), name="role_known"),)


class Credential(Base):
    """What a person knows and carries, hashed; wrong attempts since the last right one."""

    __tablename__ = "credential"

    person_id: Mapped[Ref] = mapped_column(ForeignKey("person.id"), primary_key=True)
    badge_sha256: Mapped[str | None] = mapped_column(unique=True)
    pin_hash: Mapped[str | None]
    password_hash: Mapped[str | None]
    wrong_attempts: Mapped[int] = mapped_column(default=0)
    slowed_until: Mapped[datetime | None]


class UnknownAttempts(Base):
    """Wrong attempts with badges and user names that nobody has, so that they slow down just as known ones do.

    `bucket` is the first 16 bits of the hash of what was shown: enough to count by, too little to tell what it was
    (people type passwords into the wrong field), and never more than 65,536 rows.
    """

    __tablename__ = "unknown_attempts"

    bucket: Mapped[str] = mapped_column(primary_key=True)
    wrong_attempts: Mapped[int] = mapped_column(default=0)
    slowed_until: Mapped[datetime | None]
    last_at: Mapped[datetime]


class OneTimeCode(Base):
    """A code that is used once: the set-up code makes the first manager, an invitation lets one person choose a PIN."""

    __tablename__ = "one_time_code"

    sha256: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    person_id: Mapped[Ref | None] = mapped_column(ForeignKey("person.id"))
    made_at: Mapped[datetime]
    until: Mapped[datetime | None]
    used_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint(one_of("kind", ("set-up", "invitation")), name="kind_known"),
        CheckConstraint("(kind = 'invitation') = (person_id IS NOT NULL)", name="invitation_is_for_a_person"),
        Index("ix_one_time_code_person_id", "person_id"),
    )


class SignIn(Base):
    """One person's session at one station. The token is kept hashed, so that the table opens nothing."""

    __tablename__ = "sign_in"

    id: Mapped[Key]
    token_sha256: Mapped[str] = mapped_column(unique=True)
    person_id: Mapped[Ref] = mapped_column(ForeignKey("person.id"))
    station_id: Mapped[int | None]
    started_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    locked_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    signed_fully_at: Mapped[datetime | None]

    __table_args__ = (
        Index("ix_sign_in_person_id_ended_at", "person_id", "ended_at"),
        # One person at a station at a time: the badge of a second one switches, it never merges.
        Index("uq_sign_in_one_at_a_station", "station_id", unique=True, **_while("ended_at IS NULL")),
    )


class Signature(Base):
    """Who, what it means, when, how they proved themselves, and the hash of what was on the screen (21 CFR 11.50)."""

    __tablename__ = "signature"

    id: Mapped[Key]
    person_id: Mapped[Ref] = mapped_column(ForeignKey("person.id"))
    printed_name: Mapped[str]
    meaning: Mapped[str]
    at: Mapped[datetime]
    proof: Mapped[str]
    station_id: Mapped[int | None]
    subject: Mapped[str]
    shown_sha256: Mapped[str]

    __table_args__ = (
        CheckConstraint(one_of("meaning", Meaning), name="meaning_known"),
        CheckConstraint(one_of("proof", ("badge and PIN", "PIN", "password", "user name and password")), name="proof"),
        Index("ix_signature_subject", "subject"),
    )
