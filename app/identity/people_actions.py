"""People: adding them, their roles and badges, inviting them to choose a PIN, ending them; and the very first one.

Nobody ever sets a secret that somebody else uses: a manager invites, and the person chooses behind a one-time code
(21 CFR 11.200(a)(3), 11.300). A person is ended, never deleted, and neither name nor badge passes to another.
"""

import re
import secrets
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import ColumnElement, or_, select, update
from sqlalchemy.orm import Session

from app.audit.actions import record
from app.core.errors import Invalid, Missing, Refused
from app.core.permissions import GRANTS, May, Role
from app.db.session import SYSTEM, Db, OnceKey, Tx, Who
from app.identity import limits
from app.identity.actions import Given, one_at_a_time, prove
from app.identity.credentials import (
    BADGE_RANDOM,
    CODE_RANDOM,
    badge_code,
    badge_sha256,
    code_sha256,
    hash_secret,
    one_time_code,
    password_fault,
    pin_fault,
)
from app.identity.models import Credential, OneTimeCode, Person, PersonRole
from app.identity.queries import roles_of
from app.identity.sign_in_actions import end_sign_ins

_PEOPLE = 7_411_003  # PostgreSQL's advisory lock for acts that could leave nobody to manage people.
_USERNAME = re.compile(r"[a-z][a-z0-9._-]{1,31}", re.ASCII)
_MANAGES_PEOPLE = [role for role in Role if May.MANAGE_PEOPLE in GRANTS[role]]
_NOT_A_CODE = "This code is not valid: it was used, has run out, or was typed wrong. Ask for a new one."


def add_person(tx: Tx, name: str, username: str, roles: Iterable[Role]) -> int:
    """Add a person, who can do nothing until invited, and return their number. Raises Refused, Invalid."""
    tx.who.require(May.MANAGE_PEOPLE)
    return _add(tx, name, username, limits.check_roles(roles))


def set_roles(tx: Tx, person_id: int, roles: Iterable[Role]) -> None:
    """Change what a person may do, which ends their sign-ins; never one's own. Raises Refused, Invalid, Missing."""
    tx.who.require(May.MANAGE_PEOPLE)
    one_at_a_time(tx, _PEOPLE, 0)
    wanted = limits.check_roles(roles)
    person = _living(tx, person_id)
    held = roles_of(tx.session, person.id)
    if wanted == held:
        return
    if tx.who.person_id == person_id:
        raise Refused("You can not change your own roles. Ask somebody else who manages people.")
    if not wanted & set(_MANAGES_PEOPLE):
        _somebody_manages_without(tx.session, person_id)
    for row in tx.session.scalars(select(PersonRole).where(PersonRole.person_id == person_id)).all():
        if row.role not in wanted:
            tx.session.delete(row)
    tx.session.add_all(PersonRole(person_id=person_id, role=role.value) for role in wanted - held)
    record(tx, "changed roles of", f"person {person_id}", {"from": held, "to": wanted})
    end_sign_ins(tx, person_id, "roles were changed")
    tx.tell("people")


def end_person(tx: Tx, person_id: int, reason: str) -> None:
    """End a person for good: every sign-in at once, every credential for ever. Raises Refused, Missing."""
    tx.who.require(May.MANAGE_PEOPLE)
    one_at_a_time(tx, _PEOPLE, 0)
    person = _living(tx, person_id)
    if tx.who.person_id == person_id:
        raise Refused("You can not end yourself. Ask somebody else who manages people.")
    if not reason.strip():
        raise Refused("Give a reason: the record must say why.")
    _somebody_manages_without(tx.session, person_id)
    person.ended_at = tx.now
    _void_codes(tx, OneTimeCode.person_id == person_id)
    record(tx, "ended", f"person {person_id}", {"reason": reason.strip()})
    end_sign_ins(tx, person_id, "the person was ended")
    tx.tell("people")


def new_badge() -> str:
    """Make up the code of a badge that is to be printed."""
    return badge_code(secrets.token_bytes(BADGE_RANDOM))


def give_badge(tx: Tx, person_id: int, badge: str) -> None:
    """Give a person a badge by its code; an earlier badge of theirs opens nothing from now on.

    Raises Refused, Missing, Invalid (not a badge code, or somebody else's, ended people's too).
    """
    tx.who.require(May.MANAGE_PEOPLE)
    person = _living(tx, person_id)
    _wear(tx, person.id, badge_sha256(badge))
    record(tx, "gave a badge to", f"person {person_id}", {})
    tx.tell("people")


def withdraw_credentials(tx: Tx, person_id: int, reason: str) -> None:
    """Make badge, PIN and password of a person worthless at once (lost, or seen by others) and end their sign-ins.

    They come back by a new badge and an invitation. Raises Refused, Missing. Source: 21 CFR 11.300(c).
    """
    tx.who.require(May.MANAGE_PEOPLE)
    person = _living(tx, person_id)
    if not reason.strip():
        raise Refused("Give a reason: the record must say why.")
    credential = _credential(tx, person.id)
    credential.badge_sha256 = credential.pin_hash = credential.password_hash = None
    _void_codes(tx, OneTimeCode.person_id == person_id)
    record(tx, "withdrew the credentials of", f"person {person_id}", {"reason": reason.strip()})
    end_sign_ins(tx, person_id, "credentials were withdrawn")
    tx.tell("people")


