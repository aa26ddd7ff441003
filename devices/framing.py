"""Bytes into lines, in whatever pieces the port delivers them."""

import re
from dataclasses import dataclass
from typing import Final

from devices.reading import Error

LONGEST_LINE: Final = 128
_TERMINATOR: Final = re.compile(rb"[\r\n]")
_XON_XOFF: Final = b"\x11\x13"


@dataclass(frozen=True, slots=True)
class Frame:
    """One line without its terminator, or what went wrong instead of a line (`incomplete`, `overlong`)."""

    raw: bytes
    error: Error | None = None


class Framer:
    """Cuts a byte stream into lines ended by CR, LF or CR LF; the result does not depend on the chunks.

    Empty lines are ignored (so CR LF is one end, even split over two reads). A line of more than 128 bytes gives
    one `overlong` and is dropped up to the next terminator, so that a wrong baud rate cannot fill the memory.
    `skip_first` throws away everything up to the first terminator, for a stream joined in the middle of a line.
    `xonxoff` removes 11h and 13h; only right when software handshake is on, otherwise they damage the line.
    """

    def __init__(self, *, skip_first: bool = False, xonxoff: bool = False) -> None:
        self._line = bytearray()
        self._dropping = skip_first
        self._xonxoff = xonxoff

    @property
    def partial(self) -> bool:
        """Whether the beginning of a line is waiting for its end."""
        return bool(self._line)

    def feed(self, received: bytes) -> list[Frame]:
        """The lines that these bytes complete, in order."""
        if self._xonxoff:
            received = received.translate(None, _XON_XOFF)
        frames: list[Frame] = []
        *ended, rest = _TERMINATOR.split(received)
        for piece in ended:
            self._append(piece, frames)
            if self._line:
                frames.append(Frame(bytes(self._line)))
                self._line.clear()
            self._dropping = False
        self._append(rest, frames)
        return frames

    def close(self) -> list[Frame]:
        """What is left when the link ends: a half line is `incomplete`, however whole it looks."""
        frames = [Frame(bytes(self._line), "incomplete")] if self._line else []
        self._line.clear()
        return frames

    def _append(self, piece: bytes, frames: list[Frame]) -> None:
        if self._dropping:
            return
        self._line += piece
        if len(self._line) > LONGEST_LINE:
            frames.append(Frame(bytes(self._line[:LONGEST_LINE]), "overlong"))
            self._line.clear()
            self._dropping = True
