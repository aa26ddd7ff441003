"""Carts set up, changed and retired at the desk, and what wards stock, on both databases."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from app import demo
from app.core.errors import Invalid, Refused
from app.formulary.unit_dose_queries import unit_doses
from app.main import create_app, put_together
from app.orders.schedule import Window
from app.reports.trail_queries import names_of
from app.settings import Settings
from app.stations.queries import unit_by_code
from app.stations.setup_actions import set_up_ward
from tests.cart_room import HOUR, WINDOW, CartRoom
from tests.conftest import SetClock
from tests.desk import Desk, words
from tests.hospital import Hospital
from tests.unitdose.test_cart_label_pages import enter
from unitdose import scheduler
from unitdose.board_queries import upcoming
from unitdose.cart_change_actions import change_cart
from unitdose.cart_models import Cart
from unitdose.queries import fill_facts
from unitdose.routes import Reason, Route
from unitdose.run_actions import begin_run
from unitdose.setup_queries import cart_set_up, carts_set_up, ward_stock, wards_set_up

DAY = {"starts": "15:00", "cutoff": "4:00", "leaves": "1:30", "exchange": "1:00"}


@pytest.fixture
def at_desk(room: CartRoom, tmp_path: Path, clock: SetClock) -> Iterator[Desk]:
    """A desk's browser over the cart room, in which Pablo, the pharmacist, is signed in."""
    settings = Settings(database=room.db.url, photos=tmp_path / "photos", zone=demo.ZONE, hospital="Laminar General")
    parts = put_together(settings, clock)
    app = create_app(parts, worker=False)
    with TestClient(app, base_url="http://desk.localhost", follow_redirects=False) as client:
        yield enter(Desk(client, parts, Hospital(room.db, room.people)), "pablo")
    parts.db.close()


def unit(room: CartRoom, code: str = "7W") -> int:
    with room.db.read() as session:
        found = unit_by_code(session, code)
        assert found is not None
        return found.id


def package(room: CartRoom, words: str) -> int:
    with room.db.read() as session:
        return next(e.package_id for mine in unit_doses(session).values() for e in mine if words in e.shown)


def follows(room: CartRoom, cart: str = "7W") -> tuple[datetime, datetime]:
    """The start and the cutoff of the window that a cart is planned for next."""
    with room.db.read() as session:
        found = next(each for each in upcoming(session, room.db.clock()) if each.cart == cart)
    return found.start_at, found.cutoff_at


# --- carts ----------------------------------------------------------------------------------------------------------


def test_the_page_says_each_carts_day_by_the_clock_and_which_ward_has_no_cart(at_desk: Desk) -> None:
    page = words(at_desk.get("/carts"))
    assert "Cart 7 West 7W 7 West, medicine planned 11:00 , leaves 13:30 , exchanged 14:00 , doses from 15:00" in page
    assert "Intensive care ICU No cart nothing of its own" in page
    assert "7 West, medicine 7W Cart 7 West 2 packages of its own" in page


def test_a_cart_is_set_up_with_its_wards_and_planned_from_its_next_window(at_desk: Desk, room: CartRoom) -> None:
    form = at_desk.get("/carts/new")
    assert 'value="America/New_York"' in form and "(now with Cart 7 West)" in form
    fields = {**DAY, "code": "ICU", "name": "Cart ICU", "zone": demo.ZONE, "starts": "06:00 18:00", "units": "ICU"}
    assert at_desk.done("/carts/new", **fields) == "/carts"
    assert "Cart ICU ICU Intensive care planned 02:00" in words(at_desk.get("/carts"))
    assert follows(room, "ICU")[0] == datetime(2026, 11, 22, 23, 0, tzinfo=UTC)


def test_every_fault_of_a_cart_stands_at_its_field_and_nothing_typed_is_lost(at_desk: Desk, room: CartRoom) -> None:
    good = {**DAY, "code": "ICU", "name": "Cart ICU", "zone": demo.ZONE, "units": "ICU"}
    for field, value, why in (
        ("code", "", "short code"),
        ("code", "7W", "There is a cart '7W' already"),
        ("name", "", "Give the cart a name"),
        ("zone", "Mars/Olympus", "'Mars/Olympus' is not a time zone"),
        ("zone", "Europe/Oslo", "a cart's units share one zone"),
        ("starts", "noon", "'noon' is not a time of day"),
        ("starts", "", "at least one time of day"),
        ("cutoff", "four", "hours and minutes"),
        ("cutoff", "1:00", "First the cutoff"),
        ("printer_url", "usb://zebra", "is not a printer's address"),
    ):
        answer = at_desk.post("/carts/new", **(good | {field: value}))
        assert answer.status_code == 422, field
        said = words(answer.text)
        assert why in said and 'value="ICU"' in answer.text, (field, value, said)
    with room.db.read() as session:
        assert [each.code for each in carts_set_up(session)] == ["6E", "7W"]


