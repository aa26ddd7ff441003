"""`python -m tests.benchmarks`: measure the product beside the limits of this machine, and say what holds.

A whole run takes a few minutes and writes docs/performance.md; `--quick` takes less than one and writes nothing.
Everything listens on loopback, and every process that is started is ended.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from app.db.session import Db
from app.main import system_clock
from tests.benchmarks import (
    databases,
    fills,
    histories,
    limits,
    machine,
    messages,
    page,
    painted,
    scans,
    start,
    weights,
)
from tests.benchmarks.results import Row, cells, spread
from tests.benchmarks.serving import Served, served


@dataclass(frozen=True)
class Size:
    """How much is measured: commits, no-op requests, doses at one hood and at each of eight, starts, beds, …

    `most_s`: on a slow or busy machine, seconds after which a measurement of scans or messages begins nothing more.
    """

    commits: int
    requests: int
    one: int
    eight: int
    painted: int
    starts: int
    watch_s: float
    messages: int
    most_s: float
    beds: int
    changes: int
    doses_in_all: int

    @property
    def doses(self) -> int:
        """The doses that one hood needs: for one station, for eight, painted, and one of each to warm up."""
        return self.one + self.eight + self.painted + 3


WHOLE = Size(
    commits=500, requests=1000, one=51, eight=8, painted=6, starts=5, watch_s=15, messages=600, most_s=20, beds=1000,
    changes=40, doses_in_all=1_000_000,
)  # fmt: skip
QUICK = Size(
    commits=100, requests=200, one=10, eight=2, painted=2, starts=1, watch_s=4, messages=100, most_s=5, beds=60,
    changes=10, doses_in_all=20_000,
)  # fmt: skip


@dataclass
class Run:
    """One run: its size, its folder, and what was found so far."""

    size: Size
    folder: Path
    admin: str
    parts: list[tuple[str, list[Row]]] = field(default_factory=list)
    hoods: Sequence[databases.Hood] = ()
    url: str = ""
    worked_mb: float = 0.0

    def say(self, title: str, rows: list[Row]) -> None:
        self.parts.append((title, rows))
        print(f"\n{title}")
        for row in rows:
            print("  " + " | ".join(text for text in cells(row) if text), flush=True)

    def limits(self) -> None:
        nothing = limits.no_op(self.size.requests)
        self.say("Limit of the server software", [limits.row("a route that does nothing", nothing)])

    def scans_on_sqlite(self) -> None:
        self.url, self.hoods = databases.sqlite_hospital(self.folder, "scans", hoods=8, doses=self.size.doses)
        with served(self.url, self.folder) as server:
            rows = self._scans("SQLite", server, lambda: limits.sqlite_commit(self.folder, self.size.commits))
            self.worked_mb = server.memory_mb(peak=True)
            doses = self.hoods[0].doses[-1 - self.size.painted :]
            shown = painted.paint(server.port, self.hoods[0], doses, self.size.most_s)
        self.say("Scan → new fragment", rows)
        self.say("Scan → painted", painted.rows(*shown))

    def scans_on_postgresql(self) -> None:
        url, self.hoods = databases.postgresql_hospital(self.admin, "scans", hoods=8, doses=self.size.doses)
        with served(url, self.folder) as server:
            rows = self._scans("PostgreSQL", server, lambda: limits.postgresql_commit(self.admin, self.size.commits))
        self.say("Scan → new fragment, PostgreSQL", rows)

    def _scans(self, database: str, server: Served, commit: Callable[[], list[float]]) -> list[Row]:
        # The raw commits stand right before and after the scans that they are the measure of.
        before = commit()
        one = scans.at_hoods(server, self.hoods[:1], 0, self.size.one, self.size.most_s)
        raw = spread(before + commit())
        eight = scans.at_hoods(server, self.hoods, self.size.one + 1, self.size.eight, self.size.most_s)
        return [limits.row(f"raw durable commit, {database}", raw), *scans.rows(database, raw, one, eight)]

    def starts(self) -> None:
        seconds, idle = start.starts(self.url, self.folder, self.size.starts)
        self.say("Start and memory", start.rows(seconds, idle, self.worked_mb))

    def weights(self) -> None:
        self.say("Balance → tablet", weights.rows(weights.watch(self.folder, self.size.watch_s)))

    def messages(self) -> None:
        url, _ = databases.sqlite_hospital(self.folder, "messages", hoods=0, doses=0)
        with served(url, self.folder, hl7=True) as server:
            assert server.mllp_port is not None
            found = []
            for count, share in ((1, 1), (8, 4)):
                each = self.size.messages // share
                sent = messages.send(server.mllp_port, count, each, f"C{count}-", self.size.most_s / 2)
                found.append((count, *sent))
            db = Db(url, system_clock)
            try:
                applied = messages.applied_after(db, 30)
            finally:
                db.close()
        self.say("HL7 orders", messages.rows("SQLite", found, applied))

    def fills_on_sqlite(self) -> None:
        url, seeded = databases.sqlite_database(self.folder, "fill", self._seed_fill, fills.at_cutoff)
        done = fills.filled(url, self.folder, seeded.hood)
        self.say("Cart fill", fills.rows("SQLite", url, seeded, done, self.size.changes))
        few_url, _ = databases.sqlite_database(self.folder, "few", histories.small, fills.at_cutoff)
        histories.grow(url, self.size.doses_in_all)
        few, many = histories.seconds(few_url, 200), histories.seconds(url, 200)
        self.say("History of a dose", histories.rows(few, many))

    def fills_on_postgresql(self) -> None:
        url, seeded = databases.postgresql_database(self.admin, "fill", self._seed_fill, fills.at_cutoff)
        done = fills.filled(url, self.folder, seeded.hood)
        self.say("Cart fill, PostgreSQL", fills.rows("PostgreSQL", url, seeded, done, self.size.changes))

    def _seed_fill(self, db: Db) -> fills.Seeded:
        return fills.seed(db, self.size.beds)


def main() -> int:
    """Measure everything once; 0 when every limit holds, 1 when one does not."""
    wanted = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    wanted.add_argument("--quick", action="store_true", help="small counts, under a minute; writes no page")
    wanted.add_argument("--only", help="one part, such as scans, weights or fills; writes no page")
    chosen = wanted.parse_args()
    load = os.getloadavg()
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="laminar-bench-") as name, databases.postgresql() as admin:
        run = Run(QUICK if chosen.quick else WHOLE, Path(name), admin)
        facts = machine.facts(run.folder, admin, load)
        for fact in facts:
            print(f"{fact[0]}: {fact[1]}")
        for part in parts_of(run, chosen.only):
            part()
    took = time.perf_counter() - begun
    failed = [row for _, rows in run.parts for row in rows if row.limit and not row.limit.holds]
    print(f"\n{took:.0f} s. " + (f"{len(failed)} of the limits do not hold." if failed else "Every limit holds."))
    if not chosen.quick and not chosen.only:
        when = f"{datetime.now(UTC):%d-%b-%Y %H:%M} UTC, {took:.0f} s"
        page.put(page.written(when, facts, run.parts))
        print(f"Written: {page.PAGE.relative_to(Path.cwd())}")
    return 1 if failed else 0


def parts_of(run: Run, only: str | None) -> list[Callable[[], None]]:
    """The parts in their order; what a chosen part stands on comes with it."""
    every = {
        "limits": run.limits,
        "scans": run.scans_on_sqlite,
        "postgresql": run.scans_on_postgresql,
        "start": run.starts,
        "weights": run.weights,
        "messages": run.messages,
        "fills": run.fills_on_sqlite,
        "fills-postgresql": run.fills_on_postgresql,
    }
    needs = {"start": ["scans"]}
    if only is None:
        return list(every.values())
    if only not in every:
        sys.exit(f"There is no part '{only}'. Choose one of: {', '.join(every)}.")
    return [every[name] for name in (*needs.get(only, ()), only)]


if __name__ == "__main__":
    sys.exit(main())
