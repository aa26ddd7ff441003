"""The pretend hospital for browser tests, and a technician's hands: what the hood asks for is done, and counted."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Page, Request, expect

from app import demo
from app.demo_day import Server, Trial
from app.demo_play import until
from app.web.bench import look
from compounding.opened import Opened
from compounding.recipe import Inspect, Weigh

PATIENCE_S = 20
Axe = Callable[[Page], None]
Scan = Callable[[Page, str], None]


@dataclass
class Open:
    """A pretend hospital that is open to browsers."""

    trial: Trial
    server: Server

    def at(self, station: str, path: str = "/") -> str:
        """The address of a page at a station ("hood", "desk", "ward")."""
        return f"http://{station}.localhost:{self.server.port}{path}"

    def now(self) -> tuple[Opened | None, str]:
        """The dose under the hood and the first empty tray."""
        at, _, tray = look(self.trial.parts, self.trial.bench)
        return at, tray


@dataclass
class Hands:
    """A technician at a hood's page. `done` counts scans, taps, weighings and photos of one dose."""

    house: Open
    page: Page
    scan: Scan
    done: Counter[str] = field(default_factory=Counter)
    seen: Callable[[str], None] = lambda step: None

    def __post_init__(self) -> None:
        self.page.on("request", self._count)

    def _count(self, request: Request) -> None:
        ending = request.url.rsplit("/", 1)[-1]
        if request.method == "POST" and ending in ("weigh", "photo"):
            self.done["weighings" if ending == "weigh" else "photos"] += 1

    def _scan(self, code: str) -> None:
        self.done["scans"] += 1
        self.scan(self.page, code)

    def start(self, dose: str) -> None:
        """Choose a dose of the worklist (that is no act on it yet) and claim it with an empty tray."""
        row = self.page.locator(".row", has_text=dose).first
        if row.get_attribute("data-state") != "now":
            row.click()
            expect(self.page.locator(".row[data-state=now]")).to_contain_text(dose)
        self.done.clear()
        self._scan(self.house.now()[1])
        expect(self.page.locator("#step")).to_be_visible()

    def to_the_pan(self) -> None:
        """Do what the hood asks for until it waits for a weight."""
        while not isinstance(self._now().where.current, Weigh):
            self._next(self._now())
        expect(self.page.locator("[data-reading]")).not_to_have_text("–")

    def make(self) -> None:
        """Do what the hood asks for until only the signature is missing."""
        for _ in range(60):
            at, _ = self.house.now()
            assert at is not None
            if at.where.current is None:
                expect(self.page.get_by_role("button", name="Sign as prepared")).to_be_visible()
                return
            self._next(at)
        raise AssertionError("the dose was never finished")

    def _next(self, at: Opened) -> None:
        bench, current = self.house.trial.bench, at.where.current
        key = current.key if current else ""
        self.seen(key)
        move = bench.next(at)
        if move.verb in ("put", "lift", "act", "right"):
            bench.do(at, move.verb, move.what)
            return
        if isinstance(current, Inspect):
            self.done["taps"] += 1
            self.page.get_by_role("button", name="Yes, as described").click()
        elif move.verb == "scan":
            self._scan(move.what)
        elif move.verb == "photo":
            # Pressing the shutter is the photo itself.
            self.page.locator("[data-shutter]:enabled").click()
        assert until(lambda: len(self._now().records) > len(at.records), PATIENCE_S), f"nothing came of {move}"
        after = self._now()
        waits = after.where.current.key if after.where.current else "sign"
        if waits == "sign" or isinstance(after.where.current, Weigh):
            words = "form[action$='/sign']" if waits == "sign" else f"form[data-weigh][data-step='{waits}']"
            expect(self.page.locator(words)).to_have_count(1)
        elif waits != "photo":
            expect(self.page.locator("form[data-scan] [name=step]")).to_have_value(waits)
        expect(self.page.locator("form[data-busy]")).to_have_count(0)

    def _now(self) -> Opened:
        at, _ = self.house.now()
        assert at is not None
        return at

    def sign(self) -> None:
        """Sign as prepared, with what the page asks for."""
        sign(self.page, "tina", "Sign as prepared")
        expect(self.page.get_by_role("heading", name="To prepare")).to_be_visible()


def sign(page: Page, name: str, button: str) -> None:
    """Sign a page's form: the badge where it is asked for, and the PIN."""
    badge = page.locator("#field-badge")
    if badge.count():
        badge.fill(demo.BADGES[name])
    page.locator("#field-pin").fill(demo.PIN)
    page.get_by_role("button", name=button, exact=True).click()


def sign_in(page: Page, address: str, name: str) -> None:
    """Open a page of a station and sign in there as one of the cast, by its button."""
    page.goto(address)
    button = page.get_by_role("button", name=f"Sign in as {demo.CAST[name][0]}")
    button.click()
    button.wait_for(state="detached")  # whoever goes on before the answer is there goes on signed out


def keep(page: Page, folder: Path | None, name: str) -> None:
    """Keep a picture of the screen for the documents, small enough to read over a slow line."""
    if folder is None:
        return
    page.wait_for_timeout(300)
    page.screenshot(path=folder / f"{name}.png")
