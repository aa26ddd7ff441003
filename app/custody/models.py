"""Where labelled things went after release, in which tote, and whose beds are whose: dated facts for every room."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.custody.whereabouts import NOTED
from app.db.base import Base, Key, Ref, one_of

ENDED_AS = ("arrived", "brought back")


class CustodyEvent(Base):
    """One thing noted about a label: where, by whom, when. A label is received and given once, by constraint.

    `unit_id` is the ward on which it was seen, where that is known. `person_id` is None for what a bedside message says
    (`message_id`).
    """

    __tablename__ = "custody_event"

    id: Mapped[Key]
    serial: Mapped[str] = mapped_column(ForeignKey("label.serial"))
    kind: Mapped[str]
    place: Mapped[str]
    unit_id: Mapped[Ref | None] = mapped_column(ForeignKey("unit.id"))
    person_id: Mapped[Ref | None] = mapped_column(ForeignKey("person.id"))
    message_id: Mapped[int | None]
    station_id: Mapped[int | None]
    note: Mapped[str | None]
    at: Mapped[datetime]

    __table_args__ = (
        CheckConstraint(one_of("kind", NOTED), name="kind_known"),
        CheckConstraint("person_id IS NOT NULL OR message_id IS NOT NULL", name="by_whom"),
        Index("ix_custody_event_serial", "serial"),
        Index("ix_custody_event_kind_at", "kind", "at"),
        Index("ix_custody_event_unit_id_at", "unit_id", "at"),
        Index(
            "uq_custody_event_received",
            "serial",
            unique=True,
            sqlite_where=text("kind = 'received'"),
            postgresql_where=text("kind = 'received'"),
        ),
        Index(
            "uq_custody_event_given",
            "serial",
            unique=True,
            sqlite_where=text("kind = 'given'"),
            postgresql_where=text("kind = 'given'"),
        ),
    )


class ToteTrip(Base):
    """One way of a tote to one ward: opened with the first thing packed, then left, then arrived or brought back.

    A tote makes one trip at a time; a new one begins when the one before it has ended.
    """

    __tablename__ = "tote_trip"

    id: Mapped[Key]
    tote: Mapped[str]
    unit_id: Mapped[Ref] = mapped_column(ForeignKey("unit.id"))
    opened_at: Mapped[datetime]
    opened_by: Mapped[Ref] = mapped_column(ForeignKey("person.id"))
    left_at: Mapped[datetime | None]
    left_by: Mapped[Ref | None] = mapped_column(ForeignKey("person.id"))
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[Ref | None] = mapped_column(ForeignKey("person.id"))
    ended_as: Mapped[str | None]

    __table_args__ = (
        CheckConstraint("ended_as IS NULL OR " + one_of("ended_as", ENDED_AS), name="ended_as_known"),
        CheckConstraint("(left_at IS NULL) = (left_by IS NULL)", name="left_by_whom"),
        CheckConstraint("(ended_at IS NULL) = (ended_by IS NULL)", name="ended_by_whom"),
        CheckConstraint("(ended_at IS NULL) = (ended_as IS NULL)", name="ended_how"),
        Index(
            "uq_tote_trip_open",
            "tote",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
        Index("ix_tote_trip_tote", "tote"),
        Index("ix_tote_trip_unit_id_ended_at", "unit_id", "ended_at"),
        Index("ix_tote_trip_ended_at", "ended_at"),
    )


class ToteLoad(Base):
    """One label packed into a tote for a trip. `out_at`: taken out before the tote left; `done_at`: it arrived."""

    __tablename__ = "tote_load"

    id: Mapped[Key]
    trip_id: Mapped[Ref] = mapped_column(ForeignKey("tote_trip.id"))
    serial: Mapped[str] = mapped_column(ForeignKey("label.serial"))
    person_id: Mapped[Ref] = mapped_column(ForeignKey("person.id"))
    at: Mapped[datetime]
    out_at: Mapped[datetime | None]
    done_at: Mapped[datetime | None]

    __table_args__ = (
        Index("ix_tote_load_trip_id", "trip_id"),
        Index("ix_tote_load_serial", "serial"),
        Index(
            "uq_tote_load_open",
            "serial",
            unique=True,
            sqlite_where=text("out_at IS NULL AND done_at IS NULL"),
            postgresql_where=text("out_at IS NULL AND done_at IS NULL"),
        ),
    )


class ReturnLot(Base):
    """What a courier took back from a ward in one go: old drawers and bags, to be looked through in the pharmacy."""

    __tablename__ = "return_lot"

    id: Mapped[Key]
    unit_id: Mapped[Ref] = mapped_column(ForeignKey("unit.id"))
    taken_at: Mapped[datetime]
    taken_by: Mapped[Ref] = mapped_column(ForeignKey("person.id"))
    came_at: Mapped[datetime | None]
    came_by: Mapped[Ref | None] = mapped_column(ForeignKey("person.id"))

    __table_args__ = (
        CheckConstraint("(came_at IS NULL) = (came_by IS NULL)", name="came_by_whom"),
        Index("ix_return_lot_came_at", "came_at"),
    )


class ReturnLotLabel(Base):
    """One drawer or bag of a return lot; a label goes back once."""

    __tablename__ = "return_lot_label"

    serial: Mapped[str] = mapped_column(ForeignKey("label.serial"), primary_key=True)
    return_lot_id: Mapped[Ref] = mapped_column(ForeignKey("return_lot.id"))

    __table_args__ = (Index("ix_return_lot_label_return_lot_id", "return_lot_id"),)


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
