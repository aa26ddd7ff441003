"""Setting carts up at the desk: carts with their wards and times, the wards, and what each ward has without a cart."""

import re
from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from pydantic import Field
from starlette.responses import Response

from app.core.errors import Invalid, Refused
from app.core.permissions import May, allowed
from app.formulary.queries import drugs
from app.formulary.unit_dose_queries import unit_doses
from app.stations.setup_actions import rename_ward, set_up_ward
from app.web.forms import PostForm, Reason, ReasonForm, errors_of, status_of
from app.web.pages import render
from app.web.session import Visitor, may, see_other
from unitdose import cart_actions, cart_change_actions
from unitdose.cart_models import STOCKED_IN
from unitdose.scheduler import follow_set_up
from unitdose.setup_queries import CartCard, cart_set_up, carts_set_up, ward_stock, wards_set_up

router = APIRouter(prefix="/carts")
Reader = Annotated[Visitor, Depends(may(May.RUN_FILL))]
Picker = Annotated[Visitor, Depends(may(May.PICK))]
Owner = Annotated[Visitor, Depends(may(May.SET_UP_CARTS))]
WardOwner = Annotated[Visitor, Depends(may(May.MANAGE_STATIONS))]

HERE = "/carts"
TOPICS = ["carts", "stations"]
WHY_OUT = ("Empty", "Recalled there", "Cannot be opened")
PLACES = {"cabinet": "In its cabinet", "floor stock": "As floor stock"}
WHY_RETIRED = ("The ward is closed", "Its wards moved to another cart", "Cabinets take over")
_BEFORE = re.compile(r"(\d{1,2}):([0-5]\d)", re.ASCII)
_LATER = "It is saved. Another plan is being made at this moment: when it is done, open the cart and compare it again."


class CartForm(PostForm):
    code: str = Field("", max_length=12)
    name: str = Field("", max_length=60)
    zone: str = Field("", max_length=60)
    starts: str = Field("", max_length=80)
    cutoff: str = Field("", max_length=8)
    leaves: str = Field("", max_length=8)
    exchange: str = Field("", max_length=8)
    units: list[str] = Field(default_factory=list)
    trims_discharges: str = Field("", max_length=3)
    printer_url: str = Field("", max_length=400)


class WardForm(PostForm):
    code: str = Field("", max_length=24)
    name: str = Field("", max_length=80)
    zone: str = Field("", max_length=60)


class StockForm(PostForm):
    package: str = Field("", max_length=12, pattern=r"^\d*$")
    stocked_in: str = Field("", max_length=20)


class OutForm(ReasonForm):
    package: int


class PackageForm(PostForm):
    package: int


class ParForm(PostForm):
    drug: str = Field("", max_length=12, pattern=r"^\d*$")
    par: str = Field("", max_length=4)


@router.get("")
def carts_page(request: Request, visit: Reader) -> Response:
    """Every cart with its wards and times, every ward with its cart."""
    return _draw(request, visit, None, {})


def _draw(request: Request, visit: Visitor, wrong: Refused | Invalid | None, given: Mapping[str, object]) -> Response:
    assert visit.who is not None
    with visit.parts.db.read() as session:
        carts, wards = carts_set_up(session), wards_set_up(session)
    return render(
        request, visit, "carts/carts.html", "Cart set-up", topics=TOPICS, current=HERE, status=status_of(wrong),
        carts=carts, wards=wards, errors=errors_of(wrong), given={"zone": visit.parts.settings.zone, **given},
        sets_up=_sets_up(visit), owns_wards=allowed(visit.who.roles, May.MANAGE_STATIONS),
    )  # fmt: skip


def _sets_up(visit: Visitor) -> bool:
    return visit.who is not None and allowed(visit.who.roles, May.SET_UP_CARTS)


# --- a cart ---------------------------------------------------------------------------------------------------------


@router.get("/new")
def new_page(request: Request, visit: Owner) -> Response:
    """The form of a new cart."""
    usual = {"zone": visit.parts.settings.zone, "cutoff": "4:00", "leaves": "1:30", "exchange": "1:00"}
    return _form(request, visit, None, {**usual, "units": []}, None)


@router.post("/new")
def new(request: Request, visit: Owner, form: Annotated[CartForm, Form()]) -> Response:
    """Set a cart up; it is planned from its next window on."""
    assert visit.who is not None
    try:
        minutes = _minutes(form)
        with visit.parts.db.write(visit.who, form.key(request), HERE) as tx:
            cart_actions.add_cart(
                tx, form.code, form.name, form.zone, form.starts, **minutes, units=tuple(form.units),
                trims_discharges=form.trims_discharges == "yes", printer_url=form.printer_url or None,
            )  # fmt: skip
    except (Refused, Invalid) as wrong:
        return _form(request, visit, None, form.model_dump(exclude={"once"}), wrong)
    return see_other(HERE)


