"""A cart's way on handhelds: packed, out, in at the ward, accepted; what must come out, where a dose is, not here."""

import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from app import demo
from app.custody.actions import pick_beds
from app.custody.beds import Bed
from app.custody.whereabouts import What
from app.identity.actions import Given
from app.identity.limits import Where
from app.identity.sign_in_actions import sign_in
from app.main import create_app, put_together
from app.settings import Settings
from tests.browser.sizes import DESK as DESK_SIZE
from tests.browser.sizes import PHONE, TABLET
from tests.browser.test_offline import Switch
from tests.browser.test_ward import PAUSE, faultless, keep
from tests.cart_room import WINDOW, CartRoom
from tests.conftest import SetClock
from tests.hospital import DESK, WARD
from tests.unitdose.on_the_way import OnTheWay
from unitdose import receipt_actions, scheduler
from unitdose.tick_scheduler import LateWatch

__all__ = ["faultless"]
KINDS = {"nina": "ward"}
BEAT = 1500  # by then a page listens to its stream


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, carts_sqlite: tuple[Path, CartRoom]) -> Any:
    """A checked cart for 7 West, one for 6 East, and what comes other ways."""
    folder = tmp_path_factory.mktemp("cart-ward")
    path, before = carts_sqlite
    shutil.copy(path, folder / "laminar.db")
    clock = SetClock()
    parts = put_together(
        Settings(database=f"sqlite:///{folder / 'laminar.db'}", photos=folder / "photos", zone=demo.ZONE), clock
    )
    room = CartRoom(parts.db, dict(before.people), before.carts)
    for patient, number, drug, dose, more in (
        (0, "A1", "metoprolol tartrate", ("12.5", "mg"), {}),
        (0, "A2", "furosemide", ("40", "mg"), {"frequency": "DAILY"}),
        (0, "A3", "docusate", ("100", "mg"), {}),
        (1, "B1", "metformin", ("500", "mg"), {}),
        (1, "B2", "metronidazole", ("500", "mg"), {"frequency": "Q8H"}),
        (2, "C1", "prednisone", ("40", "mg"), {"frequency": "DAILY"}),
        (2, "C2", "vancomycin oral", ("125", "mg"), {"frequency": "Q6H"}),
        (3, "D1", "oxycodone", ("5", "mg"), {"frequency": "Q6H"}),
        (3, "D2", "metformin", ("500", "mg"), {}),
        (3, "D3", "albuterol", ("2", "puff"), {"frequency": "QID"}),
        (4, "E1", "metformin", ("500", "mg"), {}),
    ):
        room.order(drug, dose, number=number, patient=patient, **more)
    clock.at = WINDOW - timedelta(hours=2)
    fill = room.checked()
    east = room.checked("6E")
    return parts, OnTheWay(room), {"7W": fill, "6E": east}, clock


@pytest.fixture(scope="module")
def base(made: Any, serve: Callable[..., str]) -> str:
    return serve(create_app(made[0], worker=False)).replace("127.0.0.1", "ward.localhost")


@pytest.fixture
def open_as(made: Any, base: str, new_page: Any) -> Iterator[Callable[..., Page]]:
    """`open_as("tina", "/deliveries")`: a page of somebody who is signed in, on a phone unless a size is asked for."""

    def make(name: str, to: str, size: dict[str, int] = PHONE) -> Page:
        kind = KINDS.get(name, "desk")
        badge = demo.BADGES.get(name, f"BADGE-{name.upper()}2026")
        token = sign_in(made[0].db, Given(badge, demo.PIN), Where(WARD if kind == "ward" else DESK, kind)).token
        address = base.replace("ward.", f"{kind}.")
        page = new_page(viewport=size)
        page.context.add_cookies([{"name": "laminar", "value": token, "url": address}])
        page.goto(address + to)
        return page

    yield make


def sizes(page: Page, pictures: Path | None, name: str, faultless: Any) -> None:
    """The page without a fault and without overflow at the three sizes, and pictures of them."""
    for size, called in ((DESK_SIZE, "desk"), (TABLET, "tablet"), (PHONE, "phone")):
        page.set_viewport_size(size)
        faultless(page)
        keep(page, pictures, f"{name}-{called}")


