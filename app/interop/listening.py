"""Hearing a sender over MLLP while the product runs: refuses to listen in the open, stores, then applies.

Source: house interoperability notes on the wire.
"""

import asyncio
import ipaddress
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from app.core.errors import Refused
from app.interop import mllp
from app.interop.values import Connection
from app.settings import Settings

PLAIN = "plain://"
LOOK_AGAIN = 2  # seconds after which messages are looked for even if nobody said that one came
QUIET = 0.05  # seconds without a new message after which applying begins
LONGEST_WAIT = 1.0  # seconds after which it begins even in a burst
LEAST_APPLYING = 0.25  # seconds that it then goes on at least
REAL, TRIAL = frozenset({"P", ""}), frozenset({"T", "D"})


def connection_of(settings: Settings) -> Connection:
    """What is agreed with the one sender of the settings; a TEST instance takes test messages only, others none."""
    return Connection(
        settings.mllp_sender, settings.zone, mrn_authority=settings.mllp_authority or None,
        visit_is=settings.mllp_visit, processing=TRIAL if settings.test else REAL,
    )  # fmt: skip


def wire_of(settings: Settings) -> tuple[str, ssl.SSLContext | None]:
    """The address to listen on and how it is secured: this host in plain text, any other address by TLS only.

    'plain://10.1.2.3' as the address says that the line is secured otherwise (a VPN). Raises Refused.
    """
    host = settings.mllp_host
    if host.startswith(PLAIN):
        return host.removeprefix(PLAIN), None
    if _loopback(host):
        return host, None
    if settings.tls_cert is None or settings.tls_key is None:
        raise Refused(
            f"HL7 would be heard on {host} without TLS: patient data in the open. Give tls_cert and tls_key, listen on "
            f"127.0.0.1, or write mllp_host = '{PLAIN}{host}' when the line itself is secured (a VPN)."
        )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(settings.tls_cert, settings.tls_key)
    return host, context


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Applying:
    """One thread that applies what was stored, as soon as it is told; what was left over by a crash comes first."""

    def __init__(self, apply: Callable[[Callable[[], bool]], int], fault: Callable[[Exception], None]):
        self._apply, self._fault = apply, fault
        self._woken, self._stop = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="hl7-apply", daemon=True)

    def start(self) -> None:
        """Begin with what waits already."""
        self._woken.set()
        self._thread.start()

    def wake(self) -> None:
        """Say that a message was stored."""
        self._woken.set()

    def stop(self) -> None:
        """Stop after the message in hand."""
        self._stop.set()
        self._woken.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    def _run(self) -> None:
        while not self._stop.is_set():
            self._woken.wait(LOOK_AGAIN)
            self._until_quiet()
            begun = time.monotonic()
            try:
                self._apply(lambda begun=begun: self._shall_yield(begun))  # type: ignore[misc]
            except Exception as fault:  # noqa: BLE001 - a worker's loop: the next look tries again
                self._fault(fault)
                self._stop.wait(1)

    def _until_quiet(self) -> None:
        """Let a burst of messages be stored first: a sender that waits for its answer holds up a whole hospital."""
        latest = time.monotonic() + LONGEST_WAIT
        while self._woken.is_set() and not self._stop.is_set():
            self._woken.clear()
            if time.monotonic() >= latest:
                return
            self._woken.wait(QUIET)

    def _shall_yield(self, begun: float) -> bool:
        """Tell the act to stop after the message in hand: the product stops, or a new burst came meanwhile."""
        return self._stop.is_set() or (self._woken.is_set() and time.monotonic() - begun > LEAST_APPLYING)


@dataclass
class Listening:
    """The open port and the thread that applies; `port` is None when nothing is listened to."""

    applying: Applying
    listener: mllp.Listener | None = None

    @property
    def port(self) -> int | None:
        """The port in use."""
        return self.listener.port if self.listener else None

    async def close(self) -> None:
        """Stop listening, then applying."""
        if self.listener:
            await self.listener.close()
        await asyncio.to_thread(self.applying.stop)


async def listen(
    settings: Settings,
    store: Callable[[bytes], bytes],
    apply: Callable[[Callable[[], bool]], int],
    now: Callable[[], datetime],
    fault: Callable[[Exception], None],
    alarm: mllp.Alarm | None = None,
) -> Listening:
    """Apply what waits and, when the settings name a port, listen there. Raises Refused and OSError.

    `store(raw)` commits one message and returns its answer; `apply(stopped)` applies all that wait until told to stop;
    `fault` hears of an apply that failed and is tried again; `alarm` of what is wrong on the wire.
    """
    applying = Applying(apply, fault)

    def keep(raw: bytes, peer: str) -> mllp.Answer:
        answer = store(raw)
        applying.wake()
        return mllp.Answer(answer)

    listener = None
    if settings.mllp_port is not None:
        host, tls = wire_of(settings)
        listener = await mllp.serve(
            host, settings.mllp_port, keep, connection_of(settings), now=now, tls=tls, alarm=alarm
        )
    applying.start()
    return Listening(applying, listener)
