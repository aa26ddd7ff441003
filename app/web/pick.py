"""Picking a cart on a handheld: the next bin, the package, the drawer; what is short; and signing what is filled."""

from collections import Counter
from collections.abc import Iterable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request
from pydantic import Field
from starlette.responses import Response

from app.core.errors import Invalid, Refused
from app.core.permissions import May
from app.identity.actions import prove_for_signature
from app.identity.queries import needs_full
from app.orders.queries import patient_facts
from app.web.forms import Post, PostForm, SignedForm
from app.web.pages import render
from app.web.session import Visitor, may, see_other
from unitdose import drawer_actions, pick_actions, pick_scan_actions
from unitdose.drawer_queries import DrawerStanding, drawer_sha256, drawer_standing
from unitdose.pick_queries import at_stops, progress, way_through, where_am_i
from unitdose.picking import ToPut
from unitdose.queries import drawers_of, fill_facts, has_left, open_fills

router = APIRouter()
Picker = Annotated[Visitor, Depends(may(May.PICK))]


class ScanForm(PostForm):
    scan: Annotated[str, Field(max_length=400)]


class ShortForm(PostForm):
    reason: Annotated[str, Field(max_length=80)]


class SignDrawersForm(SignedForm):
    drawers: list[int] = Field(default_factory=list)
    seen: list[str] = Field(default_factory=list)


class PullForm(PostForm):
    drawer: Annotated[str, Field(max_length=80)]
    scan: Annotated[str, Field(max_length=400)]


@router.get("/pick")
def carts_page(request: Request, visit: Picker) -> Response:
    """The carts that can be picked, the next to leave first, and how far each is."""
    with visit.parts.db.read() as session:
        fills = [each for each in open_fills(session) if each.version]
        rows = [(each, progress(session, each.fill_id), at_stops(session, each.fill_id)) for each in fills]
        mine = where_am_i(session, visit.who.person_id if visit.who else None)
    return render(request, visit, "pick/carts.html", "Pick", topics=["fills"], current="/pick", rows=rows, mine=mine)


@router.post("/pick/{fill_id:int}/start")
def start(request: Request, visit: Picker, fill_id: int, form: Post) -> Response:
    """Begin, or go on, picking a cart."""
    assert visit.who is not None
    with visit.parts.db.write(visit.who, form.key(request), f"/pick/{fill_id}") as tx:
        pick_actions.start(tx, fill_id)
    return see_other(f"/pick/{fill_id}")


@router.get("/pick/{fill_id:int}")
def pick_page(request: Request, visit: Picker, fill_id: int) -> Response:
    """One thing to do: a bin to go to, a package to scan, a drawer to put it into."""
    assert visit.who is not None
    with visit.parts.db.read() as session:
        fill, mine = fill_facts(session, fill_id), where_am_i(session, visit.who.person_id)
        way, so_far = way_through(session, fill_id), progress(session, fill_id)
        stop = next((each for each in way if mine and mine.fill_id == fill_id and each.key == mine.key), None)
        if stop is None:
            return _filled_page(request, visit, fill_id, {})
        drawers = {each.work_id: each for each in drawers_of(session, fill_id)}
        people = {each.work_id: patient_facts(session, drawers[each.work_id].patient_id) for each in stop.puts}
        others = [each for each in at_stops(session, fill_id) if each.person_id != visit.who.person_id]
    hand = [each for each in stop.puts if mine and each.lot_id == mine.hand_lot_id]
    return render(
        request, visit, "pick/step.html", f"Pick {fill.cart}", topics=[f"fill:{fill_id}"], current="/pick", fill=fill,
        stop=stop, mine=mine, hand=_by_drawer(hand), drawers=_by_drawer(stop.puts), people=people, left=len(way),
        so_far=so_far, others=others,
        reasons=pick_actions.SHORT_REASONS,
    )  # fmt: skip


def _by_drawer(puts: Iterable[ToPut]) -> list[tuple[int, int, int]]:
    """One row a drawer, as the hand meets it: its work item, its number, and how many packages go into it."""
    counts: Counter[tuple[int, int]] = Counter()
    for each in puts:
        counts[each.work_id, each.drawer] += each.quantity
    return [(work_id, drawer, count) for (work_id, drawer), count in counts.items()]


@router.post("/pick/{fill_id:int}/scan")
def scan(request: Request, visit: Picker, fill_id: int, form: Annotated[ScanForm, Form()]) -> Response:
    """Take a scan: the page that follows says what it was."""
    assert visit.who is not None
    with visit.parts.db.write(visit.who, form.key(request), f"/pick/{fill_id}") as tx:
        pick_scan_actions.scan(tx, form.scan)
    return see_other(f"/pick/{fill_id}")


@router.post("/pick/{fill_id:int}/card/{card}")
def card(request: Request, visit: Picker, fill_id: int, card: str, form: Post) -> Response:
    """Do with a tap what a card does by scan: YES to a lot, REJECT to put back, NEXT to go on."""
    assert visit.who is not None
    with visit.parts.db.write(visit.who, form.key(request), f"/pick/{fill_id}") as tx:
        pick_scan_actions.scan(tx, f"CARD-{card.upper()}")
    return see_other(f"/pick/{fill_id}")


