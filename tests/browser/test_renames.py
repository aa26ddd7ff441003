"""A message that names somebody else than is known: a pharmacist compares both and decides, by keyboard alone."""

import shutil
from collections.abc import Callable
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
from tests.app.custody.conftest import Ward
from tests.browser.sizes import DESK as DESK_SIZE
from tests.browser.sizes import PHONE
from tests.conftest import SetClock
from tests.faults.test_renames import waiting
from tests.hospital import DESK, WARD, Hospital

AT = {"pablo": ("desk", DESK, DESK_SIZE), "nina": ("ward", WARD, PHONE)}


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory, seeded_sqlite: tuple[Path, dict[str, int]]) -> tuple[Any, str, int]:
    """One dose released and received; then a message names its patient anew, birth date and all."""
    folder = tmp_path_factory.mktemp("named")
    shutil.copy(seeded_sqlite[0], folder / "laminar.db")
    settings = Settings(database=f"sqlite:///{folder / 'laminar.db'}", photos=folder / "photos", zone=demo.ZONE)
    parts = put_together(settings, SetClock())
    found = Ward(Hospital(parts.db, seeded_sqlite[1]))
    _, serial = found.released(number="RX1")
    found.pick("7W")
    found.scan(serial)
    return parts, serial, waiting(found.house)


@pytest.fixture
def open_as(named: tuple[Any, str, int], serve: Callable[..., str], new_page: Any) -> Callable[[str, str], Page]:
    base = serve(create_app(named[0], worker=False))

    def make(name: str, to: str) -> Page:
        kind, station, size = AT[name]
        token = sign_in(named[0].db, Given(demo.BADGES[name], demo.PIN), Where(station, kind)).token
        address = base.replace("127.0.0.1", f"{kind}.localhost")
        page = new_page(viewport=size)
        page.context.add_cookies([{"name": "laminar", "value": token, "url": address}])
        page.goto(address + to)
        return page

    return make


def test_both_names_stand_side_by_side_and_the_word_of_the_pharmacist_stops_the_old_label(
    named: tuple[Any, str, int],
    open_as: Callable[[str, str], Page],
    axe: Callable[[Page], None],
    pictures: Path | None,
) -> None:
    _, serial, waits = named
    desk = open_as("pablo", f"/messages/{waits}")
    expect(desk.get_by_role("heading", name="Is it the same person?")).to_be_visible()
    row = desk.get_by_role("row", name="Birth date")
    expect(row).to_contain_text("12-Apr-1951")
    expect(row.get_by_text("differs")).to_be_visible()
    expect(desk.get_by_role("row", name="Sex").get_by_text("differs")).to_have_count(0)
    expect(desk.get_by_role("link", name=serial)).to_be_visible()
    assert desk.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    axe(desk)
    if pictures:
        desk.screenshot(path=pictures / "same-person.png", full_page=True)
    desk.get_by_label("The ward has identified the patient").focus()
    desk.keyboard.press("Space")
    desk.get_by_label("Badge: scan it, or type its number").fill(demo.BADGES["pablo"])
    desk.get_by_label("PIN", exact=True).fill(demo.PIN)
    desk.keyboard.press("Enter")
    expect(desk.get_by_role("heading", name="Labelled as before")).to_be_visible()
    expect(desk.get_by_text("the patient is known as WINTER, Mona")).to_be_visible()
    axe(desk)
    if pictures:
        desk.screenshot(path=pictures / "same-person-decided.png", full_page=True)

    phone = open_as("nina", f"/scan/{serial}")
    expect(phone.get_by_text("Do not give.").first).to_be_visible()
    expect(phone.get_by_text("the patient is known as WINTER, Mona").first).to_be_visible()
    expect(phone.get_by_text("Ask the pharmacy").first).to_be_visible()
    axe(phone)
    if pictures:
        phone.screenshot(path=pictures / "labelled-as-before.png")
