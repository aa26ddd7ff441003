"""The one stream of a page, in the product itself: what a scan costs, and a weighing that takes its time."""

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, Request, expect

from app.demo_day import Server, trial
from tests.browser.story import Hands, Open, Scan, sign_in


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    """The pretend hospital, open to browsers until the module's tests are over."""
    with trial(tmp_path_factory.mktemp("hospital"), settle_s=0.15) as opened:
        server = Server(opened.app, 0)
        thread = server.in_thread()
        yield Open(opened, server)
        server.should_exit = True
        thread.join(10)


@pytest.fixture
def asked(new_page: Callable[..., Page]) -> Callable[..., tuple[Page, list[str]]]:
    """A page, and what it asks the server for: method and path, without what is static."""

    def make(**options: object) -> tuple[Page, list[str]]:
        page, found = new_page(**options), []

        def note(request: Request) -> None:
            path = "/" + request.url.split("/", 3)[3].split("?")[0]
            if not path.startswith("/static"):
                found.append(f"{request.method} {path}")

        page.on("request", note)
        return page, found

    return make


def until_quiet(page: Page, found: list[str]) -> None:
    """Wait until a page has asked for nothing more for a while."""
    before = -1
    while len(found) != before:
        before = len(found)
        page.wait_for_timeout(700)


def test_a_scan_fetches_its_page_once_and_a_slow_weighing_is_not_stopped(
    house: Open, asked: Callable[..., tuple[Page, list[str]]], scan: Scan
) -> None:
    page, found = asked()
    sign_in(page, house.at("hood"), "tina")
    hands = Hands(house, page, scan)
    hands.start("vancomycin 1,000 mg")
    here = page.url.split("/", 3)[3].split("?")[0]
    for step in ("scan-diluent", "scan-bag"):
        until_quiet(page, found)
        found.clear()
        at, _ = house.now()
        assert at is not None
        scan(page, house.trial.bench.next(at).what)
        expect(page.locator("form[data-scan] [name=step]")).to_have_value(step)
        until_quiet(page, found)
        assert [each for each in found if each != "GET /live"] == [f"POST /{here}/scan", f"GET /{here}"]
    hands.to_the_pan()
    until_quiet(page, found)
    found.clear()
    page.wait_for_timeout(4_500)  # longer than a page waits for a sign of life
    assert page.locator("#lost").count() == 0
    assert page.locator("[data-reading]").inner_text() == "0.00"
    assert found == []


def test_the_device_page_has_one_stream(house: Open, asked: Callable[..., tuple[Page, list[str]]]) -> None:
    page, found = asked()
    sign_in(page, house.at("desk"), "petra")
    page.goto(house.at("desk", "/devices"))
    expect(page.locator("[data-balance='hood-1'] [data-balance-number]")).to_have_text("0.00")
    found.clear()
    page.reload()
    expect(page.locator("[data-balance='hood-1'] [data-balance-number]")).to_have_text("0.00")
    expect(page.locator("[data-balance='hood-1'] [data-balance-age]")).to_have_text("now")
    assert found.count("GET /live") == 1


def test_a_page_whose_session_has_ended_goes_to_the_door(house: Open, new_page: Callable[..., Page]) -> None:
    for way in ("its stream opens again", "a part is fetched anew"):
        page = new_page()
        sign_in(page, house.at("desk"), "petra")
        expect(page.locator("[data-clock]")).not_to_be_empty()
        page.context.clear_cookies()
        if way == "its stream opens again":
            page.evaluate("() => dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
        else:
            page.evaluate(
                "() => { const part = document.querySelector('[data-refresh]');"
                "htmx.ajax('GET', part.dataset.refreshFrom, {source: part, target: part, swap: 'outerHTML'}); }"
            )
        expect(page).to_have_url(re.compile(r"/sign-in\b"))
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        assert page.locator("main main").count() == 0
