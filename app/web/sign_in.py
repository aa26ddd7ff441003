"""Signing in and out, locking, and the first person of an empty system."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from pydantic import Field
from starlette.responses import Response

from app.core.errors import Invalid, Refused
from app.core.permissions import May, allowed
from app.db.session import Who
from app.identity import people_actions
from app.identity.actions import Given
from app.identity.sign_in_actions import lock, sign_in, sign_out, unlock
from app.web.forms import Post, PostForm, errors_of
from app.web.locked import told_while_locked
from app.web.pages import render
from app.web.session import ENROLLED, Visit, cookie_name, see_other

router = APIRouter()
HOMES = {"hood": "/hood", "ward": "/ward"}
AT_A_DESK = (
    ("/desk", May.CHECK),
    ("/orders", May.SEE_ORDERS),
    ("/ward", May.RECEIVE_DOSE),
    ("/people", May.MANAGE_PEOPLE),
)
LASTS = 13 * 3600


class SignInForm(PostForm):
    badge: str = Field("", max_length=80)
    pin: str = Field("", max_length=40)
    username: str = Field("", max_length=80)
    password: str = Field("", max_length=200)
    to: str = Field("", max_length=200)


class SetUpForm(PostForm):
    code: str = Field("", max_length=80)
    name: str = Field("", max_length=80)
    username: str = Field("", max_length=80)
    password: str = Field("", max_length=200)
    pin: str = Field("", max_length=40)
    badge: str = Field("", max_length=80)


class InvitationForm(PostForm):
    code: str = Field("", max_length=80)
    password: str = Field("", max_length=200)
    pin: str = Field("", max_length=40)
    badge: str = Field("", max_length=80)


def home_of(visit: Visit, who: Who | None) -> str:
    """Where a person's work begins at this station: at a desk, the first room that their roles open."""
    if visit.station.kind in HOMES:
        return HOMES[visit.station.kind]
    roles = who.roles if who else frozenset()
    return next((to for to, may in AT_A_DESK if allowed(roles, may)), "/scan")


@router.get("/")
def home(visit: Visit) -> Response:
    return see_other(home_of(visit, visit.who) if visit.who else "/sign-in")


@router.get("/sign-in")
def sign_in_page(request: Request, visit: Visit, to: str = "") -> Response:
    if visit.who is not None:
        return see_other(_inside(to) or home_of(visit, visit.who))
    return _sign_in_page(request, visit, to, {})


def _sign_in_page(request: Request, visit: Visit, to: str, errors: dict[str, str], status: int = 200) -> Response:
    return render(
        request, visit, "sign_in.html", "Sign in", to=_inside(to), errors=errors, why=visit.why,
        alerts=told_while_locked(visit), status=status,
    )  # fmt: skip


@router.post("/sign-in")
def sign_in_post(request: Request, visit: Visit, form: Annotated[SignInForm, Form()]) -> Response:
    given = Given(form.badge or None, form.pin or None, form.username or None, form.password or None)
    try:
        if visit.locked and visit.token and given.badge:
            new = _unlock_or_switch(visit, given)
        else:
            new = sign_in(visit.parts.db, given, visit.where)
    except Refused as refused:
        return _sign_in_page(request, visit, form.to, {"": str(refused)}, 409)
    except Invalid as invalid:
        return _sign_in_page(request, visit, form.to, invalid.fields, 422)
    response = see_other(_inside(form.to) or home_of(visit, new.who))
    _set(request, response, cookie_name(request), new.token, LASTS)
    return response


def _unlock_or_switch(visit: Visit, given: Given):  # type: ignore[no-untyped-def]
    assert visit.token is not None
    try:
        return unlock(visit.parts.db, visit.token, given, visit.where)
    except Refused:
        # Another person's badge switches; a wrong PIN is refused again, and in the same words, by signing in.
        return sign_in(visit.parts.db, given, visit.where)


@router.post("/sign-out")
def sign_out_post(request: Request, visit: Visit, form: Post) -> Response:
    if visit.token:
        sign_out(visit.parts.db, visit.token)
    response = see_other("/sign-in")
    response.delete_cookie(cookie_name(request), secure=request.url.scheme == "https", httponly=True)
    return response


@router.post("/lock")
def lock_post(visit: Visit, form: Post) -> Response:
    if visit.token:
        lock(visit.parts.db, visit.token)
    return see_other("/sign-in")


@router.get("/set-up")
def set_up_page(request: Request, visit: Visit) -> Response:
    return render(request, visit, "set_up.html", "Set up", errors={}, first=True)


@router.post("/set-up")
def set_up(request: Request, visit: Visit, form: Annotated[SetUpForm, Form()]) -> Response:
    try:
        people_actions.use_set_up_code(
            visit.parts.db, form.code, form.name, form.username, form.password, form.pin, form.badge or None
        )
    except (Refused, Invalid) as wrong:
        return render(request, visit, "set_up.html", "Set up", errors=errors_of(wrong), first=True, status=422)
    return see_other("/sign-in")


@router.get("/invitation")
def invitation_page(request: Request, visit: Visit) -> Response:
    return render(request, visit, "set_up.html", "Your PIN", errors={}, first=False)


@router.post("/invitation")
def invitation(request: Request, visit: Visit, form: Annotated[InvitationForm, Form()]) -> Response:
    try:
        people_actions.accept_invitation(visit.parts.db, form.code, form.pin, form.password or None, form.badge or None)
    except (Refused, Invalid) as wrong:
        return render(request, visit, "set_up.html", "Your PIN", errors=errors_of(wrong), first=False, status=422)
    return see_other("/sign-in")


@router.get("/enrol/{code}")
def enrol(request: Request, visit: Visit, code: str) -> Response:
    """A browser that opens its station's enrolment address once is that station from then on."""
    response = see_other("/")
    _set(request, response, ENROLLED, code, 5 * 365 * 24 * 3600)
    return response


def _set(request: Request, response: Response, name: str, value: str, lasts: int) -> None:
    secure = request.url.scheme == "https"
    response.set_cookie(name, value, max_age=lasts, httponly=True, samesite="strict", secure=secure, path="/")


def _inside(to: str) -> str:
    """An address of our own, or nothing."""
    return to if to.startswith("/") and not to.startswith("//") and "\\" not in to else ""
