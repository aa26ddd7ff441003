"""Places for texts and codes on a label, in tenths of a millimetre, and whether a text fits its place.

The printer's scalable type (font 0) is measured with its own advance widths, so that an overflow is known before a byte
is sent: a text that does not fit is an error, never a smaller print and never a cut.
"""

import re
import unicodedata
from collections.abc import Mapping
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
BAND_ABOVE, BAND_BELOW, BAND_ASIDE = 4, 1, 5
"""How far the black ground of a band reaches beyond its box, in 0.1 mm: capitals stand in its middle."""
LEAST_TYPE = 27
"""The smallest type height: its capitals are 2 mm high. Nothing on a label is smaller."""


@dataclass(frozen=True)
class Box:
    """A place for one text: left, top, width and type height in 0.1 mm; `what` names it in messages.

    `at_hyphens` lets a line break after a hyphen; `right` sets the text flush right, `centred` in the middle. A `bold`
    text is drawn twice, a hair apart; a `band` is white on a black ground that is a little larger than the box.
    """

    what: str
    x: int
    y: int
    width: int
    type: int
    lines: int = 1
    at_hyphens: bool = False
    right: bool = False
    centred: bool = False
    bold: bool = False
    band: bool = False

    @property
    def height(self) -> int:
        """Height of all its lines, in 0.1 mm."""
        return self.type * self.lines

    @property
    def bolder(self) -> int:
        """How far apart the two impressions of a bold text stand, in 0.1 mm; 0 for a text that is drawn once."""
        return max(1, self.type // 24) if self.bold else 0


@dataclass(frozen=True)
class Symbol:
    """A place for a barcode with its quiet zone in 0.1 mm, and its least module in dots by dots per millimetre."""

    what: str
    x: int
    y: int
    width: int
    height: int
    module: Mapping[int, int]


def text_width(text: str, type_height: int) -> int:
    """Width of `text` in the unit of `type_height`, rounded up, with allowance for firmware differences."""
    thousandths = sum(_WIDTHS.get(letter) or _width_of_base(letter) for letter in text)
    return -(-thousandths * type_height * _PRINTERS_DIFFER // 100_000)


def wrap(text: str, box: Box) -> tuple[str, ...] | None:
    """The lines of `text` in `box`, or None when it does not fit.

    Lines break at blanks, in boxes `at_hyphens` after a hyphen too; a number is never parted from its unit.
    """
    lines: list[str] = []
    current, room = "", box.width - box.bolder
    for piece in _pieces(text, box.at_hyphens):
        if text_width(_shown(current + piece), box.type) <= room:
            current += piece
            continue
        if current.strip():
            lines.append(current)
        current = piece.lstrip(" ")
        if text_width(_shown(current), box.type) > room:
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
