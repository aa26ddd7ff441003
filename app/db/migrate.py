"""Bringing a database to the newest schema, and telling where it stands."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, MetaData

_HERE = Path(__file__).parent / "migrations"


def _config(**attributes: object) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_HERE))
    config.attributes.update(attributes)
    return config


def upgrade(engine: Engine, metadata: MetaData) -> None:
    """Apply every missing migration, all of them or none."""
    with engine.connect() as connection:
        command.upgrade(_config(connection=connection, metadata=metadata), "head")
        connection.commit()


def draft(engine: Engine, metadata: MetaData, message: str, number: str) -> None:
    """Write the next migration from the difference between the models and the database (for developers)."""
    with engine.connect() as connection:
        config = _config(connection=connection, metadata=metadata, batch=number != "0001")
        command.revision(config, message=message, rev_id=number, autogenerate=True)


def revision(engine: Engine) -> str | None:
    """Tell which migration the database has; None for an empty one."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def newest() -> str:
    """Tell which migration this version of the product needs."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None
    return head