@router.post("/pick/{fill_id:int}/short")
def short(request: Request, visit: Picker, fill_id: int, form: Annotated[ShortForm, Form()]) -> Response:
    """Say that the bin is short, and go on with the next."""
    assert visit.who is not None
    with visit.parts.db.write(visit.who, form.key(request), f"/pick/{fill_id}") as tx:
        pick_actions.short(tx, form.reason)
    return see_other(f"/pick/{fill_id}")


@router.post("/pick/leave")
def leave(request: Request, visit: Picker, form: Post) -> Response:
    """Stop picking; somebody else may go on."""
    assert visit.who is not None
    with visit.parts.db.write(visit.who, form.key(request), "/pick") as tx:
        pick_actions.stop_picking(tx)
    return see_other("/pick")


# --- what is filled -------------------------------------------------------------------------------------------------


def _filled_page(request: Request, visit: Visitor, fill_id: int, errors: dict[str, str]) -> Response:
    """The way is done: the drawers that can be signed, and those that wait for something."""
    assert visit.who is not None
    with visit.parts.db.read() as session:
        fill, so_far = fill_facts(session, fill_id), progress(session, fill_id)
        drawers = [drawer_standing(session, each.work_id) for each in drawers_of(session, fill_id)]
        people = {each.facts.work_id: patient_facts(session, each.facts.patient_id) for each in drawers}
        others = [each for each in at_stops(session, fill_id) if each.person_id != visit.who.person_id]
        left, full, free = has_left(session, fill_id), needs_full(session, visit.who), way_through(session, fill_id)
    ready = [each for each in drawers if each.ready]
    return render(
        request, visit, "pick/filled.html", f"Pick {fill.cart}", topics=[f"fill:{fill_id}"], current="/pick",
        fill=fill, so_far=so_far, drawers=drawers, ready=ready, people=people, others=others, full=full,
        pulls=[] if left else [each for each in drawers if each.struck], free=len(free),
        shown={each.facts.work_id: drawer_sha256(each) for each in ready}, errors=errors,
        status=422 if errors else 200,
    )  # fmt: skip


@router.post("/pick/{fill_id:int}/sign")
def sign(request: Request, visit: Picker, fill_id: int, form: Annotated[SignDrawersForm, Form()]) -> Response:
    """Sign the chosen drawers as prepared, all with one proof."""
    assert visit.who is not None
    try:
        proven = prove_for_signature(visit.parts.db, visit.who, form.given())
        shown = dict(each.partition(":")[::2] for each in form.seen)
        with visit.parts.db.write(visit.who, form.key(request), f"/pick/{fill_id}") as tx:
            drawer_actions.finish(tx, fill_id, form.drawers, proven, {int(k): v for k, v in shown.items()})
    except (Refused, Invalid) as wrong:
        fields = wrong.fields if isinstance(wrong, Invalid) else {"": str(wrong)}
        return _filled_page(request, visit, fill_id, fields)
    return see_other(f"/pick/{fill_id}")


# --- what comes out again -------------------------------------------------------------------------------------------


@router.get("/pick/{fill_id:int}/pull")
def pull_page(request: Request, visit: Picker, fill_id: int, drawer: str = "") -> Response:
    """What is to be taken out of which drawer: scan the drawer, then the package."""
    return _pull_page(request, visit, fill_id, drawer, {})


def _pull_page(request: Request, visit: Visitor, fill_id: int, drawer: str, errors: dict[str, str]) -> Response:
    with visit.parts.db.read() as session:
        fill = fill_facts(session, fill_id)
        drawers: list[DrawerStanding] = [drawer_standing(session, e.work_id) for e in drawers_of(session, fill_id)]
        people = {each.facts.work_id: patient_facts(session, each.facts.patient_id) for each in drawers}
    rows = [each for each in drawers if each.struck]
    at: Any = next((each for each in rows if each.facts.serial == drawer), None)
    return render(
        request, visit, "pick/pull.html", f"Take out of {fill.cart}", topics=[f"fill:{fill_id}"], current="/pick",
        fill=fill, rows=rows, people=people, at=at, errors=errors, status=422 if errors else 200,
    )  # fmt: skip


@router.post("/pick/{fill_id:int}/pull")
def pull(request: Request, visit: Picker, fill_id: int, form: Annotated[PullForm, Form()]) -> Response:
    """The first scan names the drawer, the second takes the package out of it."""
    assert visit.who is not None
    if not form.drawer:
        return see_other(f"/pick/{fill_id}/pull?drawer={form.scan.strip()[:40]}")
    to = f"/pick/{fill_id}/pull?drawer={form.drawer}"
    try:
        with visit.parts.db.write(visit.who, form.key(request), to) as tx:
            drawer_actions.pull(tx, form.drawer, form.scan)
    except Refused as wrong:
        return _pull_page(request, visit, fill_id, form.drawer, {"scan": str(wrong)})
    return see_other(to)
