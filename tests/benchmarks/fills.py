"""A thousand beds with twelve orders each: how long the fill of a day takes, what a scan waits meanwhile, and a change.

The product serves its pages in a process of its own, and a technician scans at a hood, while it plans every cart.
Beside it stand the two limits: the same rows inserted bare, into tables without a key or an index, and the same orders
expanded by dateutil.rrule, which knows neither holds nor stock nor reasons.
"""

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from select import select as ready
from zoneinfo import ZoneInfo

from dateutil.rrule import DAILY, rrule
from sqlalchemy import func, select, text

from app import demo, demo_cart
from app.db.session import Db
from app.orders import actions as orders
from app.orders.schedule import Times
from tests.benchmarks.databases import Hood, add_hood
from tests.benchmarks.fill_server import FILLED
from tests.benchmarks.large_hospital import CUTOFF, DAY, MIX, START, Large, begun_at, large_hospital, schedule_of_mix
from tests.benchmarks.results import Limit, Row, spread
from tests.benchmarks.scans import scans_of_a_dose
from tests.benchmarks.serving import PATIENCE, ROOT, end, free_port
from tests.benchmarks.tablets import Tablet, signed_in
from unitdose import scheduler
from unitdose.models import Fill, FillLine

FILL_S, SCAN_MS, DELTA_MS = 5.0, 100.0, 100.0
_TODAY = "(SELECT id FROM fill WHERE closed_at IS NULL)"
WRITTEN = {
    "dose": f"id IN (SELECT dose_id FROM fill_line WHERE fill_id IN {_TODAY})",
    "fill_line": f"fill_id IN {_TODAY}",
    "allocation": f"line_id IN (SELECT id FROM fill_line WHERE fill_id IN {_TODAY})",
}
"""The tables into which the fill writes most, and which of their rows are its."""
PAUSE_S = 0.1
"""Between two scans at the hood: it scans as often as all stations of a busy hospital together."""
BEFORE = 24
DOSES = 60


@dataclass(frozen=True)
class Seeded:
    """The large hospital, with one hood at which somebody works meanwhile."""

    large: Large
    hood: Hood


@dataclass(frozen=True)
class Filled:
    """What the fill took: seconds, processor seconds of the process, the seconds of each scan before and meanwhile."""

    seconds: float
    cpu: float
    before: list[float]
    scans: list[float]


def at_cutoff() -> datetime:
    """The clock of the hospital that is measured."""
    return CUTOFF


def seed(db: Db, beds: int) -> Seeded:
    """Seed the large hospital and its hood."""
    large = large_hospital(db, beds)
    return Seeded(large, add_hood(db, large.people, 1, DOSES))


def filled(url: str, folder: Path, hood: Hood) -> Filled:
    """Serve, and plan every cart while a technician scans at the hood."""
    with _serving(url, folder) as (process, port):
        assert process.stdin and process.stdout
        tablet = signed_in(port, hood)
        scanning = _scans(tablet, hood)
        for _ in range(6):  # the first dose warms up
            next(scanning)
        before = [_paced(scanning) for _ in range(BEFORE)]
        process.stdin.write(b"fill\n")
        process.stdin.flush()
        found = []
        while not ready([process.stdout], [], [], 0)[0]:
            found.append(_paced(scanning))
        tablet.close()
        word, seconds, cpu = process.stdout.readline().decode().split()
        assert word == FILLED
        return Filled(float(seconds), float(cpu), before, found)


def _paced(scanning: Iterator[float]) -> float:
    time.sleep(PAUSE_S)
    return next(scanning)


@contextmanager
def _serving(url: str, folder: Path) -> Iterator[tuple["subprocess.Popen[bytes]", int]]:
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.fill_server", url, str(port), str(folder)],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        _answers(port, process)
        yield process, port
    finally:
        end(process)


def _answers(port: int, process: "subprocess.Popen[bytes]") -> None:
    until = time.perf_counter() + PATIENCE
    while True:
        tablet = Tablet(port, "localhost")
        try:
            tablet.get("/sign-in")
            return
        except OSError:
            if time.perf_counter() > until or process.poll() is not None:
                raise
            time.sleep(0.05)
        finally:
            tablet.close()


def _scans(tablet: Tablet, hood: Hood) -> Iterator[float]:
    """The seconds of one scan after the other at a hood, from its post to the page that it leads to."""
    for dose_id in hood.doses:
        page = tablet.post("/hood/scan", scan=hood.tray, dose=str(dose_id)).location
        tablet.get(page)
        for scan in scans_of_a_dose():
            begun = time.perf_counter()
            tablet.get(tablet.post(f"{page}/scan", scan=scan).location)
            yield time.perf_counter() - begun
        tablet.post(f"{page}/drop", reason="Contaminated")
    raise RuntimeError("The fill took longer than the hood has doses.")


