"""A whole product on SQLite with the pretend hospital in it, and a desk's browser before it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.db.session import Db
from app.main import create_app
from app.web.parts import Parts
from tests.conftest import SetClock
from tests.desk import Desk, desk_parts
from tests.hospital import Hospital, hospital


@pytest.fixture(scope="session")
def seeded(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, int]]:
    """The pretend hospital, seeded once; every test gets a copy."""
    path = tmp_path_factory.mktemp("seeded") / "laminar.db"
    shutil.copy(sqlite_template, path)
    db = Db(f"sqlite:///{path}", SetClock())
    people = dict(hospital(db).people)
    db.close()
    return path, people


@pytest.fixture
def desk_house(seeded: tuple[Path, dict[str, int]], tmp_path: Path, clock: SetClock) -> Iterator[Hospital]:
    """The pretend hospital on SQLite."""
    shutil.copy(seeded[0], tmp_path / "laminar.db")
    db = Db(f"sqlite:///{tmp_path / 'laminar.db'}", clock)
    yield Hospital(db, seeded[1])
    db.close()


@pytest.fixture
def parts(desk_house: Hospital, tmp_path: Path, clock: SetClock) -> Parts:
    return desk_parts(desk_house, tmp_path, clock)


@pytest.fixture
def desk(desk_house: Hospital, parts: Parts) -> Iterator[Desk]:
    """A desk's browser in which Petra, the manager, is signed in."""
    app = create_app(parts, worker=False)
    with TestClient(app, base_url="http://desk.localhost", follow_redirects=False) as client:
        yield Desk(client, parts, desk_house).enter("petra")
