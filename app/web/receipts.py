"""What came to a ward: accepted as a whole or by drawer, rejected with a reason, sent on or taken in with a patient."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request
from pydantic import Field
from starlette.responses import Response

from app.core.errors import Missing, Refused
from app.core.permissions import May
from app.core.workflow import State
from app.custody.queries import beds_of
from app.custody.whereabouts import MAY_FOLLOW, Stage, What
from app.orders.queries import patient_facts
from app.stations.queries import units
from app.web.forms import Post, PostForm
from app.web.pages import patient_line, render
from app.web.scans import Nurse, home_of, is_nurse, place_of
from app.web.session import Visitor, may, see_other
from unitdose import receipt_actions
from unitdose.arrival_queries import arrivals, contents
from unitdose.delivery_queries import lies, parcel_of
from unitdose.history_queries import drawer_lines
from unitdose.old_label_queries import doses_as_before, is_void
from unitdose.parcel import DrawerParcel
from unitdose.tote_queries import drawers_in

router = APIRouter()
Reader = Annotated[Visitor, Depends(may(May.SEE_RECORD))]


class DrawersForm(PostForm):
    drawers: list[int] = Field(default_factory=list)


class RejectForm(PostForm):
    reason: Annotated[str, Field(max_length=80)] = ""
    other: Annotated[str, Field(max_length=200)] = ""

    @property
    def why(self) -> str:
        return self.other if self.reason in ("", "other") else self.reason


@router.get("/ward/deliveries")
def deliveries_page(request: Request, visit: Nurse, tote: str = "") -> Response:
    """What came and waits for a nurse: the drawers of her wards, or of the tote that she scanned."""
    return _deliveries_page(request, visit, tote, {})


def _deliveries_page(request: Request, visit: Visitor, tote: str, errors: dict[str, str]) -> Response:
    now = visit.parts.clock()
    assert visit.who is not None
    with visit.parts.db.read() as session:
        beds = beds_of(session, visit.who.person_id, now)
        mine = {bed.unit for bed in beds.picked} if beds else set()
        wards = [unit.id for unit in units(session) if not mine or unit.code in mine]
        came, astray = arrivals(session, wards, now)
        if tote:
            inside = drawers_in(session, tote)
            came = tuple(each for each in came if each.drawer.work_id in inside)
    return render(
        request, visit, "ward/deliveries.html", "What came", topics=["ward", "deliveries"], came=came, astray=astray,
        tote=tote, errors=errors, status=422 if errors else 200, reasons=receipt_actions.REASONS,
    )  # fmt: skip


@router.post("/ward/deliveries/accept")
def accept(request: Request, visit: Nurse, form: Annotated[DrawersForm, Form()]) -> Response:
    """Accept the drawers that are ticked."""
    assert visit.who is not None
    left: dict[int, str] = {}
    try:
        with visit.parts.db.write(visit.who, form.key(request), "/ward") as tx:
            _, left = receipt_actions.accept_all(tx, form.drawers, place_of(visit))
            if left:
                tx.location = "/ward/deliveries"
    except Refused as wrong:
        return _deliveries_page(request, visit, "", {"": str(wrong)})
    if left:
        return _deliveries_page(request, visit, "", {"": " ".join(dict.fromkeys(left.values()))})
    return see_other("/ward")


@router.get("/drawers/{work_id:int}")
def drawer_page(request: Request, visit: Reader, work_id: int, label: str = "") -> Response:
    """One drawer by its label: whose it is, what is in it, and what may be done with it here."""
    return _drawer_page(request, visit, work_id, {}, label)


def _drawer_page(
    request: Request, visit: Visitor, work_id: int, errors: dict[str, str], label: str = ""
) -> Response:
    now = visit.parts.clock()
    with visit.parts.db.read() as session:
        drawer = parcel_of(session, work_id)
        if drawer is None:
            raise Missing("This drawer does not exist, or has no label.")
        patient = patient_facts(session, drawer.patient_id)
        here = lies(session, {drawer.patient_id}).get(drawer.patient_id)
        inside = contents(session, [drawer])[work_id]
        lines = drawer_lines(session, work_id)
        doses = doses_as_before(session, [line.line_id for line in lines if line.inside])
        void = bool(label) and label in drawer.serials and is_void(session, label)
    zone = here.zone if here else visit.parts.settings.zone
    stage = drawer.where.stage
    released = drawer.state is State.RELEASED
    nurse = is_nurse(visit)
    return render(
        request, visit, "ward/drawer.html", drawer.called.capitalize(), drawer=drawer, here=here, inside=inside,
        lines=lines, zone=zone, nurse=nurse, errors=errors,
        out=[line for line in lines if line.why_out and line.in_drawer > 0], What=What, home=home_of(visit),
        patient=patient_line(patient, here.place if here else "not in the hospital", now, zone),
        topics=["ward", "deliveries", f"work:{work_id}", *(f"label:{serial}" for serial in drawer.serials)],
        doses=doses, label=label if void else "",
        accepts=nurse and released and drawer.old_label is None and stage in _TO_ACCEPT,
        moves=nurse and stage in MAY_FOLLOW[What.SENT_ON] and (here is None or here.unit_id != drawer.where.unit_id),
        comes=nurse and stage is Stage.WITH_PATIENT, reasons=receipt_actions.REASONS,
        stop=_stop(drawer, void), status=422 if errors else 200,
    )  # fmt: skip


_TO_ACCEPT = tuple(stage for stage in MAY_FOLLOW[What.RECEIVED] if stage is not Stage.RECEIVED)


def _stop(drawer: DrawerParcel, void: bool) -> tuple[str, str]:
    """Why nothing of a drawer may be given, in the words of a scan, and what to do now; ('', '') where it may."""
    if drawer.state is not State.RELEASED:
        title = "Do not give." if drawer.state is State.REFUSED else "Not checked. Do not give."
        return title, "Nothing of this drawer may be given. Send it back to the pharmacy as it is."
    if drawer.old_label:
        words = drawer.old_label.words(drawer.zone)
        return "Do not give. Ask the pharmacy.", f"{words[:1].upper()}{words[1:]}. The pharmacy prints a new label."
    if void:
        return "This label is void.", "Another one was printed for this drawer. Take this one off, put the new one on."
    return "", ""


@router.post("/drawers/{work_id:int}/accept")
def accept_one(request: Request, visit: Nurse, work_id: int, form: Post) -> Response:
    """Accept this drawer."""
    return _act(request, visit, work_id, form, "/ward", lambda tx: receipt_actions.accept(tx, work_id, place_of(visit)))


@router.post("/drawers/{work_id:int}/reject")
def reject(request: Request, visit: Nurse, work_id: int, form: Annotated[RejectForm, Form()]) -> Response:
    """Reject this drawer with a reason."""

    def act(tx: Any) -> None:
        receipt_actions.reject(tx, work_id, form.why, place_of(visit))

    return _act(request, visit, work_id, form, "/ward/deliveries", act)


@router.post("/drawers/{work_id:int}/send-on")
def send_on(request: Request, visit: Nurse, work_id: int, form: Post) -> Response:
    """Send this drawer on with its patient."""

    def act(tx: Any) -> None:
        receipt_actions.send_on(tx, work_id, place_of(visit))

    return _act(request, visit, work_id, form, "/ward", act)


@router.post("/drawers/{work_id:int}/take-in")
def take_in(request: Request, visit: Nurse, work_id: int, form: Post) -> Response:
    """Take this drawer in: it came with its patient."""

    def act(tx: Any) -> None:
        receipt_actions.come_along(tx, work_id, place_of(visit))

    return _act(request, visit, work_id, form, f"/drawers/{work_id}", act)


def _act(request: Request, visit: Visitor, work_id: int, form: PostForm, to: str, act: Any) -> Response:
    assert visit.who is not None
    try:
        with visit.parts.db.write(visit.who, form.key(request), to) as tx:
            act(tx)
    except Refused as wrong:
        return _drawer_page(request, visit, work_id, {"": str(wrong)})
    return see_other(to)
