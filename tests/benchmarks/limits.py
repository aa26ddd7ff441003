"""What this machine can do at best, taken in the same run: a durable commit, and a route that does nothing."""

import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psycopg

from tests.benchmarks.results import Row, Spread, spread
from tests.benchmarks.serving import ROOT, end, free_port
from tests.benchmarks.tablets import Tablet

TABLE = "CREATE TABLE IF NOT EXISTS written (id INTEGER PRIMARY KEY, at TEXT NOT NULL, words TEXT NOT NULL)"
INDEX = "CREATE INDEX IF NOT EXISTS written_at ON written (at)"


def timed(act: Callable[[int], object], count: int) -> list[float]:
    """The seconds of each of `count` acts, after a tenth as many to warm up."""
    for number in range(count // 10):
        act(-1 - number)
    seconds = []
    for number in range(count):
        begun = time.perf_counter()
        act(number)
        seconds.append(time.perf_counter() - begun)
    return seconds


def sqlite_commit(folder: Path, count: int) -> list[float]:
    """One row with one index, durable: write-ahead log, synchronous=FULL, the driver alone. Seconds of each."""
    connection = sqlite3.connect(folder / "limit.db", isolation_level=None)
    for words in ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", TABLE, INDEX):
        connection.execute(words)

    def commit(number: int) -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO written (at, words) VALUES (?, ?)", (str(number), "x" * 200))
        connection.execute("COMMIT")

    try:
        return timed(commit, count)
    finally:
        connection.close()


def postgresql_commit(admin: str, count: int) -> list[float]:
    """One row with one index, durable, by one connection of the driver alone. Seconds of each."""
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(TABLE.replace("INTEGER PRIMARY KEY", "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"))
        connection.execute(INDEX)

        def commit(number: int) -> None:
            connection.execute("INSERT INTO written (at, words) VALUES (%s, %s)", (str(number), "x" * 200))

        return timed(commit, count)


def no_op(count: int) -> Spread:
    """A route that answers one word, by the same server software and the same client as everything else."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "tests.benchmarks.no_op", str(port)], cwd=ROOT)
    try:
        tablet = Tablet(port, "localhost")
        until = time.perf_counter() + 20
        while True:
            try:
                tablet.get("/")
                break
            except OSError:
                if time.perf_counter() > until or process.poll() is not None:
                    raise
                tablet.close()
                time.sleep(0.02)
        try:
            return spread(timed(lambda number: tablet.get("/"), count))
        finally:
            tablet.close()
    finally:
        end(process)


def row(what: str, times: Spread) -> Row:
    """A limit as a line of the table."""
    return Row(what, times, _rate(times))


def _rate(times: Spread) -> str:
    return f"{1000 / times.p50:,.0f}/s"
