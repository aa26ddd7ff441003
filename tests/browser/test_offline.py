"""The server goes away and a page is asked for: the shell says Stop, keeps nothing of anybody, comes back by itself."""

import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Page, expect

from app import demo
from app.identity.actions import Given
from app.identity.limits import Where
from app.identity.sign_in_actions import sign_in
from app.main import create_app, put_together
from app.settings import Settings
from tests.browser.conftest import Console
from tests.browser.sizes import DESK, PHONE, TABLET
from tests.conftest import SetClock
from tests.hospital import DESK as AT_DESK
from tests.hospital import HOOD, WARD, Hospital

AT = {"tina": ("hood", HOOD, TABLET, "/hood"), "petra": ("desk", AT_DESK, DESK, "/desk"),
      "nina": ("ward", WARD, PHONE, "/ward/beds")}  # fmt: skip
KEPT = """async () => {
    const found = [];
    for (const name of await caches.keys()) {
        const cache = await caches.open(name);
        for (const request of await cache.keys()) found.push([request.url, await (await cache.match(request)).text()]);
    }
    return found;
}"""


class Switch:
    """A product on one port that can be switched off and on again."""

    def __init__(self, app: Any) -> None:
        self._app = app
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._server: uvicorn.Server | None = None

    def on(self) -> None:
        settings = uvicorn.Config(
            self._app, host="127.0.0.1", port=self.port, log_level="warning", lifespan="on", timeout_graceful_shutdown=1
        )
        self._server = uvicorn.Server(settings)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        while not self._server.started:
            assert self._thread.is_alive(), "the server did not start"

    def off(self) -> None:
        if self._server is not None:
            self._server.should_exit = True
            self._thread.join(10)
            self._server = None


@pytest.fixture
def house(tmp_path: Path, seeded_sqlite: tuple[Path, dict[str, int]]) -> Iterator[tuple[Any, Switch]]:
    shutil.copy(seeded_sqlite[0], tmp_path / "laminar.db")
    settings = Settings(database=f"sqlite:///{tmp_path / 'laminar.db'}", photos=tmp_path / "photos", zone=demo.ZONE)
    parts = put_together(settings, SetClock())
    Hospital(parts.db, seeded_sqlite[1]).order()
    switch = Switch(create_app(parts, worker=False))
    switch.on()
    yield parts, switch
    switch.off()
    parts.db.close()


@pytest.mark.parametrize("name", list(AT))
def test_a_page_asked_for_while_nobody_answers_says_stop_and_comes_back_by_itself(
    house: tuple[Any, Switch],
    new_page: Callable[..., Page],
    console: Console,
    axe: Callable[[Page], None],
    pictures: Path | None,
    name: str,
) -> None:
    console.expect("ERR_CONNECTION_REFUSED", "Failed to load resource", "ERR_INCOMPLETE_CHUNKED_ENCODING")
    parts, switch = house
    kind, station, size, to = AT[name]
    address = f"http://{kind}.localhost:{switch.port}"
    page = new_page(viewport=size)
    token = sign_in(parts.db, Given(demo.BADGES[name], demo.PIN), Where(station, kind)).token
    page.context.add_cookies([{"name": "laminar", "value": token, "url": address}])
    page.goto(address + to)
    page.evaluate("() => navigator.serviceWorker.ready.then(() => true)")
    shown = page.locator("h1").first.inner_text()

    switch.off()
    page.goto(address + to)
    expect(page.get_by_text("No connection. Stop. Do not go on.")).to_be_visible()
    assert page.url == address + to
    axe(page)
    if pictures:
        page.screenshot(path=pictures / f"offline-{kind}.png")

    kept = page.evaluate(KEPT)
    assert kept and all(url.startswith(f"{address}/static/") for url, _ in kept), "only the shell is kept"
    assert not any("ÅNGSTRÖM" in text or "700101" in text for _, text in kept)
    stored = "async () => [localStorage.length, (await indexedDB.databases()).length]"
    assert page.evaluate(stored) == [0, 0], "nothing waits in the browser to be sent"

    switch.on()
    expect(page.locator("h1").first).to_have_text(shown, timeout=15_000)
    expect(page.get_by_text("No connection.")).to_have_count(0)
