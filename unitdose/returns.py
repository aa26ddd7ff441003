"""What becomes of a returned unit dose, and what its return may mean: pure rules, the first that hits decides.

Restock only what is sealed, in date with the site's least dating, kept as it must be, not from isolation, with a lot
that can be read. A returned dose that was due, whose order was running and that nobody charted may be an omission.
Source: unit-dose reference §2.8 (restock rules; returnable <= delivered - administered - returned).
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from app.formulary.unit_dose import UnitDoseFacts
from unitdose.happened import Happened

LEAST_DATING = timedelta(days=30)
"""A package that expires sooner is not put back: it would come back to be wasted."""


class Condition(StrEnum):
    """What whoever takes a package back sees of it."""

    SEALED = "sealed"
    OPENED = "opened or damaged"
    ISOLATION = "from an isolation room"
    WARM = "out of the refrigerator"


@dataclass(frozen=True, slots=True)
class Disposition:
    """Where a returned package goes, and why, in words."""

    what: Happened
    why: str


def disposition(
    package: UnitDoseFacts, condition: Condition, expiry: date, recalled: str | None, today: date
) -> Disposition:
    """Decide about one returned package. `recalled` is the reason of its lot's recall, None for none."""
    if recalled is not None:
        return Disposition(Happened.QUARANTINED, f"its lot was recalled ({recalled})")
    if condition is Condition.ISOLATION:
        return Disposition(Happened.WASTED, "it comes from an isolation room")
    if condition is Condition.OPENED:
        return Disposition(Happened.WASTED, "it is opened or damaged")
    if package.stored == "refrigerator":
        # Nobody recorded its temperature on the ward, so nobody knows that it stayed cold.
        return Disposition(Happened.WASTED, "it must be kept cold and was not watched on the ward")
    if condition is Condition.WARM:
        return Disposition(Happened.QUARANTINED, "it is said to have been kept wrongly: a pharmacist decides")
    if package.uses is not None:
        return Disposition(Happened.WASTED, "a container of many doses is one patient's only")
    if expiry <= today:
        return Disposition(Happened.WASTED, "it has expired")
    if expiry < today + LEAST_DATING:
        return Disposition(Happened.QUARANTINED, "it expires within 30 days: use it first, or send it back")
    return Disposition(Happened.RESTOCKED, "it is sealed and in date")


def may_be_omission(due_at: datetime | None, now: datetime, *, active_then: bool, present: bool, charted: bool) -> bool:
    """Whether the return of a dose says that a patient may have missed it: due, ordered, there, and not charted.

    As-needed doses (no instant) are never missed by coming back.
    """
    return due_at is not None and due_at <= now and active_then and present and not charted
