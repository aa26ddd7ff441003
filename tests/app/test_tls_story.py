"""The product over HTTPS on a name that is not this machine's own, as a tablet sees it; sockets stay on loopback."""

import base64
import hashlib
import http.client
import os
import re
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from playwright.sync_api import Page, expect, sync_playwright
from sqlalchemy import text

from app import demo
from app.cli.tls import make
from app.db import migrate
from app.db.session import Db
from app.demo_play import until
from app.tables import metadata
from compounding.opened import Opened
from compounding.procedure import Pair, Shot, label_serial
from compounding.recipe import Inspect, Scan, Weigh
from devices.simulators import SimulatedBalance
from tests.app.interop.heard import Ehr, message
from tests.browser.chromium import launch
from tests.browser.conftest import wedge
from tests.browser.sizes import DESK as DESK_SIZE
from tests.browser.sizes import PHONE, TABLET
from tests.browser.story import sign
from tests.hospital import BALANCE, MASSES, Hospital, hospital

ROOT = Path(__file__).parent.parent.parent
HOOD, DESK, WARD = (f"{kind}.laminar.test" for kind in ("hood", "desk", "ward"))
START = 60.0


@dataclass(frozen=True)
class Served:
    """A product that runs in a process of its own, with its certificates, its log, a balance on a line and HL7.

    `house` looks into its database from outside; it only reads.
    """

    port: int
    hl7_port: int
    paths: dict[str, Path]
    log: Path
    balance: SimulatedBalance
    house: Hospital

    @property
    def url(self) -> str:
        return self.at(HOOD)

    def at(self, name: str, path: str = "") -> str:
        return f"https://{name}:{self.port}{path}"


@pytest.fixture
def balance() -> Iterator[SimulatedBalance]:
    with SimulatedBalance(serial=BALANCE, settle_s=0.2) as running:
        yield running


@pytest.fixture
def served(tmp_path: Path, balance: SimulatedBalance) -> Iterator[Served]:
    paths = make([HOOD, DESK, WARD, "laminar.test"], tmp_path / "tls", "Laminar", datetime.now(UTC))
    url = f"sqlite:///{tmp_path / 'laminar.db'}"
    db = Db(url, lambda: datetime.now(UTC))
    migrate.upgrade(db.writer, metadata)
    house = hospital(db)
    house.order()
    Ehr(house).knows()
    with db.writer.begin() as connection:
        for code, host in (("hood-1", HOOD), ("desk-1", DESK), ("ward-7w", WARD)):
            connection.execute(
                text("UPDATE station SET host = :host WHERE code = :code"), {"host": host, "code": code}
            )
        devices = {"balance": balance.url, "printer": f"folder:{tmp_path / 'labels'}"}
        connection.execute(
            text("UPDATE station SET balance_url = :balance, printer_url = :printer WHERE code = 'hood-1'"), devices
        )
    db.close()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        hl7_port = free.getsockname()[1]
    settings = {
        "LAMINAR_DATABASE": url,
        "LAMINAR_PHOTOS": str(tmp_path / "photos"),
        "LAMINAR_BACKUPS": str(tmp_path / "backups"),
        "LAMINAR_TEST": "true",
        "LAMINAR_ZONE": demo.ZONE,
        "LAMINAR_MLLP_PORT": str(hl7_port),
    }
    command = [sys.executable, "-c", "from app.cli import main; main()", "serve", "--port", "0",
               "--tls-cert", str(paths["cert"]), "--tls-key", str(paths["key"])]  # fmt: skip
    log = tmp_path / "log.txt"
    with log.open("wb") as said:
        process = subprocess.Popen(
            command, cwd=ROOT, env=os.environ | settings, stdout=subprocess.PIPE, stderr=said, text=True
        )
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            told = re.search(r"https://localhost:(\d+) \(TEST\)", line)
            assert told, line + log.read_text()
            yield Served(int(told[1]), hl7_port, paths, log, balance, house)
        finally:
            house.db.close()
            process.terminate()
            process.wait(timeout=15)


