"""What leaves the pharmacy: handed over one by one."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from app.core.errors import Refused
from app.custody import actions
from app.custody.pharmacy_queries import ready
from app.web.pages import render
from app.web.scans import LabelForm, home_of, place_of, serial_of
from app.web.session import Signed, Visitor, see_other

router = APIRouter()


@router.get("/handover")
def handover_page(request: Request, visit: Signed) -> Response:
    """What is released and still in the pharmacy; a scan, or a tap, hands it over."""
    return _handover_page(request, visit, {})


def _handover_page(request: Request, visit: Visitor, errors: dict[str, str]) -> Response:
    with visit.parts.db.read() as session:
        waiting, gone = ready(session, visit.parts.clock())
    return render(
        request, visit, "ward/handover.html", "Hand over", topics=["queue", "ward"], current="/handover",
        waiting=waiting, gone=gone, errors=errors, home=home_of(visit), status=422 if errors else 200,
    )  # fmt: skip


@router.post("/handover")
def hand_over(request: Request, visit: Signed, form: Annotated[LabelForm, Form()]) -> Response:
    """Hand a dose over by scanning its label."""
    assert visit.who is not None
    try:
        with visit.parts.db.write(visit.who, form.key(request), "/handover") as tx:
            actions.hand_over(tx, serial_of(form.scan), place_of(visit))
    except Refused as wrong:
        return _handover_page(request, visit, {"scan": str(wrong)})
    return see_other("/handover")
