"""The nurse's phone and every scan of a label: her beds, where a dose is, receiving it; and handing it over."""

import io
from typing import Annotated, Any

import zxingcpp
from fastapi import APIRouter, Depends, File, Form, Request, UploadFile
from PIL import Image
from pydantic import Field
from starlette.responses import Response

from app.core.codes import read_code
from app.core.errors import Invalid, Refused
from app.core.permissions import May, allowed
from app.custody import actions
from app.custody.bag import Answer, Kind, answer, elsewhere, just_received, must_come_out, where_to_look
from app.custody.beds import Bed
from app.custody.pharmacy_queries import ready
from app.custody.queries import bag, beds_of, dose_awaited, named, occupied, ward_list
from app.custody.whereabouts import MAY_FOLLOW, Stage, What
from app.labels.content import typed_serial
from app.stations.photos import LARGEST, read_picture
from app.web.forms import Post, PostForm
from app.web.pages import patient_line, render
from app.web.session import ANYWHERE, Signed, Visitor, may, see_other

router = APIRouter()
Nurse = Annotated[Visitor, Depends(may(May.RECEIVE_DOSE))]
Reader = Annotated[Visitor, Depends(may(May.SEE_RECORD))]

CHIPS = {
    Stage.RELEASED: "now",
    Stage.ON_ITS_WAY: "now",
    Stage.RECEIVED: "ok",
    Stage.MISSING: "caution",
    Stage.TAKEN_OUT: "held",
    Stage.RETURNED: "held",
    Stage.DAMAGED: "held",
}
NOTES = {
    "not-here": What.NOT_HERE,
    "found": What.FOUND,
    "taken-out": What.TAKEN_OUT,
    "returned": What.RETURNED,
    "damaged": What.DAMAGED,
}
NOT_OURS = (
    "This is not the code of a label made here. Scan the square code beside the number that begins with L-, or type "
    "that number."
)
UNREADABLE = "No code can be read in this picture. Hold the label flat, come closer, and take it again."
WORDS = {What.NOT_HERE: "Not here", What.FOUND: "Found it", What.TAKEN_OUT: "Taken out", What.DAMAGED: "Damaged"}


class LabelForm(PostForm):
    scan: Annotated[str, Field(max_length=400)]


class BedsForm(PostForm):
    beds: list[str] = Field(default_factory=list)


def serial_of(scan: str) -> str:
    """The label serial in a scan or in what was typed. Raises Refused in words that say what to scan."""
    code = read_code(scan)
    if code is not None and code.kind != "label":
        raise Refused(f"This is a {code.kind}, not the label of a dose. Scan the label.")
    serial = typed_serial(code.text if code else scan)
    if serial is None:
        raise Refused(NOT_OURS)
    return serial


def serials_in(picture: bytes) -> list[str]:
    """The label serials in a photo, each once; other codes in it do not count. Raises Invalid when there is none."""
    with Image.open(io.BytesIO(picture)) as image:
        codes = zxingcpp.read_barcodes(image.convert("L"))
    found = [serial for code in codes if code.text.startswith("L-") and (serial := typed_serial(code.text))]
    if not found:
        raise Invalid({"photo": NOT_OURS if codes else UNREADABLE})
    return list(dict.fromkeys(found))


def place_of(visit: Visitor) -> str:
    """Where somebody stands who notes something: the station's name."""
    return visit.station.name if visit.station.code != ANYWHERE else "a device without a place"


def home_of(visit: Visitor) -> str:
    """Where 'Back' leads: the ward for a nurse, the queue for a checker, what is to be handed over for the rest."""
    if _is_nurse(visit):
        return "/ward"
    return "/desk" if visit.who is not None and allowed(visit.who.roles, May.CHECK) else "/handover"


def _is_nurse(visit: Visitor) -> bool:
    return visit.who is not None and allowed(visit.who.roles, May.RECEIVE_DOSE)


# --- her beds and what is due ---------------------------------------------------------------------------------------


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
        patient=patient_line(order.patient, order.place, now, order.zone), nurse=_is_nurse(visit),
        said=answer(found, now) if found else None, look=where_to_look(found) if found else (),
        home=home_of(visit), notes=_notes(visit, found) if found else {}, told=dose.where.stage is Stage.MISSING,
    )  # fmt: skip


@router.get("/ward/find")
def find_page(request: Request, visit: Reader, name: str = "") -> Response:
    """Find a patient's doses by name or record number, whoever's beds they are in."""
    with visit.parts.db.read() as session:
        found = named(session, name[:80], visit.parts.clock())
    return render(
        request, visit, "ward/find.html", "Find a dose", name=name[:80], found=found, chips=CHIPS, home=home_of(visit)
    )


# --- scanning -------------------------------------------------------------------------------------------------------


@router.post("/ward/scan")
def ward_scan(request: Request, visit: Nurse, form: Annotated[LabelForm, Form()]) -> Response:
    """A nurse's scan receives what may be given to her patients; of all else the screen says why not."""
    return _scan(request, visit, form)


@router.get("/scan")
def scan_page(request: Request, visit: Signed) -> Response:
    """Scan any label: the screen says how its dose stands."""
    return _scan_page(request, visit, {})


def _scan_page(request: Request, visit: Visitor, errors: dict[str, str]) -> Response:
    return render(
        request, visit, "ward/scan.html", "Scan a label", errors=errors, status=422 if errors else 200,
        scan_to=_scan_to(visit), home=home_of(visit),
    )  # fmt: skip


@router.post("/scan")
def scan(request: Request, visit: Signed, form: Annotated[LabelForm, Form()]) -> Response:
    """Note the scan and say how the dose stands; nothing is received by it."""
    return _scan(request, visit, form)


