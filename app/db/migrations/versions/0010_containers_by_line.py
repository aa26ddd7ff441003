"""Which line brought a container of many doses."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("container_in_use") as table:
        table.add_column(sa.Column("line_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True))
        table.create_foreign_key("fk_container_in_use_line_id", "fill_line", ["line_id"], ["id"])
        table.create_index("ix_container_in_use_line_id", ["line_id"])
