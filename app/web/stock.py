"""Stock at the desk: cartons staged to hoods, deliveries received, lots that expire, and recalls with their sweep."""

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from pydantic import Field
from starlette.responses import Response

from app.core.days import read_day
from app.core.errors import Invalid
from app.core.permissions import May, allowed
from app.core.wording import day, time_zone
from app.formulary.barcode import WORDS, read_barcode
from app.formulary.product import Ambiguous
from app.formulary.queries import containers_in_use, find_package
from app.inventory import actions
from app.inventory.desk_queries import lot, lots, same_lots, staged_now
from app.inventory.queries import lots_expiring, whereabouts
from app.stations.queries import stations
from app.web.forms import Post, PostForm, Reason
from app.web.pages import render
from app.web.session import Visitor, may, see_other
from compounding.recall_queries import used_in

router = APIRouter(prefix="/stock")
Stager = Annotated[Visitor, Depends(may(May.STAGE))]
Receiver = Annotated[Visitor, Depends(may(May.RECEIVE_STOCK))]
Recaller = Annotated[Visitor, Depends(may(May.RECALL))]

AHEAD = timedelta(days=60)
REASONS = ("Recalled by the manufacturer", "Recalled by the authority", "Suspected contamination", "Stored too warm")


class CartonForm(PostForm):
    package: str = Field("", max_length=20)
    lot: str = Field("", max_length=60)
    expiry: str = Field("", max_length=20)
    quantity: str = Field("", max_length=12)


class StageForm(CartonForm):
    station: str = Field("", max_length=20)


@router.get("")
def stock_page(request: Request, visit: Stager, scan: str = "") -> Response:
    """What is staged where; a scan anywhere on the page fills the carton's container, lot and expiry."""
    given, wrong = carton_of(visit, scan[:400]) if scan else ({}, "")
    return _draw(request, visit, given, {"package": wrong} if wrong else None)


def carton_of(visit: Visitor, scan: str) -> tuple[dict[str, str], str]:
    """Read a carton's code: what it fills into the form, and why it fills nothing ("" if it does)."""
    code = read_barcode(scan, today=_today(visit))
    if code.error:
        return {}, WORDS[code.error]
    if not code.gtin14:
        return {}, "This is not the code of a product. Scan the code on the carton."
    with visit.parts.db.read() as session:
        found = find_package(session, code)
    if isinstance(found, Ambiguous):
        return {}, found.why
    if found is None:
        why = f"Nobody has entered a product with the code {code.gtin14}. Ask a pharmacist to take it into use."
        return {"scan": scan}, why
    if found.drug_id is None:
        why = f"{found.product_name} ({found.ndc}) is not used here. Put the carton aside and ask a pharmacist."
        return {"scan": scan}, why
    read = {"lot": code.lot or "", "expiry": day(code.expiry) if code.expiry else ""}
    if found.container is None:
        # The code of a carton round the vials, or of a size that is not used here: only eyes can tell which.
        said = f"{found.product_name}, {found.description}"
        return {"scan": scan, "product": str(found.product_id), "carton": said, **read}, ""
    return {"package": str(found.package_id), **read}, ""


def _draw(
    request: Request, visit: Visitor, given: Mapping[str, str], errors: Mapping[str, str] | None = None, at: str = ""
) -> Response:
    today = _today(visit)
    with visit.parts.db.read() as session:
        used = containers_in_use(session, today)
        hoods = [(str(each.id), each.name) for each in stations(session) if each.kind == "hood"]
        staged = staged_now(session)
        expiring = lots_expiring(session, today + AHEAD)
    same = [each for each in used if str(each.product_id) == given.get("product")] or used
    containers = [(str(each.package_id), each.words) for each in same]
    return render(
        request, visit, "stock/stock.html", "Stock", topics=["stock"], current="/stock", status=422 if errors else 200,
        given=dict(given), errors=errors or {}, containers=containers, hoods=hoods, staged=staged, expiring=expiring,
        today=today, receiving=at == "receive",
        keeps=visit.who is not None and allowed(visit.who.roles, May.KEEP_FORMULARY),
    )  # fmt: skip


