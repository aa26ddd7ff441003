"""An inhaler comes once, not every day: what stands on the ward is noted by itself, counted by a nurse, and ends."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select

from app.core.errors import Invalid, Refused
from tests.cart_room import WINDOW, CartRoom
from tests.conftest import SetClock
from tests.unitdose.on_the_way import WARD, OnTheWay
from unitdose import container_actions, missing_actions, receipt_actions, scheduler
from unitdose.cart_models import InUse
from unitdose.queries import LineFacts

DAY = timedelta(days=1)


@pytest.fixture
def way(room: CartRoom) -> OnTheWay:
    return OnTheWay(room)


def inhaler(room: CartRoom) -> int:
    return room.order("albuterol", ("2", "puff"), number="P1", patient=0, frequency="QID")


def brought(room: CartRoom, fill_id: int) -> list[LineFacts]:
    return [line for line in room.lines(fill_id) if line.packages]


def delivered(way: OnTheWay) -> tuple[int, LineFacts]:
    inhaler(way.room)
    fill = way.room.checked()
    way.delivered(fill)
    (line,) = brought(way.room, fill)
    return fill, line


def standing(room: CartRoom) -> list[tuple[date, Decimal | None]]:
    with room.db.read() as session:
        rows = session.scalars(select(InUse).where(InUse.ended_at.is_(None)))
        return [(row.opened_on, row.uses_left) for row in rows]


def test_what_is_delivered_serves_the_next_days_and_is_not_brought_again(way: OnTheWay, clock: SetClock) -> None:
    fill, _ = delivered(way)
    assert standing(way.room) == [(date(2026, 11, 22), Decimal(200))]
    scheduler.run(way.room.db, fill, way.room.who("tina"), "by hand")
    assert len(brought(way.room, fill)) == 1, "the window that brought it does not take it back"
    clock.forward(days=1)
    nothing = way.room.planned(start=WINDOW + DAY)
    lines = way.room.lines(nothing)
    assert len(lines) == 4 and brought(way.room, nothing) == []


def test_a_drawer_that_comes_twice_opens_one_container(way: OnTheWay) -> None:
    fill, _ = delivered(way)
    for drawer in way.drawers(fill):
        way.accept(drawer.work_id)
    with way.room.db.read() as session:
        assert len(session.scalars(select(InUse)).all()) == 1


def test_what_a_nurse_counts_decides_what_the_next_cart_brings(way: OnTheWay, clock: SetClock) -> None:
    _, line = delivered(way)
    for wrong in (Decimal(201), Decimal(-1), Decimal("1.5")):
        with pytest.raises(Invalid) as told:
            way.act("nina", lambda tx, wrong=wrong: container_actions.count(tx, line.line_id, wrong))
        assert told.value.fields == {"left": "Enter a whole number from 0 to 200."}
    with pytest.raises(Refused):
        way.act("tina", lambda tx: container_actions.count(tx, line.line_id, Decimal(6)))
    clock.forward(days=1)
    way.act("nina", lambda tx: container_actions.count(tx, line.line_id, Decimal(6)))
    assert standing(way.room) == [(date(2026, 11, 22), Decimal(6))]
    assert len(brought(way.room, way.room.planned(start=WINDOW + DAY))) == 1, "six puffs, eight are needed"


def test_one_that_was_on_the_ward_before_the_product_is_counted_in(way: OnTheWay, clock: SetClock) -> None:
    inhaler(way.room)
    fill = way.room.planned()
    (line,) = brought(way.room, fill)
    way.act("nina", lambda tx: container_actions.count(tx, line.line_id, Decimal(40)))
    scheduler.run(way.room.db, fill, way.room.who("tina"), "by hand")
    assert brought(way.room, fill) == [], "it is there already: the plan brings none"


@pytest.mark.parametrize("found", [False, True])
def test_one_that_is_not_here_is_brought_again_unless_it_is_found(
    way: OnTheWay, clock: SetClock, found: bool
) -> None:
    _, line = delivered(way)
    report = way.act("nina", lambda tx: missing_actions.not_here(tx, line.line_id, WARD))
    assert standing(way.room) == []
    if found:
        way.act("nina", lambda tx: missing_actions.found(tx, report, WARD))  # type: ignore[arg-type]
    clock.forward(days=1)
    assert len(brought(way.room, way.room.planned(start=WINDOW + DAY))) == (0 if found else 1)


def test_one_in_a_rejected_drawer_does_not_stand_on_the_ward(way: OnTheWay) -> None:
    _, line = delivered(way)
    way.act("nina", lambda tx: receipt_actions.reject(tx, line.work_id or 0, "Damaged", WARD))
    assert standing(way.room) == []


def test_a_dose_that_comes_in_packages_has_nothing_to_count(way: OnTheWay) -> None:
    way.room.order("metformin", ("500", "mg"), number="P2", patient=1)
    (line, *_) = brought(way.room, way.room.planned())
    with pytest.raises(Refused, match="container that holds many"):
        way.act("nina", lambda tx: container_actions.count(tx, line.line_id, Decimal(1)))
