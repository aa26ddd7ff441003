"""Storage locations at the desk: bins by where one walks, what lies in each, and stock put there, counted and moved."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from pydantic import Field
from starlette.responses import Response

from app.core.codes import read_code
from app.core.errors import Invalid, Missing, Refused
from app.core.permissions import May, allowed
from app.core.wording import day, time_zone
from app.formulary.barcode import WORDS, read_barcode
from app.formulary.product import Ambiguous
from app.formulary.queries import containers_in_use, find_package
from app.formulary.unit_dose_queries import unit_doses
from app.inventory import actions
from app.inventory.location_actions import add_shelf
from app.inventory.location_queries import StoredAt, location, locations, lying_at
from app.web.barcodes import datamatrix_svg
from app.web.forms import PostForm, errors_of, status_of
from app.web.pages import render
from app.web.session import Visitor, may, see_other
from app.web.stock import CartonForm, read_carton

router = APIRouter(prefix="/locations")
Keeper = Annotated[Visitor, Depends(may(May.RECEIVE_STOCK))]

HERE = "/locations"
LEAST, MOST = 1, 99


class ShelfForm(PostForm):
    zone: str = Field("", max_length=3)
    aisle: str = Field("", max_length=2)
    bay: str = Field("", max_length=2)
    shelf: str = Field("", max_length=2)
    first: str = Field("", max_length=2)
    last: str = Field("", max_length=2)


class LotForm(PostForm):
    lot: int
    quantity: str = Field("", max_length=12)


class MoveForm(LotForm):
    to: str = Field("", max_length=40)


@router.get("")
def locations_page(request: Request, visit: Keeper, words: str = "", scan: str = "") -> Response:
    """The locations as one walks past them; a scan of a bin opens it, a scan of a package finds its bins."""
    if scan:
        code = read_code(scan[:400])
        if code is not None and code.kind == "location":
            return see_other(f"{HERE}/{code.name}")
        package_id, said = _package(visit, scan[:400])
        return _draw(request, visit, "", None, {}, package_id, said)
    return _draw(request, visit, words[:100], None, {})


def _draw(
    request: Request,
    visit: Visitor,
    words: str,
    wrong: Refused | Invalid | None,
    given: Mapping[str, str],
    package_id: int | None = None,
    said: str = "",
) -> Response:
    with visit.parts.db.read() as session:
        every, lying = locations(session), lying_at(session)
        names = {key: words for key, words in _choices(visit)} if lying else {}
    there = {each.place_id: [at for at in lying if at.place_id == each.place_id] for each in every}
    sought = words.casefold().strip()

    def matches(each: StoredAt) -> bool:
        if package_id is not None:
            return any(at.package_id == package_id for at in there[each.place_id])
        said_there = " ".join(
            f"{names.get(str(at.package_id), at.container)} {at.number}" for at in there[each.place_id]
        )
        return sought in f"{each.short} {each.words} {said_there}".casefold()

    return render(
        request, visit, "locations/locations.html", "Locations", topics=["stock"], current=HERE,
        status=status_of(wrong), shown=[each for each in every if matches(each)], every=len(every), there=there,
        names=names, words=words, said=said, errors=errors_of(wrong), given=given, today=_today(visit),
        sought=names.get(str(package_id), "this package") if package_id is not None else "",
    )  # fmt: skip


def _choices(visit: Visitor) -> list[tuple[str, str]]:
    """Everything that can lie at a location: unit doses first, then the hood's containers."""
    with visit.parts.db.read() as session:
        given_out = [each for mine in unit_doses(session).values() for each in mine]
        used = containers_in_use(session, _today(visit))
    doses = [(str(each.package_id), f"{each.shown} ({each.ndc})") for each in given_out]
    return sorted(doses, key=lambda each: each[1].casefold()) + [(str(each.package_id), each.words) for each in used]


def _package(visit: Visitor, scan: str) -> tuple[int | None, str]:
    """The package of a scan that can lie at a location, and why there is none."""
    code = read_barcode(scan, today=_today(visit))
    if code.error:
        return None, WORDS[code.error]
    if not code.gtin14:
        return None, "This is neither the code of a location nor of a product."
    with visit.parts.db.read() as session:
        found = find_package(session, code)
    if isinstance(found, Ambiguous):
        return None, found.why
    if found is None or str(found.package_id) not in dict(_choices(visit)):
        return None, "This package is not used here. Put it aside and ask a pharmacist to take it into use."
    return found.package_id, ""


@router.post("")
def add(request: Request, visit: Keeper, form: Annotated[ShelfForm, Form()]) -> Response:
    """Set up the bins of a shelf."""
    assert visit.who is not None
    try:
        zone, (aisle, bay, shelf, first, last) = _address(form)
        with visit.parts.db.write(visit.who, form.key(request), HERE) as tx:
            add_shelf(tx, zone, aisle, bay, shelf, range(first, last + 1))
    except (Refused, Invalid) as wrong:
        return _draw(request, visit, "", wrong, form.model_dump(exclude={"once"}))
    return see_other(HERE)


