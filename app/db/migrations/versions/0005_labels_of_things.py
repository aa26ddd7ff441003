"""Labels of things that are no piece of work (a dose of a cart, a tote), and labels that the system prints itself."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    with op.batch_alter_table("label") as table:
        table.add_column(sa.Column("subject", sa.Text(), nullable=True))
        table.alter_column("work_id", existing_type=NUMBER, nullable=True)
        table.alter_column("made_by", existing_type=NUMBER, nullable=True)
        table.create_check_constraint(op.f("ck_label_of_one_thing"), "(work_id IS NULL) != (subject IS NULL)")
        table.create_index(
            "uq_label_subject_live",
            ["subject"],
            unique=True,
            sqlite_where=sa.text("voided_at IS NULL"),
            postgresql_where=sa.text("voided_at IS NULL"),
        )
