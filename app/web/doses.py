"""Where is my dose? Its history whatever way it comes, 'not here' with one tap, and found again."""

from decimal import Decimal
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request
from pydantic import Field
from starlette.responses import Response

from app.core.errors import Invalid, Refused
from app.core.permissions import May, allowed
from app.core.quantity import Quantity
from app.custody.bag import answer, where_to_look
from app.custody.whereabouts import GONE, MAY_FOLLOW, What
from app.web.forms import Post, PostForm, errors_of, status_of
from app.web.pages import patient_line, render
from app.web.scans import home_of, is_nurse, notes_of, place_of
from app.web.session import Signed, Visitor, may, see_other
from unitdose import container_actions, missing_actions
from unitdose.container_queries import standing_for
from unitdose.history import DoseHistory
from unitdose.history_queries import dose_history, line_history
from unitdose.missing_queries import look_for
from unitdose.old_label_queries import doses_as_before, is_void
from unitdose.ward_queries import next_cart
from unitdose.ways import coming

router = APIRouter()


class CountForm(PostForm):
    left: str = Field("", max_length=10)


Nurse = Annotated[Visitor, Depends(may(May.RECEIVE_DOSE))]
Reader = Annotated[Visitor, Depends(may(May.SEE_RECORD))]


@router.get("/ward/doses/{dose_id:int}")
def dose_page(request: Request, visit: Reader, dose_id: int) -> Response:
    """Where is the dose? One sentence of why and when, the last scan, where to look, and every instant."""
    with visit.parts.db.read() as session:
        return _page(request, visit, session, dose_history(session, dose_id), f"/ward/doses/{dose_id}")


@router.get("/ward/lines/{line_id:int}")
def line_page(request: Request, visit: Reader, line_id: int, label: str = "") -> Response:
    """The same for one line, by the label of its dose too (`label`); as-needed stock has no dose of its own."""
    with visit.parts.db.read() as session:
        void = label if is_void(session, label) else ""
        return _page(request, visit, session, line_history(session, line_id), f"/ward/lines/{line_id}", void)


def _page(
    request: Request,
    visit: Visitor,
    session: Any,
    dose: DoseHistory,
    address: str,
    void: str = "",
    wrong: Refused | Invalid | None = None,
) -> Response:
    now, order, bag = visit.parts.clock(), dose.order, dose.bag
    come = None
    look: tuple[str, ...] = where_to_look(bag) if bag else ()
    others: tuple[Any, ...] = ()
    if dose.room != "iv":
        come = coming(dose, now, next_cart(session, order.unit, dose.due_at) if not dose.lines else None)
        look, others = look_for(session, dose, now)
    inside = [line for line in dose.all_lines if line.inside]
    old = {line.drawer.old_label for line in inside if line.drawer and line.drawer.old_label}
    old |= set(doses_as_before(session, [line.line_id for line in inside]).values())
    can_miss = [line for line in dose.lines if line.report is None and line.where.stage in MAY_FOLLOW[What.NOT_HERE]]
    can_miss = [line for line in can_miss if line.packages and line.where.stage not in GONE]
    topics = ["ward", f"order:{order.order_id}", *(f"line:{line.line_id}" for line in dose.all_lines)]
    return render(
        request, visit, "ward/dose.html", "Where is the dose?", dose=dose, come=come, address=address, What=What,
        topics=[*topics, *([f"label:{bag.serial}"] if bag else [])], order=order, bag=bag,
        patient=patient_line(order.patient, order.place, now, order.zone), nurse=is_nurse(visit),
        said=answer(bag, now) if bag else None, look=look, others=others, home=home_of(visit),
        notes=notes_of(visit, bag) if bag else {}, can_miss=can_miss if _tells(visit) else [],
        as_before=sorted(each.words(order.zone) for each in old), void=void,
        settles=visit.who is not None and allowed(visit.who.roles, May.RESOLVE_MISSING),
        containers=_containers(session, dose), errors=errors_of(wrong), status=status_of(wrong),
    )  # fmt: skip


def _containers(session: Any, dose: DoseHistory) -> list[dict[str, Any]]:
    """The containers of many doses that serve a dose, each with what is known to stand on the ward."""
    found = []
    for line in dose.lines:
        if line.package is not None and line.package.uses is not None:
            stands = standing_for(session, dose.order.order_id, line.package.package_id)
            left = stands.uses_left if stands is not None else None
            told = None if left is None else Quantity(left, line.package.counted_as)
            found.append({"line_id": line.line_id, "package": line.package, "stands": stands, "left": told})
    return found


def _tells(visit: Visitor) -> bool:
    roles = visit.who.roles if visit.who else ()
    return allowed(roles, May.RECEIVE_DOSE) or allowed(roles, May.RESOLVE_MISSING)


@router.post("/ward/lines/{line_id:int}/not-here")
def not_here(request: Request, visit: Signed, line_id: int, form: Post) -> Response:
    """Say with one tap that a dose is not here; the page that follows says where to look."""
    assert visit.who is not None
    with visit.parts.db.read() as session:
        to = _address(line_history(session, line_id), line_id)
    with visit.parts.db.write(visit.who, form.key(request), to) as tx:
        missing_actions.not_here(tx, line_id, place_of(visit))
    return see_other(to)


@router.post("/ward/lines/{line_id:int}/count")
def count(request: Request, visit: Nurse, line_id: int, form: Annotated[CountForm, Form()]) -> Response:
    """Note how much is left in the container that serves this dose."""
    assert visit.who is not None
    with visit.parts.db.read() as session:
        to = _address(line_history(session, line_id), line_id)
    try:
        if not form.left.isdecimal():
            raise Invalid({"left": "Enter a whole number, as the counter on the container shows it."})
        with visit.parts.db.write(visit.who, form.key(request), to) as tx:
            container_actions.count(tx, line_id, Decimal(form.left))
    except (Refused, Invalid) as wrong:
        with visit.parts.db.read() as session:
            return _page(request, visit, session, line_history(session, line_id), to, wrong=wrong)
    return see_other(to)


@router.post("/ward/lines/{line_id:int}/found/{report_id:int}")
def found(request: Request, visit: Signed, line_id: int, report_id: int, form: Post) -> Response:
    """Say with one tap that it was found."""
    assert visit.who is not None
    with visit.parts.db.read() as session:
        to = _address(line_history(session, line_id), line_id)
    with visit.parts.db.write(visit.who, form.key(request), to) as tx:
        missing_actions.found(tx, report_id, place_of(visit))
    return see_other(to)


def _address(dose: DoseHistory, line_id: int) -> str:
    return f"/ward/doses/{dose.dose_id}" if dose.dose_id is not None else f"/ward/lines/{line_id}"
