"""Signing: which parts are needed when, whose proof counts and for how long. On both databases."""

from dataclasses import replace

import pytest
from sqlalchemy import select

from app.audit import queries as audit
from app.core.canonical import sha256
from app.core.errors import Missing, Refused
from app.core.workflow import Meaning
from app.db.session import SYSTEM
from app.identity.actions import Given, prove_for_signature, sign
from app.identity.models import Signature
from app.identity.people_actions import end_person, set_roles
from app.identity.queries import needs_full, signature, signatures
from app.identity.sign_in_actions import lock, sign_in, sign_out, unlock
from tests.app.identity.cast import DESK, HOOD, OTHER_HOOD, elsewhere

SHOWN = sha256("vancomycin 1,000 mg in sodium chloride 0.9 % 250 mL")


def do_sign(db, who, given, meaning=Meaning.PREPARED, subject="work 1", full=False):
    proven = prove_for_signature(db, who, given, full)
    with db.write(who) as tx:
        return sign(tx, proven, meaning, subject, SHOWN, full=full).id


def asks_for_both(db, who):
    with db.read() as session:
        return needs_full(session, who)


def test_a_signature_says_who_what_when_how_and_what_was_shown(db, cast, signed_in, clock):
    who = signed_in("tina")
    do_sign(db, who, cast["tina"].both())
    with db.read() as session:
        (signed,) = signatures(session, "work 1")
        entry = audit.of_subject(session, "work 1")[-1]
    assert (signed.printed_name, signed.meaning, signed.at) == ("Tina Technician", Meaning.PREPARED, clock())
    assert (signed.proof, signed.station_id, signed.shown_sha256) == ("badge and PIN", HOOD.id, SHOWN)
    assert (entry.action, entry.person, entry.facts["signature"]) == ("signed", "Tina Technician", signed.id)


def test_the_first_signature_needs_both_parts_and_later_ones_the_pin(db, cast, signed_in, clock):
    tina, who = cast["tina"], signed_in("tina")
    assert asks_for_both(db, who)
    with pytest.raises(Refused, match="Your first signature .* scan your badge as well"):
        do_sign(db, who, Given(pin=tina.pin))
    do_sign(db, who, tina.both())
    assert not asks_for_both(db, who)
    clock.forward(minutes=5)
    do_sign(db, who, Given(pin=tina.pin), subject="work 2")
    do_sign(db, who, Given(password=tina.password), subject="work 2")
    with db.read() as session:
        assert [s.proof for s in signatures(session, "work 2")] == ["PIN", "password"]


def test_a_proof_without_its_signature_does_not_open_the_way_for_a_bare_pin(db, cast, signed_in):
    tina, who = cast["tina"], signed_in("tina")
    prove_for_signature(db, who, tina.both())
    assert asks_for_both(db, who)


def test_a_badge_alone_never_signs(db, cast, signed_in):
    who = signed_in("tina")
    do_sign(db, who, cast["tina"].both())
    with pytest.raises(Refused, match="a badge alone does not show that it is you"):
        do_sign(db, who, Given(badge=cast["tina"].badge))


def test_an_override_asks_for_both_parts_again(db, cast, signed_in):
    pablo, who = cast["pablo"], signed_in("pablo", DESK)
    do_sign(db, who, pablo.at_a_desk(), Meaning.CHECKED)
    with pytest.raises(Refused, match="This act needs both parts again: scan your badge"):
        do_sign(db, who, Given(pin=pablo.pin), Meaning.CHECKED, full=True)
    do_sign(db, who, pablo.both(), Meaning.CHECKED, full=True)


def test_an_act_that_needs_both_refuses_a_proof_by_pin_that_was_asked_for_without(db, cast, signed_in):
    pablo, who = cast["pablo"], signed_in("pablo", DESK)
    do_sign(db, who, pablo.both(), Meaning.CHECKED)
    by_pin = prove_for_signature(db, who, Given(pin=pablo.pin))
    with pytest.raises(Refused, match="needs both parts"), db.write(who) as tx:
        sign(tx, by_pin, Meaning.CHECKED, "work 2", SHOWN, full=True)


def test_after_a_lock_the_next_signature_needs_both_parts_again(db, cast):
    tina = cast["tina"]
    here = sign_in(db, tina.both(), HOOD)
    do_sign(db, here.who, tina.both())
    lock(db, here.token)
    with pytest.raises(Refused, match="locked"):
        do_sign(db, here.who, tina.both())
    again = unlock(db, here.token, tina.both(), HOOD)
    assert again.who.session_id == here.who.session_id
    assert asks_for_both(db, again.who)


def test_after_a_change_of_station_both_stations_ask_for_both_parts_again(db, cast, signed_in):
    tina, here = cast["tina"], signed_in("tina", HOOD)
    do_sign(db, here, tina.both())
    there = signed_in("tina", OTHER_HOOD)
    assert asks_for_both(db, there)
    assert asks_for_both(db, here)


def test_a_sign_in_does_not_travel_to_another_station(db, cast, signed_in):
    here = signed_in("tina", HOOD)
    with pytest.raises(Refused, match="another station"):
        prove_for_signature(db, elsewhere(here, OTHER_HOOD), cast["tina"].both())


