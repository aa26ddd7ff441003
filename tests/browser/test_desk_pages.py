"""The desk's pages for devices, stock, people, the trail and recipes, in a real browser with a real balance line."""

import re
import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from app import demo
from app.db.session import Db
from app.formulary.actions import enter_density
from app.identity.actions import Given
from app.identity.limits import Where
from app.identity.sign_in_actions import sign_in
from app.inventory import actions as stock
from app.main import create_app
from app.stations.models import Station
from app.web.parts import Parts
from devices.simulators import SimulatedBalance
from tests.browser.sizes import DESK as DESK_SIZE
from tests.browser.sizes import TABLET
from tests.conftest import NOW, SetClock
from tests.desk import desk_parts, print_waiting, second_version, token, written
from tests.hospital import BALANCE, HOOD, hospital


@pytest.fixture(scope="module")
def balance() -> Iterator[SimulatedBalance]:
    with SimulatedBalance(serial=BALANCE, settle_s=0.2) as running:
        yield running


@pytest.fixture(scope="module")
def parts(
    sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory, balance: SimulatedBalance
) -> Iterator[Parts]:
    """A day at the pharmacy: a released dose, one under way, a carton staged, a recipe that waits, a blocked nurse."""
    folder = tmp_path_factory.mktemp("desk")
    shutil.copy(sqlite_template, folder / "laminar.db")
    db = Db(f"sqlite:///{folder / 'laminar.db'}", SetClock())
    house = hospital(db)
    made_parts = desk_parts(house, folder, db.clock)  # type: ignore[arg-type]
    with made_parts.db.write(house.who("petra")) as tx:
        tx.session.get_one(Station, HOOD).balance_url = balance.url
    made = house.made()
    house.finish(made)
    house.release(made)
    house.until(house.claim(house.dose(house.order("MFR-06", number="RX1002", patient=1)), "TRAY-02"), "syringe-empty")
    with db.write(house.who("tina")) as tx:
        stock.stage(
            tx, HOOD, package_id=1, number="7G200", expiry=NOW.date() + timedelta(days=30), quantity=Decimal(12)
        )
    with db.write(house.who("pablo")) as tx:
        enter_density(tx, 1, "reconstituted", Decimal("1.016"), Decimal("0.004"), "measured here, 12 draws at 21 °C")
    written(house)
    for _ in range(5):
        with pytest.raises(Exception, match="Try again|Too many"):
            sign_in(db, Given(demo.BADGES["nina"], "999999"), Where(3, "ward"))
    print_waiting(made_parts)
    yield made_parts
    db.close()


@pytest.fixture(scope="module")
def address(parts: Parts, serve: Callable[..., str]) -> str:
    return serve(create_app(parts, worker=False)).replace("127.0.0.1", "desk.localhost")


@pytest.fixture
def desk(parts: Parts, address: str, new_page: Callable[..., Page]) -> Callable[..., Page]:
    """`desk("/stock")`: a page of the desk as Petra sees it."""

    def show(path: str, name: str = "petra", viewport: dict[str, int] = DESK_SIZE) -> Page:
        page = new_page(viewport=viewport, base_url=address, has_touch=False)
        page.context.add_cookies([{"name": "laminar", "value": token(parts, name), "url": address}])
        page.goto(path)
        return page

    return show


PAGES = ["/devices", "/devices/hood-1", "/stock", "/stock/lots", "/stock/lots/1", "/people", "/people/2", "/sign-ins",
         "/audit", "/formulary", "/formulary?words=sodium", "/formulary/products/1",
         "/formulary/products/1/use?package=1", "/recipes", "/recipes/5", "/recipes/new"]  # fmt: skip


def test_every_page_is_readable_by_everybody(
    desk: Callable[..., Page], axe: Callable[[Page], None], pictures: Path | None
) -> None:
    page = desk("/devices")
    for path in PAGES:
        page.goto(path)
        page.get_by_role("heading", level=1).wait_for()
        axe(page)
        for size in (DESK_SIZE, TABLET):
            page.set_viewport_size(size)
            wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide <= 0, f"{path} is wider than the screen"
            if pictures:
                name = f"desk{path.replace('/', '-')}-{size['width']}.png"
                page.screenshot(path=pictures / name, full_page=True)


