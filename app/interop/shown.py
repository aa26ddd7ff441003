"""A message as a person reads it: one segment a line, with the places marked that somebody has to look at."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.core.errors import Invalid
from app.interop.hl7 import Segment, parse


@dataclass(frozen=True)
class Line:
    """One segment: pieces of text in order, each with whether it is marked."""

    pieces: tuple[tuple[str, bool], ...]


def shown_lines(raw: bytes, marks: Sequence[tuple[int, int]] = (), charset: str | None = None) -> tuple[Line, ...]:
    """Cut a message into its segments and mark the byte ranges `marks` (offsets in `raw`) in them.

    Nothing is left out; bytes that hold no message are shown as they are.
    """
    try:
        segments = parse(raw, charset).segments
    except Invalid:
        return (Line(((raw.decode("latin-1"), bool(marks)),)),)
    return tuple(Line(tuple(_pieces(raw, segment, marks))) for segment in segments)


def _pieces(raw: bytes, segment: Segment, marks: Sequence[tuple[int, int]]) -> list[tuple[str, bool]]:
    inside = sorted(
        (max(start, segment.start), min(end, segment.end))
        for start, end in marks
        if start < segment.end and end > segment.start
    )
    found: list[tuple[str, bool]] = []
    at = segment.start
    for start, end in inside:
        if end <= at:
            continue
        start = max(start, at)
        if start > at:
            found.append((_text(raw, at, start, segment), False))
        found.append((_text(raw, start, end, segment), True))
        at = end
    if at < segment.end or not found:
        found.append((_text(raw, at, segment.end, segment), False))
    return found


def _text(raw: bytes, start: int, end: int, segment: Segment) -> str:
    return raw[start:end].decode(segment.codec, "replace")


def field_spans(
    raw: bytes, inside: tuple[int, int], charset: str | None = None
) -> Callable[[str, int], tuple[int, int]]:
    """A way to find the bytes of a field ("RXC-2") in the nth such segment of one order; else the whole order's."""
    segments = [s for s in parse(raw, charset).segments if s.start >= inside[0] and s.end <= inside[1]]
    detail = next((at for at, s in enumerate(segments) if s.name == "RXE"), None)

    def span(where: str, nth: int) -> tuple[int, int]:
        name, _, field = where.partition("-")
        found = [s for s in segments if s.name == name]
        if name == "RXC" and detail is not None:
            # The list after RXE is the one that counts; the one after RXO is what was asked for.
            found = [s for s in segments[detail:] if s.name == name] or found
        if nth > len(found):
            return inside
        number = int(field) if field.isdigit() else {"TQ1": 3}.get(name)
        return found[nth - 1].span(number)

    return span
