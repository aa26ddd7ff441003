"""What happens to a request before it is read: the one trusted proxy is believed, and its line goes to the log."""

import secrets
import time
from typing import Any

import structlog
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = structlog.get_logger()

FORWARDED = (b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"forwarded", b"x-forwarded-port")


class TrustedProxy:
    """Believes X-Forwarded-Proto, -For and -Host from one address only; from anybody else they are removed."""

    def __init__(self, app: ASGIApp, address: str):
        self.app = app
        self.address = address

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope = believed(scope, self.address)
        await self.app(scope, receive, send)


def believed(scope: Scope, address: str) -> Scope:
    """The request as it was before the proxy, if it comes from `address`; else without any forwarding header."""
    told = {name: value for name, value in scope["headers"] if name in FORWARDED}
    headers = [(name, value) for name, value in scope["headers"] if name not in FORWARDED]
    changed: dict[str, Any] = {"headers": headers}
    client = scope.get("client")
    if address and client and client[0] == address:
        scheme = _last(told.get(b"x-forwarded-proto", b""))
        if scheme in ("http", "https"):
            changed["scheme"] = scheme
        # The last entry is the one that the trusted proxy itself added; those before it are the browser's word.
        if visitor := _last(told.get(b"x-forwarded-for", b"")):
            changed["client"] = (visitor, 0)
        if host := _last(told.get(b"x-forwarded-host", b"")):
            changed["headers"] = [(n, v) for n, v in headers if n != b"host"] + [(b"host", host.encode("latin-1"))]
    return {**scope, **changed}


def _last(value: bytes) -> str:
    return value.decode("latin-1").split(",")[-1].strip()


class RequestLog:
    """Gives each request a number and logs one line for it: method, route (never the address itself), status, time."""

    QUIET = ("/healthz", "/readyz", "/static")

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        number = secrets.token_hex(6)
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request=number)
        started, status = time.perf_counter(), 500

        async def numbered(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", number.encode())]
            await send(message)

        try:
            await self.app(scope, receive, numbered)
        finally:
            if status >= 400 or not scope["path"].startswith(self.QUIET):
                route = getattr(scope.get("route"), "path", "none")
                took = round((time.perf_counter() - started) * 1000)
                log.info("request", method=scope["method"], route=route, status=status, ms=took)


class BodyLimit:
    """Refuses a request whose body is larger than any page of ours sends, before it is collected."""

    LARGEST = 20 * 1024 * 1024

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        told = dict(scope["headers"]).get(b"content-length", b"0")
        if not told.isdigit() or int(told) > self.LARGEST:
            await PlainTextResponse("This is too large. Nothing was stored.", 413)(scope, receive, send)
            return
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self.LARGEST:
                # A body without an announced length; the connection is given up, nothing was stored.
                return {"type": "http.disconnect"}
            return message

        await self.app(scope, counted, send)


def dressed(app: ASGIApp, trusted_proxy: str) -> ASGIApp:
    """The application with what stands before it: the one trusted proxy, the request log, the largest body."""
    return TrustedProxy(RequestLog(BodyLimit(app)), trusted_proxy)
