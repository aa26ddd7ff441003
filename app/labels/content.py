"""What stands on a dispensing label, in words; and the serial that makes every printed label its own.

Texts come ready from the room that made the dose (amounts worded by `app.core`), because a label says what was ordered
and never computes. Sources: USP <797> labelling of compounded preparations; ISMP error-prone designations.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import date
from functools import reduce
from typing import Any

from app.core.error_prone import error_prone
from app.core.wording import day
from app.labels.layout import (
    CODE128,
    MATRIX,
    MOST_INGREDIENTS,
    Box,
    boxes,
    code128_modules,
    matrix_modules,
    wrap,
)
from app.labels.zpl import visible

BARCODE_KINDS = ("datamatrix", "code128")


@dataclass(frozen=True)
class Ingredient:
    """One drug of a dose as its label says it: the name with its tall-man letters, and the ordered amount.

    `concentration` is in what the container holds, and empty where it can not be said. `volume` is the volume the
    amount was drawn in, where order or check needs it; only the label of a single drug has room for it.
    """

    drug: str
    amount: str
    concentration: str = ""
    volume: str = ""


@dataclass(frozen=True)
class DispenseLabel:
    """One label of one patient's dose, as it shall be read at the bedside.

    `ingredients` are its drugs in the order they are read, one to MOST_INGREDIENTS; `total_volume` is what the
    container holds. `beyond_use` carries date, time and zone. `reprint` counts the labels printed before this one
    for the same dose, and `copy_of` is the serial of the label that this one replaces.
    """

    hospital: str
    patient_name: str  # FAMILY, Given
    mrn: str
    birth_date: date
    unit_bed: str
    ingredients: tuple[Ingredient, ...]
    diluent: str
    total_volume: str
    route: str
    rate: str
    due: str
    beyond_use: str
    storage: str
    prepared_by: str
    made_at: str
    serial: str
    order_number: str
    auxiliary: tuple[str, ...] = ()
    high_alert: bool = False
    high_alert_words: str = "HIGH ALERT"
    bedside_code: str = ""
    bedside_kind: str = "datamatrix"
    copy_of: str = ""
    reprint: int = 0
    test: bool = False


def facts(label: DispenseLabel) -> dict[str, Any]:
    """The label as plain JSON values, to be kept beside its bytes; `from_facts` reads them back."""
    return asdict(label) | {
        "birth_date": label.birth_date.isoformat(),
        "auxiliary": list(label.auxiliary),
        "ingredients": [asdict(ingredient) for ingredient in label.ingredients],
    }


def from_facts(kept: Mapping[str, Any]) -> DispenseLabel:
    """The label that `facts` wrote. Raises ValueError when a field is missing or is not one of a label's."""
    known = {field.name for field in fields(DispenseLabel)}
    if strange := sorted(set(kept) - known):
        raise ValueError(f"A label has no field {', '.join(strange)}.")
    try:
        born, auxiliary = date.fromisoformat(kept["birth_date"]), tuple(kept["auxiliary"])
        ingredients = tuple(Ingredient(**each) for each in kept["ingredients"])
        whole = {"birth_date": born, "auxiliary": auxiliary, "ingredients": ingredients}
        return DispenseLabel(**dict(kept) | whole)
    except (KeyError, TypeError) as wrong:
        raise ValueError(f"These are not the facts of a whole label: {wrong}.") from None


