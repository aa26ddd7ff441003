"""What must hold before this product keeps records on a database, and what a person should know about it.

The facts are read once and judged by pure functions. Unsafe settings refuse the start; warnings do not.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import Literal

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool

from app.db import host, migrate
from app.db.models import Once
from app.db.session import SYSTEM, Db

Level = Literal["unsafe", "warning", "note"]


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be, as a sentence with what to do. 'unsafe' refuses the start."""

    level: Level
    words: str


@dataclass(frozen=True)
class SqliteFacts:
    """What an SQLite database and its two ways in say of themselves."""

    version: tuple[int, ...]
    writers: int
    writer: Mapping[str, str]
    reader: Mapping[str, str]
    file_system: str | None
    percent_free: int
    check: str


@dataclass(frozen=True)
class PostgresqlFacts:
    """What a PostgreSQL server says of itself and of the role that this product comes in as."""

    settings: Mapping[str, str]
    superuser: bool
    owner: bool
    role: str
    local: bool
    tls: bool
    clock: datetime


def sqlite_path(url: str) -> Path | None:
    """The file of an SQLite URL; None for another database or one in memory."""
    if not url.startswith("sqlite:///") or url == "sqlite:///:memory:":
        return None
    return Path(url.removeprefix("sqlite:///").split("?")[0])


def has_lost_write_fault(version: tuple[int, ...]) -> bool:
    """Tell whether an SQLite has the fault by which two writing connections corrupt a write-ahead log.

    Faulty from 3.7.0; mended in 3.51.3 and, looking back, in 3.50.7 and 3.44.6. Source: SQLite's change log.
    """
    mended = {(3, 50): 7, (3, 44): 6}
    if (branch := (version[0], version[1])) in mended:
        return version[2] < mended[branch]
    return (3, 7, 0) <= version < (3, 51, 3)


WANTED = {
    "journal_mode": ("wal", "write-ahead logging is off"),
    "synchronous": ("2", "commits are not forced to the disk (synchronous is not FULL)"),
    "foreign_keys": ("1", "foreign keys are not checked"),
    "recursive_triggers": ("1", "recursive triggers are off, so the record could be replaced"),
    "trusted_schema": ("0", "the schema is trusted to run functions"),
    "mmap_size": ("0", "the file is mapped into memory"),
}


def judge_sqlite(facts: SqliteFacts) -> Iterator[Finding]:
    """Say what is unsafe about an SQLite database, and what should be known."""
    for way, pragmas in (("writing", facts.writer), ("reading", facts.reader)):
        for name, (wanted, words) in WANTED.items():
            if pragmas.get(name) != wanted:
                yield Finding("unsafe", f"On the {way} connection {words} ({name} = {pragmas.get(name)}).")
        if int(pragmas.get("busy_timeout", "0")) < 5000:
            yield Finding("unsafe", f"The {way} connection gives up on a busy database in less than 5 seconds.")
    alone = facts.writers == 1 and facts.reader.get("query_only") == "1"
    alone = alone and facts.reader.get("wal_autocheckpoint") == "0"
    said = ".".join(map(str, facts.version))
    if has_lost_write_fault(facts.version):
        if not alone:
            yield Finding(
                "unsafe",
                f"SQLite {said} can corrupt the database when two connections write, and more than one does. "
                "Use SQLite 3.51.3 or newer.",
            )
        else:
            yield Finding(
                "note",
                f"SQLite {said} can corrupt a database that two connections write to. This product writes through one "
                "only, so it is safe as it is; never attach a replicator or another program that writes to the file.",
            )
    if facts.file_system in host.NETWORK:
        yield Finding(
            "unsafe", f"The database lies on a network file system ({facts.file_system}). Move it to a local disk."
        )
    if facts.file_system in host.IN_MEMORY:
        yield Finding("warning", "The database lies in memory: a power cut takes everything. Use this for trials only.")
    if facts.check != "ok":
        yield Finding("unsafe", f"The database is damaged ({facts.check}). Restore the newest backup.")
    yield from judge_disk(facts.percent_free)


def judge_disk(percent_free: int, what: str = "the database") -> Iterator[Finding]:
    """Say when the disk is nearly full: refuse the start at 2 %, warn below 10 %."""
    if percent_free <= host.LEAST_PERCENT:
        yield Finding("unsafe", f"The disk of {what} has {percent_free} % free. Make room before you start.")
    elif percent_free < host.LOW_PERCENT:
        yield Finding("warning", f"The disk of {what} has only {percent_free} % free. Make room soon.")


ON = ("fsync", "full_page_writes", "data_checksums")
TIMEOUTS = {"lock_timeout": 3, "statement_timeout": 15, "idle_in_transaction_session_timeout": 30}


