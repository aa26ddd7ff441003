"""Labels of single doses of the cart room: oral bag, half tablet, oral syringe (2.25 × 1.25 inch), its flag, the bag.

A dose in its maker's package is not labelled over; these are for doses whose package does not say it all.
Sources: unit-dose reference §6; ISMP principles of inpatient labels (patient bold, generic first, dose before volume).
"""

from collections.abc import Iterator
from dataclasses import replace

from app.core.wording import day
from app.labels.content import AS_NEEDED, EACH_DOSE, DoseLabel
from app.labels.flow import Part, flow
from app.labels.kind import NO_ROOM, Coded, Kind
from app.labels.layout import LEAST_TYPE, Box, Symbol
from app.labels.media import DRAWER, FLAG, SMALL

ORAL_BAG, HALF_TABLET, ORAL_SYRINGE = "oral bag", "half tablet", "oral syringe"
SYRINGE_FLAG, BAG = "syringe flag", "bag"
FORMS = (ORAL_BAG, HALF_TABLET, ORAL_SYRINGE, SYRINGE_FLAG, BAG)
MOST_AUXILIARY = 2
BY_MOUTH = "by mouth"

# --- what is written ------------------------------------------------------------------------------------------------


def _texts(label: DoseLabel) -> dict[str, str]:
    """What is written in each box, by its name, whichever of these labels it is."""
    return {
        "hospital": "TEST - not for a patient" if label.test else label.hospital,
        "order": f"Order {label.order_number}",
        "patient": label.patient_name,
        "bed": label.unit_bed,
        "at_print": "location at print",
        "identity": f"MRN {label.mrn}  born {day(label.birth_date)}",
        "alert": _banner(label),
        "drug": label.drug,
        "dose": f"{label.dose} ({label.volume})" if label.volume else label.dose,
        "give": label.give,
        "route": label.route,
        "due": label.due if label.due in (AS_NEEDED, EACH_DOSE) else f"due {label.due}",
        "use_by": f"use by {label.use_by}",
        "storage": label.storage,
        "auxiliary": " ".join(text.rstrip(".") + "." for text in label.auxiliary if text),
        "product": label.product if label.bedside_code else "",
        "serial": label.serial,
        "reprint": f"REPRINT {label.reprint}" if label.reprint else "",
        "replaced": f"replaces {label.copy_of}" if label.copy_of else "",
        "prepared": f"by {label.prepared_by}",
        "test": "TEST" if label.test else "",
    }


def _banner(label: DoseLabel) -> str:
    return "   ".join(text for text in (label.banner, label.high_alert_words if label.high_alert else "") if text)


def _required(label: DoseLabel) -> dict[str, str]:
    return {
        "patient name": label.patient_name,
        "medical record number": label.mrn,
        "unit and bed": label.unit_bed,
        "drug": label.drug,
        "dose": label.dose,
        "route": label.route,
        "due time": label.due,
        "use-by date": label.use_by,
        "name of who prepared it": label.prepared_by,
        **({"words for how it is given": label.give} if label.form == HALF_TABLET else {}),
        **({"high-alert words": label.high_alert_words} if label.high_alert else {}),
    }


def _rules(label: DoseLabel) -> Iterator[str]:
    if label.form not in FORMS:
        yield f"“{label.form}” is not a label of ours. Choose {', '.join(FORMS)}."
    if label.form in (ORAL_SYRINGE, SYRINGE_FLAG) and label.route != BY_MOUTH:
        yield (
            f"An oral syringe is for the mouth only, and this order says “{label.route}”. Do not use it; ask a "
            "pharmacist."
        )
    if len(label.auxiliary) > MOST_AUXILIARY:
        yield (
            f"A label carries {MOST_AUXILIARY} auxiliary texts at most, and this one has {len(label.auxiliary)}: more "
            "are not read. Ask a pharmacist which may go."
        )


_DOSE_TEXTS = frozenset({"alert", "drug", "dose", "give", "route", "storage", "auxiliary"})

# --- the small label ------------------------------------------------------------------------------------------------

# 2.25 x 1.25 inch is 571 x 317 tenths of a millimetre. The codes stand at the right, the serial's above, the one for
# the bedside apart from it and named; below them the text has the whole width.
SMALL_SERIAL = Symbol("the serial's Data Matrix", 471, 6, 70, 70, {8: 3, 12: 4})
SMALL_BEDSIDE = Symbol("the bedside Data Matrix", 453, 80, 106, 106, {8: 3, 12: 4})
_LEFT, _TOP, _BOTTOM, _WIDTH = 16, 6, 311, 537
_BESIDE_CODES, _UNDER_CODES = 429, 214
_LEAST = (LEAST_TYPE,)

