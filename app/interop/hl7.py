"""HL7 v2 text taken apart and put together: delimiters, segments, fields, escapes, character sets. No schema.

Sources: HL7 v2.5.1 and v2.8.2 chapter 2 (2.5 delimiters, 2.7 escapes, 2.10 batch), tables 0104 and 0211.
"""

import hashlib
import re
from dataclasses import dataclass
from functools import cached_property

from app.core.errors import Invalid
from app.interop.charsets import decide
from app.interop.escapes import DEFAULT, Delimiters, unescape

DELETED = '""'
_BATCH = ("FHS", "BHS", "BTS", "FTS")
_HEADED = ("MSH", "FHS", "BHS")
_NAME = re.compile(r"[A-Z][A-Z0-9]{2}")


@dataclass(frozen=True)
class Segment:
    """One segment, its fields split only when asked for; `start` and `end` are byte offsets in the message."""

    text: str
    start: int
    end: int
    delimiters: Delimiters
    codec: str

    @cached_property
    def name(self) -> str:
        """The segment's three letters, or "" for a line that is not a segment."""
        head = self.text[:3]
        ends = len(self.text) == 3 or self.text[3:4] == self.delimiters.field
        return head if ends and _NAME.fullmatch(head) else ""

    @cached_property
    def fields(self) -> list[str]:
        """The fields as sent, still escaped; index = HL7 field number (MSH-1 is the separator itself)."""
        parts = self.text.split(self.delimiters.field)
        if parts[0] in _HEADED:
            parts.insert(1, self.delimiters.field)
        return parts

    def raw(self, field: int) -> str:
        """The field as sent, still escaped; "" when it is missing."""
        return self.fields[field] if field < len(self.fields) else ""

    def repetitions(self, field: int) -> list[str]:
        """The repetitions of a field as sent; an empty field has none. MSH-1 and MSH-2 never repeat."""
        text = self.raw(field)
        if not text:
            return []
        if (field <= 2 and self.fields[0] in _HEADED) or not self.delimiters.repetition:
            return [text]
        return text.split(self.delimiters.repetition)

    def get(self, field: int, component: int = 1, sub: int = 1, repetition: int = 1) -> str:
        """One value, unescaped, without outer blanks; a missing or deleted (`""`) one is "".

        All numbers count from 1. Component 0 is the whole repetition and sub 0 the whole component, for free
        text in which a sender left a delimiter unescaped.
        """
        found = self.repetitions(field)
        if repetition > len(found):
            return ""
        return self.part(found[repetition - 1], component, sub)

    def part(self, text: str, component: int = 1, sub: int = 1) -> str:
        """One value out of a repetition's text, as `get` does."""
        mark = self.delimiters
        if component and mark.component:
            parts = text.split(mark.component)
            text = parts[component - 1] if component <= len(parts) else ""
        elif component > 1:
            return ""
        if component and sub and mark.subcomponent:
            parts = text.split(mark.subcomponent)
            text = parts[sub - 1] if sub <= len(parts) else ""
        elif sub > 1:
            return ""
        text = text.strip(" \t")
        return "" if text == DELETED else unescape(text, mark, codec=self.codec)

    def texts(self, field: int) -> list[str]:
        """The repetitions of a formatted text field (FT, TX), each whole, unescaped, `\\.br\\` as a new line."""
        read = []
        for text in self.repetitions(field):
            text = text.strip(" \t")
            read.append("" if text == DELETED else unescape(text, self.delimiters, True, self.codec))
        return [text for text in read if text]

    def deleted(self, field: int) -> bool:
        """Whether the sender says "delete this value" (`""`), which is not the same as saying nothing."""
        return self.raw(field).strip(" \t") == DELETED

    def span(self, field: int | None = None) -> tuple[int, int]:
        """The bytes of a field, or of the whole segment, as offsets in the message as received."""
        if field is None or field >= len(self.fields):
            return (self.start, self.end)
        if self.fields[0] in _HEADED and field == 1:
            return (self.start + 3, self.start + 4)
        shift = 1 if self.fields[0] in _HEADED else 0
        before = self.text.split(self.delimiters.field)[: field - shift]
        ahead = sum(len(part) + 1 for part in before)
        last = ahead + len(self.fields[field])
        return (self.start + self._bytes(ahead), self.start + self._bytes(last))

    def _bytes(self, characters: int) -> int:
        # A shifting set such as ISO-2022-JP returns to ASCII before every delimiter, so a prefix encodes alone.
        size = len(self.text[:characters].encode(self.codec, "replace"))
        return min(size, self.end - self.start)


