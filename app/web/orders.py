"""Orders: what waits for verification, one order beside what it was read from, and transcribing a paper order."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Depends, File, Form, Request, UploadFile
from pydantic import Field
from starlette.responses import Response

from app.core.error_prone import error_prone
from app.core.errors import Invalid, Missing, Refused
from app.core.permissions import May, allowed
from app.db.session import Tx
from app.formulary.queries import drugs
from app.identity.actions import prove_for_signature
from app.identity.queries import needs_full
from app.interop.actions import remember_frequency
from app.interop.queries import raw_lines
from app.orders import actions
from app.orders.choose_actions import choose_times, chosen_schedule
from app.orders.facts import differences
from app.orders.preview import preview
from app.orders.queries import newest_versions, order_facts, shown_sha256, versions_of
from app.orders.routes import ROUTES, STERILE
from app.orders.search_queries import search
from app.orders.times_queries import frequency_codes
from app.orders.transcribe_actions import PRIORITIES, Paper, transcribe
from app.stations.actions import keep_photo
from app.stations.photos import LARGEST, read_picture
from app.stations.queries import photo_known, units
from app.web.forms import PostForm, Reason, ReasonForm, Sign, errors_of
from app.web.pages import patient_line, render
from app.web.session import Visitor, may, see_other
from compounding.dose_queries import calculation, doses_due
from unitdose.product_queries import own_supply

router = APIRouter(prefix="/orders")
Reader = Annotated[Visitor, Depends(may(May.SEE_ORDERS))]
Verifier = Annotated[Visitor, Depends(may(May.VERIFY))]
Transcriber = Annotated[Visitor, Depends(may(May.TRANSCRIBE))]

HERE = "/orders"
WHY = ("Asked for by the prescriber", "Allergy", "Dose in doubt", "Patient has left", "Ordered twice")
UNITS = ("mg", "g", "mcg", "mEq", "mmol", "units", "mL")


class TimesForm(PostForm):
    how: str = Field("", max_length=60)
    first: str = Field("", max_length=20)
    remember: str = Field("", max_length=5)


class PictureForm(PostForm):
    picture: str = Field("", max_length=64)


class PaperForm(PostForm):
    mrn: str = Field("", max_length=40)
    family: str = Field("", max_length=80)
    given: str = Field("", max_length=80)
    born: str = Field("", max_length=20)
    visit: str = Field("", max_length=40)
    unit: str = Field("", max_length=40)
    room: str = Field("", max_length=20)
    bed: str = Field("", max_length=20)
    drug1: str = Field("", max_length=12, pattern=r"^\d*$")
    amount1: str = Field("", max_length=20)
    unit1: str = Field("mg", max_length=10)
    drug2: str = Field("", max_length=12, pattern=r"^\d*$")
    amount2: str = Field("", max_length=20)
    unit2: str = Field("mg", max_length=10)
    base: str = Field("", max_length=12, pattern=r"^\d*$")
    base_ml: str = Field("", max_length=20)
    route: str = Field("", max_length=40)
    frequency: str = Field("", max_length=60)
    priority: str = Field("routine", max_length=10)
    start: str = Field("", max_length=20)
    infuse: str = Field("", max_length=6)
    note: str = Field("", max_length=400)
    warned: str = Field("", max_length=400)
    as_written: str = Field("", max_length=5)

    def paper(self) -> Paper:
        """What was typed, as the room of orders takes it."""
        rows = ((self.drug1, self.amount1, self.unit1), (self.drug2, self.amount2, self.unit2))
        return Paper(
            mrn=self.mrn, family=self.family, given=self.given, born=self.born, visit=self.visit, unit=self.unit,
            room=self.room, bed=self.bed, drugs=tuple((int(d), a, u) for d, a, u in rows if d),
            base=int(self.base or 0), base_ml=self.base_ml, route=self.route, frequency=self.frequency,
            priority=self.priority, start=self.start, infuse=self.infuse, note=self.note,
            as_written=self.as_written == "yes",
        )  # fmt: skip


@router.get("")
def orders_page(request: Request, visit: Reader, q: str = "") -> Response:
    """What waits for verification, STAT first; the verified below; or what a search finds."""
    words = q.strip()[:80]
    with visit.parts.db.read() as session:
        waiting = newest_versions(session, verified=False)
        verified = [] if words else newest_versions(session, verified=True)
        found = search(session, words) if words else []
    return render(
        request, visit, "orders/orders.html", "Orders", topics=["orders"], current=HERE, waiting=waiting,
        verified=verified, found=found, q=words, may_transcribe=_may(visit, May.TRANSCRIBE),
    )  # fmt: skip


@router.get("/new")
def picture_page(request: Request, visit: Transcriber) -> Response:
    """A transcription begins with the picture of the paper."""
    return render(request, visit, "orders/picture.html", "Transcribe a paper order", current=HERE, errors={})


@router.post("/new")
def picture_post(
    request: Request,
    visit: Transcriber,
    once: Annotated[str, Form(min_length=8, max_length=64)],
    photo: Annotated[UploadFile, File()],
) -> Response:
    """Keep the picture, then read it into the form beside it."""
    assert visit.who is not None
    try:
        picture = read_picture(photo.file.read(LARGEST + 1))
    except Invalid as wrong:
        return render(
            request, visit, "orders/picture.html", "Transcribe a paper order", current=HERE, errors=wrong.fields,
            status=422,
        )  # fmt: skip
    visit.parts.photos.put(picture)
    form = PictureForm(once=once, picture=picture.sha256)
    there = f"{HERE}/new/{picture.sha256}"
    with visit.parts.db.write(visit.who, form.key(request), there) as tx:
        tx.who.require(May.TRANSCRIBE)
        keep_photo(tx, picture)
    return see_other(there)


@router.get("/new/{picture}")
def paper_page(request: Request, visit: Transcriber, picture: str) -> Response:
    """The form beside the picture of the paper."""
    return _paper(request, visit, picture, PaperForm(once="not used here"), {})


@router.post("/new/{picture}")
def paper_post(request: Request, visit: Transcriber, picture: str, form: Annotated[PaperForm, Form()]) -> Response:
    """State the order as transcribed; a pharmacist verifies it against the picture."""
    assert visit.who is not None
    with visit.parts.db.read() as session:
        _known(photo_known(session, picture))
    if form.note != form.warned and (found := error_prone(form.note)):
        said = " ".join(problem.words for problem in found)
        return _paper(request, visit, picture, form, {"note": f"{said} Mend it, or hand it over as the paper says it."})
    try:
        with visit.parts.db.write(visit.who, form.key(request), HERE) as tx:
            version = transcribe(tx, form.paper(), picture, visit.parts.settings.zone)
            tx.location = f"{HERE}/{version.id}"
    except (Refused, Invalid) as wrong:
        return _paper(request, visit, picture, form, errors_of(wrong))
    return see_other(tx.location)


def _paper(request: Request, visit: Visitor, picture: str, form: PaperForm, errors: dict[str, str]) -> Response:
    with visit.parts.db.read() as session:
        _known(photo_known(session, picture))
        known = drugs(session)
        wards = units(session)
        codes = frequency_codes(session, visit.parts.clock())
    additives = [(str(d.drug_id), d.name) for d in known if d.kind == "drug"]
    bases = [(str(d.drug_id), d.name) for d in known if d.kind == "diluent"]
    return render(
        request, visit, "orders/paper.html", "Transcribe a paper order", current=HERE, picture=picture, form=form,
        errors=errors, additives=additives, bases=bases, wards=[(u.code, u.name) for u in wards], routes=ROUTES,
        measures=UNITS, codes=codes, priorities=PRIORITIES, status=422 if errors else 200,
    )  # fmt: skip


def _known(there: bool) -> None:
    if not there:
        raise Missing("This picture is not in the store. Take it again.")


@router.get("/{version_id:int}")
def order_page(request: Request, visit: Reader, version_id: int) -> Response:
    """One order version: as read, beside what it was read from."""
    return _draw(request, visit, version_id)


def _draw(
    request: Request,
    visit: Visitor,
    version_id: int,
    errors: dict[str, str] | None = None,
    times: TimesForm | None = None,
) -> Response:
    parts, who, errors = visit.parts, visit.who, errors or {}
    assert who is not None
    with parts.db.read() as session:
        order = order_facts(session, version_id)
        versions = versions_of(session, order.order_id)
        before = next((v for v in reversed(versions) if v.number < order.version), None)
        changed = differences(order_facts(session, before.id), order) if before else ()
        newest = versions[-1].id
        worked = calculation(session, order, parts.clock(), parts.house.bedside)
        doses = doses_due(session, order.order_id)
        lines = raw_lines(session, order.message_id)
        shown = shown_sha256(session, version_id)
        codes = frequency_codes(session, parts.clock())
        try:
            schedule = order.schedule if times is None else None
            if times is not None and not errors:
                schedule = chosen_schedule(session, version_id, times.how, times.first, parts.clock())
            yields = preview(schedule, order.zone, parts.clock()) if schedule else None
        except Invalid as wrong:
            yields, errors = None, wrong.fields
        full = needs_full(session, who)
        own = own_supply(session, order.order_id)
    return render(
        request, visit, "orders/order.html", order.title, current=HERE, topics=[f"order:{order.order_id}"],
        status=422 if errors and request.method == "POST" else 200, order=order, changed=changed, worked=worked,
        doses=doses, lines=lines,
        shown=shown, full=full, newest=newest, errors=errors, reasons=WHY, times=times, codes=codes,
        yields=yields, may_verify=_may(visit, May.VERIFY),
        own=own, may_be_own=order.base is None and order.route not in STERILE and _may(visit, May.CHOOSE_PRODUCT),
        patient=patient_line(order.patient, order.place, parts.clock(), order.zone),
    )  # fmt: skip


@router.get("/{version_id:int}/times")
def times_page(request: Request, visit: Verifier, version_id: int, how: str = "", first: str = "") -> Response:
    """The order with what other times would yield."""
    return _draw(request, visit, version_id, times=TimesForm(once="not used here", how=how[:60], first=first[:20]))


@router.post("/{version_id:int}/times")
def times(request: Request, visit: Verifier, version_id: int, form: Annotated[TimesForm, Form()]) -> Response:
    """Give the order the times that were chosen, and remember what the sender's word means where that is asked."""
    assert visit.who is not None
    try:
        with visit.parts.db.write(visit.who, form.key(request), HERE) as tx:
            version = choose_times(tx, version_id, form.how, form.first)
            if form.remember and version.message_id is not None:
                remember_frequency(tx, order_facts(tx.session, version.id).sender, version.frequency, form.how)
            tx.location = f"{HERE}/{version.id}"
    except (Refused, Invalid) as wrong:
        return _draw(request, visit, version_id, errors_of(wrong), form)
    return see_other(tx.location)


