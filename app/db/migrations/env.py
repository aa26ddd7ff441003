"""Alembic's entrance. The tables are handed in by `app.main`; this file imports no room."""

from typing import Any

from alembic import context
from sqlalchemy.types import TypeDecorator

connection = context.config.attributes["connection"]


def plain_type(kind: str, item: Any, autogen: Any) -> str | bool:
    """Write the database's own type into a migration, so that it never depends on today's code."""
    if kind == "type" and isinstance(item, TypeDecorator):
        return f"sa.{item.impl!r}"
    return False


context.configure(
    connection=connection,
    target_metadata=context.config.attributes["metadata"],
    render_as_batch=context.config.attributes.get("batch", True),
    compare_type=True,
    render_item=plain_type,
)
with context.begin_transaction():
    context.run_migrations()
