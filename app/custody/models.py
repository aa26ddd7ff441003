"""Where a labelled dose went after its release: dated facts about its label's serial, one history for every room."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, Key, Ref, one_of

KINDS = ("handed over", "received", "not here", "found", "taken out", "returned", "damaged")


class CustodyEvent(Base):
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
        CheckConstraint(one_of("kind", KINDS), name="kind_known"),
        Index("ix_custody_event_serial", "serial"),
    )
