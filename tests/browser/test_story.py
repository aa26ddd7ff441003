"""The whole story in a real browser: an order over HL7, verified, made, checked, received; and what a dose costs."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Playwright, expect

from app import demo
from app.demo_day import Server, trial
from app.demo_picture import labelled_bag
from app.demo_play import until
from compounding.procedure import label_serial
from tests.browser.chromium import launch
from tests.browser.conftest import Console, write_y4m
from tests.browser.sizes import DESK, PHONE, TABLET
from tests.browser.story import Axe, Hands, Open, Scan, keep, sign, sign_in

BUDGET = {
    "vancomycin 1,000 mg": {"scans": 6, "weighings": 2, "photos": 1, "taps": 1},
    "potassium chloride 40 mEq": {"scans": 5, "weighings": 2, "photos": 1, "taps": 1},
    "vancomycin 750 mg": {"scans": 6, "weighings": 3, "photos": 1, "taps": 1},
}
WORDS = ("ÅNGSTRÖM, Zoë", "MRN 700101", "vancomycin 1,000 mg in sodium chloride 0.9 % 250 mL")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    """The pretend hospital, open to browsers until the module's tests are over."""
    with trial(tmp_path_factory.mktemp("hospital"), settle_s=0.15) as opened:
        server = Server(opened.app, 0)
        thread = server.in_thread()
        yield Open(opened, server)
        server.should_exit = True
        thread.join(10)


