"""What the pages of carts say and where they lead, on both databases."""

from datetime import timedelta

from app.orders.models import OrderVersion
from tests.cart_room import CartRoom, unit_code
from tests.conftest import SetClock
from tests.desk import Desk, words
from tests.unitdose.on_the_way import OnTheWay
from tests.unitdose.test_cart_label_pages import enter
from tests.unitdose.test_cart_setup import at_desk
from unitdose import pick_actions

__all__ = ["at_desk"]


def test_an_exception_leads_to_its_own_order_and_only_a_pharmacist_is_offered_the_choice(
    at_desk: Desk, room: CartRoom
) -> None:
    """An order that was stated twice has versions that are numbered apart from orders: the link is to the version."""
    room.order("metformin", ("500", "mg"), number="A1")
    room.order("metformin", ("500", "mg"), number="A1", control="change", frequency="TID")
    version = room.order("metoprolol tartrate", ("30", "mg"), number="A2", patient=1)
    fill = room.planned()
    with room.db.read() as session:
        order = session.get_one(OrderVersion, version).order_id
    assert order != version
    page = at_desk.get(f"/fills/{fill}")
    assert f'href="/fills/products/{order}">Choose a product' in page
    enter(at_desk, "tina")
    page = at_desk.get(f"/fills/{fill}")
    assert "Choose a product" not in page and f'href="/orders/{version}">Order' in page
    assert "BIRCH, Otto" in words(at_desk.get(f"/orders/{version}"))


def test_with_a_package_in_the_hand_there_is_no_button_that_does_nothing(at_desk: Desk, room: CartRoom) -> None:
    enter(at_desk, "tina")
    room.order("metformin", ("500", "mg"), number="A1")
    fill = room.planned()
    with room.db.write(room.who("tina")) as tx:
        pick_actions.start(tx, fill)
    page = at_desk.get(f"/pick/{fill}")
    assert "Leave" in words(page) and "Drawer 1" in words(page)
    stop, to = room.here(fill) or (None, None)
    assert stop is not None and to is not None
    room.scan(unit_code(stop.package.ndc, stop.lots, to.lot_id))
    page = at_desk.get(f"/pick/{fill}")
    assert " disabled" not in page and "Leave" not in words(page) and "Put it back into the bin" in words(page)


def test_the_board_says_when_each_cart_is_planned_and_who_sets_carts_up(at_desk: Desk, room: CartRoom) -> None:
    said = words(at_desk.get("/fills"))
    assert "Cart 7 West planned by itself in 1 h 55 min ; doses from 22-Nov-2026 15:00" in said
    for cart in room.carts.values():
        at_desk.done(f"/carts/{cart}/retire", reason="The ward is closed")
    assert "No cart is set up yet. Set one up" in words(at_desk.get("/fills"))
    enter(at_desk, "tina")
    assert "No cart is set up yet. A pharmacist sets them up." in words(at_desk.get("/fills"))


def test_a_delivery_that_nobody_accepts_is_said_in_hours_when_hours_have_passed(
    at_desk: Desk, room: CartRoom, clock: SetClock
) -> None:
    room.order("metformin", ("500", "mg"), number="A1")
    OnTheWay(room).delivered(room.checked())
    clock.at += timedelta(minutes=45)
    enter(at_desk, "tina")
    assert "45 min ago. Call the ward." in words(at_desk.get("/fills"))
    clock.at += timedelta(hours=5)
    enter(at_desk, "pablo")
    assert ", 5 h ago. Call the ward." in words(at_desk.get("/fills"))


def test_the_board_follows_a_cart_to_its_ward_until_a_nurse_has_accepted_all_of_it(
    at_desk: Desk, room: CartRoom
) -> None:
    for patient, number in ((0, "A1"), (1, "A2")):
        room.order("metformin", ("500", "mg"), number=number, patient=patient)
    fill, way = room.checked(), OnTheWay(room)
    assert "Ready to leave" in words(at_desk.get("/fills"))
    way.load_all(fill)
    way.leave()
    assert "On its way" in words(at_desk.get("/fills"))
    way.arrive()
    assert "On the ward, not accepted yet" in words(at_desk.get("/fills"))
    first, second = way.drawers(fill)
    way.accept(first.work_id)
    assert "On the ward, not accepted yet" in words(at_desk.get("/fills"))
    way.accept(second.work_id)
    assert "Accepted on the ward" in words(at_desk.get("/fills"))
