"""Where a dose is, told from dated facts alone: ordered, verified, made or picked, checked, under way, received, given.

Nothing here is stored. Each fact is something that somebody did at an instant; the last one that moved the dose says
where it is, and the last one at which somebody had it in hand is the last scan.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from app.core.errors import Refused


class What(StrEnum):
    """What can be done to an order, to the work or the cart that serves a dose, and to what its label is on."""

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
    PLANNED = "planned"
    SHORT = "short"
    PUT = "put"
    FILLED = "filled"
    REOPENED = "reopened"
    PULLED = "pulled"
    STRUCK = "struck"
    SCANNED = "scanned"
    PACKED = "packed"
    UNPACKED = "unpacked"
    HANDED_OVER = "handed over"
    ARRIVED = "arrived"
    RECEIVED = "received"
    REJECTED = "rejected"
    SENT_ON = "sent on"
    CAME_ALONG = "came along"
    GIVEN = "given"
    NOT_HERE = "not here"
    FOUND = "found"
    TAKEN_OUT = "taken out"
    RETURNED = "returned"
    DAMAGED = "damaged"


OF_A_CART = (What.PLANNED, What.SHORT, What.PUT, What.FILLED, What.REOPENED, What.PULLED, What.STRUCK)
"""What happens to a dose that a cart brings before its drawer is checked."""

NOTED = (
    What.SCANNED,
    What.PACKED,
    What.UNPACKED,
    What.HANDED_OVER,
    What.ARRIVED,
    What.RECEIVED,
    What.REJECTED,
    What.SENT_ON,
    What.CAME_ALONG,
    What.GIVEN,
    What.NOT_HERE,
    What.FOUND,
    What.TAKEN_OUT,
    What.RETURNED,
    What.DAMAGED,
)
"""What is noted about a label itself, a bag's or a drawer's, wherever it is; the rest are facts of order and work."""


class Stage(StrEnum):
    """How far a dose has come; the text is what a ward reads."""

    ORDERED = "ordered, waits for a pharmacist"
    VERIFIED = "verified, waits to be made"
    PLANNED = "planned, waits to be picked"
    SHORT = "short, the pharmacy has too little of it"
    PICKED = "picked, waits for its check"
    MAKING = "being made"
    PAUSED = "being made, paused"
    MADE = "made, waits for its check"
    RELEASED = "released, ready in the pharmacy"
    PACKED = "packed, ready to leave"
    ON_ITS_WAY = "handed over, on its way"
    ARRIVED = "on the ward, not accepted yet"
    RECEIVED = "received"
    WITH_PATIENT = "on its way with the patient"
    MISSING = "not found"
    GIVEN = "given"
    REJECTED = "rejected on the ward, to go back"
    TAKEN_OUT = "taken out, not to be given"
    RETURNED = "returned to the pharmacy"
    DAMAGED = "damaged, not to be given"


UNDER_WAY = (Stage.RELEASED, Stage.PACKED, Stage.ON_ITS_WAY, Stage.ARRIVED)
"""Checked, and no nurse has it yet."""
LABELLED = (*UNDER_WAY, Stage.RECEIVED, Stage.WITH_PATIENT, Stage.MISSING)
GONE = (Stage.GIVEN, Stage.REJECTED, Stage.TAKEN_OUT, Stage.RETURNED, Stage.DAMAGED)
"""From RELEASED on a dose can be anywhere; once it is in one of GONE it is not given any more."""
ON_A_WARD = (Stage.ARRIVED, Stage.RECEIVED, Stage.WITH_PATIENT)
"""A drawer in one of these may be opened for a dose."""

_WORD = {
    Stage.ORDERED: "Ordered",
    Stage.VERIFIED: "To be made",
    Stage.PLANNED: "Planned",
    Stage.SHORT: "Short",
    Stage.PICKED: "Waits for check",
    Stage.MAKING: "Being made",
    Stage.PAUSED: "Being made",
    Stage.MADE: "Waits for check",
    Stage.RELEASED: "Ready",
    Stage.PACKED: "Packed",
    Stage.ON_ITS_WAY: "On its way",
    Stage.ARRIVED: "Arrived",
    Stage.RECEIVED: "Received",
    Stage.WITH_PATIENT: "Moving",
    Stage.MISSING: "Not found",
    Stage.GIVEN: "Given",
    Stage.REJECTED: "Rejected",
    Stage.TAKEN_OUT: "Taken out",
    Stage.RETURNED: "Returned",
    Stage.DAMAGED: "Damaged",
}

_SHAPE = {
    Stage.SHORT: "caution",
    Stage.RELEASED: "now",
    Stage.PACKED: "now",
    Stage.ON_ITS_WAY: "now",
    Stage.ARRIVED: "now",
    Stage.RECEIVED: "ok",
    Stage.WITH_PATIENT: "now",
    Stage.MISSING: "caution",
    Stage.GIVEN: "ok",
    Stage.REJECTED: "held",
    Stage.TAKEN_OUT: "held",
    Stage.RETURNED: "held",
    Stage.DAMAGED: "held",
}

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
    What.PLANNED: Stage.PLANNED,
    What.SHORT: Stage.SHORT,
    What.PUT: Stage.PICKED,
    What.FILLED: Stage.PICKED,
    What.REOPENED: Stage.PICKED,
    What.PULLED: Stage.PLANNED,
    What.STRUCK: Stage.VERIFIED,
    What.PACKED: Stage.PACKED,
    What.UNPACKED: Stage.RELEASED,
    What.HANDED_OVER: Stage.ON_ITS_WAY,
    What.ARRIVED: Stage.ARRIVED,
    What.RECEIVED: Stage.RECEIVED,
    What.REJECTED: Stage.REJECTED,
    What.SENT_ON: Stage.WITH_PATIENT,
    What.CAME_ALONG: Stage.RECEIVED,
    What.GIVEN: Stage.GIVEN,
    What.NOT_HERE: Stage.MISSING,
    What.TAKEN_OUT: Stage.TAKEN_OUT,
    What.RETURNED: Stage.RETURNED,
    What.DAMAGED: Stage.DAMAGED,
}
_ENDED = (What.REFUSE, What.WITHDRAW, What.DROP)
_NOT_IN_HAND = (What.ORDERED, What.VERIFIED, What.PLANNED, What.SHORT, What.STRUCK, What.NOT_HERE)

MAY_FOLLOW: dict[What, tuple[Stage, ...]] = {
    What.SCANNED: tuple(Stage),
    What.PACKED: (Stage.RELEASED,),
    What.UNPACKED: (Stage.PACKED, Stage.ON_ITS_WAY),
    What.HANDED_OVER: (Stage.RELEASED, Stage.PACKED, Stage.MISSING),
    What.ARRIVED: (Stage.PACKED, Stage.ON_ITS_WAY),
    What.RECEIVED: (*UNDER_WAY, Stage.MISSING),
    What.REJECTED: (*UNDER_WAY, Stage.MISSING),
    What.SENT_ON: (Stage.ARRIVED, Stage.RECEIVED),
    What.CAME_ALONG: (Stage.WITH_PATIENT,),
    What.GIVEN: LABELLED,
    What.NOT_HERE: (*UNDER_WAY, Stage.RECEIVED, Stage.WITH_PATIENT),
    What.FOUND: (Stage.MISSING,),
    What.TAKEN_OUT: LABELLED,
    What.RETURNED: (*LABELLED, Stage.TAKEN_OUT, Stage.REJECTED, Stage.DAMAGED),
    What.DAMAGED: (*LABELLED, Stage.TAKEN_OUT, Stage.REJECTED, Stage.RETURNED),
}
"""From which stages each note can be made; a note that cannot follow is refused in words."""


@dataclass(frozen=True)
class Fact:
    """Something that was done: what, when (UTC), by whom, at which station or place, and why or for whom.

    `unit_id` is the ward on which it was done, where that is known.
    """

    what: What
    at: datetime
    who: str = ""
    place: str = ""
    note: str = ""
    unit_id: int | None = None


@dataclass(frozen=True)
class Whereabouts:
    """Where a dose is: its stage since when, by whom, where; when it was released; the last time it was in hand.

    `again` says that an earlier try of this dose came to nothing; `received` is the receipt, whatever came later;
    `by_cart` that it is picked and not made; `unit_id` the ward on which it was seen last.
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
    by_cart: bool = False
    unit_id: int | None = None

    @property
    def words(self) -> str:
        """The stage as a ward reads it."""
        if self.stage is Stage.VERIFIED and self.again:
            return "to be picked again" if self.by_cart else "to be made again"
        return "verified, in no cart yet" if self.stage is Stage.VERIFIED and self.by_cart else str(self.stage)

    @property
    def shape(self) -> str:
        """The shape of that mark: now, ok, caution, held or waiting."""
        return _SHAPE.get(self.stage, "waiting")

    @property
    def word(self) -> str:
        """The stage in a word or two, for a mark that also has a shape."""
        return "Verified" if self.stage is Stage.VERIFIED and self.by_cart else _WORD[self.stage]


