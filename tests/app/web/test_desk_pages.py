"""Every page of the desk opens, and every post is refused in words to whoever may not do it."""

from fastapi.routing import APIRoute
from sqlalchemy import func, select

from app.db.models import Once
from app.web import audit, carts, devices, formulary, locations, people, recipes, station_setup, stock, unit_doses
from tests.desk import Desk, words
from tests.hospital import DESK

PAGES = {
    "/devices": "Devices",
    "/devices/new": "New station",
    "/devices/hood-1": "Hood 1",
    "/stock": "Stock",
    "/stock/lots": "Lots",
    "/stock/lots/1": "Lot 7G123",
    "/people": "People",
    "/people/2": "Pablo Pharmacist",
    "/sign-ins": "Blocked sign-ins",
    "/audit": "Audit trail",
    "/formulary": "Formulary",
    "/formulary/products/1": "Vancomycin Hydrochloride",
    "/formulary/products/1/use?package=1": "Vancomycin Hydrochloride",
    "/formulary/unit-doses": "Unit doses",
    "/formulary/products/1/unit-dose?package=1": "Vancomycin Hydrochloride",
    "/carts": "Cart set-up",
    "/carts/new": "New cart",
    "/carts/wards/1": "7 West, medicine",
    "/locations": "Locations",
    "/recipes": "Recipes",
    "/recipes/new": "New recipe version",
    "/recipes/1": "MFR-01 version 1",
}

# Every post of these pages, an address of it, who may not post it, and what they are told.
REFUSED = {
    "/devices/new": ("/devices/new", "tina", "may not set up stations"),
    "/devices/{code}": ("/devices/hood-1", "tina", "may not set up stations"),
    "/devices/{code}/certification": ("/devices/hood-1/certification", "tina", "may not set up stations"),
    "/devices/{code}/enrolment": ("/devices/hood-1/enrolment", "tina", "may not set up stations"),
    "/devices/{code}/retire": ("/devices/hood-1/retire", "tina", "may not set up stations"),
    "/devices/{code}/zero": ("/devices/hood-1/zero", "nina", "may not see devices"),
    "/devices/{code}/test-label": ("/devices/hood-1/test-label", "nina", "may not see devices"),
    "/stock/stage": ("/stock/stage", "nina", "may not stage stock"),
    "/stock/receive": ("/stock/receive", "nina", "may not receive stock"),
    "/stock/staged/{staged_id:int}/end": ("/stock/staged/1/end", "nina", "may not stage stock"),
    "/stock/lots/{lot_id:int}/recall": ("/stock/lots/1/recall", "tina", "may not recall a lot"),
    "/people": ("/people", "pablo", "may not manage people"),
    "/people/{person_id:int}/roles": ("/people/2/roles", "tina", "may not manage people"),
    "/people/{person_id:int}/badge": ("/people/2/badge", "pablo", "may not manage people"),
    "/people/{person_id:int}/invitation": ("/people/2/invitation", "tina", "may not manage people"),
    "/people/{person_id:int}/reopen": ("/people/2/reopen", "tina", "may not reopen a blocked sign-in"),
    "/people/{person_id:int}/withdraw": ("/people/2/withdraw", "tina", "may not manage people"),
    "/people/{person_id:int}/end": ("/people/2/end", "tina", "may not manage people"),
    "/recipes": ("/recipes", "tina", "may not write a recipe"),
    "/recipes/read": ("/recipes/read", "tina", "may not write a recipe"),
    "/recipes/{recipe_id:int}/approve": ("/recipes/1/approve", "tina", "may not approve a recipe"),
    "/formulary/densities/{density_id:int}/approve": ("/formulary/densities/1/approve", "tina", "may not approve"),
    "/formulary/densities/{density_id:int}/withdraw": ("/formulary/densities/1/withdraw", "tina", "may not enter a"),
    "/formulary/products/{product_id:int}/use": ("/formulary/products/1/use", "tina", "may not decide what the"),
    "/formulary/products/{product_id:int}/density": ("/formulary/products/1/density", "tina", "may not enter a"),
    "/formulary/products": ("/formulary/products", "tina", "may not decide what the"),
    "/formulary/drugs": ("/formulary/drugs", "tina", "may not decide what the"),
    "/formulary/products/{product_id:int}/unit-dose": ("/formulary/products/1/unit-dose", "tina", "may not choose the"),
    "/carts/new": ("/carts/new", "tina", "may not set up carts"),
    "/carts/{cart_id:int}": ("/carts/1", "tina", "may not set up carts"),
    "/carts/{cart_id:int}/retire": ("/carts/1/retire", "tina", "may not set up carts"),
    "/carts/wards": ("/carts/wards", "pablo", "may not set up stations"),
    "/carts/wards/{unit_id:int}": ("/carts/wards/1", "pablo", "may not set up stations"),
    "/carts/wards/{unit_id:int}/stock": ("/carts/wards/1/stock", "tina", "may not set up carts"),
    "/carts/wards/{unit_id:int}/unstock": ("/carts/wards/1/unstock", "tina", "may not set up carts"),
    "/carts/wards/{unit_id:int}/out": ("/carts/wards/1/out", "nina", "may not pick for a cart"),
    "/carts/wards/{unit_id:int}/filled": ("/carts/wards/1/filled", "nina", "may not pick for a cart"),
    "/carts/wards/{unit_id:int}/par": ("/carts/wards/1/par", "tina", "may not set up carts"),
    "/locations": ("/locations", "nina", "may not receive stock"),
    "/locations/{code}/receive": ("/locations/A1-1-1-01/receive", "nina", "may not receive stock"),
    "/locations/{code}/count": ("/locations/A1-1-1-01/count", "nina", "may not receive stock"),
    "/locations/{code}/move": ("/locations/A1-1-1-01/move", "nina", "may not receive stock"),
}
ROUTERS = (
    audit.router, carts.router, locations.router, unit_doses.router, devices.router, formulary.router,
    people.router, recipes.router, station_setup.router, stock.router,
)  # fmt: skip


