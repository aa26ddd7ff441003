"""A hood's tablet without a screen: real requests over one connection that stays open, with a browser's headers."""

import secrets
import socket
import time
from dataclasses import dataclass
from urllib.parse import urlencode

from app import demo
from tests.benchmarks.databases import Hood

STALE_S = 8.0
"""The server closes a connection that was idle for 15 seconds."""


@dataclass(frozen=True)
class Answer:
    """What came back: the status, where to look next, the body, and the seconds until the last byte of it."""

    status: int
    location: str
    body: bytes
    seconds: float


class Tablet:
    """A browser of one host name. Raises RuntimeError for an answer that a measurement does not expect.

    It reads no more of an answer than it needs, so that as little as possible of what is measured is its own work.
    A connection that was not used for a while is opened anew, because the server may be about to close it.
    """

    def __init__(self, port: int, host: str):
        self._port, self._host = port, f"{host}:{port}"
        self._wire: socket.socket | None = None
        self._used_at = 0.0
        self.cookie = ""

    def get(self, path: str) -> Answer:
        return self._ask("GET", path, None, 200)

    def post(self, path: str, **fields: str) -> Answer:
        """Send a form with a new once-key; it must be answered by 'look there'."""
        return self._ask("POST", path, urlencode(fields | {"once": secrets.token_urlsafe(18)}).encode(), 303)

    def sign_in(self, badge: str) -> None:
        self.post("/sign-in", badge=badge, pin=demo.PIN)

    def close(self) -> None:
        if self._wire:
            self._wire.close()
        self._wire = None

    def _ask(self, method: str, path: str, body: bytes | None, wanted: int) -> Answer:
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self._host}", "Accept: text/html", "Sec-Fetch-Site: same-origin"]
        if self.cookie:
            lines.append(f"Cookie: {self.cookie}")
        if body is not None:
            lines += ["Content-Type: application/x-www-form-urlencoded", f"Content-Length: {len(body)}"]
            lines.append(f"Origin: http://{self._host}")
        sent = "\r\n".join([*lines, "", ""]).encode("ascii") + (body or b"")
        begun = time.perf_counter()
        if begun - self._used_at > STALE_S:
            self.close()
        status, headers, read = self._exchange(sent)
        self._used_at = time.perf_counter()
        took = self._used_at - begun
        if set_cookie := headers.get("set-cookie"):
            self.cookie = set_cookie.partition(";")[0]
        location = headers.get("location", "")
        if status != wanted or (location.startswith("/sign-in") and path != "/sign-in"):
            raise RuntimeError(f"{method} {path} answered {status} {location}: {read[-600:].decode()}")
        return Answer(status, location, read, took)

    def _exchange(self, sent: bytes) -> tuple[int, dict[str, str], bytes]:
        if self._wire is None:
            self._wire = socket.create_connection(("127.0.0.1", self._port), timeout=60)
            self._wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._wire.sendall(sent)
        heard = b""
        while (end := heard.find(b"\r\n\r\n")) < 0:
            heard += self._more()
        first, *lines = heard[:end].decode("latin-1").split("\r\n")
        named = (line.partition(":") for line in lines)
        headers = {name.lower(): value.strip() for name, _, value in named}
        body = [heard[end + 4 :]]
        missing = int(headers.get("content-length", "0")) - len(body[0])
        while missing > 0:
            body.append(self._more())
            missing -= len(body[-1])
        return int(first.split(" ", 2)[1]), headers, b"".join(body)

    def _more(self) -> bytes:
        assert self._wire is not None
        received = self._wire.recv(1 << 16)
        if not received:
            raise ConnectionError("The server closed the connection.")
        return received


def signed_in(port: int, hood: Hood) -> Tablet:
    """A hood's tablet with its technician signed in."""
    tablet = Tablet(port, hood.host)
    tablet.sign_in(hood.badge)
    return tablet
