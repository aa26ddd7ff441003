"""Whether the process lives, and whether it can do its work; strangers hear no more than yes or no."""

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from app.core.errors import Missing, Refused
from app.core.permissions import May, allowed
from app.db.faults import DATABASE_AWAY
from app.db.host import LEAST_PERCENT, disk_of
from app.db.safety import schema_fault, sqlite_path, why_not_reachable, why_not_writable
from app.web.heartbeat import Heartbeat
from app.web.parts import Parts
from app.web.session import parts_of, visitor

router = APIRouter()


@router.get("/healthz")
async def lives() -> Response:
    """The process answers."""
    return JSONResponse({"lives": True}, headers={"Cache-Control": "no-store"})


@router.get("/readyz")
def ready(request: Request) -> Response:
    """The database takes records, its tables are right, the worker turns, the hub stands, the disk has room."""
    heartbeat: Heartbeat | None = getattr(request.app.state, "heartbeat", None)
    lacking = what_is_lacking(parts_of(request), heartbeat)
    answer: dict[str, object] = {"ready": not lacking}
    if lacking and _may_know(request):
        answer["lacking"] = lacking
    return JSONResponse(answer, 503 if lacking else 200, headers={"Cache-Control": "no-store"})


def what_is_lacking(parts: Parts, heartbeat: Heartbeat | None) -> list[str]:
    """Say everything that keeps the product from its work; empty when it is ready."""
    found = []
    if fault := why_not_reachable(parts.db):
        found.append(fault)
    else:
        found += [fault for fault in (schema_fault(parts.db), why_not_writable(parts.db)) if fault]
    if heartbeat is None or not heartbeat.beats():
        found.append("The worker that prints and sends does not turn.")
    for code, status in parts.hub.statuses().items():
        if status.state == "closed":
            found.append(f"Nobody listens to the balance of {code}.")
    path = sqlite_path(parts.db.url)
    for what, folder in (("database", path.parent if path else None), ("photos", parts.settings.photos)):
        if folder is not None and disk_of(folder).percent_free <= LEAST_PERCENT:
            found.append(f"The disk of the {what} is full.")
    return found


def _may_know(request: Request) -> bool:
    try:
        visit = visitor(request)
    except (*DATABASE_AWAY, Refused, Missing):  # A database that is down does not turn 'not ready' into a fault.
        return False
    return visit.who is not None and allowed(visit.who.roles, May.SEE_DEVICES)
