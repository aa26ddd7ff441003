"""The cart room in a real browser: a cart is looked at, picked on a phone by scanner keys, checked, and comes back."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from app import demo, demo_cart
from app.demo_cart import unit_code
from app.identity.actions import Given
from app.identity.limits import Where
from app.identity.sign_in_actions import sign_in
from app.main import create_app, put_together
from app.settings import Settings
from tests.browser.conftest import Console
from tests.browser.sizes import DESK, PHONE, TABLET
from tests.cart_room import FIRST, CartRoom, cart_room
from tests.cart_room import unit_code as package_code
from tests.conftest import SetClock
from tests.unitdose.on_the_way import OnTheWay
from unitdose.check_queries import check_queue
from unitdose.drawer_queries import drawer_standing
from unitdose.queries import drawers_of, open_fills

PAUSE = 450  # a second tap within 400 ms is taken for a slip of the finger
BADGES = {**demo.BADGES, "tomas": "BADGE-TOMAS2026"}


@pytest.fixture(scope="module")
def clock() -> SetClock:
    return SetClock()


@pytest.fixture(scope="module")
def room(
    clock: SetClock, seeded_sqlite: tuple[Path, dict[str, int]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[CartRoom]:
    """A cart with the pretend hospital's day on it, planned and labelled."""
    folder = tmp_path_factory.mktemp("cart")
    path, people = seeded_sqlite
    shutil.copy(path, folder / "laminar.db")
    settings = Settings(database=f"sqlite:///{folder / 'laminar.db'}", photos=folder / "photos", zone=demo.ZONE)
    parts = put_together(settings, clock)
    room = cart_room(parts.db, people, folder / "labels")
    demo_cart.ward_orders(parts.db, room.people, FIRST)
    room.parts = parts  # type: ignore[attr-defined]
    yield room
    parts.db.close()


@pytest.fixture(scope="module")
def fill(room: CartRoom) -> int:
    room.planned("6E")
    return room.planned("7W")


@pytest.fixture(scope="module")
def address(room: CartRoom, serve: Callable[..., str]) -> str:
    return serve(create_app(room.parts, worker=False)).replace("127.0.0.1", "desk.localhost")  # type: ignore[attr-defined]


@pytest.fixture
def open_as(
    room: CartRoom, address: str, new_page: Callable[..., Page], axe: Callable[[Page], None]
) -> Callable[..., Page]:
    """`open_as("tina", "/pick", PHONE)`: a page that is read as it is, not wider than its screen, without a fault."""

    def show(name: str, to: str, size: dict[str, int]) -> Page:
        token = sign_in(room.db, Given(BADGES[name], demo.PIN), Where(2, "desk")).token
        page = new_page(viewport=size, base_url=address)
        page.context.add_cookies([{"name": "laminar", "value": token, "url": address}])
        page.goto(to)
        look(page, axe)
        return page

    return show


def look(page: Page, axe: Callable[[Page], None]) -> None:
    wide = page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0, f"{page.url} is wider than its screen by {wide} px"
    axe(page)


def test_a_technician_picks_a_bin_by_scans(
    room: CartRoom, fill: int, open_as: Callable[..., Page], scan: Callable[..., None], axe: Callable[[Page], None]
) -> None:
    """The bin, the wrong package that stops the hand in words, the right one, its drawer, and what is short."""
    page = open_as("tina", "/pick", PHONE)
    page.get_by_role("button", name="Pick this cart").first.click()
    expect(page.locator(".reading")).to_be_visible()
    look(page, axe)
    with room.db.read() as session:
        picked = next(each for each in open_fills(session) if f"/pick/{each.fill_id}" in page.url).fill_id
    stop, to = room.here(picked)
    expect(page.get_by_role("heading", level=1)).to_contain_text(stop.package.shown)

    wrong = "metronidazole" if "metronidazole" not in stop.package.shown else "metformin"
    with page.expect_navigation():
        scan(page, unit_code(wrong))
    expect(page.get_by_role("alert")).to_be_visible()
    look(page, axe)

    with page.expect_navigation():
        scan(page, package_code(stop.package.ndc, stop.lots, to.lot_id))
    expect(page.get_by_role("heading", level=1)).to_contain_text("Scan drawer")
    look(page, axe)
    with page.expect_navigation():
        scan(page, room.serial(to.work_id))
    with room.db.read() as session:
        assert len(drawer_standing(session, to.work_id).put) == 1

    page.get_by_text("The bin is short").click()
    page.get_by_label("Not enough in the bin").check()
    with page.expect_navigation():
        page.get_by_role("button", name="Go on without it").click()
    page.wait_for_timeout(PAUSE)
    page.get_by_role("button", name="Leave").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Pick")


@pytest.mark.parametrize("size", [DESK, TABLET, PHONE], ids=["desk", "tablet", "phone"])
def test_the_board_and_a_cart_are_read_on_every_screen(
    fill: int, open_as: Callable[..., Page], size: dict[str, int]
) -> None:
    page = open_as("tina", "/fills", size)
    expect(page.get_by_role("heading", level=1)).to_have_text("Carts")
    page = open_as("pablo", f"/fills/{fill}", size)
    expect(page.get_by_role("heading", level=1)).to_be_visible()


def test_drawers_are_signed_checked_delivered_and_come_back(
    room: CartRoom,
    clock: SetClock,
    fill: int,
    address: str,
    open_as: Callable[..., Page],
    scan: Callable[..., None],
    axe: Callable[[Page], None],
    console: Console,
) -> None:
    """What the technician signs waits for the pharmacist; what the ward sends back is scanned against its drawer."""
    room.picked(fill)
    page = open_as("tina", f"/pick/{fill}", PHONE)
    page.get_by_label("Badge").fill(BADGES["tina"])
    page.get_by_label("PIN").fill(demo.PIN)
    page.get_by_role("button", name="Sign as prepared").click()
    page.wait_for_load_state("load")
    look(page, axe)

    page = open_as("pablo", "/cart-checks", DESK)
    with room.db.read() as session:
        first = next(each for each in check_queue(session) if each.work_id)
    page = open_as("pablo", f"/cart-checks/{first.work_id}", TABLET)
    expect(page.get_by_role("heading", level=1)).to_contain_text("Cart 7 West, drawer")
    room.released(fill)

    way = OnTheWay(room)
    way.load_all(fill)
    way.leave()
    way.arrive()
    with room.db.read() as session:
        drawer = next(d for d in (drawer_standing(session, e.work_id) for e in drawers_of(session, fill)) if d.put)
    console.expect("422")
    page = open_as("tina", "/returns", DESK)
    with page.expect_navigation():
        scan(page, unit_code("metformin"))
    expect(page.get_by_text("not the label of a drawer").first).to_be_visible()
    with page.expect_navigation():
        scan(page, room.serial(drawer.facts.work_id))
    expect(page.get_by_role("heading", level=1)).to_have_text("Scan each package that came back")
    look(page, axe)
    with page.expect_navigation():
        scan(page, drawer.put[0].scan)
    expect(page.locator("#back .row")).to_have_count(1)
    expect(page.get_by_text("To its bin")).to_be_visible()

    clock.forward(hours=30)
    page = open_as("tina", page.url.removeprefix(address), DESK)
    with page.expect_navigation():
        scan(page, drawer.put[-1].scan)
    page = open_as("pablo", "/omissions", PHONE)
    page.locator("summary", has_text="What it was").first.click()
    look(page, axe)
    page.get_by_label("Refused by the patient").first.check()
    page.get_by_role("button", name="Close it").first.click()
    page.wait_for_load_state("load")
    look(page, axe)
