"""kill -9 after every recorded step of the story and in the middle of them: what was answered is there, once."""

import io
import os
import random
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import httpx
import psutil
import psycopg
import pytest
from PIL import Image
from sqlalchemy import create_engine, select
from sqlalchemy.pool import NullPool

from app import demo
from app.audit.queries import verify
from app.core.workflow import State
from app.db import migrate
from app.db.session import SYSTEM, Db
from app.orders.queries import doses_of
from app.stations.models import Station
from app.tables import metadata
from compounding.invariant_queries import broken_promises
from compounding.procedure import Label, Pair, Shot, label_serial
from compounding.queries import in_tray
from compounding.recipe import Inspect, Scan, Weigh
from devices.simulators import SimulatedBalance
from tests.conftest import NOW, SetClock
from tests.faults.served import Served, serve
from tests.faults.site import once
from tests.hospital import BALANCE, MASSES, Hospital, hospital
from tests.postgresql_server import Databases, PostgresServer, own_server, pg_ctl

NOT_STILL = ("no still weight", "no weight now", "nothing new", "nothing on the pan")


def photo() -> bytes:
    kept = io.BytesIO()
    Image.effect_noise((640, 480), 60).convert("RGB").save(kept, "JPEG")
    return kept.getvalue()


@dataclass
class Tap:
    """One post as a browser would repeat it: the same key and fields, however often."""

    who: str
    to: str
    fields: dict[str, str]
    photo: bytes | None = None
    key: str = field(default_factory=once)


@dataclass
class Story:
    """A person with two browsers, a balance that stays on, and a server that dies under them."""

    house: Hospital
    folder: Path
    pan: SimulatedBalance
    chance: random.Random
    since: float = field(default_factory=time.monotonic)
    server: Served | None = None
    browsers: dict[str, httpx.Client] = field(default_factory=dict)
    deaths: int = 0

    def start(self) -> None:
        self.server = serve(self.house.db.url, self.folder, NOW, self.since)
        hosts = {"tina": "hood.localhost", "pablo": "desk.localhost"}
        for name, host in hosts.items():
            cookies = self.browsers[name].cookies if name in self.browsers else None
            address = f"http://127.0.0.1:{self.server.port}"
            self.browsers[name] = httpx.Client(base_url=address, headers={"host": host}, cookies=cookies, timeout=60)

    def die(self) -> None:
        assert self.server is not None
        self.server.kill()
        self.deaths += 1

    def send(self, tap: Tap) -> httpx.Response:
        files = {"photo": ("bag.jpg", tap.photo, "image/jpeg")} if tap.photo else None
        browser = self.browsers[tap.who]
        return browser.post(tap.to, data={"once": tap.key} | tap.fields, files=files, follow_redirects=False)

    def page(self, who: str, to: str) -> str:
        return self.browsers[who].get(to, follow_redirects=False).text

    def until_answered(self, tap: Tap) -> str:
        """Send a tap until it is answered; a weight may need more than one look. Returns where it leads."""
        for _ in range(200):
            answer = self.send(tap)
            if answer.status_code == 303:
                return answer.headers["location"]
            if "has not moved by a digit" in answer.text:
                self.put_back(tap)
                continue
            assert answer.status_code == 409 and any(words in answer.text for words in NOT_STILL), answer.text
            time.sleep(0.1)
        raise AssertionError("the pan never came to rest")

    def put_back(self, tap: Tap) -> None:
        """Lift what lies on the pan and put it back: a product that was just started has not seen it move."""
        grams = self.pan.load
        self.pan.lift()
        while "nothing on the pan" not in self.send(tap).text:
            time.sleep(0.1)
        self.pan.put(grams)

    def survives(self, tap: Tap) -> None:
        """Send a tap, be killed at a random moment of it and once more after its answer; it must count once."""
        if self.chance.random() < 0.5:
            sending = threading.Thread(target=lambda: self._into_the_void(tap))
            sending.start()
            time.sleep(self.chance.random() * 0.04)
            self.die()
            sending.join()
            self.start()
        led = self.until_answered(tap)
        before = counted(self.house)
        self.die()
        assert counted(self.house) == before
        self.start()
        assert counted(self.house)["records"] == before["records"], "a restart adds no step"
        again = self.send(tap)
        assert (again.status_code, again.headers.get("location")) == (303, led), "the same tap leads to the same place"
        assert counted(self.house)["records"] == before["records"], "the same tap counts once"
        with self.house.db.read() as session:
            assert broken_promises(session) == []

    def _into_the_void(self, tap: Tap) -> None:
        with suppress(httpx.HTTPError):
            self.send(tap)