def _address(form: ShelfForm) -> tuple[str, list[int]]:
    """The zone, and aisle, bay, shelf, first and last bin. Raises Invalid with every fault at its field."""
    wrong, numbers = {}, []
    for name in ("aisle", "bay", "shelf", "first", "last"):
        text = getattr(form, name) or (form.first if name == "last" else "")
        if text.isdigit() and text.isascii() and LEAST <= int(text) <= MOST:
            numbers.append(int(text))
        else:
            wrong[name] = "Enter a number from 1 to 99."
    zone = form.zone.upper()
    if not (zone.isalpha() and zone.isascii()):
        wrong["zone"] = "Enter one to three letters."
    if wrong:
        raise Invalid(wrong)
    return zone, numbers


# --- one location ---------------------------------------------------------------------------------------------------


@router.get("/{code}")
def location_page(request: Request, visit: Keeper, code: str, scan: str = "") -> Response:
    """One bin: its code, what lies there by the books, and what is put there; a scanned package fills the form."""
    given: Mapping[str, str] = {}
    wrong = None
    if scan:
        ours = read_code(scan[:400])
        if ours is not None and ours.kind == "location":
            return see_other(f"{HERE}/{ours.name}")
        package_id, said = _package(visit, scan[:400])
        read = read_barcode(scan[:400], today=_today(visit))
        if package_id is None:
            wrong = Invalid({"package": said})
        else:
            expiry = day(read.expiry) if read.expiry else ""
            given = {"package": str(package_id), "lot": read.lot or "", "expiry": expiry}
    return _one(request, visit, code, wrong, given)


def _one(
    request: Request,
    visit: Visitor,
    code: str,
    wrong: Refused | Invalid | None,
    given: Mapping[str, str],
    said: str = "",
) -> Response:
    assert visit.who is not None
    with visit.parts.db.read() as session:
        at = location(session, code)
        lying = [each for each in lying_at(session) if each.place_id == at.place_id]
    choices = _choices(visit)
    return render(
        request, visit, "locations/location.html", at.short, topics=["stock"], current=HERE, status=status_of(wrong),
        at=at, lying=lying, names=dict(choices), choices=choices, picture=datamatrix_svg(at.code),
        errors=errors_of(wrong), given=given, today=_today(visit),
        keeps=allowed(visit.who.roles, May.KEEP_FORMULARY),
    )  # fmt: skip


@router.post("/{code}/receive")
def receive(request: Request, visit: Keeper, code: str, form: Annotated[CartonForm, Form()]) -> Response:
    """Put a delivery into this bin."""
    assert visit.who is not None
    at = _at(visit, code)
    try:
        package_id, expiry, quantity = read_carton(form)
        with visit.parts.db.write(visit.who, form.key(request), f"{HERE}/{at.short}") as tx:
            lot = actions.lot_for(tx, package_id=package_id, number=form.lot, expiry=expiry)
            actions.receive(tx, lot.id, quantity, at.place_id)
    except (Refused, Invalid) as wrong:
        return _one(request, visit, code, wrong, form.model_dump(exclude={"once"}))
    return see_other(f"{HERE}/{at.short}")


@router.post("/{code}/count")
def count(request: Request, visit: Keeper, code: str, form: Annotated[LotForm, Form()]) -> Response:
    """Book what was counted of a lot in this bin."""
    assert visit.who is not None
    at = _at(visit, code)
    try:
        counted = _whole(form.quantity, "Enter how many you counted: a whole number, 0 for none.")
        with visit.parts.db.write(visit.who, form.key(request), f"{HERE}/{at.short}") as tx:
            actions.count(tx, at.place_id, form.lot, counted)
    except (Refused, Invalid) as wrong:
        return _one(request, visit, code, _about_row(wrong), {})
    return see_other(f"{HERE}/{at.short}")


def _about_row(wrong: Refused | Invalid | Missing) -> Refused:
    """A fault of a small form in the table, as one sentence above it: its fields are many on this page."""
    return Refused(" ".join(wrong.fields.values()) if isinstance(wrong, Invalid) else str(wrong))


@router.post("/{code}/move")
def move(request: Request, visit: Keeper, code: str, form: Annotated[MoveForm, Form()]) -> Response:
    """Carry so many of a lot from this bin to another."""
    assert visit.who is not None
    at = _at(visit, code)
    try:
        quantity = _whole(form.quantity, "Enter how many you carry: a whole number from 1.")
        ours = read_code(form.to)
        target = _at(visit, ours.name if ours is not None and ours.kind == "location" else form.to)
        with visit.parts.db.write(visit.who, form.key(request), f"{HERE}/{at.short}") as tx:
            actions.move(tx, form.lot, at.place_id, target.place_id, quantity, "carried to another bin")
    except (Refused, Invalid, Missing) as wrong:
        return _one(request, visit, code, _about_row(wrong), {})
    return see_other(f"{HERE}/{at.short}")


def _at(visit: Visitor, code: str) -> StoredAt:
    with visit.parts.db.read() as session:
        return location(session, code)


def _whole(text: str, why: str) -> Decimal:
    if not (text.isdigit() and text.isascii()):
        raise Invalid({"quantity": why})
    return Decimal(text)


def _today(visit: Visitor) -> date:
    return visit.parts.clock().astimezone(time_zone(visit.parts.settings.zone)).date()
