"""Where a dose is, told from dated facts alone: ordered, verified, made, checked, handed over, received.

Nothing here is stored. Each fact is something that somebody did at an instant; the last one that moved the dose says
where it is, and the last one at which somebody had it in hand is the last scan.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from app.core.errors import Refused


class What(StrEnum):
    """What can be done to an order, to the work that serves a dose, and to the labelled dose itself."""

    ORDERED = "ordered"
    VERIFIED = "verified"
    CLAIM = "claim"
    PAUSE = "pause"
    RESUME = "resume"
    TAKE_OVER = "take_over"
    FINISH = "finish"
    TAKE_BACK = "take_back"
    RELEASE = "release"
    SEND_BACK = "send_back"
    REFUSE = "refuse"
    WITHDRAW = "withdraw"
    DROP = "drop"
    SCANNED = "scanned"
    HANDED_OVER = "handed over"
    RECEIVED = "received"
    NOT_HERE = "not here"
    FOUND = "found"
    TAKEN_OUT = "taken out"
    RETURNED = "returned"
    DAMAGED = "damaged"


NOTED = (
    What.SCANNED,
    What.HANDED_OVER,
    What.RECEIVED,
    What.NOT_HERE,
    What.FOUND,
    What.TAKEN_OUT,
    What.RETURNED,
    What.DAMAGED,
)
"""What is noted about a label itself, wherever it is; the rest are facts of the order and of the work."""


class Stage(StrEnum):
    """How far a dose has come; the text is what a ward reads."""

    ORDERED = "ordered, waits for a pharmacist"
    VERIFIED = "verified, waits to be made"
    MAKING = "being made"
    PAUSED = "being made, paused"
    MADE = "made, waits for its check"
    RELEASED = "released, ready in the pharmacy"
    ON_ITS_WAY = "handed over, on its way"
    RECEIVED = "received"
    MISSING = "not found"
    TAKEN_OUT = "taken out, not to be given"
    RETURNED = "returned to the pharmacy"
    DAMAGED = "damaged, not to be given"


LABELLED = (Stage.RELEASED, Stage.ON_ITS_WAY, Stage.RECEIVED, Stage.MISSING)
GONE = (Stage.TAKEN_OUT, Stage.RETURNED, Stage.DAMAGED)
"""From RELEASED on a dose can be anywhere; once it is in one of GONE it is not given any more."""

_LEADS_TO = {
    What.ORDERED: Stage.ORDERED,
    What.VERIFIED: Stage.VERIFIED,
    What.CLAIM: Stage.MAKING,
    What.RESUME: Stage.MAKING,
    What.TAKE_OVER: Stage.MAKING,
    What.TAKE_BACK: Stage.MAKING,
    What.SEND_BACK: Stage.MAKING,
    What.PAUSE: Stage.PAUSED,
    What.FINISH: Stage.MADE,
    What.RELEASE: Stage.RELEASED,
    What.REFUSE: Stage.VERIFIED,
    What.WITHDRAW: Stage.VERIFIED,
    What.DROP: Stage.VERIFIED,
    What.HANDED_OVER: Stage.ON_ITS_WAY,
    What.RECEIVED: Stage.RECEIVED,
    What.NOT_HERE: Stage.MISSING,
    What.TAKEN_OUT: Stage.TAKEN_OUT,
    What.RETURNED: Stage.RETURNED,
    What.DAMAGED: Stage.DAMAGED,
}
_ENDED = (What.REFUSE, What.WITHDRAW, What.DROP)
_NOT_IN_HAND = (What.ORDERED, What.VERIFIED, What.NOT_HERE)

MAY_FOLLOW: dict[What, tuple[Stage, ...]] = {
    What.SCANNED: tuple(Stage),
    What.HANDED_OVER: (Stage.RELEASED, Stage.MISSING),
    What.RECEIVED: (Stage.RELEASED, Stage.ON_ITS_WAY, Stage.MISSING),
    What.NOT_HERE: (Stage.RELEASED, Stage.ON_ITS_WAY, Stage.RECEIVED),
    What.FOUND: (Stage.MISSING,),
    What.TAKEN_OUT: LABELLED,
    What.RETURNED: (*LABELLED, Stage.TAKEN_OUT, Stage.DAMAGED),
    What.DAMAGED: (*LABELLED, Stage.TAKEN_OUT, Stage.RETURNED),
}
"""From which stages each note can be made; a note that cannot follow is refused in words."""


@dataclass(frozen=True)
class Fact:
    """Something that was done: what, when (UTC), by whom, at which station or place, and why or for whom."""

    what: What
    at: datetime
    who: str = ""
    place: str = ""
    note: str = ""


@dataclass(frozen=True)
class Whereabouts:
    """Where a dose is: its stage since when, by whom, where; when it was released; the last time it was in hand.

    `again` says that an earlier try of this dose came to nothing; `received` is the receipt, whatever came later.
    """

    stage: Stage
    since: datetime
    who: str
    place: str
    note: str
    ready_at: datetime | None = None
    last: Fact | None = None
    received: Fact | None = None
    again: bool = False

    @property
    def words(self) -> str:
        """The stage as a ward reads it."""
        return "to be made again" if self.stage is Stage.VERIFIED and self.again else str(self.stage)


def where_is(facts: Iterable[Fact]) -> Whereabouts:
    """Tell where a dose is from everything that was done to it, in the order of its instants.

    Facts of one instant keep the order in which they are given. Raises ValueError when there is no fact at all.
    """
    ordered = sorted(facts, key=lambda fact: fact.at)
    if not ordered:
        raise ValueError("A dose without a single fact is nowhere.")
    first = ordered[0]
    now = Whereabouts(Stage.ORDERED, first.at, first.who, first.place, first.note)
    before = now
    for fact in ordered:
        now, before = _after(now, before, fact)
    return now


def _after(now: Whereabouts, before: Whereabouts, fact: Fact) -> tuple[Whereabouts, Whereabouts]:
    """One step of the fold: how it stands after a fact, and how it stood before it went missing."""
    last = now.last if fact.what in _NOT_IN_HAND else fact
    if fact.what is What.SCANNED:
        return replace(now, last=last), before
    if fact.what is What.FOUND:
        # Found: it is again what it was before it was missed, but there where it was found.
        was = before if now.stage is Stage.MISSING else now
        back = replace(was, since=fact.at, who=fact.who, place=fact.place, note=fact.note, last=last)
        return back, before
    stage = _LEADS_TO[fact.what]
    then = Whereabouts(
        stage=stage,
        since=fact.at,
        who=fact.who,
        # Nobody knows where a missing dose is; what stands there is where it was last.
        place=now.place if stage is Stage.MISSING else fact.place,
        note=fact.note,
        ready_at=_ready_at(now, stage, fact),
        last=last,
        received=fact if fact.what is What.RECEIVED else None if stage not in (*LABELLED, *GONE) else now.received,
        again=fact.what in _ENDED or (now.again and stage is Stage.VERIFIED),
    )
    missed_now = stage is Stage.MISSING and now.stage is not Stage.MISSING
    return then, (now if missed_now else before)


def _ready_at(now: Whereabouts, stage: Stage, fact: Fact) -> datetime | None:
    if fact.what is What.RELEASE:
        return fact.at
    return now.ready_at if stage in (*LABELLED, *GONE) else None


def of_the_bag(facts: Iterable[Fact]) -> Whereabouts:
    """Tell where one labelled bag is, whether or not it still serves its dose: a withdrawn bag lies somewhere too."""
    return where_is(fact for fact in facts if fact.what is not What.WITHDRAW)


def refuse_unless_it_can_follow(what: What, where: Whereabouts) -> None:
    """Let a note be made, or refuse it in words. Raises Refused."""
    if where.stage in MAY_FOLLOW[what]:
        return
    if where.stage not in (*LABELLED, *GONE):
        raise Refused(f"This dose is {where.words}. Only a released dose can be {_past(what)}.")
    if what is What.FOUND:
        raise Refused("Nobody misses this dose, so there is nothing to find. Reload the page.")
    raise Refused(f"This dose is {where.words}: it can not be {_past(what)} now. Reload the page.")


def _past(what: What) -> str:
    return "noted as not here" if what is What.NOT_HERE else str(what)
