"""Signing in and out, switching, locking, ending: who stands behind a token. On both databases."""

import threading

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app.audit import queries as audit
from app.core.errors import Refused
from app.core.permissions import Role
from app.identity.actions import Given
from app.identity.models import Person, PersonRole, SignIn
from app.identity.people_actions import end_person, set_roles, withdraw_credentials
from app.identity.queries import sign_ins_at, sign_ins_of, who_is
from app.identity.sign_in_actions import lock, seen, sign_in, sign_out, unlock
from tests.app.identity.cast import DESK, HOOD, OTHER_HOOD, WARD


def row(db, who):
    with db.read() as session:
        return session.get_one(SignIn, who.session_id)


def told(db, token, where=HOOD, **how):
    return who_is(db, token, now=db.clock(), where=where, **how)


def test_badge_and_pin_sign_in_anywhere(db, cast, standing):
    for where in (HOOD, WARD, DESK):
        here = sign_in(db, cast["tina"].both(), where)
        who = standing(here.token, where)
        assert who == here.who
        assert (who.name, who.roles, who.station_id) == ("Tina Technician", {Role.TECHNICIAN}, where.id)


def test_a_password_signs_in_at_a_desk_only(db, cast, standing):
    here = sign_in(db, cast["pablo"].at_a_desk(), DESK)
    assert standing(here.token, DESK).name == "Pablo Pharmacist"
    for where in (HOOD, WARD):
        with pytest.raises(Refused, match="badge and PIN. Passwords are for a desk"):
            sign_in(db, cast["pablo"].at_a_desk(), where)


def test_half_a_proof_signs_nobody_in(db, cast):
    for given in (Given(pin="739154"), Given(badge="BADGE-T1NA0001"), Given()):
        with pytest.raises(Refused):
            sign_in(db, given, HOOD)
    with db.read() as session:
        assert sign_ins_at(session, HOOD.id) == ()


def test_an_unknown_token_is_nobody(db, cast):
    for token in (None, "", "guessed", "x" * 43):
        found = told(db, token)
        assert (found.who, found.locked, found.why) == (None, False, "Sign in with your badge and PIN.")


def test_a_second_persons_badge_switches_and_never_merges(db, cast, standing):
    tina = sign_in(db, cast["tina"].both(), HOOD)
    pablo = sign_in(db, cast["pablo"].both(), HOOD)
    assert standing(tina.token) is None
    assert "signed out" in told(db, tina.token).why
    assert standing(pablo.token) == pablo.who
    assert pablo.who.session_id != tina.who.session_id
    with db.read() as session:
        assert [s.name for s in sign_ins_at(session, HOOD.id)] == ["Pablo Pharmacist"]
        last = audit.of_subject(session, f"person {cast['tina'].id}")[-1]
    assert (last.action, last.person, last.facts["why"]) == (
        "signed out",
        "Pablo Pharmacist",
        "somebody else signed in here",
    )


def test_a_failed_switch_leaves_the_first_person_signed_in(db, cast, standing):
    tina = sign_in(db, cast["tina"].both(), HOOD)
    with pytest.raises(Refused):
        sign_in(db, cast["pablo"].both("000111"), HOOD)
    assert standing(tina.token) == tina.who


def test_every_sign_in_has_a_new_token_and_the_one_before_is_worth_nothing(db, cast, standing):
    tokens = [sign_in(db, cast["tina"].both(), HOOD).token for _ in range(3)]
    assert len(set(tokens)) == 3
    assert [standing(token) is not None for token in tokens] == [False, False, True]


def test_a_token_is_stored_only_as_a_hash(db, cast):
    here = sign_in(db, cast["tina"].both(), HOOD)
    assert row(db, here.who).token_sha256 != here.token
    assert here.token not in repr(here)


def test_a_token_is_worth_nothing_at_another_station(db, cast):
    here = sign_in(db, cast["tina"].both(), HOOD)
    found = told(db, here.token, OTHER_HOOD)
    assert found.who is None
    assert "another station" in found.why


def test_one_may_be_signed_in_at_two_stations(db, cast, standing):
    desk, hood = sign_in(db, cast["pablo"].both(), DESK), sign_in(db, cast["pablo"].both(), HOOD)
    assert standing(desk.token, DESK) == desk.who
    assert standing(hood.token, HOOD) == hood.who
    with db.read() as session:
        assert {s.station_id for s in sign_ins_of(session, cast["pablo"].id)} == {DESK.id, HOOD.id}


