"""The pharmacist's desk: the check queue, and one preparation with everything that proves it."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request
from pydantic import Field
from starlette.responses import Response

from app.core.errors import Invalid, Refused
from app.core.permissions import May
from app.core.workflow import Event, offered
from app.custody.actions import look
from app.custody.pharmacy_queries import missed, wrongly_labelled
from app.custody.queries import bag
from app.custody.whereabouts import Stage
from app.db import outbox
from app.identity.actions import prove_for_signature
from app.identity.queries import needs_full
from app.orders.queries import why_not_current
from app.stations.queries import stations, units
from app.web.forms import ReasonForm, Sign, SignReason, errors_of, status_of
from app.web.pages import ALERTS, patient_line, render
from app.web.scans import LabelForm, place_of, serial_of
from app.web.session import Visitor, may, see_other
from app.work.queries import actor_for
from compounding import check_actions
from compounding.instructions import short
from compounding.opened import Opened
from compounding.procedure import label_serial, may_redo, photo_sha256, steps_of
from compounding.queries import check_queue, doubts_of_balance, helped, opened
from compounding.record_queries import story
from compounding.review import review
from unitdose.arrival_queries import alerts
from unitdose.happened import CAUSES

router = APIRouter()
Checker = Annotated[Visitor, Depends(may(May.CHECK))]

NOT_FOUND = "Not found"
REASONS = (
    "Label not readable or not straight",
    "Photo blurred or incomplete",
    "Amount in doubt",
    "Particles, colour or leak",
    "Wrong label text",
)
LOST = ("To be discarded when it is found",)
WASTE = ("Discarded in pharmaceutical waste", "Discarded in hazardous waste", "Kept for inquiry")


class SendBackForm(ReasonForm):
    step: Annotated[str, Field(max_length=80)]


@router.get("/desk")
def queue_page(request: Request, visit: Checker) -> Response:
    """What waits for its check; rows come in by a bar, never under the finger."""
    return _queue(request, visit)


def _queue(request: Request, visit: Visitor, wrong: Refused | None = None) -> Response:
    now = visit.parts.clock()
    with visit.parts.db.read() as session:
        rows = check_queue(session)
        calls = helped(session)
        not_here = missed(session, now)
        told = alerts(session, now)
        mislabelled = wrongly_labelled(session, now)
        bare = not units(session) and len(stations(session)) <= 1
    return render(
        request, visit, "check/queue.html", "Check queue", topics=["queue", *ALERTS], current="/desk", rows=rows,
        calls=calls, not_here=not_here, alerts=told, mislabelled=mislabelled, stat=sum(row.stat for row in rows),
        oldest=min((row.since for row in rows if row.since), default=None), errors=errors_of(wrong),
        late=sum(row.due_at < now for row in rows), status=status_of(wrong), bare=bare,
    )  # fmt: skip


@router.post("/desk")
def scanned(request: Request, visit: Checker, form: Annotated[LabelForm, Form()]) -> Response:
    """The scan of a bag's label opens its check; a bag that waits for none is answered as everywhere."""
    assert visit.who is not None
    try:
        serial = serial_of(form.scan)
    except Refused as wrong:
        return _queue(request, visit, wrong)
    with visit.parts.db.write(visit.who, form.key(request)) as tx:
        found = look(tx, serial, place_of(visit))
        tx.location = f"/check/{found.work_id}" if found.where.stage is Stage.MADE else f"/scan/{serial}"
    return see_other(tx.location)


@router.get("/check/{work_id:int}")
def check_page(request: Request, visit: Checker, work_id: int) -> Response:
    """One preparation on one screen."""
    return _draw(request, visit, work_id)


