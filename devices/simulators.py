"""A simulated balance: a loopback TCP port (or a pseudo-terminal) behind which MT-SICS is spoken, byte by byte.

It is reached like any balance, by its URL, so that the real driver and the real parser always run.
"""

import contextlib
import os
import selectors
import socket
import threading
import time
import tty
from decimal import Decimal
from typing import Final

from devices.framing import Framer
from devices.pan import Pan
from devices.sics_peer import Nameplate, SicsPeer

_TICK_S: Final = 0.01
_HOST: Final = "127.0.0.1"


class _Link:
    """One open connection: a descriptor, what was heard on it, and the conversation it carries."""

    def __init__(self, descriptor: int, owner: socket.socket | None, peer: SicsPeer) -> None:
        os.set_blocking(descriptor, False)
        self.descriptor = descriptor
        self.owner = owner
        self.framer = Framer()
        self.peer = peer

    def send(self, sent: bytes) -> None:
        """Send what fits: like a serial line, this one does not wait for a host that does not read."""
        with contextlib.suppress(OSError):
            os.write(self.descriptor, sent)

    def close(self) -> None:
        if self.owner is not None:
            self.owner.close()
        else:
            os.close(self.descriptor)


class SimulatedBalance:
    """A pretend balance with a pan that one can load, unplug and switch off.

    Use it as a context manager, or call `start` and `stop`. `url` stays the same over unplugging (TCP).
    `readability` and `capacity` are grams; `noise_g` is the standard deviation of a reading (a quarter of the
    readability if not given); `settle_s` how long a change takes to come to rest; equal seeds give equal noise.
    """

    def __init__(
        self,
        serial: str = "SIM-0001",
        model: str = "SIM6002",
        capacity: Decimal = Decimal("6200"),
        readability: str = "0.01",
        noise_g: Decimal | None = None,
        seed: int = 1,
        rate_hz: float = 10,
        settle_s: float = 1.2,
        *,
        stability_timeout_s: float = 2.5,
        port: int = 0,
        pty: bool = False,
    ) -> None:
        if Decimal(readability) <= 0 or Decimal(capacity) <= 0 or rate_hz <= 0 or settle_s < 0:
            raise ValueError("A balance has a capacity, a readability and a rate above zero.")
        self._plate = Nameplate(serial, model)
        self._pan = Pan(Decimal(capacity), Decimal(readability), noise_g, seed, settle_s)
        self._rate_hz = rate_hz
        self._patience = stability_timeout_s
        self._pty = pty
        self._lock = threading.RLock()
        self._links: list[_Link] = []
        self._plugged = True
        self._running = False
        self._thread: threading.Thread | None = None
        self._selector = selectors.DefaultSelector()
        self._door: socket.socket | None = None
        # Bound and never listening: it keeps the port number while the balance is unplugged, and a caller who
        # comes then is refused by the system, as at a cable that leads nowhere.
        self._reserved = self._bound(port)
        self._slave: int | None = None
        self.url = f"socket://{_HOST}:{self._reserved.getsockname()[1]}"

    @property
    def serial(self) -> str:
        """The serial number on the nameplate at present."""
        return self._plate.serial

    @property
    def load(self) -> Decimal:
        """Grams on the pan at present."""
        return self._pan.load

    def start(self) -> None:
        """Switch on and plug in."""
        with self._lock:
            if self._running:
                return
            self._running = True
            self._plug()
        self._thread = threading.Thread(target=self._serve, name=f"simulated {self.url}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Unplug for good and give the port back."""
        self.unplug()
        with self._lock:
            self._running = False
        if self._thread is not None:
            self._thread.join()
        self._selector.close()
        self._reserved.close()

    def __enter__(self) -> "SimulatedBalance":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def put(self, grams: Decimal) -> None:
        """Make the total on the pan this many grams; a negative total stands for a pan that was taken off."""
        with self._lock:
            self._pan.put(Decimal(grams), time.monotonic())

    def add(self, grams: Decimal) -> None:
        """Put so many grams more on the pan, or take them off if negative."""
        with self._lock:
            self._pan.put(self._pan.load + Decimal(grams), time.monotonic())

    def lift(self) -> None:
        """Take everything off the pan."""
        self.put(Decimal(0))

    def unplug(self) -> None:
        """Drop every connection and refuse new ones, until `replug`; the balance itself stays on."""
        with self._lock:
            self._plugged = False
            if self._door is not None:
                self._selector.unregister(self._door)
                self._door.close()
                self._door = None
            for link in tuple(self._links):
                self._drop(link)
            if self._slave is not None:
                os.close(self._slave)
                self._slave = None

    def replug(self, serial: str | None = None) -> None:
        """Accept connections again; with a serial number, it is another balance that was plugged in."""
        with self._lock:
            if serial is not None:
                self._plate.serial = serial
                self._pan.power_cycle(time.monotonic())
            if not self._plugged:
                self._plug()

    def restart(self) -> None:
        """Switch off and on again with the cable in: tare and zero are gone, the I4 line comes by itself."""
        with self._lock:
            self._pan.power_cycle(time.monotonic())
            for link in self._links:
                link.peer.hush()
                link.send(link.peer.greeting().encode("ascii") + b"\r\n")

    def send_raw(self, sent: bytes) -> None:
        """Put any bytes on the line, between the balance's own lines."""
        with self._lock:
            for link in self._links:
                link.send(sent)

    def _plug(self) -> None:
        self._plugged = True
        if self._pty:
            master, self._slave = os.openpty()
            tty.setraw(self._slave)
            self.url = os.ttyname(self._slave)
            self._join(master, None)
            return
        self._door = self._bound(self._reserved.getsockname()[1])
        self._door.listen()
        self._door.setblocking(False)
        self._selector.register(self._door, selectors.EVENT_READ)

    @staticmethod
    def _bound(port: int) -> socket.socket:
        door = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        door.bind((_HOST, port))
        return door

    def _join(self, descriptor: int, owner: socket.socket | None) -> None:
        link = _Link(descriptor, owner, SicsPeer(self._pan, self._plate, self._rate_hz, self._patience))
        self._links.append(link)
        self._selector.register(descriptor, selectors.EVENT_READ, link)

    def _drop(self, link: _Link) -> None:
        self._selector.unregister(link.descriptor)
        self._links.remove(link)
        link.close()

    def _serve(self) -> None:
        while self._running:
            ready = self._selector.select(_TICK_S)
            with self._lock:
                now = time.monotonic()
                for key, _ in ready:
                    if key.fileobj is self._door and self._door is not None:
                        self._let_in(self._door)
                    elif isinstance(key.data, _Link) and key.data in self._links:
                        self._hear(key.data, now)
                for link in self._links:
                    for line in link.peer.tick(now):
                        link.send(line.encode("ascii") + b"\r\n")

    def _let_in(self, door: socket.socket) -> None:
        with contextlib.suppress(BlockingIOError):
            caller, _ = door.accept()
            caller.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._join(caller.fileno(), caller)

    def _hear(self, link: _Link, now: float) -> None:
        try:
            heard = os.read(link.descriptor, 4096)
        except BlockingIOError:
            return
        except OSError:
            heard = b""
        if not heard:
            self._drop(link)
            return
        for frame in link.framer.feed(heard):
            for line in ["ES"] if frame.error else link.peer.hear(frame.raw, now):
                link.send(line.encode("ascii") + b"\r\n")
