"""The only place where things are put together: settings, clock, database, devices, rooms, pages."""

import gc
import hashlib
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import anyio.to_thread
from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from app.db.session import SYSTEM, Clock, Db
from app.interop.wire_actions import open_wire
from app.labels.house import House
from app.settings import Settings
from app.stations.actions import first_station
from app.stations.photos import PhotoStore
from app.stations.queries import stations
from app.tables import metadata
from app.web import (
    audit,
    balance_check,
    cart_check,
    cart_labels,
    carts,
    check,
    code_sheets,
    deliveries,
    devices,
    doses,
    errors,
    fills,
    formulary,
    health,
    hood,
    live,
    locations,
    messages,
    missing,
    orders,
    own_sign_in,
    people,
    pick,
    receipts,
    recipes,
    records,
    returns,
    scans,
    shell,
    sign_in,
    station_setup,
    stock,
    times,
    unit_doses,
    ward,
    worklist,
)
from app.web.downtime import DowntimePack
from app.web.guard import Guard
from app.web.heartbeat import Heartbeat
from app.web.news import News
from app.web.parts import Parts
from app.worker import Worker
from devices.hub import Hub
from devices.printer import Printer
from devices.printers import printer_from_url
from unitdose.label_actions import DrawerLabels
from unitdose.tick_scheduler import CartWatch, LateWatch

STATIC = Path(__file__).parent / "web" / "static"
ROUTERS = (
    sign_in.router, worklist.router, hood.router, check.router, records.router, live.router, health.router, ward.router,
    scans.router, doses.router, receipts.router, deliveries.router, missing.router, devices.router,
    station_setup.router, stock.router, people.router, audit.router, recipes.router, formulary.router, orders.router,
    times.router, messages.router, fills.router, pick.router, cart_check.router, returns.router, shell.router,
    cart_labels.router, code_sheets.router, balance_check.router, carts.router, unit_doses.router,
    locations.router, own_sign_in.router,
)  # fmt: skip
THREADS = 8

__all__ = ["create_app", "metadata", "open_database", "system_clock"]


def system_clock() -> datetime:
    """The server's clock; nobody else's counts."""
    return datetime.now(UTC)


def open_database(settings: Settings, clock: Clock = system_clock, news: News | None = None) -> Db:
    """Open the database of the settings; acts tell `news` of their topics."""
    return Db(settings.database, clock, news.publish if news else lambda topic: None)


def build_of(folder: Path = STATIC) -> str:
    """A short text that changes with the style sheet and scripts, for caches and old pages."""
    digest = hashlib.sha256()
    for path in sorted([*folder.glob("*.css"), *folder.glob("*.html"), *folder.glob("*.js"), *folder.glob("js/*.js")]):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


class Printers:
    """The printers by their address, each made once."""

    def __init__(self, clock: Clock):
        self._clock = clock
        self._made: dict[str, Printer] = {}
        self._lock = threading.Lock()

    def __call__(self, url: str) -> Printer:
        with self._lock:
            if url not in self._made:
                self._made[url] = printer_from_url(url, self._clock)
            return self._made[url]


def put_together(
    settings: Settings,
    clock: Clock = system_clock,
    hub: Hub | None = None,
    printer: Callable[[str], Printer] | None = None,
) -> Parts:
    """Put the parts of one product together; the database must be migrated."""
    news = News()
    db = open_database(settings, clock, news)

    return Parts(
        db=db,
        settings=settings,
        house=House(settings.hospital, settings.bedside_barcode, settings.test),
        hub=hub or Hub(),
        printer=printer or Printers(clock),
        photos=PhotoStore(settings.photos),
        news=news,
        clock=clock,
        build=build_of(),
    )


def connect_balances(parts: Parts) -> None:
    """Let the hub own the port of every hood's balance; what cannot be opened is tried again by itself."""
    with parts.db.read() as session:
        for station in stations(session):
            if station.balance_url and station.code not in parts.hub.statuses():
                protocol = station.balance_protocol or "mt-sics"
                parts.hub.add(station.code, station.balance_url, protocol, station.balance_serial)


def create_app(parts: Parts, *, extra: tuple = (), worker: bool = True) -> FastAPI:
    """The web application over its parts. `extra` are routers of a trial installation (the demo's bench)."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        # 40 threads of database work would fight for the interpreter; a few are faster for everybody.
        anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
        with parts.db.write(SYSTEM) as tx:
            first_station(tx)
        connect_balances(parts)
        parts.hub.start()
        ticking = Worker(parts.db, parts.printer, parts.clock, parts.settings)
        app.state.heartbeat = Heartbeat()
        ticking.ticks.append(app.state.heartbeat)
        ticking.ticks += [CartWatch(parts.db).look, LateWatch(parts.db).look]
        ticking.ticks.append(DrawerLabels(parts.db, parts.house).look)
        ticking.ticks.append(DowntimePack(parts).look)
        app.state.wire = await open_wire(parts.db, parts.settings) if worker else None
        if worker:
            ticking.start()
        # A full garbage collection stops every station for 30 ms; what was loaded at the start never needs one.
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)
        yield
        parts.news.close()
        if app.state.wire:
            await app.state.wire.close()
        ticking.stop()
        parts.hub.stop()

    app = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.parts = parts
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    for router in (*ROUTERS, *extra):
        app.include_router(router)
    errors.install(app)

    app.add_middleware(Guard)
    return app