def rows(name: str, url: str, seeded: Seeded, done: Filled, changes: int) -> list[Row]:
    """The lines of one database, with what is measured beside the fill and after it."""
    db = Db(url, at_cutoff)
    try:
        with db.read() as session:
            today = select(func.count(FillLine.id)).join(Fill, Fill.id == FillLine.fill_id)
            lines = session.scalar(today.where(Fill.closed_at.is_(None))) or 0
        bare, deltas = _bare(db), _deltas(db, seeded.large.people, changes)
    finally:
        db.close()
    beds = seeded.large.orders // len(MIX)
    by_rule = _by_rrule(beds)
    return [
        Row(
            f"fill of {beds:,} beds, {seeded.large.orders:,} orders, {lines:,} doses, {name}",
            figure=f"{done.cpu:.1f} s of processor time; {done.seconds / bare:.1f} × bare; "
            f"{done.seconds / by_rule:.1f} × rrule",
            limit=Limit("", done.seconds, FILL_S, "s"),
        ),
        Row(f"the same rows inserted bare, {name}", figure=f"{bare:.2f} s"),
        Row("the same orders expanded by dateutil.rrule", figure=f"{by_rule:.2f} s"),
        Row(f"scan → new fragment at a hood before the fill, {name}", spread(done.before)),
        Row(
            f"scan → new fragment at a hood during the fill, {name}",
            spread(done.scans),
            limit=Limit("at worst", max(done.scans) * 1000, SCAN_MS, "ms"),
        ),
        Row(
            f"plan after one changed order, {name}",
            spread(deltas),
            limit=Limit("(p95)", spread(deltas).p95, DELTA_MS, "ms"),
        ),
    ]


def _bare(db: Db) -> float:
    """Seconds to insert what the fill wrote, as plain rows in one transaction into tables without key or index."""
    with db.writer.connect() as connection:
        took = 0.0
        for name, which in WRITTEN.items():
            rows = [dict(row) for row in connection.execute(text(f"SELECT * FROM {name} WHERE {which}")).mappings()]
            connection.execute(text(f"CREATE TEMPORARY TABLE bare_{name} AS SELECT * FROM {name} WHERE 1 = 0"))
            connection.commit()
            columns = list(rows[0])
            into = text(f"INSERT INTO bare_{name} ({', '.join(columns)}) VALUES (:{', :'.join(columns)})")
            began = time.perf_counter()
            connection.execute(into, rows)
            connection.commit()
            took += time.perf_counter() - began
        return took


def _by_rrule(beds: int) -> float:
    """Seconds to expand the orders over the window, each from its own beginning, on the wall clock."""
    zone = ZoneInfo(demo.ZONE)
    rules = []
    for bed in range(beds):
        begun = begun_at(bed).astimezone(zone).replace(tzinfo=None)
        for *_, frequency in MIX:
            rhythm = schedule_of_mix(frequency, begun_at(bed)).rhythm
            assert isinstance(rhythm, Times)
            rules.append((begun, [each.hour for each in rhythm.at]))
    start = START.astimezone(zone).replace(tzinfo=None)
    began = time.perf_counter()
    for begun, hours in rules:
        rrule(DAILY, dtstart=begun, byhour=hours, byminute=0, bysecond=0).between(start, start + DAY, inc=True)
    return time.perf_counter() - began


def _deltas(db: Db, people: dict[str, int], changes: int) -> Sequence[float]:
    """Stop one order after the other, and plan its cart again: the seconds of each plan."""
    with db.read() as session:
        query = (
            select(FillLine.order_id, FillLine.fill_id)
            .join(Fill, Fill.id == FillLine.fill_id)
            .where(FillLine.packages > 0, Fill.closed_at.is_(None))
            .group_by(FillLine.order_id, FillLine.fill_id)
            .order_by(FillLine.order_id)
        )
        every = session.execute(query).all()
    found = []
    for order_id, fill_id in every[:: max(1, len(every) // changes)][:changes]:
        with db.write(demo_cart.who("pablo", people)) as tx:
            orders.stop(tx, order_id, reason="measured")
        began = time.perf_counter()
        scheduler.change_orders(db, fill_id, [order_id])
        found.append(time.perf_counter() - began)
    return found
