"""A full disk: what was acknowledged is kept, the page says what is wrong, reading goes on, and work resumes."""

import ctypes
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from app import demo
from app.audit.queries import verify
from app.main import create_app, put_together
from app.settings import Settings
from app.web.parts import Parts
from tests.conftest import SetClock
from tests.hospital import Hospital, hospital

ROOM = 6 * 1024 * 1024


class SmallDisk:
    """A folder that can be filled: a small file system of its own where we may mount one, else a limit of pages."""

    def __init__(self, folder: Path, own: bool):
        self.folder = folder
        self._libc = ctypes.CDLL(None, use_errno=True)
        options = f"size={ROOM}".encode()
        self.mounted = own and self._libc.mount(b"tmpfs", os.fsencode(folder), b"tmpfs", 0, options) == 0
        self._filler = folder / "filler"

    def fill(self, parts: Parts) -> None:
        if self.mounted:
            with self._filler.open("wb", buffering=0) as file:
                try:
                    while file.write(b"\0" * 4096):
                        pass
                except OSError:
                    return
        with parts.db.writer.begin() as connection:
            connection.execute(text("PRAGMA max_page_count = 1"))  # no page more than there are

    def make_room(self, parts: Parts) -> None:
        if self.mounted:
            self._filler.unlink()
            return
        with parts.db.writer.begin() as connection:
            connection.execute(text("PRAGMA max_page_count = 1073741823"))

    def remove(self) -> None:
        if self.mounted:
            self._libc.umount2(os.fsencode(self.folder), 2)


@pytest.fixture(params=[True, False], ids=["a small file system", "a limit of pages"])
def disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[SmallDisk]:
    folder = tmp_path / "disk"
    folder.mkdir()
    small = SmallDisk(folder, request.param)
    yield small
    small.remove()


@pytest.fixture
def parts(disk: SmallDisk, sqlite_template: Path, clock: SetClock) -> Iterator[Parts]:
    shutil.copy(sqlite_template, disk.folder / "laminar.db")
    settings = Settings(
        database=f"sqlite:///{disk.folder / 'laminar.db'}", photos=disk.folder / "photos", zone="UTC"
    )  # type: ignore[call-arg]
    made = put_together(settings, clock)
    yield made
    made.db.close()


def test_a_full_disk_loses_nothing_and_says_so(disk: SmallDisk, parts: Parts) -> None:
    house: Hospital = hospital(parts.db)
    for number in range(3):
        house.order(number=f"RX10{number}")
    with TestClient(create_app(parts, worker=False), base_url="http://hood.localhost", follow_redirects=False) as hood:
        signed = hood.post("/sign-in", data={"once": "a" * 12, "badge": demo.BADGES["tina"], "pin": demo.PIN})
        assert signed.status_code == 303
        claimed = claim(hood, 1)
        assert claimed.status_code == 303

        disk.fill(parts)
        refused = next(answer for answer in (claim(hood, n) for n in range(2, 200)) if answer.status_code != 303)
        assert refused.status_code == 503
        assert "The disk of the server is full." in refused.text
        assert "Nothing was stored." in refused.text
        assert hood.get(claimed.headers["location"]).status_code == 200, "reading goes on"

        disk.make_room(parts)
        assert step(hood, claimed.headers["location"], "YES").status_code == 303, "work resumes by itself"
    with parts.db.read() as session:
        assert verify(session).broken is None
        acknowledged = session.scalar(text("SELECT count(*) FROM preparation"))
        assert session.scalar(text("SELECT count(*) FROM work_item")) == acknowledged
        assert session.scalar(text("PRAGMA integrity_check")) == "ok"


def claim(hood: TestClient, number: int) -> httpx.Response:
    """Claim a dose; once there is none left, scan cards at the first one: every scan is a record."""
    if number <= 3:
        tray = f"TRAY-{number:02}"
        return hood.post("/hood/scan", data={"once": f"claim-{number:06}", "scan": tray, "dose": number})
    return step(hood, "/hood/1", "NEXT", number)


def step(hood: TestClient, where: str, card: str, number: int = 0) -> httpx.Response:
    return hood.post(f"{where}/scan", data={"once": f"scan-{card}-{number:06}", "scan": f"CARD-{card}"})
