"""The one event stream of a page: a beat every second, news of its topics, and the weights of its balance."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter, Request
from fastapi.sse import EventSourceResponse
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from app.web.news import Listener
from app.web.parts import Parts
from app.web.session import Signed
from app.web.weight_event import Waiting, waiting, weight_event
from devices.balance import Balance
from devices.reading import Stamped
from devices.status import Status

router = APIRouter()
BEAT = 1.0
MERGED = 0.05  # The device page shows many balances; it gets one merged event per 50 ms.


@router.get("/live")
async def live(request: Request, visit: Signed, topics: str = "") -> Response:
    """Stream news of the topics asked for; 'weigh:12' also streams the weights of this hood for preparation 12."""
    wanted = [topic for topic in topics.split(",") if topic][:40]
    stream = _stream(request, visit.parts, visit.station.code, wanted)
    return EventSourceResponse(stream, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})


async def _stream(request: Request, parts: Parts, station: str, topics: list[str]) -> AsyncIterator[bytes]:
    loop = asyncio.get_running_loop()
    weigh = next((int(t[6:]) for t in topics if t.startswith("weigh:") and t[6:].isdigit()), None)
    listener = parts.news.join([*topics, *([f"work:{weigh}"] if weigh else [])])
    mail: dict[str, Stamped | Status] = {}
    leave = _listen(parts, listener, loop, mail, station, weigh is not None, "devices" in topics)
    balance = _balance(parts, station) if weigh is not None else None
    waits = await run_in_threadpool(waiting, parts, weigh) if weigh is not None else None
    try:
        yield b"retry: 300\n\n"
        yield _beat(parts)
        if balance is not None:
            yield _event("weight", weight_event(parts, balance, balance.latest(), waits))
        while not parts.news.closing.is_set():
            try:
                await asyncio.wait_for(listener.woken.wait(), BEAT)
            except TimeoutError:
                yield _beat(parts)
                continue
            changed = listener.take()
            if weigh is not None and f"work:{weigh}" in changed:
                waits = await run_in_threadpool(waiting, parts, weigh)
            for topic, number in changed.items():
                if topic in listener.topics:
                    yield _event("news", {"topic": topic, "seq": number})
            async for block in _weights(parts, mail, balance, waits):
                yield block
    finally:
        for each in leave:
            each()
        parts.news.leave(listener)


async def _weights(
    parts: Parts, mail: dict[str, Stamped | Status], balance: Balance | None, waits: Waiting | None
) -> AsyncIterator[bytes]:
    if not mail:
        return
    if balance is not None:
        mail.clear()
        yield _event("weight", weight_event(parts, balance, balance.latest(), waits))
        return
    await asyncio.sleep(MERGED)
    merged = {}
    for code in list(mail):
        mail.pop(code, None)
        each = _balance(parts, code)
        if each is not None:
            merged[code] = weight_event(parts, each, each.latest(), None)
    yield _event("balances", merged)


def _listen(
    parts: Parts,
    listener: Listener,
    loop: asyncio.AbstractEventLoop,
    mail: dict[str, Stamped | Status],
    station: str,
    one: bool,
    every: bool,
) -> list[Any]:
    """Let balances put their newest reading into the page's mailbox: this hood's, or, for the device page, all."""

    def put(code: str) -> Any:
        def deliver(reading: Stamped | Status) -> None:
            mail[code] = reading
            listener.woken.set()

        def from_reader(reading: Stamped | Status) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(deliver, reading)

        return from_reader

    codes = [station] if one else list(parts.hub.statuses()) if every else []
    return [balance.listen(put(code)) for code in codes if (balance := _balance(parts, code)) is not None]


def _balance(parts: Parts, code: str) -> Balance | None:
    try:
        return parts.hub.balance(code)
    except LookupError:
        return None


def _beat(parts: Parts) -> bytes:
    return _event("beat", {"now": parts.clock().isoformat(timespec="seconds")})


def _event(name: str, data: dict[str, Any]) -> bytes:
    return f"event: {name}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n".encode()
