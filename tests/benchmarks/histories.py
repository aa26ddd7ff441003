"""The history of a dose, in a database with a thousand doses and in one with a million."""

import random
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import func, select

from app.db.base import Instant
from app.db.session import Db
from app.orders.models import Dose
from app.tables import metadata
from tests.benchmarks.fills import WRITTEN, at_cutoff
from tests.benchmarks.large_hospital import START, large_hospital
from tests.benchmarks.results import Limit, Row, spread
from unitdose.history_queries import dose_history
from unitdose.models import FillLine
from unitdose.tick_scheduler import CartWatch

TIMES = 1.5
SMALL_BEDS = 14
"""Beds whose two days have a thousand doses."""
COPIED = {
    "fill": "closed_at IS NULL",
    "fill_run": "fill_id IN (SELECT id FROM fill WHERE closed_at IS NULL)",
    "work_item": "id IN (SELECT work_id FROM fill_line WHERE fill_id IN (SELECT id FROM fill WHERE closed_at IS NULL))",
    "drawer": "fill_id IN (SELECT id FROM fill WHERE closed_at IS NULL)",
    **WRITTEN,
}
"""The tables of the day that was filled, and which of their rows are its."""
NUMBERS = {"id", "fill_id", "run_id", "current_run_id", "ended_run_id", "work_id", "line_id", "dose_id"}
"""The columns that hold numbers of the copied rows."""
A_DAY = 10_000_000
"""What is added to the numbers of a day's rows for the day before it."""


def small(db: Db) -> None:
    """Seed a small hospital and fill its carts."""
    large_hospital(db, SMALL_BEDS)
    CartWatch(db).plan_due(START)


def grow(url: str, doses: int) -> None:
    """Copy the filled day of an SQLite database to the days before it until it holds so many doses."""
    connection = sqlite3.connect(Path(url.removeprefix("sqlite:///")), isolation_level=None)
    try:
        # Only the making of it is in a hurry; what is measured is measured with the product's own settings.
        for setting in ("foreign_keys=OFF", "synchronous=OFF", "cache_size=-200000"):
            connection.execute(f"PRAGMA {setting}")
        there, of_the_day = (
            connection.execute(f"SELECT count(*) FROM dose WHERE {which}").fetchone()[0]
            for which in ("1 = 1", WRITTEN["dose"])
        )
        connection.execute("BEGIN")
        for day in range(2, 2 + -(-(doses - there) // of_the_day)):  # a cart of the day before is there already
            for name, which in COPIED.items():
                columns = [column.name for column in metadata.tables[name].columns]
                values = ", ".join(_of_the_day_before(name, column) for column in columns)
                into = f"INSERT INTO {name} ({', '.join(columns)}) SELECT {values} FROM {name} WHERE {which}"
                connection.execute(into, {"by": day * A_DAY, "days": f"-{day} days"})
        connection.execute("COMMIT")
    finally:
        connection.close()


def _of_the_day_before(name: str, column: str) -> str:
    instant = isinstance(metadata.tables[name].columns[column].type, Instant)
    if column in NUMBERS:
        return f"{column} + :by"
    if name == "fill" and column == "closed_at":
        column = "end_at"
    return f"strftime('%Y-%m-%d %H:%M:%f000', {column}, :days)" if instant else column


def seconds(url: str, count: int) -> tuple[int, list[float]]:
    """How many doses a database holds, and the seconds of the history of each of some that a cart brings."""
    db = Db(url, at_cutoff)
    try:
        with db.read() as session:
            there = session.scalar(select(func.count(Dose.id))) or 0
            some = FillLine.id % max(1, there // 2000) == 0
            planned = session.scalars(
                select(FillLine.dose_id).where(FillLine.dose_id.is_not(None), FillLine.packages > 0, some)
            ).all()
        chosen = random.Random(7).sample(planned, count + 20)
        found = []
        for dose_id in chosen:
            begun = time.perf_counter()
            with db.read() as session:
                dose_history(session, dose_id or 0)
            found.append(time.perf_counter() - begun)
        return there, found[20:]
    finally:
        db.close()


def rows(few: tuple[int, Sequence[float]], many: tuple[int, Sequence[float]]) -> list[Row]:
    """The lines: the history among few doses and among many."""
    at_few, at_many = spread(few[1]), spread(many[1])
    limit = Limit("that among few (p50)", at_many.p50 / at_few.p50, TIMES)
    return [
        Row(f"history of a dose among {few[0]:,}, SQLite", at_few),
        Row(f"history of a dose among {many[0]:,}, SQLite", at_many, limit=limit),
    ]
