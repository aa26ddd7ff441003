"""Adding, inviting, changing and ending people, and the first one of all. On both databases."""

import threading
from dataclasses import replace
from itertools import product

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app.audit import queries as audit
from app.core.errors import Invalid, Missing, Refused
from app.core.permissions import Role
from app.db.session import SYSTEM
from app.identity.actions import Given, prove
from app.identity.models import Credential, OneTimeCode, Person, PersonRole
from app.identity.people_actions import (
    accept_invitation,
    add_person,
    end_person,
    give_badge,
    invite,
    make_set_up_code,
    new_badge,
    set_password,
    set_pin,
    set_roles,
    use_set_up_code,
    withdraw_credentials,
)
from app.identity.queries import names, people, person, sign_ins_of
from app.identity.sign_in_actions import sign_in
from tests.app.identity.cast import DESK, FOUNDER, HOOD

PHRASE = "seven mellow tramways hum"
MANAGING = {
    "add": lambda tx, cast: add_person(tx, "Tom Technician", "tom", [Role.TECHNICIAN]),
    "roles": lambda tx, cast: set_roles(tx, cast["nina"].id, [Role.PHARMACIST]),
    "end": lambda tx, cast: end_person(tx, cast["nina"].id, "left"),
    "badge": lambda tx, cast: give_badge(tx, cast["nina"].id, "BADGE-N1NA0002"),
    "withdraw": lambda tx, cast: withdraw_credentials(tx, cast["nina"].id, "lost"),
    "invite": lambda tx, cast: invite(tx, cast["nina"].id),
}


def set_up(db, code, **changed):
    given = {"name": "Petra Pharmacist", "username": "petra", "password": PHRASE, "pin": "906271"} | changed
    return use_set_up_code(db, code, **given)


def invited(db, cast, username):
    with db.write(cast["petra"].who()) as tx:
        return invite(tx, cast[username].id)


def test_only_those_who_manage_people_manage_people(db, cast):
    for username, act in product(("tina", "pablo", "nina"), MANAGING):
        with pytest.raises(Refused, match="may not manage people"), db.write(cast[username].who()) as tx:
            MANAGING[act](tx, cast)
    with db.read() as session:
        assert [line.username for line in people(session, db.clock(), ended=True)] == [
            "nina",
            "pablo",
            "petra",
            "tina",
        ]


def test_a_manager_does_and_the_record_names_her_every_time(db, cast):
    for act in ("add", "roles", "badge", "withdraw", "invite", "end"):
        with db.read() as session:
            before = audit.verify(session).entries
        with db.write(cast["petra"].who()) as tx:
            MANAGING[act](tx, cast)
        with db.read() as session:
            events = [e for e in audit.page(session) if e.seq > before]
            assert audit.verify(session).broken is None
        assert {e.person for e in events} == {"Petra Pharmacist"}, act


def test_roles_that_do_not_go_together_are_refused_when_adding_and_when_changing(db, cast):
    for roles in ([Role.TECHNICIAN, Role.PHARMACIST], [Role.LEAD_TECHNICIAN, Role.MANAGER], []):
        with db.write(cast["petra"].who()) as tx:
            with pytest.raises(Invalid):
                add_person(tx, "Tom Technician", "tom", roles)
            with pytest.raises(Invalid):
                set_roles(tx, cast["nina"].id, roles)


def test_a_name_or_user_name_that_can_not_be_right_is_named(db, cast):
    for name in ("", "Tom\x00Technician", "T" * 81):
        with pytest.raises(Invalid) as refused, db.write(cast["petra"].who()) as tx:
            add_person(tx, name, "tom", [Role.NURSE])
        assert list(refused.value.fields) == ["name"]
    for username in ("", "t", "tom technician", "1tom", "töm", "tina", " TINA "):
        with pytest.raises(Invalid) as refused, db.write(cast["petra"].who()) as tx:
            add_person(tx, "Tom Technician", username, [Role.NURSE])
        assert list(refused.value.fields) == ["username"]


