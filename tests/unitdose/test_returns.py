"""Returns: every package scanned against its drawer, never more than are left, and what a return may mean."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from app.core.errors import Refused
from app.core.quantity import Quantity
from app.demo_cart import unit_code
from app.formulary.unit_dose import UnitDoseFacts
from app.inventory import actions as stock
from app.inventory.models import Movement, Place
from app.orders import actions as orders
from app.orders.models import OrderVersion
from tests.cart_room import CartRoom
from tests.conftest import SetClock
from tests.unitdose.on_the_way import OnTheWay
from unitdose import missing_actions, returns_actions
from unitdose.delivery_queries import left_of
from unitdose.drawer_queries import drawer_standing
from unitdose.happened import Happened, Left
from unitdose.returns import Condition, disposition, may_be_omission
from unitdose.returns_actions import TakenBack
from unitdose.ward_models import LineEvent, PossibleOmission

TODAY = date(2026, 11, 22)


def package(**how: object) -> UnitDoseFacts:
    return UnitDoseFacts(1, 1, 1, "metformin", "tablet", Quantity(500, "mg"), **how)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("of", "condition", "days", "recalled", "goes"),
    [
        ({}, Condition.SEALED, 200, None, Happened.RESTOCKED),
        ({}, Condition.SEALED, 30, None, Happened.RESTOCKED),
        ({}, Condition.SEALED, 29, None, Happened.QUARANTINED),
        ({}, Condition.SEALED, 0, None, Happened.WASTED),
        ({}, Condition.OPENED, 200, None, Happened.WASTED),
        ({}, Condition.ISOLATION, 200, None, Happened.WASTED),
        ({}, Condition.WARM, 200, None, Happened.QUARANTINED),
        ({}, Condition.SEALED, 200, "glass", Happened.QUARANTINED),
        ({}, Condition.ISOLATION, 200, "glass", Happened.QUARANTINED),
        ({"stored": "refrigerator"}, Condition.SEALED, 200, None, Happened.WASTED),
        ({"uses": Decimal(200)}, Condition.SEALED, 200, None, Happened.WASTED),
    ],
)
def test_where_a_returned_package_goes(
    of: dict[str, object], condition: Condition, days: int, recalled: str | None, goes: Happened
) -> None:
    found = disposition(package(**of), condition, TODAY + timedelta(days=days), recalled, TODAY)
    assert found.what is goes
    assert found.why


@given(
    st.integers(0, 20),
    st.dictionaries(st.sampled_from(list(Happened)), st.integers(0, 5).map(Decimal), max_size=7),
)
def test_delivered_is_given_returned_missing_and_what_is_left(
    delivered: int, happened: dict[Happened, Decimal]
) -> None:
    left = Left(Decimal(delivered), happened)
    assert left.delivered == left.of(Happened.GIVEN) + left.returned + left.missing + left.on_unit


def on_ward(room: CartRoom, **how: object) -> tuple[int, OnTheWay]:
    room.order("metformin", ("500", "mg"), number="R1", **how)
    fill = room.checked()
    way = OnTheWay(room)
    (drawer,) = way.delivered(fill)
    return drawer, way


def take_back(room: CartRoom, drawer: int, scan: str, condition: Condition = Condition.SEALED) -> TakenBack:
    with room.db.write(room.who("tina")) as tx:
        return returns_actions.take_back(tx, room.serial(drawer), scan, condition)


def given(room: CartRoom, line_id: int) -> None:
    with room.db.write(room.who("nina")) as tx:
        tx.session.add(
            LineEvent(
                key=f"given {line_id}", line_id=line_id, what=Happened.GIVEN, packages=Decimal(1), place="7 West",
                person_id=room.people["nina"], at=tx.now,
            )
        )  # fmt: skip


def stock_at(room: CartRoom, kind: str) -> int:
    with room.db.read() as session:
        place = select(Place.id).where(Place.kind == kind)
        come = select(func.sum(Movement.quantity)).where(Movement.to_place_id.in_(place), Movement.cause.like("line %"))
        gone = select(func.sum(Movement.quantity)).where(
            Movement.from_place_id.in_(place), Movement.cause.like("line %")
        )
        return int((session.scalar(come) or 0) - (session.scalar(gone) or 0))


def test_a_sealed_package_goes_back_to_its_bin_and_the_books_follow(room: CartRoom) -> None:
    drawer, _ = on_ward(room)
    assert (stock_at(room, "patient"), stock_at(room, "shelf")) == (2, -2)
    back = take_back(room, drawer, unit_code("metformin"))
    assert (back.goes.what, back.lot, back.to) == (Happened.RESTOCKED, "MF2210", "back to A1-2-1-01")
    assert (stock_at(room, "patient"), stock_at(room, "shelf")) == (1, -1)


def test_u59_never_more_come_back_than_are_left(room: CartRoom) -> None:
    room.order("metformin", ("500", "mg"), number="R1", frequency="TID")
    fill = room.checked()
    (drawer,) = OnTheWay(room).delivered(fill)
    with room.db.read() as session:
        lines = drawer_standing(session, drawer).lines
    assert len(lines) == 3
    given(room, lines[0].line_id)
    take_back(room, drawer, unit_code("metformin"))
    take_back(room, drawer, unit_code("metformin"))
    with pytest.raises(Refused, match="given, missed or returned already"):
        take_back(room, drawer, unit_code("metformin"))
    with room.db.read() as session:
        left = left_of(session, [line.line_id for line in lines])
    assert sum(each.on_unit for each in left.values()) == 0
    assert sum(each.delivered for each in left.values()) == 3


def test_a_package_of_another_drawer_is_refused(room: CartRoom) -> None:
    drawer, _ = on_ward(room)
    with pytest.raises(Refused, match="was never given"):
        take_back(room, drawer, unit_code("furosemide"))
    with pytest.raises(Refused, match="Lot OTHER was not in this drawer"):
        take_back(room, drawer, unit_code("metformin", lot="OTHER"))
    with pytest.raises(Refused, match="not the label of a drawer"), room.db.write(room.who("tina")) as tx:
        returns_actions.take_back(tx, "TRAY-01", unit_code("metformin"), Condition.SEALED)


def test_what_was_not_delivered_does_not_come_back(room: CartRoom) -> None:
    room.order("metformin", ("500", "mg"))
    fill = room.checked()
    with room.db.read() as session:
        from unitdose.queries import drawers_of

        drawer = drawers_of(session, fill)[0].work_id
    with pytest.raises(Refused, match="has not been delivered"):
        take_back(room, drawer, unit_code("metformin"))


def test_a_controlled_substance_comes_back_another_way(room: CartRoom) -> None:
    drawer, _ = on_ward(room)
    with pytest.raises(Refused, match="controlled substance"):
        take_back(room, drawer, unit_code("oxycodone"))


def test_a_recalled_lot_goes_into_quarantine(room: CartRoom) -> None:
    drawer, _ = on_ward(room)
    with room.db.read() as session:
        lot = drawer_standing(session, drawer).put[0].lot_id
    with room.db.write(room.who("pablo")) as tx:
        stock.recall(tx, lot, "wrong imprint")
    assert take_back(room, drawer, unit_code("metformin")).goes.what is Happened.QUARANTINED


def test_a_due_dose_that_comes_back_uncharted_may_have_been_missed(room: CartRoom, clock: SetClock) -> None:
    drawer, _ = on_ward(room)
    assert not take_back(room, drawer, unit_code("metformin")).omission, "tomorrow's dose is not due yet"
    clock.forward(hours=14)
    assert take_back(room, drawer, unit_code("metformin")).omission
    with room.db.read() as session:
        assert session.scalar(select(func.count(PossibleOmission.line_id))) == 1
    with room.db.read() as session:
        line = session.scalars(select(PossibleOmission.line_id)).one()
    with pytest.raises(Refused, match="may not check"), room.db.write(room.who("tina")) as tx:
        returns_actions.charted_after_all(tx, line, "given late")
    with room.db.write(room.who("pablo")) as tx:
        returns_actions.charted_after_all(tx, line, "given from the cabinet")


@pytest.mark.parametrize(
    ("hours", "active", "present", "charted", "missed"),
    [(-1, True, True, False, True), (1, True, True, False, False), (-1, False, True, False, False),
     (-1, True, False, False, False), (-1, True, True, True, False)],
)  # fmt: skip
def test_when_a_return_means_a_possible_omission(
    clock: SetClock, hours: int, active: bool, present: bool, charted: bool, missed: bool
) -> None:
    due = clock() + timedelta(hours=hours)
    assert may_be_omission(due, clock(), active_then=active, present=present, charted=charted) is missed
    assert not may_be_omission(None, clock(), active_then=True, present=True, charted=False)


def test_a_nurse_sends_back_but_does_not_take_back(room: CartRoom) -> None:
    drawer, _ = on_ward(room)
    with pytest.raises(Refused, match="may not take back"), room.db.write(room.who("nina")) as tx:
        returns_actions.take_back(tx, room.serial(drawer), unit_code("metformin"), Condition.SEALED)


def test_a_package_that_was_missed_comes_back_though_its_report_is_settled(room: CartRoom) -> None:
    """It would be unaccounted for ever: among the returns it is found, and goes the way of every return."""
    drawer, way = on_ward(room)
    with room.db.read() as session:
        lines = [line.line_id for line in drawer_standing(session, drawer).lines]
    for line in lines:
        report = way.act("nina", lambda tx, line=line: missing_actions.not_here(tx, line, "7 West"))
        way.act("tina", lambda tx, report=report: missing_actions.resolve(tx, report, "unknown", "Desk"))
    assert stock_at(room, "unaccounted") == 2
    assert take_back(room, drawer, unit_code("metformin")).goes.what is Happened.RESTOCKED
    assert (stock_at(room, "unaccounted"), stock_at(room, "patient"), stock_at(room, "shelf")) == (1, 0, -1)
    take_back(room, drawer, unit_code("metformin"))
    with pytest.raises(Refused, match="given, missed or returned already"):
        take_back(room, drawer, unit_code("metformin"))
    with room.db.read() as session:
        assert [(each.missing, each.returned) for each in left_of(session, lines).values()] == [(0, 1), (0, 1)]


def test_a_hold_that_was_over_before_the_dose_fell_due_hides_no_omission(room: CartRoom, clock: SetClock) -> None:
    version = room.order("metformin", ("500", "mg"), number="R1")
    with room.db.read() as session:
        order = session.get_one(OrderVersion, version).order_id
    for act in (orders.hold, orders.resume):
        clock.forward(minutes=1)
        with room.db.write(room.who("pablo")) as tx:
            again = act(tx, order, "asked the prescriber").id
    with room.db.write(room.who("pablo")) as tx:
        orders.verify(tx, again, room.proof("pablo"), "0" * 64, "unit dose")
    (drawer,) = OnTheWay(room).delivered(room.checked())
    clock.forward(hours=30)
    assert take_back(room, drawer, unit_code("metformin")).omission


def test_a_dose_that_was_on_hold_when_it_fell_due_was_not_missed(room: CartRoom, clock: SetClock) -> None:
    version = room.order("metformin", ("500", "mg"), number="R1")
    (drawer,) = OnTheWay(room).delivered(room.checked())
    with room.db.read() as session:
        order = session.get_one(OrderVersion, version).order_id
    with room.db.write(room.who("pablo")) as tx:
        orders.hold(tx, order, "asked the prescriber")
    clock.forward(hours=30)
    with room.db.write(room.who("pablo")) as tx:
        orders.resume(tx, order, "answered")
    assert not take_back(room, drawer, unit_code("metformin")).omission
