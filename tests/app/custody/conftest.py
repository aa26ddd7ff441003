"""One released dose, and the acts of a ward in one line each."""

import itertools
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import func, select

from app.custody import actions
from app.custody.bag import Answer, Bag, answer
from app.custody.beds import Bed
from app.custody.models import CustodyEvent
from app.custody.queries import bag
from app.custody.whereabouts import What
from app.db.session import Db, Tx
from app.labels.models import Label
from app.orders import actions as orders
from compounding import check_actions
from tests.conftest import SetClock
from tests.hospital import Hospital
from tests.postgresql_server import Databases

WARD, DESK = "7 West", "Pharmacy desk"
Template = tuple[str, dict[str, int], tuple[int, str]]
_numbers = itertools.count(1)


@dataclass
class Ward:
    """The seeded hospital with its ward."""

    house: Hospital
    waiting: list[tuple[int, str]] = field(default_factory=list)
    """Released doses that the copied database came with; each is given out once."""

    @property
    def db(self) -> Db:
        return self.house.db

    def act(self, by: str, act: Callable[[Tx], object]) -> object:
        with self.db.write(self.house.who(by)) as tx:
            return act(tx)

    def pick(self, *beds: str, by: str = "nina") -> None:
        """Pick beds as '7W-12-A' or, for all of a unit, '7W'."""
        wanted = [Bed(unit, bed or None) for unit, _, bed in (each.partition("-") for each in beds)]
        self.act(by, lambda tx: actions.pick_beds(tx, wanted))

    def scan(self, serial: str, by: str = "nina") -> Answer:
        return self.act(by, lambda tx: actions.scan_on_ward(tx, serial, WARD))  # type: ignore[return-value]

    def receive(self, serial: str, by: str = "nina") -> Answer:
        return self.act(by, lambda tx: actions.receive(tx, serial, WARD))  # type: ignore[return-value]

    def look(self, serial: str, by: str = "tina") -> Answer:
        found = self.act(by, lambda tx: actions.look(tx, serial, DESK))
        return answer(found, self.db.clock())  # type: ignore[arg-type]

    def hand_over(self, serial: str, by: str = "tina") -> Answer:
        return self.act(by, lambda tx: actions.hand_over(tx, serial, DESK))  # type: ignore[return-value]

    def note(self, serial: str, what: What, by: str = "nina") -> None:
        self.act(by, lambda tx: actions.note(tx, serial, what, WARD if by == "nina" else DESK))

    def made(self, **how: object) -> tuple[int, str]:
        """A dose signed as prepared: its preparation and the serial of its label."""
        work_id = self.house.made(**{"number": "RX2001"} | how)  # type: ignore[arg-type]
        self.house.finish(work_id)
        return work_id, self.serial(work_id)

    def released(self, **how: object) -> tuple[int, str]:
        """A released dose; an ordinary one is made once a session and copied."""
        if not how and self.waiting:
            return self.waiting.pop()
        work_id, serial = self.made(**how)
        self.house.release(work_id)
        return work_id, serial

    def serial(self, work_id: int) -> str:
        with self.db.read() as session:
            query = select(Label.serial).where(Label.work_id == work_id).order_by(Label.copy_number.desc())
            return session.scalars(query).first() or ""

    def stop(self, work_id: int) -> None:
        order_id = self.house.at(work_id).order.order_id
        self.act("petra", lambda tx: orders.stop(tx, order_id))

    def hold(self, work_id: int) -> None:
        order_id = self.house.at(work_id).order.order_id
        self.act("petra", lambda tx: orders.restate(tx, order_id, "hold", tx.now))

    def withdraw(self, work_id: int, why: str = "Particles seen") -> None:
        proof = self.house.proof("pablo")
        self.act("pablo", lambda tx: check_actions.withdraw(tx, work_id, proof, why, "Discarded"))

    def bag(self, serial: str) -> Bag:
        with self.db.read() as session:
            return bag(session, serial)

    def receipts(self, serial: str) -> int:
        with self.db.read() as session:
            query = select(func.count()).where(CustodyEvent.serial == serial, CustodyEvent.kind == "received")
            return session.scalar(query) or 0


@pytest.fixture(scope="session")
def released_sqlite(seeded_sqlite: tuple[Path, dict[str, int]], tmp_path_factory: pytest.TempPathFactory) -> Template:
    path = tmp_path_factory.mktemp("released") / "hospital.db"
    shutil.copy(seeded_sqlite[0], path)
    return str(path), seeded_sqlite[1], _one_released(f"sqlite:///{path}", seeded_sqlite[1])


@pytest.fixture(scope="session")
def released_postgresql(
    databases: Databases, seeded_postgresql: tuple[str, dict[str, int]]
) -> Template:
    template, people = seeded_postgresql
    return "released", people, _one_released(databases.copy(template, "released"), people)


def _one_released(url: str, people: dict[str, int]) -> tuple[int, str]:
    opened = Db(url, SetClock())
    made = Ward(Hospital(opened, people)).released(number="RX1000")
    opened.close()
    return made


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def ward(request: pytest.FixtureRequest, tmp_path: Path, clock: SetClock) -> Iterator[Ward]:
    """The pretend hospital with one released dose for the first patient: once SQLite, once PostgreSQL."""
    template, people, made = request.getfixturevalue(f"released_{request.param}")
    if request.param == "sqlite":
        shutil.copy(template, tmp_path / "hospital.db")
        url = f"sqlite:///{tmp_path / 'hospital.db'}"
    else:
        url = request.getfixturevalue("postgresql")(f"ward_{next(_numbers)}", template)
    opened = Db(url, clock)
    yield Ward(Hospital(opened, people), [made])
    opened.close()
