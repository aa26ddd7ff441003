"""A hood's tablet without a screen: real requests over one connection that stays open, with a browser's headers."""

import http.client
import secrets
import time
from dataclasses import dataclass
from urllib.parse import urlencode

from app import demo
from tests.benchmarks.databases import Hood


@dataclass(frozen=True)
class Answer:
    """What came back: the status, where to look next, the body, and the seconds until the last byte of it."""

    status: int
    location: str
    body: bytes
    seconds: float


class Tablet:
    """A browser of one host name. Raises RuntimeError for an answer that a measurement does not expect."""

    def __init__(self, port: int, host: str):
        self._line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._host = f"{host}:{port}"
        self.cookie = ""

    def get(self, path: str) -> Answer:
        return self._ask("GET", path, None, 200)

    def post(self, path: str, **fields: str) -> Answer:
        """Send a form with a new once-key; it must be answered by 'look there'."""
        return self._ask("POST", path, urlencode(fields | {"once": secrets.token_urlsafe(18)}).encode(), 303)

    def sign_in(self, badge: str) -> None:
        self.post("/sign-in", badge=badge, pin=demo.PIN)

    def close(self) -> None:
        self._line.close()

    def _ask(self, method: str, path: str, body: bytes | None, wanted: int) -> Answer:
        headers = {"Host": self._host, "Accept": "text/html", "Sec-Fetch-Site": "same-origin"}
        if self.cookie:
            headers["Cookie"] = self.cookie
        if body is not None:
            headers |= {"Content-Type": "application/x-www-form-urlencoded", "Origin": f"http://{self._host}"}
        begun = time.perf_counter()
        self._line.request(method, path, body, headers)
        answer = self._line.getresponse()
        read = answer.read()
        took = time.perf_counter() - begun
        if set_cookie := answer.getheader("Set-Cookie"):
            self.cookie = set_cookie.partition(";")[0]
        location = answer.getheader("Location") or ""
        if answer.status != wanted or (location.startswith("/sign-in") and path != "/sign-in"):
            raise RuntimeError(f"{method} {path} answered {answer.status} {location}: {read[-600:].decode()}")
        return Answer(answer.status, location, read, took)


def signed_in(port: int, hood: Hood) -> Tablet:
    """A hood's tablet with its technician signed in."""
    tablet = Tablet(port, hood.host)
    tablet.sign_in(hood.badge)
    return tablet
