"""The one event stream of a page: a beat every second, news of its topics, and the weights of its balance."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

from fastapi import APIRouter
from fastapi.sse import EventSourceResponse
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from app.web.news import Listener
from app.web.parts import Parts
from app.web.session import Signed
from app.web.weight_event import waiting, weight_event
from devices.balance import Balance
from devices.reading import Stamped
from devices.status import Status

router = APIRouter()
BEAT = 1.0
MERGED = 0.05  # The device page shows many balances; it gets one merged event per 50 ms.
EVERY_BALANCE, STATIONS = "devices", "stations"


@router.get("/live")
async def live(visit: Signed, topics: str = "", drawn: str = "") -> Response:
    """Stream news of the topics asked for, beginning with what the page missed since it was drawn.

    'weigh:12' also streams the weights of this hood for preparation 12, 'devices' those of every balance.
    """
    wanted = [topic for topic in topics.split(",") if topic][:40]
    events = stream(visit.parts, visit.station.code, wanted, drawn)
    return EventSourceResponse(events, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})


async def stream(parts: Parts, station: str, topics: list[str], drawn: str = "") -> AsyncIterator[bytes]:
    """The events for one page at a station, until it goes away or the server stops."""
    loop = asyncio.get_running_loop()
    weigh = next((int(t[6:]) for t in topics if t.startswith("weigh:") and t[6:].isdecimal()), None)
    every = EVERY_BALANCE in topics
    own = [f"work:{weigh}"] if weigh is not None else [STATIONS] if every else []
    listener = parts.news.join([*topics, *own], drawn)
    mail: dict[str, Stamped | Status] = {}
    balance = _balance(parts, station) if weigh is not None else None
    leave = _listen(parts, listener, mail, [station] if weigh is not None else parts.hub.statuses() if every else [])
    waits = await run_in_threadpool(waiting, parts, weigh) if weigh is not None else None
    due = loop.time()
    beat = loop.call_at(due, listener.woken.set)
    try:
        yield b"retry: 300\n\n"
        if balance is not None:
            yield _event("weight", weight_event(parts, balance, balance.latest(), waits))
        while not parts.news.closing.is_set():
            await listener.woken.wait()
            changed = listener.take()
            if loop.time() >= due:  # however much else there is to say
                due = loop.time() + BEAT
                beat = loop.call_at(due, listener.woken.set)
                yield _event("beat", {"now": parts.clock().isoformat(timespec="seconds")})
            if weigh is not None and f"work:{weigh}" in changed:
                waits = await run_in_threadpool(waiting, parts, weigh)
            if every and STATIONS in changed:
                for each in leave:
                    each()
                leave = _listen(parts, listener, mail, parts.hub.statuses())
            for topic, number in changed.items():
                if topic in topics:
                    yield _event("news", {"topic": topic, "mark": parts.news.mark(number)})
            if balance is not None and mail:
                mail.clear()
                yield _event("weight", weight_event(parts, balance, balance.latest(), waits))
            elif mail:
                await asyncio.sleep(MERGED)
                yield _event("balances", _merged(parts, mail))
    finally:
        beat.cancel()
        for each in leave:
            each()
        parts.news.leave(listener)


def _merged(parts: Parts, mail: dict[str, Stamped | Status]) -> dict[str, Any]:
    """The newest of every balance that has said something; takes the mail."""
    said = {code: each for code in mail if (each := _balance(parts, code)) is not None}
    mail.clear()
    return {code: weight_event(parts, each, each.latest(), None) for code, each in said.items()}


def _listen(
    parts: Parts, listener: Listener, mail: dict[str, Stamped | Status], codes: Iterable[str]
) -> list[Callable[[], None]]:
    """Let balances put their newest reading into the page's mailbox; the functions returned end it."""

    def put(code: str) -> Callable[[Stamped | Status], None]:
        def deliver(said: Stamped | Status) -> None:
            mail[code] = said
            listener.woken.set()

        def from_reader(said: Stamped | Status) -> None:
            if not listener.loop.is_closed():
                listener.loop.call_soon_threadsafe(deliver, said)

        return from_reader

    return [balance.listen(put(code)) for code in codes if (balance := _balance(parts, code)) is not None]


def _balance(parts: Parts, code: str) -> Balance | None:
    try:
        return parts.hub.balance(code)
    except LookupError:
        return None


def _event(name: str, data: dict[str, Any]) -> bytes:
    return f"event: {name}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n".encode()