@router.post("/{version_id:int}/verify")
def verify(request: Request, visit: Verifier, version_id: int, form: Sign) -> Response:
    """Verify with a signature."""
    assert visit.who is not None
    try:
        proven = prove_for_signature(visit.parts.db, visit.who, form.given())
        with visit.parts.db.write(visit.who, form.key(request), HERE) as tx:
            actions.verify_as_shown(tx, version_id, proven, form.shown)
    except (Refused, Invalid) as wrong:
        return _draw(request, visit, version_id, errors_of(wrong))
    return see_other(HERE)


@router.post("/{version_id:int}/stop")
def stop(request: Request, visit: Verifier, version_id: int, form: Reason) -> Response:
    """Stop the order by a pharmacist's decision."""
    return _decide(request, visit, version_id, form, lambda tx, order: actions.stop(tx, order, reason=form.why).id)


@router.post("/{version_id:int}/hold")
def hold(request: Request, visit: Verifier, version_id: int, form: Reason) -> Response:
    """Put the order on hold."""
    return _decide(request, visit, version_id, form, lambda tx, order: actions.hold(tx, order, form.why).id)


@router.post("/{version_id:int}/resume")
def resume(request: Request, visit: Verifier, version_id: int, form: Reason) -> Response:
    """Resume an order on hold; it waits for verification again."""
    return _decide(request, visit, version_id, form, lambda tx, order: actions.resume(tx, order, form.why).id)


def _decide(
    request: Request, visit: Visitor, version_id: int, form: ReasonForm, act: Callable[[Tx, int], int]
) -> Response:
    assert visit.who is not None
    with visit.parts.db.read() as session:
        order_id = order_facts(session, version_id).order_id
    if not form.why:
        return _draw(request, visit, version_id, {"reason": "Say why: the ward will ask."})
    with visit.parts.db.write(visit.who, form.key(request), HERE) as tx:
        tx.location = f"{HERE}/{act(tx, order_id)}"
    return see_other(tx.location)


def _may(visit: Visitor, permission: May) -> bool:
    return visit.who is not None and allowed(visit.who.roles, permission)
