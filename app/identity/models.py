"""People, what they may do, how they prove who they are, where they are signed in, and what they signed."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.core.permissions import Role
from app.core.workflow import Meaning
from app.db.base import Base, Key, Ref, one_of


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


class SetUpCode(Base):
    """The one-time code that `serve` prints on an empty database; it makes the first manager and is then used."""

    __tablename__ = "set_up_code"

    sha256: Mapped[str] = mapped_column(primary_key=True)
    made_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


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

    __table_args__ = (Index("ix_sign_in_person_id_ended_at", "person_id", "ended_at"),)


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
