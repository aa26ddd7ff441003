"""Messages that wait for a person: why, where, and the decision that settles them; and what eMAR was told."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from pydantic import Field
from starlette.responses import Response

from app.core.errors import Invalid, Refused
from app.core.permissions import May
from app.db.session import Tx
from app.formulary.queries import drugs
from app.identity.actions import prove_for_signature
from app.identity.queries import needs_full
from app.interop import actions, sending_actions
from app.interop.identity_queries import identities_in
from app.interop.listening import connection_of
from app.interop.queries import counts, exceptions, ignored_kinds, message_page, sent_trouble
from app.orders.routes import ROUTES
from app.web.forms import Post, PostForm, Reason, SignReason, errors_of
from app.web.pages import render
from app.web.session import Visitor, may, see_other

router = APIRouter(prefix="/messages")
Decider = Annotated[Visitor, Depends(may(May.MAP))]
Identifier = Annotated[Visitor, Depends(may(May.SAME_PERSON))]

HERE = "/messages"
KNOWN_BY = ("The admission office has identified the patient", "The ward has identified the patient", "other")
WHY = ("Entered by hand", "The sender will send it again", "Not for this pharmacy", "Settled with the prescriber")


class CodeForm(PostForm):
    code: str = Field("", max_length=400)
    text: str = Field("", max_length=400)
    drug: str = Field("", max_length=12, pattern=r"^\d*$")


class RouteForm(PostForm):
    text: str = Field("", max_length=400)
    meaning: str = Field("", max_length=40)


@router.get("")
def messages_page(request: Request, visit: Decider) -> Response:
    """What waits for a person, the oldest first; what eMAR has not taken; how much was ignored, and why."""
    with visit.parts.db.read() as session:
        waiting = exceptions(session)
        sent = sent_trouble(session)
        number = counts(session)
        ignored = ignored_kinds(session)
    return render(
        request, visit, "messages/messages.html", "Messages", topics=["messages"], current=HERE, waiting=waiting,
        sent=sent, number=number, ignored=ignored, told=bool(visit.parts.settings.dispense_to),
    )  # fmt: skip


@router.get("/{message_id:int}")
def message(request: Request, visit: Decider, message_id: int) -> Response:
    """One message with its places marked, and the decisions that would settle it."""
    return _draw(request, visit, message_id, {})


def _draw(
    request: Request, visit: Visitor, message_id: int, errors: dict[str, str], signing: dict[str, str] | None = None
) -> Response:
    assert visit.who is not None
    connection, now = connection_of(visit.parts.settings), visit.parts.clock()
    with visit.parts.db.read() as session:
        at = message_page(session, message_id, connection)
        known = drugs(session)
        whose = identities_in(session, message_id, connection, now)
        full = needs_full(session, visit.who)
    asks = {(f.ask, f.code, f.text): f for f in at.findings if f.ask}
    return render(
        request, visit, "messages/message.html", "Message", current=HERE, topics=["messages"], at=at,
        asks=list(asks.values()), errors=errors, drugs=[(str(d.drug_id), d.name) for d in known],
        routes=[(r, r) for r in ROUTES], reasons=WHY, whose=whose, known_by=KNOWN_BY, full=full, now=now,
        signing=signing or {},
        status=422 if errors or signing else 200,
    )  # fmt: skip


@router.post("/{message_id:int}/code")
def decide_code(request: Request, visit: Decider, message_id: int, form: Annotated[CodeForm, Form()]) -> Response:
    """Decide which drug a code means."""
    if not form.drug:
        return _draw(request, visit, message_id, {"drug": "Choose which drug this is."})
    connection = connection_of(visit.parts.settings)

    def act(tx: Tx) -> str:
        return actions.decide_code(tx, message_id, form.code, form.text, int(form.drug), connection)

    return _decided(request, visit, message_id, form, act)


@router.post("/{message_id:int}/route")
def decide_route(request: Request, visit: Decider, message_id: int, form: Annotated[RouteForm, Form()]) -> Response:
    """Decide which route a word means."""
    connection = connection_of(visit.parts.settings)

    def act(tx: Tx) -> str:
        return actions.decide_route(tx, message_id, form.text, form.meaning, connection)

    return _decided(request, visit, message_id, form, act)


@router.post("/{message_id:int}/same-person")
def same(request: Request, visit: Identifier, message_id: int, form: SignReason) -> Response:
    """Say with a signature that it is the same person, and take the message over."""
    assert visit.who is not None
    connection, here = connection_of(visit.parts.settings), f"{HERE}/{message_id}"
    try:
        proven = prove_for_signature(visit.parts.db, visit.who, form.given())
        with visit.parts.db.write(visit.who, form.key(request), here) as tx:
            actions.same_person(tx, message_id, proven, form.shown, form.why, connection)
    except (Refused, Invalid) as wrong:
        return _draw(request, visit, message_id, {}, errors_of(wrong))
    return see_other(here)


@router.post("/{message_id:int}/dismiss")
def dismiss(request: Request, visit: Decider, message_id: int, form: Reason) -> Response:
    """Lay the message aside, with the reason."""

    def act(tx: Tx) -> str:
        actions.dismiss(tx, message_id, form.why)
        return "settled"

    return _decided(request, visit, message_id, form, act)


def _decided(request: Request, visit: Visitor, message_id: int, form: PostForm, act: Callable[[Tx], str]) -> Response:
    assert visit.who is not None
    try:
        with visit.parts.db.write(visit.who, form.key(request), HERE) as tx:
            # What is still open after one decision is decided on the same page.
            tx.location = f"{HERE}/{message_id}" if act(tx) == "exception" else HERE
    except (Refused, Invalid) as wrong:
        return _draw(request, visit, message_id, errors_of(wrong))
    return see_other(tx.location)


@router.post("/sent/{letter_id:int}/again")
def send_again(request: Request, visit: Decider, letter_id: int, form: Post) -> Response:
    """Send a refused dispense message once more."""
    assert visit.who is not None
    with visit.parts.db.write(visit.who, form.key(request), HERE) as tx:
        sending_actions.send_again(tx, letter_id)
    return see_other(HERE)


@router.post("/sent/{letter_id:int}/told")
def told(request: Request, visit: Decider, letter_id: int, form: Reason) -> Response:
    """Note that the ward was told by hand."""
    assert visit.who is not None
    with visit.parts.db.write(visit.who, form.key(request), HERE) as tx:
        sending_actions.lay_aside(tx, letter_id, form.why)
    return see_other(HERE)
