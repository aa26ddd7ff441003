"""HL7 over TCP: frames, a listener that answers only what its store has committed, and a sender.

Source: HL7 Minimal Lower Layer Protocol, release 1 and 2 (transport specification); house interoperability notes
on the wire.
"""

import asyncio
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from inspect import iscoroutinefunction
from typing import Literal, cast

from app.core.errors import Invalid
from app.db.faults import DATABASE_AWAY
from app.interop.dispense_message import salvaged_reject
from app.interop.frames import CR, END, LIMIT, START, Frames, TooLarge
from app.interop.hl7 import parse, split_frame
from app.interop.values import Connection

log = logging.getLogger("laminar.mllp")

COMMITTED, NOT_COMMITTED = b"\x0b\x06\x1c\r", b"\x0b\x15\x1c\r"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the store answers to one message: the acknowledgement to send, written only after its commit."""

    acknowledgement: bytes


Store = Callable[[bytes, str], Answer] | Callable[[bytes, str], Awaitable[Answer]]
Alarm = Callable[[str, str], None]


@dataclass
class Listener:
    """A listening port. `port` is the one in use (asked for 0: any free one)."""

    port: int
    _server: asyncio.Server
    _executor: ThreadPoolExecutor
    _talks: set[asyncio.Task[None]]

    async def close(self) -> None:
        """Stop listening, let a message that is being stored finish, and close every connection."""
        self._server.close()
        for talk in list(self._talks):
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)
        await asyncio.to_thread(self._executor.shutdown, True)


async def serve(
    host: str, port: int, store: Store, connection: Connection, *,
    now: Callable[[], datetime], tls: ssl.SSLContext | None = None, limit: int = LIMIT,
    partial_seconds: float = 60, most_connections: int = 16, bare: bool = False, release_2: bool = False,
    peers: Collection[str] | None = None, alarm: Alarm | None = None,
) -> Listener:  # fmt: skip
    """Listen for one sender's messages and answer each with what `store` returns, strictly in order.

    `store(raw, peer)` gets the message's own bytes and returns only after they are durable; it decides duplicates
    and may block (it runs on one thread of its own, so messages of all connections are stored one after another)
    or be a coroutine function. When it fails (OSError, or the database is away) there is no answer and the connection
    closes: the sender keeps the message. Several messages in one frame are stored and answered one by one. Bytes
    without a header get an AR if an id can be read in them, else the connection closes. `peers` lists the addresses
    that may connect (None: any). `alarm(peer, sentence)` hears of everything that a person should look at; sentences
    hold no patient data.
    """
    executor = ThreadPoolExecutor(1, thread_name_prefix=f"hl7-{connection.name}")
    talks: set[asyncio.Task[None]] = set()
    tell = alarm or (lambda peer, sentence: log.warning("%s: %s", peer, sentence))

    async def stored(raw: bytes, peer: str) -> Answer:
        if iscoroutinefunction(store):
            return cast(Answer, await store(raw, peer))
        blocking = cast(Callable[[bytes, str], Answer], store)
        return await asyncio.get_running_loop().run_in_executor(executor, blocking, raw, peer)

    async def one_frame(frame: bytes, peer: str, writer: asyncio.StreamWriter) -> bool:
        for raw in split_frame(frame):
            try:
                parse(raw)
            except Invalid:
                at = now()
                reject = salvaged_reject(raw, control_id=f"L{at:%Y%m%d%H%M%S%f}"[:20], at=at)
                tell(peer, "A frame held no message (no MSH segment): nothing of it was stored.")
                if reject is None:
                    return False
                await _write(writer, reject)
                continue
            try:
                answer = await stored(raw, peer)
            except (OSError, *DATABASE_AWAY):
                log.exception("%s: a message could not be stored", peer)
                tell(peer, "A message could not be stored: it was not acknowledged and its sender keeps it.")
                if release_2:
                    writer.write(NOT_COMMITTED)
                return False
            if release_2:
                writer.write(COMMITTED)
            await _write(writer, answer.acknowledgement)
        return True

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, peer: str) -> None:
        loop = asyncio.get_running_loop()
        frames = Frames(limit, bare)
        deadline: float | None = None
        torn = between = 0
        while True:
            try:
                async with asyncio.timeout_at(deadline):
                    received = await reader.read(1 << 16)
            except TimeoutError:
                if deadline is None:
                    raise
                tell(peer, f"A message stayed unfinished for {partial_seconds:g} s: the connection was closed.")
                return
            if not received:
                if frames.partial:
                    tell(peer, "The connection ended in the middle of a message: it was not stored.")
                return
            was_partial = frames.partial
            try:
                complete = frames.feed(received)
            except TooLarge:
                tell(peer, f"A message was longer than {limit:,} bytes: the connection was closed.")
                return
            if frames.torn > torn:
                tell(peer, "A message was torn by the next one: its sender has to send it again.")
            if frames.between > between:
                tell(peer, "Bytes stood between messages and were skipped.")
            torn, between = frames.torn, frames.between
            for frame in complete:
                if not await one_frame(frame, peer, writer):
                    return
            if not frames.partial:
                deadline = None
            elif complete or not was_partial or deadline is None:
                deadline = loop.time() + partial_seconds

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        address = writer.get_extra_info("peername")
        peer = str(address[0]) if address else "unknown"
        task = cast("asyncio.Task[None]", asyncio.current_task())
        try:
            if peers is not None and peer not in peers:
                tell(peer, "An address that is not on the list tried to connect.")
            elif len(talks) >= most_connections:
                tell(peer, f"More than {most_connections} connections at once: this one was closed.")
            else:
                talks.add(task)
                _keep_alive(writer)
                await talk(reader, writer, peer)
        except OSError as broken:
            log.info("%s: connection lost (%s)", peer, type(broken).__name__)
        except asyncio.CancelledError:
            # The listener closes. asyncio's own callback would log a task that ends cancelled.
            log.info("%s: closed by us", peer)
        finally:
            talks.discard(task)
            writer.close()

    server = await asyncio.start_server(accept, host, port, ssl=tls)
    return Listener(server.sockets[0].getsockname()[1], server, executor, talks)


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """What became of a sent message.

    "delivered": AA or CA. "refused": AE, AR or CR: a person has to look. "again": CE, a time-out or a lost
    connection: send the same bytes again later. `code` is the answer's MSA-1, or "time-out", "unreachable",
    "closed", "not committed".
    """

    outcome: Literal["delivered", "refused", "again"]
    code: str
    text: str = ""
    raw: bytes = b""


_OUTCOMES: dict[str, Literal["delivered", "refused", "again"]] = {
    "AA": "delivered", "CA": "delivered", "AE": "refused", "AR": "refused", "CR": "refused", "CE": "again"
}  # fmt: skip


@dataclass
class Line:
    """A lasting connection to one receiver with one message in flight; it reconnects by itself."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    _streams: tuple[asyncio.StreamReader, asyncio.StreamWriter, Frames] | None = None

    async def send(self, raw: bytes, timeout: float = 30) -> Acknowledgement:
        """Send one message and wait for its own answer: MSA-2 must be our MSH-10, late answers are discarded.

        `raw` is one message without framing; a repeat must carry the same MSH-10. Raises Invalid when it has no
        header or no control id.
        """
        ours = parse(raw).header.control_id
        if not ours:
            raise Invalid({"MSH-10": "A message without a control id cannot be acknowledged: give it one."})
        async with self._lock:
            try:
                async with asyncio.timeout(timeout):
                    return await self._exchange(raw, ours)
            except TimeoutError:
                await self.close()
                return Acknowledgement("again", "time-out", f"No answer within {timeout:g} s.")
            except (OSError, ssl.SSLError, TooLarge, asyncio.IncompleteReadError) as broken:
                started = self._streams is not None
                await self.close()
                return Acknowledgement("again", "closed" if started else "unreachable", type(broken).__name__)

    async def close(self) -> None:
        """Close the connection if there is one."""
        if self._streams:
            self._streams[1].close()
            self._streams = None

    async def _exchange(self, raw: bytes, ours: str) -> Acknowledgement:
        if self._streams is None:
            reader, writer = await asyncio.open_connection(self.host, self.port, ssl=self.tls)
            _keep_alive(writer)
            self._streams = (reader, writer, Frames())
        reader, writer, frames = self._streams
        await _write(writer, raw)
        while True:
            received = await reader.read(1 << 16)
            if not received:
                raise ConnectionResetError
            for frame in frames.feed(received):
                found = _acknowledgement(frame, ours)
                if found:
                    return found


async def send(
    host: str, port: int, raw: bytes, timeout: float = 30, *, tls: ssl.SSLContext | None = None
) -> Acknowledgement:
    """Send one message over a connection of its own and wait for its own answer; see `Line.send`."""
    line = Line(host, port, tls)
    try:
        return await line.send(raw, timeout)
    finally:
        await line.close()


def _acknowledgement(frame: bytes, ours: str) -> Acknowledgement | None:
    if frame == b"\x15":
        return Acknowledgement("again", "not committed", "The receiver could not store it.", frame)
    try:
        message = parse(frame)
    except Invalid:
        return None
    msa = next(iter(message.named("MSA")), None)
    if msa is None or msa.get(2, 0, 0) != ours:
        log.warning("an answer to another message was discarded")
        return None
    code = msa.get(1).upper()
    err = next(iter(message.named("ERR")), None)
    text = msa.get(3, 0, 0) or (err.get(8, 0, 0) or err.get(3, 2) if err else "")
    return Acknowledgement(_OUTCOMES.get(code, "refused"), code, text, frame)


async def _write(writer: asyncio.StreamWriter, message: bytes) -> None:
    writer.write(START + message + END + CR)
    await writer.drain()


def _keep_alive(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