_SMALL_ROWS = (
    (Part("patient", "the patient's name", (36, 33, 30, 27), 2, bold=True, at_hyphens=True),),
    (Part("identity", "record number and birth date", _LEAST, 2),),
    (
        Part("bed", "unit and bed", _LEAST, 2, at_hyphens=True),
        Part("alert", "the banner", _LEAST, snug=True, band=True),
    ),
    (Part("drug", "the drug's name", (38, 35, 32, 29), 2, bold=True, at_hyphens=True),),
    (
        Part("dose", "the dose", (38, 35, 32, 29)),
        Part("reprint", "the reprint number", _LEAST, snug=True, band=True),
    ),
    (Part("give", "how the dose is made", (34, 32, 30, 27), 2),),
    (Part("route", "the route", _LEAST, 2), Part("due", "the due time", _LEAST, snug=True)),
    (Part("use_by", "the use-by date", _LEAST), Part("prepared", "who prepared it", _LEAST, snug=True)),
    (Part("auxiliary", "the auxiliary texts", _LEAST, 2),),
    (
        Part("serial", "the label's serial", _LEAST),
        Part("replaced", "the serial of the replaced label", _LEAST, snug=True),
        Part("test", "the TEST mark", _LEAST, snug=True),
    ),
)


_ON_SMALL = frozenset(part.name for row in _SMALL_ROWS for part in row)


def _small_texts(label: DoseLabel) -> dict[str, str]:
    written = {name: text for name, text in _texts(label).items() if name in _ON_SMALL}
    if label.form == ORAL_SYRINGE:
        written["route"] = "ORAL ONLY"
    written["bed"] = f"{label.unit_bed} at print" if label.unit_bed else ""
    written["replaced"] = f"was {label.copy_of}" if label.copy_of else ""
    return written | {"bedside": "bedside" if label.bedside_code else ""}


def _small_boxes(label: DoseLabel) -> dict[str, Box] | None:
    under = _UNDER_CODES if label.bedside_code else SMALL_SERIAL.y + SMALL_SERIAL.height
    shouted = frozenset({"give"} if label.form == HALF_TABLET else {"route"} if label.form == ORAL_SYRINGE else ())
    rows = tuple(tuple(replace(part, band=part.band or part.name in shouted) for part in row) for row in _SMALL_ROWS)
    found = flow(
        rows, _small_texts(label), _LEFT, _TOP, _BOTTOM,
        lambda y: _BESIDE_CODES if y < under else _WIDTH,
    )  # fmt: skip
    if found is None:
        return None
    return found | {"bedside": _CAPTION}


_CAPTION = Box("the caption of the bedside code", 453, 186, 106, LEAST_TYPE, centred=True)


def _small_rules(label: DoseLabel) -> Iterator[str]:
    """A label that could be printed but never again would leave its dose without one: both or neither."""
    yield from _rules(label)
    again = replace(label, reprint=label.reprint + 1, copy_of=label.serial)
    if _small_boxes(again) is None:
        yield NO_ROOM


def _small_codes(label: DoseLabel) -> tuple[Coded, ...]:
    return _coded(label, SMALL_SERIAL, SMALL_BEDSIDE)


def _coded(label: DoseLabel, serial: Symbol, bedside: Symbol) -> tuple[Coded, ...]:
    product = (Coded(bedside, label.bedside_code, label.bedside_kind),) if label.bedside_code else ()
    return (Coded(serial, label.serial), *product)


SMALL_KIND = Kind(
    name="small dose label",
    media=SMALL,
    template="small.zpl",
    boxes=_small_boxes,
    texts=_small_texts,
    codes=_small_codes,
    required=_required,
    dose_texts=_DOSE_TEXTS,
    rules=_small_rules,
)

# --- the flag -------------------------------------------------------------------------------------------------------

# A strip of 4 x 0.5 inch (1016 x 127): two faces of 1.5 inch with the tail between them that goes round the syringe
# above its graduations. The faces are glued back to back. Who on the one, what on the other; all else stands on the
# bag's label. Nothing is printed on the tail but what nobody should ever see at a bedside: TEST and REPRINT.
FLAG_SERIAL = Symbol("the serial's Data Matrix", 304, 4, 70, 70, {8: 3, 12: 4})
FLAG_BEDSIDE = Symbol("the bedside Data Matrix", 905, 10, 106, 106, {8: 3, 12: 4})
_FLAG = {
    "patient": Box("the patient's name", 12, 6, 286, 28, lines=2, bold=True, at_hyphens=True),
    "identity": Box("the record number", 12, 64, 286, 27),
    "due": Box("the due time", 12, 94, 360, 27),
    "drug": Box("the drug's name", 645, 6, 254, 28, lines=2, bold=True, at_hyphens=True),
    "dose": Box("the dose", 645, 64, 254, 28, bold=True),
    "route": Box("the route", 650, 97, 244, 27, centred=True, band=True),
    "test": Box("the TEST mark", 420, 14, 170, 40, centred=True, band=True),
    "reprint": Box("the reprint number", 405, 76, 200, 30, centred=True),
}