@dataclass(frozen=True, slots=True)
class Header:
    """What MSH says, as text; `sender` and `receiver` are MSH-3 to MSH-6 whole."""

    sending_application: str
    sending_facility: str
    receiving_application: str
    receiving_facility: str
    time: str
    kind: str
    event: str
    control_id: str
    processing: str
    version: str
    accept_condition: str
    application_condition: str


@dataclass(frozen=True)
class Message:
    """One message: segments in order, the character set that was used and why, and what had to be tolerated."""

    segments: tuple[Segment, ...]
    delimiters: Delimiters
    charset: str
    warnings: tuple[str, ...] = ()

    @property
    def msh(self) -> Segment:
        """The header segment."""
        return next(segment for segment in self.segments if segment.name == "MSH")

    @cached_property
    def header(self) -> Header:
        """The header's values. MSH-9 holding only `RDE` gives an empty event."""
        msh = self.msh
        return Header(
            msh.get(3), msh.get(4), msh.get(5), msh.get(6), msh.get(7), msh.get(9).upper(),
            msh.get(9, 2).upper(), msh.get(10, 0, 0), msh.get(11).upper(), msh.get(12), msh.get(15).upper(),
            msh.get(16).upper(),
        )  # fmt: skip

    def named(self, name: str) -> list[Segment]:
        """All segments of that name, in order."""
        return [segment for segment in self.segments if segment.name == name]

    def written(self) -> str:
        """The message put together again from its smallest parts, each segment ended by CR."""
        return "".join(_rebuilt(segment) + "\r" for segment in self.segments)


def split_frame(raw: bytes) -> tuple[bytes, ...]:
    """Cut a frame where a further `MSH` with the first one's separators begins a segment; the parts add up to it.

    Pharmacy senders put several messages into one frame. Read as one, the second patient's order would land
    under the first patient. A batch's own header and trailer lines stay with the message beside them.
    """
    lines = list(_lines(raw))
    heads = [start for start, end in lines if raw[start : start + 3] == b"MSH"]
    if len(heads) < 2:
        return (raw,)
    sign = _sign(raw, heads[0])
    cuts = [start for start in heads[1:] if _sign(raw, start) == sign]
    return tuple(raw[a:b] for a, b in zip([0, *cuts], [*cuts, len(raw)], strict=True))


def parse(raw: bytes, charset: str | None = None, offset: int = 0) -> Message:
    """Take one message apart. `charset` is the connection's setting (a name of table 0211 or UTF-8), if any.

    Segments may end in CR, LF or CRLF; a byte order mark, leading blanks, empty lines and framing bytes are
    skipped; nothing else is touched. `offset` is where the message begins in its frame, so that the segments'
    byte offsets are those of the frame. Raises Invalid (`MSH`) when there is no header to read it by.
    """
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise Invalid({"MSH": "The message is in UTF-16, which cannot be framed: have the sender use UTF-8."})
    lines = list(_lines(raw))
    first = next((start for start, _ in lines if raw[start : start + 3] == b"MSH"), None)
    end_of_head = next((end for start, end in lines if start == first), 0)
    if first is None or end_of_head < first + 4:
        raise Invalid({"MSH": "The message has no MSH segment: it cannot be read. Ask the sender what it is."})
    warnings: list[str] = []
    marks = _delimiters(raw[first:end_of_head], warnings)
    fields = raw[first:end_of_head].decode("latin-1").split(marks.field)
    names = fields[17] if len(fields) > 17 else ""
    declared = names.split(marks.repetition) if marks.repetition else [names]
    codec, used = decide(raw, lines, declared, charset, warnings)
    segments = []
    for start, end in lines:
        text = raw[start:end].decode(codec, "replace")
        segments.append(Segment(text, start + offset, end + offset, marks, codec))
    return Message(tuple(segments), marks, used, tuple(warnings))


