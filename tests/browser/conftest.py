"""A real Chromium for the tests of pages: one browser, a fresh context for each test, no error left unread.

Fixtures: `serve(app)` → address of an ASGI application on loopback; `new_page(**options)` → a page that fails its test
on any console error; `console.expect("422")` for an error that belongs to the test; `axe(page)` → nothing, or a failure
that names every fault; `fake_camera(picture)` → a browser whose camera shows that picture.
"""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from PIL import Image
from playwright.sync_api import Browser, Page, Playwright, expect, sync_playwright

from tests.browser.chromium import launch
from tests.browser.sizes import TABLET

HERE = Path(__file__).parent
AXE = HERE / "vendor" / "axe-4.14.1.min.js"
# Every wait is for something that the page shows; only a page that never shows it takes this long, in milliseconds.
PATIENCE = 30_000
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder drives Chromium."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.browser)


class Console:
    """What the page's console said that nobody expected."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.expected: list[str] = []

    def expect(self, *texts: str) -> None:
        """An error whose words hold one of `texts` belongs to this test."""
        self.expected.extend(texts)

    def watch(self, page: Page) -> None:
        page.on("pageerror", lambda error: self.said.append(f"page error: {error}"))
        page.on("console", lambda entry: self.said.append(entry.text) if entry.type == "error" else None)

    def unexpected(self) -> list[str]:
        return [text for text in self.said if not any(words in text for words in self.expected)]


@pytest.fixture(scope="session")
def playwright_() -> Iterator[Playwright]:
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="session")
def chromium(playwright_: Playwright) -> Iterator[Browser]:
    """The one browser of the session."""
    browser = launch(playwright_)
    yield browser
    browser.close()


@pytest.fixture
def console() -> Iterator[Console]:
    """Fails the test on a console error that it did not expect."""
    heard = Console()
    yield heard
    assert heard.unexpected() == []


@pytest.fixture
def new_page(chromium: Browser, console: Console) -> Iterator[Callable[..., Page]]:
    """`new_page(viewport=PHONE, browser=None, **options)`: a page in a context of its own."""
    contexts = []

    def make(browser: Browser | None = None, **options: Any) -> Page:
        wanted = {
            "viewport": TABLET,
            "has_touch": True,
            "locale": "en-GB",
            "timezone_id": "Europe/Amsterdam",
            "permissions": ["camera"],
            "reduced_motion": "reduce",
            **options,
        }
        context = (browser or chromium).new_context(**wanted)
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        page = context.new_page()
        console.watch(page)
        return page

    yield make
    for context in contexts:
        context.close()


@pytest.fixture(scope="module")
def serve() -> Iterator[Callable[..., str]]:
    """`serve(app)`: the address of an application that runs on loopback until the module's tests are over."""
    running: list[tuple[uvicorn.Server, threading.Thread]] = []

    def start(app: Any) -> str:
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        settings = uvicorn.Config(app, log_level="warning", lifespan="on", timeout_graceful_shutdown=1)
        server = uvicorn.Server(settings)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        running.append((server, thread))
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            time.sleep(0.01)
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    yield start
    for server, thread in running:
        server.should_exit = True
        thread.join(timeout=5)


@pytest.fixture
def axe() -> Callable[[Page], None]:
    """`axe(page)`: fails with every fault against WCAG 2.2 AA, the element and the reason."""

    def check(page: Page) -> None:
        if not page.evaluate("() => Boolean(window.axe)"):
            # The page's own policy forbids foreign scripts, also ours: evaluate() is not bound by it.
            page.evaluate(AXE.read_text(encoding="utf-8"))
        found = page.evaluate("rules => axe.run(document, {runOnly: {type: 'tag', values: rules}})", RULES)
        faults = [
            f"{fault['id']}: {node['html'][:160]} – {node['failureSummary']}"
            for fault in found["violations"]
            for node in fault["nodes"]
        ]
        assert not faults, f"{page.url}\n" + "\n".join(faults)

    return check


def write_y4m(picture: Image.Image, path: Path, size: tuple[int, int] = (1280, 720)) -> Path:
    """Write `picture` as a short I420 film, the only form that Chromium's fake camera shows reliably."""
    luma, blue, red = picture.convert("RGB").resize(size).convert("YCbCr").split()
    half = (size[0] // 2, size[1] // 2)
    frame = b"FRAME\n" + luma.tobytes() + blue.resize(half).tobytes() + red.resize(half).tobytes()
    path.write_bytes(f"YUV4MPEG2 W{size[0]} H{size[1]} F10:1 Ip A1:1 C420jpeg\n".encode() + frame * 3)
    return path


@pytest.fixture
def fake_camera(playwright_: Playwright, tmp_path: Path) -> Iterator[Callable[[Image.Image], Browser]]:
    """`fake_camera(picture)`: a browser of its own whose camera shows `picture`; give it to `new_page`."""
    browsers: list[Browser] = []

    def start(picture: Image.Image) -> Browser:
        film = write_y4m(picture, tmp_path / f"camera-{len(browsers)}.y4m")
        flag = f"--use-file-for-fake-video-capture={film}"
        browsers.append(launch(playwright_, flag))
        return browsers[-1]

    yield start
    for browser in browsers:
        with suppress(Exception):
            browser.close()


# Each key carries the moment at which a scanner would have sent it: a machine that pauses between two breaks no scan.
AT_ONCE = """keys => {
    const first = performance.now() - keys.length;
    keys.forEach((key, place) => {
        const about = {key, bubbles: true, cancelable: true, ctrlKey: key === '\\u001d'};
        if (about.ctrlKey) { about.key = ']'; about.code = 'BracketRight'; }
        const event = new KeyboardEvent('keydown', about);
        Object.defineProperty(event, 'timeStamp', {value: first + place});
        (document.activeElement ?? document.body).dispatchEvent(event);
    });
}"""


def wedge(page: Page, code: str, delay: float | None = None, enter: bool = True) -> None:
    """Scan `code` as a keyboard wedge does: GS as Ctrl+], Enter at the end.

    Without `delay` the keys arrive at once, however busy the machine is. With `delay` (milliseconds between the keys)
    they are real keys that go through the browser's own input, one by one.
    """
    if delay is None:
        page.evaluate(AT_ONCE, [*code, "Enter"] if enter else [*code])
        return
    for number, part in enumerate(code.split("\x1d")):
        if number:
            page.keyboard.press("Control+BracketRight")
        if part:
            page.keyboard.type(part, delay=delay)
    if enter:
        page.keyboard.press("Enter")


@pytest.fixture
def scan() -> Callable[..., None]:
    """`scan(page, code)`: what a keyboard wedge would type."""
    return wedge


@pytest.fixture
def pictures() -> Path | None:
    """Where screenshots for a person's eyes go: LAMINAR_PICTURES, or None."""
    where = os.environ.get("LAMINAR_PICTURES")
    if not where:
        return None
    Path(where).mkdir(parents=True, exist_ok=True)
    return Path(where)