def _flag_texts(label: DoseLabel) -> dict[str, str]:
    written = {name: text for name, text in _texts(label).items() if name in _FLAG}
    return written | {"identity": f"MRN {label.mrn}", "route": "ORAL ONLY"}


def _flag_codes(label: DoseLabel) -> tuple[Coded, ...]:
    return _coded(label, FLAG_SERIAL, FLAG_BEDSIDE)


FLAG_KIND = Kind(
    name="syringe flag",
    media=FLAG,
    template="flag.zpl",
    boxes=lambda label: _FLAG,
    texts=_flag_texts,
    codes=_flag_codes,
    required=_required,
    dose_texts=_DOSE_TEXTS,
    rules=_rules,
)

# --- the bag --------------------------------------------------------------------------------------------------------

# 4 x 3 inch, placed like the dispensing label, so that a nurse looks for the same thing in the same place.
BAG_SERIAL = Symbol("the serial's Data Matrix", 862, 234, 137, 137, {8: 6, 12: 8})
BAG_BEDSIDE = Symbol("the bedside Data Matrix", 865, 570, 120, 120, {8: 3, 12: 4})
_BAG = {
    "hospital": Box("the name of the hospital", 25, 15, 600, 28),
    "order": Box("the order number", 640, 15, 350, 28),
    "patient": Box("the patient's name", 25, 53, 690, 48, lines=2, at_hyphens=True, bold=True),
    "bed": Box("unit and bed", 730, 53, 260, 44, lines=2, at_hyphens=True),
    "at_print": Box("the words beside the location", 730, 154, 260, 28),
    "identity": Box("record number and birth date", 25, 151, 690, 34),
    "alert": Box("the banner", 25, 192, 966, 34, centred=True, band=True),
    "serial": Box("the label's serial", 720, 384, 278, 28, right=True),
    "due": Box("the due time", 25, 474, 690, 38),
    "use_by": Box("the use-by date", 35, 521, 680, 42),
    "storage": Box("the storage", 740, 474, 250, 30, lines=3),
    "auxiliary": Box("the auxiliary texts", 25, 570, 820, 28, lines=2),
    "product": Box("the product", 25, 634, 450, 28, lines=2),
    "bedside": Box("the caption of the bedside code", 865, 692, 125, 28),
    "reprint": Box("the reprint number", 580, 634, 270, 30, right=True),
    "replaced": Box("the serial of the replaced label", 480, 668, 370, 28, right=True),
    "prepared": Box("who prepared it and when", 25, 720, 965, 28),
}


# The dose itself stands between the banner and the times, as large as it can.
_BAG_ROWS = (
    (Part("drug", "the drug's name", (54, 50, 46, 42), 2, bold=True, at_hyphens=True),),
    (Part("dose", "the dose", (54, 50, 46, 42), bold=True),),
    (Part("give", "how the dose is made", (42, 38, 36, 34), 2),),
    (Part("route", "the route", (42, 38, 36, 34), 2),),
)
_ON_BAG = frozenset(_BAG) | {part.name for row in _BAG_ROWS for part in row}


def _bag_boxes(label: DoseLabel) -> dict[str, Box] | None:
    beside_codes, beside_serial = 820, 685
    dose = flow(_BAG_ROWS, _texts(label), 25, 234, 465, lambda y: beside_codes if y < 330 else beside_serial)
    test = {"hospital": replace(_BAG["hospital"], band=True)} if label.test else {}
    return None if dose is None else _BAG | dose | test


def _bag_texts(label: DoseLabel) -> dict[str, str]:
    written = {name: text for name, text in _texts(label).items() if name in _ON_BAG}
    return written | {
        "due": f"Given {label.due}" if label.due in (AS_NEEDED, EACH_DOSE) else f"Due {label.due}",
        "use_by": f"USE BY {label.use_by}",
        "bedside": "bedside" if label.bedside_code else "",
        "prepared": f"Prepared by {label.prepared_by} {label.made_at}",
    }


def _bag_codes(label: DoseLabel) -> tuple[Coded, ...]:
    return _coded(label, BAG_SERIAL, BAG_BEDSIDE)


BAG_KIND = Kind(
    name="bag label",
    media=DRAWER,
    template="bag.zpl",
    boxes=_bag_boxes,
    texts=_bag_texts,
    codes=_bag_codes,
    required=lambda label: _required(label) | {"storage": label.storage},
    dose_texts=_DOSE_TEXTS,
    rules=_rules,
)
