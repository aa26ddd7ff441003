"""A stored window of a balance, read back: one reading a line, with its time before the last one, as it was kept."""

from devices.protocols import Protocol
from devices.reading import Stamped


def read_window(window: bytes, protocol: Protocol) -> tuple[Stamped, ...]:
    """Read a window (per line: seconds before the last reading, epoch, number, the raw bytes), oldest first.

    Raises ValueError, with a sentence, for a line that is not of this shape.
    """
    return tuple(_stamped(line, protocol) for line in window.split(b"\n") if line)


def _stamped(line: bytes, protocol: Protocol) -> Stamped:
    try:
        at, epoch, seq, raw = line.split(b" ", 3)
        return Stamped(protocol.parse_line(raw), float(at), int(seq), int(epoch))
    except ValueError:
        raise ValueError("A line of the stored window is not of the shape 'seconds epoch number bytes'.") from None
