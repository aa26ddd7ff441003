"""A serial line by URL, with one kind of loss: everything that pyserial and the system raise becomes `PortLost`."""

import contextlib
import io
import os
import select
from dataclasses import dataclass
from typing import Final

import serial  # type: ignore[import-untyped]

CHUNK: Final = 4096  # the most that one read returns


class PortLost(Exception):
    """The line cannot be opened or has gone. The message is the system's own, for the log and the device page."""


@dataclass(frozen=True, slots=True)
class Line:
    """The settings of a serial line; a socket and a pseudo-terminal ignore all but `xonxoff`.

    `framing` is data bits, parity, stop bits as makers print it: `8N1`, `7E1`, `7O1`.
    """

    baud: int = 9600
    framing: str = "8N1"
    xonxoff: bool = False


def same_port(url: str) -> str:
    """A spelling of a URL under which two names of one device compare equal (symbolic links, letter case)."""
    return url.lower() if "://" in url else os.path.realpath(url)


class Port:
    """An open line. Opening is exclusive: a second opener of the same device is refused by the system."""

    def __init__(self, url: str, line: Line) -> None:
        """Open. Raises PortLost if there is no such device, it is held by somebody else, or nobody listens."""
        try:
            self._serial = serial.serial_for_url(
                url,
                baudrate=line.baud,
                bytesize=int(line.framing[0]),
                parity=line.framing[1],
                stopbits=int(line.framing[2:]),
                xonxoff=line.xonxoff,
                timeout=0,
                write_timeout=1,
                exclusive=True,
            )
        except (OSError, ValueError) as error:
            raise PortLost(str(error)) from error
        try:
            self._descriptor: int | None = self._serial.fileno()
        except io.UnsupportedOperation:
            self._descriptor = None

    def read(self, wait: float) -> bytes:
        """All bytes that are there, after waiting at most `wait` seconds for the first; empty if none came.

        Raises PortLost when the line has gone. Where there is a descriptor the system is asked once a chunk:
        pyserial's socket port reports at most one waiting byte, which would cost three calls a byte.
        """
        try:
            if self._descriptor is not None:
                ready, _, _ = select.select([self._descriptor], [], [], wait)
                return bytes(self._serial.read(CHUNK)) if ready else b""
            self._serial.timeout = wait
            first = self._serial.read(1)
            return bytes(first + self._serial.read(self._serial.in_waiting)) if first else b""
        except (OSError, ValueError, TypeError) as error:
            raise PortLost(str(error)) from error

    def write(self, sent: bytes) -> None:
        """Send all bytes. Raises PortLost when the line has gone or takes nothing for a second."""
        try:
            self._serial.write(sent)
        except (OSError, ValueError) as error:
            raise PortLost(str(error)) from error

    def close(self) -> None:
        """Close, whatever state the line is in."""
        with contextlib.suppress(OSError):  # It may have gone already.
            self._serial.close()
