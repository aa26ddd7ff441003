"""Carts: what a site sets up, versioned plans, drawers and picks, and what becomes of doses on the ward."""

import sqlalchemy as sa
from alembic import op

from app.db.append_only import triggers

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

APPEND_ONLY = ("put", "pull", "short_pick", "line_event", "drawer_receipt")


def upgrade() -> None:
    op.create_table(
        "cart",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("starts", sa.Text(), nullable=False),
        sa.Column("cutoff_minutes", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("leaves_minutes", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("exchange_minutes", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("trims_discharges", sa.Boolean(), nullable=False),
        sa.Column("printer_url", sa.Text(), nullable=True),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("zone != '' AND starts != ''", name=op.f("ck_cart_has_zone_and_starts")),
        sa.CheckConstraint(
            "cutoff_minutes >= leaves_minutes AND leaves_minutes >= exchange_minutes AND exchange_minutes >= 0",
            name=op.f("ck_cart_cutoff_leaves_exchange"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cart")),
        sa.UniqueConstraint("code", name=op.f("uq_cart_code")),
    )
    op.create_table(
        "cart_unit",
        sa.Column("unit_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("cart_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["cart_id"], ["cart.id"], name=op.f("fk_cart_unit_cart_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_cart_unit_unit_id")),
        sa.PrimaryKeyConstraint("unit_id", name=op.f("pk_cart_unit")),
    )
    op.create_index("ix_cart_unit_cart_id", "cart_unit", ["cart_id"], unique=False)
    op.create_table(
        "fill",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("cart_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("start_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("end_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("cutoff_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("leaves_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("exchange_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("current_run_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("dropped_why", sa.Text(), nullable=True),
        sa.CheckConstraint("kind IN ('cart', 'first dose')", name=op.f("ck_fill_kind_known")),
        sa.CheckConstraint("dropped_why IS NULL OR closed_at IS NOT NULL", name=op.f("ck_fill_dropped_is_closed")),
        sa.CheckConstraint("end_at > start_at", name=op.f("ck_fill_window")),
        sa.ForeignKeyConstraint(["cart_id"], ["cart.id"], name=op.f("fk_fill_cart_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fill")),
    )
    op.create_index("ix_fill_closed_at", "fill", ["closed_at"], unique=False)
    op.create_index(
        "uq_fill_cart_window",
        "fill",
        ["cart_id", "start_at"],
        unique=True,
        sqlite_where=sa.text("kind = 'cart' AND dropped_why IS NULL"),
        postgresql_where=sa.text("kind = 'cart' AND dropped_why IS NULL"),
    )
    op.create_table(
        "leave",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("patient_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("from_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('on leave', 'nothing by mouth')", name=op.f("ck_leave_kind_known")),
        sa.CheckConstraint("until_at IS NULL OR until_at > from_at", name=op.f("ck_leave_ends_later")),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_leave_patient_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_leave")),
    )
    op.create_index("ix_leave_patient_id", "leave", ["patient_id"], unique=False)
    op.create_table(
        "prn_par",
        sa.Column("unit_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("drug_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("par", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.CheckConstraint("par >= 0", name=op.f("ck_prn_par_par")),
        sa.ForeignKeyConstraint(["drug_id"], ["drug.id"], name=op.f("fk_prn_par_drug_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_prn_par_unit_id")),
        sa.PrimaryKeyConstraint("unit_id", "drug_id", name=op.f("pk_prn_par")),
    )
    op.create_table(
        "expected_discharge",
        sa.Column("stay_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["stay_id"], ["stay.id"], name=op.f("fk_expected_discharge_stay_id")),
        sa.PrimaryKeyConstraint("stay_id", name=op.f("pk_expected_discharge")),
    )
    op.create_table(
        "fill_run",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("fill_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("version", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("snapshot_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("person_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("beat_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("total", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("under_way", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failed_why", sa.Text(), nullable=True),
        sa.Column("plan_sha256", sa.Text(), nullable=True),
        sa.CheckConstraint("failed_why IS NULL OR plan_sha256 IS NULL", name=op.f("ck_fill_run_failed_or_current")),
        sa.CheckConstraint(
            "plan_sha256 IS NULL OR finished_at IS NOT NULL", name=op.f("ck_fill_run_hash_when_finished")
        ),
        sa.ForeignKeyConstraint(["fill_id"], ["fill.id"], name=op.f("fk_fill_run_fill_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_fill_run_person_id")),
        sa.CheckConstraint(
            "under_way IS NULL OR (under_way = 1 AND finished_at IS NULL)", name=op.f("ck_fill_run_under_way")
        ),
        sa.CheckConstraint("under_way IS NOT NULL OR finished_at IS NOT NULL", name=op.f("ck_fill_run_ends")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fill_run")),
        sa.UniqueConstraint("under_way", name=op.f("uq_fill_run_under_way")),
        sa.UniqueConstraint("fill_id", "version", name=op.f("uq_fill_run_fill_id_version")),
    )
    op.create_table(
        "location",
        sa.Column("place_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("aisle", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("bay", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("shelf", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("bin", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["place_id"], ["place.id"], name=op.f("fk_location_place_id")),
        sa.PrimaryKeyConstraint("place_id", name=op.f("pk_location")),
        sa.UniqueConstraint("code", name=op.f("uq_location_code")),
        sa.UniqueConstraint("zone", "aisle", "bay", "shelf", "bin", name=op.f("uq_location_zone_aisle_bay_shelf_bin")),
    )
    op.create_table(
        "own_supply",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("order_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("person_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["order_id"], ["medication_order.id"], name=op.f("fk_own_supply_order_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_own_supply_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_own_supply")),
    )
    op.create_index(
        "uq_own_supply_open",
        "own_supply",
        ["order_id"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "unit_dose",
        sa.Column("package_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("form", sa.Text(), nullable=False),
        sa.Column("content", sa.BigInteger(), nullable=False),
        sa.Column("content_unit", sa.Text(), nullable=False),
        sa.Column("volume_ml", sa.BigInteger(), nullable=True),
        sa.Column("step", sa.BigInteger(), nullable=False),
        sa.Column("half_of_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("uses", sa.BigInteger(), nullable=True),
        sa.Column("in_use_days", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("stored", sa.Text(), nullable=False),
        sa.Column("hazardous", sa.Boolean(), nullable=False),
        sa.Column("oversize", sa.Boolean(), nullable=False),
        sa.Column("by_tube", sa.Boolean(), nullable=False),
        sa.Column("approved_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "form IN ('tablet', 'half tablet', 'capsule', 'cup', 'oral syringe', 'packet', 'lozenge', 'suppository', 'patch', 'vial', 'syringe', 'inhaler', 'nasal spray', 'pen', 'drops', 'cream', 'bottle')",
            name=op.f("ck_unit_dose_form_known"),
        ),
        sa.CheckConstraint("stored IN ('room', 'refrigerator')", name=op.f("ck_unit_dose_stored_known")),
        sa.CheckConstraint("content > 0", name=op.f("ck_unit_dose_content")),
        sa.CheckConstraint("step IN (500000, 1000000)", name=op.f("ck_unit_dose_step")),
        sa.CheckConstraint("uses IS NULL OR uses > 0", name=op.f("ck_unit_dose_uses")),
        sa.CheckConstraint("volume_ml IS NULL OR volume_ml > 0", name=op.f("ck_unit_dose_volume")),
        sa.ForeignKeyConstraint(["approved_by"], ["person.id"], name=op.f("fk_unit_dose_approved_by")),
        sa.ForeignKeyConstraint(["half_of_id"], ["package.id"], name=op.f("fk_unit_dose_half_of_id")),
        sa.ForeignKeyConstraint(["package_id"], ["package.id"], name=op.f("fk_unit_dose_package_id")),
        sa.PrimaryKeyConstraint("package_id", name=op.f("pk_unit_dose")),
    )
    op.create_table(
        "container_in_use",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("order_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("package_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("opened_on", sa.Date(), nullable=False),
        sa.Column("uses_left", sa.BigInteger(), nullable=True),
        sa.Column("counted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("uses_left IS NULL OR uses_left >= 0", name=op.f("ck_container_in_use_uses_left")),
        sa.ForeignKeyConstraint(["order_id"], ["medication_order.id"], name=op.f("fk_container_in_use_order_id")),
        sa.ForeignKeyConstraint(["package_id"], ["unit_dose.package_id"], name=op.f("fk_container_in_use_package_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_container_in_use")),
    )
    op.create_index(
        "uq_container_in_use_open",
        "container_in_use",
        ["order_id", "package_id"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "pick_stop",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("fill_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("package_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("place_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("person_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("said_lot_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("halt", sa.Text(), nullable=True),
        sa.Column("hand", sa.Text(), nullable=True),
        sa.Column("hand_lot_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.CheckConstraint("(hand IS NULL) = (hand_lot_id IS NULL)", name=op.f("ck_pick_stop_hand_has_lot")),
        sa.ForeignKeyConstraint(["fill_id"], ["fill.id"], name=op.f("fk_pick_stop_fill_id")),
        sa.ForeignKeyConstraint(["hand_lot_id"], ["lot.id"], name=op.f("fk_pick_stop_hand_lot_id")),
        sa.ForeignKeyConstraint(["package_id"], ["unit_dose.package_id"], name=op.f("fk_pick_stop_package_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_pick_stop_person_id")),
        sa.ForeignKeyConstraint(["place_id"], ["place.id"], name=op.f("fk_pick_stop_place_id")),
        sa.ForeignKeyConstraint(["said_lot_id"], ["lot.id"], name=op.f("fk_pick_stop_said_lot_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pick_stop")),
    )
    op.create_index(
        "uq_pick_stop_open",
        "pick_stop",
        ["fill_id", "package_id", "place_id"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index(
        "uq_pick_stop_person",
        "pick_stop",
        ["person_id"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "product_choice",
        sa.Column("order_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("content_sha256", sa.Text(), nullable=False),
        sa.Column("package_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("units", sa.BigInteger(), nullable=False),
        sa.Column("person_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("units > 0", name=op.f("ck_product_choice_units")),
        sa.ForeignKeyConstraint(["order_id"], ["medication_order.id"], name=op.f("fk_product_choice_order_id")),
        sa.ForeignKeyConstraint(["package_id"], ["unit_dose.package_id"], name=op.f("fk_product_choice_package_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_product_choice_person_id")),
        sa.PrimaryKeyConstraint("order_id", "content_sha256", "package_id", name=op.f("pk_product_choice")),
    )
    op.create_table(
        "unit_stock",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("unit_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("package_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("stocked_in", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("out_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("out_why", sa.Text(), nullable=True),
        sa.CheckConstraint("stocked_in IN ('cabinet', 'floor stock')", name=op.f("ck_unit_stock_stocked_in_known")),
        sa.CheckConstraint("(out_at IS NULL) = (out_why IS NULL)", name=op.f("ck_unit_stock_out_has_reason")),
        sa.ForeignKeyConstraint(["package_id"], ["unit_dose.package_id"], name=op.f("fk_unit_stock_package_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_unit_stock_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unit_stock")),
        sa.UniqueConstraint("unit_id", "package_id", name=op.f("uq_unit_stock_unit_id_package_id")),
    )
    op.create_table(
        "drawer",
        sa.Column("work_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("fill_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("patient_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["fill_id"], ["fill.id"], name=op.f("fk_drawer_fill_id")),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_drawer_patient_id")),
        sa.ForeignKeyConstraint(["work_id"], ["work_item.id"], name=op.f("fk_drawer_work_id")),
        sa.PrimaryKeyConstraint("work_id", name=op.f("pk_drawer")),
        sa.UniqueConstraint("fill_id", "number", "sequence", name=op.f("uq_drawer_fill_id_number_sequence")),
        sa.UniqueConstraint("fill_id", "patient_id", "sequence", name=op.f("uq_drawer_fill_id_patient_id_sequence")),
    )
    op.create_table(
        "fill_line",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("fill_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("run_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("ended_run_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("ended_as", sa.Text(), nullable=True),
        sa.Column("ended_why", sa.Text(), nullable=True),
        sa.Column("order_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("version_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("dose_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("patient_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("unit_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("bed", sa.Text(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("wall", sa.Text(), nullable=False),
        sa.Column("flags", sa.Text(), nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("package_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("units", sa.BigInteger(), nullable=True),
        sa.Column("packages", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("short", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("short_why", sa.Text(), nullable=True),
        sa.Column("work_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.CheckConstraint(
            "ended_as IS NULL OR ended_as IN ('REMOVE', 'CHANGE', 'REROUTE', 'HOLD')",
            name=op.f("ck_fill_line_ended_as_known"),
        ),
        sa.CheckConstraint(
            "reason IN ('NOT_ON_UNIT', 'UNVERIFIED', 'STOPPED', 'REPLACED', 'HELD', 'LOA', 'OWN_MED', 'IV_ROUTE', 'CS_ROUTE', 'ADC', 'ADC_OUT', 'PRN', 'FIRST_DOSE', 'BULK', 'FRIDGE', 'HAZ', 'OVERSIZE', 'CART', 'EXC_PRODUCT', 'EXC_TIME', 'DISCHARGE')",
            name=op.f("ck_fill_line_reason_known"),
        ),
        sa.CheckConstraint(
            "route IN ('cart', 'cabinet', 'first dose', 'controlled', 'iv', 'bulk', 'own medication', 'none')",
            name=op.f("ck_fill_line_route_known"),
        ),
        sa.CheckConstraint("(ended_run_id IS NULL) = (ended_as IS NULL)", name=op.f("ck_fill_line_ended_how")),
        sa.CheckConstraint("(short = 0) = (short_why IS NULL)", name=op.f("ck_fill_line_short_has_reason")),
        sa.CheckConstraint("packages = 0 OR package_id IS NOT NULL", name=op.f("ck_fill_line_packages_of_what")),
        sa.CheckConstraint("packages >= 0 AND short BETWEEN 0 AND packages", name=op.f("ck_fill_line_counts")),
        sa.ForeignKeyConstraint(["dose_id"], ["dose.id"], name=op.f("fk_fill_line_dose_id")),
        sa.ForeignKeyConstraint(["ended_run_id"], ["fill_run.id"], name=op.f("fk_fill_line_ended_run_id")),
        sa.ForeignKeyConstraint(["fill_id"], ["fill.id"], name=op.f("fk_fill_line_fill_id")),
        sa.ForeignKeyConstraint(["order_id"], ["medication_order.id"], name=op.f("fk_fill_line_order_id")),
        sa.ForeignKeyConstraint(["package_id"], ["unit_dose.package_id"], name=op.f("fk_fill_line_package_id")),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_fill_line_patient_id")),
        sa.ForeignKeyConstraint(["run_id"], ["fill_run.id"], name=op.f("fk_fill_line_run_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_fill_line_unit_id")),
        sa.ForeignKeyConstraint(["version_id"], ["order_version.id"], name=op.f("fk_fill_line_version_id")),
        sa.ForeignKeyConstraint(["work_id"], ["work_item.id"], name=op.f("fk_fill_line_work_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fill_line")),
    )
    op.create_index("ix_fill_line_dose_id", "fill_line", ["dose_id"], unique=False)
    op.create_index("ix_fill_line_fill_id_patient_id", "fill_line", ["fill_id", "patient_id"], unique=False)
    op.create_index("ix_fill_line_order_id_due_at", "fill_line", ["order_id", "due_at"], unique=False)
    op.create_index("ix_fill_line_patient_id_due_at", "fill_line", ["patient_id", "due_at"], unique=False)
    op.create_index("ix_fill_line_work_id", "fill_line", ["work_id"], unique=False)
    op.create_index(
        "uq_fill_line_live",
        "fill_line",
        ["fill_id", "order_id", "due_at", "package_id"],
        unique=True,
        sqlite_where=sa.text("ended_run_id IS NULL AND due_at IS NOT NULL AND package_id IS NOT NULL"),
        postgresql_where=sa.text("ended_run_id IS NULL AND due_at IS NOT NULL AND package_id IS NOT NULL"),
    )
    op.create_table(
        "allocation",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("line_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("lot_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("place_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("quantity", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("run_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("ended_run_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_allocation_quantity")),
        sa.ForeignKeyConstraint(["ended_run_id"], ["fill_run.id"], name=op.f("fk_allocation_ended_run_id")),
        sa.ForeignKeyConstraint(["line_id"], ["fill_line.id"], name=op.f("fk_allocation_line_id")),
        sa.ForeignKeyConstraint(["lot_id"], ["lot.id"], name=op.f("fk_allocation_lot_id")),
        sa.ForeignKeyConstraint(["place_id"], ["place.id"], name=op.f("fk_allocation_place_id")),
        sa.ForeignKeyConstraint(["run_id"], ["fill_run.id"], name=op.f("fk_allocation_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_allocation")),
    )
    op.create_index("ix_allocation_line_id", "allocation", ["line_id"], unique=False)
    op.create_index("ix_allocation_lot_id_place_id", "allocation", ["lot_id", "place_id"], unique=False)
    op.create_table(
        "drawer_receipt",
        sa.Column("work_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("accepted", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("person_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("accepted OR reason IS NOT NULL", name=op.f("ck_drawer_receipt_rejected_why")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_drawer_receipt_person_id")),
        sa.ForeignKeyConstraint(["work_id"], ["drawer.work_id"], name=op.f("fk_drawer_receipt_work_id")),
        sa.PrimaryKeyConstraint("work_id", name=op.f("pk_drawer_receipt")),
    )
    op.create_table(
        "line_event",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("line_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("packages", sa.BigInteger(), nullable=False),
        sa.Column("lot_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("person_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("station_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("message_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "what IN ('given', 'taken out', 'missing', 'found', 'restocked', 'quarantined', 'wasted')",
            name=op.f("ck_line_event_what_known"),
        ),
        sa.CheckConstraint("packages > 0", name=op.f("ck_line_event_packages")),
        sa.CheckConstraint("person_id IS NOT NULL OR message_id IS NOT NULL", name=op.f("ck_line_event_by_whom")),
        sa.ForeignKeyConstraint(["line_id"], ["fill_line.id"], name=op.f("fk_line_event_line_id")),
        sa.ForeignKeyConstraint(["lot_id"], ["lot.id"], name=op.f("fk_line_event_lot_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_line_event_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_line_event")),
        sa.UniqueConstraint("key", name=op.f("uq_line_event_key")),
    )
    op.create_index("ix_line_event_line_id", "line_event", ["line_id"], unique=False)
    op.create_table(
        "missing_dose",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("line_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("told_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("replaced_by_line_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("resolved_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cause", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "cause IS NULL OR cause IN ('not sent', 'wrong drawer', 'other unit', 'already given', 'discontinued', 'times differ', 'in the tube', 'in the refrigerator', 'diverted', 'unknown')",
            name=op.f("ck_missing_dose_cause_known"),
        ),
        sa.CheckConstraint("(resolved_at IS NULL) = (cause IS NULL)", name=op.f("ck_missing_dose_resolved_has_cause")),
        sa.CheckConstraint(
            "(resolved_at IS NULL) = (resolved_by IS NULL)", name=op.f("ck_missing_dose_resolved_by_whom")
        ),
        sa.ForeignKeyConstraint(["line_id"], ["fill_line.id"], name=op.f("fk_missing_dose_line_id")),
        sa.ForeignKeyConstraint(
            ["replaced_by_line_id"], ["fill_line.id"], name=op.f("fk_missing_dose_replaced_by_line_id")
        ),
        sa.ForeignKeyConstraint(["resolved_by"], ["person.id"], name=op.f("fk_missing_dose_resolved_by")),
        sa.ForeignKeyConstraint(["told_by"], ["person.id"], name=op.f("fk_missing_dose_told_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_missing_dose")),
    )
    op.create_index(
        "uq_missing_dose_open",
        "missing_dose",
        ["line_id"],
        unique=True,
        sqlite_where=sa.text("resolved_at IS NULL"),
        postgresql_where=sa.text("resolved_at IS NULL"),
    )
    op.create_table(
        "put",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("line_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("work_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("lot_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("place_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("scan", sa.Text(), nullable=False),
        sa.Column("coded", sa.Boolean(), nullable=False),
        sa.Column("drawer_scan", sa.Text(), nullable=False),
        sa.Column("person_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("station_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("side = 'prepares'", name=op.f("ck_put_prepares")),
        sa.ForeignKeyConstraint(["line_id"], ["fill_line.id"], name=op.f("fk_put_line_id")),
        sa.ForeignKeyConstraint(["lot_id"], ["lot.id"], name=op.f("fk_put_lot_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_put_person_id")),
        sa.ForeignKeyConstraint(["place_id"], ["place.id"], name=op.f("fk_put_place_id")),
        sa.ForeignKeyConstraint(
            ["work_id", "person_id", "side"],
            ["work_part.work_id", "work_part.person_id", "work_part.side"],
            name="fk_put_part",
        ),
        sa.ForeignKeyConstraint(["work_id"], ["work_item.id"], name=op.f("fk_put_work_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_put")),
        sa.UniqueConstraint("line_id", "number", name=op.f("uq_put_line_id_number")),
    )
    op.create_index("ix_put_lot_id", "put", ["lot_id"], unique=False)
    op.create_index("ix_put_work_id", "put", ["work_id"], unique=False)
    op.create_table(
        "short_pick",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("line_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("place_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("quantity", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("person_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_short_pick_quantity")),
        sa.ForeignKeyConstraint(["line_id"], ["fill_line.id"], name=op.f("fk_short_pick_line_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_short_pick_person_id")),
        sa.ForeignKeyConstraint(["place_id"], ["place.id"], name=op.f("fk_short_pick_place_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_short_pick")),
    )
    op.create_index("ix_short_pick_line_id", "short_pick", ["line_id"], unique=False)
    op.create_table(
        "pull",
        sa.Column("put_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("scan", sa.Text(), nullable=False),
        sa.Column("person_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_pull_person_id")),
        sa.ForeignKeyConstraint(["put_id"], ["put.id"], name=op.f("fk_pull_put_id")),
        sa.PrimaryKeyConstraint("put_id", name=op.f("pk_pull")),
    )

    op.create_table(
        "possible_omission",
        sa.Column("line_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("closed_why", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(closed_at IS NULL) = (closed_by IS NULL)", name=op.f("ck_possible_omission_closed_by_whom")
        ),
        sa.CheckConstraint("(closed_at IS NULL) = (closed_why IS NULL)", name=op.f("ck_possible_omission_closed_why")),
        sa.ForeignKeyConstraint(["closed_by"], ["person.id"], name=op.f("fk_possible_omission_closed_by")),
        sa.ForeignKeyConstraint(["line_id"], ["fill_line.id"], name=op.f("fk_possible_omission_line_id")),
        sa.PrimaryKeyConstraint("line_id", name=op.f("pk_possible_omission")),
    )
    # What the worker asks every second: what has come in since a plan was made.
    op.create_index("ix_order_version_received_at", "order_version", ["received_at"], unique=False)
    op.create_index("ix_verification_at", "verification", ["at"], unique=False)

    dialect = op.get_bind().dialect.name
    for table in APPEND_ONLY:
        for statement in triggers(table, dialect):
            op.execute(statement)
