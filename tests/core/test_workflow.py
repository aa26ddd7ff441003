"""Prepare → check, exhaustively: every state × event × role × side × holder."""

import itertools

import pytest

from app.core.errors import Refused
from app.core.permissions import GRANTS, May, Role
from app.core.workflow import LIVE, TRANSITIONS, Actor, By, Event, Meaning, Side, State, decide, offered

SIDES = (None, Side.PREPARES, Side.CHECKS)

# The machine as the house rules draw it, written down a second time on purpose.
DRAWN = {
    (State.QUEUED, Event.CLAIM): State.MAKING,
    (State.MAKING, Event.PAUSE): State.PAUSED,
    (State.PAUSED, Event.RESUME): State.MAKING,
    (State.MAKING, Event.TAKE_OVER): State.MAKING,
    (State.PAUSED, Event.TAKE_OVER): State.MAKING,
    (State.MAKING, Event.FINISH): State.MADE,
    (State.MADE, Event.TAKE_BACK): State.MAKING,
    (State.MADE, Event.RELEASE): State.RELEASED,
    (State.MADE, Event.SEND_BACK): State.MAKING,
    (State.MADE, Event.REFUSE): State.REFUSED,
    (State.RELEASED, Event.WITHDRAW): State.REFUSED,
    (State.QUEUED, Event.DROP): State.DROPPED,
    (State.MAKING, Event.DROP): State.DROPPED,
    (State.PAUSED, Event.DROP): State.DROPPED,
}
PREPARERS = {Role.TECHNICIAN, Role.LEAD_TECHNICIAN, Role.PHARMACIST, Role.MANAGER}
CHECKERS = {Role.PHARMACIST, Role.MANAGER}


def expected(state: State, event: Event, role: Role, side: Side | None, holds: bool) -> bool:
    """Whether the house allows it, said independently of the table of rules."""
    if (state, event) not in DRAWN:
        return False
    if event in (Event.RELEASE, Event.SEND_BACK, Event.REFUSE, Event.WITHDRAW):
        return role in CHECKERS and side is not Side.PREPARES
    if event is Event.DROP:
        return role in PREPARERS - {Role.TECHNICIAN} if state is State.QUEUED else role in PREPARERS
    if role not in PREPARERS or side is Side.CHECKS:
        return False
    if event in (Event.PAUSE, Event.RESUME, Event.FINISH, Event.TAKE_BACK):
        return holds
    return not holds if event is Event.TAKE_OVER else True


@pytest.mark.parametrize(("state", "event"), list(itertools.product(State, Event)))
def test_every_state_event_role_side_and_holder(state: State, event: Event) -> None:
    rule = TRANSITIONS.get((state, event))
    signed = rule.signs if rule else None
    for role, side, holds in itertools.product(Role, SIDES, (False, True)):
        who = f"a {role} who {'holds' if holds else 'does not hold'} it, on the side that {side}"
        actor, allowed = Actor(frozenset({role}), side, holds), expected(state, event, role, side, holds)
        try:
            led = decide(state, event, actor, reason="because", signed=signed).to
        except Refused as refused:
            assert not allowed, f"{who}: {refused}"
            assert str(refused).endswith("."), who
        else:
            assert allowed and led is DRAWN[state, event], who
        assert (event in offered(state, actor)) is allowed, who


def test_the_table_is_the_machine_that_was_drawn() -> None:
    assert {key: rule.to for key, rule in TRANSITIONS.items()} == DRAWN


@pytest.mark.parametrize(("key", "rule"), TRANSITIONS.items())
def test_a_signed_transition_is_refused_without_its_own_signature(key: tuple[State, Event], rule: object) -> None:
    actor = Actor(frozenset({Role.MANAGER}), None, TRANSITIONS[key].by is By.HOLDER)
    for meaning in (None, *Meaning):
        if meaning is TRANSITIONS[key].signs:
            decide(*key, actor, reason="because", signed=meaning)
        else:
            with pytest.raises(Refused):
                decide(*key, actor, reason="because", signed=meaning)


@pytest.mark.parametrize("key", TRANSITIONS)
@pytest.mark.parametrize("reason", [None, "", "   "])
def test_a_transition_that_needs_a_reason_is_refused_without_one(key: tuple[State, Event], reason: str | None) -> None:
    rule = TRANSITIONS[key]
    actor = Actor(frozenset({Role.MANAGER}), None, rule.by is By.HOLDER)
    if rule.reason:
        with pytest.raises(Refused, match="Give a reason"):
            decide(*key, actor, reason=reason, signed=rule.signs)
    else:
        decide(*key, actor, reason=reason, signed=rule.signs)


@pytest.mark.parametrize("key", TRANSITIONS)
def test_blockers_stop_starting_signing_and_releasing_and_are_named(key: tuple[State, Event]) -> None:
    rule = TRANSITIONS[key]
    actor = Actor(frozenset({Role.MANAGER}), None, rule.by is By.HOLDER)
    if key[1] in (Event.CLAIM, Event.FINISH, Event.RELEASE):
        with pytest.raises(Refused, match="step 4 not weighed; no photo"):
            decide(*key, actor, reason="x", signed=rule.signs, blockers=("step 4 not weighed", "no photo"))
    else:
        decide(*key, actor, reason="x", signed=rule.signs, blockers=("step 4 not weighed",))


def test_only_what_is_over_leaves_its_dose_unserved() -> None:
    assert set(State) - LIVE == {State.REFUSED, State.DROPPED}


def test_whatever_a_technician_is_granted_needs_no_clinical_judgement() -> None:
    judgement = {May.VERIFY, May.CHECK, May.WITHDRAW, May.MAP, May.APPROVE_RECIPE, May.APPROVE_DENSITY, May.RECALL}
    judgement |= {May.KEEP_FORMULARY}
    for role in (Role.TECHNICIAN, Role.LEAD_TECHNICIAN, Role.NURSE, Role.ADMIN):
        assert not GRANTS[role] & judgement


@pytest.mark.parametrize("may", May)
def test_a_refusal_names_who_is_refused_what_and_whom_to_ask(may: May) -> None:
    from app.core.permissions import require

    for role in Role:
        if may in GRANTS[role]:
            require([role], may)
            continue
        with pytest.raises(Refused) as refused:
            require([role], may)
        assert str(refused.value).startswith(f"A {role} may not {may}. This is for a ")
