"""Where a labelled dose went after its release, and whose beds are whose: dated facts, one history for every room."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.custody.whereabouts import NOTED
from app.db.base import Base, Key, Ref, one_of


class CustodyEvent(Base):
    """One thing noted about a label: where, by whom, when. A label is received once; the database says so too."""

    __tablename__ = "custody_event"

    id: Mapped[Key]
    serial: Mapped[str] = mapped_column(ForeignKey("label.serial"))
    kind: Mapped[str]
    place: Mapped[str]
    person_id: Mapped[Ref] = mapped_column(ForeignKey("person.id"))
    station_id: Mapped[int | None]
    note: Mapped[str | None]
    at: Mapped[datetime]

    __table_args__ = (
        CheckConstraint(one_of("kind", NOTED), name="kind_known"),
        Index("ix_custody_event_serial", "serial"),
        Index("ix_custody_event_kind_at", "kind", "at"),
        Index(
            "uq_custody_event_received",
            "serial",
            unique=True,
            sqlite_where=text("kind = 'received'"),
            postgresql_where=text("kind = 'received'"),
        ),
    )


class Shift(Base):
    """The beds that a nurse took on, until when. Picking again is a new row; only the newest one counts."""

    __tablename__ = "shift"

    id: Mapped[Key]
    person_id: Mapped[Ref] = mapped_column(ForeignKey("person.id"))
    station_id: Mapped[int | None]
    picked_at: Mapped[datetime]
    ends_at: Mapped[datetime]

    __table_args__ = (
        CheckConstraint("ends_at > picked_at", name="ends_later"),
        Index("ix_shift_person_id", "person_id"),
    )


class ShiftBed(Base):
    """One bed of a shift, as orders name it; no bed means every bed of the unit."""

    __tablename__ = "shift_bed"

    id: Mapped[Key]
    shift_id: Mapped[Ref] = mapped_column(ForeignKey("shift.id"))
    unit: Mapped[str]
    bed: Mapped[str | None]

    __table_args__ = (Index("ix_shift_bed_shift_id", "shift_id"),)
