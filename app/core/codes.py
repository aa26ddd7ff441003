"""The codes that the product prints itself: trays, confirm cards, badges, hoods. Only A–Z, 0–9 and '-'.

A code says what it is by its prefix, so that one scan listener serves every screen.
"""

import re
from dataclasses import dataclass
from enum import StrEnum


class Card(StrEnum):
    """The confirm-by-scan cards of the sheet the product prints; each does what the tap of that name does."""

    YES = "YES"
    NEXT = "NEXT"
    BACK = "BACK"
    PAUSE = "PAUSE"
    HELP = "HELP"
    REJECT = "REJECT"


@dataclass(frozen=True)
class Code:
    """One of our own codes: kind 'tray', 'card', 'badge', 'label' or 'ward', and the whole text as scanned."""

    kind: str
    text: str


_SHAPES = (
    ("tray", re.compile(r"TRAY-[A-Z0-9]{2,12}", re.ASCII)),
    ("card", re.compile(r"CARD-(?:" + "|".join(Card) + ")", re.ASCII)),
    ("badge", re.compile(r"BADGE-[A-Z0-9]{6,32}", re.ASCII)),
    ("label", re.compile(r"L-[0-9A-HJKMNP-TV-Z]{10}", re.ASCII)),
)
_AIM = re.compile(r"^\][A-Za-z][0-9A-Za-z]")


def read_code(scan: str) -> Code | None:
    """Tell which of our own codes a scan is (an AIM symbology prefix is ignored); None for anything else."""
    text = _AIM.sub("", scan.strip())
    for kind, shape in _SHAPES:
        if shape.fullmatch(text):
            return Code(kind, text)
    return None


def card_of(code: Code) -> Card:
    """Tell which card a card code is."""
    return Card(code.text.removeprefix("CARD-"))
