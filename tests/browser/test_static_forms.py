"""Forms: one tap is one act, a refusal is shown where the person is, a fault is said in words."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI
from playwright.sync_api import Page

from tests.browser.styleguide_app import styleguide


@pytest.fixture(scope="module")
def app() -> FastAPI:
    return styleguide()


@pytest.fixture(scope="module")
def base(app: FastAPI, serve: Callable[..., str]) -> str:
    return serve(app)


@pytest.fixture
def posts(app: FastAPI) -> list[dict[str, Any]]:
    app.state.posts.clear()
    app.state.delay = 0.0
    return app.state.posts


def opened(new_page: Any, address: str, **options: Any) -> Page:
    page = new_page(**options)
    page.goto(address)
    page.wait_for_selector("[data-clock]:not(:empty)")
    return page


def test_two_taps_are_one_act_and_the_button_says_so(
    base: str, new_page: Any, app: FastAPI, posts: list[dict[str, Any]]
) -> None:
    app.state.delay = 0.6
    page = opened(new_page, f"{base}/tap?kind=hood")
    box = page.get_by_role("button", name="Accept").bounding_box()
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.touchscreen.tap(*middle)
    page.touchscreen.tap(*middle)
    page.wait_for_selector("button:has-text('Working…')")
    page.wait_for_timeout(450)
    page.touchscreen.tap(*middle)
    page.wait_for_selector("h1:has-text('Stored')")
    page.wait_for_timeout(300)
    assert len(posts) == 1
    assert posts[0]["act"] == "accept", "the button that was tapped is part of what is sent"


def test_the_second_tap_of_a_wet_glove_does_not_fall_on_the_next_page(
    base: str, new_page: Any, posts: list[dict[str, Any]]
) -> None:
    page = opened(new_page, f"{base}/tap?kind=hood")
    page.evaluate(
        """() => document.addEventListener('htmx:after:swap', () => {
             const next = document.querySelector('.button.primary');
             next.dispatchEvent(new MouseEvent('click', {bubbles: true, cancelable: true, detail: 1}));
        })"""
    )
    page.get_by_role("button", name="Accept").tap()
    page.wait_for_selector("h1:has-text('Stored')")
    page.wait_for_timeout(300)
    assert len(posts) == 1


def test_a_refusal_is_shown_in_place_and_is_no_page_to_come_back_to(
    base: str, new_page: Any, console: Any, axe: Any, posts: list[dict[str, Any]]
) -> None:
    console.expect("422")
    page = opened(new_page, f"{base}/tap?kind=hood&answer=refuse")
    address = page.url
    page.get_by_role("button", name="Accept").tap()
    page.wait_for_selector("h1:has-text('Not stored')")
    assert page.url == address
    assert "error-summary" in (page.evaluate("document.activeElement.className") or "")
    axe(page)


def test_a_fault_is_said_in_words_and_the_button_comes_back(
    base: str, new_page: Any, console: Any, posts: list[dict[str, Any]]
) -> None:
    console.expect("500")
    page = opened(new_page, f"{base}/tap?kind=hood&answer=fault")
    page.get_by_role("button", name="Accept").tap()
    page.wait_for_selector("#fault:has-text('The step may not be stored')")
    assert page.get_by_role("button", name="Accept").is_enabled()


def test_back_goes_back(base: str, new_page: Any, posts: list[dict[str, Any]]) -> None:
    page = opened(new_page, f"{base}/tap?kind=hood")
    page.get_by_role("button", name="Accept").tap()
    page.wait_for_selector("h1:has-text('Stored')")
    assert "/after" in page.url and page.title().startswith("after")
    page.go_back()
    page.wait_for_selector("h1:has-text('Tap')")
    assert "/tap" in page.url


def test_pages_work_without_any_script(base: str, new_page: Any, posts: list[dict[str, Any]]) -> None:
    page = new_page(java_script_enabled=False)
    page.goto(f"{base}/tap?kind=desk")
    page.get_by_role("button", name="Accept").click()
    page.wait_for_selector("h1:has-text('Stored')")
    assert len(posts) == 1 and posts[0]["once"]


def test_a_tone_sounds_once_for_one_answer(base: str, new_page: Any, posts: list[dict[str, Any]]) -> None:
    page = opened(new_page, f"{base}/scan?kind=hood&wrong=1")
    assert page.evaluate("document.documentElement.dataset.lastTone") == "wrong"
    page.reload()
    page.wait_for_selector("[data-clock]:not(:empty)")
    assert page.evaluate("document.documentElement.dataset.lastTone ?? null") is None