def test_a_balance_is_seen_live_and_its_going_and_coming(desk: Callable[..., Page], balance: SimulatedBalance) -> None:
    page = desk("/devices")
    card = page.locator("[data-balance=hood-1]")
    balance.put(Decimal("297.37"))
    expect(card.locator("[data-balance-number]")).to_have_text(re.compile(r"^297\.3\d$"))
    expect(card).to_contain_text("SIM-0001")
    balance.unplug()
    expect(card.locator("[data-balance-chip]")).to_contain_text("does not answer")
    expect(card.locator("[data-balance-number]")).to_have_text("–")
    balance.replug()
    expect(card.locator("[data-balance-number]")).to_have_text(re.compile(r"^\d+\.\d\d$"))
    expect(card.locator("[data-balance-chip]")).to_contain_text("Ready")


def test_a_list_is_walked_and_opened_by_keys_alone(desk: Callable[..., Page]) -> None:
    page = desk("/people")
    rows = page.locator("[data-keys] tr")
    expect(rows.nth(0).get_by_role("link")).to_be_focused()
    page.keyboard.press("j")
    expect(rows.nth(1).get_by_role("link")).to_be_focused()
    for key in ("k", "k"):
        page.keyboard.press(key)
    expect(rows.nth(0).get_by_role("link")).to_be_focused()
    name = rows.nth(0).get_by_role("link").inner_text()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(name)


def test_the_whole_row_opens_what_its_link_opens(desk: Callable[..., Page]) -> None:
    page = desk("/stock/lots")
    page.locator("[data-keys] tr").first.locator("td").nth(2).click(force=True)
    expect(page.get_by_role("heading", level=1)).to_contain_text("Lot ")


def test_a_scanned_carton_is_staged_without_a_key_but_the_count(
    desk: Callable[..., Page], scan: Callable[..., None]
) -> None:
    page = desk("/stock", "tina")
    scan(page, demo.barcode("bag", lot="B777", expiry=NOW.date() + timedelta(days=200)))
    expect(page.get_by_label("Lot", exact=True).first).to_have_value("B777")
    page.locator("#carton").get_by_label("How many containers").fill("6")
    page.get_by_role("button", name="Stage to this hood").click()
    expect(page.locator("#staged")).to_contain_text("lot B777")


def test_a_scanned_package_leads_to_its_product_and_a_density_gets_its_second_person(
    desk: Callable[..., Page], scan: Callable[..., None]
) -> None:
    page = desk("/formulary", "petra")
    waits = page.locator("#formulary").get_by_role("row", name=re.compile("1.016"))
    waits.get_by_role("button", name="Approve").click()
    expect(waits).to_have_count(0)
    scan(page, demo.barcode("bag", lot="B777", expiry=NOW.date() + timedelta(days=200)))
    expect(page.get_by_role("heading", level=1)).to_contain_text("Sodium Chloride 0.9 %")
    page.get_by_label("State").select_option("as supplied")
    page.get_by_label("Density in g/mL").fill("1.0046")
    page.get_by_label("Its uncertainty in g/mL").fill("0.0006")
    page.get_by_label("Where it comes from").fill("measured here, 10 draws at 20 °C")
    page.get_by_role("button", name="Enter this density").click()
    expect(page.get_by_text("you entered it: another pharmacist approves it")).to_be_visible()


def test_a_recipe_is_handed_in_and_signed(desk: Callable[..., Page], axe: Callable[[Page], None]) -> None:
    page = desk("/recipes/new", "pablo")
    document = second_version().replace("MFR-01", "MFR-99").replace('"version": 2', '"version": 1')
    page.get_by_label("Or the text of the document").fill(document)
    page.get_by_role("button", name="Read it").click()
    expect(page.get_by_text("Nothing is stored yet.")).to_be_visible()
    axe(page)
    page.get_by_label("Badge").fill(demo.BADGES["pablo"])
    page.get_by_label("PIN").fill(demo.PIN)
    page.get_by_role("button", name="Sign as its author").click()
    expect(page.get_by_text("Waits for approval")).to_be_visible()


def test_a_badge_is_printed_and_an_enrolment_shown_once(desk: Callable[..., Page], axe: Callable[[Page], None]) -> None:
    page = desk("/people/4")
    page.get_by_role("button", name="Print a new badge").click()
    expect(page.get_by_role("heading", name="Badge of Nina Nurse")).to_be_visible()
    expect(page.locator("figure svg").first).to_be_visible()
    axe(page)
    page.goto("/devices/desk-1")
    page.get_by_role("button", name="Make an enrolment address").click()
    expect(page.get_by_text("/enrol/")).to_be_visible()
    axe(page)
