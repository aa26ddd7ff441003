"""The pretend hospital in operation: a database, a simulated balance and printer behind real ports, pages, a bench."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import uvicorn

from app import demo, demo_cart
from app.db import migrate
from app.db.session import SYSTEM, Db
from app.demo_orders import CODES, DAY, SENDER, arriving, map_codes
from app.demo_picture import jpeg
from app.formulary.queries import drug_by_code
from app.identity.queries import people as everybody
from app.main import create_app, metadata, open_database, put_together, system_clock
from app.settings import Settings
from app.stations.actions import add_station
from app.stations.models import Station
from app.stations.queries import station_by_code
from app.web.bench import Bench, Door, Player, router
from app.web.parts import Parts
from devices.simulated_printer import SimulatedPrinter
from devices.simulators import SimulatedBalance
from unitdose.cart_models import Cart
from unitdose.scheduler import next_window, open_fill

HOOD, SECOND = "hood-1", "hood-2"
SERIALS = {HOOD: "SIM-0001", SECOND: "SIM-0002"}
KINDS = {"tina": "hood", "pablo": "desk", "petra": "desk", "nina": "ward"}
ALSO_AT = {"tina": ("desk",)}
"""Tina picks carts at the desk's own device, too."""


@dataclass
class Trial:
    """A pretend hospital that is open: its parts, its application, its bench, and the balance of each hood."""

    parts: Parts
    app: Any
    bench: Bench
    balances: dict[str, SimulatedBalance]
    people: dict[str, int]


@contextmanager
def trial(
    folder: Path,
    *,
    database: str | None = None,
    settle_s: float = 1.2,
    hl7_port: int = 0,
    second_hood: bool = False,
    settings: Settings | None = None,
    clock: Callable[[], datetime] = system_clock,
) -> Iterator[Trial]:
    """Open the pretend hospital in a folder: migrated, seeded when empty, its devices simulated on loopback ports.

    `second_hood` adds the stations at which the day plays by itself. Everything is closed at the end.
    """
    folder.mkdir(parents=True, exist_ok=True)
    settings = settings or Settings(
        database=database or f"sqlite:///{(folder / 'laminar.db').absolute()}",
        photos=folder / "photos",
        backups=folder / "backups",
        hospital="Laminar General (pretend)",
        zone=demo.ZONE,
        mllp_port=hl7_port,
        mllp_sender=SENDER,
    )
    with ExitStack() as open_things:
        codes = (HOOD, SECOND) if second_hood else (HOOD,)
        made = {code: SimulatedBalance(SERIALS[code], settle_s=settle_s, seed=n) for n, code in enumerate(codes, 1)}
        balances = {code: open_things.enter_context(balance) for code, balance in made.items()}
        printer = open_things.enter_context(SimulatedPrinter())
        people = furnish(settings, balances, printer, clock)
        parts = put_together(settings, clock)
        with parts.db.read() as session:
            names = {code: drug.name for code in CODES if (drug := drug_by_code(session, code))}
        open_things.callback(parts.db.close)
        bench = Bench(
            hood=HOOD,
            balance=balances[HOOD],
            printer=printer,
            barcode=barcode,
            ndcs=tuple(good.package for good in demo.GOODS),
            picture=jpeg,
            order=lambda: "",
            cast=tuple(
                Player(name, ", ".join(sorted(roles)), kind, demo.BADGES[key], demo.PIN)
                for key, (name, roles) in demo.CAST.items()
                for kind in (KINDS[key], *ALSO_AT.get(key, ()))
            ),
            unit_code=demo_cart.unit_dose_code,
        )
        app = create_app(parts, extra=(router,))
        app.state.bench = bench

        def heard_on() -> int | None:
            wire = getattr(app.state, "wire", None)
            return wire.port if wire else None

        bench.order = arriving(heard_on, names, clock)
        app.add_middleware(Door)
        yield Trial(parts, app, bench, balances, people)


