"""The product's pages over a hospital under test: one browser a person, each at its own station."""

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx import Response
from sqlalchemy import func, select

from app import demo
from app.main import create_app, put_together
from app.settings import Settings
from app.tables import metadata
from app.web.parts import Parts
from devices.hub import Hub
from devices.printer import Printer
from tests.hospital import Hospital

HOSTS = {"tina": "hood.localhost", "nina": "ward.localhost", "pablo": "desk.localhost", "petra": "desk.localhost"}


def once() -> str:
    return secrets.token_urlsafe(12)


@dataclass
class Browser:
    """One browser at one station; it follows no redirect, so that a test sees each answer."""

    client: TestClient

    def get(self, to: str) -> Response:
        return self.client.get(to, follow_redirects=False)

    def post(self, to: str, *, headers: dict[str, str] | None = None, **fields: str) -> Response:
        data = {"once": once()} | fields
        return self.client.post(to, data=data, headers=headers, follow_redirects=False)

    def sign_in(self, name: str, pin: str = demo.PIN) -> Response:
        return self.post("/sign-in", badge=demo.BADGES[name], pin=pin)

    def shown(self, to: str, form: str = "signature") -> str:
        """The hash of the record that a page carries in its signature form."""
        page = self.get(to).text
        found = re.search(rf'id="{form}".*?name="shown" value="([0-9a-f]{{64}})"', page, re.DOTALL)
        assert found, f"{to} offers no signature"
        return found[1]


@dataclass
class Site:
    """The application over a hospital, without its worker: a test asks for every tick itself."""

    house: Hospital
    parts: Parts
    app: FastAPI
    opened: list[TestClient] = field(default_factory=list)

    def browser(self, host: str) -> Browser:
        client = TestClient(self.app, base_url=f"http://{host}", raise_server_exceptions=True)
        self.opened.append(client)
        return Browser(client)

    def signed_in(self, name: str, host: str | None = None) -> Browser:
        browser = self.browser(host or HOSTS[name])
        answer = browser.sign_in(name)
        assert answer.status_code == 303, answer.text
        return browser

    def close(self) -> None:
        """Close the browsers and let what the product does in the background end; the database is the test's own."""
        for client in self.opened:
            client.close()
        self.parts.news.close()


def site_of(
    house: Hospital, folder: Path, hub: Hub | None = None, printer: Callable[[str], Printer] | None = None
) -> Site:
    """Put the product together over a hospital's own database and clock."""
    settings = Settings(database=house.db.url, photos=folder / "photos", zone=demo.ZONE, hospital="Laminar General")
    parts = replace(put_together(settings, house.db.clock, hub, printer), db=house.db)
    return Site(house, parts, create_app(parts, worker=False))


SEEN = frozenset({"sign_in"})


def contents(house: Hospital) -> dict[str, int]:
    """How many rows each table has, and how often work changed: equal before and after means nothing was done."""
    with house.db.read() as session:
        counts = {
            name: session.scalar(select(func.count()).select_from(table)) or 0
            for name, table in metadata.tables.items()
            if name not in SEEN
        }
        work = metadata.tables["work_item"]
        counts["work moves"] = session.scalar(select(func.sum(work.c.version))) or 0
    return counts
