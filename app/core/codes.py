"""The codes that the product prints itself: trays, cards, badges, labels, shelves, totes, wards. Only A–Z, 0–9, '-'.

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
    """One of our own codes: kind 'tray', 'card', 'badge', 'label', 'location', 'tote' or 'ward', and its whole text."""

    kind: str
    text: str

    @property
    def name(self) -> str:
        """What stands behind the prefix: a location's own code, a unit's."""
        return self.text.partition("-")[2]


_SHAPES = (
    ("tray", re.compile(r"TRAY-[A-Z0-9]{2,12}", re.ASCII)),
    ("card", re.compile(r"CARD-(?:" + "|".join(Card) + ")", re.ASCII)),
    ("badge", re.compile(r"BADGE-[A-Z0-9]{6,32}", re.ASCII)),
    ("label", re.compile(r"L-[0-9A-HJKMNP-TV-Z]{10}", re.ASCII)),
    ("location", re.compile(r"LOC-[A-Z0-9](?:[A-Z0-9-]{0,22}[A-Z0-9])?", re.ASCII)),
    ("tote", re.compile(r"TOTE-[A-Z0-9]{1,12}", re.ASCII)),
    ("ward", re.compile(r"WARD-[A-Z0-9](?:[A-Z0-9-]{0,22}[A-Z0-9])?", re.ASCII)),
)
_AIM = re.compile(r"^\][A-Za-z][0-9A-Za-z]")


def read_code(scan: str) -> Code | None:
    """Tell which of our own codes a scan is (an AIM symbology prefix is ignored); None for anything else."""
    text = _AIM.sub("", scan.strip())
    for kind, shape in _SHAPES:
        if shape.fullmatch(text):
            return Code(kind, text)
    return None


def tote_code(name: str) -> str:
    """What the code on a tote says. Raises ValueError for a name that no code of ours can carry."""
    return _made("tote", f"TOTE-{name}")


def ward_code(unit: str) -> str:
    """What the code at a unit's delivery place says. Raises ValueError for a unit code that none can carry."""
    return _made("ward", f"WARD-{unit}")


def _made(kind: str, text: str) -> str:
    if not dict(_SHAPES)[kind].fullmatch(text):
        raise ValueError(f"“{text}” can not be a {kind}'s code: only A–Z, 0–9 and - can be scanned everywhere.")
    return text


def card_of(code: Code) -> Card:
    """Tell which card a card code is."""
    return Card(code.text.removeprefix("CARD-"))
