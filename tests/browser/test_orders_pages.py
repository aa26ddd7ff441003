"""Orders and messages in a real browser: an order heard over MLLP, decided, verified, changed and stopped."""

import asyncio
import re
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import Page, expect

from app import demo
from app.interop.mllp import Line
from app.main import create_app, put_together, system_clock
from app.settings import Settings
from tests.app.interop.heard import Ehr, message
from tests.browser.sizes import DESK, TABLET
from tests.hospital import Hospital


@pytest.fixture(scope="module")
def place(
    seeded_sqlite: tuple[Path, dict[str, int]], tmp_path_factory: pytest.TempPathFactory, serve: Callable[..., str]
) -> Any:
    """The pretend hospital served, listening for HL7: (address by kind of station, hospital, HL7 port)."""
    path, people = seeded_sqlite
    folder = tmp_path_factory.mktemp("orders")
    shutil.copy(path, folder / "l.db")
    settings = Settings(
        database=f"sqlite:///{folder / 'l.db'}", photos=folder / "photos", zone=demo.ZONE, mllp_port=0
    )
    parts = put_together(settings, printer=lambda url: None)  # type: ignore[arg-type, return-value]
    app = create_app(parts)
    port = serve(app).rsplit(":", 1)[1]
    house = Hospital(parts.db, people)
    Ehr(house).knows()
    return (lambda kind: f"http://{kind}.localhost:{port}"), house, lambda: app.state.wire.port


def send(port: int, *raws: bytes) -> list[str]:
    async def talk() -> list[str]:
        line = Line("127.0.0.1", port)
        codes = [(await line.send(raw, 10)).code for raw in raws]
        await line.close()
        return codes

    # Playwright holds a loop in this thread; the sender has a thread of its own.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(talk())).result(20)


def sign_in(page: Page, address: str, name: str) -> Page:
    page.goto(f"{address}/sign-in")
    page.fill("#field-badge", demo.BADGES[name])
    page.fill("#field-pin", demo.PIN)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(lambda url: "/sign-in" not in url)
    return page


def look(page: Page, pictures: Path | None, name: str) -> None:
    if pictures:
        page.screenshot(path=str(pictures / f"{name}.png"), full_page=True)


def signed(page: Page) -> None:
    if page.locator("#signature #field-badge").count():
        page.fill("#signature #field-badge", demo.BADGES["pablo"])
    page.fill("#signature #field-pin", demo.PIN)


def test_an_order_from_the_wire_is_verified_beside_its_message_and_its_stop_reaches_the_hood(
    place: Any, new_page: Callable[..., Page], axe: Callable[[Page], None], pictures: Path | None
) -> None:
    at, house, port = place
    now = system_clock().replace(microsecond=0)
    desk = sign_in(new_page(viewport=DESK), at("desk"), "pablo")
    desk.goto(f"{at('desk')}/orders")
    assert send(port(), message(now, start=now, priority="S")) == ["AA"]
    expect(desk.locator(".news-bar, #orders a").first).to_be_visible()
    desk.reload()
    look(desk, pictures, "orders-waiting")
    axe(desk)
    desk.get_by_role("link", name=re.compile("vancomycin 1,000 mg", re.IGNORECASE)).click()
    expect(desk.get_by_text("RXC|A|11124^vancomycin^RXNORM|1000|mg")).to_be_visible()
    expect(desk.get_by_text("12.3 mg/kg a dose")).to_be_visible()
    expect(desk.get_by_text("Recipe MFR-01 version 1")).to_be_visible()
    look(desk, pictures, "order-to-verify")
    axe(desk)
    signed(desk)
    desk.get_by_role("button", name="Verify").click()
    desk.wait_for_url(re.compile("/orders$"))
    expect(desk.get_by_text("Verified: 1")).to_be_visible()
    house_dose = house.dose(Ehr(house).orders()[0].version_id)
    work_id = house.claim(house_dose, "TRAY-07")
    hood = sign_in(new_page(viewport=TABLET), at("hood"), "tina")
    hood.goto(f"{at('hood')}/hood/{work_id}")
    later = system_clock().replace(microsecond=0)
    assert send(port(), message(later, "DC", id="C2")) == ["AA"]
    expect(hood.get_by_text(re.compile("stopped", re.IGNORECASE)).first).to_be_visible(timeout=2000)
    look(hood, pictures, "hood-stopped")


