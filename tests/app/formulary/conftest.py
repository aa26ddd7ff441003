"""The cast of the formulary's tests, as people of a database."""

from dataclasses import dataclass

import pytest

from app.core.permissions import Role
from app.db.session import SYSTEM, Db, Who
from app.identity.models import Person


@dataclass(frozen=True)
class Cast:
    tina: Who
    pablo: Who
    petra: Who
    nina: Who


@pytest.fixture
def cast(db: Db) -> Cast:
    roles = {"tina": Role.TECHNICIAN, "pablo": Role.PHARMACIST, "petra": Role.PHARMACIST, "nina": Role.NURSE}
    people = {}
    with db.write(SYSTEM) as tx:
        for name, role in roles.items():
            person = Person(name=name, username=name, created_at=tx.now)
            tx.session.add(person)
            tx.session.flush()
            people[name] = Who(person.id, name, frozenset({role}))
    return Cast(**people)
