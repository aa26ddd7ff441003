"""A small application that shows every part of the look with sample words, and a stream that a test can play on.

It serves the product's own static files, layout and macros under the product's content security policy, so that the
parts are tried without the rooms.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse, StreamingResponse
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from app.web.pages import environment
from app.web.shell import script

ROOT = Path(__file__).resolve().parents[2]
POLICY = (
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; img-src 'self' data: blob:; object-src 'none'; "
    "base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
)
LABEL = (
    "^XA^CI28^PW812^LL609^FO30,30^A0N,48,48^FH_^FDZo_C3_AB _C3_85ngstr_C3_B6m^FS"
    "^FO30,100^A0N,60,60^FDvancomycin 1,000 mg^FS^FO30,200^BXN,8,200^FDL-000123^FS^XZ"
)
ROOMS = [("/queue", "Check", True), ("/orders", "Orders", False)]
KINDS = {"hood": ("Hood 2", "tina technician", "technician"), "desk": ("Desk 1", "petra pharmacist", "pharmacist"),
         "ward": ("7 West", "nina nurse", "nurse")}  # fmt: skip


class Stream:
    """The event stream as a test plays it: beats can be stopped, events sent to everybody who listens."""

    def __init__(self) -> None:
        self.beating = True
        self.listeners: list[asyncio.Queue[str]] = []
        self.loop: asyncio.AbstractEventLoop | None = None

    def send(self, event: str, **data: Any) -> None:
        assert self.loop is not None
        words = f"event: {event}\ndata: {json.dumps(data)}\n\n"
        for listener in list(self.listeners):
            self.loop.call_soon_threadsafe(listener.put_nowait, words)

    async def events(self) -> AsyncIterator[str]:
        self.loop = asyncio.get_running_loop()
        mine: asyncio.Queue[str] = asyncio.Queue()
        self.listeners.append(mine)
        try:
            while True:
                if self.beating:
                    yield 'event: beat\ndata: {"now": "2026-11-22T13:05:21Z"}\n\n'
                try:
                    yield await asyncio.wait_for(mine.get(), timeout=0.5)
                except TimeoutError:
                    continue
        finally:
            self.listeners.remove(mine)


def styleguide() -> FastAPI:
    """The application; `app.state.posts` holds every form that was sent, `app.state.stream` is the stream."""
    app = FastAPI()
    app.state.posts = posts = []
    app.state.stream = stream = Stream()
    app.state.delay = 0.0
    app.state.count = 0
    app.state.drawn = "run.1"
    app.state.parts = 0
    folders = [str(ROOT / "tests/browser/styleguide"), str(ROOT / "templates")]
    pages = Environment(loader=FileSystemLoader(folders), autoescape=True, undefined=StrictUndefined)
    pages.filters |= environment().filters
    app.mount("/static", StaticFiles(directory=ROOT / "app/web/static"), name="static")

    @app.middleware("http")
    async def policy(request: Request, call_next: Any) -> Response:
        response = await call_next(request)
        response.headers["Content-Security-Policy"] = POLICY
        response.headers["Cache-Control"] = "no-cache"
        return response

    def render(name: str, request: Request, status: int = 200, **words: Any) -> HTMLResponse:
        asked = request.query_params
        kind = asked.get("kind", "hood")
        station, who, role = KINDS[kind]
        app.state.count += 1
        page = {
            "title": name, "who": who, "role": role, "station": station, "station_kind": kind,
            "zone": "Europe/Amsterdam", "test": "test" in asked, "simulated": "simulated" in asked,
            "live_topics": None if "still" in asked else ["work:1"], "drawn": app.state.drawn, "build": "0.1.0",
            "theme": asked.get("theme", ""), "px_per_mm": asked.get("px", ""),
            "scan_suffix": asked.get("suffix", ""),
            "devices": [("ok", "Scale"), ("caution", "Label stock low")] if kind == "hood" else [],
            "rooms": ROOMS if kind == "desk" else [], "menu": [("IV room", ROOMS)] if kind == "desk" else [],
        }  # fmt: skip
        text = pages.get_template(f"{name}.html").render(page=page, asked=asked, count=app.state.count, **words)
        return HTMLResponse(text, status_code=status)

    @app.get("/live")
    async def live() -> StreamingResponse:
        return StreamingResponse(stream.events(), media_type="text/event-stream")

    @app.get("/sw.js")
    def service_worker() -> Response:
        return Response(script("0.1.0"), media_type="text/javascript")

    @app.get("/label.zpl")
    def label() -> PlainTextResponse:
        return PlainTextResponse(LABEL)

    @app.get("/part")
    def part() -> HTMLResponse:
        app.state.count += 1
        app.state.parts += 1
        words = f'<p id="part" data-refresh="work:1" data-refresh-from="/part">seen {app.state.count}</p>'
        return HTMLResponse(words, headers={"Laminar-Drawn": app.state.drawn})

    @app.get("/held")
    def held() -> HTMLResponse:
        app.state.count += 1
        about = 'id="held" data-refresh="queue" data-refresh-from="/held" data-hold'
        words = f"<ul {about}><li>{app.state.count}</li></ul>"
        return HTMLResponse(words, headers={"Laminar-Drawn": app.state.drawn})

    @app.post("/post")
    async def post(request: Request) -> Response:
        form = await request.form()
        record: dict[str, Any] = {}
        for name, value in form.items():
            record[name] = value if isinstance(value, str) else await value.read()
        posts.append(record)
        await asyncio.sleep(app.state.delay)
        answer = request.query_params.get("answer", "ok")
        if answer == "refuse":
            return render("refused", request, 422)
        if answer == "fault":
            return PlainTextResponse("no", 500)
        return RedirectResponse(f"/after?{request.query_params}", 303)

    @app.get("/{name}")
    def show(name: str, request: Request) -> Response:
        if not (ROOT / "tests/browser/styleguide" / f"{name}.html").is_file():
            return Response(status_code=404)
        return render(name, request)

    return app
