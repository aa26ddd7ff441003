"""The dispensing label of a preparation, 4 × 3 inch: where each text stands, and what it may not lack."""

from collections.abc import Iterator
from dataclasses import replace

from app.core.wording import day
from app.labels.content import DispenseLabel, Ingredient
from app.labels.kind import SQUARE, Coded, Kind
from app.labels.layout import CAPITAL, Box, Symbol
from app.labels.media import DRAWER

# What a nurse must tell apart at arm's length stands largest (4 x 3 inch is 1016 x 762 tenths of a millimetre).
# The drugs stand between the patient and the diluent, in the places of `INGREDIENTS`.
DISPENSE = {
    "hospital": Box("the name of the hospital", 25, 15, 600, 28),
    "order": Box("the order number", 640, 15, 350, 28),
    "patient": Box("the patient's name", 25, 53, 690, 48, lines=2, at_hyphens=True, bold=True),
    "bed": Box("unit and bed", 730, 53, 260, 44, lines=2, at_hyphens=True),
    "at_print": Box("the words beside the location", 730, 154, 260, 28),
    "identity": Box("record number and birth date", 25, 151, 690, 34),
    "alert": Box("the high-alert words", 25, 192, 966, 34, centred=True, band=True),
    "diluent": Box("the diluent", 25, 342, 830, 38),
    "total": Box("the total volume", 25, 383, 685, 34),
    "serial": Box("the label's serial", 720, 384, 278, 28, right=True),
    "rate": Box("route and rate", 25, 422, 965, 42),
    "due": Box("the due time", 25, 474, 690, 36),
    "beyond_use": Box("the beyond-use time", 35, 521, 680, 42),
    "storage": Box("the storage", 740, 474, 250, 30, lines=3),
    "auxiliary": Box("the auxiliary texts", 25, 570, 820, 28, lines=2),
    "ward_caption": Box("the caption of the bedside code", 25, 630, 600, 28),
    "ward_code": Box("the text of the bedside barcode", 25, 658, 600, 28),
    "bedside": Box("the text of the bedside barcode", 25, 688, 550, 28),
    "ward": Box("the caption of the bedside Data Matrix", 865, 692, 125, 28),
    "reprint": Box("the reprint number", 645, 628, 205, 30),
    "replaces": Box("the word before the replaced serial", 645, 658, 205, 28),
    "replaced": Box("the serial of the replaced label", 585, 688, 278, 28),
    "prepared": Box("who prepared it and when", 25, 720, 965, 28),
}


def _row(nth: int, y: int, type_: int) -> dict[str, Box]:
    """One drug's row: its name, its amount flush right under the other amounts, its concentration on their line."""
    return {
        f"drug {nth}": Box("the drug's name", 25, y, 350, type_),
        f"amount {nth}": Box("the ordered amount", 378, y, 195, type_, right=True),
        f"concentration {nth}": Box("the concentration", 603, y + round(CAPITAL * (type_ - 28)), 252, 28),
    }


# What stands under the rows is never larger than they are.
_UNDER_ROWS = {
    "diluent": Box("the diluent", 25, 350, 830, 34),
    "total": Box("the total volume", 25, 385, 685, 30),
}

# One drug stands large on two lines. Each of several has a row of its own, for an amount must stand beside its drug;
# their capitals are 2.6 mm high and more, which is still read at arm's length.
INGREDIENTS = {
    1: {
        "drug 1": Box("the drug's name", 25, 233, 830, 52),
        "amount 1": Box("the ordered amount", 25, 287, 470, 52),
        "concentration 1": Box("the concentration", 510, 294, 345, 42),
    },
    2: _row(1, 240, 38) | _row(2, 297, 38) | _UNDER_ROWS,
    3: _row(1, 232, 35) | _row(2, 272, 35) | _row(3, 312, 35) | _UNDER_ROWS,
}
MOST_INGREDIENTS = max(INGREDIENTS)

RULES = {1: (), 2: (287,), 3: (267, 307)}
"""Where the thin rules between the rows of several drugs stand, in 0.1 mm from the top, by the number of drugs."""

# Modules are 0.375 mm and more for a square code, 0.25 mm for bars: what a ward's hand scanner reads from a bent bag.
SERIAL = Symbol("the serial's Data Matrix", 862, 234, 137, 137, {8: 6, 12: 8})
MATRIX = Symbol("the bedside Data Matrix", 865, 570, 120, 120, {8: 3, 12: 4})
CODE128 = Symbol("the bedside Code 128", 25, 632, 600, 50, {8: 2, 12: 3})