def where_is(facts: Iterable[Fact], *, by_cart: bool = False) -> Whereabouts:
    """Tell where a dose is from everything that was done to it, in the order of its instants.

    Facts of one instant keep the order in which they are given. Raises ValueError when there is no fact at all.
    """
    ordered = sorted(facts, key=lambda fact: fact.at)
    if not ordered:
        raise ValueError("A dose without a single fact is nowhere.")
    first = ordered[0]
    now = Whereabouts(Stage.ORDERED, first.at, first.who, first.place, first.note, by_cart=by_cart)
    before = now
    for fact in ordered:
        now, before = _after(now, before, fact)
    return now


def _after(now: Whereabouts, before: Whereabouts, fact: Fact) -> tuple[Whereabouts, Whereabouts]:
    """One step of the fold: how it stands after a fact, and how it stood before it went missing."""
    last = now.last if fact.what in _NOT_IN_HAND else fact
    if fact.what is What.SCANNED or (fact.what in OF_A_CART and now.stage in (*LABELLED, *GONE)):
        # A plan that changes after the check moves nothing: what has left must be taken out where it lies.
        return replace(now, last=last), before
    if now.stage is Stage.GIVEN and fact.what in _OF_WHAT_WAS_GIVEN[now.by_cart]:
        # The bedside told of it before the scans of its way did, or its clock goes behind: it stays given.
        return replace(now, last=last, received=fact if fact.what is What.RECEIVED else now.received), before
    if fact.what is What.FOUND:
        # Found: it is again what it was before it was missed, but there where it was found.
        was = before if now.stage is Stage.MISSING else now
        unit_id = fact.unit_id or was.unit_id
        back = replace(was, since=fact.at, who=fact.who, place=fact.place, note=fact.note, last=last, unit_id=unit_id)
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
        by_cart=now.by_cart,
        unit_id=fact.unit_id or (now.unit_id if stage in (*LABELLED, *GONE) else None),
    )
    missed_now = stage is Stage.MISSING and now.stage is not Stage.MISSING
    return then, (now if missed_now else before)


_ON_ITS_WAY = (What.PACKED, What.UNPACKED, What.HANDED_OVER, What.ARRIVED, What.RECEIVED, What.SENT_ON, What.CAME_ALONG)
# A bag is given as a whole; of a cart's line one package may be given and another be missed.
_OF_WHAT_WAS_GIVEN = {False: (*_ON_ITS_WAY, What.NOT_HERE, What.FOUND), True: _ON_ITS_WAY}


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
    return {
        What.NOT_HERE: "noted as not here",
        What.PACKED: "packed into a tote",
        What.UNPACKED: "taken out of a tote",
        What.ARRIVED: "delivered",
        What.SENT_ON: "sent on with the patient",
        What.CAME_ALONG: "received with the patient",
    }.get(what, str(what))
