"""What makes a kind of label: its media, the places of its texts and codes, what it may not lack, and its template."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from app.labels.layout import Box, Symbol
from app.labels.media import Media

SQUARE = frozenset({"datamatrix", "gs1"})
BARS = frozenset({"code128", "gs1-128"})
NO_ROOM = (
    "The label has no room for so much text in letters that can still be read. Leave an auxiliary text out, or print "
    "it as a larger label."
)


@dataclass(frozen=True)
class Coded:
    """One barcode of a label: its place, what it says, and how: a Data Matrix or Code 128, plain or of GS1 elements."""

    place: Symbol
    text: str
    how: str = "datamatrix"


@dataclass(frozen=True)
class Kind:
    """One kind of label. Each function answers for one label's content, and every text has a box of its name.

    `boxes` is None when the label has no room for so much text even at the least type. `dose_texts` names the boxes
    (by their first word) that are read as a dose, and may hold nothing error-prone. `rules` are what this kind asks
    beyond that, as sentences about what is wrong; `drawing` is what its template wants to know besides the label.
    """

    name: str
    media: Media
    template: str
    boxes: Callable[[Any], Mapping[str, Box] | None]
    texts: Callable[[Any], Mapping[str, str]]
    codes: Callable[[Any], tuple[Coded, ...]]
    required: Callable[[Any], Mapping[str, str]]
    dose_texts: frozenset[str]
    rules: Callable[[Any], Iterable[str]] = lambda label: ()
    drawing: Callable[[Any], Mapping[str, object]] = lambda label: {}
