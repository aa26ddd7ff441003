"""A lot is of a package: the books count containers in their size, and staging says which size lies at the hood."""

import json
from collections import Counter

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("lot") as table:
        table.add_column(sa.Column("package_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True))
    _name_the_packages(op.get_bind())
    with op.batch_alter_table("lot") as table:
        table.alter_column("package_id", nullable=False)
        table.drop_constraint("uq_lot_product_id_number_expiry", type_="unique")
        table.drop_constraint("fk_lot_product_id", type_="foreignkey")
        table.drop_column("product_id")
        table.create_foreign_key("fk_lot_package_id", "package", ["package_id"], ["id"])
        table.create_unique_constraint("uq_lot_package_id_number_expiry", ["package_id", "number", "expiry"])


def _name_the_packages(connection: sa.Connection) -> None:
    """Give every lot the package that was scanned of it; else, of its product, one in use.

    Where a product is used in several sizes and none of the lot was scanned, nobody can tell: what is staged of it
    is taken to have ended, so that its carton is read again before a hood asks for it.
    """
    scanned: dict[int, Counter[int]] = {}
    steps = sa.text("SELECT lot_id, facts FROM step_record WHERE kind = 'scanned' AND lot_id IS NOT NULL")
    for lot_id, facts in connection.execute(steps):
        scanned.setdefault(lot_id, Counter())[json.loads(facts)["package_id"]] += 1
    packages: dict[int, list[tuple[int, bool]]] = {}
    known = sa.text("SELECT id, product_id, container FROM package ORDER BY container IS NULL, ndc")
    for package_id, product_id, container in connection.execute(known):
        packages.setdefault(product_id, []).append((package_id, container is not None))
    name = sa.text("UPDATE lot SET package_id = :package WHERE id = :lot")
    end = sa.text("UPDATE staged SET ended_at = at WHERE lot_id = :lot AND ended_at IS NULL")
    for lot_id, product_id in connection.execute(sa.text("SELECT id, product_id FROM lot")).all():
        seen, all_sizes = scanned.get(lot_id), packages[product_id]
        package = seen.most_common(1)[0][0] if seen else all_sizes[0][0]
        connection.execute(name, {"package": package, "lot": lot_id})
        if not seen and sum(in_use for _, in_use in all_sizes) != 1:
            connection.execute(end, {"lot": lot_id})