def texts(label: DispenseLabel) -> dict[str, str]:
    """What is written in each box of the layout (`layout.boxes`), by its name; a box without text is left out."""
    square = label.bedside_code and label.bedside_kind == "datamatrix"
    written = {
        "hospital": "TEST - not for a patient" if label.test else label.hospital,
        "order": _led("Order ", label.order_number),
        "patient": label.patient_name,
        "bed": label.unit_bed,
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
    tidied = {name: _tidy(text) for name, text in written.items()}
    return {name: text for name, text in tidied.items() if text}


def problems(label: DispenseLabel) -> tuple[str, ...]:
    """Every reason why this label may not be printed, each a sentence that says what to do; empty when it may."""
    found = [
        f"The label has no {what}. Complete it, then print again."
        for what, text in _required(label).items()
        if not _tidy(text)
    ]
    if not is_serial(label.serial):
        found.append(f"“{label.serial}” is not a label serial. Print the label again to draw a new one.")
    if label.copy_of and not is_serial(label.copy_of):
        found.append(f"“{label.copy_of}” is not the serial of a label that can be replaced.")
    if label.reprint < 0 or bool(label.copy_of) != (label.reprint > 0):
        found.append("A reprint needs both its number and the serial of the label it replaces.")
    if len(label.ingredients) > MOST_INGREDIENTS:
        found.append(
            f"The label has room for {MOST_INGREDIENTS} drugs and this dose has {len(label.ingredients)}. Set it "
            "aside and ask a pharmacist: it must be made as two bags, each with its own label."
        )
        label = replace(label, ingredients=label.ingredients[:MOST_INGREDIENTS])
    if len(label.ingredients) > 1 and any(ingredient.volume for ingredient in label.ingredients):
        found.append("A label of several drugs has no room for the volume of each. Leave these volumes out.")
    written, places = texts(label), boxes(len(label.ingredients) or 1)
    for name, text in written.items():
        box = places[name]
        if strange := _outside_the_type(text):
            found.append(
                f"The printer's type cannot draw “{strange}” in {box.what} (“{text}”). Write it in Latin letters, "
                "then print again."
            )
        elif wrap(text, box) is None:
            found.append(_too_long(text, box))
        if name.split()[0] in _READ_AS_A_DOSE:
            found += [f"{box.what.capitalize()} may not be printed: {each.words}" for each in error_prone(text)]
    found += _barcode_problems(label)
    return tuple(found)


# --- the label's serial ---------------------------------------------------------------------------------------------

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: no I, L, O, U
_SERIAL = re.compile(rf"L-[{_ALPHABET}]{{10}}", re.ASCII)


def new_serial(random_bytes: bytes) -> str:
    """The serial `L-` and ten characters of Crockford's base 32, from at least 6 random bytes (45 bits are used).

    The last character is a check character over the field of 32 elements: any one wrong character, and any two
    neighbours swapped, are noticed. Raises ValueError for fewer than 6 bytes.
    """
    if len(random_bytes) < 6:
        raise ValueError("A label serial needs at least 6 random bytes.")
    number = int.from_bytes(random_bytes[:6], "big") & (1 << 45) - 1
    body = [number >> shift & 31 for shift in range(40, -1, -5)]
    return "L-" + "".join(_ALPHABET[value] for value in (*body, _check(body)))


def is_serial(text: str) -> bool:
    """True when `text` is a label serial whose check character is right."""
    if not _SERIAL.fullmatch(text):
        return False
    values = [_ALPHABET.index(letter) for letter in text[2:]]
    return _check(values[:-1]) == values[-1]


def typed_serial(text: str) -> str | None:
    """The serial that a person typed, small letters, blanks and the look-alikes I, L and O forgiven; else None."""
    body = re.sub(r"[\s-]", "", text.upper())
    body = body.removeprefix("L") if len(body) == 11 else body
    serial = "L-" + body.translate(str.maketrans("ILO", "110"))
    return serial if is_serial(serial) else None


def _check(values: list[int]) -> int:
    """Horner's rule over GF(32), polynomial x^5 + x^2 + 1: every place has its own weight."""
    return reduce(lambda total, value: _double(total ^ value), values, 0)


def _double(value: int) -> int:
    return (value << 1) ^ (0b100101 if value & 0b10000 else 0)


# --- what may not be printed ----------------------------------------------------------------------------------------

_READ_AS_A_DOSE = ("alert", "drug", "amount", "concentration", "diluent", "total", "rate", "storage", "auxiliary")
_CODE128_TEXT = re.compile(r"[A-Z0-9-]+", re.ASCII)
_MATRIX_TEXT = re.compile(r"[ -{}~]+", re.ASCII)  # printable ASCII without |, the escape character of the symbol


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


def _ingredient_texts(label: DispenseLabel) -> dict[str, str]:
    return {
        f"{what} {nth}": text
        for nth, each in enumerate(label.ingredients, 1)
        for what, text in (("drug", each.drug), ("amount", each.amount), ("concentration", each.concentration))
    }


def _led(lead: str, text: str) -> str:
    return lead + text if text else ""


def _total(label: DispenseLabel) -> str:
    drawn = label.ingredients[0].volume if len(label.ingredients) == 1 else ""
    return ", ".join(part for part in (_led("Total volume ", label.total_volume), _led("drug volume ", drawn)) if part)


def _tidy(text: str) -> str:
    return visible(text).strip()


def _outside_the_type(text: str) -> str:
    """The letters that a printer's resident type may lack: it prints nothing for them, so they may not be sent."""
    return "".join(dict.fromkeys(letter for letter in text if not _in_the_type(letter)))


def _in_the_type(letter: str) -> bool:
    point = ord(letter)
    latin = 0xA0 <= point <= 0x24F or 0x1E00 <= point <= 0x1EFF
    return 0x20 <= point <= 0x7E or (latin and letter not in "¤¨¯´¸") or letter in "’‘“”–—…·"


def _too_long(text: str, box: Box) -> str:
    lines = "one line" if box.lines == 1 else f"{box.lines} lines"
    return f"{box.what.capitalize()} is too long for {lines} of the label: “{text}”. Shorten it, then print again."


def _barcode_problems(label: DispenseLabel) -> list[str]:
    code, kind = label.bedside_code, label.bedside_kind
    if not code:
        return []
    if kind not in BARCODE_KINDS:
        return [f"“{kind}” is not a barcode the label can carry. Choose {' or '.join(BARCODE_KINDS)}."]
    allowed = _CODE128_TEXT if kind == "code128" else _MATRIX_TEXT
    if not allowed.fullmatch(code):
        return [
            f"The bedside barcode “{visible(code)}” has characters that a {kind} on our label cannot carry. "
            "Correct the site's barcode profile."
        ]
    for dots, module in (CODE128 if kind == "code128" else MATRIX).module.items():
        if kind == "code128":
            fits = (code128_modules(len(code)) + 20) * module <= CODE128.width * dots // 10
        else:
            fits = len(code) <= 144 and (matrix_modules(len(code)) + 2) * module <= MATRIX.height * dots // 10
        if not fits:
            return [f"The bedside barcode “{code}” is too long for a {kind} on the label. Shorten it in the profile."]
    return []
