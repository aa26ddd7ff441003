"""The table of balance protocols: a new one is one module and one line here.

The protocol of a balance is configured, never guessed from a live stream: the same text means different things to
different makers (`S I` is "busy" in MT-SICS and something else in Radwag's language).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from devices import mt_sics
from devices.framing import Frame, Framer
from devices.reading import Reading, fault


@dataclass(frozen=True, slots=True)
class Protocol:
    """How one maker's lines are cut and read.

    `skip_first` is for pure streams, where joining means joining inside a line. A protocol in which we ask first
    keeps its first line: it drops everything up to the answer it asked for.
    """

    name: str
    parse_line: Callable[[bytes], Reading]
    skip_first: bool = False


PROTOCOLS: Final[dict[str, Protocol]] = {
    "mt-sics": Protocol("mt-sics", mt_sics.parse_line),
}


def protocol_named(name: str) -> Protocol:
    """The protocol of that name, with or without its hyphen. Raises ValueError for a name not in the table."""
    for protocol in PROTOCOLS.values():
        if name in (protocol.name, protocol.name.replace("-", "")):
            return protocol
    raise ValueError(f"{name!r} is no balance protocol that is known here. Known: {', '.join(PROTOCOLS)}.")


def reading_of(frame: Frame, protocol: Protocol) -> Reading:
    """What a frame means in a protocol; a frame that is no line is its own fault."""
    return protocol.parse_line(frame.raw) if frame.error is None else fault(frame.error, frame.raw)


def unescape(text: str) -> bytes:
    r"""Bytes from text with the escapes `\r \n \\ \xNN`. Raises ValueError for another escape or beyond Latin-1."""

    def one(escape: re.Match[str]) -> str:
        if escape[1] is not None:
            return chr(int(escape[1], 16))
        if escape[2] not in ("r", "n", "\\"):
            raise ValueError(f"{escape[0]!r} is no escape; use \\r, \\n, \\\\ or \\xNN.")
        return {"r": "\r", "n": "\n", "\\": "\\"}[escape[2]]

    try:
        return re.sub(r"\\(?:x([0-9A-Fa-f]{2})|(.?))", one, text, flags=re.DOTALL).encode("latin-1")
    except UnicodeEncodeError:
        raise ValueError("The bytes of a line are Latin-1 text with escapes.") from None


def scale_results(case: Mapping[str, Any]) -> list[dict[str, Any]]:
    r"""All readings of a recorded line or stream, as plain values: the rule `scale-line`.

    In: `protocol`, `bytes` (text with `\r \n \\ \xNN`), optional `chunks` (fed in this order instead of `bytes`),
    `skip_first` (just connected), `closed` (the link ends after the last chunk), `xonxoff`. Without chunks the
    link ends after the bytes. Out: `kind`, `stable`, `value` (decimal text or null), `unit`, `error`.
    Raises ValueError, with a sentence, for an unknown protocol or a case that is not of this shape.
    """
    protocol = protocol_named(_text(case, "protocol"))
    flags = {name: _flag(case, name) for name in ("skip_first", "closed", "xonxoff")}
    chunks = case.get("chunks")
    if chunks is None:
        pieces = [unescape(_text(case, "bytes"))]
    elif isinstance(chunks, list) and all(isinstance(chunk, str) for chunk in chunks):
        pieces = [unescape(chunk) for chunk in chunks]
    else:
        raise ValueError("'chunks' is a list of texts.")
    framer = Framer(skip_first=flags["skip_first"], xonxoff=flags["xonxoff"])
    frames = [frame for piece in pieces for frame in framer.feed(piece)]
    if flags["closed"] or chunks is None:
        frames += framer.close()
    # The framer drops empty lines between others; a recording that holds nothing else is one empty line.
    if not frames and not flags["skip_first"] and any(b"\r" in piece or b"\n" in piece for piece in pieces):
        frames = [Frame(b"")]
    return [_plain(reading_of(frame, protocol)) for frame in frames]


def _plain(reading: Reading) -> dict[str, Any]:
    value = None if reading.value is None else format(reading.value, "f")
    return {
        "kind": reading.kind, "stable": reading.stable, "value": value,
        "unit": reading.unit, "error": reading.error,
    }  # fmt: skip


def _text(case: Mapping[str, Any], name: str) -> str:
    value = case.get(name)
    if not isinstance(value, str):
        raise ValueError(f"{name!r} is missing or is not a text.")
    return value


def _flag(case: Mapping[str, Any], name: str) -> bool:
    value = case.get(name, False)
    if not isinstance(value, bool):
        raise ValueError(f"{name!r} is true or false.")
    return value
