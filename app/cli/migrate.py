"""`laminar migrate`: bring the database to this version, as the role that owns the tables."""

from typing import Annotated

import typer

from app.cli.opening import settings
from app.core.errors import Refused
from app.db.grants import grant
from app.db.migrate import newest, revision, upgrade
from app.db.only_one import OnlyOne
from app.db.safety import sqlite_path, why_not_reachable
from app.main import metadata, open_database

migrate = typer.Typer(add_completion=False)


@migrate.command("migrate")
def bring_up(
    database: Annotated[str | None, typer.Option(help="URL of the database, as the role that owns it.")] = None,
    app_role: Annotated[
        str | None, typer.Option(help="PostgreSQL: the role that the product serves as; it gets what it needs.")
    ] = None,
) -> None:
    """Apply every missing migration, all of them or none. The product must not be running meanwhile.

    On PostgreSQL give --app-role: the product then serves as a role that owns nothing and can change no record.
    """
    chosen = settings(database=database)
    if path := sqlite_path(chosen.database):
        path.parent.mkdir(parents=True, exist_ok=True)
    db = open_database(chosen)
    try:
        if fault := why_not_reachable(db):
            raise Refused(fault)
        with OnlyOne(db):
            before = revision(db.writer)
            if before is not None and before > newest():
                raise Refused("The database was used by a newer version of this product. Nothing was changed.")
            upgrade(db.writer, metadata)
            if app_role and not db.is_sqlite:
                grant(db, app_role, metadata)
        typer.echo(f"The database is at version {newest()} (it was at {before or 'none'}).")
        if not db.is_sqlite and not app_role:
            typer.echo("No --app-role was given: the role that serves must not be the one that owns the tables.")
    finally:
        db.close()
