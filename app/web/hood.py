"""The hood's tablet: one dose led step by step."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, File, Form, Request, UploadFile
from pydantic import Field
from starlette.responses import Response

from app.core.errors import Invalid, Refused
from app.core.permissions import May
from app.core.workflow import State
from app.db.session import Tx
from app.identity.actions import prove_for_signature
from app.identity.queries import needs_full
from app.labels.queries import said_of_printing
from app.orders.queries import why_not_current
from app.stations.photos import LARGEST, read_picture
from app.web.balance_check import not_checked
from app.web.forms import Post, PostForm, Reason, Sign, errors_of, status_of
from app.web.pages import patient_line, render
from app.web.pan import FROZEN, on_the_pan
from app.web.parts import Parts
from app.web.session import Visitor, may, see_other
from compounding import check_actions, hood_actions, scan_actions
from compounding.instructions import instruction, lines, short
from compounding.opened import Opened
from compounding.procedure import Pair, label_serial, may_redo, steps_of
from compounding.queries import opened
from compounding.records import Redone, Scanned, Stopped
from compounding.weighing import gauge

router = APIRouter(prefix="/hood")
Preparer = Annotated[Visitor, Depends(may(May.PREPARE))]

WASTED = ("Wrong amount", "Spilled or dropped", "Contaminated", "Particles or colour", "Order stopped or changed")
TAKEN_BACK = ("Label to be applied anew", "Photo to be taken again", "Something seen after signing")


class ScanForm(PostForm):
    scan: Annotated[str, Field(max_length=400)]
    step: str = Field("", max_length=80)


class WeighForm(PostForm):
    step: Annotated[str, Field(max_length=80)]
    seq: str = Field("", max_length=20)
    insist: bool = False


class StepForm(PostForm):
    step: Annotated[str, Field(max_length=80)]


class RedoForm(StepForm):
    reason: str = Field("", max_length=200)


@router.get("/{work_id:int}")
def step_page(request: Request, visit: Preparer, work_id: int) -> Response:
    """The one instruction that counts now."""
    return _draw(request, visit, work_id)


def _draw(request: Request, visit: Visitor, work_id: int, wrong: Refused | Invalid | None = None) -> Response:
    """Draw the step that waits, with what is wrong above it; the next right scan or weight clears it."""
    parts, who = visit.parts, visit.who
    assert who is not None
    with parts.db.read() as session:
        at = opened(session, work_id)
        stopped = why_not_current(session, at.order)
        signs = at.where.current is None
        full = signs and needs_full(session, who)
        serial = label_serial(at.where)
        printing = said_of_printing(session, serial) if serial and isinstance(at.where.current, Pair) else None
    if at.state is not State.MAKING or at.item.holder_id != who.person_id:
        if wrong:
            raise wrong
        return see_other("/hood")
    now = instruction(at.sheet, at.where)
    topics = [f"work:{work_id}", f"order:{at.order.order_id}", "printing"]
    if now.kind == "weigh":
        topics.append(f"weigh:{work_id}")
    step = at.where.current
    band = gauge(at.sheet, at.where, step) if now.kind == "weigh" and step is not None else None  # type: ignore[arg-type]
    return render(
        request, visit, "hood/step.html", at.sheet.title, topics=topics, status=status_of(wrong),
        at=at, do=now, lines=lines(at.sheet, at.where), stopped=stopped, band=band, full=full, errors=errors_of(wrong),
        patient=patient_line(at.order.patient, at.order.place, parts.clock(), at.order.zone), last=_last(at),
        shown=check_actions.shown_sha256(at) if signs else "", printing=printing,
        not_checked=not_checked(visit) if now.kind == "weigh" else None,
    )  # fmt: skip


def _last(at: Opened) -> dict[str, str] | None:
    """What was accepted last, read back once."""
    if not at.records:
        return None
    record = at.records[-1]
    match record.facts:
        case Scanned(lot=lot, expiry=expiry, package_id=package_id):
            name = next((c.name for c in at.where.bound.values() if c.package_id == package_id), "")
            return {"key": f"{at.item.id}-{record.number}", "words": name, "lot": lot, "expiry": f"{expiry:%d-%b-%Y}"}
        case Stopped() | Redone():
            return None
        case _:
            return {"key": f"{at.item.id}-{record.number}", "words": "", "lot": "", "expiry": ""}


@router.post("/{work_id:int}/scan")
def scan(request: Request, visit: Preparer, work_id: int, form: Annotated[ScanForm, Form()]) -> Response:
    """A scan of anything: container, card, label, tray."""
    return _act(request, visit, work_id, form, lambda tx, p: scan_actions.scan(tx, work_id, form.scan, p.house))


@router.post("/{work_id:int}/weigh")
def weigh(request: Request, visit: Preparer, work_id: int, form: Annotated[WeighForm, Form()]) -> Response:
    """Accept what lies still on the pan: sent by the page by itself when it is in range, or by a tap."""

    def act(tx: Tx, parts: Parts) -> None:
        # Read after the once-key: a tap that came twice is answered, though nothing lies still any more.
        pan = on_the_pan(visit, parts.since(work_id))
        hood_actions.weigh(tx, work_id, form.step, pan.weight, parts.house, insist=form.insist)
        if pan.frozen:
            raise Refused(FROZEN)
        taken.append(pan.read_at)

    taken: list[float] = []
    answer = _act(request, visit, work_id, form, act)
    for read_at in taken:
        visit.parts.weighed[visit.station.code] = read_at
    return answer


@router.post("/{work_id:int}/confirm")
def confirm(request: Request, visit: Preparer, work_id: int, form: Annotated[StepForm, Form()]) -> Response:
    """YES or NEXT by tap."""
    return _act(request, visit, work_id, form, lambda tx, p: hood_actions.confirm(tx, work_id, form.step, p.house))


@router.post("/{work_id:int}/photo")
def photo(
    request: Request,
    visit: Preparer,
    work_id: int,
    once: Annotated[str, Form(min_length=8, max_length=64)],
    photo: Annotated[UploadFile, File()],
    step: Annotated[str, Form(max_length=80)] = "",
) -> Response:
    """The photo of the labelled bag; it is kept before its record is, so that no record lacks its photo."""
    data = photo.file.read(LARGEST + 1)
    picture = read_picture(data)
    visit.parts.photos.put(picture)
    form = StepForm(once=once, step=picture.sha256)
    return _act(request, visit, work_id, form, lambda tx, p: hood_actions.photograph(tx, work_id, picture))


@router.get("/{work_id:int}/problem")
def problem_page(request: Request, visit: Preparer, work_id: int) -> Response:
    """What can be done when something is not as it should be."""
    with visit.parts.db.read() as session:
        at = opened(session, work_id)
    again = [
        (step.key, short(at.sheet.recipe, step))
        for step in steps_of(at.sheet.recipe)
        if may_redo(at.sheet, at.where, step.key)
    ]
    return render(
        request, visit, "hood/problem.html", "Problem", topics=[f"work:{work_id}"], at=at, again=again, reasons=WASTED,
        cannot_tell=instruction(at.sheet, at.where).kind == "weigh",
    )  # fmt: skip


@router.get("/{work_id:int}/reject")
def reject_page(request: Request, visit: Preparer, work_id: int) -> Response:
    """Why the dose is rejected; one tap."""
    with visit.parts.db.read() as session:
        at = opened(session, work_id)
    return render(request, visit, "hood/reject.html", "Reject", topics=[f"work:{work_id}"], at=at, reasons=WASTED)


@router.post("/{work_id:int}/redo")
def redo(request: Request, visit: Preparer, work_id: int, form: Annotated[RedoForm, Form()]) -> Response:
    """Do a step again."""
    reason = form.reason or "done again at the hood"
    return _act(request, visit, work_id, form, lambda tx, p: hood_actions.redo(tx, work_id, form.step, reason))


@router.post("/{work_id:int}/help")
def call_help(request: Request, visit: Preparer, work_id: int, form: Reason) -> Response:
    """Call a pharmacist, or say that it is no longer needed."""
    return _act(request, visit, work_id, form, lambda tx, p: hood_actions.ask_for_help(tx, work_id, form.why))


@router.post("/{work_id:int}/reprint")
def reprint(request: Request, visit: Preparer, work_id: int, form: Reason) -> Response:
    """Print the label again under a new serial."""
    return _act(request, visit, work_id, form, lambda tx, p: hood_actions.reprint(tx, work_id, form.why, p.house))


@router.post("/{work_id:int}/pause")
def pause(request: Request, visit: Preparer, work_id: int, form: Post) -> Response:
    """Put the dose aside in its tray."""
    return _act(request, visit, work_id, form, lambda tx, p: hood_actions.pause(tx, work_id), "/hood")


@router.post("/{work_id:int}/drop")
def drop(request: Request, visit: Preparer, work_id: int, form: Reason) -> Response:
    """Reject the dose: it is wasted and to be made again."""
    return _act(request, visit, work_id, form, lambda tx, p: check_actions.drop(tx, work_id, form.why), "/hood")


@router.get("/{work_id:int}/take-back")
def take_back_page(request: Request, visit: Preparer, work_id: int) -> Response:
    """A dose that waits for its check can be taken back by its preparer, for a reason."""
    with visit.parts.db.read() as session:
        at = opened(session, work_id)
    if at.state is not State.MADE:
        return see_other("/hood")
    mine = visit.who is not None and at.item.holder_id == visit.who.person_id
    return render(
        request, visit, "hood/take_back.html", "Made", topics=[f"work:{work_id}"], at=at, mine=mine, reasons=TAKEN_BACK
    )


@router.post("/{work_id:int}/take-back")
def take_back(request: Request, visit: Preparer, work_id: int, form: Reason) -> Response:
    """Take a dose back from the check queue."""
    return _act(request, visit, work_id, form, lambda tx, p: check_actions.take_back(tx, work_id, form.why))


@router.post("/{work_id:int}/sign")
def sign(request: Request, visit: Preparer, work_id: int, form: Sign) -> Response:
    """Sign as prepared; the dose then stands in the check queue."""
    assert visit.who is not None
    try:
        proven = prove_for_signature(visit.parts.db, visit.who, form.given())
        with visit.parts.db.write(visit.who, form.key(request), "/hood") as tx:
            check_actions.finish(tx, work_id, proven, form.shown)
    except (Refused, Invalid) as wrong:
        return _draw(request, visit, work_id, Invalid(errors_of(wrong)))
    return see_other("/hood")


def _act(
    request: Request, visit: Visitor, work_id: int, form: PostForm, act: Any, location: str | None = None
) -> Response:
    """Do one act of the hood and go back to the step that is next; a refusal is shown on the step that waits."""
    parts, who = visit.parts, visit.who
    assert who is not None
    try:
        with parts.db.write(who, form.key(request), location or f"/hood/{work_id}") as tx:
            act(tx, parts)
    except Refused as wrong:
        return _draw(request, visit, work_id, wrong)
    parts.acted(work_id)
    return see_other(tx.location)
