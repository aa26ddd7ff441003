"""Every scan of a label: what it answers, receiving by it, and noting with one tap what became of a dose."""

import io
from typing import Annotated, Any

import zxingcpp
from fastapi import APIRouter, Depends, File, Form, Request, UploadFile
from PIL import Image
from pydantic import Field
from starlette.responses import Response

from app.core.codes import read_code
from app.core.errors import Invalid, Missing, Refused
from app.core.permissions import May, allowed
from app.custody import actions
from app.custody.bag import Answer, Kind, answer, elsewhere, just_received, must_come_out
from app.custody.queries import bag, beds_of
from app.custody.whereabouts import MAY_FOLLOW, What
from app.labels.serial import typed_serial
from app.stations.photos import LARGEST, read_picture
from app.web.forms import Post, PostForm
from app.web.pages import patient_line, render
from app.web.session import ANYWHERE, Signed, Visitor, may, see_other
from unitdose.label_queries import leads_to
from unitdose.old_label_queries import is_void
from unitdose.receipt_actions import look

router = APIRouter()
Nurse = Annotated[Visitor, Depends(may(May.RECEIVE_DOSE))]

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
    if is_nurse(visit):
        return "/ward"
    return "/desk" if visit.who is not None and allowed(visit.who.roles, May.CHECK) else "/deliveries"


def is_nurse(visit: Visitor) -> bool:
    return visit.who is not None and allowed(visit.who.roles, May.RECEIVE_DOSE)


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
    code = read_code(form.scan)
    if code is not None and code.kind == "tote":
        return see_other(f"/ward/deliveries?tote={code.text}" if is_nurse(visit) else f"/totes/{code.text}")
    try:
        serial = serial_of(form.scan)
    except Refused as wrong:
        return _scan_page(request, visit, {"scan": str(wrong)})
    return _scanned(request, visit, form, serial, receives=request.url.path == "/ward/scan")


def _scanned(request: Request, visit: Visitor, form: LabelForm, serial: str, *, receives: bool) -> Response:
    assert visit.who is not None
    try:
        with visit.parts.db.write(visit.who, form.key(request), f"/scan/{serial}") as tx:
            if (drawer := look(tx, serial, place_of(visit))) is not None:
                tx.location = f"/drawers/{drawer}" + _if_void(tx.session, serial)
            elif not receives:
                actions.look(tx, serial, place_of(visit))
            elif actions.scan_on_ward(tx, serial, place_of(visit)).kind is Kind.NOW_RECEIVED:
                tx.location = f"/scan/{serial}?said=received"
    except Missing:
        return _of_a_cart(visit, serial)
    return see_other(tx.location)


def _of_a_cart(visit: Visitor, serial: str) -> Response:
    """The page of a drawer, or of a dose that comes with one: what a cart brings is received there. Raises Missing."""
    with visit.parts.db.read() as session:
        found, void = leads_to(session, serial), _if_void(session, serial)
    if found is None:
        raise Missing(f"No label with the number {serial} was made here. Check the number, or call the pharmacy.")
    return see_other({"drawer": "/drawers/{}", "line": "/ward/lines/{}"}[found[0]].format(found[1]) + void)


def _if_void(session: Any, serial: str) -> str:
    """What an address adds where another label was printed in the place of the one that was scanned."""
    return f"?label={serial}" if is_void(session, serial) else ""


@router.get("/scan/picture")
def picture_page(request: Request, visit: Signed) -> Response:
    """Take a picture of a label, where there is no scanner."""
    return _picture_page(request, visit, {})


def _picture_page(request: Request, visit: Visitor, errors: dict[str, str], several: Any = ()) -> Response:
    return render(
        request, visit, "ward/picture.html", "Picture of a label", errors=errors, several=several,
        status=422 if errors else 200, nurse=is_nurse(visit), scan_to=_scan_to(visit), home=home_of(visit),
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
    return _scanned(request, visit, form, serials[0], receives=is_nurse(visit))


@router.get("/scan/{serial}")
def answer_page(request: Request, visit: Signed, serial: str, said: str = "") -> Response:
    """What the scan of a label answers."""
    now = visit.parts.clock()
    assert visit.who is not None
    try:
        with visit.parts.db.read() as session:
            found = bag(session, serial_of(serial))
            mine = beds_of(session, visit.who.person_id, now) if is_nurse(visit) else None
    except Missing:
        return _of_a_cart(visit, serial_of(serial))
    spoken = answer(found, now)
    if spoken.kind is Kind.FREE and mine is not None and not mine.cover(found.order.unit, found.order.bed):
        spoken = elsewhere(found)
    if spoken.kind is Kind.RECEIVED and said == "received":
        spoken = just_received(found)
    order = found.order
    topics = [f"label:{found.serial}", f"order:{order.order_id}", f"work:{found.work_id}"]
    return render(
        request, visit, "ward/answer.html", spoken.title.rstrip("."), topics=topics, Kind=Kind, bag=found,
        spoken=spoken, nurse=is_nurse(visit), notes=notes_of(visit, found), scan_to=_scan_to(visit),
        home=home_of(visit), patient=patient_line(order.patient, order.place, now, order.zone), said=said,
        stops=spoken.kind in (Kind.UNCHECKED, Kind.DO_NOT_GIVE), out=must_come_out(found, now),
        may_hand_over=actions.may_hand_over(visit.who) and _can(found, What.HANDED_OVER, spoken),
    )  # fmt: skip


def _can(found: Any, what: What, spoken: Answer) -> bool:
    return spoken.kind is Kind.FREE and found.where.stage in MAY_FOLLOW[what]


def notes_of(visit: Visitor, found: Any) -> dict[str, str]:
    """What may be noted about a bag now, by whom is asking: the last part of its address, and its words."""
    assert visit.who is not None
    words = WORDS | {What.RETURNED: "Sent back" if is_nurse(visit) else "It is back in the pharmacy"}
    pharmacy = actions.PHARMACY_NOTES if actions.may_hand_over(visit.who) else ()
    mine, stage = actions.WARD_NOTES if is_nurse(visit) else pharmacy, found.where.stage
    return {way: words[what] for way, what in NOTES.items() if what in mine and stage in MAY_FOLLOW[what]}


def _scan_to(visit: Visitor) -> str:
    return "/ward/scan" if is_nurse(visit) else "/scan"


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
    to = "/ward" if NOTES[way] is What.TAKEN_OUT and is_nurse(visit) else f"/ward/doses/{dose_id}"
    with visit.parts.db.write(visit.who, form.key(request), to) as tx:
        actions.note(tx, serial_of(serial), NOTES[way], place_of(visit))
    return see_other(to)
