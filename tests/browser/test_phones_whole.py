"""A handheld shows the desk's tables whole: stacked, nothing beside the screen, and what a bare value means is said."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page

from app import demo_cart
from tests.browser.cart_site import CartSite, cart_site
from tests.browser.sizes import PHONE
from tests.cart_room import FIRST

TABLES = {
    "/fills/1": ("pablo", "in 0 of 1"),
    "/orders": ("pablo", "first dose"),
    "/people": ("petra", "PIN chosen"),
    "/formulary": ("petra", "used as"),
    "/formulary/products/1": ("petra", "code"),
    "/times": ("petra", ""),
    "/audit": ("petra", ""),
    "/stock/lots": ("tina", "expiry"),
    "/carts": ("tina", ""),
    "/locations": ("tina", ""),
}
TEXT_WITH_LABELS = """() => [...document.querySelectorAll('td')].map(cell => {
    const said = getComputedStyle(cell, '::before').content;
    return (said.startsWith('"') ? said.replaceAll('"', '').replaceAll(/\\s+/g, ' ') : '') + cell.innerText;
}).join(' | ')"""


@pytest.fixture(scope="module")
def site(serve: Any, carts_sqlite: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CartSite]:
    for each in cart_site(serve, carts_sqlite, tmp_path_factory.mktemp("phones")):
        demo_cart.ward_orders(each.room.db, each.room.people, FIRST)
        assert each.room.planned("7W") == 1
        yield each


@pytest.mark.parametrize("address", TABLES)
def test_a_table_is_stacked_and_whole(site: CartSite, new_page: Callable[..., Page], address: str) -> None:
    name, said = TABLES[address]
    page = site.open_as(new_page, name, address, PHONE)
    page.wait_for_selector("table.dense td")
    beside = page.evaluate(
        "() => [...document.querySelectorAll('table.dense *, .scroll')].filter(each => each.checkVisibility()"
        " && (each.getBoundingClientRect().right > innerWidth + 1 || each.scrollWidth > each.clientWidth + 1"
        " && each.matches('.scroll'))).map(each => each.outerHTML.slice(0, 80))"
    )
    assert beside == []
    assert said in " ".join(page.evaluate(TEXT_WITH_LABELS).split()), address
    lines = page.locator("table.dense tbody tr").first.evaluate("row => getComputedStyle(row).borderBottomStyle")
    assert lines == "solid", "rows are told apart"
