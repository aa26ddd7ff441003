"""The cast, able to sign in, and the questions that most tests ask."""

from collections.abc import Callable

import pytest

from app.core.permissions import Role
from app.db.session import Db, Who
from app.identity.limits import Where
from app.identity.models import Credential
from app.identity.people_actions import add_person, give_badge
from app.identity.queries import who_is
from app.identity.sign_in_actions import sign_in
from tests.app.identity.cast import FOUNDER, HOOD, Member, hashed

_CAST = {
    "tina": ("Tina Technician", {Role.TECHNICIAN}, "BADGE-T1NA0001", "739154"),
    "pablo": ("Pablo Pharmacist", {Role.PHARMACIST}, "BADGE-PAB00001", "284615"),
    "petra": ("Petra Pharmacist", {Role.MANAGER, Role.ADMIN}, "BADGE-PETRA001", "906271"),
    "nina": ("Nina Nurse", {Role.NURSE}, "BADGE-N1NA0001", "517380"),
}


@pytest.fixture
def cast(db: Db) -> dict[str, Member]:
    """Tina, Pablo, Petra and Nina, each able to sign in."""
    found = {}
    with db.write(FOUNDER) as tx:
        for username, (name, roles, badge, pin) in _CAST.items():
            person_id = add_person(tx, name, username, roles)
            give_badge(tx, person_id, badge)
            credential = tx.session.get_one(Credential, person_id)
            credential.pin_hash = hashed(pin)
            credential.password_hash = hashed("violet kettle orbit seven")
            member = Member(
                person_id, name, username, frozenset(roles), badge, pin, "violet kettle orbit seven"
            )
            found[username] = member
    return found


@pytest.fixture
def signed_in(db: Db, cast: dict[str, Member]) -> Callable[..., Who]:
    """Sign one of the cast in and give the Who of that sign-in; the token is forgotten."""

    def do(username: str, where: Where = HOOD) -> Who:
        return sign_in(db, cast[username].both(), where).who

    return do


@pytest.fixture
def standing(db: Db) -> Callable[..., Who | None]:
    """Ask who stands behind a token now."""

    def ask(token: str, where: Where = HOOD, *, step_open: bool = False) -> Who | None:
        return who_is(db, token, now=db.clock(), where=where, step_open=step_open).who

    return ask
