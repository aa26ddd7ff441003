"""What every test may ask for: a clock that is set by hand and an empty, migrated database of each kind."""

import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from app.db import migrate
from app.db.session import Db
from app.identity import credentials
from app.tables import metadata
from tests.cart_room import CartRoom, cart_room
from tests.compiled_once import compile_once
from tests.hospital import Hospital, hospital
from tests.postgresql_server import Databases, own_server
from tests.shared_out import pytest_collection_modifyitems, pytest_xdist_make_scheduler  # noqa: F401

# Databases of tests lie in memory where the machine keeps a place for that: no test waits for a disk. That a commit
# reaches the disk is asked of the settings themselves, which are the product's own here too.
MEMORY = Path("/dev/shm")
if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > 2 * 2**30:
    os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)

compile_once()
NOW = datetime(2026, 11, 22, 14, 5, tzinfo=UTC)
Act = Callable[[CartRoom], Any]
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


@pytest.fixture(scope="session", autouse=True)
def slow_hasher() -> Iterator[PasswordHasher]:
    """The product's own hasher. Tests hash with less memory; what a guess costs is asked where the hasher is tested."""
    slow = credentials._hasher
    credentials._hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    yield slow
    credentials._hasher = slow


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "empty.db"
    db = Db(f"sqlite:///{path}", lambda: NOW)
    migrate.upgrade(db.writer, metadata)
    db.close()
    return path


@pytest.fixture(scope="session")
def databases() -> Iterator[Databases]:
    """Those of a real PostgreSQL server, among them `empty`, which is migrated and has nothing in it."""
    with own_server() as server, closing(Databases(server.get_uri(), "laminar")) as made:
        # What the server itself keeps over a power cut is not asked here; the test that kills it starts its own.
        made.not_for_ever()
        empty = made.copy("template1", "empty")
        engine = create_engine(empty.replace("postgresql://", "postgresql+psycopg://"), poolclass=NullPool)
        migrate.upgrade(engine, metadata)
        yield made


@pytest.fixture
def postgresql(databases: Databases) -> Iterator[Callable[..., str]]:
    """`postgresql(name, template="empty")`: a PostgreSQL database for one test, dropped after it; gives its URL."""
    names: list[str] = []

    def make(name: str, template: str = "empty") -> str:
        names.append(name)
        return databases.copy(template, name)

    yield make
    for name in names:
        databases.drop(name)


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
def seeded_postgresql(databases: Databases) -> tuple[str, dict[str, int]]:
    opened = Db(databases.copy("empty", "hospital"), SetClock())
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
    room = cart_room(opened, seeded_sqlite[1], tmp_path_factory.mktemp("labels"))
    opened.close()
    return path, room


@pytest.fixture(scope="session")
def carts_postgresql(
    databases: Databases, seeded_postgresql: tuple[str, dict[str, int]], tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, CartRoom]:
    opened = Db(databases.copy(seeded_postgresql[0], "carts"), SetClock())
    room = cart_room(opened, seeded_postgresql[1], tmp_path_factory.mktemp("labels"))
    opened.close()
    return "carts", room


@pytest.fixture(scope="session")
def after_acts() -> dict[tuple[str, Act], tuple[str, Any]]:
    """The templates that `room_after` made in this session, by database and act, with what the act returned."""
    return {}


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def room_after(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    clock: SetClock,
    after_acts: dict[tuple[str, Act], tuple[str, Any]],
) -> Iterator[Callable[[Act | None], tuple[CartRoom, Any]]]:
    """`room_after(act)`: the cart room as `act(room)` leaves it, and what that returned; once on each database.

    The act is a function of a module that leaves the clock alone. It is done once a session and copied for each test.
    """
    on_sqlite = request.param == "sqlite"
    start, made = request.getfixturevalue(f"carts_{request.param}")
    of_this_test = None if on_sqlite else request.getfixturevalue("postgresql")
    opened: list[Db] = []

    def copied(template: str, folder: Path, of_session: bool) -> tuple[str, str]:
        if on_sqlite:
            path = shutil.copy(template, folder / "carts.db")
            return str(path), f"sqlite:///{path}"
        name = f"carts_{next(_numbers)}"
        copy = request.getfixturevalue("databases").copy
        return name, copy(template, name) if of_session else of_this_test(name, template)

    def make(act: Act | None) -> tuple[CartRoom, Any]:
        if act is not None and (request.param, act) not in after_acts:
            template, url = copied(start, tmp_path_factory.mktemp("after"), of_session=True)
            db = Db(url, SetClock())
            after_acts[request.param, act] = template, act(CartRoom(db, dict(made.people), made.carts))
            db.close()
        template, told = (start, None) if act is None else after_acts[request.param, act]
        opened.append(Db(copied(template, tmp_path, of_session=False)[1], clock))
        return CartRoom(opened[-1], dict(made.people), made.carts), told

    yield make
    for db in opened:
        db.close()


@pytest.fixture
def room(room_after: Callable[[Act | None], tuple[CartRoom, Any]]) -> CartRoom:
    """The pretend hospital with its cart room, set up once a session and copied for each test, on each database."""
    return room_after(None)[0]
