"""What forms post: closed sets of fields, each with its once-key and a fingerprint of what was posted."""

from typing import Annotated

from fastapi import Form, Request
from pydantic import BaseModel, ConfigDict, Field

from app.core.canonical import canonical, sha256
from app.core.errors import Invalid, Refused
from app.db.session import OnceKey
from app.identity.actions import Given

SECRETS = frozenset(
    {"once", "badge", "pin", "password", "new_pin", "new_pin_again", "new_password", "new_password_again"}
)


class PostForm(BaseModel):
    """A form with nothing but its key; every other form adds its fields. Unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    once: Annotated[str, Field(min_length=8, max_length=64)]

    def key(self, request: Request) -> OnceKey:
        """The once-key with the fingerprint of address and fields; secrets are left out of it."""
        fields = self.model_dump(mode="json", exclude=set(SECRETS))
        return OnceKey(self.once, sha256(canonical({"to": request.scope["path"], "fields": fields})))


class SignedForm(PostForm):
    """A form that carries proof of who signs, and the hash of what was shown."""

    shown: str = Field("", max_length=64)
    badge: str = Field("", max_length=80)
    pin: str = Field("", max_length=40)
    password: str = Field("", max_length=200)

    def given(self) -> Given:
        return Given(badge=self.badge or None, pin=self.pin or None, username=None, password=self.password or None)


class ReasonForm(PostForm):
    """A form that says why."""

    reason: str = Field("", max_length=400)
    other: str = Field("", max_length=400)

    @property
    def why(self) -> str:
        return self.other if self.reason in ("", "other") else self.reason


class SignedReasonForm(SignedForm):
    """A signed form that says why, and what became of the waste."""

    reason: str = Field("", max_length=400)
    other: str = Field("", max_length=400)
    waste: str = Field("", max_length=200)

    @property
    def why(self) -> str:
        return self.other if self.reason in ("", "other") else self.reason


def errors_of(wrong: Refused | Invalid | None) -> dict[str, str]:
    """What is wrong, by field, for the page that shows it in place; the field "" is about the whole form."""
    if wrong is None:
        return {}
    return wrong.fields if isinstance(wrong, Invalid) else {"": str(wrong)}


def status_of(wrong: Refused | Invalid | None) -> int:
    """The status of a page that shows what is wrong in place: 409 refused, 422 invalid, 200 nothing."""
    return 200 if wrong is None else 422 if isinstance(wrong, Invalid) else 409


Post = Annotated[PostForm, Form()]
Sign = Annotated[SignedForm, Form()]
Reason = Annotated[ReasonForm, Form()]
SignReason = Annotated[SignedReasonForm, Form()]
