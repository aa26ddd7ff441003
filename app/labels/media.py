"""The label stock of a printer: its size, and what a tenth of a millimetre on it is in the printer's dots."""

from dataclasses import dataclass

DPI = {8: 203, 12: 300}
"""Dots per inch, as printers are sold, by what they call their dots per millimetre: 8, and 12 for what is 11.8."""
_DOTS_IN_A_METRE = {8: 8_000, 12: 11_811}


@dataclass(frozen=True)
class Media:
    """One size of label, width and length in hundredths of an inch, as the stock is sold."""

    width: int
    length: int

    @property
    def name(self) -> str:
        """How a printer's address says it: '4x3', '2.25x1.25'."""
        return f"{_inches(self.width)}x{_inches(self.length)}"

    @property
    def words(self) -> str:
        """How a person says it: '2.25 × 1.25 inch'."""
        return f"{_inches(self.width)} × {_inches(self.length)} inch"

    @property
    def tenths(self) -> tuple[int, int]:
        """Width and length in 0.1 mm, rounded down."""
        return self.width * 254 // 100, self.length * 254 // 100

    def dots(self, dots_per_mm: int) -> tuple[int, int]:
        """Width and length in dots. Raises ValueError for another resolution than 8 or 12 dots per millimetre."""
        if dots_per_mm not in DPI:
            raise ValueError(f"Labels are laid out for 8 or 12 dots per millimetre, not for {dots_per_mm}.")
        return round(self.width * DPI[dots_per_mm] / 100), round(self.length * DPI[dots_per_mm] / 100)


def in_dots(tenths: int, dots_per_mm: int) -> int:
    """So many 0.1 mm in dots of the printer, to the nearest."""
    return round(tenths * _DOTS_IN_A_METRE[dots_per_mm] / 10_000)


def in_tenths(dots: int, dots_per_mm: int) -> int:
    """So many dots of the printer in 0.1 mm, rounded up."""
    return -(-dots * 10_000 // _DOTS_IN_A_METRE[dots_per_mm])


def _inches(hundredths: int) -> str:
    return f"{hundredths / 100:g}"


DRAWER = Media(400, 300)
TALL = Media(400, 600)
SMALL = Media(225, 125)
FLAG = Media(400, 50)
ALL = {media.name: media for media in (DRAWER, TALL, SMALL, FLAG)}
