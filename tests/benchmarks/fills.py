"""A thousand beds with twelve orders each: how long the fill of a day takes, what a scan waits meanwhile, and a change.

Beside it the two limits: the same rows inserted bare, into tables without keys or indexes, and the same orders expanded
by dateutil.rrule, which knows neither holds nor stock nor reasons.
"""

import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from dateutil.rrule import HOURLY, rrule
from sqlalchemy import select, text

from app import demo, demo_cart
from app.db import migrate
from app.db.session import SYSTEM, Db
from app.orders import actions as orders
from app.orders.models import Dose
from app.tables import metadata
from tests.benchmarks.large_hospital import MIX, Large, large_hospital
from tests.benchmarks.results import Limit, Row, spread
from unitdose import pick_actions, pick_scan_actions, scheduler
from unitdose.cart_models import Cart
from unitdose.models import Allocation, Fill, FillLine

FIRST = datetime(2026, 11, 22, 2, tzinfo=UTC)
NOW = datetime(2026, 11, 22, 16, 5, tzinfo=UTC)
START = datetime(2026, 11, 22, 20, tzinfo=UTC)
DAY = timedelta(days=1)
PAUSE_S = 0.1
"""A technician does not scan faster; what is counted is how long each of these scans takes."""


def measured(name: str, url: str, beds: int, changes: int) -> list[Row]:
    """Seed, fill, and change; the rows of one database."""
    db = Db(url, lambda: NOW)
    try:
        migrate.upgrade(db.writer, metadata)
        big = large_hospital(db, beds, FIRST)
        return _rows(name, db, big, beds, changes)
    finally:
        db.close()


def _rows(name: str, db: Db, big: Large, beds: int, changes: int) -> list[Row]:
    demo_cart.ward_orders(db, big.people, FIRST)
    other = _planned(db, _cart_of_the_demo(db))
    waits, done = _scans_beside(db, big, other)
    began = time.perf_counter()
    for cart in big.carts:
        _planned(db, cart)
    took = time.perf_counter() - began
    done.set()
    found = waits()
    with db.read() as session:
        lines = session.scalar(select(text("count(*)")).select_from(FillLine)) or 0
    bare, by_rule = _bare(db), _by_rrule(beds)
    deltas = _deltas(db, changes)
    return [
        Row(
            f"fill of {beds:,} beds, {big.orders:,} orders, {name}",
            figure=f"{took:.1f} s for {lines:,} doses; {took / bare:.1f} × bare; {took / by_rule:.1f} × rrule",
            limit=Limit("for the whole hospital", took, 5, "s"),
        ),
        Row(f"the same rows inserted bare, {name}", figure=f"{bare:.2f} s"),
        Row("the same orders expanded by dateutil.rrule", figure=f"{by_rule:.2f} s"),
        Row(
            f"a scan at another cart meanwhile, {name}",
            spread(found),
            limit=Limit("at worst", max(found) * 1000, 100, "ms"),
        ),
        Row(
            f"a plan after one changed order, {name}",
            spread(deltas),
            limit=Limit("at the median", spread(deltas).p50, 100, "ms"),
        ),
    ]


def _cart_of_the_demo(db: Db) -> int:
    with db.read() as session:
        return session.scalars(select(Cart.id).where(Cart.code == "7W")).one()


def _planned(db: Db, cart: int) -> int:
    with db.write(SYSTEM) as tx:
        fill_id = scheduler.open_fill(tx, cart, START)
    scheduler.run(db, fill_id)
    return fill_id


def _scans_beside(db: Db, big: Large, fill_id: int):  # type: ignore[no-untyped-def]
    """Scan a wrong package at another cart again and again, in another thread; the seconds of each, when asked."""
    who, code = demo_cart.who("tina", big.people), demo_cart.unit_code("metronidazole")
    found: list[float] = []
    done = threading.Event()
    with db.write(who) as tx:
        pick_actions.start(tx, fill_id)

    def scan() -> None:
        while not done.is_set() or not found:
            began = time.perf_counter()
            with db.write(who) as tx:
                pick_scan_actions.scan(tx, code)
            found.append(time.perf_counter() - began)
            done.wait(PAUSE_S)

    running = threading.Thread(target=scan)
    running.start()

    def waits() -> list[float]:
        running.join()
        return found

    return waits, done


def _bare(db: Db) -> float:
    """Seconds to insert what the fill wrote, as plain rows in one transaction."""
    names = [each.__tablename__ for each in (FillLine, Allocation, Dose)]
    took = 0.0
    for name in names:
        with db.writer.begin() as connection:
            rows = [dict(each) for each in connection.execute(text(f"SELECT * FROM {name}")).mappings()]
            connection.execute(text(f"CREATE TABLE bare_{name} AS SELECT * FROM {name} WHERE 1 = 0"))
        if rows:
            columns = list(rows[0])
            into = f"INSERT INTO bare_{name} ({', '.join(columns)}) VALUES (:{', :'.join(columns)})"
            began = time.perf_counter()
            with db.writer.begin() as connection:
                connection.execute(text(into), rows)
            took += time.perf_counter() - began
    return took


def _by_rrule(beds: int) -> float:
    zone = ZoneInfo(demo.ZONE)
    first, start = (each.astimezone(zone).replace(tzinfo=None) for each in (FIRST, START))
    began = time.perf_counter()
    for _ in range(beds):
        for *_, minutes in MIX:
            rrule(HOURLY, interval=minutes // 60, dtstart=first).between(start, start + DAY, inc=True)
    return time.perf_counter() - began


def _deltas(db: Db, changes: int) -> Sequence[float]:
    """Stop one order after the other, and plan its cart again: the seconds of each plan."""
    with db.read() as session:
        query = (
            select(FillLine.order_id, FillLine.fill_id)
            .join(Fill, Fill.id == FillLine.fill_id)
            .where(FillLine.packages > 0)
            .group_by(FillLine.order_id, FillLine.fill_id)
            .order_by(FillLine.order_id)
            .limit(changes)
        )
        chosen = session.execute(query).all()
        people = dict(session.execute(text("SELECT username, id FROM person")).all())
    found = []
    for order_id, fill_id in chosen:
        with db.write(demo_cart.who("pablo", people)) as tx:
            orders.stop(tx, order_id, reason="measured")
        began = time.perf_counter()
        scheduler.change_orders(db, fill_id, [order_id])
        found.append(time.perf_counter() - began)
    return found
