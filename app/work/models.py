"""The work item: what one signature covers, its one stored state, who stands on which side, and every move."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.workflow import LIVE, Event, Side, State
from app.db.base import Base, Key, Ref, one_of

KINDS = ("preparation", "batch", "drawer", "repackaging")

_CHECKING = (Event.RELEASE, Event.SEND_BACK, Event.REFUSE, Event.WITHDRAW)
_SIGNED = (Event.FINISH, Event.RELEASE, Event.REFUSE, Event.WITHDRAW)


class WorkItem(Base):
    """A preparation, a batch, a drawer or a repackaging run. `app.work.actions` alone writes its state."""

    __tablename__ = "work_item"

    id: Mapped[Key]
    kind: Mapped[str]
    dose_id: Mapped[Ref | None] = mapped_column(ForeignKey("dose.id"))
    state: Mapped[str]
    is_live: Mapped[int]
    version: Mapped[int]
    holder_id: Mapped[Ref | None] = mapped_column(ForeignKey("person.id"))
    station_id: Mapped[Ref | None] = mapped_column(ForeignKey("station.id"))
    made_at: Mapped[datetime]

    __table_args__ = (
        CheckConstraint(one_of("kind", KINDS), name="kind_known"),
        CheckConstraint(one_of("state", State), name="state_known"),
        CheckConstraint(f"(is_live = 1) = ({one_of('state', LIVE)})", name="live_follows_state"),
        CheckConstraint("is_live IN (0, 1)", name="live"),
        Index(
            "uq_work_item_dose_live",
            "dose_id",
            unique=True,
            sqlite_where=text("is_live = 1"),
            postgresql_where=text("is_live = 1"),
        ),
        Index("ix_work_item_state_made_at", "state", "made_at"),
        Index("ix_work_item_dose_id", "dose_id"),
    )


class WorkPart(Base):
    """Who stands on which side of a piece of work. The primary key keeps a person on one side for ever."""

    __tablename__ = "work_part"

    work_id: Mapped[Ref] = mapped_column(ForeignKey("work_item.id"), primary_key=True)
    person_id: Mapped[Ref] = mapped_column(ForeignKey("person.id"), primary_key=True)
    side: Mapped[str]

    __table_args__ = (
        CheckConstraint(one_of("side", Side), name="side_known"),
        UniqueConstraint("work_id", "person_id", "side"),
    )


class WorkMove(Base):
    """One transition of a work item: what, by whom, from which side, why, under which signature."""

    __tablename__ = "work_move"

    id: Mapped[Key]
    work_id: Mapped[Ref] = mapped_column(ForeignKey("work_item.id"))
    event: Mapped[str]
    from_state: Mapped[str]
    to_state: Mapped[str]
    person_id: Mapped[Ref] = mapped_column(ForeignKey("person.id"))
    side: Mapped[str | None]
    station_id: Mapped[int | None]
    reason: Mapped[str | None]
    signature_id: Mapped[Ref | None] = mapped_column(ForeignKey("signature.id"))
    at: Mapped[datetime]

    __table_args__ = (
        ForeignKeyConstraint(
            ["work_id", "person_id", "side"],
            ["work_part.work_id", "work_part.person_id", "work_part.side"],
            name="fk_work_move_part",
        ),
        CheckConstraint(one_of("event", Event), name="event_known"),
        CheckConstraint(f"({one_of('event', _CHECKING)}) = (side IS NOT NULL AND side = 'checks')", name="checks"),
        CheckConstraint(f"NOT ({one_of('event', _SIGNED)}) OR signature_id IS NOT NULL", name="signed"),
        Index("ix_work_move_work_id", "work_id"),
    )
