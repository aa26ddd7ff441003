"""Where people stand, what is attached there, and what was captured there: weights and photos."""

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, Key, Ref, one_of

KINDS = ("hood", "desk", "ward")


class Unit(Base):
    """A ward or area with its own time zone, as orders name it."""

    __tablename__ = "unit"

    id: Mapped[Key]
    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    zone: Mapped[str]


class Station(Base):
    """A hood, a desk or a ward's device, with what is attached to it and how long its certifications last.

    `host` is the host name by which its browser comes in; `enrolment_sha256` the hash of the code it was enrolled by.
    """

    __tablename__ = "station"

    id: Mapped[Key]
    code: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[str]
    name: Mapped[str]
    unit_id: Mapped[Ref | None] = mapped_column(ForeignKey("unit.id"))
    host: Mapped[str | None] = mapped_column(unique=True)
    enrolment_sha256: Mapped[str | None] = mapped_column(unique=True)
    px_per_mm: Mapped[Decimal]
    hood_certified_until: Mapped[date | None]
    room_certified_until: Mapped[date | None]
    balance_url: Mapped[str | None]
    balance_protocol: Mapped[str | None]
    balance_serial: Mapped[str | None]
    balance_readability_g: Mapped[Decimal | None]
    balance_repeatability_g: Mapped[Decimal | None]
    balance_simulated: Mapped[bool] = mapped_column(default=False)
    printer_url: Mapped[str | None]
    printer_simulated: Mapped[bool] = mapped_column(default=False)
    retired_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint(one_of("kind", KINDS), name="kind_known"),
        CheckConstraint("kind != 'hood' OR balance_url IS NULL OR balance_serial IS NOT NULL", name="balance_known"),
    )


class Weighing(Base):
    """One accepted weight with the raw bytes that led to it, so that the verdict can be recomputed by anyone."""

    __tablename__ = "weighing"

    id: Mapped[Key]
    station_id: Mapped[Ref] = mapped_column(ForeignKey("station.id"))
    balance_serial: Mapped[str]
    balance_epoch: Mapped[int]
    protocol: Mapped[str]
    value_g: Mapped[Decimal]
    readings: Mapped[int]
    readability_g: Mapped[Decimal]
    repeatability_g: Mapped[Decimal]
    window: Mapped[bytes] = mapped_column(LargeBinary)
    taken_at: Mapped[datetime]

    __table_args__ = (CheckConstraint("readings >= 1", name="readings"),)


class BalanceCheck(Base):
    """A check weight as a balance showed it, good or not; the weighing behind it keeps the raw bytes."""

    __tablename__ = "balance_check"

    weighing_id: Mapped[Ref] = mapped_column(ForeignKey("weighing.id"), primary_key=True, autoincrement=False)
    balance_serial: Mapped[str]
    nominal_g: Mapped[Decimal]
    value_g: Mapped[Decimal]
    allowed_g: Mapped[Decimal]
    person_id: Mapped[Ref] = mapped_column(ForeignKey("person.id"))
    at: Mapped[datetime]

    __table_args__ = (
        CheckConstraint("nominal_g > 0 AND allowed_g > 0", name="weights"),
        Index("ix_balance_check_balance_serial_at", "balance_serial", "at"),
    )


class Photo(Base):
    """One photo, kept in the photo store under its SHA-256."""

    __tablename__ = "photo"

    id: Mapped[Key]
    sha256: Mapped[str]
    station_id: Mapped[int | None]
    person_id: Mapped[Ref] = mapped_column(ForeignKey("person.id"))
    width: Mapped[int]
    height: Mapped[int]
    size: Mapped[int]
    taken_at: Mapped[datetime]

    __table_args__ = (Index("ix_photo_sha256", "sha256"),)
