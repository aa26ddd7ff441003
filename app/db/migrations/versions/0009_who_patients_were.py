"""Who patients were known as, and when the newest message named them."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "former_identity",
        sa.Column("id", number, nullable=False),
        sa.Column("patient_id", number, nullable=False),
        sa.Column("family", sa.Text(), nullable=False),
        sa.Column("given", sa.Text(), nullable=False),
        sa.Column("born", sa.Date(), nullable=True),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_former_identity_patient_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_former_identity")),
    )
    op.create_index("ix_former_identity_patient_id", "former_identity", ["patient_id"], unique=False)
    op.add_column("patient", sa.Column("named_at", sa.DateTime(timezone=True), nullable=True))
