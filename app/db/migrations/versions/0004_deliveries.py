"""Deliveries: totes and what is in them, return lots, and more that can be noted about a label."""

import sqlalchemy as sa
from alembic import op

from app.db.append_only import triggers

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

KINDS = (
    "scanned", "packed", "unpacked", "handed over", "arrived", "received", "rejected", "sent on", "came along",
    "given", "not here", "found", "taken out", "returned", "damaged",
)  # fmt: skip
_KNOWN = "kind IN (" + ", ".join(f"'{kind}'" for kind in KINDS) + ")"
_BY_WHOM = "person_id IS NOT NULL OR message_id IS NOT NULL"
_OLD = "id, serial, kind, place, person_id, station_id, note, at"
_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "return_lot",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("unit_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("taken_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("came_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("came_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.CheckConstraint("(came_at IS NULL) = (came_by IS NULL)", name=op.f("ck_return_lot_came_by_whom")),
        sa.ForeignKeyConstraint(["came_by"], ["person.id"], name=op.f("fk_return_lot_came_by")),
        sa.ForeignKeyConstraint(["taken_by"], ["person.id"], name=op.f("fk_return_lot_taken_by")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_return_lot_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_return_lot")),
    )
    op.create_index("ix_return_lot_came_at", "return_lot", ["came_at"], unique=False)

    op.create_table(
        "tote_trip",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("tote", sa.Text(), nullable=False),
        sa.Column("unit_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opened_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("left_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("left_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("ended_as", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "ended_as IS NULL OR ended_as IN ('arrived', 'brought back')", name=op.f("ck_tote_trip_ended_as_known")
        ),
        sa.CheckConstraint("(ended_at IS NULL) = (ended_as IS NULL)", name=op.f("ck_tote_trip_ended_how")),
        sa.CheckConstraint("(ended_at IS NULL) = (ended_by IS NULL)", name=op.f("ck_tote_trip_ended_by_whom")),
        sa.CheckConstraint("(left_at IS NULL) = (left_by IS NULL)", name=op.f("ck_tote_trip_left_by_whom")),
        sa.ForeignKeyConstraint(["ended_by"], ["person.id"], name=op.f("fk_tote_trip_ended_by")),
        sa.ForeignKeyConstraint(["left_by"], ["person.id"], name=op.f("fk_tote_trip_left_by")),
        sa.ForeignKeyConstraint(["opened_by"], ["person.id"], name=op.f("fk_tote_trip_opened_by")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_tote_trip_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tote_trip")),
    )
    op.create_index("ix_tote_trip_ended_at", "tote_trip", ["ended_at"], unique=False)
    op.create_index("ix_tote_trip_tote", "tote_trip", ["tote"], unique=False)
    op.create_index("ix_tote_trip_unit_id_ended_at", "tote_trip", ["unit_id", "ended_at"], unique=False)
    op.create_index(
        "uq_tote_trip_open",
        "tote_trip",
        ["tote"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )

    op.create_table(
        "return_lot_label",
        sa.Column("serial", sa.Text(), nullable=False),
        sa.Column("return_lot_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["return_lot_id"], ["return_lot.id"], name=op.f("fk_return_lot_label_return_lot_id")),
        sa.ForeignKeyConstraint(["serial"], ["label.serial"], name=op.f("fk_return_lot_label_serial")),
        sa.PrimaryKeyConstraint("serial", name=op.f("pk_return_lot_label")),
    )
    op.create_index("ix_return_lot_label_return_lot_id", "return_lot_label", ["return_lot_id"], unique=False)

    op.create_table(
        "tote_load",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("trip_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("serial", sa.Text(), nullable=False),
        sa.Column("person_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("out_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_tote_load_person_id")),
        sa.ForeignKeyConstraint(["serial"], ["label.serial"], name=op.f("fk_tote_load_serial")),
        sa.ForeignKeyConstraint(["trip_id"], ["tote_trip.id"], name=op.f("fk_tote_load_trip_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tote_load")),
    )
    op.create_index("ix_tote_load_serial", "tote_load", ["serial"], unique=False)
    op.create_index("ix_tote_load_trip_id", "tote_load", ["trip_id"], unique=False)
    op.create_index(
        "uq_tote_load_open",
        "tote_load",
        ["serial"],
        unique=True,
        sqlite_where=sa.text("out_at IS NULL AND done_at IS NULL"),
        postgresql_where=sa.text("out_at IS NULL AND done_at IS NULL"),
    )

    if op.get_bind().dialect.name == "sqlite":
        _write_anew()
    else:
        op.drop_constraint("ck_custody_event_kind_known", "custody_event")
        op.alter_column("custody_event", "person_id", nullable=True)
        op.add_column("custody_event", sa.Column("unit_id", _NUMBER, nullable=True))
        op.add_column("custody_event", sa.Column("message_id", _NUMBER, nullable=True))
        op.create_foreign_key("fk_custody_event_unit_id", "custody_event", "unit", ["unit_id"], ["id"])
        op.create_check_constraint("kind_known", "custody_event", _KNOWN)
        op.create_check_constraint("by_whom", "custody_event", _BY_WHOM)
    op.create_index("ix_custody_event_unit_id_at", "custody_event", ["unit_id", "at"], unique=False)
    op.create_index(
        "uq_custody_event_given",
        "custody_event",
        ["serial"],
        unique=True,
        sqlite_where=sa.text("kind = 'given'"),
        postgresql_where=sa.text("kind = 'given'"),
    )
    op.create_index("ix_label_work_id", "label", ["work_id"], unique=False)
    op.create_index("ix_work_item_dose_id", "work_item", ["dose_id"], unique=False)
    op.create_index("ix_missing_dose_line_id", "missing_dose", ["line_id"], unique=False)
    op.create_index("ix_missing_dose_resolved_at", "missing_dose", ["resolved_at"], unique=False)


def _write_anew() -> None:
    """SQLite widens a CHECK only by writing the table anew; by hand, so that its triggers and names are kept."""
    op.create_table(
        "custody_event_new",
        sa.Column("id", _NUMBER, nullable=False),
        sa.Column("serial", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("unit_id", _NUMBER, nullable=True),
        sa.Column("person_id", _NUMBER, nullable=True),
        sa.Column("message_id", _NUMBER, nullable=True),
        sa.Column("station_id", _NUMBER, nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(_KNOWN, name=op.f("ck_custody_event_kind_known")),
        sa.CheckConstraint(_BY_WHOM, name=op.f("ck_custody_event_by_whom")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_custody_event_person_id")),
        sa.ForeignKeyConstraint(["serial"], ["label.serial"], name=op.f("fk_custody_event_serial")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_custody_event_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_custody_event")),
    )
    op.execute(f"INSERT INTO custody_event_new ({_OLD}) SELECT {_OLD} FROM custody_event")
    op.drop_table("custody_event")
    op.rename_table("custody_event_new", "custody_event")
    op.create_index("ix_custody_event_kind_at", "custody_event", ["kind", "at"], unique=False)
    op.create_index("ix_custody_event_serial", "custody_event", ["serial"], unique=False)
    op.create_index(
        "uq_custody_event_received",
        "custody_event",
        ["serial"],
        unique=True,
        sqlite_where=sa.text("kind = 'received'"),
    )
    for statement in triggers("custody_event", "sqlite"):
        op.execute(statement)
