"""Evidence by address: the record of a dose, its photos, its label's bytes, and the sheet of confirm cards."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from markupsafe import Markup
from starlette.responses import Response

from app.audit.actions import record
from app.core.codes import Card
from app.core.errors import Missing
from app.core.permissions import May
from app.labels.queries import label_of
from app.stations.queries import photo_known
from app.web.barcodes import datamatrix_svg
from app.web.pages import patient_line, render
from app.web.session import Signed, Visitor, may
from compounding.queries import doubts_of_balance, labels_of, opened
from compounding.record_queries import signatures_of, story, trace_svg
from compounding.review import review

router = APIRouter()
Reader = Annotated[Visitor, Depends(may(May.SEE_RECORD))]


@router.get("/records/{work_id:int}")
def record_page(request: Request, visit: Reader, work_id: int) -> Response:
    """One page that a surveyor, nurse or lawyer can read. Reading it is recorded."""
    parts, who = visit.parts, visit.who
    assert who is not None
    with parts.db.read() as session:
        at = opened(session, work_id)
        told = story(session, at)
        doubts = doubts_of_balance(session, at)
        signed = signatures_of(session, at)
        labels = labels_of(session, work_id)
    with parts.db.write(who) as tx:
        record(tx, "record read", f"preparation {work_id}", {})
    return render(
        request, visit, "records/record.html", "Record", at=at, seen=review(at, None, at.where.blockers, doubts),
        story=told,
        signed=signed, labels=labels, trace=lambda weighing: Markup(trace_svg(weighing)),
        patient=patient_line(at.order.patient, at.order.place, parts.clock(), at.order.zone),
    )  # fmt: skip


@router.get("/photos/{name}")
def photo(visit: Reader, name: str) -> Response:
    """A photo by its hash, exactly as it was kept."""
    with visit.parts.db.read() as session:
        known = photo_known(session, name)
    data = visit.parts.photos.get(name) if known else None
    if data is None:
        raise Missing("This photo is not in the store, or is not what it was. Restore it from the backup.")
    headers = {
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Content-Disposition": "inline",
        "Cache-Control": "private, no-store",
    }
    return Response(data, media_type="image/jpeg", headers=headers)


@router.get("/labels/{serial}.zpl")
def label_bytes(visit: Reader, serial: str) -> Response:
    """The very bytes of a label, for the preview in the page."""
    with visit.parts.db.read() as session:
        label = label_of(session, serial)
    if label is None:
        raise Missing("There is no label with this number.")
    return Response(label.job, media_type="text/plain; charset=us-ascii", headers={"Cache-Control": "no-store"})


@router.get("/cards")
def cards(request: Request, visit: Signed) -> Response:
    """The sheet of confirm cards and of tray codes, to be printed, cut and laminated."""
    sheet = [(card.value, datamatrix_svg(f"CARD-{card.value}")) for card in Card]
    trays = [(f"TRAY-{n:02}", datamatrix_svg(f"TRAY-{n:02}")) for n in range(1, 13)]
    return render(request, visit, "hood/cards.html", "Cards and trays", sheet=sheet, trays=trays)