def test_an_unknown_code_is_marked_in_the_message_and_decided(
    place: Any, new_page: Callable[..., Page], axe: Callable[[Page], None], pictures: Path | None
) -> None:
    at, house, port = place
    now = system_clock().replace(microsecond=0)
    raw = message(now, id="M1", number="9901", frequency="DOSVID").replace(b"11124^vancomycin", b"V77^Vanco inj")
    assert send(port(), raw) == ["AA"]
    desk = sign_in(new_page(viewport=DESK), at("desk"), "pablo")
    desk.goto(f"{at('desk')}/messages")
    link = desk.get_by_role("link", name="RDE^O11")
    expect(link).to_be_visible()
    look(desk, pictures, "messages")
    axe(desk)
    link.click()
    expect(desk.locator("mark").first).to_be_visible()
    assert "V77^Vanco inj^RXNORM" in desk.locator("mark").all_inner_texts()
    look(desk, pictures, "message-to-decide")
    axe(desk)
    form = desk.locator("form[action$='/code']")
    form.locator("select").select_option(label="vancomycin")
    form.get_by_role("button").click()
    desk.wait_for_url(re.compile("/messages$"))
    expect(desk.get_by_text("Every message was understood.")).to_be_visible()


def test_a_paper_order_is_transcribed_beside_its_picture_and_not_verified_by_a_technician(
    place: Any, new_page: Callable[..., Page], axe: Callable[[Page], None], pictures: Path | None, tmp_path: Path,
    console: Any,
) -> None:  # fmt: skip
    at, house, port = place
    console.expect("422", "409")  # a technician's desk has no check queue
    paper = Image.new("RGB", (900, 1200), "white")
    ImageDraw.Draw(paper).text((80, 120), "Vancomycin 1 g IV q12h in NS 250 mL", fill="black", font_size=40)
    paper.save(tmp_path / "paper.jpg")
    desk = sign_in(new_page(viewport=DESK), at("desk"), "tina")
    desk.goto(f"{at('desk')}/orders/new")
    look(desk, pictures, "paper-picture")
    axe(desk)
    if not desk.locator("details[data-photo-file]").get_attribute("open"):
        desk.locator("details[data-photo-file] summary").click()
    desk.set_input_files("#field-photo", tmp_path / "paper.jpg")
    desk.get_by_role("button", name="Send this picture").click()
    desk.wait_for_url(re.compile("/orders/new/[0-9a-f]{64}"))
    desk.reload()
    desk.get_by_role("button", name="Hand over for verification").click()
    expect(desk.get_by_text("Please look again")).to_be_visible()
    look(desk, pictures, "paper-errors")
    axe(desk)
    typed = {
        "mrn": "MRN55", "family": "Paper", "given": "Paula", "born": "05-May-1950", "visit": "V55", "room": "9",
        "bed": "C", "amount1": "1000", "base_ml": "250", "infuse": "120", "frequency": "Q12H",
    }  # fmt: skip
    typed["start"] = demo.local(system_clock()).strftime("%d-%b-%Y %H:%M")
    for name, value in typed.items():
        desk.fill(f"#field-{name}", value)
    for name, label in {"unit": "7 West, medicine", "drug1": "vancomycin", "unit1": "mg", "route": "IV",
                        "base": "sodium chloride 0.9 %"}.items():  # fmt: skip
        desk.select_option(f"#field-{name}", label=label)
    look(desk, pictures, "paper-form")
    desk.get_by_role("button", name="Hand over for verification").click()
    desk.wait_for_url(re.compile(r"/orders/\d+$"))
    expect(desk.get_by_alt_text("Picture of the paper order: show it large")).to_be_visible()
    expect(desk.get_by_text("A pharmacist verifies this order.")).to_be_visible()
    look(desk, pictures, "paper-order")
    axe(desk)
    assert desk.get_by_role("button", name="Verify").count() == 0
