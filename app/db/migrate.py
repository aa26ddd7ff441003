"""Bringing a database to the newest schema, and telling where it stands.

Alembic is loaded where it works and not before: every start asks where the database stands, and few have to migrate.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, MetaData, inspect, text

if TYPE_CHECKING:
    from alembic.config import Config

_HERE = Path(__file__).parent / "migrations"


def _config(**attributes: object) -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_HERE))
    config.attributes.update(attributes)
    return config


def upgrade(engine: Engine, metadata: MetaData, to: str = "head") -> None:
    """Apply every missing migration, all of them or none; `to` stops at an older one (for tests of a migration).

    SQLite changes a table by writing it anew, which its foreign keys would refuse half-way: they rest meanwhile and
    are all checked before the commit. Source: SQLite, ALTER TABLE, 'Making other kinds of table schema changes'.
    """
    from alembic import command

    with engine.connect() as connection, _foreign_keys_resting(connection):
        command.upgrade(_config(connection=connection, metadata=metadata), to)
        if engine.dialect.name == "sqlite" and (broken := connection.execute(text("PRAGMA foreign_key_check")).all()):
            raise RuntimeError(f"The migration would leave rows that point at nothing: {broken[:5]}")
        connection.commit()


@contextmanager
def _foreign_keys_resting(connection: Connection) -> Iterator[None]:
    if connection.dialect.name != "sqlite":
        yield
        return
    # The setting is ignored inside a transaction, so it is made below SQLAlchemy, which would begin one.
    line = connection.connection.driver_connection
    assert isinstance(line, sqlite3.Connection)
    line.execute("PRAGMA foreign_keys=OFF")
    try:
        yield
    finally:
        connection.rollback()
        line.execute("PRAGMA foreign_keys=ON")


def draft(engine: Engine, metadata: MetaData, message: str, number: str) -> None:
    """Write the next migration from the difference between the models and the database (for developers)."""
    from alembic import command

    with engine.connect() as connection:
        config = _config(connection=connection, metadata=metadata, batch=number != "0001")
        command.revision(config, message=message, rev_id=number, autogenerate=True)


def revision(engine: Engine) -> str | None:
    """Tell which migration the database has; None for an empty one."""
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
        return found


def newest() -> str:
    """Tell which migration this version of the product needs: they are numbered, each in a file of its own."""
    return max(path.name for path in (_HERE / "versions").glob("[0-9]*.py")).partition("_")[0]
