"""The board of the carts: how each stands, what a person must look at, and every dose of one with its reason."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Form, Request
from pydantic import Field
from starlette.responses import Response

from app.core.errors import Invalid, Refused
from app.core.permissions import May, allowed
from app.core.quantity import parse_number
from app.core.workflow import State
from app.formulary.unit_dose_queries import unit_doses
from app.web.forms import Post, PostForm
from app.web.pages import ALERTS, patient_line, render
from app.web.session import Visitor, may, see_other
from unitdose import scheduler
from unitdose.arrival_queries import alerts
from unitdose.board_queries import board, ended_lines, exceptions_of, uncovered, upcoming
from unitdose.cart_actions import choose_products, use_own
from unitdose.product_queries import newest_with_drugs
from unitdose.queries import DrawerFacts, LineFacts, drawers_of, fill_facts, lines_of
from unitdose.routes import IN_WORDS, Reason, Route

router = APIRouter()
Planner = Annotated[Visitor, Depends(may(May.RUN_FILL))]
Chooser = Annotated[Visitor, Depends(may(May.CHOOSE_PRODUCT))]

SHAPES = {
    State.QUEUED: "waiting",
    State.MAKING: "now",
    State.PAUSED: "held",
    State.MADE: "caution",
    State.RELEASED: "ok",
    State.REFUSED: "stop",
}
WORDS = {
    State.QUEUED: "to pick",
    State.MAKING: "being picked",
    State.PAUSED: "set aside",
    State.MADE: "waits for check",
    State.RELEASED: "checked",
    State.REFUSED: "refused",
}
WAYS = {
    Route.CART: "With the cart",
    Route.FIRST_DOSE: "First doses",
    Route.BULK: "From a container on the unit",
    Route.CABINET: "From the unit's cabinet",
    Route.CONTROLLED: "Locked, from hand to hand",
    Route.IV: "From the IV room",
    Route.OWN: "The patient's own",
    Route.NONE: "Not brought",
}


class ProductsForm(PostForm):
    package: list[int] = Field(default_factory=list)
    units: list[str] = Field(default_factory=list)


class WindowForm(PostForm):
    cart: int
    start: Annotated[str, Field(max_length=40)]


@router.get("/fills")
def board_page(request: Request, visit: Planner) -> Response:
    """Every cart: its state, its countdowns and its exceptions."""
    now = visit.parts.clock()
    with visit.parts.db.read() as session:
        rows, following, open_spans = board(session), upcoming(session, now), uncovered(session, now)
        drawers = {each.fill.fill_id: drawers_of(session, each.fill.fill_id) for each in rows}
        told = alerts(session, now)
    return render(
        request, visit, "fills/board.html", "Carts", topics=["fills", *ALERTS], current="/fills", rows=rows,
        alerts=told, following=following, gaps=open_spans, drawers=drawers, shapes=SHAPES, words=WORDS,
        sets_up=visit.who is not None and allowed(visit.who.roles, May.SET_UP_CARTS),
        countdown=lambda at: countdown(at, now),
    )  # fmt: skip


def countdown(at: datetime, now: datetime) -> str:
    """How long until an instant, or since it, as a person says it: 'in 1 h 20 min', '5 min ago'."""
    minutes = round((at - now).total_seconds() / 60)
    hours, rest = divmod(abs(minutes), 60)
    told = f"{hours} h {rest:02} min" if hours else f"{rest} min"
    return f"in {told}" if minutes >= 0 else f"{told} ago"


@router.post("/fills/open")
def open_window(request: Request, visit: Planner, form: Annotated[WindowForm, Form()]) -> Response:
    """Open a cart's next window by hand, before its cutoff; the worker plans it at once."""
    assert visit.who is not None
    with visit.parts.db.write(visit.who, form.key(request), "/fills") as tx:
        fill_id = scheduler.open_fill(tx, form.cart, datetime.fromisoformat(form.start))
        tx.location = f"/fills/{fill_id}"
    return see_other(tx.location)


@router.post("/fills/{fill_id:int}/again")
def again(request: Request, visit: Planner, fill_id: int, form: Post) -> Response:
    """Compare the plan with the orders as they stand, and look for what is short."""
    assert visit.who is not None
    with visit.parts.db.write(visit.who, form.key(request), f"/fills/{fill_id}"):
        pass
    scheduler.change_orders(visit.parts.db, fill_id, None, visit.who, "by hand")
    scheduler.find_short(visit.parts.db, fill_id, visit.who)
    return see_other(f"/fills/{fill_id}")