def _scan(request: Request, visit: Visitor, form: LabelForm) -> Response:
    try:
        serial = serial_of(form.scan)
    except Refused as wrong:
        return _scan_page(request, visit, {"scan": str(wrong)})
    return _scanned(request, visit, form, serial, receives=request.url.path == "/ward/scan")


def _scanned(request: Request, visit: Visitor, form: LabelForm, serial: str, *, receives: bool) -> Response:
    assert visit.who is not None
    with visit.parts.db.write(visit.who, form.key(request), f"/scan/{serial}") as tx:
        if not receives:
            actions.look(tx, serial, place_of(visit))
        elif actions.scan_on_ward(tx, serial, place_of(visit)).kind is Kind.NOW_RECEIVED:
            tx.location = f"/scan/{serial}?said=received"
    return see_other(tx.location)


@router.get("/scan/picture")
def picture_page(request: Request, visit: Signed) -> Response:
    """Take a picture of a label, where there is no scanner."""
    return _picture_page(request, visit, {})


def _picture_page(request: Request, visit: Visitor, errors: dict[str, str], several: Any = ()) -> Response:
    return render(
        request, visit, "ward/picture.html", "Picture of a label", errors=errors, several=several,
        status=422 if errors else 200, nurse=_is_nurse(visit), scan_to=_scan_to(visit), home=home_of(visit),
    )  # fmt: skip


@router.post("/scan/picture")
def picture(
    request: Request,
    visit: Signed,
    once: Annotated[str, Form(min_length=8, max_length=64)],
    photo: Annotated[UploadFile, File()],
) -> Response:
    """Read the codes in a picture, then do as a scan does; of several labels, one is to be chosen. It is not kept."""
    try:
        serials = serials_in(read_picture(photo.file.read(LARGEST + 1)).jpeg)
    except Invalid as wrong:
        return _picture_page(request, visit, wrong.fields)
    if len(serials) > 1:
        with visit.parts.db.read() as session:
            several = [bag(session, serial) for serial in serials]
        return _picture_page(request, visit, {}, several)
    form = LabelForm(once=once, scan=serials[0])
    return _scanned(request, visit, form, serials[0], receives=_is_nurse(visit))


@router.get("/scan/{serial}")
def answer_page(request: Request, visit: Signed, serial: str, said: str = "") -> Response:
    """What the scan of a label answers."""
    now = visit.parts.clock()
    assert visit.who is not None
    with visit.parts.db.read() as session:
        found = bag(session, serial_of(serial))
        mine = beds_of(session, visit.who.person_id, now) if _is_nurse(visit) else None
    spoken = answer(found, now)
    if spoken.kind is Kind.FREE and mine is not None and not mine.cover(found.order.unit, found.order.bed):
        spoken = elsewhere(found)
    if spoken.kind is Kind.RECEIVED and said == "received":
        spoken = just_received(found)
    order = found.order
    topics = [f"label:{found.serial}", f"order:{order.order_id}", f"work:{found.work_id}"]
    return render(
        request, visit, "ward/answer.html", spoken.title.rstrip("."), topics=topics, Kind=Kind, bag=found,
        spoken=spoken, nurse=_is_nurse(visit), notes=_notes(visit, found), scan_to=_scan_to(visit),
        home=home_of(visit), patient=patient_line(order.patient, order.place, now, order.zone), said=said,
        stops=spoken.kind in (Kind.UNCHECKED, Kind.DO_NOT_GIVE), out=must_come_out(found, now),
        may_hand_over=actions.may_hand_over(visit.who) and _can(found, What.HANDED_OVER, spoken),
    )  # fmt: skip


def _can(found: Any, what: What, spoken: Answer) -> bool:
    return spoken.kind is Kind.FREE and found.where.stage in MAY_FOLLOW[what]


def _notes(visit: Visitor, found: Any) -> dict[str, str]:
    """What may be noted about a bag now, by whom is asking: the last part of its address, and its words."""
    assert visit.who is not None
    words = WORDS | {What.RETURNED: "Sent back" if _is_nurse(visit) else "It is back in the pharmacy"}
    pharmacy = actions.PHARMACY_NOTES if actions.may_hand_over(visit.who) else ()
    mine, stage = actions.WARD_NOTES if _is_nurse(visit) else pharmacy, found.where.stage
    return {way: words[what] for way, what in NOTES.items() if what in mine and stage in MAY_FOLLOW[what]}


def _scan_to(visit: Visitor) -> str:
    return "/ward/scan" if _is_nurse(visit) else "/scan"


@router.post("/scan/{serial}/receive")
def receive(request: Request, visit: Nurse, serial: str, form: Post) -> Response:
    """Receive with a tap what a scan did not: a dose for a bed that is not hers."""
    assert visit.who is not None
    with visit.parts.db.write(visit.who, form.key(request), f"/scan/{serial}?said=received") as tx:
        actions.receive(tx, serial_of(serial), place_of(visit))
    return see_other(f"/scan/{serial}?said=received")


@router.post("/scan/{serial}/{way}")
def note(request: Request, visit: Signed, serial: str, way: str, form: Post) -> Response:
    """Note with one tap what became of a dose; then the page that says where it is."""
    assert visit.who is not None
    if way not in NOTES:
        raise Refused("This can not be noted about a dose. Go back and choose one of its buttons.")
    with visit.parts.db.read() as session:
        dose_id = bag(session, serial_of(serial)).dose_id
    to = "/ward" if NOTES[way] is What.TAKEN_OUT and _is_nurse(visit) else f"/ward/doses/{dose_id}"
    with visit.parts.db.write(visit.who, form.key(request), to) as tx:
        actions.note(tx, serial_of(serial), NOTES[way], place_of(visit))
    return see_other(to)


# --- the pharmacy hands over ----------------------------------------------------------------------------------------


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

