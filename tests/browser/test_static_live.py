"""The stream: a lost connection stops everything, news moves nothing under a finger, a weight is taken once."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI
from playwright.sync_api import Page

from tests.browser.styleguide_app import Stream, styleguide

POST = """() => {
    const form = document.createElement('form');
    Object.assign(form, {method: 'post', action: '/post?kind=desk'});
    form.innerHTML = '<button>Send</button>';
    document.querySelector('main').append(form);
    htmx.process(form);
    form.requestSubmit();
}"""
GAUGE = {"at": 0.5, "low": 0.42, "target": 0.5, "high": 0.58, "low_words": "19.4 mL", "high_words": "20.6 mL"}


@pytest.fixture(scope="module")
def app() -> FastAPI:
    return styleguide()


@pytest.fixture(scope="module")
def base(app: FastAPI, serve: Callable[..., str]) -> str:
    return serve(app)


@pytest.fixture
def stream(app: FastAPI) -> Stream:
    app.state.posts.clear()
    app.state.delay = 0.0
    app.state.stream.beating = True
    return app.state.stream


def opened(new_page: Any, address: str) -> Page:
    page = new_page()
    page.goto(address)
    page.wait_for_selector("[data-clock]:not(:empty)")
    return page


def weight(stream: Stream, value: str | None, state: str, seq: int, **more: Any) -> None:
    stream.send("weight", **{"value": value, "unit": "g", "stable": True, "state": state, "age_ms": 5, "seq": seq,
                             "settled": True, "gauge": GAUGE, "accept": False, "step": 7, **more})  # fmt: skip


def test_three_seconds_without_a_beat_stop_everything_and_the_page_is_read_anew(
    base: str, stream: Stream, app: FastAPI, new_page: Any, axe: Any, scan: Any
) -> None:
    page = opened(new_page, f"{base}/after?kind=hood")
    title = page.inner_text("h1")
    stream.beating = False
    banner = page.get_by_role("alert").filter(has_text="No connection. Stop. Do not go on.")
    banner.wait_for()
    box = banner.bounding_box()
    assert box["width"] == 1280 and box["height"] == 800
    assert page.get_by_role("button", name="Next", include_hidden=True).is_disabled()
    scan(page, "T-000712")
    page.wait_for_timeout(200)
    assert app.state.posts == [], "nothing is sent, and nothing is kept to be sent later"
    axe(page)
    stream.beating = True
    banner.wait_for(state="detached")
    assert page.inner_text("h1") != title, "what the page shows is what the server says now"
    assert page.get_by_role("button", name="Next").is_enabled()


def test_after_five_minutes_the_downtime_sheet_takes_over(base: str, stream: Stream, new_page: Any) -> None:
    page = new_page()
    page.clock.install()
    page.goto(f"{base}/after?kind=hood")
    page.wait_for_selector("h1")
    stream.beating = False
    page.wait_for_timeout(700)
    page.clock.run_for(4_000)
    page.wait_for_selector("#lost:has-text('Do not go on.')")
    assert "downtime" not in page.inner_text("#lost")
    page.clock.run_for(301_000)
    page.wait_for_selector("#lost:has-text('Finish on the downtime sheet.')")


def test_news_changes_a_part_but_a_list_waits_to_be_asked(base: str, stream: Stream, new_page: Any) -> None:
    page = opened(new_page, f"{base}/queue?kind=desk")
    stream.send("news", topic="work:1", seq=1)
    page.wait_for_selector("#part:has-text('seen')")
    stream.send("news", topic="queue", seq=2)
    bar = page.get_by_role("button", name="1 new: show")
    bar.wait_for()
    assert page.inner_text("#held") == "as loaded"
    stream.send("news", topic="queue", seq=3)
    page.get_by_role("button", name="2 new: show").tap()
    page.wait_for_selector("#held:not(:has-text('as loaded'))")
    assert bar.count() == 0


def test_news_that_a_page_or_part_shows_already_moves_nothing(
    base: str, stream: Stream, app: FastAPI, new_page: Any
) -> None:
    app.state.drawn, app.state.parts = "run.5", 0
    page = opened(new_page, f"{base}/queue?kind=desk")
    stream.send("news", topic="work:1", mark="run.5")
    stream.send("news", topic="queue", mark="run.4")
    stream.send("news", topic="work:2", mark="run.9")
    page.wait_for_timeout(200)
    assert app.state.parts == 0 and page.locator(".news-bar").count() == 0
    app.state.drawn = "run.8"
    stream.send("news", topic="work:1", mark="run.6")
    page.wait_for_selector("#part:has-text('seen')")
    stream.send("news", topic="work:1", mark="run.8")
    page.wait_for_timeout(200)
    assert app.state.parts == 1, "the part was drawn after that news"
    stream.send("news", topic="work:1", mark="next.1")
    page.wait_for_function("document.querySelector('#part').textContent !== 'seen'")
    page.wait_for_timeout(100)
    assert app.state.parts == 2, "a server that was started anew counts anew"


def test_a_held_list_counts_one_piece_of_news_once(base: str, stream: Stream, app: FastAPI, new_page: Any) -> None:
    app.state.drawn = "run.1"
    page = opened(new_page, f"{base}/queue?kind=desk")
    for mark in ("run.2", "run.2", "run.3"):
        stream.send("news", topic="queue", mark=mark)
    page.get_by_role("button", name="2 new: show").wait_for()


def test_news_of_a_post_that_is_on_its_way_waits_for_its_answer(
    base: str, stream: Stream, app: FastAPI, new_page: Any
) -> None:
    app.state.drawn, app.state.parts, app.state.delay = "run.1", 0, 0.4
    page = opened(new_page, f"{base}/queue?kind=desk")
    page.evaluate(POST)
    page.wait_for_selector("form[data-busy]", state="attached")
    app.state.drawn = "run.2"  # what is drawn from now on shows the act
    stream.send("news", topic="work:1", mark="run.2")
    page.wait_for_selector("h1:has-text('Stored')")
    page.wait_for_timeout(200)
    assert app.state.parts == 0, "its own news fetched nothing"
    app.state.delay = 5.0
    page.goto(f"{base}/queue?kind=desk")
    page.wait_for_selector("[data-clock]:not(:empty)")
    page.evaluate(POST)
    page.wait_for_selector("form[data-busy]", state="attached")
    stream.send("news", topic="work:1", mark="run.3")
    page.wait_for_selector("#part:has-text('seen')", timeout=4_500)  # a slow answer holds no news for long


def test_the_number_follows_the_scale_and_goes_when_it_is_old(base: str, stream: Stream, new_page: Any) -> None:
    page = opened(new_page, f"{base}/weigh?kind=hood")
    weight(stream, "281.46", "under", 1, words="Too little: 0.8 mL more")
    page.wait_for_selector("[data-reading]:has-text('281.46')")
    assert page.inner_text("[data-weight-chip]") == "Too little: 0.8 mL more"
    assert page.get_attribute("[data-weight-chip]", "data-state") == "caution"
    assert page.get_attribute("[data-pointer]", "transform") == "translate(300.0 0)"
    page.wait_for_selector("[data-weight-chip]:has-text('No scale')")
    assert page.inner_text("[data-reading]") == "–"
    weight(stream, "281.48", "under", 2, age_ms=1500)
    page.wait_for_timeout(100)
    assert page.inner_text("[data-reading]") == "–", "a reading that was old when it was sent is never shown"
    weight(stream, "281.50", "moving", 3, stable=False)
    page.wait_for_selector("[data-reading]:has-text('281.50')")
    assert page.locator("[data-reading-box][data-stale]").count() == 1, "a moving number looks different"


def test_a_settled_weight_in_the_band_is_sent_once(base: str, stream: Stream, app: FastAPI, new_page: Any) -> None:
    app.state.delay = 0.3
    page = opened(new_page, f"{base}/weigh?kind=hood")
    weight(stream, "286.00", "within", 10, accept=True, step=6)
    page.wait_for_selector("[data-reading]:has-text('286.00')")
    assert app.state.posts == [], "an event about another step is not for this form"
    for seq in range(11, 17):
        weight(stream, "286.01", "within", seq, accept=True)
    page.wait_for_selector("h1:has-text('Stored')")
    page.wait_for_timeout(200)
    assert [(post["seq"], post["step"]) for post in app.state.posts] == [("11", "7")]


def test_a_weight_outside_the_band_cannot_be_accepted(base: str, stream: Stream, new_page: Any) -> None:
    page = opened(new_page, f"{base}/weigh?kind=hood")
    weight(stream, "290.00", "over", 1)
    page.wait_for_selector("[data-weight-chip]:has-text('Too much')")
    assert page.get_by_role("button", name="Accept weight").is_disabled()
    weight(stream, "286.00", "lift_off", 2)
    page.wait_for_selector("[data-weight-chip]:has-text('Lift it off')")
