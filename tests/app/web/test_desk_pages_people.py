"""People at the desk: added, badged, invited, reopened, ended."""

import re

import pytest
from sqlalchemy import text

from app import demo
from app.core.canonical import canonical, sha256
from app.core.errors import Refused
from app.identity.actions import Given
from app.identity.limits import Where
from app.identity.people_actions import accept_invitation
from app.identity.sign_in_actions import sign_in
from app.web.barcodes import datamatrix_svg
from tests.desk import Desk, words
from tests.hospital import WARD


def test_a_new_person_goes_from_the_list_to_their_first_sign_in(desk: Desk) -> None:
    there = desk.done("/people", name="Nobody Yet", username="nobody", roles=["nurse"])
    assert "Not invited yet" in words(desk.get(there))
    badge = re.search(r"BADGE-[A-Z0-9]{16}", desk.post(f"{there}/badge").text)
    page = desk.post(f"{there}/invitation").text
    code = re.search(r"(?:[0-9A-Z]{4}-){5}[0-9A-Z]{4}", page)
    assert badge and code
    assert "Invited" in words(desk.get(there)) and code[0] not in desk.get(there) and badge[0] not in desk.get(there)
    accept_invitation(desk.parts.db, code[0], "314159")
    assert sign_in(desk.parts.db, Given(badge[0], "314159"), Where(WARD, "ward")).token
    assert "Can sign in" in words(desk.get(there))


def test_a_badge_is_shown_once_as_a_code_that_scanners_read(desk: Desk) -> None:
    fields = {"once": "one-badge-only"}
    page = desk.client.post("/people/4/badge", data=fields).text
    badge = re.search(r"BADGE-[A-Z0-9]{16}", page)
    assert badge and str(datamatrix_svg(badge[0])) in page
    again = desk.client.post("/people/4/badge", data=fields)
    assert (again.status_code, again.headers["location"]) == (303, "/people/4")
    with pytest.raises(Refused):
        sign_in(desk.parts.db, Given(demo.BADGES["nina"], demo.PIN), Where(WARD, "ward"))


def test_what_is_wrong_with_a_person_is_said_at_the_field(desk: Desk) -> None:
    answer = desk.post("/people", name="", username="PETRA", roles=["technician", "pharmacist"])
    assert answer.status_code == 422
    assert "whoever prepares does not check" in words(answer.text)
    answer = desk.post("/people", name="", username="petra", roles=["nurse"])
    assert "Give the person's full name" in words(answer.text)
    assert "Somebody has or had this user name" in words(answer.text)


def test_roles_change_and_never_ones_own(desk: Desk) -> None:
    assert desk.done("/people/3/roles", roles=["lead technician"]) == "/people/3"
    assert "Tina Technician tina lead technician" in words(desk.get("/people"))
    assert "You can not change your own roles" in words(desk.post("/people/1/roles", roles=["nurse"]).text)
    assert "Choose at least one role" in words(desk.post("/people/3/roles").text)


def test_any_pharmacist_reopens_a_blocked_sign_in(desk: Desk) -> None:
    for _ in range(5):
        with pytest.raises(Refused):
            sign_in(desk.parts.db, Given(demo.BADGES["nina"], "999999"), Where(WARD, "ward"))
    assert "Blocked by wrong attempts 5 in a row" in words(desk.get("/people"))
    desk.enter("pablo")
    assert "Nina Nurse 5 wrong attempts in a row; the next one is allowed from 22-Nov-2026 09:05:30" in words(
        desk.get("/sign-ins")
    )
    assert desk.done("/people/4/reopen") == "/sign-ins"
    assert "Nobody is blocked" in words(desk.get("/sign-ins"))
    assert sign_in(desk.parts.db, Given(demo.BADGES["nina"], demo.PIN), Where(WARD, "ward")).token


def test_credentials_are_withdrawn_and_a_person_ended_with_a_reason(desk: Desk) -> None:
    assert "Give a reason" in words(desk.post("/people/4/withdraw").text)
    desk.done("/people/4/withdraw", reason="badge lost on the bus")
    assert "Not invited yet" in words(desk.get("/people/4"))
    assert desk.done("/people/4/end", reason="left the hospital") == "/people"
    assert "Nina" not in words(desk.get("/people"))
    assert "Nina Nurse nina nurse Ended" in words(desk.get("/people?ended=true"))
    trail = words(desk.get("/audit"))
    assert "Petra Pharmacist ended Nina Nurse at Pharmacy desk" in trail and "left the hospital" in trail
    assert desk.client.get("/people/99").status_code == 404


def test_one_changes_ones_own_pin_and_only_with_the_old_one(desk: Desk) -> None:
    here = "/my-sign-in"
    desk.enter("pablo")
    elsewhere = desk.client.cookies["laminar"]
    desk.enter("pablo")
    assert f'href="{here}"' in desk.get("/orders") and "Change my PIN" in words(desk.get(here))
    new = {"new_pin": "482913", "new_pin_again": "482913"}
    for fields, sentence in (
        ({"pin": "000000", **new}, "not your PIN"),
        ({"pin": demo.PIN, **new, "new_pin_again": "482914"}, "These two are not alike."),
        ({"pin": demo.PIN, "new_pin": "1234", "new_pin_again": "1234"}, "6 to 12 digits"),
    ):
        refused = desk.post(f"{here}/pin", **fields)
        assert refused.status_code in (409, 422) and sentence in words(refused.text), sentence
        assert not re.search(r"482913|000000", refused.text), "no secret comes back in a page"
    assert desk.done(f"{here}/pin", pin=demo.PIN, **new) == f"{here}?changed=PIN"
    assert "Your PIN is changed." in words(desk.get(f"{here}?changed=PIN"))
    desk.client.cookies.set("laminar", elsewhere)
    assert desk.client.get("/orders").headers["location"] == "/sign-in?to=/orders", "signed out everywhere else"
    with desk.parts.db.read() as session:
        assert "482913" not in str(session.execute(text("SELECT * FROM once")).all())
        told = session.execute(text("SELECT fingerprint FROM once")).scalars().all()
    fields = {"to": f"{here}/pin", "fields": {}}
    assert sha256(canonical(fields)) in told, "what is kept of the form says nothing about a PIN"


def test_one_changes_ones_own_password_by_the_pin(desk: Desk) -> None:
    desk.enter("pablo")
    new = {"new_password": "harbour lamp seven", "new_password_again": "harbour lamp seven"}
    assert desk.done("/my-sign-in/password", pin=demo.PIN, **new) == "/my-sign-in?changed=password"
    assert "Your password is changed." in words(desk.get("/my-sign-in?changed=password"))
