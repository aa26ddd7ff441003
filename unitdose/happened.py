"""What becomes of packages after their delivery, and what is left of a line: the ledger's equation as a value.

Delivered = given + returned + wasted + missing + still on the unit, for every line at every moment.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

NONE = Decimal(0)


class Happened(StrEnum):
    """What can happen to delivered packages of one line; each with a number of packages."""

    GIVEN = "given"
    TAKEN_OUT = "taken out"
    MISSING = "missing"
    FOUND = "found"
    RESTOCKED = "restocked"
    QUARANTINED = "quarantined"
    WASTED = "wasted"


RETURNED = (Happened.RESTOCKED, Happened.QUARANTINED, Happened.WASTED)

CAUSES = (
    "not sent", "wrong drawer", "other unit", "already given", "discontinued", "times differ", "in the tube",
    "in the refrigerator", "diverted", "unknown",
)  # fmt: skip
"""Why a dose was missing, coded by the pharmacy when it resolves it."""


@dataclass(frozen=True, slots=True)
class Left:
    """What was delivered of one line, and how many packages of it had what happen to them."""

    delivered: Decimal
    happened: Mapping[Happened, Decimal]

    def of(self, what: Happened) -> Decimal:
        return self.happened.get(what, NONE)

    @property
    def missing(self) -> Decimal:
        """Packages that nobody has found again."""
        return self.of(Happened.MISSING) - self.of(Happened.FOUND)

    @property
    def returned(self) -> Decimal:
        return sum((self.of(what) for what in RETURNED), NONE)

    @property
    def on_unit(self) -> Decimal:
        """Packages that are still on the ward, in the drawer or taken out of it."""
        return self.delivered - self.of(Happened.GIVEN) - self.missing - self.returned

    @property
    def in_drawer(self) -> Decimal:
        """Packages that may still lie in the drawer: what was taken out is on the ward until it comes back."""
        waiting = max(NONE, self.of(Happened.TAKEN_OUT) - self.returned)
        return max(NONE, self.on_unit - waiting)
