"""Doses are written 48 hours ahead, each once, however often the worker comes by."""

from datetime import timedelta

import pytest

from app.db.session import SYSTEM
from app.orders.dose_actions import top_up
from app.orders.queries import doses_of
from tests.conftest import SetClock
from tests.hospital import Hospital


def due(house: Hospital, version_id: int) -> list[object]:
    with house.db.read() as session:
        return [dose.due_at for dose in doses_of(session, version_id)]


@pytest.mark.parametrize("priority", ["STAT", "routine"])
def test_the_worker_adds_what_came_within_reach_and_nothing_twice(
    house: Hospital, clock: SetClock, priority: str
) -> None:
    version_id = house.order(priority=priority, due=clock() - timedelta(minutes=20))
    first = due(house, version_id)
    assert len(first) == 5
    for hours in (0.2, 1, 12, 24):
        clock.forward(hours=hours)
        with house.db.write(SYSTEM) as tx:
            top_up(tx)
        with house.db.write(SYSTEM) as tx:
            assert top_up(tx) == 0
    later = due(house, version_id)
    assert later[:5] == first
    assert len(later) == len(set(later)) == 8
    assert all(b - a == timedelta(hours=12) for a, b in zip(later, later[1:], strict=False))


def test_a_stat_dose_whose_time_has_passed_is_still_due_once(house: Hospital, clock: SetClock) -> None:
    version_id = house.order(priority="STAT", frequency="ONCE", due=clock() - timedelta(hours=5))
    assert len(due(house, version_id)) == 1
    clock.forward(hours=1)
    with house.db.write(SYSTEM) as tx:
        assert top_up(tx) == 0


def test_a_routine_dose_whose_time_has_passed_is_not_made_up(house: Hospital, clock: SetClock) -> None:
    version_id = house.order(due=clock() - timedelta(hours=5))
    assert min(due(house, version_id)) == clock() + timedelta(hours=7)
