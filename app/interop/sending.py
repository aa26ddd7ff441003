"""The one line to eMAR: takes the next message, sends it, waits for its own answer, notes it, and only then goes on."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import Protocol

from app.core.errors import Refused
from app.interop.mllp import Acknowledgement, Line

PAUSE = 0.25
PATIENCE = 30


class Waiting(Protocol):
    """A message to send."""

    @property
    def id(self) -> int:
        """Its number."""
        ...

    @property
    def raw(self) -> bytes:
        """Its bytes, without framing."""
        ...


def receiver(text: str) -> tuple[str, int]:
    """Read 'host:port' of the receiver of dispense messages. Raises Refused."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise Refused(f"'{text}' is not an address to send to: write host:port, such as emar.hospital.example:2575.")
    return host, int(port)


class Sending:
    """One thread with one lasting connection; `close` waits for the message in hand, which is sent again if cut off."""

    def __init__(
        self,
        address: tuple[str, int],
        claim: Callable[[], Waiting | None],
        note: Callable[[int, Acknowledgement], None],
        fault: Callable[[Exception], None],
        patience: float = PATIENCE,
    ):
        self._line = Line(*address)
        self._claim, self._note, self._fault, self._patience = claim, note, fault, patience
        self._stop = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name="hl7-send", daemon=True)

    def start(self) -> None:
        """Begin to send what waits."""
        self._thread.start()

    def close(self) -> None:
        """Stop; a message whose answer has not come goes out again, the same bytes, at the next start."""
        self._stop.set()
        if self._loop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._cancel)
        self._thread.join(timeout=10)

    def _cancel(self) -> None:
        for task in asyncio.all_tasks(self._loop):
            task.cancel()

    def _run(self) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            asyncio.run(self._send_all())

    async def _send_all(self) -> None:
        self._loop = asyncio.get_running_loop()
        while not self._stop.is_set():
            try:
                letter = self._claim()
                if letter is None:
                    await asyncio.sleep(PAUSE)
                    continue
                self._note(letter.id, await self._line.send(letter.raw, self._patience))
            except Exception as fault:  # noqa: BLE001 - a worker's loop: what was claimed is due again by itself
                self._fault(fault)
                await asyncio.sleep(4 * PAUSE)
        await self._line.close()
