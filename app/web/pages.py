"""Drawing pages: one template, rendered whole or as one of its blocks."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.responses import HTMLResponse

from app.core import wording
from app.core.error_prone import error_prone
from app.core.errors import Missing
from app.core.permissions import May, Role, allowed
from app.core.quantity import Quantity, Ratio
from app.web.printer_watch import watch_of
from app.web.session import ANYWHERE, Visitor, once_key
from devices.printer import PrinterState

TEMPLATES = Path(__file__).parent.parent.parent / "templates"
LAYOUT = "layout.html"
ROOMS = (
    ("IV room", (("/desk", "Check", May.CHECK), ("/recipes", "Recipes", May.SEE_ORDERS))),
    (
        "Carts",
        (
            ("/fills", "Carts", May.RUN_FILL),
            ("/pick", "Pick", May.PICK),
            ("/cart-checks", "Cart checks", May.CHECK),
            ("/deliveries", "Deliveries", May.DELIVER),
            ("/missing", "Not found", May.RESOLVE_MISSING),
            ("/returns", "Returns", May.RETURN),
        ),
    ),
    (
        "Orders",
        (
            ("/orders", "Orders", May.SEE_ORDERS),
            ("/messages", "Messages", May.MAP),
            ("/times", "Times", May.SEE_ORDERS),
        ),
    ),
    (
        "Stock",
        (
            ("/stock", "Stock", May.STAGE),
            ("/locations", "Locations", May.RECEIVE_STOCK),
            ("/formulary", "Formulary", May.SEE_ORDERS),
            ("/formulary/unit-doses", "Unit doses", May.SEE_ORDERS),
        ),
    ),
    (
        "Set-up",
        (
            ("/carts", "Cart set-up", May.RUN_FILL),
            ("/devices", "Devices", May.SEE_DEVICES),
            ("/people", "People", May.MANAGE_PEOPLE),
            ("/sign-ins", "Sign-ins", May.REOPEN_SIGN_IN),
            ("/audit", "Audit trail", May.SEE_AUDIT),
        ),
    ),
)
"""The desk's rooms by what belongs together, each with what opens it."""

DAILY = frozenset("/desk /fills /pick /cart-checks /deliveries /missing /returns /orders /messages /stock".split())
"""The rooms that a wide screen offers beside its menu; a narrow one keeps them in the menu."""

ALERTS = ("late", "deliveries", "missing")
"""The topics of what every page of the pharmacy tells without being asked."""


def _qty(text: object) -> Markup:
    """A quantity that never breaks over two lines."""
    return Markup('<span class="qty">{}</span>').format(text)


# What must never break over two lines: dates with their time, deviations with their uncertainty, numbers with units,
# and codes with hyphens that hold a digit (L-7G…, TRAY-01, 7W-12-A, 0409-6533-01).
_QUANTITY = re.compile(
    r"(\d{2}-[A-Z][a-z]{2}-\d{4}(?: \d{2}:\d{2}(?::\d{2})?)?"
    r"|\b(?=[A-Z0-9-]*\d)[A-Z0-9]+(?:-[A-Z0-9]+)+\b"
    r"|\([+-]?[\d.,]+ % ± [\d.,]+ %\)"
    r"|\d[\d,.]*(?:\s|\u00a0)(?:%|°C|(?:mg/mL|mEq/mL|mcg|mg|mL|mEq|mmol|units?|kg|g|L)\b))"
)


def _quantities(text: str) -> Markup:
    """Keep every quantity, date and code in a sentence unbreakable; what is drawn already is left as it is."""
    if isinstance(text, Markup):
        return text
    pieces = _QUANTITY.split(text)
    return Markup("").join(_qty(p) if i % 2 else escape(p) for i, p in enumerate(pieces))


def _strength(text: str) -> Markup:
    """A maker's strength for reading."""
    return _quantities(wording.strength(text))


def _per_ml(ratio: Ratio) -> str:
    """A concentration for reading: per mL, to three figures."""
    amount = ratio.amount_in(Quantity(Decimal(1), "mL"))
    shown = amount.rounded(max(0, 2 - amount.value.adjusted()))
    return f"{shown}/mL"


@cache
def environment() -> Environment:
    """The one template environment; what is not defined is an error, everything is escaped."""
    # Templates do not change while the product runs, so nobody looks at their files again for every page.
    files = FileSystemLoader(TEMPLATES)
    env = Environment(loader=files, autoescape=True, undefined=StrictUndefined, trim_blocks=True, auto_reload=False)
    env.filters |= {
        "qty": _qty,
        "quantities": _quantities,
        "number": wording.number,
        "measured": wording.measured,
        "day": wording.day,
        "instant": wording.instant,
        "clock": wording.clock,
        "away": wording.away,
        "tall_man": wording.tall_man,
        "doubts": lambda text: [problem.words for problem in error_prone(text)],
        "per_ml": _per_ml,
        "strength": _strength,
        "cents": lambda value: wording.number(Decimal(value).quantize(Decimal("0.01"))),
    }
    env.globals |= {"new_once": once_key, "pairs": lambda words: [(each, each) for each in words]}
    return env


