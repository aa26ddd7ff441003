"""The service worker, served from the root so that it stands before every page; it knows the build it belongs to."""

from functools import cache
from pathlib import Path

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.web.session import parts_of

router = APIRouter()
SCRIPT = Path(__file__).parent / "static" / "sw.js"


@router.get("/sw.js")
async def service_worker(request: Request) -> Response:
    """The script of the static shell; asked for anew each time, so that an update is never held up by a cache."""
    text = script(parts_of(request).build)
    return Response(text, media_type="text/javascript", headers={"Cache-Control": "no-cache"})


@cache
def script(build: str) -> str:
    """The service worker of one build of the static files."""
    return SCRIPT.read_text(encoding="utf-8").replace("__BUILD__", build)