def _draw(request: Request, visit: Visitor, work_id: int, errors: dict[str, str] | None = None) -> Response:
    parts, who = visit.parts, visit.who
    assert who is not None
    with parts.db.read() as session:
        at = opened(session, work_id)
        why_not = why_not_current(session, at.order)
        events = offered(at.state, actor_for(session, who, at.item.id))
        full = needs_full(session, who)
        told = story(session, at)
        doubts = doubts_of_balance(session, at)
        serial = label_serial(at.where)
        message = outbox.of_identity(session, f"dispense {serial or ''}")
        lost = serial is not None and bag(session, serial).where.stage is Stage.MISSING
    seen = review(at, why_not, at.where.blockers, doubts)
    return render(
        request, visit, "check/check.html", at.sheet.title, current="/desk",
        topics=[f"work:{work_id}", f"order:{at.order.order_id}"], status=422 if errors else 200,
        at=at, seen=seen, events={e.value for e in events}, full=full, story=told, errors=errors or {},
        patient=patient_line(at.order.patient, at.order.place, parts.clock(), at.order.zone),
        photo=photo_sha256(at.where), serial=serial, reasons=REASONS, lost=lost, waste=LOST if lost else WASTE,
        whys=[f"{NOT_FOUND}: {cause}" for cause in CAUSES] if lost else REASONS,
        again=_again(at), emar=_emar(at, message), Event=Event,
        blocked=bool(at.where.blockers or why_not or at.old_label),
    )  # fmt: skip


def _again(at: Opened) -> list[tuple[str, str]]:
    """The steps that can physically be done again."""
    steps = steps_of(at.sheet.recipe)
    return [(step.key, short(at.sheet.recipe, step)) for step in steps if may_redo(at.sheet, at.where, step.key)]


def _emar(at: Opened, message: Any) -> str:
    """Whether the order's sender knows this bag."""
    if at.order.message_id is None:
        return "The order was transcribed: no eMAR is told."
    if message is None:
        return ""
    if message.confirmed_at:
        return "eMAR knows this bag."
    return f"eMAR does not know this bag yet. {message.outcome or ''}".strip()


@router.post("/check/{work_id:int}/release")
def release(request: Request, visit: Checker, work_id: int, form: Sign) -> Response:
    """Release with a signature."""

    def act(tx: Any, proven: Any) -> None:
        check_actions.release(tx, work_id, proven, form.shown)

    return _signed(request, visit, work_id, form, act)


@router.post("/check/{work_id:int}/refuse")
def refuse(request: Request, visit: Checker, work_id: int, form: SignReason) -> Response:
    """Refuse: waste it and make it again."""

    def act(tx: Any, proven: Any) -> None:
        check_actions.refuse(tx, work_id, proven, form.why, form.waste, form.shown)

    return _signed(request, visit, work_id, form, act)


@router.post("/check/{work_id:int}/withdraw")
def withdraw(request: Request, visit: Checker, work_id: int, form: SignReason) -> Response:
    """Withdraw a released dose."""

    def act(tx: Any, proven: Any) -> None:
        check_actions.withdraw(tx, work_id, proven, form.why, form.waste, form.shown)

    return _signed(request, visit, work_id, form, act)


@router.post("/check/{work_id:int}/send-back")
def send_back(request: Request, visit: Checker, work_id: int, form: Annotated[SendBackForm, Form()]) -> Response:
    """Send back to a step that can be done again."""
    assert visit.who is not None
    with visit.parts.db.write(visit.who, form.key(request), "/desk") as tx:
        check_actions.send_back(tx, work_id, form.step, form.why)
    visit.parts.acted(work_id)
    return see_other("/desk")


def _signed(request: Request, visit: Visitor, work_id: int, form: Any, act: Any) -> Response:
    """Prove who signs, do the act, go to the queue; a refusal is shown on the page that was being read."""
    assert visit.who is not None
    try:
        proven = prove_for_signature(visit.parts.db, visit.who, form.given())
        with visit.parts.db.write(visit.who, form.key(request), "/desk") as tx:
            act(tx, proven)
    except (Refused, Invalid) as wrong:
        return _draw(request, visit, work_id, errors_of(wrong))
    return see_other("/desk")