def test_a_cart_is_changed_and_the_trail_says_what(at_desk: Desk, room: CartRoom) -> None:
    cart = room.carts["7W"]
    form = at_desk.get(f"/carts/{cart}")
    assert 'value="4:00"' in form and 'value="1:30"' in form and 'name="code"' not in form
    fields = {**DAY, "name": "Cart West", "leaves": "2:00", "units": ["7W", "ICU"], "printer_url": "cups:zebra"}
    assert at_desk.done(f"/carts/{cart}", **fields) == "/carts"
    with room.db.read() as session:
        stands = cart_set_up(session, cart)
        assert names_of(session, [f"cart {cart}"])[f"cart {cart}"] == "Cart West"
    assert (stands.name, stands.leaves, stands.printer_url) == ("Cart West", 120, "cups:zebra")
    assert [code for code, _ in stands.units] == ["7W", "ICU"]
    trail = words(at_desk.get("/audit"))
    assert "changed Cart West" in trail and "let Cart West serve a ward" in trail


def test_a_changed_cart_is_refused_like_a_new_one(at_desk: Desk, room: CartRoom) -> None:
    cart = room.carts["7W"]
    answer = at_desk.post(f"/carts/{cart}", **(DAY | {"name": "", "starts": "25:00"}))
    assert answer.status_code == 422 and "is not a time of day" in words(answer.text)
    answer = at_desk.post(f"/carts/{cart}", **DAY, name="")
    assert answer.status_code == 422 and "Give the cart a name" in words(answer.text)
    assert at_desk.client.get("/carts/999").status_code == 404
    assert at_desk.post("/carts/999", **DAY, name="x").status_code == 404


def test_a_window_after_new_times_follows_the_last_one_without_a_gap(room: CartRoom) -> None:
    """No dose of the hours between the last old window and the first new one is on no cart."""
    room.order("metformin", ("500", "mg"))
    fill = room.planned()
    with room.db.read() as session:
        end = fill_facts(session, fill).end_at
    with room.db.write(room.who("pablo")) as tx:
        change_cart(tx, room.carts["7W"], "Cart 7 West", "06:00", cutoff=240, leaves=90, exchange=60, units=["7W"])
    start, cutoff = follows(room)
    assert start == end == WINDOW + timedelta(days=1) and cutoff == start - 4 * HOUR
    with room.db.write(room.who("tina")) as tx:
        bridge = scheduler.open_fill(tx, room.carts["7W"], start)
        assert scheduler.open_fill(tx, room.carts["7W"], start) == bridge
    with room.db.read() as session:
        between = fill_facts(session, bridge)
    assert Window(between.start_at, between.end_at) == Window(start, datetime(2026, 11, 24, 11, 0, tzinfo=UTC))
    assert follows(room)[0] == between.end_at, "from then on it goes by the new times"
    with pytest.raises(Invalid, match="they begin at 06:00"), room.db.write(room.who("tina")) as tx:
        scheduler.open_fill(tx, room.carts["7W"], start + timedelta(days=2))


def test_a_ward_that_moves_to_another_cart_takes_its_open_doses_along(at_desk: Desk, room: CartRoom) -> None:
    order = room.order("metformin", ("500", "mg"))
    west, east = room.planned("7W"), room.planned("6E")
    assert {line.reason for line in room.of_order(west, order)} == {Reason.CART}
    at_desk.done(f"/carts/{room.carts['6E']}", **DAY, name="Cart East", units=["6E", "7W"])
    assert [line for line in room.of_order(west, order) if line.route is Route.CART] == []
    assert {line.reason for line in room.of_order(east, order)} == {Reason.CART}
    at_desk.done(f"/carts/{room.carts['6E']}", **DAY, name="Cart East", units="6E")
    with room.db.read() as session:
        assert next(each for each in wards_set_up(session) if each.code == "7W").cart is None


def test_a_ward_that_moves_while_another_plan_is_made_is_saved_and_says_so(at_desk: Desk, room: CartRoom) -> None:
    room.order("metformin", ("500", "mg"))
    room.planned("7W")
    with room.db.write(room.who("tina")) as tx:
        begin_run(tx, scheduler.open_fill(tx, room.carts["6E"], WINDOW), "by hand")
    answer = at_desk.post(f"/carts/{room.carts['6E']}", **DAY, name="Cart East", units=["6E", "7W"])
    assert answer.status_code == 409 and "It is saved." in words(answer.text)
    with room.db.read() as session:
        assert len(cart_set_up(session, room.carts["6E"]).units) == 2


def test_a_cart_with_doses_under_way_is_not_retired_and_an_idle_one_is(at_desk: Desk, room: CartRoom) -> None:
    room.order("metformin", ("500", "mg"))
    room.planned("7W")
    answer = at_desk.post(f"/carts/{room.carts['7W']}/retire", reason="The ward is closed")
    assert answer.status_code == 409
    assert "has doses under way, until 23-Nov-2026 15:00" in words(answer.text)
    assert at_desk.post(f"/carts/{room.carts['6E']}/retire").status_code == 409
    assert at_desk.done(f"/carts/{room.carts['6E']}/retire", reason="The ward is closed") == "/carts"
    with room.db.read() as session:
        assert [each.code for each in carts_set_up(session)] == ["7W"]
        assert session.scalars(select(Cart.retired_at).where(Cart.code == "6E")).one() is not None
        assert [each.cart for each in upcoming(session, room.db.clock())] == ["7W"]
    assert "6 East, medicine 6E No cart" in words(at_desk.get("/carts"))
    assert at_desk.post(f"/carts/{room.carts['6E']}/retire", reason="again").status_code == 404


