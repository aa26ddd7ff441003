"""Deliveries on a handheld: what is packed into which tote, out with a courier, in at the ward, and what goes back."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request
from starlette.responses import Response

from app.core.codes import Code, read_code
from app.core.errors import Refused
from app.core.permissions import May, allowed
from app.custody import tote_actions as totes
from app.custody.pharmacy_queries import ready
from app.custody.tote_actions import Stopped
from app.stations.queries import unit_by_code
from app.web.forms import Post, PostForm
from app.web.pages import ALERTS, render
from app.web.scans import LabelForm, home_of, place_of, serial_of
from app.web.session import Signed, Visitor, may, see_other
from unitdose import delivery_actions, exchange_actions
from unitdose.arrival_queries import Alerts, alerts
from unitdose.tote_queries import at_the_ward, going_back, tote, totes_out, waiting

router = APIRouter()
Courier = Annotated[Visitor, Depends(may(May.DELIVER))]
TOPICS = ["ward", "queue", *ALERTS]


class LoadForm(PostForm):
    fill: int
    unit: int


def ward_scanned(session: Any, code: Code) -> Any:
    """The ward whose place was scanned. Raises Refused for a place that is no ward's any more."""
    unit = unit_by_code(session, code.text.removeprefix("WARD-"))
    if unit is None:
        raise Refused("This place belongs to no ward that is known here. Ask the pharmacy.")
    return unit


@router.get("/deliveries")
def deliveries_page(request: Request, visit: Courier) -> Response:
    """What waits to leave, by ward; the totes; what comes back; and what nobody has accepted."""
    return _deliveries_page(request, visit, {})


def _deliveries_page(request: Request, visit: Visitor, errors: dict[str, str]) -> Response:
    now = visit.parts.clock()
    with visit.parts.db.read() as session:
        groups, out, back = waiting(session, now), totes_out(session, now), going_back(session)
        bags, _ = ready(session, now)
        told = alerts(session, now)
    return render(
        request, visit, "deliveries/board.html", "Deliveries", topics=TOPICS, current="/deliveries", groups=groups,
        totes=out, back=back, bags=bags, alerts=told, errors=errors, status=422 if errors else 200,
    )  # fmt: skip


@router.get("/deliveries/alerts")
def alerts_part(request: Request, visit: Signed) -> Response:
    """The banners of what nobody has accepted or found; empty for whoever does not deliver."""
    told = Alerts((), 0)
    if visit.who is not None and allowed(visit.who.roles, May.DELIVER):
        with visit.parts.db.read() as session:
            told = alerts(session, visit.parts.clock())
    return render(request, visit, "deliveries/alerts.html", "Alerts", topics=TOPICS, alerts=told)


@router.post("/deliveries/scan")
def scan(request: Request, visit: Courier, form: Annotated[LabelForm, Form()]) -> Response:
    """A tote is opened; a ward's place delivers every tote that this courier carries there."""
    code = read_code(form.scan)
    if code is not None and code.kind == "tote":
        return see_other(f"/totes/{code.text}")
    if code is not None and code.kind == "ward":
        return _arrive(request, visit, form, code, None)
    words = "Scan the tote first, then what goes into it." if code is not None and code.kind == "label" else _SCAN
    return _deliveries_page(request, visit, {"scan": words})


_SCAN = "This is no tote and no ward's place. Scan the code that begins with TOTE or WARD."


def _arrive(request: Request, visit: Visitor, form: LabelForm, code: Code, in_hand: str | None) -> Response:
    assert visit.who is not None
    try:
        with visit.parts.db.read() as session:
            unit = ward_scanned(session, code)
        to = f"/deliveries/at/{unit.id}"
        with visit.parts.db.write(visit.who, form.key(request), to) as tx:
            said = delivery_actions.arrive(tx, unit.id, in_hand, place_of(visit))
            if isinstance(said, Stopped):
                stopped = in_hand or said.words.split(" ")[0]
                tx.location = to = f"/totes/{stopped}?seen={unit.code}"
    except Refused as wrong:
        if in_hand:
            return _tote_page(request, visit, in_hand, {"scan": str(wrong)})
        return _deliveries_page(request, visit, {"scan": str(wrong)})
    return see_other(to)


# --- one tote -------------------------------------------------------------------------------------------------------


@router.get("/totes/{code}")
def tote_page(request: Request, visit: Courier, code: str, seen: str = "") -> Response:
    """One tote: what is in it, where it goes, and what comes next."""
    return _tote_page(request, visit, code, {}, seen)


def _tote_page(request: Request, visit: Visitor, code: str, errors: dict[str, str], seen: str = "") -> Response:
    now = visit.parts.clock()
    with visit.parts.db.read() as session:
        found = tote(session, _tote(code))
        groups = waiting(session, now) if found.state in ("empty", "packed", "arrived", "brought back") else ()
        stood_at = unit_by_code(session, seen) if seen else None
    free = found.state in ("empty", "arrived", "brought back")
    wrong = stood_at if stood_at is not None and not free and stood_at.id != found.unit_id else None
    mine = [each for each in groups if each.ready and (free or each.unit_id == found.unit_id)]
    return render(
        request, visit, "deliveries/tote.html", found.tote, topics=TOPICS, current="/deliveries", tote=found, free=free,
        groups=mine, wrong=wrong, errors=errors, zone=visit.parts.settings.zone, status=422 if errors else 200,
    )  # fmt: skip


