"""How long a wrong attempt waits, when a station locks, when a sign-in ends, which roles go together."""

from datetime import UTC, datetime, timedelta
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import Invalid
from app.core.permissions import May, Role, allowed
from app.identity.limits import IDLE, Stretch, Where, check_roles, ended, idle, slowed, wait_after

NOW = datetime(2026, 11, 22, 14, 5, tzinfo=UTC)
minutes = st.integers(0, 60 * 24)


@pytest.mark.parametrize(
    ("wrong", "seconds"),
    [(0, 0), (4, 0), (5, 30), (6, 60), (7, 120), (8, 240), (9, 480), (10, 900), (99, 900)],
)
def test_the_wait_begins_at_five_doubles_and_stops_at_a_quarter_of_an_hour(wrong, seconds):
    assert wait_after(wrong) == timedelta(seconds=seconds)


@given(st.integers(0, 10_000))
def test_one_more_wrong_attempt_never_shortens_the_wait(wrong):
    assert wait_after(wrong) <= wait_after(wrong + 1)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(30, "30 seconds"), (0.2, "1 second,"), (60, "60 seconds"), (91, "2 minutes"), (900, "15 minutes")],
)
def test_the_wait_is_said_in_words(seconds, words):
    assert f"Wait {words}" in slowed(5, NOW + timedelta(seconds=seconds), NOW)


def test_after_the_wait_one_may_try_again():
    assert slowed(5, NOW, NOW) is None
    assert slowed(4, None, NOW) is None


def test_a_hundred_wrong_attempts_close_a_sign_in_until_it_is_reopened():
    assert "ask any pharmacist" in slowed(100, NOW - timedelta(days=9), NOW)


@given(st.sampled_from(sorted(IDLE)), minutes)
def test_a_station_never_locks_while_a_step_is_open(kind, waited):
    stretch = Stretch(NOW, NOW)
    later = NOW + timedelta(minutes=waited)
    assert not idle(stretch, later, kind, step_open=True)
    assert idle(stretch, later, kind, step_open=False) == (
        waited >= {"hood": 10, "ward": 10, "desk": 15}[kind]
    )


@given(minutes, st.booleans())
def test_a_sign_in_ends_after_twelve_hours_or_one_more_for_an_open_step(age, step_open):
    over = ended(Stretch(NOW, NOW), NOW + timedelta(minutes=age), step_open=step_open)
    assert (over is not None) == (age >= 60 * (13 if step_open else 12))


def test_a_signed_out_sign_in_has_ended_whatever_is_open():
    assert ended(Stretch(NOW, NOW, ended_at=NOW), NOW, step_open=True)


@pytest.mark.parametrize("size", range(len(Role) + 1))
def test_whoever_prepares_holds_no_role_that_checks(size):
    for roles in combinations(Role, size):
        makes = {Role.TECHNICIAN, Role.LEAD_TECHNICIAN} & set(roles)
        checks = [role for role in roles if allowed([role], May.CHECK)]
        if not roles or (makes and checks):
            with pytest.raises(Invalid):
                check_roles(roles)
        else:
            assert check_roles(roles) == set(roles)


def test_the_refusal_of_two_roles_names_both():
    with pytest.raises(
        Invalid, match="can not be technician and pharmacist: whoever prepares does not check"
    ):
        check_roles([Role.PHARMACIST, Role.TECHNICIAN])


def test_a_station_is_a_hood_a_desk_or_a_ward():
    with pytest.raises(ValueError, match="kitchen"):
        Where(1, "kitchen")