@pytest.fixture(scope="module")
def camera(playwright_: Playwright, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser whose camera sees a bag with its label."""
    film = write_y4m(labelled_bag("L-0000000000", WORDS), tmp_path_factory.mktemp("camera") / "bag.y4m")
    flag = f"--use-file-for-fake-video-capture={film}"
    browser = launch(playwright_, flag)
    yield browser
    browser.close()


@pytest.fixture
def hood(new_page: Callable[..., Page], camera: Browser) -> Page:
    return new_page(camera, viewport=TABLET)


def test_a_dose_goes_from_an_order_over_hl7_to_the_nurses_hands(
    house: Open,
    hood: Page,
    new_page: Callable[..., Page],
    scan: Scan,
    axe: Axe,
    console: Console,
    pictures: Path | None,
) -> None:
    console.expect("422", "409")
    desk, phone = new_page(viewport=DESK), new_page(viewport=PHONE)

    # The order arrives; until it is verified, the hood does not know it.
    said = house.trial.bench.order()
    assert "answered AA" in said
    sign_in(desk, house.at("desk", "/orders"), "pablo")
    link = desk.locator("main a[href^='/orders/']", has_text="vancomycin").first
    expect(link).to_be_visible()
    axe(desk)
    link.click()
    expect(desk.get_by_role("button", name="Verify", exact=True)).to_be_visible()
    expect(desk.locator("main")).to_contain_text("penicillin")
    axe(desk)
    sign(desk, "pablo", "Verify")
    expect(desk.get_by_role("button", name="Verify", exact=True)).to_have_count(0)

    # The hood leads.
    axe_once: set[str] = set()

    def each(step: str) -> None:
        if step == "bag-after" and house.trial.bench.on_pan and "bag-after" in axe_once:
            keep(hood, pictures, "hood")
        if step not in axe_once:
            axe_once.add(step)
            axe(hood)

    hood.goto(house.at("hood"))
    axe(hood)
    sign_in(hood, house.at("hood"), "tina")
    expect(hood.get_by_role("heading", name="To prepare")).to_be_visible()
    axe(hood)
    hands = Hands(house, hood, scan, seen=each)
    hands.start("ÅNGSTRÖM")
    hands.make()
    axe(hood)
    at, _ = house.now()
    assert at is not None
    serial = label_serial(at.where)
    assert serial is not None

    # Until it is checked, every scan of it says so.
    sign_in(phone, house.at("ward"), "nina")
    expect(phone.get_by_role("heading", name="Pick your beds")).to_be_visible()
    axe(phone)
    phone.get_by_text("All of 7W").click()
    phone.get_by_role("button", name="These are mine").click()
    expect(phone.get_by_role("heading", name="My beds")).to_be_visible()
    axe(phone)
    scan(phone, serial)
    expect(phone.locator("main")).to_contain_text("Not checked")
    axe(phone)

    # The technician signs; only then it stands in the check queue.
    hands.sign()
    desk.goto(house.at("desk", "/desk"))
    axe(desk)
    scan(desk, serial)
    expect(desk.locator("h1")).to_contain_text("nothing unusual")
    expect(desk.locator(".photo img").first).to_be_visible()
    axe(desk)
    keep(desk, pictures, "check")
    work = desk.url
    sign(desk, "pablo", "Release")
    expect(desk.get_by_role("heading", name="Check queue")).to_be_visible()

    # The nurse scans it: received.
    phone.goto(house.at("ward", "/ward"))
    keep(phone, pictures, "ward")
    scan(phone, serial)
    expect(phone.locator("main")).to_contain_text("Received")
    axe(phone)

    # The record stands for a lawyer to read.
    desk.goto(work.replace("/check/", "/records/"))
    expect(desk.locator("main")).to_contain_text("nothing unusual")
    axe(desk)


@pytest.mark.parametrize("dose", list(BUDGET))
def test_a_dose_costs_no_more_scans_weighings_photos_and_taps_than_promised(
    house: Open, hood: Page, scan: Scan, dose: str
) -> None:
    sign_in(hood, house.at("hood"), "tina")
    hands = Hands(house, hood, scan)
    hands.start(dose)
    hands.make()
    spent = {name: hands.done[name] for name in ("scans", "weighings", "photos", "taps")}
    hands.sign()
    assert spent == BUDGET[dose]


def test_gloved_hands_sign_in_without_a_keyboard_and_a_wrong_scan_needs_no_tap(
    house: Open, hood: Page, scan: Scan, axe: Axe, console: Console
) -> None:
    console.expect("409")
    hood.goto(house.at("hood"))
    pin = hood.locator("#field-pin")
    assert pin.evaluate("e => e.inputMode") == "none", "the tablet's own keyboard stays away"
    scan(hood, demo.BADGES["tina"])
    for digit in demo.PIN + "9":
        hood.get_by_role("button", name=digit, exact=True).click(delay=150)
    hood.get_by_role("button", name="Delete").click()
    expect(pin).to_have_value(demo.PIN)
    axe(hood)
    hood.get_by_role("button", name="Sign in", exact=True).click()
    expect(hood.get_by_role("heading", name="To prepare")).to_be_visible()
    scan(hood, "L-0000000000")
    expect(hood.get_by_role("alert")).to_contain_text("Scan a tray")
    axe(hood)
    scan(hood, house.now()[1])
    expect(hood.locator("#step")).to_be_visible()
    hood.goto(f"{hood.url}/reject")
    hood.get_by_role("button", name="Contaminated").click()
    expect(hood.get_by_role("heading", name="To prepare")).to_be_visible()


def test_the_bench_alone_leads_a_newcomer_through_a_dose(
    house: Open, new_page: Callable[..., Page], axe: Axe
) -> None:
    hood = new_page(viewport=TABLET)
    sign_in(hood, house.at("hood"), "tina")
    expect(hood.get_by_role("heading", name="To prepare")).to_be_visible()
    bench = hood.context.new_page()
    bench.set_viewport_size(DESK)
    bench.goto(house.at("hood", "/bench"))
    axe(bench)

    def led() -> bool:
        """Press what the bench offers; true once the hood asks for the signature."""
        button = bench.locator("#next")
        if button.count():
            before = bench.locator("#bench").inner_html()
            button.click()
            until(lambda: bench.locator("#bench").inner_html() != before, 5)
        return hood.get_by_role("button", name="Sign as prepared").count() == 1

    assert until(led, 120), "the bench came to its end before the dose did"
    expect(bench.locator("[data-drawn=ok] img")).to_be_visible()
    axe(bench)
    sign(hood, "tina", "Sign as prepared")
    expect(hood.get_by_role("heading", name="To prepare")).to_be_visible()


def test_a_wrong_scan_from_the_bench_stops_the_hood_and_the_right_one_clears_it(
    house: Open, new_page: Callable[..., Page], axe: Axe
) -> None:
    hood = new_page(viewport=TABLET)
    sign_in(hood, house.at("hood"), "tina")
    expect(hood.get_by_text("Scan an empty tray to start")).to_be_visible()
    bench = hood.context.new_page()
    bench.set_viewport_size(DESK)
    bench.goto(house.at("hood", "/bench"))
    bench.locator("#next").click()
    expect(hood.locator("#step")).to_be_visible()
    bench.get_by_role("button", name="Another product").click()
    expect(hood.locator(".mismatch")).to_contain_text("Wrong product")
    axe(hood)
    bench.get_by_role("button", name="An expired").click()
    expect(hood.locator(".mismatch")).to_contain_text("expired")
    expect(bench.locator("#next")).to_contain_text("Scan the")
    bench.locator("#next").click()
    expect(hood.locator(".mismatch")).to_have_count(0)
