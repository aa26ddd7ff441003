"""The desk's list of doses that wards did not find: where to look, another one sent, and why, in the end."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from pydantic import Field
from starlette.responses import Response

from app.core.errors import Refused
from app.core.permissions import May, allowed
from app.web.fills import countdown
from app.web.forms import Post, PostForm
from app.web.pages import render
from app.web.scans import place_of
from app.web.session import Visitor, may, see_other
from unitdose import missing_actions
from unitdose.happened import CAUSES
from unitdose.missing_queries import open_reports

router = APIRouter()
Settler = Annotated[Visitor, Depends(may(May.RESOLVE_MISSING))]


class CauseForm(PostForm):
    cause: Annotated[str, Field(max_length=40)] = ""


@router.get("/missing")
def missing_page(request: Request, visit: Settler) -> Response:
    """Every open report, the oldest first."""
    return _missing_page(request, visit, {})


def _missing_page(request: Request, visit: Visitor, errors: dict[str, str]) -> Response:
    now = visit.parts.clock()
    with visit.parts.db.read() as session:
        rows = open_reports(session)
    assert visit.who is not None
    return render(
        request, visit, "ward/missing.html", "Not found", topics=["missing"], current="/missing", rows=rows,
        causes=CAUSES, errors=errors, status=422 if errors else 200, ago=lambda at: ago(at, now),
        again=allowed(visit.who.roles, May.REPLACE_AGAIN),
    )  # fmt: skip


def ago(at: datetime, now: datetime) -> str:
    """How long ago something was, as a person says it."""
    return "just now" if (now - at).total_seconds() < 60 else countdown(at, now)


@router.post("/missing/{report_id:int}/replace")
def replace(request: Request, visit: Settler, report_id: int, form: Post) -> Response:
    """Send the dose again."""
    assert visit.who is not None
    try:
        with visit.parts.db.write(visit.who, form.key(request), "/missing") as tx:
            missing_actions.replace(tx, report_id)
    except Refused as wrong:
        return _missing_page(request, visit, {"": str(wrong)})
    return see_other("/missing")


@router.post("/missing/{report_id:int}/settle")
def settle(request: Request, visit: Settler, report_id: int, form: Annotated[CauseForm, Form()]) -> Response:
    """Settle a report with its cause."""
    assert visit.who is not None
    try:
        with visit.parts.db.write(visit.who, form.key(request), "/missing") as tx:
            missing_actions.resolve(tx, report_id, form.cause, place_of(visit))
    except Refused as wrong:
        return _missing_page(request, visit, {"": str(wrong)})
    return see_other("/missing")