def test_a_courier_packs_by_scan_or_at_once_and_leaves(
    made: Any, open_as: Any, scan: Any, faultless: Any, console: Any, pictures: Path | None
) -> None:
    console.expect("422")
    way, fills = made[1], made[2]
    page = open_as("tina", "/deliveries")
    page.wait_for_selector("#deliveries:has-text('4 drawers checked')")
    sizes(page, pictures, "deliveries", faultless)
    scan(page, "TOTE-7")
    page.wait_for_selector("h1:has-text('TOTE-7 is empty')")
    first = way.drawers(fills["7W"])[0]
    scan(page, first.serial)
    page.wait_for_selector("h1:has-text('Scan what goes into TOTE-7')")
    scan(page, way.drawers(fills["6E"])[0].serial)
    page.wait_for_selector(".error-summary:has-text('TOTE-7 goes to 7 West, medicine')")
    page.wait_for_timeout(PAUSE)
    page.get_by_role("button", name="All 3 checked drawers").tap()
    page.wait_for_selector("h2:has-text('In it: 4')")
    sizes(page, pictures, "tote-packed", faultless)
    page.wait_for_timeout(PAUSE)
    page.get_by_role("button", name="Leave with it").tap()
    page.wait_for_selector("h1:has-text('Scan the place of 7 West, medicine')")
    keep(page, pictures, "tote-on-its-way-phone")


def test_the_wrong_ward_fills_the_screen_and_the_right_one_delivers(
    open_as: Any, scan: Any, faultless: Any, pictures: Path | None
) -> None:
    page = open_as("tina", "/totes/TOTE-7")
    scan(page, "WARD-6E")
    page.wait_for_selector("[role=alert]:has-text('Wrong ward'):has-text('Nothing was delivered')")
    faultless(page)
    keep(page, pictures, "tote-wrong-ward-phone")
    scan(page, "WARD-7W")
    page.wait_for_selector("[role=status]:has-text('Delivered: 4 drawers.')")
    sizes(page, pictures, "ward-place", faultless)


def test_a_nurse_accepts_all_but_one_and_rejects_that_with_a_reason(
    made: Any, open_as: Any, scan: Any, faultless: Any, console: Any, pictures: Path | None
) -> None:
    console.expect("422")
    way, fills = made[1], made[2]
    way.act("nina", lambda tx: pick_beds(tx, [Bed("7W", None)]))
    page = open_as("nina", "/ward")
    page.wait_for_selector("#barred:has-text('4 drawers came and wait for you.')")
    keep(page, pictures, "nurse-came-phone")
    scan(page, "TOTE-7")
    page.wait_for_selector("h1:has-text('What came in TOTE-7')")
    sizes(page, pictures, "nurse-deliveries", faultless)
    last = way.drawers(fills["7W"])[3]
    page.get_by_label("DOGWOOD, Ivan").uncheck()
    page.get_by_role("button", name="Accept").tap()
    page.wait_for_selector("h1:has-text('My beds')")
    scan(page, last.serial)
    page.wait_for_selector("h1:has-text('Cart 7W, drawer 4')")
    sizes(page, pictures, "nurse-drawer", faultless)
    page.locator("summary:has-text('Something is wrong with it')").click()
    page.get_by_label("Damaged").check()
    page.wait_for_timeout(PAUSE)
    page.get_by_role("button", name="Reject this drawer").click()
    page.wait_for_selector("h1:has-text('What came')")
    page.goto(page.url.replace("/ward/deliveries", f"/drawers/{last.work_id}"))
    page.wait_for_selector("#drawer:has-text('Rejected')")


