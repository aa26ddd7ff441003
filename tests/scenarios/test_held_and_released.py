"""An order that was held and released again: what was made for it still counts, and no dose is made twice."""

import pytest

from app.core.errors import Refused
from app.orders import actions as orders
from app.orders.models import OrderVersion
from app.orders.queries import order_facts, why_not_current
from compounding.queries import worklist
from tests.hospital import Hospital


def hold_and_resume(house: Hospital, version_id: int) -> int:
    """Hold the order, release the hold; returns the number of the newest version."""
    with house.db.write(house.who("pablo")) as tx:
        order_id = tx.session.get_one(OrderVersion, version_id).order_id
        orders.hold(tx, order_id, "blood level awaited")
    with house.db.write(house.who("pablo")) as tx:
        return orders.resume(tx, order_id, "level is back").id


def verify(house: Hospital, version_id: int) -> None:
    with house.db.write(house.who("pablo")) as tx:
        orders.verify(tx, version_id, house.proof("pablo"), "0" * 64)


def waiting(house: Hospital) -> list[int]:
    with house.db.read() as session:
        return [line.dose_id for line in worklist(session, house.db.clock()) if line.work_id is None]


def test_a_released_dose_is_current_again_once_the_same_order_is_verified_again(house: Hospital) -> None:
    first = house.order()
    work_id = house.claim(house.dose(first))
    while house.step(work_id):
        pass
    house.finish(work_id)
    house.release(work_id)
    with house.db.read() as session:
        assert why_not_current(session, order_facts(session, first)) is None
    again = hold_and_resume(house, first)
    with house.db.read() as session:
        assert why_not_current(session, order_facts(session, first)) == "the order is to be verified again"
    verify(house, again)
    with house.db.read() as session:
        assert why_not_current(session, order_facts(session, first)) is None


def test_the_dose_that_was_made_before_the_hold_is_not_made_again(house: Hospital) -> None:
    first = house.order()
    work_id = house.claim(house.dose(first))
    while house.step(work_id):
        pass
    house.finish(work_id)
    house.release(work_id)
    before = len(waiting(house))
    again = hold_and_resume(house, first)
    verify(house, again)
    assert len(waiting(house)) == before
    with pytest.raises(Refused, match="made already"):
        house.claim(house.dose(again), "TRAY-02")