def counted(house: Hospital) -> dict[str, int]:
    """How much is kept of the one preparation: its records and its moves."""
    with house.db.read() as session:
        work_id = in_tray(session, "TRAY-01")
    if work_id is None:
        return {"records": 0, "version": 0}
    at = house.at(work_id)
    return {"records": len(at.records), "version": at.item.version}


@pytest.fixture
def story(house: Hospital, tmp_path: Path, clock: SetClock) -> Iterator[Story]:
    with SimulatedBalance(BALANCE, rate_hz=20, settle_s=0.05, noise_g=Decimal(0)) as pan:
        with house.db.write(SYSTEM) as tx:
            hood = tx.session.scalars(select(Station).where(Station.code == "hood-1")).one()
            hood.balance_url, hood.printer_url = pan.url, f"folder:{tmp_path / 'labels'}"
        made = Story(house, tmp_path, pan, random.Random(9))
        made.start()
        yield made
        assert made.server is not None
        made.server.process.kill()
        made.server.process.join()
        for browser in made.browsers.values():
            browser.close()


def shown(page: str) -> str:
    return page.split('name="shown" value="', 1)[1][:64]


def test_a_server_killed_after_and_during_every_step_loses_nothing_and_does_nothing_twice(story: Story) -> None:
    house = story.house
    dose_id = house.dose(house.order())
    for name in ("tina", "pablo"):
        answer = story.browsers[name].post(
            "/sign-in", data={"once": once(), "badge": demo.BADGES[name], "pin": demo.PIN}, follow_redirects=False
        )
        assert answer.status_code == 303
    story.survives(Tap("tina", "/hood/scan", {"scan": "TRAY-01", "dose": str(dose_id)}))
    with house.db.read() as session:
        work_id = in_tray(session, "TRAY-01")
    assert work_id is not None
    hood = f"/hood/{work_id}"
    while (at := house.at(work_id)).where.current is not None:
        match at.where.current:
            case Scan(slot=slot):
                code = demo.barcode(slot, serial=f"K{len(at.records)}")
                story.survives(Tap("tina", f"{hood}/scan", {"scan": code}))
            case Weigh(key="bag-before"):
                story.pan.put(Decimal(MASSES["MFR-01"]["bag-before"]))
                story.survives(Tap("tina", f"{hood}/weigh", {"step": "bag-before"}))
            case Weigh(key="bag-after"):
                _weigh_again_from_the_first(story, hood)
            case Inspect(key=key):
                story.survives(Tap("tina", f"{hood}/confirm", {"step": key}))
            case Pair():
                text = at.preparation.tray if at.where.half else label_serial(at.where) or ""
                story.survives(Tap("tina", f"{hood}/scan", {"scan": text}))
            case Shot():
                story.survives(Tap("tina", f"{hood}/photo", {}, photo()))
            case Label():
                raise AssertionError("the label is made with the step before it")
    proof = {"pin": demo.PIN}
    signing = {"shown": shown(story.page("tina", hood)), "badge": demo.BADGES["tina"]} | proof
    story.survives(Tap("tina", f"{hood}/sign", signing))
    assert house.at(work_id).state is State.MADE
    checking = {"shown": shown(story.page("pablo", f"/check/{work_id}")), "badge": demo.BADGES["pablo"]} | proof
    story.survives(Tap("pablo", f"/check/{work_id}/release", checking))
    assert house.at(work_id).state is State.RELEASED
    assert story.deaths >= 13
    kept = [each for each in (story.folder / "photos").rglob("*.jpg")]
    assert len(kept) == 1, "the photo is kept once"