@router.get("/{cart_id:int}")
def cart_page(request: Request, visit: Owner, cart_id: int) -> Response:
    """One cart as it is set up, to be changed or retired."""
    with visit.parts.db.read() as session:
        cart = cart_set_up(session, cart_id)
    return _form(request, visit, cart, _given(cart), None)


@router.post("/{cart_id:int}")
def change(request: Request, visit: Owner, cart_id: int, form: Annotated[CartForm, Form()]) -> Response:
    """Change a cart; open carts whose wards changed are compared with the orders at once."""
    assert visit.who is not None
    with visit.parts.db.read() as session:
        cart = cart_set_up(session, cart_id)
    touched: frozenset[int] = frozenset()
    try:
        minutes = _minutes(form)
        with visit.parts.db.write(visit.who, form.key(request), HERE) as tx:
            touched = cart_change_actions.change_cart(
                tx, cart_id, form.name, form.starts, **minutes, units=form.units,
                trims_discharges=form.trims_discharges == "yes", printer_url=form.printer_url or None,
            )  # fmt: skip
    except (Refused, Invalid) as wrong:
        kept = {"code": cart.code, "zone": cart.zone}
        return _form(request, visit, cart, {**form.model_dump(exclude={"once"}), **kept}, wrong)
    _follow(visit, touched)
    return see_other(HERE)


@router.post("/{cart_id:int}/retire")
def retire(request: Request, visit: Owner, cart_id: int, form: Reason) -> Response:
    """Take a cart out of use."""
    assert visit.who is not None
    with visit.parts.db.read() as session:
        cart = cart_set_up(session, cart_id)
    try:
        with visit.parts.db.write(visit.who, form.key(request), HERE) as tx:
            cart_change_actions.retire_cart(tx, cart_id, form.why)
    except (Refused, Invalid) as wrong:
        return _form(request, visit, cart, _given(cart), wrong)
    return see_other(HERE)


def _form(
    request: Request,
    visit: Visitor,
    cart: CartCard | None,
    given: Mapping[str, object],
    wrong: Refused | Invalid | None,
) -> Response:
    with visit.parts.db.read() as session:
        wards = wards_set_up(session)
    return render(
        request, visit, "carts/cart.html", cart.name if cart else "New cart", current=HERE, status=status_of(wrong),
        cart=cart, given=given, wards=wards, errors=errors_of(wrong), reasons=WHY_RETIRED,
    )  # fmt: skip


def _given(cart: CartCard) -> dict[str, object]:
    times = {name: _hours(getattr(cart, name)) for name in ("cutoff", "leaves", "exchange")}
    return {
        "code": cart.code, "name": cart.name, "zone": cart.zone, "starts": cart.starts, **times,
        "units": [code for code, _ in cart.units], "printer_url": cart.printer_url,
        "trims_discharges": "yes" if cart.trims_discharges else "",
    }  # fmt: skip


def _hours(minutes: int) -> str:
    return f"{minutes // 60}:{minutes % 60:02}"


def _minutes(form: CartForm) -> dict[str, int]:
    """Hours and minutes before a window begins, as minutes. Raises Invalid with every fault at its field."""
    found, wrong = {}, {}
    for name in ("cutoff", "leaves", "exchange"):
        read = _BEFORE.fullmatch(getattr(form, name))
        if read is None:
            wrong[name] = "Write hours and minutes before the window begins: 1:30."
        else:
            found[name] = int(read[1]) * 60 + int(read[2])
    if wrong:
        raise Invalid(wrong)
    return found


def _follow(visit: Visitor, cart_ids: frozenset[int]) -> None:
    """Compare the open fills of carts with the orders now. Raises Refused in words while another plan is made."""
    if not cart_ids:
        return
    assert visit.who is not None
    try:
        follow_set_up(visit.parts.db, cart_ids, visit.who)
    except Refused:
        raise Refused(_LATER) from None


# --- a ward ---------------------------------------------------------------------------------------------------------


@router.post("/wards")
def new_ward(request: Request, visit: WardOwner, form: Annotated[WardForm, Form()]) -> Response:
    """Add a ward."""
    assert visit.who is not None
    try:
        with visit.parts.db.write(visit.who, form.key(request), HERE) as tx:
            set_up_ward(tx, form.code, form.name, form.zone)
    except (Refused, Invalid) as wrong:
        return _draw(request, visit, wrong, form.model_dump(exclude={"once"}))
    return see_other(HERE)


@router.get("/wards/{unit_id:int}")
def ward_page(request: Request, visit: Reader, unit_id: int) -> Response:
    """What a ward has without a cart: its cabinet, its floor stock, and its as-needed pars."""
    return _ward(request, visit, unit_id, None, {})


