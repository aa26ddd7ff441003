"""Frames out of a byte stream: where a message begins and ends on the wire. No input or output of its own.

Source: HL7 Minimal Lower Layer Protocol, release 1; house interoperability notes on the wire.
"""

from dataclasses import dataclass, field

START, END, CR = b"\x0b", b"\x1c", b"\r"
LIMIT = 5_000_000


class TooLarge(Exception):
    """A frame grew beyond the limit before it ended."""


@dataclass
class Frames:
    """Cuts a byte stream into frames, however it is chopped by the network.

    A frame runs from 0x0B to 0x1C. Doubled framing bytes and anything between frames are skipped; `between` counts
    the skipped bytes that are not blanks. A new 0x0B followed by MSH inside a frame means that the earlier one was
    torn: it is dropped and counted. With `bare`, a frame may begin with MSH without 0x0B.
    """

    limit: int = LIMIT
    bare: bool = False
    torn: int = 0
    between: int = 0
    _held: bytearray = field(default_factory=bytearray)
    _inside: bool = False
    _seen: int = 0

    @property
    def partial(self) -> bool:
        """Whether a frame has begun and not ended."""
        return self._inside

    def feed(self, received: bytes) -> list[bytes]:
        """Take what was read and return the frames it completes, without their framing. Raises TooLarge."""
        self._held += received
        frames = []
        while True:
            if not self._inside and not self._begin():
                break
            end = self._held.find(END, self._seen)
            if end < 0:
                if len(self._held) > self.limit:
                    raise TooLarge
                self._seen = len(self._held)
                break
            body = bytes(self._held[:end])
            del self._held[: end + 1]
            self._inside, self._seen = False, 0
            if len(body) > self.limit:
                raise TooLarge
            body = body.lstrip(START)
            again = body.rfind(START + b"MSH")
            if again >= 0:
                # The earlier message never ended; its sender gets no answer and sends it again.
                self.torn += 1
                body = body[again + 1 :]
            if body.strip():
                frames.append(body)
        return frames

    def _begin(self) -> bool:
        start = self._held.find(START)
        if self.bare:
            plain = self._held.find(b"MSH")
            if plain >= 0 and (start < 0 or plain < start):
                self._skip(plain)
                self._inside = True
                return True
        if start >= 0:
            self._skip(start)
            del self._held[:1]
            self._inside = True
            return True
        # Two bytes may be the beginning of a bare MSH.
        self._skip(max(0, len(self._held) - 2) if self.bare else len(self._held))
        return False

    def _skip(self, count: int) -> None:
        self.between += len(bytes(self._held[:count]).replace(END, b"").strip())
        del self._held[:count]
