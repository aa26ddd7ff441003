"""From a line on a balance's wire to the number at a tablet: 20 balances at 20 Hz, 50 viewers of one balance each."""

import asyncio
import json
import socket
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from app import demo
from devices.framing import Framer
from devices.pan import Pan
from devices.sics_peer import Nameplate, SicsPeer
from tests.benchmarks.databases import Balance, Hood, sqlite_hospital
from tests.benchmarks.results import Limit, Row, spread
from tests.benchmarks.serving import served
from tests.benchmarks.tablets import Tablet, signed_in

BALANCES, HZ, VIEWERS = 20, 20, 50
BAG_G = Decimal("276.40")
READABILITY = Decimal("0.01")
ADDED_MS, MERGED_HZ = 20.0, 20.0
TICK = 0.005
WARM_S = 4.0
MOST_APART = 20


@dataclass
class Sending:
    """One simulated balance, which notes the moment at which each weight goes on the wire.

    `phase`: seconds by which it begins to repeat its weight later, because balances do not speak all at one moment.
    """

    serial: str
    door: socket.socket
    phase: float
    sent: list[tuple[float, str]] = field(default_factory=list)
    peer: SicsPeer | None = None
    repeats_from: float = 0.0
    writer: asyncio.StreamWriter | None = None

    @property
    def url(self) -> str:
        return f"socket://127.0.0.1:{self.door.getsockname()[1]}"

    async def speak(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Speak MT-SICS with whoever calls, until they hang up; a bag lies on the pan."""
        pan = Pan(Decimal(6200), READABILITY, None, int(self.serial[-4:]), 0.2)
        pan.put(BAG_G, time.monotonic())
        self.peer, self.writer = SicsPeer(pan, Nameplate(self.serial, "SIM6002"), HZ, 2.5), writer
        self.repeats_from = time.monotonic() + WARM_S / 2 + self.phase
        framer = Framer()
        with suppress(ConnectionError, asyncio.CancelledError):
            while heard := await reader.read(4096):
                for frame in framer.feed(heard):
                    self._put(["ES"] if frame.error else self.peer.hear(frame.raw, time.monotonic()))
        self.peer = None
        writer.close()

    def tick(self) -> None:
        """Say what is due, if somebody listens."""
        now = time.monotonic()
        if self.peer is not None and now >= self.repeats_from:
            self._put(self.peer.tick(now))

    def _put(self, lines: Sequence[str]) -> None:
        assert self.writer is not None
        for line in lines:
            if line.startswith(("S S ", "S D ")):
                self.sent.append((time.monotonic(), line.split()[2]))
            self.writer.write(line.encode("ascii") + b"\r\n")


@dataclass
class Viewer:
    """One open stream: when each event of a name arrived, and what it said."""

    name: str
    arrived: list[tuple[float, bytes]] = field(default_factory=list)

    async def watch(self, port: int, tablet: Tablet, host: str, topics: str) -> None:
        """Read the stream until cancelled."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        asked = f"GET /live?topics={topics} HTTP/1.1\r\nHost: {host}:{port}\r\nCookie: {tablet.cookie}\r\n\r\n"
        writer.write(asked.encode("ascii"))
        wanted = f"event: {self.name}\n".encode("ascii")
        try:
            if not (await reader.readline()).startswith(b"HTTP/1.1 200"):
                raise RuntimeError("The stream was refused.")
            while line := await reader.readline():
                if line == wanted:
                    said = await reader.readline()
                    self.arrived.append((time.monotonic(), said))
        finally:
            writer.close()


@dataclass(frozen=True)
class Watched:
    """What came of it: seconds from wire to viewer, events and readings a second, merged events a second, CPU share.

    `left_out`: viewers whose balance was lost and found again, so that nobody can tell which line an event came from.
    """

    added: list[float]
    events_hz: float
    wanted_hz: float
    merged_hz: float
    cpu: float
    left_out: int


def watch(folder: Path, seconds: float) -> Watched:
    """Run the balances, the server and the viewers for some seconds after they have warmed up."""
    balances = [Sending(f"SIM-{n:04}", _door(), n / BALANCES / HZ) for n in range(1, BALANCES + 1)]
    places = [Balance(each.url, each.serial) for each in balances]
    url, hoods = sqlite_hospital(folder, "weights", hoods=BALANCES, doses=1, balances=places)
    try:
        return asyncio.run(_run(folder, url, hoods, balances, seconds))
    finally:
        for each in balances:
            each.door.close()


async def _ticking(balances: Sequence[Sending]) -> None:
    while True:
        for each in balances:
            each.tick()
        await asyncio.sleep(TICK)


async def _run(folder: Path, url: str, hoods: Sequence[Hood], balances: list[Sending], seconds: float) -> Watched:
    doors = [await asyncio.start_server(each.speak, sock=each.door) for each in balances]
    with ExitStack() as opened:
        server = await asyncio.to_thread(opened.enter_context, served(url, folder))
        tablets = [await asyncio.to_thread(signed_in, server.port, hood) for hood in hoods]
        desk = Tablet(server.port, "desk.localhost")
        await asyncio.to_thread(desk.sign_in, demo.BADGES["petra"])
        viewers = [Viewer("weight") for _ in range(VIEWERS)]
        devices = Viewer("balances")
        tasks = [asyncio.create_task(_ticking(balances))]
        tasks.append(asyncio.create_task(devices.watch(server.port, desk, "desk.localhost", "devices")))
        for number, viewer in enumerate(viewers):
            hood, tablet = hoods[number % BALANCES], tablets[number % BALANCES]
            tasks.append(
                asyncio.create_task(viewer.watch(server.port, tablet, hood.host, f"weigh:{hood.work_id}"))
            )
        await asyncio.sleep(WARM_S)
        begun, cpu = time.monotonic(), server.cpu_s()
        await asyncio.sleep(seconds)
        ended, used = time.monotonic(), server.cpu_s() - cpu
        for task in tasks:
            if task.done():
                task.result()
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for door in doors:
            door.close()
    took = ended - begun
    added, left_out = [], 0
    for number, viewer in enumerate(viewers):
        found = _added(balances[number % BALANCES].sent, viewer.arrived, begun, ended)
        left_out += found is None
        added += found or []
    if left_out * 5 > VIEWERS:
        raise RuntimeError(f"{left_out} of {VIEWERS} tablets showed other weights than went over the wire.")
    merged = [at for at, _ in devices.arrived if begun <= at < ended]
    sent = sum(begun <= at < ended for each in balances for at, _ in each.sent)
    wanted = sent * (VIEWERS - left_out) / BALANCES / took
    return Watched(added, len(added) / took, wanted, len(merged) / took, used / took, left_out)


def _added(
    sent: Sequence[tuple[float, str]], arrived: Sequence[tuple[float, bytes]], begun: float, ended: float
) -> list[float] | None:
    """The seconds between a weight on the wire and its event. The number of the reading names the line it came from.

    A balance also says what is no weight, and what nobody trusts yet, so its readings may count from another line than
    its weights. Every event must carry its line's value, all at the same distance; None when they do not.
    """
    events = [(at, json.loads(said.removeprefix(b"data: "))) for at, said in arrived if begun <= at < ended]
    events = [(at, event) for at, event in events if event["value"] is not None]
    for shift in sorted(range(-MOST_APART, MOST_APART), key=abs):
        found = []
        for at, event in events:
            line = event["seq"] - 1 + shift
            if not 0 <= line < len(sent) or sent[line][1] != event["value"] or sent[line][0] > at:
                break
            found.append(at - sent[line][0])
        else:
            return found
    return None


def _door() -> socket.socket:
    door = socket.socket()
    door.bind(("127.0.0.1", 0))
    return door


def rows(watched: Watched) -> list[Row]:
    """The lines: the added time, and how often the device page hears."""
    times = spread(watched.added)
    arrives = f"{watched.events_hz:,.0f} of {watched.wanted_hz:,.0f} events/s, server {watched.cpu:.0%} of a core"
    if watched.left_out:
        arrives += f"; {watched.left_out} viewers left out: their balance was lost and found"
    title = f"balance line on the wire → number at the tablet, {BALANCES} × {HZ} Hz, {VIEWERS} viewers"
    return [
        Row(title, times, arrives, Limit("added (p99)", times.p99, ADDED_MS, "ms")),
        Row(f"device page, {BALANCES} balances merged", limit=Limit("", watched.merged_hz, MERGED_HZ, "events/s")),
    ]
