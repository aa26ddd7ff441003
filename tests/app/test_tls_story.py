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
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from playwright.sync_api import Page, sync_playwright
from sqlalchemy import text

from app import demo
from app.cli.tls import make
from app.db import migrate
from app.db.session import Db
from app.tables import metadata
from tests.hospital import Hospital, hospital

ROOT = Path(__file__).parent.parent.parent
HOOD = "hood.laminar.test"
START = 60.0


@dataclass(frozen=True)
class Served:
    """A product that runs in a process of its own: its port, its certificates, and the dose that waits there."""

    port: int
    paths: dict[str, Path]
    log: Path

    @property
    def url(self) -> str:
        return f"https://{HOOD}:{self.port}"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    paths = make([HOOD, "laminar.test"], tmp_path / "tls", "Laminar", datetime.now(UTC))
    url = f"sqlite:///{tmp_path / 'laminar.db'}"
    db = Db(url, lambda: datetime.now(UTC))
    migrate.upgrade(db.writer, metadata)
    house = hospital(db)
    Hospital.order(house)
    with db.writer.begin() as connection:
        connection.execute(text("UPDATE station SET host = :host WHERE code = 'hood-1'"), {"host": HOOD})
    db.close()
    settings = {
        "LAMINAR_DATABASE": url,
        "LAMINAR_PHOTOS": str(tmp_path / "photos"),
        "LAMINAR_BACKUPS": str(tmp_path / "backups"),
        "LAMINAR_TEST": "true",
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
            yield Served(int(told[1]), paths, log)
        finally:
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


def in_chromium(served: Served, story: Callable[[Page], None]) -> None:
    """Play a story in a browser that finds our name on loopback; in a thread of its own, beside other browsers."""

    def play() -> None:
        with sync_playwright() as running:
            flags = [
                "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                "--disable-background-networking", "--use-fake-ui-for-media-stream",
                "--use-fake-device-for-media-stream", "--host-resolver-rules=MAP *.laminar.test 127.0.0.1",
                f"--ignore-certificate-errors-spki-list={pin(served.paths['cert'])}",
            ]  # fmt: skip
            browser = running.chromium.launch(executable_path="/usr/bin/chromium", args=flags)
            page = browser.new_context(
                viewport={"width": 1280, "height": 800}, has_touch=True, permissions=["camera"]
            ).new_page()
            page.set_default_timeout(20_000)
            try:
                story(page)
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

    def story(page: Page) -> None:
        page.goto(f"{served.url}/hood")
        page.get_by_label("Badge").fill(demo.BADGES["tina"])
        page.get_by_label("PIN").fill(demo.PIN)
        page.get_by_role("button", name="Sign in").first.click()
        page.wait_for_url(f"{served.url}/hood")
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
