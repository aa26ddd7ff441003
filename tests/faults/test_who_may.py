"""Every page and every form of the product, tried by those who may not: refused in words, and nothing is done."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from app import demo
from app.core.permissions import May, Role, allowed
from app.core.workflow import State
from app.identity.actions import reopen
from app.main import ROUTERS
from app.web.session import may, signed_in
from tests.faults.site import Browser, Site, contents, site_of
from tests.hospital import Hospital

# Who is not signed in must get in somehow, and a watcher of the server needs no person.
OPEN = {"/", "/sign-in", "/sign-out", "/lock", "/set-up", "/invitation", "/enrol/{code}"}
OPEN |= {"/healthz", "/readyz", "/sw.js"}
# These look for a locked desk themselves, which hears what rings and nothing else (test_locked_desk).
LOCKED_DESK = {"/live", "/deliveries/alerts"}
STREAMS = {"/live"}
# What a form may do for whoever is signed in, because the act itself asks; each with its reason.
ACT_DECIDES = {
    "/scan": "what a label says is answered to whoever scans it, so that nobody gives what was not checked",
    "/scan/picture": "the same, from a picture",
    "/scan/{serial}/{way}": "the pharmacy notes some of it and the ward the rest",
    "/handover": "whoever may prepare or check hands over",
    "/my-sign-in/pin": "everybody changes their own, by the old one",
    "/my-sign-in/password": "everybody changes their own, by their PIN",
    "/ward/lines/{line_id:int}/not-here": "a nurse tells of a dose that is not here, and so does the pharmacy",
    "/ward/lines/{line_id:int}/found/{report_id:int}": "whoever finds it says so",
}

ROUTES = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
POSTS = [route for route in ROUTES if "POST" in route.methods and route.path not in OPEN]
GETS = [route for route in ROUTES if "GET" in route.methods and route.path not in OPEN | STREAMS]
_CHECK = may(May.CHECK).__code__


def calls(dependant: Dependant) -> Iterator[Callable]:
    if dependant.call is not None:
        yield dependant.call
    for each in dependant.dependencies:
        yield from calls(each)


def permission(route: APIRoute) -> May | None:
    """Which permission a route asks for, read from its dependency."""
    for call in calls(route.dependant):
        if getattr(call, "__code__", None) is _CHECK:
            return next(cell.cell_contents for cell in call.__closure__ if isinstance(cell.cell_contents, May))
    return None


def address(route: APIRoute, work_id: int) -> str:
    return re.sub(r"\{(\w+)(:\w+)?\}", lambda m: str(work_id) if "id" in m[1] or m[2] == ":int" else "x", route.path)


def name_of(route: APIRoute) -> str:
    return f"{sorted(route.methods)[0]} {route.path}"


@pytest.fixture
def site(house: Hospital, tmp_path: Path) -> Iterator[Site]:
    made = site_of(house, tmp_path)
    yield made
    made.close()


def test_every_page_but_those_of_the_door_asks_who_is_there() -> None:
    # A permission is asked of whoever is signed in, so it asks that first.
    asks = [r for r in ROUTES if signed_in in set(calls(r.dependant)) or permission(r) is not None]
    assert [name_of(r) for r in ROUTES if r.path not in OPEN | LOCKED_DESK and r not in asks] == []


def test_every_form_names_the_permission_it_needs() -> None:
    unnamed = {r.path for r in POSTS if permission(r) is None}
    assert unnamed - ACT_DECIDES.keys() == set(), "give the route may(May.…), or a reason why its act decides"
    assert ACT_DECIDES.keys() - unnamed == set(), "this reason is not needed any more"


def test_the_pharmacists_forms_are_among_those_tried() -> None:
    assert {"/check/{work_id:int}/release", "/check/{work_id:int}/refuse"} <= {r.path for r in POSTS}


def test_nobody_is_sent_to_sign_in_from_every_page_and_form(site: Site) -> None:
    work_id = site.house.made()
    nobody, before = site.browser("desk.localhost"), contents(site.house)
    for route in POSTS:
        answer = nobody.post(address(route, work_id))
        assert (answer.status_code, answer.headers.get("location")) == (303, "/sign-in"), name_of(route)
    for route in GETS:
        answer = nobody.get(address(route, work_id))
        assert answer.status_code == 303 and answer.headers["location"].startswith("/sign-in"), name_of(route)
    assert contents(site.house) == before


@pytest.mark.parametrize(("name", "role"), [("tina", Role.TECHNICIAN), ("nina", Role.NURSE)])
def test_every_form_of_somebody_elses_is_refused_in_words_and_does_nothing(site: Site, name: str, role: Role) -> None:
    work_id = site.house.made()
    site.house.finish(work_id)
    browser = site.signed_in(name)
    before = contents(site.house)
    tried = 0
    for route in (*POSTS, *GETS):
        needed = permission(route)
        if needed is None or allowed([role], needed):
            continue
        tried += 1
        to = address(route, work_id)
        fields = {"pin": demo.PIN, "badge": demo.BADGES[name], "reason": "because", "shown": "0" * 64}
        answer = browser.post(to, **fields) if "POST" in route.methods else browser.get(to)
        assert answer.status_code == 409, name_of(route)
        assert f"may not {needed}" in answer.text and "ask one" in answer.text, name_of(route)
    assert tried >= 5
    assert contents(site.house) == before
    assert site.house.at(work_id).state is State.MADE


def test_a_form_with_a_field_too_many_is_refused_and_does_nothing(site: Site) -> None:
    work_id = site.house.made()
    site.house.finish(work_id)
    petra = site.signed_in("petra")
    before = contents(site.house)
    for route in POSTS:
        answer = petra.post(address(route, work_id), roles="pharmacist", person_id="1", is_live="1")
        assert answer.status_code in (409, 422), name_of(route)
    assert contents(site.house) == before


FOREIGN = (
    {"origin": "https://elsewhere.example"},
    {"origin": "null"},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site", "origin": "http://desk.localhost"},
    {"origin": "http://hood.localhost"},
)


def test_a_post_from_a_page_of_somebody_else_is_refused_everywhere(site: Site) -> None:
    work_id = site.house.made()
    site.house.finish(work_id)
    pablo = site.signed_in("pablo")
    before = contents(site.house)
    for headers in FOREIGN:
        for route in ROUTES:
            if "POST" in route.methods:
                answer = pablo.post(address(route, work_id), headers=headers)
                assert answer.status_code == 403, f"{name_of(route)} from {headers}"
    assert contents(site.house) == before


def test_a_pharmacist_who_signs_what_is_no_longer_there_is_told_to_look_again(site: Site) -> None:
    house = site.house
    work_id = house.made()
    house.finish(work_id)
    pablo = site.signed_in("pablo")
    shown = pablo.shown(f"/check/{work_id}")
    from compounding import check_actions

    with house.db.write(house.who("petra")) as tx:
        check_actions.send_back(tx, work_id, "photo", "photo blurred")
    house.photograph(work_id)
    house.finish(work_id)
    proof = {"badge": demo.BADGES["pablo"], "pin": demo.PIN}
    for act in ("release", "refuse"):
        answer = pablo.post(f"/check/{work_id}/{act}", shown=shown, **proof, **ENDING[act])
        assert answer.status_code == 422 and "The record has changed since you opened it" in answer.text
    assert house.at(work_id).state is State.MADE
    fresh = pablo.shown(f"/check/{work_id}")
    assert pablo.post(f"/check/{work_id}/release", shown=fresh, **proof).status_code == 303
    assert house.at(work_id).state is State.RELEASED


ENDING = {"release": {}, "refuse": {"reason": "Photo blurred or incomplete", "waste": "Kept for inquiry"}}


def test_a_technician_who_signs_what_is_no_longer_there_is_told_to_look_again(site: Site) -> None:
    house = site.house
    work_id = house.made()
    tina = site.signed_in("tina")
    shown = tina.shown(f"/hood/{work_id}")
    from compounding import hood_actions

    with house.db.write(house.who("tina")) as tx:
        hood_actions.redo(tx, work_id, "photo", "crooked")
    house.photograph(work_id)
    proof = {"badge": demo.BADGES["tina"], "pin": demo.PIN}
    answer = tina.post(f"/hood/{work_id}/sign", shown=shown, **proof)
    assert answer.status_code == 422 and "The record has changed since you opened it" in answer.text
    assert tina.post(f"/hood/{work_id}/sign", shown=tina.shown(f"/hood/{work_id}"), **proof).status_code == 303
    assert house.at(work_id).state is State.MADE


def sign(browser: Browser, work_id: int, badge: str, pin: str):
    return browser.post(f"/hood/{work_id}/sign", shown=browser.shown(f"/hood/{work_id}"), badge=badge, pin=pin)


def test_another_persons_badge_signs_nothing_and_says_so(site: Site) -> None:
    work_id = site.house.made()
    tina = site.signed_in("tina")
    answer = sign(tina, work_id, demo.BADGES["pablo"], demo.PIN)
    assert answer.status_code == 422 and "that badge belongs to somebody else" in answer.text
    answer = sign(tina, work_id, "BADGE-NOBODY99", demo.PIN)
    assert answer.status_code == 422
    assert site.house.at(work_id).state is State.MAKING


def test_an_unknown_badge_is_refused_at_the_door_like_a_wrong_pin(site: Site) -> None:
    door = site.browser("hood.localhost")
    unknown = door.post("/sign-in", badge="BADGE-NOBODY99", pin=demo.PIN)
    wrong = door.sign_in("tina", "000000")
    assert unknown.status_code == wrong.status_code == 409
    assert "do not belong together" in unknown.text and "do not belong together" in wrong.text


def test_five_wrong_pins_slow_down_the_dose_survives_and_a_pharmacist_reopens(site: Site) -> None:
    house = site.house
    work_id = house.made()
    tina = site.signed_in("tina")
    for _ in range(5):
        answer = sign(tina, work_id, demo.BADGES["tina"], "000000")
        assert answer.status_code == 422
    answer = sign(tina, work_id, demo.BADGES["tina"], demo.PIN)
    assert answer.status_code == 422 and "ask any pharmacist to reopen" in answer.text
    assert house.at(work_id).state is State.MAKING and house.at(work_id).where.current is None
    with house.db.write(house.who("pablo")) as tx:
        reopen(tx, house.people["tina"])
    answer = sign(tina, work_id, demo.BADGES["tina"], demo.PIN)
    assert answer.status_code == 303, answer.text
    assert house.at(work_id).state is State.MADE


def test_whoever_left_the_pharmacy_meanwhile_does_nothing_more(site: Site) -> None:
    from app.identity.people_actions import end_person

    house = site.house
    work_id = house.made()
    tina = site.signed_in("tina")
    with house.db.write(house.who("petra")) as tx:
        end_person(tx, house.people["tina"], "left")
    answer = tina.post(f"/hood/{work_id}/pause")
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
    assert house.at(work_id).state is State.MAKING