def test_her_list_says_how_every_dose_comes_and_two_taps_say_where_it_is(
    made: Any, open_as: Any, faultless: Any, pictures: Path | None
) -> None:
    made[3].at = WINDOW + timedelta(hours=4)
    page = open_as("nina", "/ward")
    page.wait_for_selector("section:has-text('ALDER, Mona') >> text=In drawer 1 since")
    said = page.locator("#patients").inner_text()
    assert "half tablet (12.5 mg)" in said
    sizes(page, pictures, "nurse-list", faultless)
    page.set_viewport_size(PHONE)
    row = page.locator("section:has-text('ALDER, Mona') .row:has-text('In drawer 1')")
    row.locator("a.what:has-text('metoprolol')").first.tap()
    page.wait_for_selector("h1:has-text('Where is the dose?')")
    said = page.locator("main").inner_text()
    assert "In drawer 1 since" in said and "came to the ward" in said
    sizes(page, pictures, "nurse-dose", faultless)


def test_the_next_hours_are_shapes_with_words(open_as: Any, faultless: Any, pictures: Path | None) -> None:
    page = open_as("nina", "/ward/map")
    page.wait_for_selector("svg[role=group] a")
    here = page.locator("section:has-text('ALDER, Mona') svg a")
    words = [each.get_attribute("aria-label") or "" for each in here.all()]
    assert any("21:00 metoprolol tartrate 12.5 mg: Received" in each for each in words)
    sizes(page, pictures, "nurse-map", faultless)
    box = page.locator("svg a rect").first.bounding_box()
    assert box and box["width"] >= 24 and box["height"] >= 24


def test_a_stopped_order_comes_up_by_itself_and_one_tap_takes_it_out(
    made: Any, open_as: Any, faultless: Any, pictures: Path | None
) -> None:
    way, fills = made[1], made[2]
    page = open_as("nina", "/ward")
    page.wait_for_timeout(BEAT)
    line = next(each for each in way.room.lines(fills["7W"]) if "metronidazole" in each.order.title)
    order_id = way.room.stop(line.order.version_id)
    scheduler.change_orders(way.room.db, fills["7W"], [order_id])
    page.wait_for_selector("#barred [role=alert]:has-text('metroNIDAZOLE')")
    faultless(page)
    keep(page, pictures, "nurse-take-out-phone")
    page.wait_for_timeout(PAUSE)
    page.locator("#barred").get_by_role("button", name="Taken out").tap()
    page.wait_for_selector("#barred:not(:has([role=alert]))", state="attached")


def test_not_here_is_one_tap_and_the_desk_sends_another_and_settles_it(
    made: Any, open_as: Any, faultless: Any, console: Any, pictures: Path | None
) -> None:
    console.expect("422")
    desk = open_as("tina", "/fills", DESK_SIZE)
    desk.wait_for_timeout(BEAT)
    page = open_as("nina", "/ward")
    page.locator("section:has-text('BIRCH, Otto') .row:has-text('metFORMIN')").get_by_role(
        "button", name="Not here"
    ).first.tap()
    page.wait_for_selector("h1:has-text('Where is the dose?')")
    said = page.locator("main").inner_text()
    assert "The pharmacy knows." in said and "Drawer 2 was accepted by Nina Nurse" in said
    sizes(page, pictures, "nurse-not-here", faultless)
    desk.wait_for_selector("#alerts:has-text('1 dose was not found on a ward.')")
    keep(desk, pictures, "desk-alerts-desk")
    desk.get_by_role("link", name="Look for it").click()
    desk.wait_for_selector("h1:has-text('Not found')")
    sizes(desk, pictures, "desk-missing", faultless)
    desk.set_viewport_size(DESK_SIZE)
    desk.wait_for_timeout(PAUSE)
    desk.get_by_role("button", name="Send another one").click()
    desk.wait_for_selector("#missing:has-text('Another one sent')")
    assert desk.get_by_role("button", name="Send a second one").count() == 0, "a technician sends one"
    desk.get_by_label("Why was it missing?").select_option("wrong drawer")
    desk.wait_for_timeout(PAUSE)
    desk.get_by_role("button", name="Settle").click()
    desk.wait_for_selector("main:has-text('No ward misses a dose.')")