def test_every_page_opens_for_the_manager(desk: Desk) -> None:
    for page, title in PAGES.items():
        html = desk.get(page)
        assert title in words(html), page
        assert "style=" not in html and "<script>" not in html, page


def test_no_post_of_these_pages_goes_untried() -> None:
    routes = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
    posts = {route.path for route in routes if "POST" in route.methods}
    assert posts == set(REFUSED)


def test_whoever_may_not_is_refused_in_words_and_nothing_is_stored(desk: Desk) -> None:
    signed_in = ""
    for address, name, said in sorted(REFUSED.values(), key=lambda each: each[1]):
        if name != signed_in:
            desk.enter(name)
            signed_in = name
        answer = desk.post(address, name="x", reason="because", text="{}", document="{}")
        assert answer.status_code == 409, f"{address}: {answer.status_code} {answer.text}"
        assert said in words(answer.text), address
        assert "ask one" in words(answer.text), address
    with desk.parts.db.read() as session:
        assert session.scalar(select(func.count()).select_from(Once)) == 0


def test_a_nurse_opens_none_of_these_pages(desk: Desk) -> None:
    desk.enter("nina")
    for page in PAGES:
        assert desk.client.get(page).status_code == 409, page


def test_the_rooms_of_the_desk_are_those_one_may_enter(desk: Desk) -> None:
    assert DESK == 2
    technician = words(desk.enter("tina").get("/stock"))
    assert "Recipes" in technician and "Audit trail" not in technician and "Sign-ins" not in technician
    pharmacist = words(desk.enter("pablo").get("/stock"))
    assert "Audit trail" in pharmacist and "Sign-ins" in pharmacist and "People" not in pharmacist
