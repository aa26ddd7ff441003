"""What every request and every answer pass: posts come from pages of our own, and each answer says what it may load."""

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.web.session import same_origin

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; img-src 'self' data: blob:; object-src 'none'; "
        "base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}
ENCRYPTED = HEADERS | {"Strict-Transport-Security": "max-age=31536000; includeSubDomains"}


class Guard:
    """Refuses a post that comes from elsewhere, and adds the security headers that an answer does not have yet."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = ENCRYPTED if scope["scheme"] == "https" else HEADERS

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                told = MutableHeaders(scope=message)
                for name, value in headers.items():
                    told.setdefault(name, value)
            await send(message)

        if scope["method"] not in ("GET", "HEAD") and not same_origin(Request(scope)):
            refusal = PlainTextResponse("This post does not come from a page of this system.", status_code=403)
            await refusal(scope, receive, guarded)
            return
        await self.app(scope, receive, guarded)
