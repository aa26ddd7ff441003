"""A receipt that meets a stop, a withdrawal, or another receipt of the same dose, on both databases."""

import threading
from collections.abc import Callable

from app.audit.queries import of_subject
from app.core.errors import Refused
from app.custody import actions
from app.custody.bag import Kind
from app.custody.whereabouts import What
from app.db.session import Tx
from app.orders import actions as orders
from compounding import check_actions
from tests.app.custody.conftest import WARD, Ward

WAIT = 30


def held_at_its_end(ward: Ward, by: str, act: Callable[[Tx], object], meanwhile: Callable[[], None]) -> None:
    """Do an act, and start `meanwhile` in a thread of its own just before the act's commit."""
    other = threading.Thread(target=meanwhile)
    with ward.db.write(ward.house.who(by)) as tx:
        act(tx)
        other.start()
        other.join(timeout=0.2)
        assert other.is_alive(), "the second act waits for the first"
    other.join(timeout=WAIT)
    assert not other.is_alive()


def test_a_receipt_that_meets_a_stop_waits_for_it_and_is_refused(ward: Ward) -> None:
    work_id, serial = ward.released()
    order_id = ward.house.at(work_id).order.order_id
    told: list[str] = []

    def receiving() -> None:
        try:
            ward.receive(serial)
        except Refused as refused:
            told.append(str(refused))

    held_at_its_end(ward, "petra", lambda tx: orders.stop(tx, order_id), receiving)
    assert len(told) == 1 and "The order was stopped" in told[0]
    assert ward.receipts(serial) == 0


def test_a_stop_that_meets_a_receipt_waits_for_it_and_the_dose_must_then_come_out(ward: Ward) -> None:
    work_id, serial = ward.released()
    held_at_its_end(
        ward, "nina", lambda tx: actions.receive(tx, serial, WARD), lambda: ward.stop(work_id)
    )
    assert ward.receipts(serial) == 1
    assert ward.scan(serial).kind is Kind.DO_NOT_GIVE


def test_a_receipt_that_meets_a_withdrawal_is_refused(ward: Ward) -> None:
    work_id, serial = ward.released()
    proof = ward.house.proof("pablo")
    told: list[str] = []

    def receiving() -> None:
        try:
            ward.receive(serial)
        except Refused as refused:
            told.append(str(refused))

    def withdraw(tx: Tx) -> None:
        check_actions.withdraw(tx, work_id, proof, "Leak", "Discarded")

    held_at_its_end(ward, "pablo", withdraw, receiving)
    assert len(told) == 1 and "withdrew it" in told[0]
    assert ward.receipts(serial) == 0


def test_two_nurses_who_scan_at_once_receive_it_once(ward: Ward) -> None:
    _, serial = ward.released()
    answers: list[Kind] = []
    held_at_its_end(
        ward,
        "nina",
        lambda tx: answers.append(actions.scan_on_ward(tx, serial, WARD).kind),
        lambda: answers.append(ward.scan(serial).kind),
    )
    assert answers == [Kind.NOW_RECEIVED, Kind.RECEIVED]
    with ward.db.read() as session:
        assert [e.action for e in of_subject(session, f"label {serial}")].count(What.RECEIVED) == 1