def _weigh_again_from_the_first(story: Story, hood: str) -> None:
    """After a death the first weight proves nothing any more: the product says so, and it is weighed again."""
    before, after = MASSES["MFR-01"]["bag-before"], MASSES["MFR-01"]["bag-after"]
    story.pan.put(Decimal(after))
    for _ in range(200):
        answer = story.send(Tap("tina", f"{hood}/weigh", {"step": "bag-after"}))
        assert answer.status_code == 409, "two runs of the product compared their weights"
        if "can not be compared" in answer.text:
            break
        time.sleep(0.1)
    story.until_answered(Tap("tina", f"{hood}/redo", {"step": "bag-before", "reason": "the system was restarted"}))
    story.pan.put(Decimal(before))
    story.until_answered(Tap("tina", f"{hood}/weigh", {"step": "bag-before"}))
    story.pan.put(Decimal(after))
    tap = Tap("tina", f"{hood}/weigh", {"step": "bag-after"})
    story.until_answered(tap)
    records = counted(story.house)
    story.die()
    story.start()
    assert story.send(tap).status_code == 303 and counted(story.house) == records


@pytest.mark.postgres
def test_a_database_server_killed_under_load_keeps_every_step_that_was_acknowledged(tmp_path: Path) -> None:
    """Its own PostgreSQL with fsync on; the postmaster is killed (-9) while eight people work, and started again."""
    with own_server() as server, closing(Databases(server.get_uri(), "laminar")) as databases:
        with psycopg.connect(server.get_uri()) as connection:
            assert connection.execute("SHOW fsync").fetchone() == ("on",)
        url = databases.copy("template1", "hospital")
        engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"), poolclass=NullPool)
        migrate.upgrade(engine, metadata)
        house = hospital(Db(url, SetClock()))
        version_id = house.order()
        with house.db.read() as session:
            doses = [dose.id for dose in doses_of(session, version_id)]
        works = [house.claim(dose_id, f"TRAY-0{place}") for place, dose_id in enumerate(doses)]
        postmaster = server.get_pid()
        assert postmaster is not None
        acknowledged = _work_until_it_dies(house, works, postmaster)
        house.db.close()
        _start_again(server, postmaster)
        after = Hospital(Db(url, SetClock()), house.people)
        for work_id in works:
            kept = len(after.at(work_id).records)
            assert acknowledged[work_id] <= kept <= acknowledged[work_id] + 1
        with after.db.read() as session:
            assert verify(session).broken is None and broken_promises(session) == []
        while after.step(works[0]):
            pass
        after.finish(works[0])
        after.db.close()


def _work_until_it_dies(house: Hospital, works: list[int], postmaster: int) -> dict[int, int]:
    acknowledged = dict.fromkeys(works, 0)
    enough = threading.Event()

    def work(work_id: int) -> None:
        with suppress(Exception):  # the database goes away under this act; that is what the test is about
            for number in range(500):
                house.scan(work_id, f"not-a-code-{number}")
                acknowledged[work_id] = number + 1
                if number == 5:
                    enough.set()

    threads = [threading.Thread(target=work, args=(work_id,)) for work_id in works]
    for thread in threads:
        thread.start()
    assert enough.wait(timeout=60)
    os.kill(postmaster, signal.SIGKILL)
    for thread in threads:
        thread.join(timeout=60)
    assert min(acknowledged.values()) < 500
    return acknowledged


def _start_again(server: PostgresServer, dead: int) -> None:
    """Start the server as after a crash: its lock file names a process that is no more."""
    for _ in range(200):
        if not psutil.pid_exists(dead) or psutil.Process(dead).status() == psutil.STATUS_ZOMBIE:
            break
        time.sleep(0.05)
    (server.pgdata / "postmaster.pid").unlink(missing_ok=True)
    for patience in range(60, -1, -1):  # its orphaned processes take a moment to let go of the shared memory
        try:
            pg_ctl(server, "start", "-w", "-o", f'-h "" -k {server.pgdata}', "-l", str(server.log))
            return
        except subprocess.SubprocessError:
            if not patience:
                raise
            time.sleep(0.25)