def judge_postgresql(facts: PostgresqlFacts, now: datetime) -> Iterator[Finding]:
    """Say what is unsafe about a PostgreSQL server or the role we use on it."""
    settings = facts.settings
    if int(settings.get("server_version_num", "0")) < 150000:
        yield Finding("unsafe", f"PostgreSQL {settings.get('server_version')} is too old. Use 15 or newer.")
    for name in ON:
        if settings.get(name) != "on":
            yield Finding("unsafe", f"{name} is off on the server: what was stored could be lost or damaged unseen.")
    if settings.get("synchronous_commit") not in ("on", "remote_apply"):
        yield Finding("unsafe", "synchronous_commit is not on: a power cut would take steps that were told as stored.")
    if facts.superuser:
        yield Finding("unsafe", f"The role '{facts.role}' is a superuser. Use an ordinary role for this product.")
    if facts.owner:
        yield Finding(
            "unsafe",
            f"The role '{facts.role}' owns the tables, so it could switch off what protects the record. Let another "
            "role own them: 'laminar migrate --database URL-OF-THE-OWNER --app-role ROLE', then serve as ROLE.",
        )
    if settings.get("server_encoding") != "UTF8":
        yield Finding("unsafe", f"The database's encoding is {settings.get('server_encoding')}. It must be UTF8.")
    if settings.get("TimeZone") not in ("UTC", "Etc/UTC"):
        yield Finding("unsafe", f"The connection's time zone is {settings.get('TimeZone')}. It must be UTC.")
    if not facts.local and not facts.tls:
        yield Finding("unsafe", "The database connection crosses a network in the clear. Add sslmode=verify-full.")
    for name, most in TIMEOUTS.items():
        if not 0 < int(settings.get(name, "0")) <= most * 1000:
            yield Finding("unsafe", f"{name} is not set to {most} s: one stuck statement would stop every station.")
    if abs(facts.clock - now) > timedelta(seconds=1):
        yield Finding("warning", "The clocks of this machine and of the database server differ by more than a second.")


def findings(db: Db) -> list[Finding]:
    """Read and judge the database that is open. Raises OperationalError where it can not be reached."""
    if db.is_sqlite:
        return list(judge_sqlite(read_sqlite(db)))
    return list(judge_postgresql(read_postgresql(db), db.clock()))


def read_sqlite(db: Db) -> SqliteFacts:
    """Ask an SQLite database for its facts; the quick check reads the whole file."""
    path = sqlite_path(db.url)
    with db.writer.connect() as connection:
        writer = _pragmas(connection)
        version = connection.scalar(text("SELECT sqlite_version()")) or "0"
    with db.reader.connect() as connection:
        reader = _pragmas(connection)
        check = connection.execute(text("PRAGMA quick_check(1)")).scalars().all()
    pool = db.writer.pool
    return SqliteFacts(
        version=tuple(int(part) for part in version.split(".")),
        writers=pool.size() if isinstance(pool, QueuePool) else 0,
        writer=writer,
        reader=reader,
        file_system=host.file_system_of(path) if path else None,
        percent_free=host.disk_of(path.parent).percent_free if path else 100,
        check=" ".join(str(line) for line in check),
    )


def _pragmas(connection: Connection) -> dict[str, str]:
    names = (*WANTED, "busy_timeout", "query_only", "wal_autocheckpoint")
    return {name: str(connection.exec_driver_sql(f"PRAGMA {name}").scalar()) for name in names}


def read_postgresql(db: Db) -> PostgresqlFacts:
    """Ask a PostgreSQL server for its facts."""
    with db.writer.connect() as connection:
        rows = connection.execute(text("SELECT name, setting FROM pg_settings"))
        settings = {str(name): str(setting) for name, setting in rows}
        role, superuser, owner, address, tls, clock = connection.execute(
            text(
                "SELECT current_user::text, (SELECT rolsuper FROM pg_roles WHERE rolname = current_user), "
                "EXISTS (SELECT 1 FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace "
                "AND c.relkind = 'r' AND pg_has_role(current_user, c.relowner, 'USAGE')), "
                "host(inet_server_addr()), "
                "coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false), clock_timestamp()"
            )
        ).one()
    local = address is None or ip_address(address).is_loopback
    return PostgresqlFacts(settings, bool(superuser), bool(owner), role, local, bool(tls), clock)


@cache
def _newest() -> str:
    # It can not change while the product runs, and reading the migrations takes longer than asking the database.
    return migrate.newest()


def schema_fault(db: Db) -> str | None:
    """Say why the tables are not those of this version of the product; None when they are."""
    has, wants = migrate.revision(db.reader), _newest()
    if has == wants:
        return None
    if has is None:
        return "The database is empty. Run: laminar migrate"
    if has > wants:
        return "The database was used by a newer version of this product. Install that version again, or a newer one."
    return "The database is from an older version of this product. Make a backup, then run: laminar migrate"


def why_not_reachable(db: Db) -> str | None:
    """Say why the database does not answer; None when it does. Names no password."""
    try:
        with db.reader.connect() as connection:
            connection.execute(text("SELECT 1"))
    except DBAPIError as error:
        return f"The database can not be opened: {str(error.orig).splitlines()[0]}."
    return None


class _Undo(Exception):
    """Leaves a write transaction without storing anything."""


def why_not_writable(db: Db) -> str | None:
    """Try one row and undo it; say why the database does not take it, or None."""
    try:
        with db.write(SYSTEM) as tx:
            tx.session.add(Once(key="is it writable?", fingerprint="", location="", at=tx.now))
            tx.session.flush()
            raise _Undo
    except _Undo:
        return None
    except DBAPIError as error:
        return f"The database takes no new records: {str(error.orig).splitlines()[0]}."


def known_badges(db: Db, hashes: list[str]) -> bool:
    """Tell whether any of these badges, which everybody can read in the sources, opens a sign-in here."""
    with db.read() as session:
        held = session.execute(text("SELECT badge_sha256 FROM credential WHERE badge_sha256 IS NOT NULL"))
        return bool(set(hashes) & set(held.scalars()))
