"""Who is at the browser: the station it stands at, the person signed in, and the refusals that need no page."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request
from starlette.responses import RedirectResponse, Response

from app.core.permissions import May
from app.db.session import Who
from app.identity.credentials import code_sha256
from app.identity.limits import SEEN_EVERY, Where
from app.identity.queries import standing_at
from app.identity.sign_in_actions import seen
from app.stations.queries import Here, station_of_browser
from app.web.parts import Parts
from compounding.queries import step_open_at

ENROLLED = "laminar_station"
ANYWHERE = "browser"


def cookie_name(request: Request) -> str:
    """The session cookie's name; behind HTTPS it is bound to this host."""
    return "__Host-laminar" if request.scope["scheme"] == "https" else "laminar"


def host_name(request: Request) -> str:
    """The host name under which a browser came in, without its port; empty when it is none."""
    return _name_of(request.headers.get("host", ""))


@lru_cache(maxsize=1024)
def _name_of(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def parts_of(request: Request) -> Parts:
    parts: Parts = request.app.state.parts
    return parts


@dataclass(frozen=True)
class Visitor:
    """One request: where it stands, who is signed in there (None: nobody), and why not.

    `mark`: up to where the news had come before anything was read for it.
    """

    parts: Parts
    station: Here
    token: str | None
    who: Who | None
    locked: bool
    why: str
    mark: str

    @property
    def where(self) -> Where:
        return Where(self.station.id, self.station.kind)


class SignInFirst(Exception):
    """Nobody is signed in, or the station is locked; the browser is sent to the sign-in page."""


def visitor(request: Request) -> Visitor:
    """Find the station by its enrolment or its host name, and the person by the session cookie."""
    parts = parts_of(request)
    mark = parts.news.mark()
    now, token, step_open = parts.clock(), request.cookies.get(cookie_name(request)), False
    with parts.db.read() as session:
        code = request.cookies.get(ENROLLED)
        enrolment = code_sha256(code) if code else None
        station = station_of_browser(session, enrolment, host_name(request), ANYWHERE)
        where = Where(station.id, station.kind)
        standing = standing_at(session, token, now=now, where=where)
        if token and standing.who is None and station.kind == "hood":
            # Only a session that would lock or end now is asked whether a step is open: a step keeps it.
            step_open = step_open_at(session, station.id)
            standing = standing_at(session, token, now=now, where=where, step_open=step_open)
    # `seen` writes at most once a minute, so within the minute it need not be asked.
    if standing.seen_at and request.method == "POST" and token and now - standing.seen_at >= SEEN_EVERY:
        seen(parts.db, token, where, step_open=step_open)
    return Visitor(parts, station, token, standing.who, standing.locked, standing.why, mark)


def signed_in(request: Request) -> Visitor:
    """Let only a person who is signed in pass."""
    visit = visitor(request)
    if visit.who is None:
        raise SignInFirst
    return visit


Visit = Annotated[Visitor, Depends(visitor)]
Signed = Annotated[Visitor, Depends(signed_in)]


def may(permission: May) -> Callable[[Request], Visitor]:
    """Let only a person pass whose roles grant a permission; the server refuses others in words."""

    def check(request: Request) -> Visitor:
        visit = signed_in(request)
        assert visit.who is not None
        visit.who.require(permission)
        return visit

    return check


def same_origin(request: Request) -> bool:
    """Tell whether a post comes from a page of our own: browsers say so in Sec-Fetch-Site and Origin."""
    site = request.headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        return False
    origin = request.headers.get("origin")
    if origin is None:
        return True
    return origin == f"{request.scope['scheme']}://{request.headers.get('host', '')}"


def once_key() -> str:
    """A new hidden key for a form."""
    return secrets.token_urlsafe(18)


def see_other(location: str) -> Response:
    """Answer a post that succeeded: look there."""
    return RedirectResponse(location, status_code=303)
