"""The migrated schema is the one that the models describe, with every wall in place, on both databases."""

import ast
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import CheckConstraint, inspect, text

from app.db import migrate
from app.db.append_only import triggers
from app.db.session import Db
from app.tables import metadata

VERSIONS = Path(migrate.__file__).parent / "migrations" / "versions"


def append_only() -> tuple[str, ...]:
    """The tables that the migrations name as append-only."""
    named = [
        table
        for path in sorted(VERSIONS.glob("*.py"))
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "APPEND_ONLY"
        for table in ast.literal_eval(node.value)
    ]
    assert {"audit_event", "movement", "put"} <= set(named)
    return tuple(named)


def test_the_models_and_the_migrated_schema_are_the_same(db: Db) -> None:
    with db.writer.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        assert compare_metadata(context, metadata) == []
        connection.rollback()


def test_every_check_is_in_the_database(db: Db) -> None:
    with db.writer.connect() as connection:
        inspector = inspect(connection)
        for table in metadata.sorted_tables:
            wanted = {str(c.name) for c in table.constraints if isinstance(c, CheckConstraint) and c.name}
            found = {c["name"] for c in inspector.get_check_constraints(table.name)}
            assert wanted <= found, table.name
        connection.rollback()


def test_every_constraint_has_a_name() -> None:
    for table in metadata.sorted_tables:
        assert all(constraint.name for constraint in table.constraints), table.name


def test_no_table_carries_a_site() -> None:
    assert not [t.name for t in metadata.sorted_tables if "site_id" in t.columns]


def test_every_append_only_table_has_its_triggers(db: Db) -> None:
    dialect = "sqlite" if db.is_sqlite else "postgresql"
    query = "SELECT name FROM sqlite_master WHERE type = 'trigger'" if db.is_sqlite else "SELECT tgname FROM pg_trigger"
    with db.writer.connect() as connection:
        there = set(connection.scalars(text(query)))
        connection.rollback()
    for table in append_only():
        wanted = [s.split()[2] for s in triggers(table, dialect) if s.startswith("CREATE TRIGGER")]
        assert set(wanted) <= there
    assert "audit_event_follows" in there


def test_migrating_twice_changes_nothing(db: Db) -> None:
    migrate.upgrade(db.writer, metadata)
    assert migrate.revision(db.writer) == migrate.newest()