def answer(served: Served, path: str) -> http.client.HTTPResponse:
    """Ask as a strict client that trusts our authority and nobody else."""
    trusting = ssl.create_default_context(cafile=str(served.paths["ca"]))
    connection = http.client.HTTPSConnection(HOOD, served.port, context=trusting, timeout=10)
    plain = socket.create_connection(("127.0.0.1", served.port), timeout=10)
    connection.sock = trusting.wrap_socket(plain, server_hostname=HOOD)
    connection.request("GET", path)
    return connection.getresponse()


def pin(path: Path) -> str:
    """The certificate's key as Chromium wants it named, so that this one authority need not be installed."""
    key = x509.load_pem_x509_certificate(path.read_bytes()).public_key()
    return base64.b64encode(
        hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()
    ).decode()


def in_chromium(served: Served, story: Callable[[Callable[[dict[str, int]], Page]], None]) -> None:
    """Play a story in a browser that finds our names on loopback; in a thread of its own, beside other browsers.

    The story makes its pages by their size, each in a context of its own.
    """

    def play() -> None:
        with sync_playwright() as running:
            browser = launch(
                running,
                "--host-resolver-rules=MAP *.laminar.test 127.0.0.1",
                f"--ignore-certificate-errors-spki-list={pin(served.paths['cert'])}",
            )

            def new_page(size: dict[str, int]) -> Page:
                page = browser.new_context(viewport=size, has_touch=True, permissions=["camera"]).new_page()
                page.set_default_timeout(20_000)
                return page

            try:
                story(new_page)
            finally:
                browser.close()

    with ThreadPoolExecutor(1) as alone:
        alone.submit(play).result()