# --- wards ----------------------------------------------------------------------------------------------------------


def test_a_manager_adds_a_ward_and_a_pharmacist_is_told_who_may(at_desk: Desk, room: CartRoom) -> None:
    fields = {"code": "5N", "name": "5 North", "zone": demo.ZONE}
    answer = at_desk.post("/carts/wards", **fields)
    assert answer.status_code == 409 and "may not set up stations" in words(answer.text)
    assert "Add a ward" not in words(at_desk.get("/carts"))
    enter(at_desk, "petra")
    for field, value, why in (
        ("code", "", "by which orders name the ward"),
        ("code", "5 north", "by which orders name the ward"),
        ("code", "7W", "There is a ward '7W' already"),
        ("name", "", "Give the ward a name"),
        ("zone", "", "is not a time zone"),
    ):
        answer = at_desk.post("/carts/wards", **(fields | {field: value}))
        assert answer.status_code == 422 and why in words(answer.text), field
    assert at_desk.done("/carts/wards", **fields) == "/carts"
    assert "5 North 5N No cart" in words(at_desk.get("/carts"))
    here = f"/carts/wards/{unit(room, '5N')}"
    assert at_desk.post(here, name="").status_code == 422
    at_desk.done(here, name="5 North, surgery")
    assert "5 North, surgery 5N" in words(at_desk.get("/carts"))


def test_what_a_ward_stocks_is_not_brought_and_comes_again_when_it_is_out_or_not_stocked(
    at_desk: Desk, room: CartRoom
) -> None:
    order = room.order("metformin", ("500", "mg"))
    fill = room.planned()
    here, metformin = f"/carts/wards/{unit(room)}", package(room, "metFORMIN")
    assert at_desk.post(f"{here}/stock").status_code == 422
    assert at_desk.post(f"{here}/stock", package=metformin, stocked_in="pocket").status_code == 422
    at_desk.done(f"{here}/stock", package=metformin, stocked_in="floor stock")
    scheduler.change_orders(room.db, fill, None)
    assert {line.reason for line in room.of_order(fill, order)} == {Reason.ADC}
    page = words(at_desk.get(here))
    assert "metFORMIN 500 mg tablet 0904-6326-61 floor stock There" in page
    enter(at_desk, "tina")
    at_desk.done(f"{here}/out", package=metformin, reason="Empty")
    page = words(at_desk.get(here))
    assert "Out Empty, 22-Nov-2026 09:05 . The cart brings it. Filled again" in page
    assert "Not stocked any more" not in page and "A pharmacist changes what the ward stocks" in page
    at_desk.done(f"{here}/filled", package=metformin)
    for act in ("stock", "unstock", "par"):
        assert at_desk.post(f"{here}/{act}", package=metformin).status_code in (409, 422)
    enter(at_desk, "pablo")
    at_desk.done(f"{here}/unstock", package=metformin)
    assert {line.reason for line in room.of_order(fill, order)} == {Reason.CART}, "the open cart follows at once"
    assert at_desk.post(f"{here}/unstock", package=metformin).status_code == 404


def test_as_needed_doses_of_a_drawer_are_set_and_taken_away(at_desk: Desk, room: CartRoom) -> None:
    here = f"/carts/wards/{unit(room)}"
    assert "acetaminophen : 2 doses" in words(at_desk.get(here))
    answer = at_desk.post(f"{here}/par", drug="", par="some")
    assert answer.status_code == 422 and "Choose the drug" in words(answer.text)
    with room.db.read() as session:
        ((drug, _, _),) = ward_stock(session, unit(room)).pars
    at_desk.done(f"{here}/par", drug=drug, par="0")
    assert "None: a nurse asks the pharmacy for each." in words(at_desk.get(here))


def test_what_is_no_ward_is_said_so(at_desk: Desk, room: CartRoom) -> None:
    assert at_desk.client.get("/carts/wards/999").status_code == 404
    assert (
        at_desk.post("/carts/wards/999/stock", package=package(room, "metFORMIN"), stocked_in="cabinet").status_code
        == 404
    )
    assert at_desk.post("/carts/wards/999/par", drug="1", par="1").status_code == 404


def test_a_technician_sees_the_carts_and_is_told_who_changes_them(at_desk: Desk, room: CartRoom) -> None:
    enter(at_desk, "tina")
    page = at_desk.get("/carts")
    assert "A pharmacist changes what is set up here." in words(page) and "/carts/new" not in page
    for address in ("/carts/new", f"/carts/{room.carts['7W']}"):
        answer = at_desk.client.get(address)
        assert answer.status_code == 409 and "may not set up carts" in words(answer.text)
        assert at_desk.post(address).status_code == 409
    with pytest.raises(Refused), room.db.write(room.who("tina")) as tx:
        set_up_ward(tx, "5N", "5 North", demo.ZONE)
