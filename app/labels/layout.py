"""Where each text of a label stands, in tenths of a millimetre, and whether it fits there.

The printer's scalable type (font 0) is measured with its own advance widths, so that an overflow is known before a byte
is sent: a text that does not fit is an error, never a smaller print and never a cut.
"""

import re
import unicodedata
from dataclasses import dataclass

# Advance widths of font 0 in thousandths of the type height, as drawn by a printer with its resident type.
# The hyphen really is this wide.
_WIDTHS = {
    **dict.fromkeys("ijl", 250),
    **dict.fromkeys(" !'(),./:;I[\\]`ft’‘·°", 281),
    **dict.fromkeys("r", 344),
    **dict.fromkeys("z", 375),
    **dict.fromkeys("?Jcksvxy", 438),
    **dict.fromkeys('"#$*0123456789Laeo“”', 469),
    **dict.fromkeys("EFTZ^_bdghnpqu{|}", 500),
    **dict.fromkeys("CSV", 531),
    **dict.fromkeys("ABKOPQXY", 562),
    **dict.fromkeys("DGR", 594),
    **dict.fromkeys("&HNU", 625),
    **dict.fromkeys("w", 656),
    **dict.fromkeys("Mm", 750),
    **dict.fromkeys("W", 812),
    **dict.fromkeys("%+-=@–", 906),
}
_WIDEST = 1000
_PRINTERS_DIFFER = 102  # per cent: firmware draws the same type a little wider or narrower.
_NO_BREAK = "\N{NO-BREAK SPACE}"
_NUMBER_AND_UNIT = re.compile(r"(?<=\d) (?=(?:mg|mcg|g|kg|mL|L|units?|mEq|mmol|%|°C|hours?|min)(?:\W|$))")

CAPITAL = 0.75
"""Height of a capital letter of font 0 as a share of its type height."""


@dataclass(frozen=True)
class Box:
    """A place for one text: left, top, width and type height in 0.1 mm; `what` names it in messages.

    `at_hyphens` lets a line break after a hyphen; `right` sets the text flush right.
    """

    what: str
    x: int
    y: int
    width: int
    type: int
    lines: int = 1
    at_hyphens: bool = False
    right: bool = False

    @property
    def height(self) -> int:
        """Height of all its lines, in 0.1 mm."""
        return self.type * self.lines


@dataclass(frozen=True)
class Symbol:
    """A place for a barcode with its quiet zone in 0.1 mm, and its least module in dots by dots per millimetre."""

    what: str
    x: int
    y: int
    width: int
    height: int
    module: dict[int, int]


def text_width(text: str, type_height: int) -> int:
    """Width of `text` in the unit of `type_height`, rounded up, with allowance for firmware differences."""
    thousandths = sum(_WIDTHS.get(letter) or _width_of_base(letter) for letter in text)
    return -(-thousandths * type_height * _PRINTERS_DIFFER // 100_000)


def wrap(text: str, box: Box) -> tuple[str, ...] | None:
    """The lines of `text` in `box`, or None when it does not fit.

    Lines break at blanks, in boxes `at_hyphens` after a hyphen too; a number is never parted from its unit.
    """
    lines: list[str] = []
    current = ""
    for piece in _pieces(text, box.at_hyphens):
        if text_width(_shown(current + piece), box.type) <= box.width:
            current += piece
            continue
        if current.strip():
            lines.append(current)
        current = piece.lstrip(" ")
        if text_width(_shown(current), box.type) > box.width:
            return None
    if current.strip():
        lines.append(current)
    return tuple(_shown(line) for line in lines) if len(lines) <= box.lines else None


def matrix_modules(length: int) -> int:
    """Side of the square ECC 200 Data Matrix that surely holds `length` ASCII characters, in modules.

    ISO/IEC 16022 table 7, counting one codeword a character: digits in pairs and other encodations only make it
    smaller. Raises ValueError above 144 characters, more than any label of ours has room for.
    """
    for side, capacity in _MATRIX_CAPACITY:
        if length <= capacity:
            return side
    raise ValueError(f"{length} characters are too many for one Data Matrix on a label.")


def code128_modules(length: int) -> int:
    """Width of a Code 128 of `length` characters in one subset, without its quiet zones, in modules.

    ISO/IEC 15417: start, data and check characters of 11 modules, stop of 13.
    """
    return 11 * (length + 2) + 13


_MATRIX_CAPACITY = (
    (10, 3), (12, 5), (14, 8), (16, 12), (18, 18), (20, 22), (22, 30), (24, 36), (26, 44), (32, 62), (36, 86),
    (40, 114), (44, 144),
)  # fmt: skip


def _pieces(text: str, at_hyphens: bool) -> list[str]:
    glued = _NUMBER_AND_UNIT.sub(_NO_BREAK, text)
    pattern = r" *[^ -]*-+|[ ]*[^ -]+|[ ]+" if at_hyphens else r" *[^ ]+|[ ]+"
    return re.findall(pattern, glued)


def _shown(line: str) -> str:
    return line.strip(" ").replace(_NO_BREAK, " ")


def _width_of_base(letter: str) -> int:
    base = unicodedata.normalize("NFKD", letter)[:1]
    return _WIDTHS.get(base, _WIDEST)


# The dispensing label, 4 x 3 inches (1016 x 762). What a nurse must tell apart at arm's length stands largest.
# The drugs stand between the patient and the diluent, in the places of `INGREDIENTS`.
DISPENSE = {
    "hospital": Box("the name of the hospital", 25, 15, 600, 28),
    "order": Box("the order number", 640, 15, 350, 28),
    "patient": Box("the patient's name", 25, 53, 690, 48, lines=2, at_hyphens=True),
    "bed": Box("unit and bed", 730, 53, 260, 44, lines=2, at_hyphens=True),
    "identity": Box("record number and birth date", 25, 151, 965, 34),
    "alert": Box("the high-alert words", 35, 192, 946, 34),
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


def boxes(ingredients: int) -> dict[str, Box]:
    """Every place of the label of so many drugs, by name: `drug 1`, `amount 1` and so on beside those of DISPENSE.

    Raises KeyError above MOST_INGREDIENTS, and for none.
    """
    return DISPENSE | INGREDIENTS[ingredients]


# Modules are 0.375 mm and more for a square code, 0.25 mm for bars: what a ward's hand scanner reads from a bent bag.
SERIAL = Symbol("the serial's Data Matrix", 862, 234, 137, 137, {8: 6, 12: 9})
MATRIX = Symbol("the bedside Data Matrix", 865, 570, 120, 120, {8: 3, 12: 4})
CODE128 = Symbol("the bedside Code 128", 25, 632, 600, 50, {8: 2, 12: 3})