def _tote(code: str) -> str:
    read = read_code(code)
    if read is None or read.kind != "tote":
        raise Refused("This is not the code of a tote. Scan the code that begins with TOTE.")
    return read.text


@router.post("/totes/{code}/scan")
def scan_at_tote(request: Request, visit: Courier, code: str, form: Annotated[LabelForm, Form()]) -> Response:
    """A label is packed, a ward's place delivers, another tote is opened."""
    read = read_code(form.scan)
    if read is not None and read.kind == "tote":
        return see_other(f"/totes/{read.text}")
    if read is not None and read.kind == "ward":
        return _arrive(request, visit, form, read, _tote(code))

    def act(tx: Any) -> None:
        delivery_actions.load(tx, _tote(code), serial_of(form.scan), place_of(visit))

    return _act(request, visit, code, form, act)


@router.post("/totes/{code}/load")
def load(request: Request, visit: Courier, code: str, form: Annotated[LoadForm, Form()]) -> Response:
    """Pack every checked drawer of a cart for one ward."""

    def act(tx: Any) -> None:
        delivery_actions.load_all(tx, _tote(code), form.fill, form.unit, place_of(visit))

    return _act(request, visit, code, form, act)


@router.post("/totes/{code}/out/{serial}")
def unpack(request: Request, visit: Courier, code: str, serial: str, form: Post) -> Response:
    """Take one thing out of a tote again."""
    return _act(request, visit, code, form, lambda tx: totes.unpack(tx, serial_of(serial), place_of(visit)))


@router.post("/totes/{code}/leave")
def leave(request: Request, visit: Courier, code: str, form: Post) -> Response:
    """Leave the pharmacy with a tote."""
    return _act(request, visit, code, form, lambda tx: totes.leave(tx, _tote(code), place_of(visit)))


@router.post("/totes/{code}/back")
def bring_back(request: Request, visit: Courier, code: str, form: Post) -> Response:
    """Bring a tote back undelivered."""
    return _act(request, visit, code, form, lambda tx: totes.bring_back(tx, _tote(code), place_of(visit)))


def _act(request: Request, visit: Visitor, code: str, form: PostForm, act: Any) -> Response:
    assert visit.who is not None
    try:
        with visit.parts.db.write(visit.who, form.key(request), f"/totes/{_tote(code)}") as tx:
            act(tx)
    except Refused as wrong:
        return _tote_page(request, visit, code, {"scan": str(wrong)})
    return see_other(f"/totes/{_tote(code)}")


# --- at the ward, and back ------------------------------------------------------------------------------------------


@router.get("/deliveries/at/{unit_id:int}")
def ward_place_page(request: Request, visit: Courier, unit_id: int) -> Response:
    """At a ward: what came, what a nurse still has to accept, and the old drawers to take back."""
    return _ward_place_page(request, visit, unit_id, {})


def _ward_place_page(request: Request, visit: Visitor, unit_id: int, errors: dict[str, str]) -> Response:
    with visit.parts.db.read() as session:
        here = at_the_ward(session, unit_id, visit.parts.clock())
    return render(
        request, visit, "deliveries/ward.html", here.unit, topics=TOPICS, current="/deliveries", here=here,
        errors=errors, status=422 if errors else 200,
    )  # fmt: skip


@router.post("/deliveries/at/{unit_id:int}/exchange")
def exchange(request: Request, visit: Courier, unit_id: int, form: Post) -> Response:
    """Exchange the cart: the old drawers go back as one return lot."""
    assert visit.who is not None
    try:
        with visit.parts.db.write(visit.who, form.key(request), f"/deliveries/at/{unit_id}") as tx:
            exchange_actions.exchange(tx, unit_id, place_of(visit))
    except Refused as wrong:
        return _ward_place_page(request, visit, unit_id, {"": str(wrong)})
    return see_other(f"/deliveries/at/{unit_id}")


@router.post("/deliveries/returns/{return_lot_id:int}/back")
def came_back(request: Request, visit: Courier, return_lot_id: int, form: Post) -> Response:
    """Note that a return lot is in the pharmacy."""
    assert visit.who is not None
    with visit.parts.db.write(visit.who, form.key(request), "/deliveries") as tx:
        exchange_actions.came_back(tx, return_lot_id)
    return see_other("/deliveries")


# --- by hand --------------------------------------------------------------------------------------------------------


@router.get("/handover")
def handover_page(request: Request, visit: Signed) -> Response:
    """What is released and still in the pharmacy; a scan, or a tap, hands it over without a tote."""
    return _handover_page(request, visit, {})


def _handover_page(request: Request, visit: Visitor, errors: dict[str, str]) -> Response:
    with visit.parts.db.read() as session:
        stand, gone = ready(session, visit.parts.clock())
    return render(
        request, visit, "ward/handover.html", "Hand over", topics=["queue", "ward"], current="/deliveries",
        waiting=stand, gone=gone, errors=errors, home=home_of(visit), status=422 if errors else 200,
    )  # fmt: skip


@router.post("/handover")
def hand_over(request: Request, visit: Signed, form: Annotated[LabelForm, Form()]) -> Response:
    """Hand a bag or a drawer over by scanning its label."""
    assert visit.who is not None
    try:
        with visit.parts.db.write(visit.who, form.key(request), "/handover") as tx:
            delivery_actions.hand_over(tx, serial_of(form.scan), place_of(visit))
    except Refused as wrong:
        return _handover_page(request, visit, {"scan": str(wrong)})
    return see_other("/handover")
