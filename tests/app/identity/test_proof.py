"""Proving who one is: right and wrong attempts, slowing down, reopening, other people's badges. On both databases."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import select

from app.audit.models import AuditEvent
from app.core.errors import Invalid, Refused
from app.identity.actions import Given, prove, reopen, way
from app.identity.models import Credential, Person, SignIn, UnknownAttempts
from app.identity.people_actions import end_person
from app.identity.queries import people, person
from tests.app.identity.cast import hashed

STATION = 1


def wrong_times(db, given, times, who=None):
    """Try so often, and return the last refusal."""
    for _ in range(times):
        with pytest.raises(Refused) as refused:
            prove(db, who, given, station_id=STATION)
    return str(refused.value)


def credential(db, member):
    with db.read() as session:
        return session.get_one(Credential, member.id)


def events(db, action):
    with db.read() as session:
        return session.scalars(
            select(AuditEvent).where(AuditEvent.action == action).order_by(AuditEvent.seq)
        ).all()


def test_badge_and_pin_prove_a_person_with_roles_of_now(db, cast, clock):
    proven = prove(db, None, cast["tina"].both(), station_id=STATION)
    assert (proven.person_id, proven.name, proven.roles) == (
        cast["tina"].id,
        "Tina Technician",
        cast["tina"].roles,
    )
    assert (proven.proof, proven.at, proven.station_id) == ("badge and PIN", clock(), STATION)


def test_user_name_and_password_prove_a_person_however_the_name_is_written(db, cast):
    given = Given(username=" Pablo ", password=cast["pablo"].password)
    assert prove(db, None, given, station_id=STATION).proof == "user name and password"


def test_a_person_who_is_signed_in_proves_with_the_pin_or_the_password_alone(db, cast):
    tina = cast["tina"]
    assert prove(db, tina.who(), Given(pin=tina.pin), station_id=STATION).proof == "PIN"
    assert prove(db, tina.who(), Given(password=tina.password), station_id=STATION).proof == "password"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (Given(), "Scan your badge and type your PIN"),
        (Given(badge="BADGE-T1NA0001"), "Type your PIN as well"),
        (Given(username="tina"), "Type your password as well"),
        (Given(username="tina", pin="739154"), "not a mixture"),
        (Given(badge="BADGE-T1NA0001", password="violet kettle orbit seven"), "not a mixture"),
        (Given(badge="BADGE-T1NA0001", pin="739154", username="tina"), "not a mixture"),
    ],
    ids=repr,
)
def test_what_is_missing_is_said_in_words(given, words):
    with pytest.raises(Refused, match=words):
        way(given)


def test_half_a_proof_is_no_attempt_and_shows_nobody(db, cast):
    for given, words in (
        (Given(), "Scan your badge"),
        (Given(pin="739154"), "scan your badge as well"),
        (Given(password="violet kettle orbit seven"), "your user name as well"),
    ):
        with pytest.raises(Refused, match=words):
            prove(db, None, given, station_id=STATION)
    assert not events(db, "refused a wrong proof")


def test_a_tray_scanned_for_a_badge_is_no_attempt(db, cast):
    with pytest.raises(Invalid, match="not a badge"):
        prove(db, None, Given(badge="TRAY-07", pin="739154"), station_id=STATION)


def test_a_wrong_pin_is_remembered_although_the_act_is_refused(db, cast):
    said = wrong_times(db, cast["tina"].both("000111"), 1)
    assert said == "That badge and PIN do not belong together. Try again."
    assert credential(db, cast["tina"]).wrong_attempts == 1
    (event,) = events(db, "refused a wrong proof")
    assert event.subject == f"person {cast['tina'].id}"
    assert event.station_id == STATION


def test_a_right_attempt_forgets_the_wrong_ones(db, cast):
    wrong_times(db, cast["tina"].both("000111"), 4)
    prove(db, None, cast["tina"].both(), station_id=STATION)
    assert credential(db, cast["tina"]).wrong_attempts == 0


def test_five_wrong_pins_make_even_the_right_one_wait(db, cast, clock):
    said = wrong_times(db, cast["tina"].both("000111"), 5)
    waits = "Too many wrong PINs. Wait 30 seconds, or ask any pharmacist to reopen your sign-in."
    assert said == waits
    assert wrong_times(db, cast["tina"].both(), 1) == waits
    assert credential(db, cast["tina"]).wrong_attempts == 5
    clock.forward(seconds=29)
    assert "Wait 1 second," in wrong_times(db, cast["tina"].both(), 1)
    clock.forward(seconds=1)
    prove(db, None, cast["tina"].both(), station_id=STATION)


def test_each_further_wrong_attempt_doubles_the_wait(db, cast, clock):
    wrong_times(db, cast["tina"].both("000111"), 5)
    for wait in ("60 seconds", "2 minutes", "4 minutes", "8 minutes", "15 minutes", "15 minutes"):
        clock.forward(minutes=15)
        assert f"Wait {wait}" in wrong_times(db, cast["tina"].both("000111"), 1)


def test_passwords_and_pins_of_one_person_are_counted_together(db, cast):
    wrong_times(db, cast["tina"].both("000111"), 3)
    said = wrong_times(db, cast["tina"].at_a_desk("violet kettle orbit eight"), 2)
    assert said.startswith("Too many wrong passwords. Wait 30 seconds")


def test_one_persons_wrong_pins_slow_down_nobody_else(db, cast):
    wrong_times(db, cast["tina"].both("000111"), 5)
    prove(db, None, cast["pablo"].both(), station_id=STATION)


def test_an_unknown_badge_and_a_wrong_pin_can_not_be_told_apart(db, cast, clock):
    unknown, known = Given(badge="BADGE-NOB0DY01", pin="000111"), Given(badge="BADGE-T1NA0001", pin="000111")
    for _ in range(6):
        assert wrong_times(db, unknown, 1) == wrong_times(db, known, 1)
        clock.forward(seconds=20)


def test_an_unknown_user_name_and_a_wrong_password_can_not_be_told_apart(db, cast, clock):
    unknown, known = Given(username="nobody", password="x" * 20), Given(username="pablo", password="x" * 20)
    for _ in range(6):
        assert wrong_times(db, unknown, 1) == wrong_times(db, known, 1)
        clock.forward(seconds=20)


def test_an_ended_person_and_one_without_a_pin_answer_like_nobody(db, cast):
    with db.write(cast["petra"].who()) as tx:
        end_person(tx, cast["tina"].id, "left the hospital")
        tx.session.get_one(Credential, cast["nina"].id).pin_hash = None
    told = {wrong_times(db, cast[name].both(), 1) for name in ("tina", "nina")}
    assert told == {"That badge and PIN do not belong together. Try again."}


def test_what_was_shown_by_nobody_known_is_kept_nowhere(db, cast):
    wrong_times(db, Given(username="my secret password by mistake", password="x" * 20), 1)
    with db.read() as session:
        (row,) = session.scalars(select(UnknownAttempts)).all()
    assert len(row.bucket) == 4
    (event,) = events(db, "refused a wrong proof")
    assert (event.subject, "mistake" in event.text) == ("person unknown", False)


def test_unknown_attempts_are_forgotten_after_a_day(db, cast, clock):
    nobody = Given(badge="BADGE-NOB0DY01", pin="000111")
    wrong_times(db, nobody, 5)
    clock.forward(days=1, seconds=1)
    assert wrong_times(db, nobody, 1) == "That badge and PIN do not belong together. Try again."


def test_a_pharmacist_reopens_a_sign_in_and_the_record_says_so(db, cast):
    wrong_times(db, cast["tina"].both("000111"), 5)
    with db.write(cast["pablo"].who()) as tx:
        reopen(tx, cast["tina"].id)
    prove(db, None, cast["tina"].both(), station_id=STATION)
    (event,) = events(db, "reopened")
    assert (event.person_id, event.subject) == (cast["pablo"].id, f"person {cast['tina'].id}")


def test_nobody_but_a_pharmacist_reopens(db, cast):
    for username in ("tina", "nina"):
        with pytest.raises(Refused, match="may not reopen a blocked"), db.write(cast[username].who()) as tx:
            reopen(tx, cast["pablo"].id)


def test_nobody_reopens_their_own_sign_in(db, cast):
    with pytest.raises(Refused, match="Ask another pharmacist"), db.write(cast["pablo"].who()) as tx:
        reopen(tx, cast["pablo"].id)


def test_a_hundred_wrong_attempts_close_a_sign_in_until_it_is_reopened(db, cast, clock):
    with db.write(cast["petra"].who()) as tx:
        tx.session.get_one(Credential, cast["tina"].id).wrong_attempts = 99
    wrong_times(db, cast["tina"].both("000111"), 1)
    clock.forward(days=30)
    assert "closed: ask any pharmacist" in wrong_times(db, cast["tina"].both(), 1)
    with db.write(cast["pablo"].who()) as tx:
        reopen(tx, cast["tina"].id)
    prove(db, None, cast["tina"].both(), station_id=STATION)


def test_the_people_list_shows_who_waits(db, cast, clock):
    wrong_times(db, cast["tina"].both("000111"), 5)
    with db.read() as session:
        waits = {line.username: line.slowed for line in people(session, clock())}
        page = person(session, cast["tina"].id, clock())
    assert [name for name, slowed in waits.items() if slowed] == ["tina"]
    assert (page.wrong_attempts, page.slowed_until) == (5, clock() + timedelta(seconds=30))


def test_another_persons_badge_is_refused_and_not_counted(db, cast):
    tina = cast["tina"]
    for badge in ("BADGE-PAB00001", "BADGE-NOB0DY01"):
        with pytest.raises(
            Refused, match="as Tina Technician; that badge belongs to somebody else. Switch person"
        ):
            prove(db, tina.who(), Given(badge=badge, pin=cast["pablo"].pin), station_id=STATION)
    assert credential(db, tina).wrong_attempts == credential(db, cast["pablo"]).wrong_attempts == 0
    assert [e.person_id for e in events(db, "refused another person's badge")] == [tina.id, tina.id]


def test_another_persons_user_name_is_refused(db, cast):
    with pytest.raises(Refused, match="that user name belongs to somebody else"):
        prove(db, cast["tina"].who(), cast["pablo"].at_a_desk(), station_id=STATION)


def test_another_persons_pin_is_a_wrong_pin(db, cast):
    with pytest.raises(Refused, match="That is not your PIN"):
        prove(db, cast["tina"].who(), Given(pin=cast["pablo"].pin), station_id=STATION)


def test_wrong_attempts_touch_nothing_but_their_own_count(db, cast, signed_in):
    who = signed_in("tina")
    with db.read() as session:
        before = session.get_one(SignIn, who.session_id)
    wrong_times(db, Given(pin="000111"), 6, who)
    with db.read() as session:
        after = session.get_one(SignIn, who.session_id)
        assert session.get_one(Person, who.person_id).ended_at is None
    assert (after.ended_at, after.locked_at, after.seen_at) == (None, None, before.seen_at)


def test_wrong_attempts_at_the_same_moment_all_count_and_none_slips_past_the_fifth(db, cast):
    """Eight guesses start together, the right one among them is only believed if it comes before the fifth wrong."""
    together = threading.Barrier(8)
    told = []

    def guess(pin):
        together.wait()
        try:
            prove(db, None, cast["tina"].both(pin), station_id=STATION)
        except Refused as refused:
            told.append(str(refused))

    threads = [threading.Thread(target=guess, args=(f"11100{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(told) == 8
    assert credential(db, cast["tina"]).wrong_attempts == 5
    assert [e.seq for e in events(db, "refused a wrong proof")][5:] == []
    assert sum("Too many" in sentence for sentence in told) == 4


def test_two_wrong_attempts_at_once_by_nobody_known_both_count(db, cast):
    together = threading.Barrier(2)

    def guess():
        together.wait()
        with pytest.raises(Refused):
            prove(db, None, Given(badge="BADGE-NOB0DY01", pin="000111"), station_id=STATION)

    threads = [threading.Thread(target=guess) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with db.read() as session:
        assert session.scalars(select(UnknownAttempts.wrong_attempts)).all() == [2]


def slow_down(tx, member):
    credential = tx.session.get_one(Credential, member.id)
    credential.wrong_attempts, credential.slowed_until = 5, tx.now + timedelta(seconds=30)


def change_pin(tx, member):
    tx.session.get_one(Credential, member.id).pin_hash = hashed("482913")


def end(tx, member):
    tx.session.get_one(Credential, member.id, with_for_update=True)
    end_person(tx, member.id, "left the hospital")


@pytest.mark.parametrize(
    ("meanwhile", "words"),
    [
        (slow_down, "Too many wrong PINs"),
        (change_pin, "do not belong together"),
        (end, "do not belong together"),
    ],
)
def test_a_right_pin_is_judged_again_after_whatever_was_written_while_it_was_compared(
    db, cast, meanwhile, words
):
    """The guess begins before the other act commits and is believed, or not, after it."""
    told = []

    def guess():
        try:
            told.append(prove(db, None, cast["tina"].both(), station_id=STATION).name)
        except Refused as refused:
            told.append(str(refused))

    guesser = threading.Thread(target=guess)
    with db.write(cast["petra"].who()) as tx:
        meanwhile(tx, cast["tina"])
        tx.session.flush()
        guesser.start()
        guesser.join(0.5)
        assert told == []
    guesser.join()
    assert words in told[0]
