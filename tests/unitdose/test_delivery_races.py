"""Two people at once with the same drawer, tote or dose, on both databases: one after the other, and counted once."""

import threading
from collections.abc import Callable

import pytest

from app.core.errors import Refused
from app.custody import tote_actions as totes
from app.custody.given_actions import AtBedside
from app.custody.whereabouts import Stage, What
from app.db.session import Tx
from app.demo_cart import unit_code
from tests.cart_room import CartRoom
from tests.conftest import Act
from tests.unitdose.on_the_way import DESK, TOTE, WARD, OnTheWay
from unitdose import check_actions, delivery_actions, missing_actions, receipt_actions, returns_actions
from unitdose.bedside_actions import given_at_bedside
from unitdose.delivery_queries import left_of
from unitdose.drawer_queries import drawer_sha256, drawer_standing
from unitdose.happened import Happened
from unitdose.returns import Condition
from unitdose.ward_models import DrawerReceipt, MissingDose

WAIT = 30


def checked(room: CartRoom) -> int:
    for patient in range(2):
        room.order("metformin", ("500", "mg"), number=f"R{patient}", patient=patient)
    return room.checked()


@pytest.fixture
def cart(room_after: Callable[[Act], tuple[CartRoom, int]]) -> tuple[OnTheWay, int]:
    """A checked cart for two patients, and the number of its fill."""
    room, fill = room_after(checked)
    return OnTheWay(room), fill


def at_once(way: OnTheWay, by: str, act: Callable[[Tx], object], meanwhile: Callable[[], object]) -> list[str]:
    """Do an act, and `meanwhile` in a thread that begins before the act's commit; what the second one is told."""
    told: list[str] = []

    def second() -> None:
        try:
            meanwhile()
        except Refused as refused:
            told.append(str(refused))

    other = threading.Thread(target=second)
    with way.room.db.write(way.room.who(by)) as tx:
        act(tx)
        other.start()
        other.join(timeout=0.3)
        assert other.is_alive(), "the second act waits for the first"
    other.join(timeout=WAIT)
    assert not other.is_alive()
    return told


def test_two_nurses_accept_a_drawer_at_once_and_it_is_accepted_once(cart: tuple[OnTheWay, int]) -> None:
    way, fill = cart
    drawer, _ = way.delivered(fill)
    told = at_once(
        way, "nina", lambda tx: receipt_actions.accept(tx, drawer, WARD), lambda: way.accept(drawer)
    )
    assert told == []
    assert [fact.what for fact in way.drawer(drawer).facts].count(What.RECEIVED) == 1
    with way.room.db.read() as session:
        assert session.query(DrawerReceipt).count() == 1


def test_an_acceptance_that_meets_a_rejection_is_refused(cart: tuple[OnTheWay, int]) -> None:
    way, fill = cart
    drawer, _ = way.delivered(fill)
    told = at_once(
        way, "nina", lambda tx: receipt_actions.reject(tx, drawer, "Damaged", WARD), lambda: way.accept(drawer)
    )
    assert len(told) == 1 and "was rejected: Damaged" in told[0]


def test_an_acceptance_that_meets_a_withdrawal_is_refused(cart: tuple[OnTheWay, int]) -> None:
    way, fill = cart
    drawer, _ = way.delivered(fill)
    with way.room.db.read() as session:
        shown = drawer_sha256(drawer_standing(session, drawer))
    proof = way.room.proof("petra")

    def withdraw(tx: Tx) -> None:
        check_actions.withdraw(tx, drawer, proof, "Wrong strength", "Discarded", shown)

    told = at_once(way, "petra", withdraw, lambda: way.accept(drawer))
    assert len(told) == 1 and "A pharmacist withdrew this drawer" in told[0]


def test_a_courier_and_a_nurse_at_once_move_every_package_once(cart: tuple[OnTheWay, int]) -> None:
    way, fill = cart
    way.load_all(fill)
    way.leave()
    drawer = way.drawers(fill)[0].work_id
    unit = way.unit("7W")
    told = at_once(
        way, "tina", lambda tx: delivery_actions.arrive(tx, unit, TOTE, DESK), lambda: way.accept(drawer)
    )
    assert told == []
    assert (way.books("cart"), way.books("patient")) == (0, 4)
    assert way.stage(drawer) is Stage.RECEIVED