def invite(tx: Tx, person_id: int) -> str:
    """Make the one-time code by which a person chooses PIN and password within 72 hours; earlier codes are void.

    The code is returned this once and never stored. Nothing of the person changes until it is used. Raises Refused,
    Missing.
    """
    tx.who.require(May.MANAGE_PEOPLE)
    person = _living(tx, person_id)
    if tx.who.person_id == person_id:
        raise Refused("You can not invite yourself. Change your PIN or password with the one you have.")
    _void_codes(tx, OneTimeCode.person_id == person_id)
    code = one_time_code(secrets.token_bytes(CODE_RANDOM))
    until = tx.now + limits.INVITATION_LASTS
    tx.session.add(
        OneTimeCode(sha256=code_sha256(code), kind="invitation", person_id=person.id, made_at=tx.now, until=until)
    )
    record(tx, "invited", f"person {person_id}", {"until": until})
    tx.tell("people")
    return code


def accept_invitation(db: Db, code: str, pin: str, password: str | None = None, badge: str | None = None) -> int:
    """Let an invited person choose a PIN and, if they work at a desk, a password; a badge may be taken up as well.

    Returns the person's number. The code works once; earlier sign-ins of the person end. Raises Refused, Invalid.
    """
    with db.read() as session:
        found = _open_code(session, code, "invitation", db.clock())
        if found is None or found.person_id is None:
            raise Refused(_NOT_A_CODE)
        person = session.get_one(Person, found.person_id)
        who = Who(person.id, person.name, roles_of(session, person.id))
    _check_secrets(pin, password, person.username, person.name)
    worn = badge_sha256(badge) if badge else None
    pin_hash = hash_secret(pin)
    password_hash = hash_secret(password) if password else None
    with db.write(who) as tx:
        _use_code(tx, code, "invitation")
        _living(tx, person.id)
        credential = _credential(tx, person.id)
        credential.pin_hash = pin_hash
        credential.password_hash = password_hash or credential.password_hash
        credential.wrong_attempts, credential.slowed_until = 0, None
        if worn:
            _wear(tx, person.id, worn)
        chosen = {"password": bool(password), "badge": bool(badge)}
        record(tx, "accepted an invitation", f"person {person.id}", chosen)
        end_sign_ins(tx, person.id, "a new PIN was chosen")
        tx.tell("people")
    return person.id


def set_pin(db: Db, who: Who, given: Given, pin: str, once: OnceKey | None = None, location: str = "") -> None:
    """Change one's own PIN, proven by the old one or by the password; other sign-ins end. Raises Refused, Invalid."""
    _change_own(db, who, given, once, location, pin=pin)


def set_password(
    db: Db, who: Who, given: Given, password: str, once: OnceKey | None = None, location: str = ""
) -> None:
    """Change one's own password, proven by the old one or by the PIN; other sign-ins end. Raises Refused, Invalid."""
    _change_own(db, who, given, once, location, password=password)


def make_set_up_code(db: Db) -> str | None:
    """Make the code by which the first pharmacy manager sets up an empty database; None when there is anybody at all.

    Only the newest code works. It is returned this once and never stored.
    """
    code = one_time_code(secrets.token_bytes(CODE_RANDOM))
    with db.write(SYSTEM) as tx:
        one_at_a_time(tx, _PEOPLE, 0)
        if tx.session.scalar(select(Person.id).limit(1)) is not None:
            return None
        _void_codes(tx, OneTimeCode.kind == "set-up")
        tx.session.add(OneTimeCode(sha256=code_sha256(code), kind="set-up", made_at=tx.now))
        record(tx, "made a set-up code", "installation", {})
    return code


def use_set_up_code(
    db: Db, code: str, name: str, username: str, password: str, pin: str, badge: str | None = None
) -> int:
    """Make the first person, pharmacy manager and admin, with what they chose; returns their number.

    The code works once and only while there is nobody. Raises Refused, Invalid.
    """
    with db.read() as session:
        if _open_code(session, code, "set-up", db.clock()) is None:
            raise Refused(_NOT_A_CODE)
    _check_secrets(pin, password, username, name)
    worn = badge_sha256(badge) if badge else None
    pin_hash, password_hash = hash_secret(pin), hash_secret(password)
    with db.write(SYSTEM) as tx:
        one_at_a_time(tx, _PEOPLE, 0)
        if tx.session.scalar(select(Person.id).limit(1)) is not None:
            raise Refused("This installation is set up already. Ask somebody who manages people for an invitation.")
        _use_code(tx, code, "set-up")
        person_id = _add(tx, name, username, limits.check_roles({Role.MANAGER, Role.ADMIN}))
        credential = _credential(tx, person_id)
        credential.pin_hash, credential.password_hash, credential.badge_sha256 = pin_hash, password_hash, worn
        record(tx, "set up", "installation", {"person": person_id, "badge": bool(badge)})
    return person_id


