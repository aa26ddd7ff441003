"""An order that is verified late: what has passed by then is said, and never silently left out."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from app.orders import actions as orders
from app.orders.queries import doses_of, order_facts
from app.orders.schedule import Interval, Once, Schedule
from compounding.dose_queries import calculation
from tests.conftest import NOW
from tests.hospital import Hospital

HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("first", "how", "words"),
    [
        (NOW - 2 * HOUR, {}, "passed and not prepared; next 22-Nov-2026 19:05"),
        (NOW - 2 * HOUR, {"end": NOW + HOUR}, "all have passed"),
        (NOW - HOUR, {}, ""),
        (NOW - 2 * HOUR, {"priority": "STAT"}, ""),
        (NOW - 2 * HOUR, {"once": True}, ""),
    ],
)
def test_a_first_dose_that_has_passed_is_said_before_and_is_not_written_after(
    house: Hospital, first: datetime, how: dict, words: str
) -> None:
    rhythm = Once(first) if "once" in how else Interval(12 * HOUR, first)
    stated = replace(
        house.stated(), start_at=first, end_at=how.get("end"), schedule=Schedule(rhythm, first, how.get("end")),
        priority=how.get("priority", "routine"),
    )  # fmt: skip
    with house.db.write(house.who("tina")) as tx:
        version_id = orders.state(tx, stated).id
    with house.db.read() as session:
        lines = calculation(session, order_facts(session, version_id), NOW, "order number").lines
    said = [line.result for line in lines if line.what == "doses due"]
    assert [line for line in said if words in line] == said and bool(said) == bool(words)
    with house.db.write(house.who("pablo")) as tx:
        orders.verify(tx, version_id, house.proof("pablo"), "0" * 64)
    with house.db.read() as session:
        due = [dose.due_at for dose in doses_of(session, version_id)]
        again = calculation(session, order_facts(session, version_id), NOW, "order number").lines
    assert (first in due) == (not words) and not any(line.what == "doses due" for line in again)
