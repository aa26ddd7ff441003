"""The databases that are measured: the pretend hospital with as many hoods as are wanted, on SQLite and PostgreSQL."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

import psycopg

from app import demo
from app.db import migrate
from app.db.grants import grant
from app.db.session import Clock, Db, Who
from app.identity.people_actions import accept_invitation, add_person, invite
from app.labels.house import House
from app.main import metadata, system_clock
from app.orders.queries import doses_of
from app.orders.schedule import Interval, Schedule
from app.stations.actions import add_station
from app.stations.models import Station
from compounding import hood_actions, scan_actions
from compounding.queries import opened
from compounding.recipe import Scan, Weigh
from tests.benchmarks.messages import knows
from tests.postgresql_server import as_role, own_server

OWNER, ROLE = "laminar_owner", "laminar"
Made = TypeVar("Made")


@dataclass(frozen=True)
class Hood:
    """One hood of the measured hospital: its host name, who works there, the doses that are its own."""

    number: int
    station_id: int
    host: str
    badge: str
    who: Who
    doses: tuple[int, ...]
    work_id: int | None = None

    @property
    def tray(self) -> str:
        return f"TRAY-B{self.number:02}"


@dataclass(frozen=True)
class Balance:
    """Where a hood's balance is."""

    url: str
    serial: str


@contextmanager
def postgresql() -> Iterator[str]:
    """A PostgreSQL server of its own, with fsync as it comes (on); gives the URL of its superuser."""
    with own_server() as server:
        admin: str = server.get_uri()
        with psycopg.connect(admin, autocommit=True) as connection:
            for role in (OWNER, ROLE):
                connection.execute(f"CREATE ROLE {role} LOGIN")
        yield admin


def sqlite_database(folder: Path, name: str, seed: Callable[[Db], Made], clock: Clock) -> tuple[str, Made]:
    """Make an SQLite database and seed it; its URL to serve, and what the seeding gave."""
    db = Db(f"sqlite:///{folder / name}.db", clock)
    try:
        migrate.upgrade(db.writer, metadata)
        return db.url, seed(db)
    finally:
        db.close()


def postgresql_database(admin: str, name: str, seed: Callable[[Db], Made], clock: Clock) -> tuple[str, Made]:
    """Make a PostgreSQL database and seed it; its URL for the role that owns nothing, and what the seeding gave."""
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" OWNER {OWNER}')
    db = Db(as_role(admin, OWNER, name), clock)
    try:
        migrate.upgrade(db.writer, metadata)
        grant(db, ROLE, metadata)
        made = seed(db)
        with psycopg.connect(as_role(admin, OWNER, name), autocommit=True) as connection:
            connection.execute("ANALYZE")  # as the server does by itself in a hospital that has been running
        return as_role(admin, ROLE, name), made
    finally:
        db.close()


def sqlite_hospital(folder: Path, name: str, **how: object) -> tuple[str, tuple[Hood, ...]]:
    """Make and furnish an SQLite database; its URL to serve, and its hoods."""
    return sqlite_database(folder, name, lambda db: furnish(db, **how), system_clock)  # type: ignore[arg-type]


def postgresql_hospital(admin: str, name: str, **how: object) -> tuple[str, tuple[Hood, ...]]:
    """Make and furnish a PostgreSQL database; its URL for the role that owns nothing, and its hoods."""
    return postgresql_database(admin, name, lambda db: furnish(db, **how), system_clock)  # type: ignore[arg-type]


def furnish(db: Db, *, hoods: int, doses: int, balances: Sequence[Balance] = ()) -> tuple[Hood, ...]:
    """Seed the pretend hospital with hoods, a technician and doses for each.

    With `balances` (one for each hood) every hood has one, and a dose under it that waits for its bag to be weighed.
    """
    people = demo.seed(db, demo.Devices(printer_url="folder:labels"))
    knows(db, demo.who("petra", people))
    made = [add_hood(db, people, number, doses, balances) for number in range(1, hoods + 1)]
    return tuple(_at_the_pan(db, hood) for hood in made) if balances else tuple(made)


def add_hood(db: Db, people: dict[str, int], number: int, doses: int, balances: Sequence[Balance] = ()) -> Hood:
    """Add a hood to the pretend hospital, with a technician and doses of its own."""
    petra = demo.who("petra", people)
    balance = balances[number - 1] if balances else None
    badge = f"BADGE-TINA{number:04}"
    code = f"bench-{number}"
    until = db.clock().date() + timedelta(days=180)
    with db.write(petra) as tx:
        station = Station(
            code=code, kind="hood", name=f"Hood {number} of the measurement", host=f"{code}.localhost",
            px_per_mm=Decimal("5.9"), hood_certified_until=until, room_certified_until=until,
            balance_url=balance.url if balance else None, balance_protocol="mt-sics",
            balance_serial=balance.serial if balance else "SIM-0001", balance_readability_g=Decimal("0.01"),
            balance_repeatability_g=Decimal("0.01"), balance_simulated=True,
            printer_url="folder:labels", printer_simulated=True,
        )  # fmt: skip
        add_station(tx, station)
        name, roles = demo.CAST["tina"]
        person_id = add_person(tx, f"{name} at {code}", code, roles)
        one_time = invite(tx, person_id)
        station_id, station_host = station.id, station.host
    accept_invitation(db, one_time, demo.PIN, demo.PASSWORD, badge)
    who = Who(person_id, f"{name} at {code}", roles, station_id)
    assert station_host is not None
    return Hood(number, station_id, station_host, badge, who, _doses(db, people, number, doses))


def _doses(db: Db, people: dict[str, int], number: int, wanted: int) -> tuple[int, ...]:
    """Doses of hourly vancomycin, by as many orders as it takes."""
    found: list[int] = []
    due: datetime = (db.clock() + timedelta(hours=1)).replace(minute=0, second=0, microsecond=0)
    order = 0
    while len(found) < wanted:
        order += 1
        stated = demo.order(
            db, demo.VANCOMYCIN, demo.SALINE_250, patient=number % 3, number=f"B{number:02}{order:02}", due=due
        )
        hourly = Schedule(Interval(timedelta(hours=1)), stated.start_at)
        version_id = demo.verified_order(db, people, replace(stated, schedule=hourly))
        with db.read() as session:
            found += [dose.id for dose in doses_of(session, version_id)]
    return tuple(found[:wanted])


def _at_the_pan(db: Db, hood: Hood) -> Hood:
    """Lead the hood's first dose to its first weighing."""
    house = House("Laminar", "order number", True)
    with db.write(hood.who) as tx:
        work_id = hood_actions.claim(tx, hood.doses[0], hood.tray, house)
    while True:
        with db.read() as session:
            step = opened(session, work_id).where.current
        if isinstance(step, Weigh):
            return replace(hood, work_id=work_id)
        assert isinstance(step, Scan), "a dose of vancomycin begins with scans and a weighing"
        with db.write(hood.who) as tx:
            scan_actions.scan(tx, work_id, demo.barcode(step.slot, serial=f"P{hood.number}"), house)
