"""One database, two ways in: `read()` sees a consistent state, `write()` is one visible transaction with one clock.

SQLite: write-ahead log, FULL synchronisation, every write and checkpoint through one connection behind one fair lock,
readers `query_only`. PostgreSQL: by URL, as an ordinary role. Both refuse what `domain` rules call unsafe; see
`app.db.safety`.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, create_engine, event, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session
from sqlalchemy.pool import QueuePool

from app.core.errors import Refused
from app.core.permissions import May, Role, require
from app.db.base import table
from app.db.fair_lock import FairLock
from app.db.models import Once

Clock = Callable[[], datetime]


@dataclass(frozen=True)
class Who:
    """The person behind an act, where they stand, and since when their session runs. `person_id` None: the product."""

    person_id: int | None
    name: str
    roles: frozenset[Role]
    station_id: int | None = None
    session_id: int | None = None

    def require(self, may: May) -> None:
        """Refuse in words unless one of the person's roles grants the permission. Raises Refused."""
        require(self.roles, may)


SYSTEM = Who(None, "Laminar", frozenset())

# Every post writes this row: it is built once for each kind of database.
_ONCE = {
    is_sqlite: insert(table(Once)).on_conflict_do_nothing(index_elements=["key"]).returning(table(Once).c.key)
    for is_sqlite, insert in ((True, sqlite_insert), (False, postgresql_insert))
}


@dataclass(frozen=True)
class OnceKey:
    """The hidden field of a form, with a fingerprint of what was posted."""

    key: str
    fingerprint: str


class Replayed(Exception):
    """The same post came twice; `location` is where the first one led. Nothing is done again."""

    def __init__(self, location: str):
        super().__init__(location)
        self.location = location


class Tx:
    """One act: its session, its one instant, who acts, and what the browser shall hear after the commit.

    `alone`: nobody else can write before the commit, as on SQLite; elsewhere an act locks the rows it depends on.
    """

    def __init__(self, session: Session, now: datetime, who: Who, location: str, alone: bool):
        self.session = session
        self.alone = alone
        self.now = now
        self.who = who
        self.location = location
        self.topics: list[str] = []
        self.last: list[Callable[[], None]] = []
        self.held: dict[str, Any] = {}

    def tell(self, topic: str) -> None:
        """Let screens that show `topic` look again, once the act is committed."""
        if topic not in self.topics:
            self.topics.append(topic)

    def at_the_end(self, act: Callable[[], None]) -> None:
        """Run `act` as the last thing before the commit (the audit chain takes its lock there)."""
        self.last.append(act)


class Db:
    """The database of one hospital. `clock` gives UTC instants; `publish` hears topics after each commit."""

    def __init__(self, url: str, clock: Clock, publish: Callable[[str], None] = lambda topic: None):
        self.url = url
        self.clock = clock
        self.publish = publish
        self.is_sqlite = url.startswith("sqlite")
        if self.is_sqlite:
            self._lock: FairLock | None = FairLock()
            self.writer = _sqlite_engine(url, readers=False)
            self.reader = _sqlite_engine(url, readers=True)
        else:
            self._lock = None
            self.writer = _postgresql_engine(url)
            self.reader = self.writer

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Open a session that can not write; it sees one state of the database throughout."""
        with Session(self.reader, autoflush=False) as session:
            if not self.is_sqlite:
                one_state = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
                session.connection(execution_options=one_state)
            yield session

    @contextmanager
    def write(self, who: Who, once: OnceKey | None = None, location: str = "") -> Iterator[Tx]:
        """Do one act in one transaction. Raises Replayed when `once` was used before; any error undoes everything."""
        with self._lock or nullcontext(), Session(self.writer, autoflush=True) as session:
            tx = Tx(session, self.clock(), who, location, self.is_sqlite)
            if once:
                self._first_time(tx, once)
            yield tx
            for act in tx.last:
                act()
            if once and tx.location != location:
                session.get_one(Once, once.key).location = tx.location
            session.commit()
        for topic in tx.topics:
            self.publish(topic)

    def _first_time(self, tx: Tx, once: OnceKey) -> None:
        row = {
            "key": once.key,
            "person_id": tx.who.person_id,
            "station_id": tx.who.station_id,
            "fingerprint": once.fingerprint,
            "location": tx.location,
            "at": tx.now,
        }
        # Two taps at once: the second waits here for the first to commit, then finds its row.
        if tx.session.scalar(_ONCE[self.is_sqlite], row) is not None:
            return
        seen = tx.session.scalars(select(Once).where(Once.key == once.key)).one()
        if (seen.person_id, seen.station_id, seen.fingerprint) != (
            tx.who.person_id,
            tx.who.station_id,
            once.fingerprint,
        ):
            raise Refused("This page was already used for something else. Reload it and do the step again.")
        raise Replayed(seen.location)

    def close(self) -> None:
        self.reader.dispose()
        self.writer.dispose()


def _sqlite_engine(url: str, readers: bool) -> Engine:
    engine = create_engine(
        url,
        poolclass=QueuePool,
        pool_size=8 if readers else 1,
        max_overflow=0,
        connect_args={"check_same_thread": False, "isolation_level": None},
    )

    @event.listens_for(engine, "connect")
    def _settings(connection: Any, record: object) -> None:
        cursor = connection.cursor()
        for name, value in sqlite_settings(readers).items():
            cursor.execute(f"PRAGMA {name}={value}")
        cursor.close()

    begin = "BEGIN" if readers else "BEGIN IMMEDIATE"

    def _begin(connection: Any) -> None:
        connection.execute(begin)

    # Said to the dialect and not by an event: once an engine has one, every statement asks after all kinds of them.
    engine.dialect.do_begin = _begin  # type: ignore[assignment]
    return engine


def sqlite_settings(readers: bool) -> Mapping[str, str]:
    """The settings of each SQLite connection; readers can neither write nor checkpoint."""
    settings = {
        "journal_mode": "WAL",
        "synchronous": "FULL",
        "foreign_keys": "ON",
        "recursive_triggers": "ON",
        "trusted_schema": "OFF",
        "busy_timeout": "5000",
        "mmap_size": "0",
    }
    return settings | ({"query_only": "ON", "wal_autocheckpoint": "0"} if readers else {})


def _postgresql_engine(url: str) -> Engine:
    limits = {
        "timezone": "UTC",
        "lock_timeout": "3s",
        "statement_timeout": "15s",
        "idle_in_transaction_session_timeout": "30s",
    }
    options = " ".join(f"-c {name}={value}" for name, value in limits.items())
    return create_engine(
        url.replace("postgresql://", "postgresql+psycopg://", 1),
        pool_size=8,
        max_overflow=4,
        pool_pre_ping=True,
        connect_args={"options": options},
    )
