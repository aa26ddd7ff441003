"""Copying a database out and back in, with a manifest that says what the copy must hold.

SQLite: the engine's own online backup, one consistent file. PostgreSQL: every table of ours by COPY out of one
snapshot. `pg_dump` is not used: it refuses a server newer than itself, and it is missing where the server is on
another machine; COPY's text form is read by every version, and the tables come from our own migrations.
"""

import hashlib
import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, MetaData, create_engine, inspect, text
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from app.core.errors import Refused
from app.db import migrate
from app.db.safety import sqlite_path
from app.db.session import Db

MANIFEST = "manifest.json"
DATABASE = "laminar.db"
TABLES = "tables"
COMES_WITH_IT = ("times_row", "times_decision", "times_change")
"""What migrations fill themselves, the dependent first; whatever a hospital adds there names a person."""
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Manifest:
    """What a backup holds: rows by table, files by hash, photos by hash, and the last entry of the record (anchor)."""

    made_at: str
    kind: str
    revision: str
    anchor: tuple[int, str]
    counts: dict[str, int]
    files: dict[str, str]
    photos: list[str]

    def write(self, folder: Path) -> None:
        write_durably(folder / MANIFEST, json.dumps(asdict(self), indent=1, sort_keys=True).encode())

    @property
    def at(self) -> datetime:
        return datetime.fromisoformat(self.made_at)


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a backup. Raises Refused for a folder that is no finished backup."""
    try:
        told = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        return Manifest(**told | {"anchor": (int(told["anchor"][0]), str(told["anchor"][1]))})
    except (OSError, ValueError, TypeError, KeyError):
        raise Refused(f"{folder} holds no finished backup. Choose a folder with a {MANIFEST} in it.") from None


def finished(backups: Path) -> list[Path]:
    """The finished backups in a folder, oldest first."""
    return sorted(path.parent for path in backups.glob(f"*/{MANIFEST}") if path.parent.suffix != ".part")


def newest(backups: Path) -> datetime | None:
    """When the newest finished backup in a folder was made (UTC); None where there is none."""
    found = finished(backups)
    return read_manifest(found[-1]).at if found else None


def write_durably(path: Path, data: bytes) -> None:
    """Write a file so that it is whole and on the disk when this returns."""
    part = path.with_name(path.name + ".part")
    with part.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.rename(path)


def sha256_of(path: Path) -> str:
    """Hash a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def copied_out(db: Db, folder: Path, metadata: MetaData) -> Iterator[Session]:
    """Copy the database into a folder; the session sees exactly what was copied, for counting and proving it."""
    if db.is_sqlite:
        path = folder / DATABASE
        _copy_file(db, path)
        with reading_file(path) as session:
            yield session
        return
    with db.reader.connect().execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True) as snapshot:
        _patiently(snapshot)
        (folder / TABLES).mkdir()
        for table in metadata.sorted_tables:
            _copy_table_out(snapshot, _columns(snapshot, table.name), table.name, folder / TABLES)
        yield Session(snapshot)


def _copy_file(db: Db, path: Path) -> None:
    # The source is a reading connection: it can neither write nor checkpoint beside a product that runs.
    source = db.reader.raw_connection()
    try:
        with closing(sqlite3.connect(path)) as target:
            source.driver_connection.backup(target)  # type: ignore[union-attr]
            # One file that needs no -wal beside it.
            target.execute("PRAGMA journal_mode=DELETE")
            if (said := target.execute("PRAGMA quick_check").fetchone()[0]) != "ok":
                raise Refused(f"The copy is damaged ({said}). Run 'laminar doctor' and look at the disk.")
    finally:
        source.close()
    with path.open("rb") as file:
        os.fsync(file.fileno())


@contextmanager
def reading_file(path: Path) -> Iterator[Session]:
    """A session on a copied SQLite file that leaves nothing beside it."""
    engine = create_engine(f"sqlite:///file:{path}?mode=ro&immutable=1&uri=true", poolclass=NullPool)
    try:
        with Session(engine) as session:
            yield session
    finally:
        engine.dispose()


def _patiently(connection: Connection) -> None:
    for name in ("statement_timeout", "idle_in_transaction_session_timeout"):
        connection.execute(text(f"SET LOCAL {name} = 0"))


def _columns(connection: Connection, table: str) -> str:
    return ", ".join(f'"{column["name"]}"' for column in inspect(connection).get_columns(table))


