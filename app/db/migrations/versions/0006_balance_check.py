"""Check weights: what each balance showed of them, and when."""

import sqlalchemy as sa
from alembic import op

from app.db.append_only import triggers

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

APPEND_ONLY = ("balance_check",)


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "balance_check",
        sa.Column("weighing_id", number, autoincrement=False, nullable=False),
        sa.Column("balance_serial", sa.Text(), nullable=False),
        sa.Column("nominal_g", sa.BigInteger(), nullable=False),
        sa.Column("value_g", sa.BigInteger(), nullable=False),
        sa.Column("allowed_g", sa.BigInteger(), nullable=False),
        sa.Column("person_id", number, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("nominal_g > 0 AND allowed_g > 0", name=op.f("ck_balance_check_weights")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_balance_check_person_id")),
        sa.ForeignKeyConstraint(["weighing_id"], ["weighing.id"], name=op.f("fk_balance_check_weighing_id")),
        sa.PrimaryKeyConstraint("weighing_id", name=op.f("pk_balance_check")),
    )
    op.create_index(
        "ix_balance_check_balance_serial_at", "balance_check", ["balance_serial", "at"], unique=False
    )
    dialect = op.get_bind().dialect.name
    for statement in triggers("balance_check", dialect):
        op.execute(statement)
