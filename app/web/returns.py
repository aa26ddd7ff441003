"""What a ward sends back: the drawer, then each package and its state; and doses that may have been missed."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from pydantic import Field
from starlette.responses import Response

from app.core.codes import read_code
from app.core.errors import Invalid, Refused
from app.core.permissions import May
from app.orders.queries import patient_facts
from app.web.forms import PostForm, Reason
from app.web.pages import render
from app.web.session import Visitor, may, see_other
from unitdose import returns_actions
from unitdose.queries import fill_facts
from unitdose.returns import Condition
from unitdose.returns_queries import drawer_of_label, last_returned, open_omissions

router = APIRouter()
Taker = Annotated[Visitor, Depends(may(May.RETURN))]
Checker = Annotated[Visitor, Depends(may(May.CHECK))]

CHARTED = (
    "Given, and charted late", "Refused by the patient", "Held at the bedside", "The patient was away",
    "Missed: the prescriber knows",
)  # fmt: skip


class BackForm(PostForm):
    drawer: Annotated[str, Field(max_length=80)] = ""
    condition: Condition = Condition.SEALED
    scan: Annotated[str, Field(max_length=400)]


@router.get("/returns")
def returns_page(request: Request, visit: Taker, drawer: str = "", condition: Condition = Condition.SEALED) -> Response:
    """One thing to do: scan the drawer, then what came back in it."""
    return _draw(request, visit, drawer, condition, {})


def _draw(request: Request, visit: Visitor, serial: str, condition: Condition, errors: dict[str, str]) -> Response:
    with visit.parts.db.read() as session:
        at = drawer_of_label(session, serial) if serial else None
        patient = patient_facts(session, at.patient_id) if at else None
        fill = fill_facts(session, at.fill_id) if at else None
        rows, omissions = last_returned(session), len(open_omissions(session))
    return render(
        request, visit, "returns/returns.html", "Returns", topics=["returns"], current="/returns", at=at, fill=fill,
        patient=patient, serial=serial if at else "", rows=rows, omissions=omissions, condition=condition,
        conditions=list(Condition), errors=errors, status=422 if errors else 200,
    )  # fmt: skip


@router.post("/returns")
def take_back(request: Request, visit: Taker, form: Annotated[BackForm, Form()]) -> Response:
    """The first scan names the drawer, each one after it takes a package back, another drawer's label changes over."""
    assert visit.who is not None
    code = read_code(form.scan)
    if not form.drawer or (code is not None and code.kind == "label"):
        return _to_drawer(request, visit, form, code.text if code else form.scan.strip())
    to = f"/returns?drawer={form.drawer}&condition={form.condition}"
    try:
        with visit.parts.db.write(visit.who, form.key(request), to) as tx:
            returns_actions.take_back(tx, form.drawer, form.scan, form.condition)
    except (Refused, Invalid) as wrong:
        return _draw(request, visit, form.drawer, form.condition, {"scan": str(wrong)})
    return see_other(to)


def _to_drawer(request: Request, visit: Visitor, form: BackForm, serial: str) -> Response:
    with visit.parts.db.read() as session:
        known = drawer_of_label(session, serial)
    if known is None:
        words = "This is not the label of a drawer. Scan the drawer that the packages came back in."
        return _draw(request, visit, form.drawer, form.condition, {"scan": words})
    return see_other(f"/returns?drawer={serial}&condition={Condition.SEALED}")


@router.get("/omissions")
def omissions_page(request: Request, visit: Checker) -> Response:
    """The returned doses that a patient may have missed: a pharmacist finds out, and says what it was."""
    return _omissions(request, visit, {})


def _omissions(request: Request, visit: Visitor, errors: dict[str, str]) -> Response:
    with visit.parts.db.read() as session:
        rows = open_omissions(session)
    return render(
        request, visit, "returns/omissions.html", "Possible omissions", topics=["omissions"], current="/returns",
        rows=rows, reasons=CHARTED, errors=errors, status=422 if errors else 200,
    )  # fmt: skip


@router.post("/omissions/{line_id:int}")
def close(request: Request, visit: Checker, line_id: int, form: Reason) -> Response:
    """Say what became of the dose."""
    assert visit.who is not None
    try:
        with visit.parts.db.write(visit.who, form.key(request), "/omissions") as tx:
            returns_actions.charted_after_all(tx, line_id, form.why)
    except Refused as wrong:
        return _omissions(request, visit, {"": str(wrong)})
    return see_other("/omissions")
