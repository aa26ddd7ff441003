"""Sheets of the codes that are put up once: shelves, totes, and the places where wards receive."""

import re

from fastapi import APIRouter, Request
from markupsafe import Markup
from starlette.responses import Response

from app.core.codes import tote_code, ward_code
from app.inventory.location_queries import locations
from app.stations.queries import units
from app.web.barcodes import datamatrix_svg
from app.web.pages import render
from app.web.session import Signed, Visitor

router = APIRouter(prefix="/codes")
TOTES_AT_ONCE = 24
MOST_TOTES = 999


@router.get("/locations")
def location_sheet(request: Request, visit: Signed, zone: str = "") -> Response:
    """The codes of the storage locations, of one zone or of all, in the order in which one walks past them."""
    with visit.parts.db.read() as session:
        found = locations(session)
    zones = list(dict.fromkeys(each.zone for each in found))
    shown = [each for each in found if not zone or each.zone == zone]
    return _sheet(
        request, visit, "Shelf codes", "One code for each bin, at the front of its shelf. A technician scans it to say "
        "where they stand.", [(each.code, each.code.removeprefix("LOC-"), each.words) for each in shown],
        choices=[("", "All zones"), *((each, f"Zone {each}") for each in zones)], chosen=zone, name="zone",
        current="/locations",
    )  # fmt: skip


@router.get("/totes")
def tote_sheet(request: Request, visit: Signed, first: str = "1") -> Response:
    """The codes of two dozen totes, from a number on."""
    start = min(max(1, int(first)), MOST_TOTES) if re.fullmatch(r"[0-9]{1,4}", first, re.ASCII) else 1
    codes = [tote_code(f"{number:02}") for number in range(start, min(start + TOTES_AT_ONCE, MOST_TOTES + 1))]
    starts = range(1, MOST_TOTES - TOTES_AT_ONCE, TOTES_AT_ONCE)
    return _sheet(
        request, visit, "Tote codes", "One code on each tote, on the lid and on the side. A tote keeps its code; what "
        "is in it is scanned into it.", [(code, code, "") for code in codes],
        choices=[(str(each), f"from {each:02}") for each in starts][:12], chosen=str(start), name="first",
        current="/deliveries",
    )  # fmt: skip


@router.get("/wards")
def ward_sheet(request: Request, visit: Signed) -> Response:
    """The code of each ward's delivery place."""
    coded, uncoded = [], []
    with visit.parts.db.read() as session:
        for unit in units(session):
            try:
                coded.append((ward_code(unit.code), unit.code, unit.name))
            except ValueError:
                uncoded.append(unit.name)
    return _sheet(
        request, visit, "Ward codes", "One code where each ward receives its totes. The courier scans it on arrival: "
        "the wrong ward is told at once.", coded, uncoded=uncoded, current="/carts",
    )  # fmt: skip


def _sheet(
    request: Request,
    visit: Visitor,
    title: str,
    how: str,
    codes: list[tuple[str, str, str]],
    *,
    current: str,
    choices: list[tuple[str, str]] | None = None,
    chosen: str = "",
    name: str = "",
    uncoded: list[str] | None = None,
) -> Response:
    drawn: list[tuple[Markup, str, str]] = [(datamatrix_svg(code), shown, words) for code, shown, words in codes]
    return render(
        request, visit, "codes/sheet.html", title, how=how, codes=drawn, choices=choices or [], chosen=chosen,
        name=name, uncoded=uncoded or [], current=current,
    )  # fmt: skip