def test_a_new_person_can_do_nothing_until_invited(db, cast):
    with db.write(cast["petra"].who()) as tx:
        tom = add_person(tx, "Tom  Technician ", "Tom", [Role.TECHNICIAN])
    with db.read() as session:
        page = person(session, tom, db.clock())
    assert (page.line.name, page.line.username) == ("Tom Technician", "tom")
    assert (page.has_badge, page.has_pin, page.has_password, page.invited_until) == (
        False,
        False,
        False,
        None,
    )


def test_an_invitation_lets_a_person_choose_what_only_they_know(db, cast):
    with db.write(cast["petra"].who()) as tx:
        tom = add_person(tx, "Tom Technician", "tom", [Role.TECHNICIAN])
        code = invite(tx, tom)
    badge = new_badge()
    assert accept_invitation(db, code.lower().replace("-", " "), "482913", PHRASE, badge) == tom
    assert sign_in(db, Given(badge=badge, pin="482913"), HOOD).who.person_id == tom
    assert sign_in(db, Given(username="tom", password=PHRASE), DESK).who.person_id == tom


def test_an_invitation_works_once(db, cast):
    code = invited(db, cast, "tina")
    accept_invitation(db, code, "482913")
    with pytest.raises(Refused, match="not valid"):
        accept_invitation(db, code, "482914")
    prove(db, None, cast["tina"].both("482913"), station_id=None)


def test_of_two_who_use_one_code_at_once_only_one_does(db, cast):
    code = invited(db, cast, "tina")
    together, results = threading.Barrier(2), []

    def use(pin):
        together.wait()
        try:
            results.append(accept_invitation(db, code, pin))
        except Refused:
            results.append(None)

    threads = [threading.Thread(target=use, args=(pin,)) for pin in ("482913", "482915")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results, key=str) == [cast["tina"].id, None]


def test_an_invitation_runs_out_after_three_days(db, cast, clock):
    code = invited(db, cast, "tina")
    clock.forward(hours=72)
    with pytest.raises(Refused, match="has run out"):
        accept_invitation(db, code, "482913")


def test_a_newer_invitation_voids_the_older(db, cast):
    old, new = invited(db, cast, "tina"), invited(db, cast, "tina")
    with pytest.raises(Refused):
        accept_invitation(db, old, "482913")
    accept_invitation(db, new, "482913")


def test_a_set_up_code_is_no_invitation_and_the_other_way_round(db, cast):
    code = invited(db, cast, "tina")
    with pytest.raises(Refused, match="not valid"):
        set_up(db, code, username="intruder")


def test_a_poor_pin_or_password_does_not_use_up_the_code(db, cast):
    code = invited(db, cast, "tina")
    for pin, password, fields in (
        ("123456", None, ["pin"]),
        ("482913", "too short", ["password"]),
        ("12", "tina tina tina tina", ["pin", "password"]),
    ):
        with pytest.raises(Invalid) as refused:
            accept_invitation(db, code, pin, password)
        assert list(refused.value.fields) == fields
    accept_invitation(db, code, "482913")


def test_a_badge_of_somebody_else_does_not_use_up_the_code(db, cast):
    code = invited(db, cast, "tina")
    with pytest.raises(Invalid, match="belongs to somebody else"):
        accept_invitation(db, code, "482913", badge=cast["pablo"].badge)
    accept_invitation(db, code, "482913", badge=cast["tina"].badge)


def test_an_invitation_reopens_and_ends_earlier_sign_ins(db, cast):
    sign_in(db, cast["tina"].both(), HOOD)
    code = invited(db, cast, "tina")
    with db.write(FOUNDER) as tx:
        tx.session.get_one(Credential, cast["tina"].id).wrong_attempts = 100
    accept_invitation(db, code, "482913")
    with db.read() as session:
        assert sign_ins_of(session, cast["tina"].id) == ()
    prove(db, None, cast["tina"].both("482913"), station_id=None)


def test_an_ended_person_does_not_accept_and_does_not_come_back(db, cast):
    code = invited(db, cast, "tina")
    with db.write(cast["petra"].who()) as tx:
        end_person(tx, cast["tina"].id, "left the hospital")
    with pytest.raises(Refused):
        accept_invitation(db, code, "482913")
    with pytest.raises(Refused, match="does not come back"):
        invited(db, cast, "tina")