def test_an_offline_phone_stops_sends_nothing_and_accepts_once_when_it_is_back(
    made: Any, new_page: Any, console: Any
) -> None:
    console.expect("net::", "Failed to fetch", "Failed to load", "EventSource", "htmx", "fetching the script")
    way, fills = made[1], made[2]
    way.load_all(fills["6E"], "6E", "TOTE-9")
    way.leave("TOTE-9")
    way.arrive("6E", "TOTE-9")
    (drawer,) = (each.work_id for each in way.drawers(fills["6E"]))
    switch = Switch(create_app(put_together(made[0].settings, made[3]), worker=False))
    switch.on()
    token = sign_in(made[0].db, Given(demo.BADGES["nina"], demo.PIN), Where(WARD, "ward")).token
    page = new_page(viewport=PHONE)
    address = f"http://ward.localhost:{switch.port}"
    page.context.add_cookies([{"name": "laminar", "value": token, "url": address}])
    page.goto(f"{address}/drawers/{drawer}")
    page.wait_for_timeout(BEAT)
    switch.off()
    page.wait_for_selector("#lost:has-text('No connection. Stop.')", timeout=20000)
    assert page.get_by_role("button", name="Accept", disabled=True, include_hidden=True).count() == 1
    again = Switch(create_app(put_together(made[0].settings, made[3]), worker=False))
    again.port = switch.port
    again.on()
    page.wait_for_selector("#lost", state="detached", timeout=20000)
    page.wait_for_timeout(PAUSE)
    page.get_by_role("button", name="Accept").tap()
    page.wait_for_selector("h1:has-text('My beds')")
    assert [fact.what for fact in way.drawer(drawer).facts].count(What.RECEIVED) == 1
    again.off()


def test_what_nobody_accepts_rings_in_the_pharmacy_by_itself(
    made: Any, open_as: Any, faultless: Any, pictures: Path | None
) -> None:
    way, clock = made[1], made[3]
    way.room.order("pantoprazole", ("40", "mg"), number="L1", patient=5, first=clock() + timedelta(hours=3))
    fill = scheduler.first_doses(way.room.db, way.room.carts["6E"])
    way.room.label(fill)
    way.room.picked(fill)
    way.room.signed(fill)
    way.room.released(fill)
    (drawer,) = way.delivered(fill, "6E")
    clock.forward(minutes=29)
    watch = LateWatch(made[0].db)
    watch.look(clock())
    page = open_as("lena", "/fills", DESK_SIZE)
    page.wait_for_timeout(BEAT)
    assert page.locator("#alerts .banner").count() == 0
    clock.forward(minutes=1)
    watch.look(clock())
    page.wait_for_selector("#alerts:has-text('6 East, medicine has not accepted a delivery.')")
    faultless(page)
    keep(page, pictures, "desk-late-desk")
    way.act("nina", lambda tx: receipt_actions.accept(tx, drawer, "6 East"))
    page.wait_for_selector("#alerts:not(:has(.banner))", state="attached")


def test_a_nurse_counts_what_is_left_in_an_inhaler(
    made: Any, open_as: Any, faultless: Any, console: Any, pictures: Path | None
) -> None:
    console.expect("422")
    lines = made[1].room.lines(made[2]["7W"])
    inhaler = next(line for line in lines if line.package and line.package.uses and line.packages)
    page = open_as("nina", f"/ward/doses/{inhaler.dose_id}")
    card = page.locator("section.card:has(h2:has-text('albuterol'))")
    card.get_by_text("Nobody has noted one on the ward.").wait_for()  # its drawer was rejected
    page.wait_for_timeout(PAUSE)
    card.get_by_label("Left in it now").fill("9.5")
    card.get_by_role("button", name="Note it").tap()
    page.wait_for_selector(".error:has-text('Enter a whole number')")
    sizes(page, pictures, "ward-inhaler", faultless)
    page.set_viewport_size(PHONE)
    page.wait_for_timeout(PAUSE)
    card.get_by_label("Left in it now").fill("12")
    card.get_by_role("button", name="Note it").tap()
    card.get_by_text("With 12 puffs left").wait_for()