def furnish(
    settings: Settings,
    balances: dict[str, SimulatedBalance],
    printer: SimulatedPrinter,
    clock: Callable[[], datetime] = system_clock,
) -> dict[str, int]:
    """Migrate the database, seed it when it is empty, and note where this run's devices are. Returns the people."""
    db = open_database(settings, clock)
    try:
        migrate.upgrade(db.writer, metadata)
        with db.read() as session:
            known = station_by_code(session, HOOD) is not None
        if not known:
            first = balances[HOOD]
            everyone = demo.seed(db, demo.Devices(first.url, first.serial, printer.url))
            _orders_of_the_day(db, everyone)
            _carts_of_the_day(db, everyone, printer.url)
        with db.read() as session:
            people = {line.username: line.id for line in everybody(session, clock())}
        with db.write(demo.who("petra", people)) as tx:
            if SECOND in balances and station_by_code(tx.session, SECOND) is None:
                _second_stations(tx, balances[SECOND])
        with db.write(SYSTEM) as tx:
            for code, balance in balances.items():
                hood = station_by_code(tx.session, code)
                assert hood is not None
                hood.balance_url, hood.printer_url = balance.url, printer.url
        demo.check_balances(db, people)
        return people
    finally:
        db.close()


def _second_stations(tx: Any, balance: SimulatedBalance) -> None:
    """The stations at which the day plays by itself, so that nobody is signed out at the first ones."""
    first = station_by_code(tx.session, HOOD)
    assert first is not None
    hood = Station(
        code=SECOND, kind="hood", name="Hood 2", host="hood-2.localhost", px_per_mm=Decimal("5.9"),
        hood_certified_until=first.hood_certified_until, room_certified_until=first.room_certified_until,
        balance_url=balance.url, balance_protocol="mt-sics", balance_serial=balance.serial,
        balance_readability_g=Decimal("0.01"), balance_repeatability_g=Decimal("0.01"), balance_simulated=True,
        printer_url=first.printer_url, printer_simulated=True,
    )  # fmt: skip
    add_station(tx, hood)
    for code, kind, name, px in (
        ("desk-2", "desk", "Second desk", "3.8"), ("ward-2", "ward", "7 West, second phone", "6.1"),
    ):  # fmt: skip
        host = f"{code}.localhost"
        add_station(
            tx, Station(code=code, kind=kind, name=name, host=host, px_per_mm=Decimal(px), printer_simulated=True)
        )


def _orders_of_the_day(db: Db, people: dict[str, int]) -> None:
    """Four orders, verified, so that the hood has something to do from the first minute."""
    now = db.clock()
    with db.write(demo.who("pablo", people)) as tx:
        map_codes(tx)
    for number, each in enumerate(DAY):
        due = (now + timedelta(minutes=45 + 30 * number)).replace(second=0, microsecond=0)
        stated = demo.order(
            db, each.drugs, each.base, patient=each.patient, number=f"RX{1001 + number}", priority=each.priority,
            due=due, frequency=each.frequency,
        )  # fmt: skip
        demo.verified_order(db, people, stated)


def _carts_of_the_day(db: Db, people: dict[str, int], printer_url: str) -> None:
    """The cart room with its ward's oral orders; the next window of each cart is open, so that it can be picked."""
    carts = demo_cart.seed_cart_room(db, people, printer_url)
    yesterday = (demo.local(db.clock()) - timedelta(days=1)).replace(hour=21, minute=0, second=0, microsecond=0)
    demo_cart.ward_orders(db, people, yesterday.astimezone(UTC))
    for cart_id in carts.values():
        with db.write(demo_cart.who("tina", people)) as tx:
            cart = tx.session.get_one(Cart, cart_id)
            open_fill(tx, cart_id, next_window(tx.session, cart, tx.now).start)


def barcode(ndc: str, serial: str, expired: bool) -> str:
    """What a scanner reads from a container of the pretend pharmacy."""
    key = next(good.key for good in demo.GOODS if good.package == ndc)
    if expired:
        return demo.barcode(key, expiry=date(2024, 1, 31), lot="OLD01", serial=serial)
    return demo.barcode(key, serial=serial)


class Server(uvicorn.Server):
    """A server that also runs in a thread of its own and tells when it answers."""

    def __init__(self, app: Any, port: int):
        super().__init__(
            uvicorn.Config(app, "127.0.0.1", port, log_level="warning", timeout_graceful_shutdown=2, access_log=False)
        )

    @property
    def port(self) -> int:
        """The port in use, once started (asked for 0: any free one)."""
        return int(self.servers[0].sockets[0].getsockname()[1])

    def in_thread(self, patience_s: float = 20) -> threading.Thread:
        """Start in a thread and wait until it answers. Raises RuntimeError when it does not."""
        thread = threading.Thread(target=self.run, name="server", daemon=True)
        thread.start()
        pause = threading.Event()
        for _ in range(int(patience_s * 50)):
            if self.started:
                return thread
            if not thread.is_alive():
                break
            pause.wait(0.02)
        raise RuntimeError("The server did not start. Is the port in use? Choose another one with --port.")
