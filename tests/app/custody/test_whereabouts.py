"""Where a dose is, told from dated facts: every fact after every stage, and every short history of a released bag."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from app.core.errors import Refused
from app.core.workflow import Event
from app.custody.whereabouts import (
    GONE,
    LABELLED,
    MAY_FOLLOW,
    NOTED,
    OF_A_CART,
    Fact,
    Stage,
    What,
    of_the_bag,
    refuse_unless_it_can_follow,
    where_is,
)

NOW = datetime(2026, 11, 22, 14, 5, tzinfo=UTC)

# Told by hand, not taken from the product: what each stage is reached by.
REACHED_BY = {
    Stage.ORDERED: (What.ORDERED,),
    Stage.VERIFIED: (What.ORDERED, What.VERIFIED),
    Stage.MAKING: (What.ORDERED, What.VERIFIED, What.CLAIM),
    Stage.PAUSED: (What.ORDERED, What.VERIFIED, What.CLAIM, What.PAUSE),
    Stage.MADE: (What.ORDERED, What.VERIFIED, What.CLAIM, What.FINISH),
    Stage.RELEASED: (What.ORDERED, What.VERIFIED, What.CLAIM, What.FINISH, What.RELEASE),
    Stage.ON_ITS_WAY: (What.CLAIM, What.FINISH, What.RELEASE, What.HANDED_OVER),
    Stage.RECEIVED: (What.CLAIM, What.FINISH, What.RELEASE, What.HANDED_OVER, What.RECEIVED),
    Stage.MISSING: (What.CLAIM, What.FINISH, What.RELEASE, What.HANDED_OVER, What.NOT_HERE),
    Stage.TAKEN_OUT: (What.CLAIM, What.FINISH, What.RELEASE, What.RECEIVED, What.TAKEN_OUT),
    Stage.RETURNED: (What.CLAIM, What.FINISH, What.RELEASE, What.RECEIVED, What.RETURNED),
    Stage.DAMAGED: (What.CLAIM, What.FINISH, What.RELEASE, What.RECEIVED, What.DAMAGED),
    Stage.PLANNED: (What.ORDERED, What.VERIFIED, What.PLANNED),
    Stage.SHORT: (What.ORDERED, What.VERIFIED, What.PLANNED, What.SHORT),
    Stage.PICKED: (What.ORDERED, What.VERIFIED, What.PLANNED, What.PUT),
    Stage.PACKED: (What.PUT, What.FILLED, What.RELEASE, What.PACKED),
    Stage.ARRIVED: (What.PUT, What.FILLED, What.RELEASE, What.PACKED, What.HANDED_OVER, What.ARRIVED),
    Stage.WITH_PATIENT: (What.PUT, What.FILLED, What.RELEASE, What.RECEIVED, What.SENT_ON),
    Stage.GIVEN: (What.PUT, What.FILLED, What.RELEASE, What.RECEIVED, What.GIVEN),
    Stage.REJECTED: (What.PUT, What.FILLED, What.RELEASE, What.PACKED, What.ARRIVED, What.REJECTED),
}
SCANNED_LATE = (
    What.PACKED, What.UNPACKED, What.HANDED_OVER, What.ARRIVED, What.RECEIVED, What.SENT_ON, What.CAME_ALONG,
    What.NOT_HERE,
)  # fmt: skip
"""Scans of the way and a nurse who looks for it, after the bedside has said that it was given: it stays given."""
THEN = {
    What.ORDERED: Stage.ORDERED,
    What.VERIFIED: Stage.VERIFIED,
    What.CLAIM: Stage.MAKING,
    What.PAUSE: Stage.PAUSED,
    What.RESUME: Stage.MAKING,
    What.TAKE_OVER: Stage.MAKING,
    What.FINISH: Stage.MADE,
    What.TAKE_BACK: Stage.MAKING,
    What.RELEASE: Stage.RELEASED,
    What.SEND_BACK: Stage.MAKING,
    What.REFUSE: Stage.VERIFIED,
    What.WITHDRAW: Stage.VERIFIED,
    What.DROP: Stage.VERIFIED,
    What.HANDED_OVER: Stage.ON_ITS_WAY,
    What.RECEIVED: Stage.RECEIVED,
    What.NOT_HERE: Stage.MISSING,
    What.TAKEN_OUT: Stage.TAKEN_OUT,
    What.RETURNED: Stage.RETURNED,
    What.DAMAGED: Stage.DAMAGED,
    What.PACKED: Stage.PACKED,
    What.UNPACKED: Stage.RELEASED,
    What.ARRIVED: Stage.ARRIVED,
    What.REJECTED: Stage.REJECTED,
    What.SENT_ON: Stage.WITH_PATIENT,
    What.CAME_ALONG: Stage.RECEIVED,
    What.GIVEN: Stage.GIVEN,
}
PLAN = {
    What.PLANNED: Stage.PLANNED,
    What.SHORT: Stage.SHORT,
    What.PUT: Stage.PICKED,
    What.FILLED: Stage.PICKED,
    What.REOPENED: Stage.PICKED,
    What.PULLED: Stage.PLANNED,
    What.STRUCK: Stage.VERIFIED,
}


def history(*whats: What) -> list[Fact]:
    """These facts, a minute apart, each at a place of its own."""
    return [Fact(what, NOW + timedelta(minutes=n), f"who {n}", f"place {n}") for n, what in enumerate(whats)]


def test_every_event_of_the_work_is_a_fact_here() -> None:
    of_the_order = {What.ORDERED, What.VERIFIED}
    assert {What(event) for event in Event} | of_the_order | set(OF_A_CART) | set(NOTED) == set(What)


@pytest.mark.parametrize("stage", Stage)
def test_every_stage_can_be_reached_and_says_since_when(stage: Stage) -> None:
    facts = history(*REACHED_BY[stage])
    where = where_is(facts)
    assert where.stage is stage and where.since == facts[-1].at


@pytest.mark.parametrize("stage", Stage)
def test_every_fact_after_every_stage_leads_where_it_says(stage: Stage) -> None:
    for what in THEN:
        where = where_is(history(*REACHED_BY[stage], what))
        if stage is Stage.GIVEN and what in SCANNED_LATE:
            assert where.stage is Stage.GIVEN, what
            assert where.since == NOW + timedelta(minutes=len(REACHED_BY[stage]) - 1), what
            continue
        assert where.stage is THEN[what], what
        assert where.since == NOW + timedelta(minutes=len(REACHED_BY[stage])), what


def test_of_a_carts_line_one_package_may_be_missed_after_another_was_given() -> None:
    facts = history(*REACHED_BY[Stage.GIVEN], What.NOT_HERE)
    assert where_is(facts, by_cart=True).stage is Stage.MISSING
    assert where_is(history(*REACHED_BY[Stage.GIVEN], What.ARRIVED), by_cart=True).stage is Stage.GIVEN


@pytest.mark.parametrize("stage", Stage)
def test_a_plan_moves_what_is_not_checked_yet_and_never_what_has_left(stage: Stage) -> None:
    for what in OF_A_CART:
        where = where_is(history(*REACHED_BY[stage], what), by_cart=True)
        assert where.stage is (stage if stage in (*LABELLED, *GONE) else PLAN[what]), what


def test_what_a_cart_brings_is_picked_and_not_made() -> None:
    planned = history(What.ORDERED, What.VERIFIED)
    assert where_is(planned, by_cart=True).words == "verified, in no cart yet"
    again = history(What.ORDERED, What.VERIFIED, What.PUT, What.FILLED, What.REFUSE)
    assert where_is(again, by_cart=True).words == "to be picked again"
    assert where_is(again, by_cart=True).word == "Verified" and where_is(again).word == "To be made"


def test_the_ward_is_where_it_was_seen_last_and_none_while_it_is_in_the_pharmacy() -> None:
    facts = history(What.PUT, What.FILLED, What.RELEASE, What.PACKED, What.HANDED_OVER)
    facts.append(Fact(What.ARRIVED, NOW + timedelta(hours=1), unit_id=7))
    facts.append(Fact(What.RECEIVED, NOW + timedelta(hours=2)))
    assert [where_is(facts[:n]).unit_id for n in (5, 6, 7)] == [None, 7, 7]
    facts.append(Fact(What.SENT_ON, NOW + timedelta(hours=3), unit_id=7))
    facts.append(Fact(What.CAME_ALONG, NOW + timedelta(hours=4), unit_id=9))
    assert where_is(facts).unit_id == 9


@pytest.mark.parametrize("stage", Stage)
def test_a_scan_moves_no_dose_and_is_the_last_that_was_seen_of_it(stage: Stage) -> None:
    facts = history(*REACHED_BY[stage], What.SCANNED)
    before, after = where_is(facts[:-1]), where_is(facts)
    assert (after.stage, after.since, after.place) == (before.stage, before.since, before.place)
    assert after.last == facts[-1]


@pytest.mark.parametrize("stage", [Stage.RELEASED, Stage.ON_ITS_WAY, Stage.RECEIVED])
def test_what_was_missed_and_found_is_again_what_it_was_but_there_where_it_was_found(stage: Stage) -> None:
    facts = history(*REACHED_BY[stage], What.NOT_HERE, What.FOUND)
    missed, found = where_is(facts[:-1]), where_is(facts)
    assert missed.stage is Stage.MISSING and found.stage is stage
    assert missed.place == facts[-3].place, "what stands there is where it was last"
    assert found.place == facts[-1].place and found.last == facts[-1]


def test_nobody_has_a_missing_dose_in_hand() -> None:
    facts = history(What.CLAIM, What.FINISH, What.RELEASE, What.HANDED_OVER, What.NOT_HERE)
    assert where_is(facts).last == facts[-2]


def test_a_dose_that_was_only_ordered_was_never_in_hand() -> None:
    assert where_is(history(What.ORDERED, What.VERIFIED)).last is None


@pytest.mark.parametrize("ended", [What.REFUSE, What.WITHDRAW, What.DROP])
def test_what_came_to_nothing_is_to_be_made_again(ended: What) -> None:
    where = where_is(history(What.ORDERED, What.VERIFIED, What.CLAIM, What.FINISH, What.RELEASE, ended))
    assert where.words == "to be made again" and where.ready_at is None
    again = where_is(history(What.ORDERED, What.VERIFIED, What.CLAIM, ended, What.CLAIM))
    assert again.words == "being made"


def test_ready_is_when_it_was_released_whatever_comes_after() -> None:
    facts = history(What.CLAIM, What.FINISH, What.RELEASE, What.HANDED_OVER, What.RECEIVED, What.NOT_HERE)
    assert where_is(facts).ready_at == facts[2].at
    assert where_is(facts[:2]).ready_at is None
    assert where_is([*facts[:3], Fact(What.WITHDRAW, NOW + timedelta(hours=1)), *history()]).ready_at is None


def test_facts_count_in_the_order_of_their_instants() -> None:
    facts = history(What.ORDERED, What.VERIFIED, What.CLAIM, What.FINISH)
    assert where_is(reversed(facts)) == where_is(facts)


def test_facts_of_one_instant_keep_their_order() -> None:
    at_once = [Fact(what, NOW) for what in (What.ORDERED, What.VERIFIED, What.CLAIM, What.FINISH, What.RELEASE)]
    assert where_is(at_once).stage is Stage.RELEASED


def test_a_dose_without_facts_is_nowhere() -> None:
    with pytest.raises(ValueError, match="without a single fact"):
        where_is([])


def test_a_withdrawn_bag_still_lies_where_it_was_brought() -> None:
    facts = history(What.CLAIM, What.FINISH, What.RELEASE, What.RECEIVED, What.WITHDRAW)
    assert where_is(facts).stage is Stage.VERIFIED
    assert of_the_bag(facts).stage is Stage.RECEIVED
    out = [*facts, Fact(What.TAKEN_OUT, NOW + timedelta(hours=1))]
    assert of_the_bag(out).stage is Stage.TAKEN_OUT


# --- every history of three notes that the product would let happen --------------------------------------------------


def allowed(histories: int) -> list[tuple[What, ...]]:
    """Every run of notes after a release in which each note may follow what came before."""
    found = []
    for notes in product(NOTED, repeat=histories):
        facts = history(What.CLAIM, What.FINISH, What.RELEASE)
        for note in notes:
            if where_is(facts).stage not in MAY_FOLLOW[note]:
                break
            facts.append(Fact(note, NOW + timedelta(minutes=len(facts))))
        else:
            found.append(notes)
    return found


def test_no_history_brings_back_what_was_taken_out() -> None:
    for notes in allowed(3):
        facts = history(What.CLAIM, What.FINISH, What.RELEASE, *notes)
        stages = [where_is(facts[: 3 + n]).stage for n in range(len(notes) + 1)]
        for before, after in zip(stages, stages[1:], strict=False):
            assert after in GONE or before not in GONE, notes
        assert all(stage in (*LABELLED, *GONE) for stage in stages), notes
        assert where_is(facts).ready_at == facts[2].at, notes


@pytest.mark.parametrize("what", NOTED)
def test_a_note_follows_or_is_refused_in_words(what: What) -> None:
    for stage in Stage:
        where = where_is(history(*REACHED_BY[stage]))
        if stage in MAY_FOLLOW[what]:
            refuse_unless_it_can_follow(what, where)
            continue
        with pytest.raises(Refused, match=r"^(This dose is|Nobody misses).*\.$"):
            refuse_unless_it_can_follow(what, where)


def test_only_a_released_dose_can_be_received_missed_or_taken_out() -> None:
    for what in NOTED:
        if what is not What.SCANNED:
            assert set(MAY_FOLLOW[what]) <= {*LABELLED, *GONE}
