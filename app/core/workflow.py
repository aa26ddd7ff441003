"""Prepare → check: the one stored state machine, for compounding and unit dose alike.

A piece of work is claimed, made, signed as prepared by those who made it, and released, sent back or refused by
somebody who did no part of it. The table below is all of it; `decide` applies it and `offered` draws buttons from it.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

from app.core.errors import Refused
from app.core.permissions import May, Role, allowed, require


class State(StrEnum):
    QUEUED = "queued"
    MAKING = "making"
    PAUSED = "paused"
    MADE = "made"
    RELEASED = "released"
    REFUSED = "refused"
    DROPPED = "dropped"


class Event(StrEnum):
    CLAIM = "claim"
    PAUSE = "pause"
    RESUME = "resume"
    TAKE_OVER = "take_over"
    FINISH = "finish"
    TAKE_BACK = "take_back"
    RELEASE = "release"
    SEND_BACK = "send_back"
    REFUSE = "refuse"
    WITHDRAW = "withdraw"
    DROP = "drop"


class Side(StrEnum):
    """A person stands on one side of a piece of work for ever."""

    PREPARES = "prepares"
    CHECKS = "checks"


class By(StrEnum):
    """Whether the act belongs to the person who holds the work now."""

    HOLDER = "holder"
    ANOTHER = "another"
    ANYONE = "anyone"


class Meaning(StrEnum):
    """What a signature says (21 CFR 11.50)."""

    PREPARED = "prepared"
    CHECKED = "checked"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    VERIFIED = "verified"
    APPROVED = "approved"


LIVE = frozenset({State.QUEUED, State.MAKING, State.PAUSED, State.MADE, State.RELEASED})
"""While a work item is in one of these, its dose is served; in any other, the dose is unserved again."""


@dataclass(frozen=True)
class Rule:
    """What one transition needs. `side` CHECKS means: not by anyone who prepared any part."""

    to: State
    needs: May
    side: Side | None
    by: By = By.ANYONE
    signs: Meaning | None = None
    reason: bool = False
    heeds_blockers: bool = False


_CLAIM = Rule(State.MAKING, May.PREPARE, Side.PREPARES, heeds_blockers=True)
_PAUSE = Rule(State.PAUSED, May.PREPARE, Side.PREPARES, By.HOLDER)
_RESUME = Rule(State.MAKING, May.PREPARE, Side.PREPARES, By.HOLDER)
_TAKE_OVER = Rule(State.MAKING, May.PREPARE, Side.PREPARES, By.ANOTHER)
_FINISH = Rule(State.MADE, May.PREPARE, Side.PREPARES, By.HOLDER, Meaning.PREPARED, heeds_blockers=True)
_TAKE_BACK = Rule(State.MAKING, May.PREPARE, Side.PREPARES, By.HOLDER, reason=True)
_RELEASE = Rule(State.RELEASED, May.CHECK, Side.CHECKS, signs=Meaning.CHECKED, heeds_blockers=True)
_SEND_BACK = Rule(State.MAKING, May.CHECK, Side.CHECKS, reason=True)
_REFUSE = Rule(State.REFUSED, May.CHECK, Side.CHECKS, signs=Meaning.REFUSED, reason=True)
_WITHDRAW = Rule(State.REFUSED, May.WITHDRAW, Side.CHECKS, signs=Meaning.WITHDRAWN, reason=True)
_DROP_QUEUED = Rule(State.DROPPED, May.DROP, None, reason=True)
_DROP_OWN = Rule(State.DROPPED, May.PREPARE, None, reason=True)

TRANSITIONS: dict[tuple[State, Event], Rule] = {
    (State.QUEUED, Event.CLAIM): _CLAIM,
    (State.QUEUED, Event.DROP): _DROP_QUEUED,
    (State.MAKING, Event.PAUSE): _PAUSE,
    (State.MAKING, Event.TAKE_OVER): _TAKE_OVER,
    (State.MAKING, Event.FINISH): _FINISH,
    (State.MAKING, Event.DROP): _DROP_OWN,
    (State.PAUSED, Event.RESUME): _RESUME,
    (State.PAUSED, Event.TAKE_OVER): _TAKE_OVER,
    (State.PAUSED, Event.DROP): _DROP_OWN,
    (State.MADE, Event.TAKE_BACK): _TAKE_BACK,
    (State.MADE, Event.RELEASE): _RELEASE,
    (State.MADE, Event.SEND_BACK): _SEND_BACK,
    (State.MADE, Event.REFUSE): _REFUSE,
    (State.RELEASED, Event.WITHDRAW): _WITHDRAW,
}

_NAMES = {
    State.QUEUED: "waiting to be made",
    State.MAKING: "being made",
    State.PAUSED: "paused",
    State.MADE: "made and waiting for its check",
    State.RELEASED: "checked and released",
    State.REFUSED: "refused",
    State.DROPPED: "dropped",
}
_VERBS = {
    Event.CLAIM: "claimed",
    Event.PAUSE: "paused",
    Event.RESUME: "resumed",
    Event.TAKE_OVER: "taken over",
    Event.FINISH: "signed as prepared",
    Event.TAKE_BACK: "taken back",
    Event.RELEASE: "released",
    Event.SEND_BACK: "sent back",
    Event.REFUSE: "refused",
    Event.WITHDRAW: "withdrawn",
    Event.DROP: "dropped",
}


def in_words(state: State) -> str:
    """Say a state as a person would."""
    return _NAMES[state]


@dataclass(frozen=True)
class Actor:
    """The person who acts, as this piece of work knows them: roles, the side they stand on, whether they hold it."""

    roles: frozenset[Role]
    side: Side | None = None
    holds: bool = False


def decide(
    state: State,
    event: Event,
    actor: Actor,
    *,
    reason: str | None = None,
    signed: Meaning | None = None,
    blockers: Sequence[str] = (),
) -> Rule:
    """Return the rule that carries the work from `state` by `event`, or refuse in words.

    `signed` is the meaning of the signature given with the act; `blockers` are what the room says still stands
    in the way, recomputed inside the act. Raises Refused.
    """
    rule = TRANSITIONS.get((state, event))
    if rule is None:
        raise Refused(f"This preparation is {_NAMES[state]}; it can not be {_VERBS[event]} now. Reload the page.")
    require(actor.roles, rule.needs)
    _refuse_wrong_person(rule, event, actor)
    if rule.reason and not (reason or "").strip():
        raise Refused("Give a reason: the record must say why.")
    if rule.signs is not signed:
        raise Refused(
            f"This needs your signature '{rule.signs}'." if rule.signs else "This act is not signed; nothing was done."
        )
    if rule.heeds_blockers and blockers:
        raise Refused("Not yet: " + "; ".join(blockers) + ".")
    return rule


def _refuse_wrong_person(rule: Rule, event: Event, actor: Actor) -> None:
    if rule.side is Side.CHECKS and actor.side is Side.PREPARES:
        raise Refused("You prepared part of this dose, so somebody else must check it.")
    if rule.side is Side.PREPARES and actor.side is Side.CHECKS:
        raise Refused("You have checked this dose, so somebody else must prepare it.")
    if rule.by is By.HOLDER and not actor.holds:
        raise Refused("Somebody else holds this preparation. Take it over first, or leave it to them.")
    if rule.by is By.ANOTHER and actor.holds:
        raise Refused("You hold this preparation already.")


def offered(state: State, actor: Actor) -> tuple[Event, ...]:
    """List the events that pages may offer this person now, in the table's order; blockers are shown beside them."""
    found = []
    for (start, event), rule in TRANSITIONS.items():
        if start is not state or not allowed(actor.roles, rule.needs):
            continue
        try:
            _refuse_wrong_person(rule, event, actor)
        except Refused:
            continue
        found.append(event)
    return tuple(found)


def is_live(state: State) -> bool:
    """Tell whether a work item in this state still serves its dose."""
    return state in LIVE


def states_with(event: Event, rules: Collection[tuple[State, Event]] = TRANSITIONS.keys()) -> tuple[State, ...]:
    """List the states from which an event is possible at all."""
    return tuple(state for state, each in rules if each is event)
