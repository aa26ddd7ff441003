"""What became of a cart's doses on the ward: accepted drawers, what was given, missed, taken out and sent back."""

from datetime import datetime
from decimal import Decimal

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, Key, Ref, one_of
from unitdose.happened import CAUSES, Happened


class LineEvent(Base):
    """One thing that happened to packages of a line after their delivery; never more than were delivered.

    `person_id` is None for what a bedside message says (`message_id`). `key` makes one cause count once.
    """

    __tablename__ = "line_event"

    id: Mapped[Key]
    key: Mapped[str] = mapped_column(unique=True)
    line_id: Mapped[Ref] = mapped_column(ForeignKey("fill_line.id"))
    what: Mapped[str]
    packages: Mapped[Decimal]
    lot_id: Mapped[Ref | None] = mapped_column(ForeignKey("lot.id"))
    place: Mapped[str]
    note: Mapped[str | None]
    person_id: Mapped[Ref | None] = mapped_column(ForeignKey("person.id"))
    station_id: Mapped[int | None]
    message_id: Mapped[int | None]
    at: Mapped[datetime]

    __table_args__ = (
        CheckConstraint(one_of("what", Happened), name="what_known"),
        CheckConstraint("packages > 0", name="packages"),
        CheckConstraint("person_id IS NOT NULL OR message_id IS NOT NULL", name="by_whom"),
        Index("ix_line_event_line_id", "line_id"),
    )


class MissingDose(Base):
    """A dose that a nurse did not find: one open report a line; the pharmacy resolves it with a cause."""

    __tablename__ = "missing_dose"

    id: Mapped[Key]
    line_id: Mapped[Ref] = mapped_column(ForeignKey("fill_line.id"))
    told_by: Mapped[Ref] = mapped_column(ForeignKey("person.id"))
    told_at: Mapped[datetime]
    place: Mapped[str]
    replaced_by_line_id: Mapped[Ref | None] = mapped_column(ForeignKey("fill_line.id"))
    resolved_by: Mapped[Ref | None] = mapped_column(ForeignKey("person.id"))
    resolved_at: Mapped[datetime | None]
    cause: Mapped[str | None]

    __table_args__ = (
        CheckConstraint("(resolved_at IS NULL) = (resolved_by IS NULL)", name="resolved_by_whom"),
        CheckConstraint("(resolved_at IS NULL) = (cause IS NULL)", name="resolved_has_cause"),
        CheckConstraint("cause IS NULL OR " + one_of("cause", CAUSES), name="cause_known"),
        Index(
            "uq_missing_dose_open",
            "line_id",
            unique=True,
            sqlite_where=text("resolved_at IS NULL"),
            postgresql_where=text("resolved_at IS NULL"),
        ),
        Index("ix_missing_dose_line_id", "line_id"),
        Index("ix_missing_dose_resolved_at", "resolved_at"),
    )


class DrawerReceipt(Base):
    """A nurse accepted a drawer, or rejected it with a reason, once."""

    __tablename__ = "drawer_receipt"

    work_id: Mapped[Ref] = mapped_column(ForeignKey("drawer.work_id"), primary_key=True)
    accepted: Mapped[bool]
    reason: Mapped[str | None]
    person_id: Mapped[Ref] = mapped_column(ForeignKey("person.id"))
    at: Mapped[datetime]

    __table_args__ = (CheckConstraint("accepted OR reason IS NOT NULL", name="rejected_why"),)


class PossibleOmission(Base):
    """A dose that came back though it was due, ordered and not charted: a pharmacist looks, and says what it was."""

    __tablename__ = "possible_omission"

    line_id: Mapped[Ref] = mapped_column(ForeignKey("fill_line.id"), primary_key=True)
    at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[Ref | None] = mapped_column(ForeignKey("person.id"))
    closed_why: Mapped[str | None]

    __table_args__ = (
        CheckConstraint("(closed_at IS NULL) = (closed_by IS NULL)", name="closed_by_whom"),
        CheckConstraint("(closed_at IS NULL) = (closed_why IS NULL)", name="closed_why"),
    )
