"""`laminar doctor`: what is wrong with this installation, in sentences, and what to do about it."""

from collections.abc import Iterator
from pathlib import Path

import typer

from app.audit.queries import verify
from app.cli.opening import settings
from app.cli.serve import look
from app.core.errors import Refused
from app.db.backup import photos_named
from app.db.only_one import OnlyOne
from app.db.safety import Finding, schema_fault, sqlite_path, why_not_reachable, why_not_writable
from app.db.session import Db
from app.main import open_database
from app.settings import Settings
from app.stations.photos import PhotoStore
from app.stations.queries import stations
from app.web.downtime import why_stale

doctor = typer.Typer(add_completion=False)
MARKS = {"unsafe": "WRONG", "warning": "Look at", "note": "Note"}


@doctor.command("doctor")
def examine() -> None:
    """Look at everything and say what is wrong. Exit status: 0 nothing wrong, 1 something is."""
    chosen = settings()
    found = list(examined(chosen))
    for finding in sorted(found, key=lambda f: list(MARKS).index(f.level)):
        typer.echo(f"{MARKS[finding.level]}: {finding.words}")
    wrong = sum(finding.level == "unsafe" for finding in found)
    if wrong:
        typer.echo(f"{wrong} {'thing is' if wrong == 1 else 'things are'} wrong; the product does not start like this.")
        raise typer.Exit(1)
    typer.echo("Nothing is wrong that keeps the product from its work.")


def examined(chosen: Settings) -> Iterator[Finding]:
    """Everything that is found, the whole record and every photo included."""
    path = sqlite_path(chosen.database)
    if path is not None and not path.is_file():
        yield Finding("unsafe", f"There is no database at {path}. 'laminar serve' makes one.")
        return
    db = open_database(chosen)
    try:
        if fault := why_not_reachable(db) or schema_fault(db):
            yield Finding("unsafe", fault)
            return
        running = _is_running(db)
        yield Finding("note", "The product is running." if running else "The product is not running.")
        # Beside a running product this command only reads; the product itself answers /readyz.
        if not running and (fault := why_not_writable(db)):
            yield Finding("unsafe", fault)
        yield from look(chosen, db)
        yield from _record(db)
        yield from _photos(db, chosen.photos)
        yield from _stations(db)
        if why := why_stale(chosen.downtime, db.clock()):
            yield Finding("warning", why)
    finally:
        db.close()


def _is_running(db: Db) -> bool:
    try:
        with OnlyOne(db):
            return False
    except Refused:
        return True


def _record(db: Db) -> Iterator[Finding]:
    with db.read() as session:
        proof = verify(session)
    if proof.broken:
        yield Finding("unsafe", f"The record was touched: {proof.broken}. Keep this database and call for help.")
    else:
        yield Finding("note", f"The record is whole: {proof.entries:,} entries.")


def _photos(db: Db, folder: Path) -> Iterator[Finding]:
    store = PhotoStore(folder)
    with db.read() as session:
        named = photos_named(session)
    lost = [name for name in named if store.get(name) is None]
    if lost:
        yield Finding("unsafe", f"{len(lost)} of {len(named)} photos are missing or changed. Bring them from a backup.")


def _stations(db: Db) -> Iterator[Finding]:
    today = db.clock().date()
    with db.read() as session:
        for each in stations(session):
            if each.kind != "hood":
                continue
            if not each.balance_url:
                yield Finding("warning", f"{each.name} has no balance: nothing can be weighed there.")
            if not each.printer_url:
                yield Finding("warning", f"{each.name} has no label printer: no dose can be finished there.")
            for what, until in (("hood", each.hood_certified_until), ("room", each.room_certified_until)):
                if until is None or until < today:
                    yield Finding("warning", f"The {what} certification of {each.name} has ended or was never entered.")
