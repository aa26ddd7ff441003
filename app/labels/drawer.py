"""The label of a patient's drawer in a cart: 4 × 3 inch, or 4 × 6 inch with what the drawer holds as planned.

Source: unit-dose reference §2.9 (whose drawer, window, counts, what comes elsewhere) and §6.1.
"""

from collections.abc import Iterator
from dataclasses import replace

from app.core.wording import day
from app.labels.content import DrawerLabel
from app.labels.flow import Part, flow
from app.labels.kind import Coded, Kind
from app.labels.layout import Box, Symbol
from app.labels.media import DRAWER, TALL

# The code is scanned from a hand's breadth at every put, so it is the largest thing beside the number.
SERIAL = Symbol("the serial's Data Matrix", 800, 200, 190, 190, {8: 6, 12: 8})

_PLACES = {
    "hospital": Box("the name of the hospital", 25, 15, 480, 28),
    "cart": Box("the cart", 520, 15, 470, 28, right=True),
    "patient": Box("the patient's name", 25, 53, 690, 48, lines=2, at_hyphens=True, bold=True),
    "bed": Box("unit and bed", 730, 53, 260, 44, lines=2, at_hyphens=True),
    "at_print": Box("the words beside the location", 730, 154, 260, 28),
    "identity": Box("record number and birth date", 25, 151, 690, 34),
    "drawer": Box("the drawer's number", 25, 198, 560, 86, bold=True),
    "part": Box("which part of the drawer this is", 30, 294, 740, 40, band=True),
    "count": Box("the number of doses", 25, 342, 760, 40),
    "serial": Box("the label's serial", 720, 396, 278, 28, right=True),
    "allergies": Box("the allergies", 25, 386, 690, 34),
    "from": Box("the beginning of the window", 25, 440, 965, 40),
    "until": Box("the end of the window", 25, 484, 965, 40),
    "elsewhere": Box("what comes another way", 25, 538, 965, 32, lines=3),
    "reprint": Box("the reprint number", 25, 648, 300, 30),
    "replaced": Box("the serial of the replaced label", 345, 650, 645, 28),
    "planned": Box("when it was planned", 25, 688, 965, 28),
    "printed": Box("when it was printed", 25, 720, 965, 28),
}
_LIST_TOP, _LIST_BOTTOM = 778, 1505
_NO_LIST = "What is in it has no room here. Scan this label to see it."


def _texts(label: DrawerLabel) -> dict[str, str]:
    also = ", ".join(label.elsewhere)
    return {
        "hospital": "TEST - not for a patient" if label.test else label.hospital,
        "cart": label.cart,
        "patient": label.patient_name,
        "bed": label.unit_bed,
        "at_print": "location at print",
        "identity": f"MRN {label.mrn}   born {day(label.birth_date)}",
        "drawer": label.drawer,
        "part": label.part,
        "count": label.count,
        "allergies": label.allergies,
        "serial": label.serial,
        "from": f"Doses due from {label.from_}",
        "until": f"until {label.until}",
        "elsewhere": f"Comes another way: {also}." if also else "",
        "reprint": f"REPRINT {label.reprint}" if label.reprint else "",
        "replaced": f"replaces {label.copy_of}" if label.copy_of else "",
        "planned": f"Planned {label.planned}",
        "printed": f"Printed {label.made_at}",
    }


def _tall_texts(label: DrawerLabel) -> dict[str, str]:
    if not label.contents:
        return _texts(label) | {"list": _NO_LIST}
    listed = {"list": f"As planned {label.planned}:"}
    for nth, each in enumerate(label.contents, 1):
        listed |= {f"what {nth}": each.what, f"how {nth}": each.how, f"when {nth}": each.when}
    return _texts(label) | listed


def _boxes(label: DrawerLabel) -> dict[str, Box]:
    return _PLACES | ({"hospital": replace(_PLACES["hospital"], band=True)} if label.test else {})


def _tall_boxes(label: DrawerLabel) -> dict[str, Box] | None:
    rows: list[tuple[Part, ...]] = [(Part("list", "the heading of the list", (34, 32, 30, 28), 2),)]
    for nth in range(1, len(label.contents) + 1):
        rows += [
            (Part(f"what {nth}", "a drug of the list", (38, 35, 32, 29), 2, bold=True, at_hyphens=True, above=8),),
            (
                Part(f"how {nth}", "how a drug of the list is given", (32, 30, 28, 27), 2),
                Part(f"when {nth}", "when a drug of the list is due", (32, 30, 28, 27), 3, snug=True),
            ),
        ]
    listed = flow(rows, _tall_texts(label), 25, _LIST_TOP, _LIST_BOTTOM, lambda y: 965)
    return None if listed is None else _boxes(label) | listed


def _required(label: DrawerLabel) -> dict[str, str]:
    return {
        "patient name": label.patient_name,
        "medical record number": label.mrn,
        "unit and bed": label.unit_bed,
        "cart": label.cart,
        "drawer's number": label.drawer,
        "beginning of its window": label.from_,
        "end of its window": label.until,
    }


def _rules(label: DrawerLabel) -> Iterator[str]:
    if label.contents and not label.tall:
        yield "A 4 × 3 inch drawer label has no room for a list. Print it as 4 × 6 inch, or leave the list out."


KIND = Kind(
    name="drawer label",
    media=DRAWER,
    template="drawer.zpl",
    boxes=_boxes,
    texts=_texts,
    codes=lambda label: (Coded(SERIAL, label.serial),),
    required=_required,
    dose_texts=frozenset({"elsewhere"}),
    rules=_rules,
)
TALL_KIND = replace(
    KIND,
    name="tall drawer label",
    media=TALL,
    boxes=_tall_boxes,
    texts=_tall_texts,
    dose_texts=frozenset({"elsewhere", "what", "how"}),
)