def _ward(
    request: Request, visit: Visitor, unit_id: int, wrong: Refused | Invalid | None, given: Mapping[str, object]
) -> Response:
    assert visit.who is not None
    with visit.parts.db.read() as session:
        found = ward_stock(session, unit_id)
        packages = sorted((each for mine in unit_doses(session).values() for each in mine), key=lambda each: each.shown)
        known = [(str(each.drug_id), each.name) for each in drugs(session) if each.drug_id in _given_out(packages)]
    stocked = {each.package.package_id for each in found.pockets}
    return render(
        request, visit, "carts/ward.html", found.ward.name, topics=["carts", "fills"], current=HERE,
        status=status_of(wrong), found=found, errors=errors_of(wrong), given=given, sets_up=_sets_up(visit),
        packages=[(str(e.package_id), f"{e.shown} ({e.ndc})") for e in packages if e.package_id not in stocked],
        drugs=known, places=[(each, PLACES[each]) for each in STOCKED_IN], reasons=WHY_OUT,
        owns_wards=allowed(visit.who.roles, May.MANAGE_STATIONS),
    )  # fmt: skip


def _given_out(packages: list) -> frozenset[int]:
    return frozenset(each.drug_id for each in packages)


@router.post("/wards/{unit_id:int}")
def rename(request: Request, visit: WardOwner, unit_id: int, form: Annotated[WardForm, Form()]) -> Response:
    """Call a ward something else."""
    assert visit.who is not None
    here = f"{HERE}/wards/{unit_id}"
    try:
        with visit.parts.db.write(visit.who, form.key(request), here) as tx:
            rename_ward(tx, unit_id, form.name)
    except (Refused, Invalid) as wrong:
        return _ward(request, visit, unit_id, wrong, form.model_dump(exclude={"once"}))
    return see_other(here)


@router.post("/wards/{unit_id:int}/stock")
def stock(request: Request, visit: Owner, unit_id: int, form: Annotated[StockForm, Form()]) -> Response:
    """Say that the ward stocks a package; the cart brings it no more."""
    assert visit.who is not None
    here = f"{HERE}/wards/{unit_id}"
    try:
        if not form.package:
            raise Invalid({"package": "Choose the package that the ward has."})
        with visit.parts.db.write(visit.who, form.key(request), here) as tx:
            cart_actions.stock_unit(tx, unit_id, int(form.package), form.stocked_in)
    except (Refused, Invalid) as wrong:
        return _ward(request, visit, unit_id, wrong, form.model_dump(exclude={"once"}))
    return see_other(here)


@router.post("/wards/{unit_id:int}/unstock")
def unstock(request: Request, visit: Owner, unit_id: int, form: Annotated[PackageForm, Form()]) -> Response:
    """Say that the ward does not stock a package any more; its cart brings it again."""
    assert visit.who is not None
    here = f"{HERE}/wards/{unit_id}"
    with visit.parts.db.write(visit.who, form.key(request), here) as tx:
        cart_id = cart_actions.unstock_unit(tx, unit_id, form.package)
    _follow(visit, frozenset({cart_id} if cart_id is not None else ()))
    return see_other(here)


@router.post("/wards/{unit_id:int}/out")
def out(request: Request, visit: Picker, unit_id: int, form: Annotated[OutForm, Form()]) -> Response:
    """Say that a pocket is out; the cart brings its doses until it is filled."""
    assert visit.who is not None
    here = f"{HERE}/wards/{unit_id}"
    with visit.parts.db.write(visit.who, form.key(request), here) as tx:
        cart_actions.flag_out(tx, unit_id, form.package, form.why)
    return see_other(here)


@router.post("/wards/{unit_id:int}/filled")
def filled(request: Request, visit: Picker, unit_id: int, form: Annotated[PackageForm, Form()]) -> Response:
    """Say that a pocket is filled again."""
    assert visit.who is not None
    here = f"{HERE}/wards/{unit_id}"
    with visit.parts.db.write(visit.who, form.key(request), here) as tx:
        cart_actions.flag_out(tx, unit_id, form.package, None)
    return see_other(here)


@router.post("/wards/{unit_id:int}/par")
def par(request: Request, visit: Owner, unit_id: int, form: Annotated[ParForm, Form()]) -> Response:
    """Set how many as-needed doses of a drug a patient's drawer holds on this ward."""
    assert visit.who is not None
    here = f"{HERE}/wards/{unit_id}"
    try:
        wrong = {}
        if not form.drug:
            wrong["drug"] = "Choose the drug."
        if not form.par.isdigit() or not form.par.isascii():
            wrong["par"] = "Enter how many doses the drawer holds: a whole number, 0 for none."
        if wrong:
            raise Invalid(wrong)
        with visit.parts.db.write(visit.who, form.key(request), here) as tx:
            cart_actions.set_par(tx, unit_id, int(form.drug), int(form.par))
    except (Refused, Invalid) as faults:
        return _ward(request, visit, unit_id, faults, form.model_dump(exclude={"once"}))
    return see_other(here)