def test_a_drawer_is_packed_into_one_of_two_totes(cart: tuple[OnTheWay, int]) -> None:
    way, fill = cart
    drawer = way.drawers(fill)[0]
    serial = drawer.serial or ""
    told = at_once(
        way,
        "tina",
        lambda tx: delivery_actions.load(tx, TOTE, serial, DESK),
        lambda: way.load(drawer.work_id, "TOTE-8", by="tomas"),
    )
    assert len(told) == 1 and "is in TOTE-7 already" in told[0]


def test_a_tote_that_leaves_at_the_moment_of_packing_takes_no_more(cart: tuple[OnTheWay, int]) -> None:
    way, fill = cart
    first, second = way.drawers(fill)
    way.load(first.work_id)
    told = at_once(
        way, "tina", lambda tx: totes.leave(tx, TOTE, DESK), lambda: way.load(second.work_id, by="tomas")
    )
    assert len(told) == 1 and "TOTE-7 has left for 7 West, medicine" in told[0]


def test_two_who_miss_the_same_dose_at_once_make_one_report(cart: tuple[OnTheWay, int]) -> None:
    way, fill = cart
    for drawer in way.delivered(fill):
        way.accept(drawer)
    line = way.room.lines(fill)[0].line_id
    at_once(
        way,
        "nina",
        lambda tx: missing_actions.not_here(tx, line, WARD),
        lambda: way.act("tina", lambda tx: missing_actions.not_here(tx, line, DESK)),
    )
    with way.room.db.read() as session:
        assert session.query(MissingDose).count() == 1
    assert way.books("unaccounted") == 1


def test_two_technicians_who_send_a_dose_again_at_once_send_one(cart: tuple[OnTheWay, int]) -> None:
    way, fill = cart
    for drawer in way.delivered(fill):
        way.accept(drawer)
    line = way.room.lines(fill)[0].line_id
    report = way.act("nina", lambda tx: missing_actions.not_here(tx, line, WARD))
    told = at_once(
        way,
        "tina",
        lambda tx: missing_actions.replace(tx, report),  # type: ignore[arg-type]
        lambda: way.act("tomas", lambda tx: missing_actions.replace(tx, report)),  # type: ignore[arg-type]
    )
    assert len(told) == 1 and "only a pharmacist sends another" in told[0]


def test_a_package_is_never_given_and_returned_at_once(cart: tuple[OnTheWay, int]) -> None:
    """The bedside's record and the pharmacy's scan of the returned package come at the same moment."""
    way, fill = cart
    drawer, _ = way.delivered(fill)
    first, second = way.room.lines(fill)[:2]
    way.room.db.clock.forward(hours=30)  # type: ignore[attr-defined]
    serial = way.room.serial(drawer)
    scan = unit_code("metformin")

    def give(tx: Tx) -> None:
        for line in (first, second):
            assert line.due_at is not None
            given_at_bedside(tx, line.order.order_id, AtBedside(line.line_id, line.due_at, "bedside"))

    def take_back() -> None:
        way.act("tina", lambda tx: returns_actions.take_back(tx, serial, scan, Condition.SEALED))

    told = at_once(way, "nina", give, take_back)
    assert len(told) == 1 and "given, missed or returned already" in told[0]
    with way.room.db.read() as session:
        left = left_of(session, [first.line_id, second.line_id])
    assert all(each.on_unit == 0 and each.of(Happened.GIVEN) == 1 and each.returned == 0 for each in left.values())


def test_a_package_is_never_missed_and_returned_at_once(cart: tuple[OnTheWay, int]) -> None:
    """A nurse does not find it while it is scanned among the returns: it is found there, and comes back."""
    way, fill = cart
    drawer, _ = way.delivered(fill)
    mine = [line for line in way.room.lines(fill) if line.work_id == drawer]
    serial, scan = way.room.serial(drawer), unit_code("metformin")

    def miss(tx: Tx) -> None:
        for line in mine:
            missing_actions.not_here(tx, line.line_id, WARD)

    def take_back() -> None:
        way.act("tina", lambda tx: returns_actions.take_back(tx, serial, scan, Condition.SEALED))

    assert at_once(way, "nina", miss, take_back) == []
    with way.room.db.read() as session:
        left = left_of(session, [line.line_id for line in mine])
    assert sum(each.returned for each in left.values()) == 1 and sum(each.missing for each in left.values()) == 1
    assert all(each.on_unit == 0 for each in left.values())
