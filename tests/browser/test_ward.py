"""The nurse's phone: her beds, what must come out, where a dose is, and every answer to a scan."""

import io
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import Page

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
from tests.hospital import DESK, WARD, Hospital

SMALL, LARGE = {"width": 360, "height": 640}, {"width": 412, "height": 915}
PAUSE = 450  # a second tap within 400 ms is taken for a slip of the finger
KINDS = {"nina": "ward", "pablo": "desk", "tina": "desk"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, seeded_sqlite: tuple[Path, dict[str, int]]) -> Any:
    """One database with a released dose, one that waits for its check, and the day's other orders."""
    folder = tmp_path_factory.mktemp("ward")
    path, people = seeded_sqlite
    shutil.copy(path, folder / "laminar.db")
    parts = put_together(
        Settings(database=f"sqlite:///{folder / 'laminar.db'}", photos=folder / "photos", zone=demo.ZONE), SetClock()
    )
    ward = Ward(Hospital(parts.db, people))
    bags = {
        "released": ward.released(),
        "unchecked": ward.made(tray="TRAY-02", number="RX2"),
        "stopped": ward.released(tray="TRAY-03", number="RX3", recipe="MFR-06", patient=1),
        "other": ward.released(tray="TRAY-04", number="RX4", patient=2),
        "lost": ward.released(tray="TRAY-05", number="RX5", patient=1),
    }
    ward.house.order("MFR-28", number="RX6", patient=1)
    return parts, ward, bags


@pytest.fixture(scope="module")
def base(made: Any, serve: Callable[..., str]) -> str:
    return serve(create_app(made[0], worker=False)).replace("127.0.0.1", "ward.localhost")


@pytest.fixture
def open_as(made: Any, base: str, new_page: Any) -> Iterator[Callable[..., Page]]:
    """`open_as("nina", "/ward")`: a page of somebody who is signed in; phone size for the ward."""

    def make(name: str, to: str, size: dict[str, int] | None = None, **options: Any) -> Page:
        kind = KINDS[name]
        station = WARD if kind == "ward" else DESK
        token = sign_in(made[0].db, Given(demo.BADGES[name], demo.PIN), Where(station, kind)).token
        address = base.replace("ward.", f"{kind}.")
        page = new_page(viewport=size or (PHONE if kind == "ward" else DESK_SIZE), **options)
        page.context.add_cookies([{"name": "laminar", "value": token, "url": address}])
        page.goto(address + to)
        return page

    yield make


def keep(page: Page, pictures: Path | None, name: str) -> None:
    """A screenshot for a person's eyes; and on a phone nothing may stand beside the screen."""
    page.wait_for_load_state("load")
    wide = page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0, f"{page.url} is wider than its screen by {wide} px"
    if pictures:
        page.screenshot(path=pictures / f"{name}.png")


@pytest.fixture
def faultless(axe: Any) -> Callable[[Page], None]:
    """The whole page without a fault: it is unrolled, because a link half under the fixed footer is no fault of it."""

    def check(page: Page) -> None:
        size = page.viewport_size
        assert size is not None
        page.set_viewport_size({"width": size["width"], "height": 4000})
        axe(page)
        page.set_viewport_size(size)

    return check


def label_photo(*serials: str) -> bytes:
    """A photo of labels lying on a table, each with its serial and a bedside code that is not ours."""
    table = Image.new("RGB", (1280, 960), (176, 182, 188))
    for n, serial in enumerate(serials):
        for text, at in ((serial, (120, 80 + 440 * n)), (f"RX{n}", (760, 80 + 440 * n))):
            symbol = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.DataMatrix).to_image(scale=12)
            table.paste(Image.fromarray(symbol), at)
    out = io.BytesIO()
    table.save(out, "JPEG", quality=80)
    return out.getvalue()


def upload(page: Page, picture: bytes) -> None:
    page.locator("[data-photo-file] summary").click()
    page.locator("#field-photo").set_input_files(
        files=[{"name": "label.jpg", "mimeType": "image/jpeg", "buffer": picture}]
    )
    page.get_by_role("button", name="Send this picture").click()