@router.get("/fills/{fill_id:int}")
def fill_page(request: Request, visit: Planner, fill_id: int, name: str = "") -> Response:
    """One cart: exceptions first, then every patient's doses with way and reason, then what later plans changed."""
    now = visit.parts.clock()
    with visit.parts.db.read() as session:
        fill, lines = fill_facts(session, fill_id), lines_of(session, fill_id)
        unusual, ended = exceptions_of(session, fill_id), ended_lines(session, fill_id)
        drawers = drawers_of(session, fill_id)
        standing = next((each for each in board(session) if each.fill.fill_id == fill_id), None)
    shown = [each for each in lines if name.casefold() in each.order.patient.name.casefold()] if name else lines
    return render(
        request, visit, "fills/fill.html", fill.cart_name, topics=[f"fill:{fill_id}", "fills"], current="/fills",
        fill=fill, patients=list(_by_patient(shown)), unusual=unusual, ended=ended, standing=standing, name=name,
        why=IN_WORDS, ways=WAYS, shapes=SHAPES, words=WORDS, numbers=_numbers(drawers), drawers=drawers,
        totals=_totals(lines), countdown=lambda at: countdown(at, now), Reason=Reason, chooses=_chooses(visit),
    )  # fmt: skip


def _chooses(visit: Visitor) -> bool:
    return visit.who is not None and allowed(visit.who.roles, May.CHOOSE_PRODUCT)


def _by_patient(lines: Iterable[LineFacts]) -> Iterable[tuple[Any, list[LineFacts]]]:
    found: dict[int, list[LineFacts]] = {}
    for line in lines:
        found.setdefault(line.patient_id, []).append(line)
    for mine in found.values():
        yield mine[0].order.patient, mine


def _numbers(drawers: tuple[DrawerFacts, ...]) -> dict[int, int]:
    return {each.patient_id: each.number for each in drawers}


def _totals(lines: tuple[LineFacts, ...]) -> list[tuple[str, int, int]]:
    """How many doses go each way, and how many packages."""
    return [
        (words, len(mine), sum(line.packages for line in mine))
        for route, words in WAYS.items()
        if (mine := [line for line in lines if line.route is route])
    ]


# --- the product of an order ----------------------------------------------------------------------------------------


@router.get("/fills/products/{order_id:int}")
def products_page(request: Request, visit: Chooser, order_id: int) -> Response:
    """Choose by which packages an order's dose is made."""
    return _products_page(request, visit, order_id, {})


def _products_page(request: Request, visit: Visitor, order_id: int, errors: dict[str, str]) -> Response:
    with visit.parts.db.read() as session:
        order, drugs = newest_with_drugs(session, order_id)
        packages = unit_doses(session, drugs)
    return render(
        request, visit, "fills/products.html", "Choose a product", current="/fills", order=order, errors=errors,
        packages=[each for found in packages.values() for each in found], status=422 if errors else 200,
        patient=patient_line(order.patient, order.place, visit.parts.clock(), order.zone),
    )  # fmt: skip


@router.post("/fills/products/{order_id:int}")
def choose(request: Request, visit: Chooser, order_id: int, form: Annotated[ProductsForm, Form()]) -> Response:
    """Say how many units of which package make the dose; the carts follow by themselves."""
    assert visit.who is not None
    try:
        units = {
            package: parse_number(text) for package, text in zip(form.package, form.units, strict=True) if text.strip()
        }
        with visit.parts.db.write(visit.who, form.key(request), "/fills") as tx:
            choose_products(tx, order_id, units)
    except (Refused, Invalid, ValueError) as wrong:
        fields = wrong.fields if isinstance(wrong, Invalid) else {"": str(wrong) or "Enter how many of each package."}
        return _products_page(request, visit, order_id, fields)
    return see_other("/fills")


@router.post("/fills/own/{order_id:int}/{way}")
def own(request: Request, visit: Chooser, order_id: int, way: Literal["used", "ended"], form: Post) -> Response:
    """Say that the patient's own medication is used for an order, or not any more; the carts follow by themselves."""
    assert visit.who is not None
    with visit.parts.db.write(visit.who, form.key(request), "/orders") as tx:
        order, _ = newest_with_drugs(tx.session, order_id)
        use_own(tx, order_id, way == "used")
        tx.location = f"/orders/{order.version_id}"
    return see_other(tx.location)