def boxes(label: DispenseLabel) -> dict[str, Box]:
    """Every place of this label by name, `drug 1`, `amount 1` and so on among them."""
    drugs = min(max(1, len(label.ingredients)), MOST_INGREDIENTS)
    places = DISPENSE | INGREDIENTS[drugs]
    return places | {"hospital": replace(places["hospital"], band=True)} if label.test else places


def texts(label: DispenseLabel) -> dict[str, str]:
    """What is written in each box, by its name."""
    square = label.bedside_code and label.bedside_kind in SQUARE
    return {
        "hospital": "TEST - not for a patient" if label.test else label.hospital,
        "order": _led("Order ", label.order_number),
        "patient": label.patient_name,
        "bed": label.unit_bed,
        "at_print": "location at print",
        "identity": f"MRN {label.mrn}   born {day(label.birth_date)}",
        "alert": label.high_alert_words if label.high_alert else "",
        **_ingredient_texts(label),
        "diluent": _led("in ", label.diluent),
        "total": _total(label),
        "serial": label.serial,
        "rate": "   ".join(part for part in (label.route, label.rate) if part),
        "due": _led("Due ", label.due),
        "beyond_use": _led("USE BY ", label.beyond_use),
        "storage": label.storage,
        "auxiliary": " ".join(text.rstrip(".") + "." for text in label.auxiliary if text),
        "bedside": "" if square else label.bedside_code,
        "ward": "bedside" if square else "",
        "ward_caption": "Bedside code" if square else "",
        "ward_code": label.bedside_code if square else "",
        "reprint": f"REPRINT {label.reprint}" if label.reprint else "",
        "replaces": "replaces" if label.copy_of else "",
        "replaced": label.copy_of,
        "prepared": f"Prepared by {label.prepared_by} {label.made_at}",
    }


def _codes(label: DispenseLabel) -> tuple[Coded, ...]:
    serial = Coded(SERIAL, label.serial)
    if not label.bedside_code:
        return (serial,)
    place = MATRIX if label.bedside_kind in SQUARE else CODE128
    return (serial, Coded(place, label.bedside_code, label.bedside_kind))


def _required(label: DispenseLabel) -> dict[str, str]:
    return {
        "patient name": label.patient_name,
        "medical record number": label.mrn,
        "unit and bed": label.unit_bed,
        **_required_of_drugs(label.ingredients),
        "route": label.route,
        "beyond-use date and time": label.beyond_use,
        "storage": label.storage,
        "name of who prepared it": label.prepared_by,
        "order number": label.order_number,
        **({"high-alert words": label.high_alert_words} if label.high_alert else {}),
    }


def _required_of_drugs(ingredients: tuple[Ingredient, ...]) -> dict[str, str]:
    if len(ingredients) < 2:
        only = ingredients[0] if ingredients else Ingredient("", "")
        return {"drug": only.drug, "ordered amount": only.amount}
    names = {f"name for drug {nth}": each.drug for nth, each in enumerate(ingredients, 1)}
    return names | {f"ordered amount for drug {nth}": each.amount for nth, each in enumerate(ingredients, 1)}


def _rules(label: DispenseLabel) -> Iterator[str]:
    if len(label.ingredients) > MOST_INGREDIENTS:
        yield (
            f"The label has room for {MOST_INGREDIENTS} drugs and this dose has {len(label.ingredients)}. Set it "
            "aside and ask a pharmacist: it must be made as two bags, each with its own label."
        )
    if len(label.ingredients) > 1 and any(ingredient.volume for ingredient in label.ingredients):
        yield "A label of several drugs has no room for the volume of each. Leave these volumes out."


def _ingredient_texts(label: DispenseLabel) -> dict[str, str]:
    return {
        f"{what} {nth}": text
        for nth, each in enumerate(label.ingredients[:MOST_INGREDIENTS], 1)
        for what, text in (("drug", each.drug), ("amount", each.amount), ("concentration", each.concentration))
    }


def _led(lead: str, text: str) -> str:
    return lead + text if text else ""


def _total(label: DispenseLabel) -> str:
    drawn = label.ingredients[0].volume if len(label.ingredients) == 1 else ""
    return ", ".join(part for part in (_led("Total volume ", label.total_volume), _led("drug volume ", drawn)) if part)


KIND = Kind(
    name="dispensing label",
    media=DRAWER,
    template="dispense.zpl",
    boxes=boxes,
    texts=texts,
    codes=_codes,
    required=_required,
    dose_texts=frozenset(
        {"alert", "drug", "amount", "concentration", "diluent", "total", "rate", "storage", "auxiliary"}
    ),
    rules=_rules,
    drawing=lambda label: {"rows": RULES[len(label.ingredients)]},
)