def _add(tx: Tx, name: str, username: str, roles: frozenset[Role]) -> int:
    name, username = " ".join(name.split()), username.strip().casefold()
    faults = {}
    if not name or not name.isprintable() or len(name) > 80:
        faults["name"] = "Give the person's full name, at most 80 characters, as it shall stand under a signature."
    if not _USERNAME.fullmatch(username):
        faults["username"] = "A user name has 2 to 32 letters, digits, dots or dashes and begins with a letter."
    elif tx.session.scalar(select(Person.id).where(Person.username == username)) is not None:
        faults["username"] = "Somebody has or had this user name. Choose another."
    if faults:
        raise Invalid(faults)
    person = Person(name=name, username=username, created_at=tx.now)
    tx.session.add(person)
    tx.session.flush()
    tx.session.add_all(PersonRole(person_id=person.id, role=role.value) for role in roles)
    tx.session.add(Credential(person_id=person.id))
    tx.session.flush()
    record(tx, "added", f"person {person.id}", {"name": name, "username": username, "roles": roles})
    tx.tell("people")
    return person.id


def _change_own(
    db: Db,
    who: Who,
    given: Given,
    once: OnceKey | None,
    location: str,
    *,
    pin: str | None = None,
    password: str | None = None,
) -> None:
    proven = prove(db, who, given, station_id=who.station_id)
    with db.read() as session:
        person = session.get_one(Person, proven.person_id)
    _check_secrets(pin, password, person.username, person.name)
    hashed = hash_secret(pin or password or "")
    with db.write(who, once, location) as tx:
        credential = _credential(tx, person.id)
        if pin is not None:
            credential.pin_hash = hashed
        else:
            credential.password_hash = hashed
        record(tx, "changed own " + ("PIN" if pin is not None else "password"), f"person {person.id}", {})
        end_sign_ins(tx, person.id, "a PIN or password was changed", but=who.session_id)


def _check_secrets(pin: str | None, password: str | None, username: str, name: str) -> None:
    faults = {}
    if pin is not None and (fault := pin_fault(pin)):
        faults["pin"] = fault
    if password is not None and (fault := password_fault(password, username=username, names=[name])):
        faults["password"] = fault
    if faults:
        raise Invalid(faults)


def _living(tx: Tx, person_id: int) -> Person:
    person = tx.session.scalar(select(Person).where(Person.id == person_id).with_for_update())
    if person is None:
        raise Missing(f"There is no person {person_id}.")
    if person.ended_at is not None:
        raise Refused(f"{person.name} has been ended and does not come back. Add a new person instead.")
    return person


def _credential(tx: Tx, person_id: int) -> Credential:
    credential = tx.session.scalar(select(Credential).where(Credential.person_id == person_id).with_for_update())
    if credential is None:
        credential = Credential(person_id=person_id)
        tx.session.add(credential)
    return credential


def _wear(tx: Tx, person_id: int, worn: str) -> None:
    other = tx.session.scalar(
        select(Credential.person_id).where(Credential.badge_sha256 == worn, Credential.person_id != person_id)
    )
    if other is not None:
        raise Invalid({"badge": "This badge belongs to somebody else. Print a new one."})
    _credential(tx, person_id).badge_sha256 = worn


def _somebody_manages_without(session: Session, person_id: int) -> None:
    others = (
        select(Person.id)
        .join(PersonRole, PersonRole.person_id == Person.id)
        .where(Person.ended_at.is_(None), Person.id != person_id, PersonRole.role.in_(_MANAGES_PEOPLE))
    )
    if session.scalar(others.limit(1)) is None:
        raise Refused("Then nobody could manage people any more. Make somebody else a manager or admin first.")


def _still_open(code: str, kind: str, now: datetime) -> tuple[ColumnElement[bool], ...]:
    lasting = or_(OneTimeCode.until.is_(None), OneTimeCode.until > now)
    return (
        OneTimeCode.sha256 == code_sha256(code),
        OneTimeCode.kind == kind,
        OneTimeCode.used_at.is_(None),
        lasting,
    )


def _open_code(session: Session, code: str, kind: str, now: datetime) -> OneTimeCode | None:
    return session.scalar(select(OneTimeCode).where(*_still_open(code, kind, now)))


def _use_code(tx: Tx, code: str, kind: str) -> None:
    """Mark a code as used, by one statement, so that of two who use it at once only one does."""
    used = update(OneTimeCode).where(*_still_open(code, kind, tx.now)).values(used_at=tx.now)
    if tx.session.scalar(used.returning(OneTimeCode.sha256)) is None:
        raise Refused(_NOT_A_CODE)


def _void_codes(tx: Tx, which: ColumnElement[bool]) -> None:
    open_ones = (
        which,
        OneTimeCode.used_at.is_(None),
        or_(OneTimeCode.until.is_(None), OneTimeCode.until > tx.now),
    )
    tx.session.execute(update(OneTimeCode).where(*open_ones).values(until=tx.now))
