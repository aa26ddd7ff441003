"""People: who works here, what they may do, whether they can sign in; badges, invitations, blocked sign-ins."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request
from pydantic import Field
from starlette.responses import Response

from app.core.errors import Invalid
from app.core.permissions import GRANTS, May, Role, allowed
from app.db.session import Tx
from app.identity import people_actions
from app.identity.actions import reopen
from app.identity.queries import PersonPage, people, person, sign_ins_of
from app.stations.queries import stations
from app.web.barcodes import datamatrix_svg
from app.web.forms import Post, PostForm, Reason
from app.web.pages import render
from app.web.session import Visitor, may, see_other

router = APIRouter()
Keeper = Annotated[Visitor, Depends(may(May.MANAGE_PEOPLE))]
Reopener = Annotated[Visitor, Depends(may(May.REOPEN_SIGN_IN))]

WHAT_FOR = {
    Role.TECHNICIAN: "prepares at the hood, stages and receives stock",
    Role.LEAD_TECHNICIAN: "as a technician, and writes recipes",
    Role.PHARMACIST: "verifies orders, checks doses, approves recipes",
    Role.MANAGER: "as a pharmacist, and manages people and stations",
    Role.NURSE: "receives doses on the ward",
    Role.ADMIN: "manages people and stations, reads the audit trail",
}
assert set(WHAT_FOR) == set(GRANTS)


class AddForm(PostForm):
    name: str = Field("", max_length=200)
    username: str = Field("", max_length=80)
    roles: list[Role] = Field(default_factory=list, max_length=len(Role))


class RolesForm(PostForm):
    roles: list[Role] = Field(default_factory=list, max_length=len(Role))


@router.get("/people")
def people_page(request: Request, visit: Keeper, ended: bool = False) -> Response:
    """Everybody by name, with roles in words and the state of what they sign in with."""
    return _list(request, visit, ended=ended)


def _list(
    request: Request, visit: Visitor, *, ended: bool = False, errors: dict[str, str] | None = None,
    given: AddForm | None = None,
) -> Response:  # fmt: skip
    now = visit.parts.clock()
    with visit.parts.db.read() as session:
        found = [person(session, line.id, now) for line in people(session, now, ended=ended)]
    return render(
        request, visit, "people/people.html", "People", topics=["people"], current="/people",
        status=422 if errors else 200, found=found, ended=ended, errors=errors or {}, given=given,
        state=can_sign_in, reopens=_reopens(visit), what_for=WHAT_FOR,
    )  # fmt: skip


def can_sign_in(one: PersonPage) -> tuple[str, str]:
    """How somebody's sign-in is: a chip's state and its words."""
    if one.line.ended_at:
        return "held", "Ended"
    if one.line.slowed:
        return "stop", "Blocked by wrong attempts"
    if not one.has_pin and not one.has_password:
        return ("waiting", "Invited") if one.invited_until else ("caution", "Not invited yet")
    if not one.has_badge and not one.has_password:
        return "caution", "No badge yet"
    return "ok", "Can sign in"


@router.post("/people")
def add(request: Request, visit: Keeper, form: Annotated[AddForm, Form()]) -> Response:
    """Add a person, who is then given a badge and invited."""
    assert visit.who is not None
    try:
        with visit.parts.db.write(visit.who, form.key(request)) as tx:
            number = people_actions.add_person(tx, form.name, form.username, form.roles)
            tx.location = f"/people/{number}"
    except Invalid as wrong:
        return _list(request, visit, errors=wrong.fields, given=form)
    return see_other(f"/people/{number}")


@router.get("/people/{person_id:int}")
def person_page(request: Request, visit: Keeper, person_id: int) -> Response:
    """One person and everything that can be done about their sign-in."""
    return _draw(request, visit, person_id)


def _draw(request: Request, visit: Visitor, person_id: int, errors: dict[str, str] | None = None) -> Response:
    now = visit.parts.clock()
    with visit.parts.db.read() as session:
        found = person(session, person_id, now)
        names = {station.id: station.name for station in stations(session)}
        at = [(names.get(each.station_id or 0, "a retired station"), each) for each in sign_ins_of(session, person_id)]
    own = visit.who is not None and visit.who.person_id == person_id
    return render(
        request, visit, "people/person.html", found.line.name, topics=["people"], current="/people",
        status=422 if errors else 200, one=found, at=at, own=own, errors=errors or {}, state=can_sign_in,
        reopens=_reopens(visit), what_for=WHAT_FOR,
    )  # fmt: skip


@router.post("/people/{person_id:int}/roles")
def roles(request: Request, visit: Keeper, person_id: int, form: Annotated[RolesForm, Form()]) -> Response:
    """Change what somebody may do."""
    assert visit.who is not None
    here = f"/people/{person_id}"
    try:
        with visit.parts.db.write(visit.who, form.key(request), here) as tx:
            people_actions.set_roles(tx, person_id, form.roles)
    except Invalid as wrong:
        return _draw(request, visit, person_id, wrong.fields)
    return see_other(here)


@router.post("/people/{person_id:int}/badge")
def badge(request: Request, visit: Keeper, person_id: int, form: Post) -> Response:
    """Make a new badge. Its code stands on this one answer, to be printed, and nowhere else."""
    assert visit.who is not None
    code = people_actions.new_badge()
    with visit.parts.db.write(visit.who, form.key(request), f"/people/{person_id}") as tx:
        people_actions.give_badge(tx, person_id, code)
    return _once(request, visit, person_id, "people/badge.html", "Badge", code=code, svg=datamatrix_svg(code))


@router.post("/people/{person_id:int}/invitation")
def invitation(request: Request, visit: Keeper, person_id: int, form: Post) -> Response:
    """Make the one-time code by which somebody chooses their PIN. It stands on this one answer and nowhere else."""
    assert visit.who is not None
    with visit.parts.db.write(visit.who, form.key(request), f"/people/{person_id}") as tx:
        code = people_actions.invite(tx, person_id)
    return _once(request, visit, person_id, "people/invitation.html", "Invitation", code=code)


def _once(request: Request, visit: Visitor, person_id: int, template: str, title: str, **shown: Any) -> Response:
    with visit.parts.db.read() as session:
        found = person(session, person_id, visit.parts.clock())
    return render(request, visit, template, title, current="/people", one=found, **shown)


@router.get("/sign-ins")
def sign_ins_page(request: Request, visit: Reopener) -> Response:
    """Who is blocked by wrong attempts, for any pharmacist to let try again."""
    assert visit.who is not None
    with visit.parts.db.read() as session:
        now = visit.parts.clock()
        blocked = [person(session, line.id, now) for line in people(session, now) if line.slowed]
    return render(
        request, visit, "people/sign_ins.html", "Blocked sign-ins", topics=["people"], current="/sign-ins",
        blocked=blocked, own=visit.who.person_id,
    )  # fmt: skip


@router.post("/people/{person_id:int}/reopen")
def reopen_sign_in(request: Request, visit: Reopener, person_id: int, form: Post) -> Response:
    """Let somebody whose sign-in was blocked by wrong attempts try again at once."""
    return _act(request, visit, form, "/sign-ins", lambda tx: reopen(tx, person_id))


@router.post("/people/{person_id:int}/withdraw")
def withdraw(request: Request, visit: Keeper, person_id: int, form: Reason) -> Response:
    """Make a lost badge and a PIN that others saw worthless."""
    here = f"/people/{person_id}"
    return _act(request, visit, form, here, lambda tx: people_actions.withdraw_credentials(tx, person_id, form.why))


@router.post("/people/{person_id:int}/end")
def end(request: Request, visit: Keeper, person_id: int, form: Reason) -> Response:
    """End a person for good."""
    return _act(request, visit, form, "/people", lambda tx: people_actions.end_person(tx, person_id, form.why))


def _act(request: Request, visit: Visitor, form: PostForm, to: str, act: Callable[[Tx], None]) -> Response:
    assert visit.who is not None
    with visit.parts.db.write(visit.who, form.key(request), to) as tx:
        act(tx)
    return see_other(to)


def _reopens(visit: Visitor) -> bool:
    return visit.who is not None and allowed(visit.who.roles, May.REOPEN_SIGN_IN)
