"""The scanner that types: heard anywhere, told from a person's typing, never sent twice."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI
from playwright.sync_api import Page

from tests.browser.styleguide_app import styleguide
from tests.devices.on_the_line import eventually

CODE = "]d20100300409653341172703311ACME7G123"


@pytest.fixture(scope="module")
def app() -> FastAPI:
    return styleguide()


@pytest.fixture(scope="module")
def base(app: FastAPI, serve: Callable[..., str]) -> str:
    return serve(app)


@pytest.fixture
def posts(app: FastAPI) -> list[dict[str, str]]:
    app.state.posts.clear()
    app.state.delay = 0.0
    return app.state.posts


@pytest.fixture
def page(base: str, new_page: Any) -> Page:
    page = new_page()
    page.goto(f"{base}/scan?kind=hood")
    page.wait_for_selector("[data-clock]:not(:empty)")
    return page


STORED = "h1:has-text('Stored')"
BROKE_OFF = ".toast:has-text('The scan broke off. Scan again.')"


def stored(page: Page) -> None:
    page.wait_for_selector(STORED)


def real_keys(page: Page, scan: Any, code: str, leads_to: str = STORED) -> None:
    """Scan by real keys until it leads there: where the machine paused within a scan, the page says so and it is
    scanned again."""
    for _ in range(10):
        scan(page, code, delay=2)
        page.wait_for_selector(f"{leads_to}, {BROKE_OFF}")
        if page.locator(leads_to).count():
            return
        page.wait_for_timeout(600)  # what is left of the broken scan is swallowed by then
        page.evaluate("document.querySelectorAll('.toast').forEach(each => each.remove())")
    raise AssertionError("each of ten scans broke off")


def test_a_scan_is_heard_without_focus_and_shown_by_the_next_page(
    page: Page, posts: list[dict[str, str]], scan: Any
) -> None:
    page.evaluate("window.sameWindow = true")
    real_keys(page, scan, CODE)
    assert [post["scan"] for post in posts] == [CODE]
    assert posts[0]["once"].startswith("k") and posts[0]["step"] == "3"
    assert "/after" in page.url, "the address is that of the page after the redirect"
    assert page.evaluate("window.sameWindow === true"), "the page was swapped, not loaded"


def test_the_group_separator_arrives_as_ctrl_bracket(page: Page, posts: list[dict[str, str]], scan: Any) -> None:
    real_keys(page, scan, "]d2010030040965334110A7B3C\x1d17261123")
    assert posts[0]["scan"] == "]d2010030040965334110A7B3C\x1d17261123"


def test_a_person_typing_is_not_a_scan(page: Page, posts: list[dict[str, str]], scan: Any) -> None:
    scan(page, "A7B3C261", delay=60)
    scan(page, "AB12", delay=2)  # fast, but too short for a code without prefix
    page.wait_for_timeout(300)
    assert posts == []


def test_half_a_scan_is_never_taken_for_a_whole_one(page: Page, posts: list[dict[str, str]], scan: Any) -> None:
    scan(page, "T-000712", enter=False)
    page.wait_for_selector(BROKE_OFF)
    page.wait_for_timeout(50)
    scan(page, "99", delay=2)  # the rest of it comes late, with its Enter
    assert posts == []


def test_a_scanner_without_a_suffix_is_a_setting_of_its_station(
    base: str, page: Page, posts: list[dict[str, str]], scan: Any
) -> None:
    page.goto(f"{base}/scan?kind=hood&suffix=none")
    page.wait_for_selector("[data-clock]:not(:empty)")
    scan(page, "T-000712", enter=False)
    stored(page)
    assert posts[0]["scan"] == "T-000712"


def test_the_same_code_within_a_moment_counts_once(
    page: Page, posts: list[dict[str, str]], app: FastAPI, scan: Any
) -> None:
    for _ in range(10):
        posts.clear()
        began = page.evaluate("performance.now()")
        scan(page, CODE)
        eventually(lambda: posts)
        stored(page)
        scan(page, CODE)
        if page.evaluate("performance.now()") - began < 1500:
            break
        page.wait_for_timeout(1600)  # the machine took longer than that moment, which says nothing: once more
    page.wait_for_timeout(300)
    assert len(posts) == 1
    page.wait_for_timeout(1500)
    scan(page, CODE)
    eventually(lambda: len(posts) == 2)


def test_a_scan_does_not_type_into_the_field_that_has_the_focus(
    base: str, page: Page, posts: list[dict[str, str]], scan: Any
) -> None:
    page.goto(f"{base}/tap?kind=hood")
    page.wait_for_selector("[data-clock]:not(:empty)")
    page.fill("#words", "half")
    page.focus("#words")
    real_keys(page, scan, CODE, ".toast:has-text('Nothing to scan here now')")
    assert page.input_value("#words") == "half"
    assert posts == [], "Enter at the end of a scan never sends a form"


def test_a_scanned_badge_fills_its_field_and_the_pin_is_next(
    base: str, page: Page, posts: list[dict[str, str]], scan: Any
) -> None:
    page.goto(f"{base}/sign?kind=hood")
    page.wait_for_selector("[data-clock]:not(:empty)")
    scan(page, "BADGE-1001")
    page.wait_for_selector("[name=pin]:focus")
    assert page.input_value("#field-badge") == "BADGE-1001"
    page.keyboard.type("4711", delay=50)
    page.keyboard.press("Enter")
    stored(page)
    assert posts[0]["badge"] == "BADGE-1001" and posts[0]["pin"] == "4711" and posts[0]["shown"] == "ab12"


def test_a_code_can_be_typed_where_there_is_no_scanner(page: Page, posts: list[dict[str, str]]) -> None:
    page.get_by_text("Type the code").tap()
    page.get_by_label("Code").press_sequentially("T-0007", delay=60)
    page.get_by_role("button", name="Use this code").tap()
    stored(page)
    assert posts[0]["scan"] == "T-0007"


def test_tab_and_function_keys_inside_a_scan_move_nothing(page: Page, posts: list[dict[str, str]]) -> None:
    page.keyboard.type("L-0001", delay=2)
    page.keyboard.press("F3")
    page.keyboard.type("23", delay=2)
    page.keyboard.press("Tab")
    stored(page)
    assert posts[0]["scan"] == "L-000123"
    assert page.evaluate("document.activeElement.tagName") == "H1", "the new page's heading, no link or button"


def test_a_scan_that_comes_while_the_last_is_answered_is_not_lost(
    page: Page, posts: list[dict[str, str]], app: FastAPI, scan: Any
) -> None:
    app.state.delay = 0.4
    scan(page, "L-000001")
    scan(page, "T-000001")
    eventually(lambda: len(posts) == 2)
    assert [post["scan"] for post in posts] == ["L-000001", "T-000001"]
    assert posts[0]["once"] != posts[1]["once"]
