"""What a tired person sees: sizes in millimetres, colours with shapes, no fault that axe can find."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.sizes import DESK, PHONE, TABLET
from tests.browser.styleguide_app import styleguide

PAGES = [
    ("weigh?kind=hood&simulated=1", TABLET),
    ("scan?kind=hood&wrong=1", TABLET),
    ("scan?kind=hood&answer=1&test=1", TABLET),
    ("worklist?kind=hood", TABLET),
    ("sign?kind=hood", TABLET),
    ("photo?kind=hood", TABLET),
    ("queue?kind=desk&test=1", DESK),
    ("verify?kind=desk", DESK),
    ("forms?kind=desk&wrong=1", DESK),
    ("ward?kind=ward", PHONE),
    ("scan?kind=ward", PHONE),
    ("sign?kind=ward&mode=pin", PHONE),
]


@pytest.fixture(scope="module")
def base(serve: Callable[..., str]) -> str:
    return serve(styleguide())


@pytest.mark.parametrize(("address", "viewport"), PAGES, ids=[address for address, _ in PAGES])
def test_every_part_is_free_of_faults_in_light_and_in_dark(
    base: str, new_page: Any, axe: Any, pictures: Path | None, address: str, viewport: dict[str, int]
) -> None:
    page = new_page(viewport=viewport)
    page.goto(f"{base}/{address}&theme=light")
    page.wait_for_selector("main h1")
    page.evaluate("document.querySelector('.edge')?.remove()")
    for theme in ("light", "dark"):
        page.evaluate("theme => { document.body.dataset.theme = theme; }", theme)
        axe(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page scrolls sideways"
        if pictures:
            name = address.replace("?", "-").replace("&", "-").replace("=", "-")
            page.screenshot(path=pictures / f"{name}-{theme}.png")


@pytest.mark.parametrize("viewport", [TABLET, DESK, PHONE], ids=["1280x800", "1440x900", "390x844"])
def test_one_page_holds_at_every_size(base: str, new_page: Any, axe: Any, viewport: dict[str, int]) -> None:
    page = new_page(viewport=viewport)
    page.goto(f"{base}/weigh?kind=hood&simulated=1&test=1")
    page.wait_for_selector("[data-reading]")
    axe(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page scrolls sideways"


def size(page: Page, selector: str, what: str) -> float:
    return page.eval_on_selector(selector, f"e => parseFloat(getComputedStyle(e).{what})")


def test_gloved_hands_get_twenty_millimetres_on_the_tablet(base: str, new_page: Any) -> None:
    page = new_page()
    page.goto(f"{base}/weigh?kind=hood")
    primary = page.locator(".actions .primary").bounding_box()
    back = page.get_by_role("link", name="Back").bounding_box()
    problem = page.get_by_role("link", name="Problem").bounding_box()
    millimetre = 5.9  # a 10.1-inch tablet of 1280 × 800
    assert primary["height"] >= 20 * millimetre - 0.5
    assert back["height"] >= 15 * millimetre - 0.5
    assert problem["x"] - (back["x"] + back["width"]) >= 4 * millimetre - 0.5
    assert primary["x"] + primary["width"] > 1200 and primary["y"] > 600, "the main action is bottom right"
    assert size(page, "body", "fontSize") >= 24
    assert size(page, ".instruction", "fontSize") >= 36
    assert size(page, ".reading", "fontSize") >= 96
    digits = page.locator(".reading").evaluate("e => getComputedStyle(e).fontVariantNumeric")
    assert "tabular-nums" in digits


def test_what_destroys_stands_away_from_what_accepts(base: str, new_page: Any) -> None:
    page = new_page()
    page.goto(f"{base}/verify?kind=hood")
    refuse = page.get_by_role("link", name="Refuse").bounding_box()
    accept = page.get_by_role("button", name="Accept").bounding_box()
    assert accept["x"] - (refuse["x"] + refuse["width"]) >= 20 * 5.9 - 0.5


def test_a_desk_row_is_dense_and_a_worklist_row_is_tall(base: str, new_page: Any) -> None:
    page = new_page(viewport=DESK)
    page.goto(f"{base}/queue?kind=desk")
    assert 44 <= page.locator(".dense tbody tr").first.bounding_box()["height"] <= 52
    page.goto(f"{base}/worklist?kind=hood")
    assert all(row.bounding_box()["height"] >= 88 for row in page.locator(".row").all())


def test_a_quantity_never_breaks_over_two_lines(base: str, new_page: Any) -> None:
    page = new_page()
    page.goto(f"{base}/weigh?kind=hood")
    for width in (320, 360, 412, 700, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        lines = page.eval_on_selector_all(".qty", "list => list.map(e => e.getClientRects().length)")
        assert lines and set(lines) == {1}


def test_a_calibrated_station_is_measured_in_its_own_millimetres(base: str, new_page: Any) -> None:
    page = new_page()
    page.goto(f"{base}/weigh?kind=hood&px=5.2")
    page.wait_for_selector("[data-clock]:not(:empty)")
    assert page.locator(".actions .primary").bounding_box()["height"] == pytest.approx(104, abs=1)


def test_a_dark_screen_prints_dark_on_white(base: str, new_page: Any) -> None:
    page = new_page()
    page.goto(f"{base}/worklist?kind=hood")
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(21, 32, 43)"
    assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == "rgb(255, 255, 255)"
    assert page.locator(".actions").is_hidden()


def test_the_style_sheet_stays_small() -> None:
    sheet = Path(__file__).resolve().parents[2] / "app/web/static/app.css"
    assert sheet.stat().st_size <= 20_000