def test_she_picks_her_beds_once_and_sees_what_is_due(
    open_as: Any, faultless: Any, console: Any, pictures: Path | None
) -> None:
    console.expect("422")
    page = open_as("nina", "/ward")
    page.wait_for_url("**/ward/beds")
    page.get_by_role("button", name="These are mine").tap()
    page.wait_for_selector(".error-summary:has-text('No bed was picked')")
    page.get_by_label("All of 7W").check()
    faultless(page)
    keep(page, pictures, "ward-beds")
    page.get_by_role("button", name="These are mine").tap()
    page.wait_for_selector("h1:has-text('My beds')")
    assert page.locator("section.card h2").all_inner_texts() == ["ÅNGSTRÖM, Zoë", "RIVERS, Amos"]
    assert "released, ready in the pharmacy since 09:05, Pharmacy desk" in page.locator("#patients").inner_text()
    faultless(page)
    keep(page, pictures, "ward-list")
    page.goto(page.url)
    assert page.locator("h1").inner_text() == "My beds", "picked once, kept for the shift"


@pytest.mark.parametrize("size", [PHONE, SMALL, LARGE], ids=["390", "360", "412"])
def test_what_is_not_checked_fills_the_screen(
    made: Any, open_as: Any, scan: Any, faultless: Any, size: Any, pictures: Path | None
) -> None:
    page = open_as("nina", "/scan", size)
    scan(page, made[2]["unchecked"][1])
    page.wait_for_selector("[role=alert]:has-text('Not checked. Do not give.')")
    box = page.locator("section[role=alert]").bounding_box()
    assert box and (box["width"], box["height"]) == (size["width"], size["height"])
    card = page.locator("section[role=alert] .card").bounding_box()
    assert card and card["y"] + card["height"] <= size["height"], "the way on can be reached without scrolling"
    faultless(page)
    keep(page, pictures, f"ward-not-checked-{size['width']}")


def test_a_scan_receives_and_the_second_says_by_whom(
    made: Any, open_as: Any, scan: Any, faultless: Any, pictures: Path | None
) -> None:
    serial = made[2]["released"][1]
    made[1].pick("7W")
    page = open_as("nina", "/ward")
    scan(page, serial)
    page.wait_for_selector("h1:has-text('Received.')")
    faultless(page)
    keep(page, pictures, "ward-received")
    page.get_by_role("link", name="Back").tap()
    page.wait_for_selector("h1:has-text('My beds')")
    page.wait_for_timeout(PAUSE)
    page.locator("summary:has-text('Type the number')").first.click()
    page.get_by_label("Number that begins with L-").fill(serial[2:].lower())
    page.get_by_role("button", name="Look up this label").click()
    page.wait_for_selector("h1:has-text('Already received.')")
    assert "Received by Nina Nurse at 22-Nov-2026 09:05, 7 West." in page.locator("main").inner_text()
    assert made[1].receipts(serial) == 1


def test_a_stopped_dose_comes_up_by_itself_and_one_tap_takes_it_out(
    made: Any, open_as: Any, scan: Any, faultless: Any, pictures: Path | None, console: Any
) -> None:
    work_id, serial = made[2]["stopped"]
    made[1].pick("7W")
    page = open_as("nina", "/ward")
    page.wait_for_selector("time[data-clock]:not(:empty)")
    made[1].stop(work_id)
    page.wait_for_selector("#barred [role=alert]:has-text('take out of the drawer')")
    faultless(page)
    keep(page, pictures, "ward-take-out")
    scan(page, serial)
    page.wait_for_selector("[role=alert]:has-text('Do not give.'):has-text('The order was stopped')")
    keep(page, pictures, "ward-do-not-give")
    assert made[1].receipts(serial) == 0
    page.get_by_role("link", name="Back").tap()
    page.wait_for_selector("#barred [role=alert]")
    page.wait_for_timeout(PAUSE)
    page.locator("#barred").get_by_role("button", name="Taken out").tap()
    page.wait_for_selector("#barred:not(:has([role=alert]))", state="attached")


def test_another_patients_dose_says_whose_it_is(
    made: Any, open_as: Any, scan: Any, faultless: Any, pictures: Path | None
) -> None:
    made[1].pick("7W")
    page = open_as("nina", "/ward")
    scan(page, made[2]["other"][1])
    page.wait_for_selector("h1:has-text('Not for your beds.')")
    assert "STONE, Ivy in ICU-3-1" in page.locator("main").inner_text()
    faultless(page)
    keep(page, pictures, "ward-elsewhere")
    page.wait_for_timeout(PAUSE)
    page.get_by_role("button", name="Receive for them").tap()
    page.wait_for_selector("h1:has-text('Received.')")


