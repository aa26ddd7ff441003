"""The stations and people of these tests: what each of the cast knows and carries."""

from dataclasses import dataclass, replace
from functools import cache

from app.core.permissions import Role
from app.db.session import Who
from app.identity.actions import Given
from app.identity.credentials import hash_secret
from app.identity.limits import Where

HOOD, OTHER_HOOD, DESK, WARD = Where(1, "hood"), Where(2, "hood"), Where(3, "desk"), Where(4, "ward")
FOUNDER = Who(None, "Installation", frozenset({Role.ADMIN}))


@cache
def hashed(secret: str) -> str:
    """Hashing is slow by design, so each secret is hashed once for all tests."""
    return hash_secret(secret)


@dataclass(frozen=True)
class Member:
    """One of the cast: number, and what they know and carry."""

    id: int
    name: str
    username: str
    roles: frozenset[Role]
    badge: str
    pin: str
    password: str

    def both(self, pin: str | None = None) -> Given:
        return Given(badge=self.badge, pin=pin or self.pin)

    def at_a_desk(self, password: str | None = None) -> Given:
        return Given(username=self.username, password=password or self.password)

    def who(self, station_id: int | None = None) -> Who:
        return Who(self.id, self.name, self.roles, station_id)


def elsewhere(who: Who, where: Where) -> Who:
    """The same person and session, but standing at another station."""
    return replace(who, station_id=where.id)