def test_the_database_itself_holds_one_person_at_a_station(db, cast):
    here = sign_in(db, cast["tina"].both(), HOOD).who
    with pytest.raises(IntegrityError), db.write(here) as tx:
        person = cast["pablo"].id
        tx.session.add(
            SignIn(token_sha256="x", person_id=person, station_id=HOOD.id, started_at=tx.now, seen_at=tx.now)
        )


def test_four_people_signing_in_at_once_leave_one(db, cast, standing):
    together = threading.Barrier(4)
    tokens = []

    def enter(member):
        together.wait()
        tokens.append(sign_in(db, member.both(), HOOD).token)

    threads = [threading.Thread(target=enter, args=(member,)) for member in cast.values()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(tokens) == 4
    assert sum(standing(token) is not None for token in tokens) == 1


def test_signing_out_ends_it_and_twice_does_no_harm(db, cast, standing):
    here = sign_in(db, cast["tina"].both(), HOOD)
    sign_out(db, here.token)
    first = row(db, here.who).ended_at
    sign_out(db, here.token)
    sign_out(db, "never was")
    assert standing(here.token) is None
    assert row(db, here.who).ended_at == first


def test_an_idle_station_locks_and_keeps_the_work(db, cast, clock):
    for where, minutes in ((HOOD, 10), (WARD, 10), (DESK, 15)):
        here = sign_in(db, cast["pablo"].both(), where)
        clock.forward(minutes=minutes, seconds=-1)
        assert told(db, here.token, where).who
        clock.forward(seconds=1)
        found = told(db, here.token, where)
        assert (found.who, found.locked, found.name) == (None, True, "Pablo Pharmacist")
        assert "Your work is kept" in found.why


def test_a_station_never_locks_while_a_step_is_open(db, cast, clock, standing):
    here = sign_in(db, cast["tina"].both(), HOOD)
    clock.forward(hours=2)
    assert standing(here.token, step_open=True)
    seen(db, here.token, HOOD, step_open=True)
    assert standing(here.token)


def test_touching_something_keeps_a_station_open(db, cast, clock, standing):
    here = sign_in(db, cast["tina"].both(), HOOD)
    for _ in range(5):
        clock.forward(minutes=9)
        seen(db, here.token, HOOD)
    assert standing(here.token)


def test_a_touch_is_written_once_a_minute_at_most(db, cast, clock):
    here = sign_in(db, cast["tina"].both(), HOOD)
    start = row(db, here.who).seen_at
    clock.forward(seconds=59)
    seen(db, here.token, HOOD)
    assert row(db, here.who).seen_at == start
    clock.forward(seconds=1)
    seen(db, here.token, HOOD)
    assert row(db, here.who).seen_at == clock()


def test_a_touch_after_the_lock_does_not_open_it_and_writes_the_lock_down(db, cast, clock, standing):
    here = sign_in(db, cast["tina"].both(), HOOD)
    clock.forward(minutes=10)
    seen(db, here.token, HOOD)
    assert row(db, here.who).locked_at == clock()
    assert standing(here.token, step_open=True) is None
    clock.forward(minutes=1)
    seen(db, here.token, HOOD)
    assert standing(here.token) is None


def test_a_touch_at_another_station_counts_for_nothing(db, cast, clock):
    here = sign_in(db, cast["tina"].both(), HOOD)
    start = row(db, here.who).seen_at
    clock.forward(minutes=5)
    seen(db, here.token, OTHER_HOOD)
    seen(db, "never was", HOOD)
    assert row(db, here.who).seen_at == start


def test_locking_by_hand_locks_at_once(db, cast, clock):
    here = sign_in(db, cast["tina"].both(), HOOD)
    lock(db, here.token)
    locked_at = row(db, here.who).locked_at
    clock.forward(minutes=1)
    lock(db, here.token)
    assert told(db, here.token).locked
    assert row(db, here.who).locked_at == locked_at


def test_unlocking_goes_on_in_the_same_sign_in_with_a_new_token(db, cast, clock, standing):
    here = sign_in(db, cast["tina"].both(), HOOD)
    clock.forward(minutes=30)
    again = unlock(db, here.token, cast["tina"].both(), HOOD)
    assert standing(here.token) is None
    assert standing(again.token) == again.who
    assert again.who == here.who
    assert again.token != here.token


def test_unlocking_needs_both_parts(db, cast):
    here = sign_in(db, cast["tina"].both(), HOOD)
    lock(db, here.token)
    for given in (Given(pin="739154"), Given(badge="BADGE-T1NA0001", pin="000111")):
        with pytest.raises(Refused):
            unlock(db, here.token, given, HOOD)
    assert told(db, here.token).locked


def test_another_person_does_not_unlock_but_may_switch(db, cast, standing):
    here = sign_in(db, cast["tina"].both(), HOOD)
    lock(db, here.token)
    with pytest.raises(Refused, match="belongs to somebody else. Switch person first"):
        unlock(db, here.token, cast["pablo"].both(), HOOD)
    assert told(db, here.token).locked
    assert standing(sign_in(db, cast["pablo"].both(), HOOD).token)


def test_what_has_ended_is_not_unlocked(db, cast, clock):
    here = sign_in(db, cast["tina"].both(), HOOD)
    sign_out(db, here.token)
    with pytest.raises(Refused, match="has ended"):
        unlock(db, here.token, cast["tina"].both(), HOOD)
    late = sign_in(db, cast["tina"].both(), HOOD)
    clock.forward(hours=12)
    with pytest.raises(Refused, match="has ended"):
        unlock(db, late.token, cast["tina"].both(), HOOD)


def test_a_token_does_not_unlock_another_station(db, cast):
    here = sign_in(db, cast["tina"].both(), HOOD)
    with pytest.raises(Refused, match="has ended"):
        unlock(db, here.token, cast["tina"].both(), OTHER_HOOD)


def test_a_sign_in_ends_after_twelve_hours_but_not_in_the_middle_of_a_step(db, cast, clock, standing):
    here = sign_in(db, cast["tina"].both(), HOOD)
    clock.forward(hours=11, minutes=59)
    seen(db, here.token, HOOD, step_open=True)
    assert standing(here.token)
    clock.forward(minutes=1)
    assert "12 hours ago" in told(db, here.token).why
    assert standing(here.token, step_open=True)
    clock.forward(hours=1)
    assert standing(here.token, step_open=True) is None
    seen(db, here.token, HOOD)
    assert row(db, here.who).ended_at == clock()


def test_ending_a_person_ends_every_sign_in_at_once(db, cast, standing):
    desk, hood = sign_in(db, cast["pablo"].both(), DESK), sign_in(db, cast["pablo"].both(), HOOD)
    with db.write(cast["petra"].who()) as tx:
        end_person(tx, cast["pablo"].id, "left the hospital")
    assert standing(desk.token, DESK) is None
    assert standing(hood.token, HOOD) is None
    with pytest.raises(Refused, match="do not belong together"):
        sign_in(db, cast["pablo"].both(), DESK)


def test_an_ended_person_stands_nowhere_even_if_a_sign_in_was_left_open(db, cast, standing):
    here = sign_in(db, cast["tina"].both(), HOOD)
    with db.write(cast["petra"].who()) as tx:
        tx.session.get_one(Person, cast["tina"].id).ended_at = tx.now
    assert standing(here.token) is None


def test_changing_roles_ends_sign_ins_and_the_next_one_has_the_new_roles(db, cast, standing):
    before = sign_in(db, cast["tina"].both(), HOOD)
    with db.write(cast["petra"].who()) as tx:
        set_roles(tx, cast["tina"].id, [Role.NURSE])
    assert standing(before.token) is None
    assert sign_in(db, cast["tina"].both(), HOOD).who.roles == {Role.NURSE}


def test_roles_are_read_at_every_request_and_not_kept_with_the_sign_in(db, cast, standing):
    here = sign_in(db, cast["tina"].both(), HOOD)
    with db.write(cast["petra"].who()) as tx:
        held = tx.session.scalars(select(PersonRole).where(PersonRole.person_id == cast["tina"].id)).one()
        tx.session.delete(held)
    assert standing(here.token).roles == frozenset()


def test_withdrawn_credentials_open_nothing(db, cast, standing):
    here = sign_in(db, cast["tina"].both(), HOOD)
    with db.write(cast["petra"].who()) as tx:
        withdraw_credentials(tx, cast["tina"].id, "badge lost on the bus")
    assert standing(here.token) is None
    for given in (cast["tina"].both(), cast["tina"].at_a_desk()):
        with pytest.raises(Refused, match="do not belong together"):
            sign_in(db, given, DESK)


def test_the_screens_of_a_station_hear_of_every_change(db, cast, clock):
    heard = []
    db.publish = heard.append
    here = sign_in(db, cast["tina"].both(), HOOD)
    lock(db, here.token)
    again = unlock(db, here.token, cast["tina"].both(), HOOD)
    sign_out(db, again.token)
    assert heard == ["station 1"] * 4
