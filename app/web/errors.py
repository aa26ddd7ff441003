"""The one place where the product's refusals become pages."""

from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response

from app.core.errors import Invalid, Missing, Refused
from app.db.faults import DATABASE_AWAY, DatabaseFault, is_full, words_of
from app.db.session import Replayed
from app.web.pages import environment, page_facts
from app.web.session import SignInFirst, parts_of, see_other, visitor

log = structlog.get_logger()

NOT_STORED = "Nothing was stored. Try again in a moment; if it goes on, call whoever runs this system."
SIGNED_OUT = b"event: signed-out\ndata: {}\n\n"
LOOK = "Nothing was changed. Go back and choose it from a list, or scan it again."


def answer(request: Request, status: int, title: str, sentence: str, remedy: str = "", back: str = "") -> Response:
    """A page that says what is wrong and what to do now."""
    error = {"status": status, "title": title, "sentence": sentence, "remedy": remedy, "back": back or _back(request)}
    try:
        visit = visitor(request)
        facts: dict[str, Any] = page_facts(visit, title, None)
    except (*DATABASE_AWAY, Refused, Missing):  # A fault page does not need the database.
        facts = _bare(request, title)
    html = environment().get_template("error.html").render(page=facts, error=error)
    return HTMLResponse(html, status_code=status, headers={"Cache-Control": "no-store"})


def _back(request: Request) -> str:
    referer = request.headers.get("referer", "")
    ours = f"{request.url.scheme}://{request.headers.get('host', '')}/"
    return "/" + referer.removeprefix(ours) if referer.startswith(ours) else "/"


def _bare(request: Request, title: str) -> dict[str, Any]:
    return {
        "title": title,
        "who": None,
        "role": "",
        "station": "",
        "station_kind": "desk",
        "zone": "UTC",
        "test": False,
        "simulated": False,
        "live_topics": None,
        "build": parts_of(request).build,
    }


def install(app: FastAPI) -> None:
    """Map each kind of refusal to its page."""

    @app.exception_handler(Refused)
    def refused(request: Request, error: Refused) -> Response:
        return answer(request, 409, "Not done", str(error))

    @app.exception_handler(Missing)
    def missing(request: Request, error: Missing) -> Response:
        return answer(request, 404, "Not there", str(error), LOOK)

    @app.exception_handler(Invalid)
    def invalid(request: Request, error: Invalid) -> Response:
        return answer(request, 422, "Please look again", " ".join(error.fields.values()), "Nothing was stored.")

    @app.exception_handler(RequestValidationError)
    def misposted(request: Request, error: RequestValidationError) -> Response:
        sentence = "This page sent something that the server does not expect. It may be from before an update."
        return answer(request, 422, "Please look again", sentence, "Load the page again. Nothing was stored.")

    @app.exception_handler(Replayed)
    def replayed(request: Request, error: Replayed) -> Response:
        return see_other(error.location)

    @app.exception_handler(SignInFirst)
    def sign_in_first(request: Request, error: SignInFirst) -> Response:
        if "text/event-stream" in request.headers.get("accept", ""):  # a stream can not follow: its page is told to
            return Response(SIGNED_OUT, media_type="text/event-stream", headers={"Cache-Control": "no-store"})
        return see_other(f"/sign-in?to={request.url.path}" if request.method == "GET" else "/sign-in")

    @app.exception_handler(HTTPException)
    def http(request: Request, error: HTTPException) -> Response:
        words = {404: "There is no such page.", 405: "This can not be done here.", 413: "This is too large."}
        return answer(request, error.status_code, "Not there", words.get(error.status_code, str(error.detail)), LOOK)

    @app.exception_handler(DatabaseFault)
    def database(request: Request, error: DatabaseFault) -> Response:
        log.error("database fault", path=request.url.path, kind=type(error.orig).__name__, words=words_of(error))
        sentence = "The disk of the server is full." if is_full(error) else "The database did not take this step."
        return answer(request, 503, "Not stored", sentence, NOT_STORED)

    @app.exception_handler(OSError)
    def system(request: Request, error: OSError) -> Response:
        log.error("system fault", path=request.url.path, words=str(error)[:200])
        return answer(request, 503, "Not stored", "The server could not write what was sent.", NOT_STORED)

    @app.exception_handler(Exception)
    def fault(request: Request, error: Exception) -> Response:
        log.error("fault", path=request.url.path, kind=type(error).__name__, exc_info=error)
        return answer(request, 500, "A fault in this system", "Something went wrong here, not with you.", NOT_STORED)
