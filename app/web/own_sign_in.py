"""One's own sign-in: a PIN that somebody may have seen is changed at once, without asking anybody."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from pydantic import Field
from starlette.responses import Response

from app.core.errors import Invalid, Refused
from app.identity.actions import Given
from app.identity.people_actions import set_password, set_pin
from app.web.forms import PostForm, errors_of, status_of
from app.web.pages import render
from app.web.session import Signed, Visitor, see_other

router = APIRouter()
HERE = "/my-sign-in"
NOT_ALIKE = "These two are not alike. Type the new one twice."


class SecretForm(PostForm):
    pin: Annotated[str, Field(max_length=40)] = ""
    new_pin: Annotated[str, Field(max_length=40)] = ""
    new_pin_again: Annotated[str, Field(max_length=40)] = ""
    new_password: Annotated[str, Field(max_length=200)] = ""
    new_password_again: Annotated[str, Field(max_length=200)] = ""


@router.get(HERE)
def page(request: Request, visit: Signed, changed: str = "") -> Response:
    """What one signs in with, and how to change it."""
    return _draw(request, visit, changed=changed)


def _draw(
    request: Request, visit: Visitor, wrong: Refused | Invalid | None = None, of: str = "", changed: str = ""
) -> Response:
    errors = {f"{of}-new_{name}" if name else f"{of}-pin": words for name, words in errors_of(wrong).items()}
    return render(
        request, visit, "people/own.html", "My PIN and password", topics=[], errors=errors,
        changed=changed if changed in ("PIN", "password") else "", status=status_of(wrong),
    )  # fmt: skip


@router.post(HERE + "/pin")
def change_pin(request: Request, visit: Signed, form: Annotated[SecretForm, Form()]) -> Response:
    """Change one's own PIN by the old one."""
    return _change(request, visit, form, "PIN", form.new_pin, form.new_pin_again)


@router.post(HERE + "/password")
def change_password(request: Request, visit: Signed, form: Annotated[SecretForm, Form()]) -> Response:
    """Change one's own password by the PIN."""
    return _change(request, visit, form, "password", form.new_password, form.new_password_again)


def _change(request: Request, visit: Visitor, form: SecretForm, what: str, new: str, again: str) -> Response:
    assert visit.who is not None
    to = f"{HERE}?changed={what}"
    try:
        if new != again:
            raise Invalid({what.lower(): NOT_ALIKE})
        change = set_pin if what == "PIN" else set_password
        change(visit.parts.db, visit.who, Given(pin=form.pin), new, form.key(request), to)
    except (Refused, Invalid) as wrong:
        return _draw(request, visit, wrong, what.lower())
    return see_other(to)
