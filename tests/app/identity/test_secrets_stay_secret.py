"""A whole life of secrets, then a search for them in every table, the record, the log and every text of a value."""

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import MetaData, inspect

from app.core.errors import Refused
from app.core.workflow import Meaning
from app.identity.actions import Given, prove, prove_for_signature, sign
from app.identity.people_actions import (
    accept_invitation,
    add_person,
    invite,
    make_set_up_code,
    set_pin,
    use_set_up_code,
)
from app.identity.sign_in_actions import lock, sign_in, unlock
from tests.app.identity.cast import DESK, HOOD

SECRETS = {
    "first PIN": "739154826039",
    "second PIN": "284615937402",
    "third PIN": "906271483365",
    "wrong PIN": "517380264419",
    "badge": "BADGE-CANARY0001",
    "other badge": "BADGE-CANARY0002",
    "unknown badge": "BADGE-CANARY0003",
    "first password": "a yellow canary sings underground",
    "second password": "eleven canaries in a coal mine",
    "wrong password": "the wrong canary altogether, sorry",
    "password as user name": "canary typed in the wrong field",
}


def everything_stored(db):
    """Every value of every table, as text."""
    tables = MetaData()
    tables.reflect(db.writer)
    with db.read() as session:
        for table in tables.sorted_tables:
            for row in session.execute(table.select()):
                yield from (f"{table.name}: {value}" for value in row)
    assert "audit_event" in tables.tables
    assert inspect(db.writer).has_table("credential")


def test_no_secret_is_found_anywhere_after_a_whole_story(db, caplog):
    caplog.set_level(logging.DEBUG)
    values, found = [], dict(SECRETS)
    found["set-up code"] = make_set_up_code(db)
    use_set_up_code(
        db,
        found["set-up code"],
        "Petra Pharmacist",
        "petra",
        found["first password"],
        found["first PIN"],
        found["badge"],
    )
    petra = sign_in(db, Given(badge=found["badge"], pin=found["first PIN"]), DESK)
    found["token"] = petra.token
    with db.write(petra.who) as tx:
        tina = add_person(tx, "Tina Technician", "tina", ["technician"])
        found["invitation"] = invite(tx, tina)
    accept_invitation(
        db, found["invitation"], found["second PIN"], found["second password"], found["other badge"]
    )
    here = sign_in(db, Given(badge=found["other badge"], pin=found["second PIN"]), HOOD)
    wrong = [
        Given(badge=found["other badge"], pin=found["wrong PIN"]),
        Given(badge=found["unknown badge"], pin=found["wrong PIN"]),
        Given(username="tina", password=found["wrong password"]),
        Given(username=found["password as user name"], password=found["wrong password"]),
    ]
    for attempt in wrong:
        values.append(attempt)
        with pytest.raises(Refused) as refused:
            prove(db, None, attempt, station_id=HOOD.id)
        values.append(refused.value)
    with pytest.raises(Refused) as refused:
        prove(db, here.who, Given(badge=found["badge"], pin=found["first PIN"]), station_id=HOOD.id)
    values.append(refused.value)
    set_pin(db, here.who, Given(pin=found["second PIN"]), found["third PIN"])
    lock(db, here.token)
    again = unlock(db, here.token, Given(badge=found["other badge"], pin=found["third PIN"]), HOOD)
    found["first token"], found["second token"] = here.token, again.token
    proven = prove_for_signature(db, again.who, Given(badge=found["other badge"], pin=found["third PIN"]))
    with db.write(again.who) as tx:
        sign(tx, proven, Meaning.PREPARED, "work 1", "0" * 64)
    values += [petra, here, again, proven]

    texts = [*everything_stored(db), caplog.text, *map(repr, values), *map(str, values)]
    for name, secret in found.items():
        for written in {secret, secret.removeprefix("BADGE-"), secret.casefold()}:
            leaks = [text[:80] for text in texts if written in text]
            assert not leaks, f"the {name} stands in {leaks}"


part = st.none() | st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF), min_size=1)


@given(part, part, part, part)
def test_the_text_of_what_was_given_names_only_which_parts_were_given(badge, pin, username, password):
    text = repr(Given(badge, pin, username, password))
    assert text == str(Given(badge, pin, username, password))
    assert text.isascii()
    assert ("password" in text) == (password is not None)