def page_facts(visit: Visitor, title: str, topics: list[str] | None, current: str = "") -> dict[str, Any]:
    """What the layout wants to know of every page."""
    station, who = visit.station, visit.who
    facts: dict[str, Any] = {
        "title": title,
        "who": who.name if who else None,
        "role": " and ".join(sorted(who.roles)) if who else "",
        "station": "No station" if station.code == ANYWHERE else station.name,
        "station_kind": station.kind,
        "zone": visit.parts.settings.zone,
        "test": visit.parts.settings.test,
        "simulated": station.balance_simulated or station.printer_simulated,
        "live_topics": topics,
        "drawn": visit.mark,
        "build": visit.parts.build,
        "px_per_mm": station.px_per_mm,
    }
    if station.kind == "desk" and who:
        facts["menu"] = menu_of(who.roles, current)
        every = [room for _, rooms in facts["menu"] for room in rooms]
        facts["rooms"] = [room for room in every if room[0] in DAILY or room[2]]
    return facts


def menu_of(roles: Iterable[Role], current: str) -> list[tuple[str, list[tuple[str, str, bool]]]]:
    """The rooms that somebody may enter, by what belongs together: address, words, and whether one is there."""
    held = tuple(roles)
    mine = [
        (words, [(to, called, to == current) for to, called, may in rooms if allowed(held, may)])
        for words, rooms in ROOMS
    ]
    return [(words, rooms) for words, rooms in mine if rooms]


def device_dots(visit: Visitor, printer: PrinterState | None) -> list[tuple[str, str]]:
    """The states of a hood's devices, for its header: its scale, and what its printer last said of itself."""
    station = visit.station
    if station.kind != "hood":
        return []
    dots = []
    if station.balance_url:
        found = visit.parts.hub.statuses().get(station.code)
        if found is None:
            dots.append(("stop", "No scale"))
        else:
            dots.append(("ok", "Scale") if found.state == "ready" else ("stop", f"Scale: {found.state}"))
    if station.printer_url:
        if printer is not None and printer.ok is False:
            dots.append(("stop", f"Printer: {printer.words}"))
        else:
            dots.append(("ok" if printer and printer.ok else "waiting", "Printer"))
    return dots


def render(
    request: Request,
    visit: Visitor,
    template: str,
    title: str,
    *,
    topics: list[str] | None = None,
    current: str = "",
    status: int = 200,
    **context: Any,
) -> HTMLResponse:
    """Draw a page, or only the block that `?part=` names, with the facts every page has."""
    facts = page_facts(visit, title, topics, current)
    at_hood, printer = visit.station.kind == "hood", visit.station.printer_url
    facts["devices"] = device_dots(visit, watch_of(request).state(printer) if at_hood and printer else None)
    context |= {"page": facts, "visit": visit, "now": visit.parts.clock()}
    part = request.query_params.get("part")
    if part and part.isidentifier():
        html = _block(template, part, context)
    else:
        html = environment().get_template(template).render(**context)
    return HTMLResponse(html, status_code=status, headers={"Cache-Control": "no-store", "Laminar-Drawn": visit.mark})


def _block(name: str, part: str, context: Mapping[str, Any]) -> str:
    """Draw one block of a template, or of the layout around it, with the names and macros at its top.

    Everything at the top runs before the first piece of the layout is drawn, so drawing begins and goes no further.
    """
    pages = (environment().get_template(each) for each in (name, LAYOUT))
    template = next((each for each in pages if part in each.blocks), None)
    if template is None:
        raise Missing("This page has no such part. Load the whole page again.")
    begun = template.new_context(dict(context))
    next(template.root_render_func(begun), None)
    return "".join(template.blocks[part](begun))


def patient_line(patient: Any, place: str, now: datetime, zone: str) -> Mapping[str, str]:
    """A patient for the banner: family name in capitals, two identifiers, allergies in words."""
    born = "not known"
    if patient.born:
        today = now.astimezone(wording.time_zone(zone)).date()
        born = f"{wording.day(patient.born)} ({wording.age(patient.born, today)})"
    if patient.allergies:
        allergies = "; ".join(f"{text} ({reaction})" if reaction else text for text, reaction in patient.allergies)
    else:
        allergies = "none known" if patient.allergies_reviewed else ""
    weight = f"{wording.number(patient.weight_kg)} kg" if patient.weight_kg is not None else ""
    return {
        "name": patient.name,
        "born": born,
        "mrn": patient.mrn,
        "place": place,
        "allergies": allergies,
        "weight": weight,
    }