def test_a_badge_belongs_to_one_person_even_after_their_end(db, cast):
    with db.write(cast["petra"].who()) as tx:
        end_person(tx, cast["tina"].id, "left the hospital")
    for badge in (cast["tina"].badge, cast["pablo"].badge):
        with pytest.raises(Invalid, match="belongs to somebody else"), db.write(cast["petra"].who()) as tx:
            give_badge(tx, cast["nina"].id, badge)


def test_a_new_badge_makes_the_old_one_worthless(db, cast):
    with db.write(cast["petra"].who()) as tx:
        give_badge(tx, cast["tina"].id, "badge-t1na0002")
    with pytest.raises(Refused):
        prove(db, None, cast["tina"].both(), station_id=None)
    prove(db, None, Given(badge="BADGE-T1NA0002", pin=cast["tina"].pin), station_id=None)


def test_nobody_can_be_managed_who_does_not_exist(db, cast):
    nobody = {"nina": replace(cast["nina"], id=999)}
    for act in ("roles", "end", "badge", "withdraw", "invite"):
        with pytest.raises(Missing, match="no person 999"), db.write(cast["petra"].who()) as tx:
            MANAGING[act](tx, nobody)


def test_nobody_changes_ends_or_invites_themselves(db, cast):
    petra = cast["petra"]
    for act in (
        lambda tx: set_roles(tx, petra.id, [Role.PHARMACIST, Role.ADMIN]),
        lambda tx: end_person(tx, petra.id, "enough"),
        lambda tx: invite(tx, petra.id),
    ):
        with pytest.raises(Refused, match="You can not"), db.write(petra.who()) as tx:
            act(tx)


def test_the_last_one_who_manages_people_stays(db, cast):
    for act in (
        lambda tx: end_person(tx, cast["petra"].id, "left"),
        lambda tx: set_roles(tx, cast["petra"].id, [Role.PHARMACIST]),
    ):
        with pytest.raises(Refused, match="nobody could manage people"), db.write(FOUNDER) as tx:
            act(tx)


