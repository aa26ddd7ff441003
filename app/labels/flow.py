"""Rows of text that follow one another down a small label, at the largest type at which all of them fit.

Each row takes the lines it needs; a row whose parts do not fit side by side is stacked. Type is made smaller step by
step down to what can still be read, and never beyond: what does not fit then is refused.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from app.labels.layout import BAND_ABOVE, BAND_BELOW, Box, text_width, wrap

GAP = 8
"""Between two parts of a row, in 0.1 mm."""


@dataclass(frozen=True)
class Part:
    """One text of a row: its name, what messages call it, its type by step, the most lines it may take, its looks.

    A `snug` part is as wide as its text and stands at the right; the others share what is left. `above` is room that a
    row keeps free above itself, where it has any of its parts.
    """

    name: str
    what: str
    types: tuple[int, ...]
    lines: int = 1
    snug: bool = False
    bold: bool = False
    band: bool = False
    at_hyphens: bool = False
    above: int = 0

    def type(self, step: int) -> int:
        return self.types[min(step, len(self.types) - 1)]

    def box(self, step: int, x: int, y: int, width: int, lines: int) -> Box:
        return Box(
            self.what,
            x,
            y + BAND_ABOVE * self.band,
            width,
            self.type(step),
            lines,
            at_hyphens=self.at_hyphens,
            centred=self.band,
            bold=self.bold,
            band=self.band,
        )


Row = tuple[Part, ...]
STEPS = 4


def flow(
    rows: Sequence[Row], texts: Mapping[str, str], left: int, top: int, bottom: int, width_at: Callable[[int], int]
) -> dict[str, Box] | None:
    """A box for every text, rows from `top` to `bottom`, each as wide as `width_at` of its top allows.

    None when there is no room for all rows. A text that fits no line of its own gets its box all the same: it is
    refused for what it is.
    """
    found = None
    for step in range(STEPS):
        found, fits = _at(step, rows, texts, left, top, bottom, width_at)
        if fits:
            return found
    return found


def _at(
    step: int,
    rows: Sequence[Row],
    texts: Mapping[str, str],
    left: int,
    top: int,
    bottom: int,
    width_at: Callable[[int], int],
) -> tuple[dict[str, Box] | None, bool]:
    """The boxes at one step, None when they reach beyond the bottom; and whether every text fits its own."""
    boxes: dict[str, Box] = {}
    y = top
    for row in rows:
        written = [part for part in row if texts.get(part.name)]
        y += max((part.above for part in written), default=0)
        beside = _beside(step, written, texts, left, y, width_at(y))
        if beside:
            boxes |= beside
            y += max(_height(box) for box in beside.values())
            continue
        for part in written:
            boxes[part.name] = box = _alone(step, part, texts[part.name], left, y, width_at(y))
            y += _height(box)
    fits = all(wrap(texts[name], box) for name, box in boxes.items())
    return (boxes, fits) if y <= bottom else (None, False)


def _height(box: Box) -> int:
    return box.height + (BAND_ABOVE + BAND_BELOW) * box.band


def _beside(
    step: int, parts: Sequence[Part], texts: Mapping[str, str], left: int, y: int, width: int
) -> dict[str, Box]:
    """The parts of a row side by side, one line each; empty when there is one only, or when they do not fit."""
    if len(parts) < 2:
        return {}
    snug = {part.name: _snug_width(step, part, texts[part.name]) for part in parts if part.snug}
    rest = width - sum(snug.values()) - GAP * (len(parts) - 1)
    share = rest // max(1, len(parts) - len(snug))
    x, placed = left, {}
    for part in parts:
        wide = snug.get(part.name, share)
        placed[part.name] = part.box(step, x, y, wide, 1)
        x += wide + GAP
    return placed if rest >= 0 and all(wrap(texts[name], box) for name, box in placed.items()) else {}


def _alone(step: int, part: Part, text: str, x: int, y: int, width: int) -> Box:
    """A part with the row to itself, in the fewest lines that hold it."""
    for lines in range(1, part.lines):
        box = part.box(step, x, y, width, lines)
        if wrap(text, box):
            return box
    return part.box(step, x, y, width, part.lines)


def _snug_width(step: int, part: Part, text: str) -> int:
    return text_width(text, part.type(step)) + (2 * GAP if part.band else part.box(step, 0, 0, 0, 1).bolder)
