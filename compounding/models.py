"""Recipes as signed documents, preparations with their frozen worksheets, and what was done step by step."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, Key, Ref


class Recipe(Base):
    """One version of a master formulation record: canonical text, its hash, its author and its approver."""

    __tablename__ = "recipe"

    id: Mapped[Key]
    code: Mapped[str]
    version: Mapped[int]
    text: Mapped[str]
    sha256: Mapped[str]
    author_id: Mapped[Ref] = mapped_column(ForeignKey("person.id"))
    author_signature_id: Mapped[Ref] = mapped_column(ForeignKey("signature.id"))
    made_at: Mapped[datetime]
    approver_id: Mapped[Ref | None] = mapped_column(ForeignKey("person.id"))
    approver_signature_id: Mapped[Ref | None] = mapped_column(ForeignKey("signature.id"))
    approved_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]

    __table_args__ = (
        UniqueConstraint("code", "version"),
        CheckConstraint("approver_id IS NULL OR approver_id != author_id", name="two_people"),
        CheckConstraint("(approver_id IS NULL) = (approved_at IS NULL)", name="approved_when"),
        CheckConstraint("(approver_id IS NULL) = (approver_signature_id IS NULL)", name="approved_signed"),
    )


class Preparation(Base):
    """One dose under preparation: the worksheet frozen when it was claimed, and the tray that is its identity."""

    __tablename__ = "preparation"

    work_id: Mapped[Ref] = mapped_column(ForeignKey("work_item.id"), primary_key=True)
    version_id: Mapped[Ref] = mapped_column(ForeignKey("order_version.id"))
    recipe_id: Mapped[Ref] = mapped_column(ForeignKey("recipe.id"))
    worksheet: Mapped[str]
    worksheet_sha256: Mapped[str]
    tray: Mapped[str]
    tray_free_at: Mapped[datetime | None]

    __table_args__ = (
        Index(
            "uq_preparation_tray_in_use",
            "tray",
            unique=True,
            sqlite_where=text("tray_free_at IS NULL"),
            postgresql_where=text("tray_free_at IS NULL"),
        ),
    )


class StepRecord(Base):
    """One thing done or asked at the hood: canonical facts, who did it, and the weighing or photo that shows it.

    A correction is a new record. The database keeps makers on the preparing side; a checker can only send back.
    """

    __tablename__ = "step_record"

    id: Mapped[Key]
    work_id: Mapped[Ref] = mapped_column(ForeignKey("preparation.work_id"))
    number: Mapped[int]
    step: Mapped[str]
    kind: Mapped[str]
    facts: Mapped[str]
    person_id: Mapped[Ref] = mapped_column(ForeignKey("person.id"))
    side: Mapped[str]
    weighing_id: Mapped[Ref | None] = mapped_column(ForeignKey("weighing.id"))
    photo_id: Mapped[Ref | None] = mapped_column(ForeignKey("photo.id"))
    lot_id: Mapped[Ref | None] = mapped_column(ForeignKey("lot.id"))
    at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("work_id", "number"),
        CheckConstraint("side = 'prepares' OR (side = 'checks' AND kind = 'redone')", name="preparing_side"),
        ForeignKeyConstraint(
            ["work_id", "person_id", "side"],
            ["work_part.work_id", "work_part.person_id", "work_part.side"],
            name="fk_step_record_part",
        ),
        Index("ix_step_record_lot_id", "lot_id"),
    )
