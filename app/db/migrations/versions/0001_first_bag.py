"""Every table of the first bag, and the walls round what is never changed."""

import sqlalchemy as sa
from alembic import op

from app.db.append_only import chain_trigger, triggers

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

APPEND_ONLY = (
    "audit_event",
    "signature",
    "order_version",
    "order_component",
    "order_event",
    "work_part",
    "work_move",
    "step_record",
    "weighing",
    "photo",
    "movement",
    "custody_event",
)


def upgrade() -> None:
    op.create_table(
        "audit_event",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("prev", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("person_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("station_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit_event")),
    )
    op.create_index("ix_audit_event_person_id_seq", "audit_event", ["person_id", "seq"], unique=False)
    op.create_index("ix_audit_event_subject_seq", "audit_event", ["subject", "seq"], unique=False)
    op.create_table(
        "drug",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("high_alert", sa.Boolean(), nullable=False),
        sa.CheckConstraint("kind IN ('drug', 'diluent')", name=op.f("ck_drug_kind_known")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_drug")),
        sa.UniqueConstraint("code", name=op.f("uq_drug_code")),
    )
    op.create_table(
        "message",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("control_id", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answer", sa.LargeBinary(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_how", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "outcome != 'exception' OR reason IS NOT NULL", name=op.f("ck_message_exception_has_reason")
        ),
        sa.CheckConstraint(
            "outcome IN ('waiting', 'applied', 'ignored', 'exception', 'settled')",
            name=op.f("ck_message_outcome_known"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message")),
        sa.UniqueConstraint("sender", "control_id", "sha256", name=op.f("uq_message_sender_control_id_sha256")),
    )
    op.create_index("ix_message_outcome_id", "message", ["outcome", "id"], unique=False)
    op.create_table(
        "order_event",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("mrn", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("message_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.CheckConstraint(
            "what IN ('new', 'change', 'hold', 'release', 'stop')", name=op.f("ck_order_event_what_known")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_event")),
    )
    op.create_index("ix_order_event_key", "order_event", ["key"], unique=False)
    op.create_table(
        "sender_word",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("meaning", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('frequency', 'route')", name=op.f("ck_sender_word_kind_known")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sender_word")),
        sa.UniqueConstraint("sender", "kind", "text", name=op.f("uq_sender_word_sender_kind_text")),
    )
    op.create_table(
        "once",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("person_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("station_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_once")),
    )
    op.create_table(
        "outgoing",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("destination", sa.Text(), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("first_bytes", sa.LargeBinary(), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("given_up_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.CheckConstraint("kind IN ('print', 'message')", name=op.f("ck_outgoing_kind_known")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outgoing")),
        sa.UniqueConstraint("identity", name=op.f("uq_outgoing_identity")),
    )
    op.create_index(
        "ix_outgoing_next_at",
        "outgoing",
        ["next_at"],
        unique=False,
        sqlite_where=sa.text("next_at IS NOT NULL"),
        postgresql_where=sa.text("next_at IS NOT NULL"),
    )
    op.create_table(
        "patient",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("mrn", sa.Text(), nullable=False),
        sa.Column("family", sa.Text(), nullable=False),
        sa.Column("given", sa.Text(), nullable=False),
        sa.Column("born", sa.Date(), nullable=True),
        sa.Column("sex", sa.Text(), nullable=True),
        sa.Column("weight_kg", sa.BigInteger(), nullable=True),
        sa.Column("weight_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("height_cm", sa.BigInteger(), nullable=True),
        sa.Column("allergies_reviewed", sa.Boolean(), nullable=False),
        sa.Column("confirmed_by_adt", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_patient")),
        sa.UniqueConstraint("mrn", name=op.f("uq_patient_mrn")),
    )
    op.create_table(
        "person",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person")),
        sa.UniqueConstraint("username", name=op.f("uq_person_username")),
    )
    op.create_table(
        "unit",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unit")),
        sa.UniqueConstraint("code", name=op.f("uq_unit_code")),
    )
    op.create_table(
        "unknown_attempts",
        sa.Column("bucket", sa.Text(), nullable=False),
        sa.Column("wrong_attempts", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("slowed_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("bucket", name=op.f("pk_unknown_attempts")),
    )
    op.create_table(
        "allergy",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("patient_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("reaction", sa.Text(), nullable=True),
        sa.Column("severity", sa.Text(), nullable=True),
        sa.Column("stated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_allergy_patient_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_allergy")),
    )
    op.create_index("ix_allergy_patient_id", "allergy", ["patient_id"], unique=False)
    op.create_table(
        "credential",
        sa.Column("person_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("badge_sha256", sa.Text(), nullable=True),
        sa.Column("pin_hash", sa.Text(), nullable=True),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("wrong_attempts", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("slowed_until", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_credential_person_id")),
        sa.PrimaryKeyConstraint("person_id", name=op.f("pk_credential")),
        sa.UniqueConstraint("badge_sha256", name=op.f("uq_credential_badge_sha256")),
    )
    op.create_table(
        "one_time_code",
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("person_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(kind = 'invitation') = (person_id IS NOT NULL)", name=op.f("ck_one_time_code_invitation_is_for_a_person")
        ),
        sa.CheckConstraint("kind IN ('set-up', 'invitation')", name=op.f("ck_one_time_code_kind_known")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_one_time_code_person_id")),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_one_time_code")),
    )
    op.create_index("ix_one_time_code_person_id", "one_time_code", ["person_id"], unique=False)
    op.create_table(
        "patient_alias",
        sa.Column("mrn", sa.Text(), nullable=False),
        sa.Column("patient_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_patient_alias_patient_id")),
        sa.PrimaryKeyConstraint("mrn", name=op.f("pk_patient_alias")),
    )
    op.create_table(
        "person_role",
        sa.Column("person_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "role IN ('technician', 'lead technician', 'pharmacist', 'pharmacy manager', 'nurse', 'admin')",
            name=op.f("ck_person_role_role_known"),
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_person_role_person_id")),
        sa.PrimaryKeyConstraint("person_id", "role", name=op.f("pk_person_role")),
    )
    op.create_table(
        "photo",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("station_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("person_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("width", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("height", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("size", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_photo_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_photo")),
    )
    op.create_index("ix_photo_sha256", "photo", ["sha256"], unique=False)
    op.create_table(
        "product",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("ndc", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("nonproprietary", sa.Text(), nullable=False),
        sa.Column("labeler", sa.Text(), nullable=False),
        sa.Column("form", sa.Text(), nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("strength", sa.Text(), nullable=False),
        sa.Column("schedule", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("drug_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.ForeignKeyConstraint(["drug_id"], ["drug.id"], name=op.f("fk_product_drug_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_product")),
        sa.UniqueConstraint("ndc", name=op.f("uq_product_ndc")),
    )
    op.create_index("ix_product_drug_id", "product", ["drug_id"], unique=False)
    op.create_table(
        "sign_in",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("token_sha256", sa.Text(), nullable=False),
        sa.Column("person_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("station_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("locked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("signed_fully_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_sign_in_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_in")),
        sa.UniqueConstraint("token_sha256", name=op.f("uq_sign_in_token_sha256")),
    )
    op.create_index("ix_sign_in_person_id_ended_at", "sign_in", ["person_id", "ended_at"], unique=False)
    op.create_index(
        "uq_sign_in_one_at_a_station",
        "sign_in",
        ["station_id"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "signature",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("person_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("printed_name", sa.Text(), nullable=False),
        sa.Column("meaning", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("proof", sa.Text(), nullable=False),
        sa.Column("station_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("shown_sha256", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "meaning IN ('prepared', 'checked', 'refused', 'withdrawn', 'verified', 'approved')",
            name=op.f("ck_signature_meaning_known"),
        ),
        sa.CheckConstraint(
            "proof IN ('badge and PIN', 'PIN', 'password', 'user name and password')", name=op.f("ck_signature_proof")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_signature_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signature")),
    )
    op.create_index("ix_signature_subject", "signature", ["subject"], unique=False)
    op.create_table(
        "site_code",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("drug_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("decided_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["drug_id"], ["drug.id"], name=op.f("fk_site_code_drug_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_site_code")),
        sa.UniqueConstraint("sender", "code", "text", name=op.f("uq_site_code_sender_code_text")),
    )
    op.create_table(
        "station",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("unit_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("host", sa.Text(), nullable=True),
        sa.Column("enrolment_sha256", sa.Text(), nullable=True),
        sa.Column("px_per_mm", sa.BigInteger(), nullable=False),
        sa.Column("hood_certified_until", sa.Date(), nullable=True),
        sa.Column("room_certified_until", sa.Date(), nullable=True),
        sa.Column("balance_url", sa.Text(), nullable=True),
        sa.Column("balance_protocol", sa.Text(), nullable=True),
        sa.Column("balance_serial", sa.Text(), nullable=True),
        sa.Column("balance_readability_g", sa.BigInteger(), nullable=True),
        sa.Column("balance_repeatability_g", sa.BigInteger(), nullable=True),
        sa.Column("balance_simulated", sa.Boolean(), nullable=False),
        sa.Column("printer_url", sa.Text(), nullable=True),
        sa.Column("printer_simulated", sa.Boolean(), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "kind != 'hood' OR balance_url IS NULL OR balance_serial IS NOT NULL", name=op.f("ck_station_balance_known")
        ),
        sa.CheckConstraint("kind IN ('hood', 'desk', 'ward')", name=op.f("ck_station_kind_known")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_station_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_station")),
        sa.UniqueConstraint("code", name=op.f("uq_station_code")),
        sa.UniqueConstraint("enrolment_sha256", name=op.f("uq_station_enrolment_sha256")),
        sa.UniqueConstraint("host", name=op.f("uq_station_host")),
    )
    op.create_table(
        "stay",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("patient_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("visit", sa.Text(), nullable=False),
        sa.Column("unit_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("room", sa.Text(), nullable=True),
        sa.Column("bed", sa.Text(), nullable=True),
        sa.Column("moved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_stay_patient_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_stay_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stay")),
        sa.UniqueConstraint("visit", name=op.f("uq_stay_visit")),
    )
    op.create_index("ix_stay_patient_id", "stay", ["patient_id"], unique=False)
    op.create_index("ix_stay_unit_id", "stay", ["unit_id"], unique=False)
    op.create_table(
        "density",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("product_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("g_per_ml", sa.BigInteger(), nullable=False),
        sa.Column("u_g_per_ml", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("entered_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("entered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("approved_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.CheckConstraint("state IN ('as supplied', 'reconstituted')", name=op.f("ck_density_state_known")),
        sa.CheckConstraint("(approved_by IS NULL) = (approved_at IS NULL)", name=op.f("ck_density_approved_when")),
        sa.CheckConstraint("approved_by IS NULL OR approved_by != entered_by", name=op.f("ck_density_two_people")),
        sa.CheckConstraint("g_per_ml BETWEEN 600000 AND 1900000", name=op.f("ck_density_plausible")),
        sa.ForeignKeyConstraint(["approved_by"], ["person.id"], name=op.f("fk_density_approved_by")),
        sa.ForeignKeyConstraint(["entered_by"], ["person.id"], name=op.f("fk_density_entered_by")),
        sa.ForeignKeyConstraint(["product_id"], ["product.id"], name=op.f("fk_density_product_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_density")),
    )
    op.create_index("ix_density_product_id_state", "density", ["product_id", "state"], unique=False)
    op.create_table(
        "lot",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("product_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("expiry", sa.Date(), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recalled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("recall_reason", sa.Text(), nullable=True),
        sa.CheckConstraint("(recalled_at IS NULL) = (recall_reason IS NULL)", name=op.f("ck_lot_recall_has_reason")),
        sa.ForeignKeyConstraint(["product_id"], ["product.id"], name=op.f("fk_lot_product_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lot")),
        sa.UniqueConstraint("product_id", "number", "expiry", name=op.f("uq_lot_product_id_number_expiry")),
    )
    op.create_table(
        "medication_order",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("patient_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("stay_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("newest", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_medication_order_patient_id")),
        sa.ForeignKeyConstraint(["stay_id"], ["stay.id"], name=op.f("fk_medication_order_stay_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_medication_order")),
        sa.UniqueConstraint("key", name=op.f("uq_medication_order_key")),
    )
    op.create_index("ix_medication_order_patient_id", "medication_order", ["patient_id"], unique=False)
    op.create_table(
        "package",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("product_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("ndc", sa.Text(), nullable=False),
        sa.Column("ndc10", sa.Text(), nullable=True),
        sa.Column("gtin14", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("container", sa.Text(), nullable=True),
        sa.Column("content", sa.BigInteger(), nullable=True),
        sa.Column("content_unit", sa.Text(), nullable=True),
        sa.Column("volume_ml", sa.BigInteger(), nullable=True),
        sa.Column("displacement_ml", sa.BigInteger(), nullable=True),
        sa.Column("displacement_u_ml", sa.BigInteger(), nullable=True),
        sa.Column("displacement_source", sa.Text(), nullable=True),
        sa.Column("gross_min_g", sa.BigInteger(), nullable=True),
        sa.Column("gross_max_g", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "container IS NULL OR container IN ('powder vial', 'liquid vial', 'bag', 'bottle')",
            name=op.f("ck_package_container_known"),
        ),
        sa.CheckConstraint("(container IS NULL) = (volume_ml IS NULL)", name=op.f("ck_package_in_use_is_complete")),
        sa.CheckConstraint("(content IS NULL) = (content_unit IS NULL)", name=op.f("ck_package_content_has_unit")),
        sa.CheckConstraint(
            "displacement_ml IS NULL OR (displacement_u_ml IS NOT NULL AND displacement_source IS NOT NULL)",
            name=op.f("ck_package_displacement_has_source"),
        ),
        sa.ForeignKeyConstraint(["product_id"], ["product.id"], name=op.f("fk_package_product_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_package")),
        sa.UniqueConstraint("gtin14", name=op.f("uq_package_gtin14")),
        sa.UniqueConstraint("ndc", name=op.f("uq_package_ndc")),
    )
    op.create_index("ix_package_ndc10", "package", ["ndc10"], unique=False)
    op.create_index("ix_package_product_id", "package", ["product_id"], unique=False)
    op.create_table(
        "place",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("station_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.CheckConstraint(
            "kind IN ('supplier', 'shelf', 'hood', 'cart', 'patient', 'waste', 'unaccounted')",
            name=op.f("ck_place_kind_known"),
        ),
        sa.ForeignKeyConstraint(["station_id"], ["station.id"], name=op.f("fk_place_station_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_place")),
        sa.UniqueConstraint("name", name=op.f("uq_place_name")),
        sa.UniqueConstraint("station_id", name=op.f("uq_place_station_id")),
    )
    op.create_table(
        "recipe",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("author_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("author_signature_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("approver_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("approver_signature_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(approver_id IS NULL) = (approved_at IS NULL)", name=op.f("ck_recipe_approved_when")),
        sa.CheckConstraint(
            "(approver_id IS NULL) = (approver_signature_id IS NULL)", name=op.f("ck_recipe_approved_signed")
        ),
        sa.CheckConstraint("approver_id IS NULL OR approver_id != author_id", name=op.f("ck_recipe_two_people")),
        sa.ForeignKeyConstraint(["approver_id"], ["person.id"], name=op.f("fk_recipe_approver_id")),
        sa.ForeignKeyConstraint(
            ["approver_signature_id"], ["signature.id"], name=op.f("fk_recipe_approver_signature_id")
        ),
        sa.ForeignKeyConstraint(["author_id"], ["person.id"], name=op.f("fk_recipe_author_id")),
        sa.ForeignKeyConstraint(["author_signature_id"], ["signature.id"], name=op.f("fk_recipe_author_signature_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recipe")),
        sa.UniqueConstraint("code", "version", name=op.f("uq_recipe_code_version")),
    )
    op.create_table(
        "weighing",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("station_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("balance_serial", sa.Text(), nullable=False),
        sa.Column("balance_epoch", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("protocol", sa.Text(), nullable=False),
        sa.Column("value_g", sa.BigInteger(), nullable=False),
        sa.Column("readings", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("readability_g", sa.BigInteger(), nullable=False),
        sa.Column("repeatability_g", sa.BigInteger(), nullable=False),
        sa.Column("window", sa.LargeBinary(), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("readings >= 1", name=op.f("ck_weighing_readings")),
        sa.ForeignKeyConstraint(["station_id"], ["station.id"], name=op.f("fk_weighing_station_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_weighing")),
    )
    op.create_table(
        "movement",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("lot_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("serial", sa.Text(), nullable=True),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("from_place_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("to_place_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("person_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("from_place_id != to_place_id", name=op.f("ck_movement_moves")),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_movement_quantity")),
        sa.ForeignKeyConstraint(["from_place_id"], ["place.id"], name=op.f("fk_movement_from_place_id")),
        sa.ForeignKeyConstraint(["lot_id"], ["lot.id"], name=op.f("fk_movement_lot_id")),
        sa.ForeignKeyConstraint(["to_place_id"], ["place.id"], name=op.f("fk_movement_to_place_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_movement")),
        sa.UniqueConstraint("key", name=op.f("uq_movement_key")),
    )
    op.create_index("ix_movement_lot_id_from_place_id", "movement", ["lot_id", "from_place_id"], unique=False)
    op.create_index("ix_movement_lot_id_to_place_id", "movement", ["lot_id", "to_place_id"], unique=False)
    op.create_index("ix_movement_cause", "movement", ["cause"], unique=False)
    op.create_index("ix_movement_serial", "movement", ["serial"], unique=False)
    op.create_table(
        "order_version",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("order_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("control", sa.Text(), nullable=False),
        sa.Column("stated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("drug_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("frequency", sa.Text(), nullable=False),
        sa.Column("priority", sa.Text(), nullable=False),
        sa.Column("start_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("end_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("first_due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("interval_minutes", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("rate", sa.Text(), nullable=True),
        sa.Column("infuse_minutes", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("notes", sa.Text(), nullable=False),
        sa.Column("warnings", sa.Text(), nullable=False),
        sa.Column("content_sha256", sa.Text(), nullable=False),
        sa.Column("message_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("picture_sha256", sa.Text(), nullable=True),
        sa.Column("transcribed_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.CheckConstraint("priority IN ('STAT', 'ASAP', 'routine')", name=op.f("ck_order_version_priority_known")),
        sa.CheckConstraint("state IN ('active', 'held', 'stopped')", name=op.f("ck_order_version_state_known")),
        sa.CheckConstraint(
            "message_id IS NOT NULL OR transcribed_by IS NOT NULL", name=op.f("ck_order_version_has_source")
        ),
        sa.ForeignKeyConstraint(["drug_id"], ["drug.id"], name=op.f("fk_order_version_drug_id")),
        sa.ForeignKeyConstraint(["order_id"], ["medication_order.id"], name=op.f("fk_order_version_order_id")),
        sa.ForeignKeyConstraint(["transcribed_by"], ["person.id"], name=op.f("fk_order_version_transcribed_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_version")),
        sa.UniqueConstraint("order_id", "number", name=op.f("uq_order_version_order_id_number")),
    )
    op.create_table(
        "staged",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("station_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("lot_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("person_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["lot_id"], ["lot.id"], name=op.f("fk_staged_lot_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_staged_person_id")),
        sa.ForeignKeyConstraint(["station_id"], ["station.id"], name=op.f("fk_staged_station_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staged")),
    )
    op.create_index("ix_staged_station_id_ended_at", "staged", ["station_id", "ended_at"], unique=False)
    op.create_index(
        "uq_staged_open",
        "staged",
        ["station_id", "lot_id"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "dose",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("order_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("version_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("room", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("room IN ('iv', 'unit dose')", name=op.f("ck_dose_room_known")),
        sa.ForeignKeyConstraint(["order_id"], ["medication_order.id"], name=op.f("fk_dose_order_id")),
        sa.ForeignKeyConstraint(["version_id"], ["order_version.id"], name=op.f("fk_dose_version_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dose")),
        sa.UniqueConstraint("version_id", "due_at", name=op.f("uq_dose_version_id_due_at")),
    )
    op.create_index("ix_dose_order_id_due_at", "dose", ["order_id", "due_at"], unique=False)
    op.create_index("ix_dose_room_due_at", "dose", ["room", "due_at"], unique=False)
    op.create_table(
        "order_component",
        sa.Column("version_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("position", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("drug_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.CheckConstraint("role IN ('additive', 'base')", name=op.f("ck_order_component_role_known")),
        sa.ForeignKeyConstraint(["drug_id"], ["drug.id"], name=op.f("fk_order_component_drug_id")),
        sa.ForeignKeyConstraint(["version_id"], ["order_version.id"], name=op.f("fk_order_component_version_id")),
        sa.PrimaryKeyConstraint("version_id", "position", name=op.f("pk_order_component")),
    )
    op.create_table(
        "verification",
        sa.Column("version_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("person_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("signature_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("room", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("doses_until", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("room IN ('iv', 'unit dose')", name=op.f("ck_verification_room_known")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_verification_person_id")),
        sa.ForeignKeyConstraint(["signature_id"], ["signature.id"], name=op.f("fk_verification_signature_id")),
        sa.ForeignKeyConstraint(["version_id"], ["order_version.id"], name=op.f("fk_verification_version_id")),
        sa.PrimaryKeyConstraint("version_id", name=op.f("pk_verification")),
    )
    op.create_table(
        "work_item",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("dose_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("is_live", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("version", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("holder_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("station_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(is_live = 1) = (state IN ('made', 'making', 'paused', 'released', 'queued'))",
            name=op.f("ck_work_item_live_follows_state"),
        ),
        sa.CheckConstraint(
            "kind IN ('preparation', 'batch', 'drawer', 'repackaging')", name=op.f("ck_work_item_kind_known")
        ),
        sa.CheckConstraint(
            "state IN ('queued', 'making', 'paused', 'made', 'released', 'refused', 'dropped')",
            name=op.f("ck_work_item_state_known"),
        ),
        sa.CheckConstraint("is_live IN (0, 1)", name=op.f("ck_work_item_live")),
        sa.ForeignKeyConstraint(["dose_id"], ["dose.id"], name=op.f("fk_work_item_dose_id")),
        sa.ForeignKeyConstraint(["holder_id"], ["person.id"], name=op.f("fk_work_item_holder_id")),
        sa.ForeignKeyConstraint(["station_id"], ["station.id"], name=op.f("fk_work_item_station_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_work_item")),
    )
    op.create_index("ix_work_item_state_made_at", "work_item", ["state", "made_at"], unique=False)
    op.create_index(
        "uq_work_item_dose_live",
        "work_item",
        ["dose_id"],
        unique=True,
        sqlite_where=sa.text("is_live = 1"),
        postgresql_where=sa.text("is_live = 1"),
    )
    op.create_table(
        "label",
        sa.Column("serial", sa.Text(), nullable=False),
        sa.Column("work_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("content_sha256", sa.Text(), nullable=False),
        sa.Column("job", sa.LargeBinary(), nullable=False),
        sa.Column("beyond_use", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("copy_number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("reprint_reason", sa.Text(), nullable=True),
        sa.Column("voided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("confirmed_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.CheckConstraint("(confirmed_at IS NULL) = (confirmed_by IS NULL)", name=op.f("ck_label_confirmed_by_whom")),
        sa.CheckConstraint("copy_number = 1 OR reprint_reason IS NOT NULL", name=op.f("ck_label_reprint_has_reason")),
        sa.ForeignKeyConstraint(["confirmed_by"], ["person.id"], name=op.f("fk_label_confirmed_by")),
        sa.ForeignKeyConstraint(["made_by"], ["person.id"], name=op.f("fk_label_made_by")),
        sa.ForeignKeyConstraint(["work_id"], ["work_item.id"], name=op.f("fk_label_work_id")),
        sa.PrimaryKeyConstraint("serial", name=op.f("pk_label")),
    )
    op.create_index(
        "uq_label_work_live",
        "label",
        ["work_id"],
        unique=True,
        sqlite_where=sa.text("voided_at IS NULL"),
        postgresql_where=sa.text("voided_at IS NULL"),
    )
    op.create_table(
        "preparation",
        sa.Column("work_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("version_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("recipe_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("worksheet", sa.Text(), nullable=False),
        sa.Column("worksheet_sha256", sa.Text(), nullable=False),
        sa.Column("tray", sa.Text(), nullable=False),
        sa.Column("tray_free_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["recipe_id"], ["recipe.id"], name=op.f("fk_preparation_recipe_id")),
        sa.ForeignKeyConstraint(["version_id"], ["order_version.id"], name=op.f("fk_preparation_version_id")),
        sa.ForeignKeyConstraint(["work_id"], ["work_item.id"], name=op.f("fk_preparation_work_id")),
        sa.PrimaryKeyConstraint("work_id", name=op.f("pk_preparation")),
    )
    op.create_index(
        "uq_preparation_tray_in_use",
        "preparation",
        ["tray"],
        unique=True,
        sqlite_where=sa.text("tray_free_at IS NULL"),
        postgresql_where=sa.text("tray_free_at IS NULL"),
    )
    op.create_table(
        "work_part",
        sa.Column("work_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("person_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.CheckConstraint("side IN ('prepares', 'checks')", name=op.f("ck_work_part_side_known")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_work_part_person_id")),
        sa.ForeignKeyConstraint(["work_id"], ["work_item.id"], name=op.f("fk_work_part_work_id")),
        sa.PrimaryKeyConstraint("work_id", "person_id", name=op.f("pk_work_part")),
        sa.UniqueConstraint("work_id", "person_id", "side", name=op.f("uq_work_part_work_id_person_id_side")),
    )
    op.create_table(
        "custody_event",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("serial", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("person_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("station_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "kind IN ('scanned', 'handed over', 'received', 'not here', 'found', 'taken out', 'returned', 'damaged')",
            name=op.f("ck_custody_event_kind_known"),
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_custody_event_person_id")),
        sa.ForeignKeyConstraint(["serial"], ["label.serial"], name=op.f("fk_custody_event_serial")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_custody_event")),
    )
    op.create_index("ix_custody_event_kind_at", "custody_event", ["kind", "at"], unique=False)
    op.create_index("ix_custody_event_serial", "custody_event", ["serial"], unique=False)
    op.create_index(
        "uq_custody_event_received",
        "custody_event",
        ["serial"],
        unique=True,
        sqlite_where=sa.text("kind = 'received'"),
        postgresql_where=sa.text("kind = 'received'"),
    )
    op.create_table(
        "shift",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("person_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("station_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("picked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("ends_at > picked_at", name=op.f("ck_shift_ends_later")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_shift_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shift")),
    )
    op.create_index("ix_shift_person_id", "shift", ["person_id"], unique=False)
    op.create_table(
        "shift_bed",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("shift_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("bed", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["shift_id"], ["shift.id"], name=op.f("fk_shift_bed_shift_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shift_bed")),
    )
    op.create_index("ix_shift_bed_shift_id", "shift_bed", ["shift_id"], unique=False)
    op.create_table(
        "step_record",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("work_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("person_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("weighing_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("photo_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("lot_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "side = 'prepares' OR (side = 'checks' AND kind = 'redone')", name=op.f("ck_step_record_preparing_side")
        ),
        sa.ForeignKeyConstraint(["lot_id"], ["lot.id"], name=op.f("fk_step_record_lot_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_step_record_person_id")),
        sa.ForeignKeyConstraint(["photo_id"], ["photo.id"], name=op.f("fk_step_record_photo_id")),
        sa.ForeignKeyConstraint(["weighing_id"], ["weighing.id"], name=op.f("fk_step_record_weighing_id")),
        sa.ForeignKeyConstraint(
            ["work_id", "person_id", "side"],
            ["work_part.work_id", "work_part.person_id", "work_part.side"],
            name="fk_step_record_part",
        ),
        sa.ForeignKeyConstraint(["work_id"], ["preparation.work_id"], name=op.f("fk_step_record_work_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_step_record")),
        sa.UniqueConstraint("work_id", "number", name=op.f("uq_step_record_work_id_number")),
    )
    op.create_index("ix_step_record_lot_id", "step_record", ["lot_id"], unique=False)
    op.create_table(
        "work_move",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("work_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("from_state", sa.Text(), nullable=False),
        sa.Column("to_state", sa.Text(), nullable=False),
        sa.Column("person_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("side", sa.Text(), nullable=True),
        sa.Column("station_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("signature_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(event IN ('release', 'send_back', 'refuse', 'withdraw')) = (side IS NOT NULL AND side = 'checks')",
            name=op.f("ck_work_move_checks"),
        ),
        sa.CheckConstraint(
            "NOT (event IN ('finish', 'release', 'refuse', 'withdraw')) OR signature_id IS NOT NULL",
            name=op.f("ck_work_move_signed"),
        ),
        sa.CheckConstraint(
            "event IN ('claim', 'pause', 'resume', 'take_over', 'finish', 'take_back', 'release', 'send_back', 'refuse', 'withdraw', 'drop')",
            name=op.f("ck_work_move_event_known"),
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_work_move_person_id")),
        sa.ForeignKeyConstraint(["signature_id"], ["signature.id"], name=op.f("fk_work_move_signature_id")),
        sa.ForeignKeyConstraint(
            ["work_id", "person_id", "side"],
            ["work_part.work_id", "work_part.person_id", "work_part.side"],
            name="fk_work_move_part",
        ),
        sa.ForeignKeyConstraint(["work_id"], ["work_item.id"], name=op.f("fk_work_move_work_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_work_move")),
    )
    op.create_index("ix_work_move_work_id", "work_move", ["work_id"], unique=False)

    dialect = op.get_bind().dialect.name
    for table in APPEND_ONLY:
        for statement in triggers(table, dialect):
            op.execute(statement)
    for statement in chain_trigger(dialect):
        op.execute(statement)
