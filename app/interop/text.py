"""Text of a message as it may stand on our screens: composed letters, no control characters, no hidden direction."""

import unicodedata

_HIDDEN = {"Cc", "Cf", "Cs", "Co"}


def tidy(text: str) -> str:
    """The text in composed form (NFC), lines kept, without control, format and private characters."""
    composed = unicodedata.normalize("NFC", text)
    return "".join(c for c in composed if c == "\n" or unicodedata.category(c) not in _HIDDEN).strip()


def hides_something(text: str) -> bool:
    """Whether a name holds characters that change how its neighbours are read (bidirectional controls, joiners)."""
    return any(unicodedata.category(c) in _HIDDEN for c in unicodedata.normalize("NFC", text))
