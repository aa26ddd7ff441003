"""The audit trail: what happened, as sentences, by person, subject and day; whether it still proves itself."""

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response, StreamingResponse

from app.audit.actions import record
from app.audit.queries import PAGE
from app.audit.sentences import mentioned, tell
from app.audit.trail_queries import Asked, Line, pieces, trail
from app.core.days import read_day
from app.core.permissions import May
from app.core.wording import instant, time_zone
from app.db.session import Who
from app.identity.queries import people
from app.reports.trail_queries import meant_by, names_of
from app.web.chain_watch import TOPIC, chain_of
from app.web.pages import render
from app.web.parts import Parts
from app.web.session import Visitor, may

router = APIRouter(prefix="/audit")
Reader = Annotated[Visitor, Depends(may(May.SEE_AUDIT))]

COLUMNS = ("entry", "instant", "local time", "who", "what", "details", "text", "previous hash", "hash")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class Filter:
    """What the form asks for: `person` (a number; 0: the product), `about` in words, `since` and `until` as days."""

    def __init__(self, person: str = "", about: str = "", since: str = "", until: str = ""):
        self.person, self.about = person[:20].strip(), about[:100].strip()
        self.since, self.until = since[:20].strip(), until[:20].strip()

    def given(self) -> dict[str, str]:
        """The fields that were filled in."""
        return {name: value for name, value in vars(self).items() if value}

    def read(self, parts: Parts) -> tuple[Asked, dict[str, str]]:
        """Read the fields; what can not be read is said at its field and not looked for."""
        wrong: dict[str, str] = {}
        zone = time_zone(parts.settings.zone)
        bounds: dict[str, datetime | None] = {"since": None, "until": None}
        for name in bounds:
            text = getattr(self, name)
            if not text:
                continue
            try:
                on = read_day(text) + timedelta(days=name == "until")
            except ValueError as fault:
                wrong[name] = str(fault)
            else:
                bounds[name] = datetime.combine(on, time(), zone).astimezone(UTC)
        subjects = None
        if self.about:
            with parts.db.read() as session:
                subjects = meant_by(session, self.about)
            if not subjects:
                wrong["about"] = f"Nothing here is known as “{self.about}”: give an MRN, name, order, lot or label."
        person = int(self.person) if self.person.isdigit() else None
        return Asked(person, subjects, bounds["since"], bounds["until"]), wrong


Wanted = Annotated[Filter, Depends(Filter)]


@router.get("")
def audit_page(request: Request, visit: Reader, wanted: Wanted, before: int | None = None) -> Response:
    """A page of sentences, newest first. Reading the trail is itself recorded."""
    parts, who = visit.parts, visit.who
    assert who is not None
    asked, wrong = wanted.read(parts)
    with parts.db.read() as session:
        entries = trail(session, asked, before) if not wrong else ()
        names = names_of(session, {subject for entry in entries for subject in mentioned(entry)})
        everybody = people(session, parts.clock(), ended=True)
    told = [tell(entry, names, parts.settings.zone) for entry in entries]
    _note(parts, who, "audit trail read", wanted, before)
    older = f"/audit?{urlencode({**wanted.given(), 'before': told[-1].seq})}" if len(told) == PAGE else ""
    return render(
        request, visit, "audit/audit.html", "Audit trail", topics=[TOPIC], current="/audit", told=told, errors=wrong,
        status=422 if wrong else 200, given=wanted, older=older, first=before is None,
        people=[("0", "Laminar itself"), *((str(one.id), one.name) for one in everybody)],
        export=f"/audit/trail.csv?{urlencode(wanted.given())}", newest=f"/audit?{urlencode(wanted.given())}",
        chain=chain_of(request).look(),
    )  # fmt: skip


@router.get("/chain")
def chain_part(request: Request, visit: Reader, anew: bool = False) -> Response:
    """Only how far the trail is proved; nothing of the trail is shown, so nothing is recorded."""
    return render(request, visit, "audit/chain.html", "Audit trail", chain=chain_of(request).look(anew=anew))


@router.get("/trail.csv")
def export(visit: Reader, wanted: Wanted) -> Response:
    """Everything that the filter finds, oldest first, with text and hashes, so that others can prove it."""
    parts, who = visit.parts, visit.who
    assert who is not None
    asked, wrong = wanted.read(parts)
    _note(parts, who, "audit trail exported", wanted, None)
    named = f"audit-trail-{parts.clock():%Y%m%d-%H%M}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{named}"', "Cache-Control": "no-store"}
    rows = _rows(parts, asked) if not wrong else iter(())
    return StreamingResponse(rows, media_type="text/csv; charset=utf-8", headers=headers)


def _rows(parts: Parts, asked: Asked) -> Iterator[str]:
    yield "\ufeff" + _line(COLUMNS)  # The mark tells spreadsheets that names are in UTF-8.
    with parts.db.read() as session:
        for piece in pieces(session, asked):
            names = names_of(session, {subject for line in piece for subject in mentioned(line.entry)})
            yield "".join(_row(line, names, parts.settings.zone) for line in piece)


def _row(line: Line, names: dict[str, str], zone: str) -> str:
    told = tell(line.entry, names, zone)
    facts = "; ".join(f"{what}: {words}" for what, words in told.facts)
    local = instant(told.at, zone, seconds=True, named=True)
    cells = (str(told.seq), told.at.isoformat(), local, told.who, told.words, facts, line.text, line.prev, line.hash)
    return _line(cells)


def _line(cells: tuple[str, ...]) -> str:
    """One line of the file; no cell is ever a spreadsheet's formula."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow("'" + cell if cell.startswith(_FORMULA) else cell for cell in cells)
    return out.getvalue()


def _note(parts: Parts, who: Who, action: str, wanted: Filter, before: int | None) -> None:
    with parts.db.write(who) as tx:
        record(tx, action, "audit trail", {**wanted.given(), "before_entry": before})
