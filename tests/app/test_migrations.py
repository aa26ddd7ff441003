"""The migrated schema is the one that the models describe, with every wall in place, on both databases."""

import ast
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import CheckConstraint, Connection, MetaData, Table, inspect, text

from app.core.canonical import canonical
from app.db import migrate
from app.db.append_only import triggers
from app.db.session import Db
from app.tables import metadata
from tests.conftest import NOW, SetClock

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


@pytest.fixture
def first(request: pytest.FixtureRequest, tmp_path: Path, clock: SetClock) -> Iterator[Db]:
    """A database with the tables of the first migration and nothing in them."""
    url = f"sqlite:///{tmp_path / 'first.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgresql")("first", "template1")
    opened = Db(url, clock)
    migrate.upgrade(opened.writer, metadata, "0001")
    yield opened
    opened.close()


def fill(connection: Connection, name: str, **values: object) -> None:
    """Insert a row into a table as it is in the database now; what must be there and is not said is made up."""
    table = Table(name, MetaData(), autoload_with=connection)
    made_up = {int: 1, str: "x", datetime: NOW, date: NOW.date(), bool: False}
    row = {
        column.name: values.get(column.name, made_up.get(column.type.python_type))
        for column in table.columns
        if column.name in values or not (column.nullable or column.autoincrement is True)
    }
    connection.execute(table.insert().values(row))


@pytest.mark.parametrize("first", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True)
def test_lots_of_before_get_the_package_that_was_scanned_and_what_nobody_can_tell_is_read_again(first: Db) -> None:
    with first.writer.begin() as connection:
        for product in (1, 2):
            fill(connection, "product", id=product, ndc=f"product {product}")
        for package, product, used in ((1, 1, True), (2, 1, True), (3, 2, False), (4, 2, True)):
            size = {"container": "bag", "volume_ml": 250} if used else {}
            fill(connection, "package", id=package, product_id=product, ndc=f"package {package}", **size)
        fill(connection, "station", id=1, kind="hood")
        fill(connection, "person", id=1)
        for lot, product in ((1, 1), (2, 2), (3, 1)):
            fill(connection, "lot", id=lot, product_id=product, number=f"lot {lot}")
            fill(connection, "staged", id=lot, lot_id=lot)
        fill(connection, "drug", id=1, kind="drug")
        fill(connection, "patient", id=1)
        fill(connection, "medication_order", id=1)
        fill(connection, "order_version", id=1, state="active", priority="routine", transcribed_by=1)
        fill(connection, "signature", id=1, meaning="approved", proof="PIN")
        fill(connection, "recipe", id=1)
        fill(connection, "work_item", id=1, kind="preparation", state="making", holder_id=1)
        fill(connection, "preparation", work_id=1)
        fill(connection, "work_part", work_id=1, person_id=1, side="prepares")
        facts = canonical({"package_id": 2, "lot": "lot 3"})
        fill(connection, "step_record", id=1, side="prepares", kind="scanned", facts=facts, lot_id=3)
    migrate.upgrade(first.writer, metadata)
    with first.read() as session:
        # One size in use; two, of which one was scanned; two, of which nobody can tell: its carton is read again.
        assert session.execute(text("SELECT id, package_id FROM lot ORDER BY id")).all() == [(1, 1), (2, 4), (3, 2)]
        assert session.scalars(text("SELECT id FROM staged WHERE ended_at IS NULL ORDER BY id")).all() == [2, 3]
        if first.is_sqlite:
            assert session.scalar(text("PRAGMA foreign_keys")) == 1


def test_migrating_twice_changes_nothing(db: Db) -> None:
    migrate.upgrade(db.writer, metadata)
    assert migrate.revision(db.writer) == migrate.newest()
    with db.writer.connect() as connection:
        assert MigrationContext.configure(connection).get_current_revision() == migrate.newest()


def test_the_newest_migration_is_the_one_that_all_others_lead_to() -> None:
    scripts = ScriptDirectory(str(VERSIONS.parent))
    assert scripts.get_heads() == [migrate.newest()]
