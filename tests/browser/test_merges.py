"""An old record number on a label, as the hood, the desk and the ward see it."""

import shutil
from collections.abc import Callable, Iterator
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
from compounding.procedure import Pair
from tests.app.custody.conftest import Ward
from tests.browser.sizes import DESK as DESK_SIZE
from tests.browser.sizes import PHONE, TABLET
from tests.conftest import SetClock
from tests.faults.test_merges import merge, verify
from tests.hospital import DESK, HOOD, WARD, Hospital

AT = {"tina": ("hood", HOOD, TABLET), "pablo": ("desk", DESK, DESK_SIZE), "nina": ("ward", WARD, PHONE)}


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory, seeded_sqlite: tuple[Path, dict[str, int]]) -> tuple[Any, Any]:
    """One dose released, one that waits for its check, one at its label; then the patient's number is merged away."""
    folder = tmp_path_factory.mktemp("merged")
    shutil.copy(seeded_sqlite[0], folder / "laminar.db")
    settings = Settings(database=f"sqlite:///{folder / 'laminar.db'}", photos=folder / "photos", zone=demo.ZONE)
    parts = put_together(settings, SetClock())
    found = Ward(Hospital(parts.db, seeded_sqlite[1]))
    works = {"released": found.released(number="RX1")[0], "made": found.made(number="RX2", tray="TRAY-02")[0]}
    house = found.house
    works["hood"] = house.claim(house.dose(house.order(number="RX3")), "TRAY-03")
    house.until(works["hood"], Pair)
    merge(house)
    for work_id in works.values():
        verify(house, work_id)
    found.pick("7W")
    return parts, works


@pytest.fixture
def open_as(ward: tuple[Any, Any], serve: Callable[..., str], new_page: Any) -> Iterator[Callable[..., Page]]:
    base = serve(create_app(ward[0], worker=False))

    def make(name: str, to: str) -> Page:
        kind, station, size = AT[name]
        token = sign_in(ward[0].db, Given(demo.BADGES[name], demo.PIN), Where(station, kind)).token
        address = base.replace("127.0.0.1", f"{kind}.localhost")
        page = new_page(viewport=size)
        page.context.add_cookies([{"name": "laminar", "value": token, "url": address}])
        page.goto(address + to)
        return page

    yield make


def test_an_old_number_is_said_where_the_bag_is_and_what_to_do_now(
    ward: tuple[Any, Any],
    open_as: Callable[..., Page],
    axe: Callable[[Page], None],
    pictures: Path | None,
    console: Any,
) -> None:
    console.expected.append("404")  # the photo of this dose was never taken
    works = ward[1]
    for name, to, said in (
        ("tina", f"/hood/{works['hood']}", "Take this label off and apply a new one."),
        ("pablo", "/desk", "Withdraw it, so that it is made anew"),
        ("pablo", f"/check/{works['made']}", "at the hood the label is printed anew"),
        ("pablo", f"/check/{works['released']}", "it is made anew under the right name and number"),
        ("nina", "/ward", "the patient's number is 700999"),
    ):
        page = open_as(name, to)
        expect(page.get_by_text(said)).to_be_visible()
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, to
        if pictures:
            page.screenshot(path=pictures / f"merge-{name}{to.replace('/', '-')}.png")
        axe(page)


def test_the_hood_prints_the_label_anew_with_one_tap(ward: tuple[Any, Any], open_as: Callable[..., Page]) -> None:
    page = open_as("tina", f"/hood/{ward[1]['hood']}")
    page.get_by_role("button", name="Print the label again").click()
    expect(page.get_by_text("Old record number on the label.")).to_have_count(0)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
