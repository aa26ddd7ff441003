"""The daily check of a balance on the hood's tablet, and what the pharmacist reads of a dose that went without it."""

import shutil
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from app import demo
from app.identity.actions import Given
from app.identity.limits import Where
from app.identity.sign_in_actions import sign_in
from app.main import create_app, put_together
from app.settings import Settings
from app.stations.models import Station
from compounding.recipe import Weigh
from devices.simulators import SimulatedBalance
from tests.browser.conftest import Console
from tests.browser.sizes import DESK as DESK_SIZE
from tests.browser.sizes import TABLET
from tests.conftest import SetClock
from tests.hospital import BALANCE, DESK, HOOD, Hospital

AT = {"tina": ("hood", HOOD, TABLET), "pablo": ("desk", DESK, DESK_SIZE)}


@pytest.fixture(scope="module")
def pan() -> Iterator[SimulatedBalance]:
    with SimulatedBalance(BALANCE, rate_hz=20, settle_s=0.1) as simulated:
        yield simulated


@pytest.fixture(scope="module")
def works(
    tmp_path_factory: pytest.TempPathFactory, seeded_sqlite: tuple[Path, dict[str, int]], pan: SimulatedBalance
) -> tuple[Any, dict[str, int]]:
    """The morning after: nobody has checked the balance, one dose is made, one waits for its first weight."""
    folder = tmp_path_factory.mktemp("morning")
    shutil.copy(seeded_sqlite[0], folder / "laminar.db")
    clock = SetClock()
    clock.forward(days=1)
    settings = Settings(database=f"sqlite:///{folder / 'laminar.db'}", photos=folder / "photos", zone=demo.ZONE)
    parts = put_together(settings, clock)
    house = Hospital(parts.db, seeded_sqlite[1])
    with parts.db.write(house.who("petra")) as tx:
        tx.session.get_one(Station, HOOD).balance_url = pan.url
    found = {"made": house.made(number="RX1")}
    house.finish(found["made"])
    found["weighs"] = house.claim(house.dose(house.order(number="RX2")), "TRAY-02")
    house.until(found["weighs"], Weigh)
    house.order(number="RX3")
    return parts, found


@pytest.fixture
def open_as(works: tuple[Any, Any], serve: Callable[..., str], new_page: Any) -> Callable[..., Page]:
    base = serve(create_app(works[0], worker=False))

    def make(name: str, to: str) -> Page:
        kind, station, size = AT[name]
        token = sign_in(works[0].db, Given(demo.BADGES[name], demo.PIN), Where(station, kind)).token
        address = base.replace("127.0.0.1", f"{kind}.localhost")
        page = new_page(viewport=size)
        page.context.add_cookies([{"name": "laminar", "value": token, "url": address}])
        page.goto(address + to)
        return page

    return make


def test_an_unchecked_balance_is_said_and_two_weights_check_it(
    works: tuple[Any, dict[str, int]],
    open_as: Callable[..., Page],
    pan: SimulatedBalance,
    axe: Callable[[Page], None],
    console: Console,
    pictures: Path | None,
) -> None:
    console.expect("404", "409")  # the photo of this dose was never taken; the pan may not stand still yet
    made, weighs = works[1]["made"], works[1]["weighs"]
    desk = open_as("pablo", f"/check/{made}")
    expect(desk.get_by_text("The balance was not checked with check weights on this day.")).to_be_visible()
    hood = open_as("tina", f"/hood/{weighs}")
    expect(hood.locator("#step").get_by_text("not checked today")).to_be_visible()

    def keep(page: Page, name: str) -> None:
        axe(page)
        if pictures:
            page.screenshot(path=pictures / f"balance-{name}.png")

    keep(hood, "step")
    keep(desk, "desk")
    hood.goto(hood.url.replace(f"/hood/{weighs}", "/hood"))
    keep(hood, "worklist")
    hood.get_by_role("link", name="Check the balance").click()
    expect(hood.get_by_text("Not checked today.")).to_be_visible()
    keep(hood, "none")
    for count, grams in enumerate(("5", "100"), 1):
        for pause in (1, 2, 4, 8):  # who is too quick for the balance is told so, and does it again with more time
            hood.goto(hood.url)
            pan.lift()
            hood.wait_for_timeout(400 * pause)
            pan.put(Decimal(grams))
            hood.wait_for_timeout(1600 * pause)
            hood.get_by_role("button", name="Take this weight").click()
            answered = hood.locator(f"section li:nth-child({count}), .error-summary")
            expect(answered).to_have_count(1)
            if hood.locator(".error-summary").count() == 0:
                break
        expect(hood.locator("section li")).to_have_count(count)
    expect(hood.get_by_text("The balance is checked for today.")).to_be_visible()
    keep(hood, "checked")
    hood.get_by_role("link", name="Worklist").click()
    expect(hood.get_by_text("not checked")).to_have_count(0)
