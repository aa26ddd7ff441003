"""The pretend hospital with its cart room, served on loopback, for tests of pages in a browser."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from playwright.sync_api import Page

from app import demo
from app.db.session import Db
from app.identity.actions import Given
from app.identity.limits import Where
from app.identity.sign_in_actions import sign_in
from app.main import create_app, put_together
from app.settings import Settings
from tests.cart_room import CartRoom
from tests.conftest import SetClock

DESK_STATION = 2
BADGES = {**demo.BADGES, "tomas": "BADGE-TOMAS2026", "lena": "BADGE-LENA2026"}


@dataclass
class CartSite:
    """The cart room behind an address; `open_as` opens a page of it as somebody who is signed in at the desk."""

    room: CartRoom
    address: str
    clock: SetClock

    def open_as(self, new_page: Callable[..., Page], name: str, to: str, size: dict[str, int]) -> Page:
        token = sign_in(self.room.db, Given(BADGES[name], demo.PIN), Where(DESK_STATION, "desk")).token
        page = new_page(viewport=size, base_url=self.address)
        page.context.add_cookies([{"name": "laminar", "value": token, "url": self.address}])
        page.goto(to)
        return page


def cart_site(serve: Callable[..., str], made: tuple[Path, CartRoom], folder: Path) -> Iterator[CartSite]:
    """Serve a copy of the cart room until the tests of a module are over."""
    path, room = made
    shutil.copy(path, folder / "laminar.db")
    clock = SetClock()
    settings = Settings(
        database=f"sqlite:///{folder / 'laminar.db'}", photos=folder / "photos", zone=demo.ZONE, hospital="Laminar"
    )
    parts = put_together(settings, clock)
    mine: Db = parts.db
    address = serve(create_app(parts, worker=False)).replace("127.0.0.1", "desk.localhost")
    yield CartSite(replace(room, db=mine), address, clock)
    mine.close()