def test_a_proof_is_worth_nothing_after_two_minutes_nor_before_it_was_given(db, cast, signed_in, clock):
    who = signed_in("tina")
    proven = prove_for_signature(db, who, cast["tina"].both())
    for seconds in (121, 3600, -2 * 3600):
        clock.forward(seconds=seconds)
        with pytest.raises(Refused, match="Too much time passed"), db.write(who) as tx:
            sign(tx, proven, Meaning.PREPARED, "work 1", SHOWN)
    with db.read() as session:
        assert session.scalars(select(Signature)).all() == []


def test_a_proof_signs_for_nobody_else(db, cast, signed_in):
    tina, pablo = signed_in("tina", HOOD), signed_in("pablo", DESK)
    proven = prove_for_signature(db, tina, cast["tina"].both())
    for who in (elsewhere(pablo, HOOD), SYSTEM):
        with pytest.raises(Refused, match="not the one who is signed in"), db.write(who) as tx:
            sign(tx, proven, Meaning.CHECKED, "work 1", SHOWN)


def test_a_proof_given_at_one_hood_does_not_sign_at_another(db, cast, signed_in):
    here = signed_in("tina", HOOD)
    proven = prove_for_signature(db, here, cast["tina"].both())
    with pytest.raises(Refused, match="another station"), db.write(signed_in("tina", OTHER_HOOD)) as tx:
        sign(tx, proven, Meaning.PREPARED, "work 1", SHOWN)


def test_another_persons_badge_does_not_sign_in_ones_session(db, cast, signed_in):
    with pytest.raises(Refused, match="signed in as Tina Technician"):
        prove_for_signature(db, signed_in("tina"), cast["pablo"].both())


def end_her(db, cast, token):
    with db.write(cast["petra"].who()) as tx:
        end_person(tx, cast["tina"].id, "left the hospital")


def change_her_roles(db, cast, token):
    with db.write(cast["petra"].who()) as tx:
        set_roles(tx, cast["tina"].id, ["lead technician"])


@pytest.mark.parametrize(
    "meanwhile",
    [
        end_her,
        change_her_roles,
        lambda db, cast, token: sign_out(db, token),
        lambda db, cast, token: lock(db, token),
        lambda db, cast, token: sign_in(db, cast["pablo"].both(), HOOD),
    ],
    ids=["ended", "roles changed", "signed out", "locked", "switched"],
)
def test_whatever_ends_or_locks_the_sign_in_between_proof_and_signature_wins(db, cast, meanwhile):
    here = sign_in(db, cast["tina"].both(), HOOD)
    proven = prove_for_signature(db, here.who, cast["tina"].both())
    meanwhile(db, cast, here.token)
    with pytest.raises(Refused), db.write(here.who) as tx:
        sign(tx, proven, Meaning.PREPARED, "work 1", SHOWN)
    with pytest.raises(Refused):
        prove_for_signature(db, here.who, cast["tina"].both())


def test_without_a_sign_in_every_signature_needs_both_parts(db, cast):
    who = cast["pablo"].who(DESK.id)
    with pytest.raises(Refused, match="both parts"):
        do_sign(db, who, Given(pin=cast["pablo"].pin), Meaning.CHECKED)
    do_sign(db, who, cast["pablo"].both(), Meaning.CHECKED)
    do_sign(db, who, cast["pablo"].both(), Meaning.CHECKED)


def test_a_refused_act_leaves_no_signature(db, cast, signed_in):
    who = signed_in("tina")
    proven = prove_for_signature(db, who, cast["tina"].both())
    with pytest.raises(Refused, match="not weighed"), db.write(who) as tx:
        sign(tx, proven, Meaning.PREPARED, "work 1", SHOWN)
        raise Refused("Not yet: step 4 is not weighed.")
    with db.read() as session:
        assert signatures(session, "work 1") == ()
    assert asks_for_both(db, who)


def test_what_was_shown_is_named_by_a_whole_hash(db, cast, signed_in):
    who = signed_in("tina")
    proven = prove_for_signature(db, who, cast["tina"].both())
    with pytest.raises(ValueError, match="64 hexadecimal"), db.write(who) as tx:
        sign(tx, proven, Meaning.PREPARED, "work 1", "abc")


def test_a_signature_is_found_by_its_number_and_shown_as_it_was_signed(db, cast, signed_in):
    number = do_sign(db, signed_in("tina"), cast["tina"].both())
    with db.read() as session:
        assert signature(session, number).printed_name == "Tina Technician"
        with pytest.raises(Missing):
            signature(session, number + 1)


def test_a_proof_keeps_its_person_even_if_somebody_edits_the_copy(db, cast, signed_in):
    who = signed_in("tina")
    proven = replace(prove_for_signature(db, who, cast["tina"].both()), person_id=cast["pablo"].id)
    with pytest.raises(Refused), db.write(who) as tx:
        sign(tx, proven, Meaning.CHECKED, "work 1", SHOWN)
