"""Every physical label has its own serial; what stood on it and its bytes are kept."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, Ref


class Label(Base):
    """One label: of a piece of work (a preparation, a drawer), else of the thing that `subject` names ('line 12').

    A preparation's counts when it was scanned back together with its tray. A reprint voids it. `made_by` is None for
    what the system prints by itself.
    """

    __tablename__ = "label"

    serial: Mapped[str] = mapped_column(primary_key=True)
    work_id: Mapped[Ref | None] = mapped_column(ForeignKey("work_item.id"))
    subject: Mapped[str | None]
    content: Mapped[str]
    content_sha256: Mapped[str]
    job: Mapped[bytes] = mapped_column(LargeBinary)
    beyond_use: Mapped[datetime]
    made_at: Mapped[datetime]
    made_by: Mapped[Ref | None] = mapped_column(ForeignKey("person.id"))
    copy_number: Mapped[int]
    reprint_reason: Mapped[str | None]
    voided_at: Mapped[datetime | None]
    confirmed_at: Mapped[datetime | None]
    confirmed_by: Mapped[Ref | None] = mapped_column(ForeignKey("person.id"))

    __table_args__ = (
        CheckConstraint("(confirmed_at IS NULL) = (confirmed_by IS NULL)", name="confirmed_by_whom"),
        CheckConstraint("copy_number = 1 OR reprint_reason IS NOT NULL", name="reprint_has_reason"),
        CheckConstraint("(work_id IS NULL) != (subject IS NULL)", name="of_one_thing"),
        Index(
            "uq_label_subject_live",
            "subject",
            unique=True,
            sqlite_where=text("voided_at IS NULL"),
            postgresql_where=text("voided_at IS NULL"),
        ),
        Index(
            "uq_label_work_live",
            "work_id",
            unique=True,
            sqlite_where=text("voided_at IS NULL"),
            postgresql_where=text("voided_at IS NULL"),
        ),
        Index("ix_label_work_id", "work_id"),
    )