def frame_key(connection: str, raw: bytes) -> tuple[str, str, str, str, str]:
    """What makes a frame the same frame: connection, MSH-3, MSH-4, MSH-10, SHA-256 of the normalised body.

    Same key: answer again what was answered. Same id with another body is a new message. Without a header the
    three texts are empty. Source: house interoperability notes on duplicates.
    """
    digest = body_sha256(raw)
    try:
        header = parse(raw).header
    except Invalid:
        return (connection, "", "", "", digest)
    return (connection, header.sending_application, header.sending_facility, header.control_id, digest)


def body_sha256(raw: bytes) -> str:
    """The SHA-256 of a message with its line ends made one kind: what makes two sendings the same bytes."""
    return hashlib.sha256(b"".join(raw[start:end] + b"\r" for start, end in _lines(raw))).hexdigest()


def batch_warnings(message: Message) -> list[str]:
    """Sentences about lines around a message that are not part of it: text before MSH, odd trailers."""
    found = []
    for segment in message.segments:
        if segment.name == "MSH":
            break
        if segment.name not in _BATCH:
            found.append(f"Before the header stands text that belongs to no message: '{segment.text[:40]}'.")
    return found


def body(message: Message) -> list[Segment]:
    """The segments from MSH on, without the lines of a batch."""
    kept: list[Segment] = []
    for segment in message.segments:
        if (kept or segment.name == "MSH") and segment.name not in _BATCH:
            kept.append(segment)
    return kept


def _lines(raw: bytes) -> list[tuple[int, int]]:
    begin = 3 if raw.startswith(b"\xef\xbb\xbf") else 0
    found: list[tuple[int, int]] = []
    for match in re.compile(rb"[^\r\n]+").finditer(raw, begin):
        start, end = match.span()
        while start < end and raw[start] in b"\x0b\x1c" or (not found and start < end and raw[start] in b" \t"):
            start += 1
        while start < end and raw[end - 1] in b"\x0b\x1c":
            end -= 1
        if raw[start:end].strip(b" \t"):
            found.append((start, end))
    return found


def _sign(raw: bytes, start: int) -> bytes:
    return raw[start : start + 4] + raw[start + 4 : start + 12].split(raw[start + 3 : start + 4])[0]


def _delimiters(head: bytes, warnings: list[str]) -> Delimiters:
    field = chr(head[3])
    if not "!" <= field <= "~" or field.isalnum():
        raise Invalid({"MSH": f"The header names '{field}' as field separator: it cannot be read."})
    declared = head[4:].decode("latin-1").split(field)[0].strip()
    default = (DEFAULT.component, DEFAULT.repetition, DEFAULT.escape, DEFAULT.subcomponent, DEFAULT.truncation)
    chosen: list[str] = []
    for place, usual in enumerate(default):
        sent = declared[place] if place < len(declared) else ""
        fit = sent and sent not in chosen and sent != field and not sent.isalnum() and sent != " "
        pick = sent if fit else usual
        chosen.append("" if pick in chosen or pick == field else pick)
    if len(declared) not in (4, 5) or list(declared) != chosen[: len(declared)]:
        warnings.append(f"MSH-2 is '{declared}' and was completed to '{''.join(chosen[:4])}': check the sender.")
    return Delimiters(field, *chosen)


def _rebuilt(segment: Segment) -> str:
    marks = segment.delimiters
    fields = list(segment.fields)
    headed = fields[0] in _HEADED
    if headed:
        del fields[1]
    for at, field in enumerate(fields):
        if at == 0 or (headed and at == 1):
            continue
        for mark in (marks.repetition, marks.component, marks.subcomponent):
            field = mark.join(field.split(mark)) if mark else field
        fields[at] = field
    return marks.field.join(fields)
