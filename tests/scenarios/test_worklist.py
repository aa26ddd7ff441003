"""What the hood's list shows, in which order, and what drops out of it."""

from datetime import timedelta

from app.core.workflow import State
from app.orders import actions as orders
from app.orders.models import OrderVersion
from compounding.queries import just_stopped, worklist
from tests.conftest import SetClock
from tests.hospital import Hospital


def titles(house: Hospital) -> list[tuple[str, bool]]:
    with house.db.read() as session:
        return [(line.order.title.split()[0], line.stat) for line in worklist(session, house.db.clock())]


def test_the_first_dose_of_a_stat_order_stands_first_and_those_that_follow_by_their_time(house: Hospital) -> None:
    house.order("MFR-01")
    house.order("MFR-06", patient=1, number="RX2", priority="STAT", due=house.db.clock() + timedelta(hours=3))
    assert titles(house) == [("potassium", True), ("vancomycin", False), ("vancomycin", False), ("potassium", False)]


def test_an_unverified_order_is_not_seen_at_the_hood(house: Hospital) -> None:
    with house.db.write(house.who("tina")) as tx:
        orders.state(tx, house.stated())
    assert titles(house) == []


def test_a_stopped_order_drops_out_and_is_told_for_a_quarter_of_an_hour(house: Hospital, clock: SetClock) -> None:
    version_id = house.order()
    with house.db.write(house.who("pablo")) as tx:
        orders.stop(tx, tx.session.get_one(OrderVersion, version_id).order_id)
    assert titles(house) == []
    with house.db.read() as session:
        assert [order.state for _, order in just_stopped(session, clock())] == ["stopped"]
        assert just_stopped(session, clock() + timedelta(minutes=16)) == []


def test_a_dose_under_way_is_shown_with_who_holds_it(house: Hospital) -> None:
    house.claim(house.dose(house.order()))
    with house.db.read() as session:
        making = next(line for line in worklist(session, house.db.clock()) if line.state is State.MAKING)
    assert (making.holder, making.hood) == ("Tina Technician", "Hood 1")