@router.post("/stage")
def stage(request: Request, visit: Stager, form: Annotated[StageForm, Form()]) -> Response:
    """Bring a carton to a hood."""
    assert visit.who is not None
    try:
        package_id, expiry, quantity = read_carton(form, hood=form.station)
        with visit.parts.db.write(visit.who, form.key(request), "/stock") as tx:
            actions.stage(
                tx, int(form.station), package_id=package_id, number=form.lot, expiry=expiry, quantity=quantity
            )
    except Invalid as wrong:
        return _draw(request, visit, form.model_dump(exclude={"once"}), wrong.fields)
    return see_other("/stock")


@router.post("/receive")
def receive(request: Request, visit: Receiver, form: Annotated[CartonForm, Form()]) -> Response:
    """Take a delivery into the stock room."""
    assert visit.who is not None
    try:
        package_id, expiry, quantity = read_carton(form)
        with visit.parts.db.write(visit.who, form.key(request), "/stock") as tx:
            found = actions.lot_for(tx, package_id=package_id, number=form.lot, expiry=expiry)
            actions.receive(tx, found.id, quantity)
    except Invalid as wrong:
        return _draw(request, visit, form.model_dump(exclude={"once"}), wrong.fields, "receive")
    return see_other("/stock")


def read_carton(form: CartonForm, hood: str | None = None) -> tuple[int, date, Decimal]:
    """Read the container's number, the expiry and how many containers. Raises Invalid with every fault at its field."""
    wrong: dict[str, str] = {}
    if not form.package.isdigit():
        wrong["package"] = "Scan the carton, or choose the container in it."
    if hood is not None and not hood.isdigit():
        wrong["station"] = "Choose the hood that the carton is brought to."
    if not form.lot:
        wrong["lot"] = "Give the lot number from the carton."
    expiry, quantity = date.min, Decimal(0)
    try:
        expiry = read_day(form.expiry)
    except ValueError as fault:
        wrong["expiry"] = str(fault)
    try:
        quantity = Decimal(form.quantity)
        if not quantity.is_finite() or quantity != quantity.to_integral_value() or not 0 < quantity <= 100_000:
            raise InvalidOperation
    except InvalidOperation:
        wrong["quantity"] = "Count the containers: a whole number from 1."
    if wrong:
        raise Invalid(wrong)
    return int(form.package), expiry, quantity


@router.post("/staged/{staged_id:int}/end")
def end_staging(request: Request, visit: Stager, staged_id: int, form: Post) -> Response:
    """Take a staged carton away from its hood."""
    assert visit.who is not None
    with visit.parts.db.write(visit.who, form.key(request), "/stock") as tx:
        actions.end_staging(tx, staged_id)
    return see_other("/stock")


@router.get("/lots")
def lots_page(request: Request, visit: Stager, words: str = "") -> Response:
    """Find a lot by its number or product."""
    with visit.parts.db.read() as session:
        found = lots(session, words[:100])
    return render(
        request, visit, "stock/lots.html", "Lots", topics=["stock"], current="/stock", found=found, words=words,
        today=_today(visit),
    )  # fmt: skip


@router.get("/lots/{lot_id:int}")
def lot_page(request: Request, visit: Stager, lot_id: int) -> Response:
    """One lot: where it lies, which doses it went into and where those are; the way to recall it."""
    with visit.parts.db.read() as session:
        line = lot(session, lot_id)
        sweep = whereabouts(session, lot_id)
        used = used_in(session, same_lots(session, lot_id))
    return render(
        request, visit, "stock/lot.html", f"Lot {line.number}", topics=["stock", "queue", "ward"], current="/stock",
        line=line, sweep=sweep, used=used, reasons=REASONS, address=f"/stock/lots/{lot_id}",
        recalls=visit.who is not None and allowed(visit.who.roles, May.RECALL),
    )  # fmt: skip


@router.post("/lots/{lot_id:int}/recall")
def recall(request: Request, visit: Recaller, lot_id: int, form: Reason) -> Response:
    """Recall a lot, whatever expiry was read for it; the page then shows what is to be fetched back."""
    assert visit.who is not None
    here = f"/stock/lots/{lot_id}"
    with visit.parts.db.write(visit.who, form.key(request), here) as tx:
        actions.recall(tx, lot_id, form.why)
    return see_other(here)


def _today(visit: Visitor) -> date:
    return visit.parts.clock().astimezone(time_zone(visit.parts.settings.zone)).date()
