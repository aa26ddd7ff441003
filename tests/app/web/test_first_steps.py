"""An empty installation: the code of the console makes its first person, who then reads what is to be set up first."""

import shutil
from pathlib import Path

from fastapi.testclient import TestClient

from app import demo
from app.identity.people_actions import make_set_up_code
from app.main import create_app, put_together
from app.settings import Settings
from app.web.session import once_key
from tests.conftest import SetClock
from tests.desk import words


def test_the_first_manager_is_led_to_what_is_to_be_set_up(
    sqlite_template: Path, tmp_path: Path, clock: SetClock
) -> None:
    shutil.copy(sqlite_template, tmp_path / "laminar.db")
    parts = put_together(Settings(database=f"sqlite:///{tmp_path / 'laminar.db'}", photos=tmp_path), clock)
    with TestClient(
        create_app(parts, worker=False), base_url="http://laminar.example", follow_redirects=True
    ) as browser:
        assert "Set up this system" in words(browser.get("/set-up").text)
        person = {
            "name": "Petra Pharmacist",
            "username": "petra",
            "password": demo.PASSWORD,
            "pin": demo.PIN,
            "badge": "",
        }
        code = make_set_up_code(parts.db)
        browser.post("/set-up", data={"once": once_key(), "code": code, **person})
        browser.post("/sign-in", data={"once": once_key(), "to": "/", "username": "petra", "password": demo.PASSWORD})
        page = browser.get("/desk")
        said = words(page.text)
        assert "Begin here" in said and "No station" in said
        for address in ("/people", "/devices", "/carts", "/formulary", "/formulary/unit-doses", "/locations", "/times"):
            assert f'href="{address}"' in page.text
            assert browser.get(address).status_code == 200, address
        browser.post("/carts/wards", data={"once": once_key(), "code": "7W", "name": "7 West", "zone": demo.ZONE})
        assert "Begin here" not in words(browser.get("/desk").text)
    parts.db.close()
