"""The nurse's phone: her beds, what must come out, what is due and how it comes, the next hours as a picture."""

from collections.abc import Iterable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request
from pydantic import Field
from starlette.responses import Response

from app.core.errors import Refused
from app.core.permissions import May
from app.core.wording import tall_man
from app.custody import actions
from app.custody.bag import answer
from app.custody.beds import Bed, Beds
from app.custody.queries import beds_of, occupied
from app.custody.whereabouts import MAY_FOLLOW, Stage, What
from app.stations.queries import units
from app.web.forms import PostForm
from app.web.pages import render
from app.web.scans import Nurse, home_of, place_of
from app.web.session import Visitor, may, see_other
from unitdose import ward_actions
from unitdose.arrival_queries import arrivals
from unitdose.old_label_queries import labelled_as_before
from unitdose.timeline import Mark, line
from unitdose.ward_queries import AtWard, WardDose, named, ward

router = APIRouter()
Reader = Annotated[Visitor, Depends(may(May.SEE_RECORD))]

TOPICS = ["ward", "orders", "deliveries", "fills"]


class BedsForm(PostForm):
    beds: list[str] = Field(default_factory=list)


class TakeOutForm(PostForm):
    lines: list[int] = Field(default_factory=list)


@router.get("/ward")
def ward_page(request: Request, visit: Nurse) -> Response:
    """What must come out first; what came and waits; per patient what is due in three hours, and the rest."""
    now = visit.parts.clock()
    assert visit.who is not None
    with visit.parts.db.read() as session:
        beds = beds_of(session, visit.who.person_id, now)
        if beds is None:
            return see_other("/ward/beds")
        patients = ward(session, beds, now)
        mine = _units(session, beds)
        came, astray = arrivals(session, mine, now)
        as_before = [each for each in labelled_as_before(session, now) if each.drawer.where.unit_id in mine]
    return render(
        request, visit, "ward/list.html", "My beds", topics=TOPICS, beds=beds, patients=patients, came=came,
        astray=astray, as_before=as_before, can_miss=MAY_FOLLOW[What.NOT_HERE], why=lambda each: answer(each, now).why,
    )  # fmt: skip


def _units(session: Any, beds: Beds) -> list[int]:
    mine = {bed.unit for bed in beds.picked}
    return [unit.id for unit in units(session) if unit.code in mine]


@router.post("/ward/take-out")
def take_out(request: Request, visit: Nurse, form: Annotated[TakeOutForm, Form()]) -> Response:
    """Note with one tap that everything of an order was taken out of its drawers."""
    assert visit.who is not None
    with visit.parts.db.write(visit.who, form.key(request), "/ward") as tx:
        ward_actions.take_out(tx, form.lines, place_of(visit))
    return see_other("/ward")


@router.get("/ward/beds")
def beds_page(request: Request, visit: Nurse) -> Response:
    """Pick the beds of this shift."""
    return _beds_page(request, visit, {})


def _beds_page(request: Request, visit: Visitor, errors: dict[str, str]) -> Response:
    assert visit.who is not None
    with visit.parts.db.read() as session:
        mine = beds_of(session, visit.who.person_id, visit.parts.clock())
        found = occupied(session)
    by_unit: dict[str, tuple[str, list[Any]]] = {}
    for each in found:
        by_unit.setdefault(each.bed.unit, (each.unit_name, []))[1].append(each)
    return render(
        request, visit, "ward/beds.html", "Pick your beds", units=by_unit, mine=mine, errors=errors, Bed=Bed,
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


@router.get("/ward/find")
def find_page(request: Request, visit: Reader, name: str = "") -> Response:
    """Find a patient's doses by name or record number, whoever's beds they are in."""
    with visit.parts.db.read() as session:
        found = named(session, name[:80], visit.parts.clock())
    return render(request, visit, "ward/find.html", "Find a dose", name=name[:80], found=found, home=home_of(visit))


# --- the next hours as a picture ------------------------------------------------------------------------------------


@router.get("/ward/map")
def map_page(request: Request, visit: Nurse) -> Response:
    """A line for each patient: what is due in which hour, and how it stands, as shapes."""
    now = visit.parts.clock()
    assert visit.who is not None
    with visit.parts.db.read() as session:
        beds = beds_of(session, visit.who.person_id, now)
        if beds is None:
            return see_other("/ward/beds")
        patients = ward(session, beds, now)
    rows = [(at, line(list(_marks(at, now)), now, at.zone, f"/ward#patient-{at.patient.id}")) for at in patients]
    legend = dict.fromkeys((shape.state for _, drawn in rows for shape in drawn.shapes))
    return render(
        request, visit, "ward/map.html", "Next hours", topics=TOPICS, rows=rows, beds=beds, legend=list(legend)
    )


def _marks(at: AtWard, now: Any) -> Iterable[Mark]:
    for each in (*at.soon, *at.later):
        if each.due_at is None:
            continue
        state, word = mark_of(each)
        waits = each.where.stage not in (Stage.RECEIVED, Stage.GIVEN) and state in ("waiting", "now")
        if waits and each.order.late_after(each.due_at) < now and (each.coming is None or each.coming.state != "held"):
            state, word = "caution", f"late, {word}"
        address = f"/ward/doses/{each.dose_id}" if each.dose_id else f"/ward#patient-{at.patient.id}"
        yield Mark(each.due_at, state, word, _what(each), address)
    for out in at.take_out:
        for due_at in out.dues:
            yield Mark(due_at, "stop", "take out", out.shown, "/ward")


def mark_of(each: WardDose) -> tuple[str, str]:
    """The shape and the word of a dose."""
    if each.coming is not None:
        return each.coming.state, each.coming.word
    return each.where.shape, each.where.word


def _what(each: WardDose) -> str:
    return " + ".join(f"{tall_man(each.order.names[code])} {dose}" for code, dose in each.order.doses.items())