def _copy_table_out(connection: Connection, columns: str, table: str, folder: Path) -> None:
    key = inspect(connection).get_pk_constraint(table)["constrained_columns"]
    order = ", ".join(f'"{name}"' for name in key)
    with (
        (folder / f"{table}.copy").open("wb") as file,
        _cursor(connection).copy(f'COPY (SELECT {columns} FROM "{table}" ORDER BY {order}) TO STDOUT') as rows,
    ):
        file.write(f"{columns}\n".encode())
        for block in rows:
            file.write(block)
        file.flush()
        os.fsync(file.fileno())


def _cursor(connection: Connection) -> Any:
    driver = connection.connection.driver_connection
    assert driver is not None
    return driver.cursor()


def counts(session: Session, metadata: MetaData) -> dict[str, int]:
    """The number of rows of each table."""
    return {t.name: session.scalar(text(f'SELECT count(*) FROM "{t.name}"')) or 0 for t in metadata.sorted_tables}


def photos_named(session: Session) -> list[str]:
    """The hash of every photo and picture that a record points at."""
    query = "SELECT sha256 FROM photo UNION SELECT picture_sha256 FROM order_version WHERE picture_sha256 IS NOT NULL"
    return sorted(session.scalars(text(query)))


def why_not_empty(db: Db, metadata: MetaData) -> str | None:
    """Say what stands where a backup is to be restored; None for an empty place."""
    path = sqlite_path(db.url)
    if path is not None:
        there = [p for p in (path, Path(f"{path}-wal"), Path(f"{path}-shm")) if p.exists()]
        if there:
            return f"{there[0]} is there already. A backup is restored into an empty place only: move it away first."
        return None
    with Session(db.reader) as session:
        known = set(inspect(session.connection()).get_table_names())
        names = [t.name for t in metadata.sorted_tables if t.name in known and t.name not in COMES_WITH_IT]
        full = [name for name in names if _any(session, name)]
    if full:
        return "The database holds records already. A backup is restored into an empty one only: make a new database."
    return None


def _any(session: Session, table: str) -> bool:
    return session.execute(text(f'SELECT 1 FROM "{table}" LIMIT 1')).first() is not None


@contextmanager
def copied_in(db: Db, folder: Path, manifest: Manifest, metadata: MetaData) -> Iterator[Session]:
    """Copy a backup in; the session sees the result, which stays only if the block ends without an error.

    Raises Refused for a backup of the other kind of database, or of another version of the tables (PostgreSQL).
    """
    if manifest.kind != ("sqlite" if db.is_sqlite else "postgresql"):
        raise Refused(f"This backup is of a {manifest.kind} database. Give --database with a URL of that kind.")
    path = sqlite_path(db.url)
    if path is not None:
        part = path.with_name(path.name + ".part")
        path.parent.mkdir(parents=True, exist_ok=True)
        write_durably(part, (folder / DATABASE).read_bytes())
        try:
            with reading_file(part) as session:
                if (said := session.scalar(text("PRAGMA quick_check"))) != "ok":
                    raise Refused(f"The restored database is damaged ({said}). Take an older backup.")
                yield session
        except BaseException:
            part.unlink()
            raise
        part.rename(path)
        return
    if manifest.revision != migrate.newest():
        raise Refused(
            f"This backup is of version {manifest.revision} of the tables; this product has {migrate.newest()}. "
            "Restore it with the version that made it, then migrate."
        )
    migrate.upgrade(db.writer, metadata)
    with Session(db.writer) as session:
        _patiently(session.connection())
        for name in COMES_WITH_IT:
            _emptied(session.connection(), name)
        for table in metadata.sorted_tables:
            _copy_table_in(session.connection(), table.name, folder / TABLES / f"{table.name}.copy")
        yield session
        session.commit()


def _emptied(connection: Connection, table: str) -> None:
    """Take away what the migration has just written: the backup holds it, as the hospital had it."""
    connection.execute(text(f'ALTER TABLE "{table}" DISABLE TRIGGER USER'))
    connection.execute(text(f'DELETE FROM "{table}"'))
    connection.execute(text(f'ALTER TABLE "{table}" ENABLE TRIGGER USER'))


def _copy_table_in(connection: Connection, table: str, path: Path) -> None:
    with path.open("rb") as file:
        columns = file.readline().decode().strip()
        with _cursor(connection).copy(f'COPY "{table}" ({columns}) FROM STDIN') as rows:
            while block := file.read(_CHUNK):
                rows.write(block)
    for column in inspect(connection).get_pk_constraint(table)["constrained_columns"]:
        sequence = connection.scalar(text("SELECT pg_get_serial_sequence(:t, :c)"), {"t": f'"{table}"', "c": column})
        last = connection.scalar(text(f'SELECT max("{column}") FROM "{table}"')) if sequence else None
        if last is not None:
            connection.execute(text("SELECT setval(:s, :n)"), {"s": sequence, "n": last})
