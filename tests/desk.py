"""The whole product with the pretend hospital in it, for tests of the desk's pages: one line a thing to set up."""

import re
from dataclasses import dataclass
from html import unescape
from pathlib import Path

from fastapi.testclient import TestClient
from httpx import Response

from app import demo
from app.identity.actions import Given
from app.identity.limits import Where
from app.identity.sign_in_actions import sign_in
from app.main import put_together
from app.settings import Settings
from app.stations.models import Station
from app.web.parts import Parts
from app.web.session import once_key
from app.worker import Worker
from compounding.recipe_actions import write_recipe
from tests.conftest import SetClock
from tests.hospital import DESK, HOOD, Hospital

SECOND = (demo.RECIPES / "MFR-01.json").read_text()


def desk_parts(house: Hospital, folder: Path, clock: SetClock, **settings: object) -> Parts:
    """The parts of a product over the hospital's database; its labels go into a folder."""
    with house.db.write(house.who("petra")) as tx:
        tx.session.get_one(Station, HOOD).printer_url = f"folder:{folder / 'labels'}"
    chosen = Settings(
        database=house.db.url, photos=folder / "photos", zone=demo.ZONE, hospital="Laminar General", **settings
    )  # type: ignore[arg-type]
    return put_together(chosen, clock)


def token(parts: Parts, name: str) -> str:
    """Sign somebody in at the desk: the value of their session cookie."""
    return sign_in(parts.db, Given(demo.BADGES[name], demo.PIN), Where(DESK, "desk")).token


def print_waiting(parts: Parts) -> None:
    """Send the labels that wait, as the worker does."""
    Worker(parts.db, parts.printer, parts.clock, parts.settings).print_labels(parts.clock())


def second_version(tolerance: str = "4") -> str:
    """A second version of the vancomycin recipe, with another tolerance."""
    text = SECOND.replace('"version": 1', '"version": 2')
    return text.replace('"tolerance_percent": "5"', f'"tolerance_percent": "{tolerance}"')


def written(house: Hospital, by: str = "pablo") -> int:
    """A second version of the vancomycin recipe that waits for its approval."""
    with house.db.write(house.who(by)) as tx:
        return write_recipe(tx, second_version(), house.proof(by))


@dataclass
class Desk:
    """A desk's browser: gets pages, posts forms with a key of their own, as whoever is signed in."""

    client: TestClient
    parts: Parts
    house: Hospital

    def enter(self, name: str) -> "Desk":
        self.client.cookies.clear()
        self.client.cookies.set("laminar", token(self.parts, name))
        return self

    def get(self, address: str) -> str:
        answer = self.client.get(address)
        assert answer.status_code == 200, answer.text
        return answer.text

    def post(self, address: str, **fields: object) -> Response:
        return self.client.post(address, data={"once": once_key(), **fields})

    def done(self, address: str, **fields: object) -> str:
        """Post a form that shall succeed; returns where it leads."""
        answer = self.post(address, **fields)
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]

    def sign(self, name: str = "petra") -> dict[str, str]:
        """The fields of a full signature."""
        return {"badge": demo.BADGES[name], "pin": demo.PIN}


def words(html: str) -> str:
    """What a page says, without its tags."""
    text = re.sub(r"<(script|style|svg)\b.*?</\1>|<[^>]+>", " ", html, flags=re.S)
    return " ".join(unescape(text).split())
