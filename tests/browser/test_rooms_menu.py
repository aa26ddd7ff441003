"""The way between the desk's rooms: one line on every screen, a menu that opens by key and by thumb."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.cart_site import CartSite, cart_site
from tests.browser.sizes import DESK, PHONE, TABLET


@pytest.fixture(scope="module")
def site(serve: Any, carts_sqlite: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CartSite]:
    yield from cart_site(serve, carts_sqlite, tmp_path_factory.mktemp("rooms"))


def height(page: Page) -> float:
    box = page.locator("nav.rooms").bounding_box()
    assert box
    return box["height"]


@pytest.mark.parametrize("size", [TABLET, DESK, PHONE], ids=["tablet", "desk", "phone"])
@pytest.mark.parametrize("name", ["petra", "pablo", "tina"])
def test_the_rooms_stand_in_one_line(
    site: CartSite,
    new_page: Callable[..., Page],
    axe: Callable[[Page], None],
    pictures: Path | None,
    size: dict[str, int],
    name: str,
) -> None:
    page = site.open_as(new_page, name, "/formulary", size)
    assert height(page) <= 52
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page scrolls sideways"
    shown = page.locator("nav.rooms > a[aria-current=page]")
    expect(shown).to_have_text("Formulary")
    axe(page)
    page.get_by_text("All rooms").click()
    if pictures:
        page.screenshot(path=pictures / f"rooms-{name}-{size['width']}.png")
    page.wait_for_selector(".menu >> text=Stock")
    targets = [link.bounding_box() for link in page.locator(".menu a, nav.rooms summary").all()]
    assert targets and all(box and box["height"] >= 48 and box["width"] >= 44 for box in targets)
    assert all(box["x"] + box["width"] <= size["width"] for box in targets if box)
    expect(page.locator(".menu a[aria-current=page]")).to_have_text("Formulary")
    axe(page)


def test_the_menu_works_by_keys_and_closes_where_one_came_from(site: CartSite, new_page: Callable[..., Page]) -> None:
    page = site.open_as(new_page, "tina", "/formulary", DESK)
    summary = page.locator("nav.rooms summary")
    summary.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".menu")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".menu")).to_be_hidden()
    assert page.evaluate("document.activeElement.matches('nav.rooms summary')")
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Recipes")


def test_a_thumb_opens_the_menu_and_a_press_beside_it_closes_it(site: CartSite, new_page: Callable[..., Page]) -> None:
    page = site.open_as(new_page, "tina", "/formulary", PHONE)
    page.locator("nav.rooms summary").tap()
    expect(page.locator(".menu")).to_be_visible()
    page.locator("footer.actions").click(position={"x": 4, "y": 4})
    expect(page.locator(".menu")).to_be_hidden()
    page.locator("nav.rooms summary").tap()
    page.locator(".menu").get_by_role("link", name="Orders").tap()
    expect(page.get_by_role("heading", level=1)).to_have_text("Orders")
    expect(page.locator(".menu")).to_be_hidden()