def test_not_here_shows_the_last_scan_and_rings_at_the_desk(
    made: Any, open_as: Any, faultless: Any, pictures: Path | None
) -> None:
    serial = made[2]["lost"][1]
    made[1].pick("7W-14-B")
    made[1].hand_over(serial)
    desk = open_as("pablo", "/desk")
    desk.wait_for_selector("time[data-clock]:not(:empty)")
    page = open_as("nina", "/ward")
    page.locator(f"form[action$='{serial}/not-here'] button").tap()
    page.wait_for_selector("h1:has-text('Where is the dose?')")
    said = page.locator("main").inner_text()
    assert "The pharmacy desk has been told." in said and "It left the pharmacy at 09:05" in said
    assert re.search(r"Last scan\s+Tina Technician, Pharmacy desk, 22-Nov-2026 09:05", said)
    faultless(page)
    keep(page, pictures, "ward-where")
    desk.wait_for_selector("#calls [role=status]:has-text('Not here')")
    assert "Missed by Nina Nurse at 09:05" in desk.locator("#calls").inner_text()
    faultless(desk)
    keep(desk, pictures, "desk-not-here")
    page.wait_for_timeout(PAUSE)
    page.get_by_role("button", name="Found it").tap()
    desk.wait_for_selector("#calls:not(:has([role=status]))", state="attached")


def test_a_picture_of_a_label_is_read_by_the_server(
    made: Any, open_as: Any, faultless: Any, console: Any, pictures: Path | None
) -> None:
    console.expect("422")
    page = open_as("nina", "/scan/picture")
    upload(page, label_photo(made[2]["unchecked"][1]))
    page.wait_for_selector("[role=alert]:has-text('Not checked. Do not give.')")
    page = open_as("nina", "/scan/picture")
    upload(page, label_photo(made[2]["unchecked"][1], made[2]["released"][1]))
    page.wait_for_selector("[role=status]:has-text('There are 2 labels in the picture')")
    faultless(page)
    keep(page, pictures, "ward-two-labels")
    page.wait_for_timeout(PAUSE)
    page.get_by_role("button", name="This one").nth(1).tap()
    page.wait_for_selector("h1:has-text('eceived.')")
    for picture, words in ((label_photo(), "No code can be read"), (label_photo("HELLO"), "not the code of a label")):
        page = open_as("nina", "/scan/picture")
        upload(page, picture)
        page.wait_for_selector(f".error-summary:has-text('{words}')")
    keep(page, pictures, "ward-picture")


def test_a_code_that_is_no_label_is_said_in_words(open_as: Any, scan: Any, console: Any) -> None:
    console.expect("422", "404")
    page = open_as("nina", "/scan")
    scan(page, "TRAY-0001")
    page.wait_for_selector(".error-summary:has-text('This is a tray')")
    scan(page, "L-0000000000")
    page.wait_for_selector("[role=alert], [role=status]")
    page.wait_for_selector("main:has-text('No label with the number L-0000000000')")


def test_the_desk_hands_over_and_asks_where_a_dose_is(
    made: Any, open_as: Any, scan: Any, faultless: Any, console: Any, pictures: Path | None
) -> None:
    console.expect("422")
    page = open_as("tina", "/handover")
    faultless(page)
    keep(page, pictures, "desk-handover")
    scan(page, made[2]["unchecked"][1])
    page.wait_for_selector(".error-summary:has-text('Not checked. Do not give.')")
    page = open_as("pablo", "/scan")
    scan(page, made[2]["unchecked"][1])
    page.wait_for_selector("[role=alert]:has-text('Not checked. Do not give.')")
    faultless(page)
    keep(page, pictures, "desk-not-checked")
    page.goto(re.sub(r"/scan/.*", "/ward/find?name=zoe", page.url))
    page.wait_for_selector("section:has-text('ÅNGSTRÖM, Zoë')")
    faultless(page)
    keep(page, pictures, "desk-find")