def test_two_managers_who_end_each_other_at_once_do_not_both_succeed(db, cast):
    with db.write(FOUNDER) as tx:
        ada = add_person(tx, "Ada Admin", "ada", [Role.ADMIN])
        petra = cast["petra"].who()
    other = type(petra)(ada, "Ada Admin", frozenset({Role.ADMIN}))
    together, results = threading.Barrier(2), []

    def end(who, person_id):
        together.wait()
        try:
            with db.write(who) as tx:
                end_person(tx, person_id, "a quarrel")
            results.append("ended")
        except Refused:
            results.append("refused")

    threads = [
        threading.Thread(target=end, args=(petra, ada)),
        threading.Thread(target=end, args=(other, petra.person_id)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["ended", "refused"]


def test_ending_and_withdrawing_need_a_reason(db, cast):
    for act, reason in product((end_person, withdraw_credentials), ("", "  ")):
        with pytest.raises(Refused, match="Give a reason"), db.write(cast["petra"].who()) as tx:
            act(tx, cast["tina"].id, reason)


def test_one_changes_ones_own_pin_by_the_old_one_and_other_sign_ins_end(db, cast):
    elsewhere = sign_in(db, cast["pablo"].both(), DESK).who
    here = sign_in(db, cast["pablo"].both(), HOOD).who
    set_pin(db, here, Given(pin=cast["pablo"].pin), "482913")
    with db.read() as session:
        assert [s.id for s in sign_ins_of(session, here.person_id)] == [here.session_id]
    assert elsewhere.session_id != here.session_id
    prove(db, here, Given(pin="482913"), station_id=HOOD.id)
    with pytest.raises(Refused, match="not your PIN"):
        set_pin(db, here, Given(pin=cast["pablo"].pin), "482914")


def test_one_changes_ones_own_password_by_the_pin(db, cast):
    who = sign_in(db, cast["pablo"].both(), DESK).who
    set_password(db, who, Given(pin=cast["pablo"].pin), PHRASE)
    prove(db, None, cast["pablo"].at_a_desk(PHRASE), station_id=DESK.id)
    with pytest.raises(Invalid, match="guessed"):
        set_password(db, who, Given(pin=cast["pablo"].pin), "pablo pablo pablo pablo")
    with pytest.raises(Invalid, match="6 to 12 digits"):
        set_pin(db, who, Given(pin=cast["pablo"].pin), "")


def test_lists_show_roles_and_state_and_never_a_hash(db, cast, clock):
    with db.write(cast["petra"].who()) as tx:
        end_person(tx, cast["nina"].id, "left")
    with db.read() as session:
        living = people(session, clock())
        everybody = people(session, clock(), ended=True)
        page = person(session, cast["petra"].id, clock())
        assert names(session, [cast["tina"].id, 999]) == {cast["tina"].id: "Tina Technician"}
        assert names(session, []) == {}
        with pytest.raises(Missing):
            person(session, 999, clock())
    assert [line.username for line in living] == ["pablo", "petra", "tina"]
    assert [line.username for line in everybody if line.ended_at] == ["nina"]
    assert page.line.roles == (Role.MANAGER, Role.ADMIN)
    assert (page.has_badge, page.has_pin, page.has_password) == (True, True, True)
    assert "argon2" not in repr((living, page))


def test_an_empty_database_offers_a_set_up_code_and_one_with_people_does_not(db):
    code = make_set_up_code(db)
    petra = set_up(db, code, badge="BADGE-PETRA001")
    assert make_set_up_code(db) is None
    here = sign_in(db, Given(badge="BADGE-PETRA001", pin="906271"), DESK).who
    assert (here.person_id, here.roles) == (petra, {Role.MANAGER, Role.ADMIN})
    assert sign_in(db, Given(username="petra", password=PHRASE), DESK).who.person_id == petra
    with db.read() as session:
        assert [e.action for e in audit.of_subject(session, "installation")] == [
            "made a set-up code",
            "set up",
        ]
        assert audit.verify(session).broken is None


def test_a_set_up_code_works_once_and_a_wrong_one_never(db):
    code = make_set_up_code(db)
    with pytest.raises(Refused, match="not valid"):
        set_up(db, "0000-0000-0000-0000-0000-0000")
    set_up(db, code)
    with pytest.raises(Refused):
        set_up(db, code, username="intruder")


def test_only_the_newest_set_up_code_works(db):
    old, new = make_set_up_code(db), make_set_up_code(db)
    with pytest.raises(Refused, match="not valid"):
        set_up(db, old)
    set_up(db, new)


def test_a_mistake_at_set_up_leaves_the_code_and_nobody_behind(db):
    code = make_set_up_code(db)
    wrong = {
        "pin": "111111",
        "password": "short",
        "username": "no spaces please",
        "name": "",
        "badge": "TRAY-07",
    }
    for field, value in wrong.items():
        with pytest.raises(Invalid) as refused:
            set_up(db, code, **{field: value})
        assert list(refused.value.fields) == [field]
    with db.read() as session:
        assert session.scalars(select(Person)).all() == []
    set_up(db, code)


def test_there_is_no_account_before_set_up(db):
    with pytest.raises(Refused):
        sign_in(db, Given(username="admin", password="administrator admin"), DESK)
    with db.read() as session:
        assert people(session, db.clock(), ended=True) == ()


def test_the_database_refuses_what_must_never_be(db, cast):
    now = db.clock()
    for row in (
        OneTimeCode(sha256="x", kind="gift", made_at=now),
        OneTimeCode(sha256="x", kind="invitation", made_at=now),
        OneTimeCode(sha256="x", kind="set-up", person_id=cast["tina"].id, made_at=now),
        PersonRole(person_id=cast["tina"].id, role="surgeon"),
        Credential(person_id=999),
    ):
        with pytest.raises(IntegrityError), db.write(SYSTEM) as tx:
            tx.session.add(row)
            tx.session.flush()
