"""The pharmacist's check of carts, drawer by drawer: exceptions first, planned beside scanned, and a signature."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from app.core.errors import Invalid, Refused
from app.core.permissions import May
from app.core.wording import time_zone
from app.core.workflow import offered
from app.identity.actions import prove_for_signature
from app.identity.queries import needs_full
from app.orders.queries import patient_facts
from app.web.forms import Reason, Sign, SignReason
from app.web.pages import patient_line, render
from app.web.session import Visitor, may, see_other
from app.work.queries import actor_for
from unitdose import check_actions
from unitdose.check_queries import check_queue
from unitdose.checking import seen_lines, sentence
from unitdose.drawer_queries import drawer_blockers, drawer_sha256, drawer_standing

router = APIRouter()
Checker = Annotated[Visitor, Depends(may(May.CHECK))]

REASONS = ("Wrong package in the drawer", "A package is missing", "A package is damaged", "Label not readable")
WASTE = ("Discarded in pharmaceutical waste", "Discarded in hazardous waste", "Kept for inquiry")


@router.get("/cart-checks")
def queue_page(request: Request, visit: Checker) -> Response:
    """The drawers that wait for a pharmacist, the next cart to leave first."""
    with visit.parts.db.read() as session:
        rows = check_queue(session)
    mine = visit.who.person_id if visit.who else None
    return render(
        request, visit, "cartcheck/queue.html", "Cart checks", topics=["cart checks"], current="/cart-checks",
        rows=rows, mine=mine,
    )  # fmt: skip


@router.get("/cart-checks/{work_id:int}")
def drawer_page(request: Request, visit: Checker, work_id: int) -> Response:
    """One drawer on one screen."""
    return _draw(request, visit, work_id, {})


def _draw(request: Request, visit: Visitor, work_id: int, errors: dict[str, str]) -> Response:
    assert visit.who is not None
    now = visit.parts.clock()
    with visit.parts.db.read() as session:
        standing = drawer_standing(session, work_id)
        patient = patient_facts(session, standing.facts.patient_id)
        events = {each.value for each in offered(standing.facts.state, actor_for(session, visit.who, work_id))}
        blockers = drawer_blockers(session, standing, releasing=True)
        full = needs_full(session, visit.who)
        behind = [each for each in check_queue(session) if each.work_id != work_id]
    zone = standing.fill.zone
    lines = seen_lines(standing, patient.born, now.astimezone(time_zone(zone)).date())
    place = standing.lines[0].order.place if standing.lines else ""
    return render(
        request, visit, "cartcheck/drawer.html", f"Drawer {standing.facts.number}", current="/cart-checks",
        topics=[f"work:{work_id}", f"fill:{standing.facts.fill_id}"], standing=standing, lines=lines, events=events,
        blockers=blockers, full=full, errors=errors, told=sentence(standing, lines), zone=zone,
        shown=drawer_sha256(standing), reasons=REASONS, waste=WASTE, waiting=len(behind),
        patient=patient_line(patient, place, now, zone), status=422 if errors else 200,
    )  # fmt: skip


@router.post("/cart-checks/{work_id:int}/release")
def release(request: Request, visit: Checker, work_id: int, form: Sign) -> Response:
    """Release a drawer with a signature, then show the next one of the same cart."""

    def act(tx: Any, proven: Any) -> None:
        check_actions.release(tx, work_id, proven, form.shown)

    return _signed(request, visit, work_id, form, act)


@router.post("/cart-checks/{work_id:int}/refuse")
def refuse(request: Request, visit: Checker, work_id: int, form: SignReason) -> Response:
    """Refuse a drawer: its packages are wasted and its doses filled again."""

    def act(tx: Any, proven: Any) -> None:
        check_actions.refuse(tx, work_id, proven, form.why, form.waste, form.shown)

    return _signed(request, visit, work_id, form, act)


@router.post("/cart-checks/{work_id:int}/withdraw")
def withdraw(request: Request, visit: Checker, work_id: int, form: SignReason) -> Response:
    """Withdraw a released drawer."""

    def act(tx: Any, proven: Any) -> None:
        check_actions.withdraw(tx, work_id, proven, form.why, form.waste, form.shown)

    return _signed(request, visit, work_id, form, act)


@router.post("/cart-checks/{work_id:int}/send-back")
def send_back(request: Request, visit: Checker, work_id: int, form: Reason) -> Response:
    """Send a drawer back to whoever filled it."""
    assert visit.who is not None
    with visit.parts.db.write(visit.who, form.key(request), "/cart-checks") as tx:
        check_actions.send_back(tx, work_id, form.why)
    return see_other("/cart-checks")


def _signed(request: Request, visit: Visitor, work_id: int, form: Any, act: Any) -> Response:
    """Prove who signs, do the act, go to the next drawer of the cart; a refusal is shown on the page that was read."""
    assert visit.who is not None
    try:
        proven = prove_for_signature(visit.parts.db, visit.who, form.given())
        with visit.parts.db.write(visit.who, form.key(request), "/cart-checks") as tx:
            act(tx, proven)
            tx.location = _next(tx.session, work_id, visit.who.person_id)
    except (Refused, Invalid) as wrong:
        fields = wrong.fields if isinstance(wrong, Invalid) else {"": str(wrong)}
        return _draw(request, visit, work_id, fields)
    return see_other(tx.location)


def _next(session: Any, work_id: int, person_id: int | None) -> str:
    """The next drawer of the same cart that this pharmacist may check, else the queue."""
    fill_id = drawer_standing(session, work_id).facts.fill_id
    waiting = [each for each in check_queue(session, fill_id) if each.made_by_id != person_id]
    later = [each for each in waiting if each.work_id > work_id]
    return f"/cart-checks/{(later or waiting)[0].work_id}" if waiting else "/cart-checks"
