"""Setting up what a plan needs, in a browser: wards and carts, locations, unit doses; by keys, thumb and scanner."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from app.demo_cart import unit_code
from tests.browser.cart_site import CartSite, cart_site
from tests.browser.conftest import Console
from tests.browser.sizes import DESK, PHONE, TABLET

SIZES = {"tablet": TABLET, "desk": DESK, "phone": PHONE}
PAUSE = 450  # a second tap within 400 ms is taken for a slip of the finger


@pytest.fixture(scope="module")
def site(serve: Any, carts_sqlite: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CartSite]:
    yield from cart_site(serve, carts_sqlite, tmp_path_factory.mktemp("set-up"))


@pytest.fixture
def faultless(axe: Callable[[Page], None], pictures: Path | None) -> Callable[[Page, str], None]:
    """`faultless(page, "carts")`: at every size not wider than the screen, and without a fault."""

    def check(page: Page, name: str) -> None:
        size = page.viewport_size
        for what, viewport in SIZES.items():
            page.set_viewport_size(viewport)
            wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide <= 0, f"{name} is wider than the {what} by {wide} px"
            # The whole page at once: what the fixed foot happens to cover of it is scrolled to by a person.
            height = page.evaluate("document.documentElement.scrollHeight")
            page.set_viewport_size({"width": viewport["width"], "height": max(height, viewport["height"])})
            axe(page)
            if pictures:
                page.screenshot(path=pictures / f"{name}-{what}.png", full_page=True)
        assert size is not None
        page.set_viewport_size(size)

    return check


PAGES = {
    "carts": "/carts",
    "cart-new": "/carts/new",
    "cart": "/carts/1",
    "ward": "/carts/wards/1",
    "locations": "/locations",
    "location": "/locations/A1-2-1-01",
    "unit-doses": "/formulary/unit-doses",
    "unit-dose": "/formulary/products/6/unit-dose?package=7",
    "product": "/formulary/products/6",
}


@pytest.mark.parametrize("name", PAGES)
def test_every_page_is_read_on_every_screen(
    site: CartSite, new_page: Callable[..., Page], faultless: Callable[[Page, str], None], name: str
) -> None:
    page = site.open_as(new_page, "petra", PAGES[name], DESK)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    for each in page.locator("main details > summary").all()[:2]:
        each.click()
    faultless(page, name)


def test_a_ward_and_its_cart_are_set_up_and_stand_on_the_board(
    site: CartSite, new_page: Callable[..., Page], faultless: Callable[[Page, str], None], console: Console
) -> None:
    console.expect("422")
    page = site.open_as(new_page, "petra", "/carts", DESK)
    page.get_by_text("Add a ward").click()
    page.get_by_label("Code").fill("5N")
    page.get_by_label("Name").fill("5 North, surgery")
    page.get_by_role("button", name="Add this ward").click()
    expect(page.get_by_role("row", name="5 North, surgery")).to_contain_text("No cart")
    page.wait_for_timeout(PAUSE)
    page.get_by_role("link", name="Set up a cart").click()
    page.get_by_label("Code").fill("5N")
    page.get_by_label("Name").fill("Cart 5 North")
    page.get_by_label("5 North, surgery").check()
    page.wait_for_timeout(PAUSE)
    page.get_by_role("button", name="Set up this cart").click()
    expect(page.get_by_role("alert")).to_contain_text("at least one time of day")
    expect(page.get_by_label("5 North, surgery")).to_be_checked()
    faultless(page, "cart-wrong")
    page.get_by_label("When its windows begin").fill("06:00 18:00")
    page.wait_for_timeout(PAUSE)
    page.get_by_role("button", name="Set up this cart").click()
    expect(page.get_by_role("row", name="Cart 5 North 5N")).to_contain_text("planned 14:00, leaves 16:30")
    page.goto("/fills")
    expect(page.get_by_text("Cart 5 North", exact=True)).to_be_visible()


def test_a_shelf_is_set_up_on_a_phone_and_filled_by_scans(
    site: CartSite,
    new_page: Callable[..., Page],
    scan: Callable[..., None],
    faultless: Callable[[Page, str], None],
    console: Console,
) -> None:
    page = site.open_as(new_page, "tina", "/locations", PHONE)
    page.get_by_text("Set up the bins of a shelf").tap()
    address = {"Zone": "C", "Aisle": "1", "Bay": "1", "Shelf": "1", "First bin": "1", "Last bin": "3"}
    for label, value in address.items():
        page.get_by_label(label, exact=True).fill(value)
    page.get_by_role("button", name="Set up these bins").tap()
    expect(page.get_by_role("link", name="C1-1-1-03")).to_be_visible()
    with page.expect_navigation():
        scan(page, "LOC-C1-1-1-02")
    expect(page.get_by_role("heading", level=1)).to_have_text("C1-1-1-02")
    with page.expect_navigation():
        scan(page, unit_code("metformin", lot="NEW77"))
    expect(page.get_by_label("Lot", exact=True)).to_have_value("NEW77")
    page.get_by_label("How many").fill("40")
    faultless(page, "location-scanned")
    page.get_by_role("button", name="Put them here").tap()
    expect(page.locator("#lying")).to_contain_text("lot NEW77 to 30-Jun-2027")
    page.goto(f"/locations?scan={quote(unit_code('metformin'))}")
    expect(page.get_by_role("link", name="C1-1-1-02")).to_be_visible()


def test_a_technician_flags_a_pocket_and_sees_who_changes_the_rest(
    site: CartSite, new_page: Callable[..., Page], faultless: Callable[[Page, str], None], console: Console
) -> None:
    page = site.open_as(new_page, "tina", "/carts/wards/1", PHONE)
    page.get_by_text("It is out").first.tap()
    page.get_by_role("button", name="The cart brings it").tap()
    expect(page.locator("#pockets")).to_contain_text("The cart brings it.")
    faultless(page, "ward-out")
    page.wait_for_timeout(PAUSE)
    page.get_by_role("button", name="Filled again").tap()
    expect(page.get_by_role("button", name="Filled again")).to_have_count(0)
    console.expect("409")
    page.goto("/carts/new")
    expect(page.get_by_role("status")).to_contain_text("A technician may not set up carts")