@pytest.mark.browser
def test_a_hood_is_served_over_https_on_a_name_of_its_own(served: Served) -> None:
    found = answer(served, "/sign-in")
    assert found.status == 200
    assert found.getheader("strict-transport-security") == "max-age=31536000; includeSubDomains"
    assert found.getheader("server") is None

    def story(new_page: Callable[[dict[str, int]], Page]) -> None:
        page = new_page(TABLET)
        enter(page, served.at(HOOD, "/hood"), "tina")
        (cookie,) = [each for each in page.context.cookies() if "laminar" in each["name"]]
        assert (cookie["name"], cookie["secure"], cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (
            "__Host-laminar", True, True, "Strict", "/",
        )  # fmt: skip
        assert cookie["domain"] == HOOD
        assert page.evaluate("window.isSecureContext")
        camera = "navigator.mediaDevices.getUserMedia({video: true}).then(s => s.getVideoTracks().length)"
        assert page.evaluate(camera) == 1

        # A post, its redirect and the step after it, on the same name.
        page.locator("summary", has_text="Type the code").first.click()
        page.get_by_label("Code", exact=True).fill("TRAY-01")
        page.get_by_role("button", name="Use this code").click()
        page.wait_for_url(re.compile(rf"{re.escape(served.url)}/hood/\d+"))
        assert "vancomycin" in page.content().lower()

    in_chromium(served, story)
    lines = served.log.read_text()
    assert '"route": "/hood/scan", "status": 303' in lines
    assert "Ångström" not in lines


def enter(page: Page, address: str, name: str) -> None:
    """Open a page of a station and sign in there by badge and PIN."""
    page.goto(address)
    page.get_by_label("Badge").fill(demo.BADGES[name])
    page.get_by_label("PIN", exact=True).fill(demo.PIN)
    page.get_by_role("button", name="Sign in").first.click()
    page.wait_for_url(address)


def reachable(port: int) -> bool:
    with socket.socket() as line:
        return line.connect_ex(("127.0.0.1", port)) == 0


def heard(port: int, raw: bytes) -> bytes:
    """Send one message over the wire, which is heard a moment after the pages are served; its answer."""
    assert until(lambda: reachable(port), START)
    with socket.create_connection(("127.0.0.1", port), timeout=10) as line:
        line.sendall(b"\x0b" + raw + b"\x1c\r")
        answered = b""
        while not answered.endswith(b"\x1c\r"):
            answered += line.recv(4096)
    return answered


@dataclass
class Hands:
    """A technician's hands at the hood's page: what the page waits for is done."""

    served: Served
    page: Page

    def make(self, work_id: int) -> str:
        """Lead a dose until only its signature is missing; the serial of its label."""
        for _ in range(20):
            at = self.served.house.at(work_id)
            if at.where.current is None:
                return label_serial(at.where) or ""
            self._do(at)
            assert until(lambda seen=len(at.records): len(self.served.house.at(work_id).records) > seen, 30), at.where
        raise AssertionError("the dose was never finished")

    def _do(self, at: Opened) -> None:
        match at.where.current:
            case Scan(key=key, slot=slot):
                expect(self.page.locator("form[data-scan] [name=step]")).to_have_value(key)
                wedge(self.page, demo.barcode(slot, serial=f"S{slot}"))
            case Weigh(key=key):
                expect(self.page.locator(f"form[data-weigh][data-step='{key}']")).to_have_count(1)
                self.served.balance.put(Decimal(MASSES["MFR-01"][key]))
            case Inspect():
                self.page.get_by_role("button", name="Yes, as described").click()
            case Pair() if at.where.half is None:
                wedge(self.page, label_serial(at.where) or "")
            case Pair():
                wedge(self.page, at.preparation.tray)
            case Shot():
                self.page.locator("[data-shutter]:enabled").click()


@pytest.mark.browser
def test_the_whole_story_runs_over_https_from_the_order_to_the_nurses_hands(served: Served) -> None:
    """Order over HL7, verified, made, checked, released, received; every request on the names of the certificate."""
    now = datetime.now(UTC)
    order = message(now, start=now + timedelta(hours=2), processing="T", id="T1")
    assert b"MSA|AA|T1" in heard(served.hl7_port, order)
    strange: list[str] = []

    def story(new_page: Callable[[dict[str, int]], Page]) -> None:
        desk, hood, phone = (new_page(size) for size in (DESK_SIZE, TABLET, PHONE))
        for page in (desk, hood, phone):
            page.on("request", lambda asked: strange.append(asked.url) if not ours(asked.url) else None)

        enter(desk, served.at(DESK, "/orders"), "pablo")
        desk.locator("tr", has_text="DOE").locator("a[href^='/orders/']").click()
        expect(desk.get_by_role("button", name="Verify", exact=True)).to_be_visible()
        sign(desk, "pablo", "Verify")
        expect(desk.get_by_role("button", name="Verify", exact=True)).to_have_count(0)

        enter(hood, served.at(HOOD, "/hood"), "tina")
        hood.locator(".row", has_text="DOE").first.click()
        expect(hood.locator(".row[data-state=now]")).to_contain_text("DOE")
        wedge(hood, "TRAY-07")
        hood.wait_for_url(re.compile(r"/hood/\d+$"))
        work_id = int(hood.url.rpartition("/")[2])
        serial = Hands(served, hood).make(work_id)

        enter(phone, served.at(WARD, "/ward/beds"), "nina")
        phone.get_by_text("All of 7W").click()
        phone.get_by_role("button", name="These are mine").click()
        expect(phone.get_by_role("heading", name="My beds")).to_be_visible()
        wedge(phone, serial)
        expect(phone.locator("main")).to_contain_text("Not checked")
        sign(hood, "tina", "Sign as prepared")
        expect(hood.get_by_role("heading", name="To prepare")).to_be_visible()

        desk.goto(served.at(DESK, f"/check/{work_id}"))
        expect(desk.locator("h1")).to_contain_text("nothing unusual")
        expect(desk.locator(".photo img").first).to_be_visible()
        assert desk.locator(".photo img").first.evaluate("each => each.naturalWidth > 0")
        sign(desk, "pablo", "Release")
        expect(desk.get_by_role("heading", name="Check queue")).to_be_visible()

        phone.goto(served.at(WARD, "/ward"))
        wedge(phone, serial)
        expect(phone.locator("main")).to_contain_text("Received")
        desk.goto(served.at(DESK, f"/records/{work_id}"))
        expect(desk.locator("main")).to_contain_text("nothing unusual")

    in_chromium(served, story)
    assert strange == []
    lines = served.log.read_text()
    for route in ("/orders/{version_id:int}/verify", "/hood/{work_id:int}/sign", "/check/{work_id:int}/release"):
        assert route in lines, route
    assert "Doe" not in lines and "DOE" not in lines


def ours(url: str) -> bool:
    """Tell whether a request goes over HTTPS to one of our names, or nowhere at all."""
    at_home = re.match(r"https://(hood|desk|ward)\.laminar\.test:\d+/", url)
    return url.startswith(("data:", "blob:")) or at_home is not None
