"""How long: wrong attempts slow down, an idle station locks, a sign-in ends. Pure; time is an argument.

Sources: 21 CFR 11.200 and 11.300(d); NIST SP 800-63B-4 (at most 100 wrong attempts in a row, 12 hours at most).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.core.errors import Invalid
from app.core.permissions import May, Role, allowed

FREE_ATTEMPTS = 5
FIRST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(minutes=15)
CLOSED_AFTER = 100
IDLE = {"hood": timedelta(minutes=10), "ward": timedelta(minutes=10), "desk": timedelta(minutes=15)}
LONGEST_SIGN_IN = timedelta(hours=12)
TO_FINISH_A_STEP = timedelta(hours=1)
SEEN_EVERY = timedelta(minutes=1)
PROOF_LASTS = timedelta(minutes=2)
INVITATION_LASTS = timedelta(hours=72)
UNKNOWN_FORGOTTEN = timedelta(days=1)

PREPARERS = frozenset({Role.TECHNICIAN, Role.LEAD_TECHNICIAN})


@dataclass(frozen=True)
class Where:
    """The station at which somebody stands: its number and kind ('hood', 'desk' or 'ward')."""

    id: int
    kind: str

    def __post_init__(self) -> None:
        if self.kind not in IDLE:
            raise ValueError(f"'{self.kind}' is no kind of station.")


@dataclass(frozen=True)
class Stretch:
    """The dated facts of one sign-in."""

    started_at: datetime
    seen_at: datetime
    locked_at: datetime | None = None
    ended_at: datetime | None = None


def wait_after(wrong: int) -> timedelta:
    """Tell how long to wait after so many wrong attempts in a row: none below five, then 30 s doubling to 15 min."""
    if wrong < FREE_ATTEMPTS:
        return timedelta(0)
    doubled: int = 2 ** min(wrong - FREE_ATTEMPTS, 10)
    return min(FIRST_WAIT * doubled, LONGEST_WAIT)


def slowed(wrong: int, until: datetime | None, now: datetime, secret: str = "PIN") -> str | None:
    """Say that an attempt must wait, or None. After 100 wrong ones in a row only a pharmacist reopens."""
    if wrong >= CLOSED_AFTER:
        return f"Too many wrong {secret}s. This sign-in is closed: ask any pharmacist to reopen it."
    if until is None or now >= until:
        return None
    return f"Too many wrong {secret}s. Wait {_in_words(until - now)}, or ask any pharmacist to reopen your sign-in."


def ended(stretch: Stretch, now: datetime, *, step_open: bool) -> str | None:
    """Say why a sign-in is over, or None. It lasts 12 hours; an open step may be finished within one hour more."""
    if stretch.ended_at is not None:
        return "You are signed out. Sign in with your badge and PIN."
    longest = LONGEST_SIGN_IN + (TO_FINISH_A_STEP if step_open else timedelta(0))
    if now - stretch.started_at >= longest:
        return "You signed in 12 hours ago, so this sign-in has ended. Sign in again; your work is kept."
    return None


def idle(stretch: Stretch, now: datetime, kind: str, *, step_open: bool) -> bool:
    """Tell whether a station has stood idle long enough to lock: never in the middle of a step."""
    return not step_open and now - stretch.seen_at >= IDLE[kind]


def check_roles(roles: Iterable[Role]) -> frozenset[Role]:
    """Return the roles as a set, or say which can not go together.

    Whoever prepares does not check, so a technician holds no role that checks. Raises Invalid.
    """
    held = frozenset(Role(role) for role in roles)
    if not held:
        raise Invalid({"roles": "Choose at least one role."})
    checkers = [role for role in Role if role in held and allowed([role], May.CHECK)]
    makers = [role for role in Role if role in held & PREPARERS]
    if checkers and makers:
        told = f"One person can not be {makers[0]} and {checkers[0]}: whoever prepares does not check. Choose one."
        raise Invalid({"roles": told})
    return held


def _in_words(wait: timedelta) -> str:
    seconds = -(-wait // timedelta(seconds=1))
    if seconds <= 90:
        return f"{seconds} second" + ("s" if seconds != 1 else "")
    return f"{-(-seconds // 60)} minutes"
