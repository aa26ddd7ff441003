"""The hood's worklist: what is to be made, and the trays that start a dose or go on with it."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from pydantic import Field
from starlette.responses import Response

from app.core.codes import read_code
from app.core.errors import Refused
from app.core.permissions import May
from app.core.workflow import State
from app.web.balance_check import not_checked
from app.web.forms import PostForm, errors_of, status_of
from app.web.pages import render
from app.web.session import Visitor, may, see_other
from compounding import hood_actions
from compounding.queries import held_at, in_tray, just_stopped, opened, worklist

router = APIRouter(prefix="/hood")
Preparer = Annotated[Visitor, Depends(may(May.PREPARE))]


class TrayForm(PostForm):
    scan: Annotated[str, Field(max_length=400)]
    dose: int | None = None


@router.get("")
def worklist_page(request: Request, visit: Preparer, dose: int | None = None) -> Response:
    """What is to be made, STAT first; the first row (or the chosen one) waits for an empty tray."""
    return _worklist(request, visit, dose)


def _worklist(request: Request, visit: Visitor, dose: int | None, wrong: Refused | None = None) -> Response:
    parts = visit.parts
    with parts.db.read() as session:
        found = worklist(session, parts.clock())
        stopped = just_stopped(session, parts.clock())
        mine = held_at(session, visit.station.id, visit.who.person_id if visit.who else None)
    free = [line for line in found if line.state is State.QUEUED]
    chosen = next((line for line in free if line.dose_id == dose), free[0] if free else None)
    topics = ["worklist", f"station {visit.station.id}", "printers", "stations"]
    return render(
        request, visit, "hood/worklist.html", "To prepare", topics=topics, status=status_of(wrong),
        rows=found, chosen=chosen, mine=mine, stopped=stopped, not_checked=not_checked(visit), errors=errors_of(wrong),
    )  # fmt: skip


@router.post("/scan")
def worklist_scan(request: Request, visit: Preparer, form: Annotated[TrayForm, Form()]) -> Response:
    """An empty tray claims the chosen dose; a tray in use goes on with its dose. Any other scan is answered here.

    The list stays, so that the next right scan clears what was wrong.
    """
    try:
        return _claimed(request, visit, form)
    except Refused as wrong:
        return _worklist(request, visit, form.dose, wrong)


def _claimed(request: Request, visit: Visitor, form: TrayForm) -> Response:
    parts, who = visit.parts, visit.who
    assert who is not None
    code = read_code(form.scan)
    if code is None or code.kind != "tray":
        raise Refused("Scan a tray: an empty one to start the dose shown, one in use to go on with its dose.")
    with parts.db.read() as session:
        held = in_tray(session, code.text)
        item = opened(session, held).item if held is not None else None
    if item is not None and item.state is State.MADE:
        return see_other(f"/hood/{item.id}/take-back")
    with parts.db.write(who, form.key(request)) as tx:
        if item is None:
            if form.dose is None:
                raise Refused("There is no dose to start. Wait for the next one.")
            work_id = hood_actions.claim(tx, form.dose, code.text, parts.house)
        else:
            work_id = item.id
            if item.state == State.PAUSED and item.holder_id == who.person_id:
                hood_actions.resume(tx, work_id, code.text)
            elif item.state in (State.PAUSED, State.MAKING) and item.holder_id != who.person_id:
                hood_actions.take_over(tx, work_id, code.text)
            elif item.state == State.MAKING and item.station_id != who.station_id:
                raise Refused("This dose is under another hood. Pause it there first.")
        tx.location = f"/hood/{work_id}"
    parts.acted(work_id)
    return see_other(f"/hood/{work_id}")
