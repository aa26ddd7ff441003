"""The nurse's phone: her beds, what must come out, what is due, and where a dose is."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request
from pydantic import Field
from starlette.responses import Response

from app.core.errors import Refused
from app.core.permissions import May
from app.custody import actions
from app.custody.bag import answer, where_to_look
from app.custody.beds import Bed
from app.custody.queries import beds_of, dose_awaited, named, occupied, ward_list
from app.custody.whereabouts import MAY_FOLLOW, Stage, What
from app.web.forms import PostForm
from app.web.pages import patient_line, render
from app.web.scans import CHIPS, Nurse, home_of, is_nurse, notes_of
from app.web.session import Visitor, may, see_other

router = APIRouter()
Reader = Annotated[Visitor, Depends(may(May.SEE_RECORD))]


class BedsForm(PostForm):
    beds: list[str] = Field(default_factory=list)


@router.get("/ward")
def ward_page(request: Request, visit: Nurse) -> Response:
    """Per patient: what must not be given, what is due in three hours, the rest of the day."""
    now = visit.parts.clock()
    assert visit.who is not None
    with visit.parts.db.read() as session:
        beds = beds_of(session, visit.who.person_id, now)
        patients = ward_list(session, beds, now) if beds else []
    if beds is None:
        return see_other("/ward/beds")
    return render(
        request, visit, "ward/list.html", "My beds", topics=["ward", "orders"], beds=beds, patients=patients,
        chips=CHIPS, can_miss=MAY_FOLLOW[What.NOT_HERE], why=lambda each: answer(each, now).why,
    )  # fmt: skip


@router.get("/ward/beds")
def beds_page(request: Request, visit: Nurse) -> Response:
    """Pick the beds of this shift."""
    return _beds_page(request, visit, {})


def _beds_page(request: Request, visit: Visitor, errors: dict[str, str]) -> Response:
    assert visit.who is not None
    with visit.parts.db.read() as session:
        mine = beds_of(session, visit.who.person_id, visit.parts.clock())
        found = occupied(session)
    units: dict[str, tuple[str, list[Any]]] = {}
    for each in found:
        units.setdefault(each.bed.unit, (each.unit_name, []))[1].append(each)
    return render(
        request, visit, "ward/beds.html", "Pick your beds", units=units, mine=mine, errors=errors, Bed=Bed,
        status=422 if errors else 200,
    )  # fmt: skip


@router.post("/ward/beds")
def pick(request: Request, visit: Nurse, form: Annotated[BedsForm, Form()]) -> Response:
    """Take on beds; a unit without a bed is all of it."""
    assert visit.who is not None
    beds = [Bed(unit, bed or None) for unit, _, bed in (each.partition("|") for each in form.beds)]
    try:
        with visit.parts.db.write(visit.who, form.key(request), "/ward") as tx:
            actions.pick_beds(tx, beds)
    except Refused as wrong:
        return _beds_page(request, visit, {"beds": str(wrong)})
    return see_other("/ward")


@router.get("/ward/doses/{dose_id:int}")
def dose_page(request: Request, visit: Reader, dose_id: int) -> Response:
    """Where is the dose? Its stage with every instant, the last scan, and where to look."""
    now = visit.parts.clock()
    with visit.parts.db.read() as session:
        dose, facts = dose_awaited(session, dose_id)
    order, found = dose.order, dose.bag
    return render(
        request, visit, "ward/dose.html", "Where is the dose?", dose=dose, facts=facts, chips=CHIPS, What=What,
        topics=["ward", f"order:{order.order_id}", *([f"label:{found.serial}"] if found else [])],
        patient=patient_line(order.patient, order.place, now, order.zone), nurse=is_nurse(visit),
        said=answer(found, now) if found else None, look=where_to_look(found) if found else (),
        home=home_of(visit), notes=notes_of(visit, found) if found else {}, told=dose.where.stage is Stage.MISSING,
    )  # fmt: skip


@router.get("/ward/find")
def find_page(request: Request, visit: Reader, name: str = "") -> Response:
    """Find a patient's doses by name or record number, whoever's beds they are in."""
    with visit.parts.db.read() as session:
        found = named(session, name[:80], visit.parts.clock())
    return render(
        request, visit, "ward/find.html", "Find a dose", name=name[:80], found=found, chips=CHIPS, home=home_of(visit)
    )
