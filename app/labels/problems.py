"""Why a label may not be printed: what it lacks, what does not fit, what would be misread, what no scanner reads."""

import re
from collections.abc import Iterator
from datetime import date

from app.core.error_prone import error_prone
from app.formulary.barcode import read_barcode
from app.labels.kind import BARS, NO_ROOM, SQUARE, Coded
from app.labels.kinds import AnyLabel, kind_of, texts, tidy
from app.labels.layout import Box, code128_modules, matrix_modules, wrap
from app.labels.media import in_dots
from app.labels.serial import is_serial
from app.labels.zpl import visible

_CODE128_TEXT = re.compile(r"[A-Z0-9-]+", re.ASCII)
_DIGIT_PAIRS = re.compile(r"(?:[0-9]{2})+", re.ASCII)
_MATRIX_TEXT = re.compile(r"[ -{}~]+", re.ASCII)  # printable ASCII without |, the escape character of the symbol
_ALPHABETS = {"code128": _CODE128_TEXT, "gs1-128": _DIGIT_PAIRS, "datamatrix": _MATRIX_TEXT, "gs1": _MATRIX_TEXT}


def problems(label: AnyLabel) -> tuple[str, ...]:
    """Every reason why this label may not be printed, each a sentence that says what to do; empty when it may."""
    kind = kind_of(label)
    found = [
        f"The label has no {what}. Complete it, then print again."
        for what, text in kind.required(label).items()
        if not tidy(text)
    ]
    found += _of_its_serial(label)
    found += kind.rules(label)
    written, places = texts(label), kind.boxes(label)
    if places is None:
        found.append(NO_ROOM)
    else:
        for name, text in written.items():
            found += _of_a_text(places[name], text)
    for name, text in written.items():
        if name.split()[0] in kind.dose_texts:
            what = places[name].what.capitalize() if places else "A text"
            found += [f"{what} may not be printed: {each.words}" for each in error_prone(text)]
    for code in kind.codes(label):
        found += _of_a_code(code)
    return tuple(dict.fromkeys(found))


def _of_its_serial(label: AnyLabel) -> Iterator[str]:
    if not is_serial(label.serial):
        yield f"“{label.serial}” is not a label serial. Print the label again to draw a new one."
    if label.copy_of and not is_serial(label.copy_of):
        yield f"“{label.copy_of}” is not the serial of a label that can be replaced."
    if label.reprint < 0 or bool(label.copy_of) != (label.reprint > 0):
        yield "A reprint needs both its number and the serial of the label it replaces."


def _of_a_text(box: Box, text: str) -> Iterator[str]:
    if strange := _outside_the_type(text):
        yield (
            f"The printer's type cannot draw “{strange}” in {box.what} (“{text}”). Write it in Latin letters, "
            "then print again."
        )
    elif wrap(text, box) is None:
        lines = "one line" if box.lines == 1 else f"{box.lines} lines"
        yield f"{box.what.capitalize()} is too long for {lines} of the label: “{text}”. Shorten it, then print again."


def _outside_the_type(text: str) -> str:
    """The letters that a printer's resident type may lack: it prints nothing for them, so they may not be sent."""
    return "".join(dict.fromkeys(letter for letter in text if not _in_the_type(letter)))


def _in_the_type(letter: str) -> bool:
    point = ord(letter)
    latin = 0xA0 <= point <= 0x24F or 0x1E00 <= point <= 0x1EFF
    return 0x20 <= point <= 0x7E or (latin and letter not in "¤¨¯´¸") or letter in "’‘“”–—…·"


def _of_a_code(code: Coded) -> Iterator[str]:
    if code.how not in _ALPHABETS:
        yield f"“{code.how}” is not a barcode the label can carry. Choose {' or '.join(_ALPHABETS)}."
    elif not _ALPHABETS[code.how].fullmatch(code.text):
        yield (
            f"The bedside barcode “{visible(code.text)}” has characters that a {code.how} on our label cannot carry. "
            "Correct the site's barcode profile."
        )
    elif code.how.startswith("gs1") and not _reads_back(code.text):
        yield f"The bedside barcode “{code.text}” does not read back as what it says. Correct the product's GTIN."
    elif not all(_fits(code, dots, module) for dots, module in code.place.module.items()):
        yield (
            f"The bedside barcode “{code.text}” is too long for a {code.how} on the label. Shorten it in the profile."
        )


def _fits(code: Coded, dots_per_mm: int, module: int) -> bool:
    if code.how in BARS:
        return (modules_of(code) + 20) * module <= in_dots(code.place.width, dots_per_mm)
    assert code.how in SQUARE
    return len(code.text) < 144 and (modules_of(code) + 2) * module <= in_dots(code.place.height, dots_per_mm)


def _reads_back(elements: str) -> bool:
    """Whether a GS1 reader finds these very elements again; the century of its dates does not matter here."""
    read = read_barcode("]d2" + elements, today=date(2026, 1, 1))
    return "".join(ai + value for ai, value in read.ais.items()) == elements


def modules_of(code: Coded) -> int:
    """The width of a barcode in modules, without its quiet zones; of a Data Matrix the most it may need.

    A GS1 code begins with one more character, FNC1; of a GS1-128 each character stands for two digits.
    """
    if code.how == "gs1-128":
        return code128_modules(1 + len(code.text) // 2)
    return code128_modules(len(code.text)) if code.how in BARS else matrix_modules(len(code.text) + (code.how == "gs1"))
