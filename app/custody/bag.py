"""One labelled bag and what a scan of it answers: may it be given, and if not, why and what to do now."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from app.core.wording import clock, instant
from app.core.workflow import State
from app.custody.whereabouts import GONE, Fact, Stage, What, Whereabouts, of_the_bag
from app.orders.facts import OldLabel, OrderFacts

GIVEN_BY_THEN = timedelta(hours=12)
"""A dose that fell due this long before its order stopped was dealt with then: nobody looks for it in a drawer."""


class Kind(StrEnum):
    """The kinds of answer to a scan."""

    UNCHECKED = "unchecked"
    DO_NOT_GIVE = "do not give"
    ELSEWHERE = "elsewhere"
    RECEIVED = "received"
    NOW_RECEIVED = "received by this scan"
    FREE = "free"


@dataclass(frozen=True)
class Bag:
    """A labelled bag: the state of its work, its label, its order as it stands now, and everything done to it.

    `old_label` is set where the label shows a record number or a name that the patient has no more. `why_not` says
    why the order no longer wants it, since `why_not_since`; `recalled` names recalled lots in it, in sentences;
    `labelled_for` is the unit and bed printed on the label, `storage` how it is to be kept.
    """

    serial: str
    work_id: int
    dose_id: int
    state: State
    void: bool
    beyond_use: datetime
    due_at: datetime
    order: OrderFacts
    labelled_for: str
    storage: str
    old_label: OldLabel | None
    why_not: str | None
    why_not_since: datetime | None
    recalled: tuple[str, ...]
    facts: tuple[Fact, ...]

    @property
    def where(self) -> Whereabouts:
        return of_the_bag(self.facts)

    @property
    def released(self) -> bool:
        """Whether it was ever released, so that it may be on a ward."""
        return any(fact.what is What.RELEASE for fact in self.facts)


@dataclass(frozen=True)
class Answer:
    """What a scan answers: one title to be read at arm's length, why, and what to do now."""

    kind: Kind
    title: str
    why: str
    remedy: str = ""


def answer(bag: Bag, now: datetime) -> Answer:
    """Say plainly whether a scanned bag may be given, whoever asks.

    Until its release every bag answers 'Not checked. Do not give.' Afterwards the first reason not to give it counts.
    """
    if bag.state in (State.QUEUED, State.MAKING, State.PAUSED, State.MADE):
        return _unchecked(bag)
    if why := why_not_to_be_given(bag, now):
        return Answer(Kind.DO_NOT_GIVE, "Do not give.", *why)
    where, zone = bag.where, bag.order.zone
    if where.stage is Stage.RECEIVED and where.received:
        told = f"Received by {where.received.who} at {instant(where.received.at, zone)}, {where.received.place}."
        return Answer(Kind.RECEIVED, "Already received.", told)
    return Answer(Kind.FREE, "Checked and released.", _standing(where, zone))


def _unchecked(bag: Bag) -> Answer:
    where = bag.where
    told = f"It is {where.words}, since {instant(where.since, bag.order.zone)}."
    if bag.void:
        told += " This label is void: another one was printed for the same dose."
    remedy = "Do not use it and do not keep it on the ward. Take it back to the pharmacy, or call the pharmacy desk."
    return Answer(Kind.UNCHECKED, "Not checked. Do not give.", told, remedy)


def _standing(where: Whereabouts, zone: str) -> str:
    by = f", {where.who}" if where.who else ""
    return f"It is {where.words}, since {instant(where.since, zone)}{by}."


ANEW = (
    "Do not give it under this label. Ask the pharmacy: take it out of the drawer and send it back to the pharmacy, "
    "which makes it anew."
)
BACK = "Take it out of the drawer and send it back to the pharmacy."


def why_not_to_be_given(bag: Bag, now: datetime) -> tuple[str, str] | None:
    """Why a bag that has left the check must not be given, and what to do; None when nothing speaks against it."""
    zone, end = bag.order.zone, bag.facts[-1] if bag.facts else None
    ended = next((fact for fact in reversed(bag.facts) if fact.what in _ENDS), end)
    if bag.state is State.REFUSED and bag.released and ended:
        return f"A pharmacist withdrew it at {instant(ended.at, zone)}: {ended.note}.", BACK
    if bag.state is State.REFUSED and ended:
        return f"A pharmacist refused it at {instant(ended.at, zone)}: {ended.note}.", BACK
    if bag.state is State.DROPPED and ended:
        return f"It was rejected at the hood at {instant(ended.at, zone)}: {ended.note}.", BACK
    if bag.void:
        return "This label is void: another one was printed for the same dose.", f"Scan the other label. {BACK}"
    if bag.old_label:
        words = bag.old_label.words(zone)
        return f"{words[:1].upper()}{words[1:]}.", ANEW
    if bag.why_not:
        since = f" at {instant(bag.why_not_since, zone)}" if bag.why_not_since else ""
        return f"{bag.why_not[:1].upper()}{bag.why_not[1:]}{since}.", BACK
    if bag.recalled:
        return " ".join(sentence.rstrip(".") + "." for sentence in bag.recalled), BACK
    if bag.beyond_use <= now:
        return f"Its beyond-use date has passed: {instant(bag.beyond_use, zone, named=True)}.", BACK
    where = bag.where
    if where.stage is Stage.GIVEN:
        return f"It was given at {instant(where.since, zone)}, says {where.who}.", "Do not give it again."
    if where.stage in GONE:
        done = f"It was noted as {where.stage.split(',')[0]} by {where.who} at {instant(where.since, zone)}."
        return done, "Ask the pharmacy desk for another one if the dose is still due."
    return None


_ENDS = (What.REFUSE, What.WITHDRAW, What.DROP)


def must_come_out(bag: Bag, now: datetime) -> bool:
    """Tell whether a released bag may lie in a drawer and must be taken out of it."""
    if not bag.released or bag.where.stage in GONE:
        return False
    if bag.state is State.REFUSED:
        return True
    changed = bag.old_label.since if bag.old_label else None
    if bag.old_label and (changed is None or bag.due_at > changed - GIVEN_BY_THEN):
        return True
    if bag.why_not and (bag.why_not_since is None or bag.due_at > bag.why_not_since - GIVEN_BY_THEN):
        return True
    if bag.recalled and bag.due_at > now - GIVEN_BY_THEN:
        return True
    return bag.beyond_use <= now < bag.due_at


def elsewhere(bag: Bag) -> Answer:
    """The answer for a bag that may be given, but to nobody in the beds that were picked."""
    whose = f"It is for {bag.order.patient.name} in {bag.order.place}."
    return Answer(Kind.ELSEWHERE, "Not for your beds.", whose, f"Take it to {bag.order.place}, or receive it for them.")


def just_received(bag: Bag) -> Answer:
    """The answer to the scan that received a bag."""
    use_by = f"Use by {instant(bag.beyond_use, bag.order.zone, named=True)}."
    whose = f"For {bag.order.patient.name} in {bag.order.place}."
    return Answer(Kind.NOW_RECEIVED, "Received.", f"{whose} {use_by}", bag.storage)


def where_to_look(bag: Bag) -> tuple[str, ...]:
    """Where to look for a bag that is not there, likeliest place first, in sentences; the desk's call comes last."""
    where, zone, found = bag.where, bag.order.zone, []
    seen = where.last
    if bag.labelled_for and bag.labelled_for != bag.order.place:
        found.append(f"The label says {bag.labelled_for}, the patient is now in {bag.order.place}: look in both.")
    handed = next((f for f in reversed(bag.facts) if f.what in _LEFT), None)
    if handed is None:
        found.append("No scan says that it left the pharmacy. It may still lie there, ready.")
    elif handed.what is What.ARRIVED:
        found.append(f"It came to {handed.place} at {clock(handed.at, zone)}. Look where deliveries are put.")
    elif handed.what is What.HANDED_OVER:
        found.append(f"It left the pharmacy at {clock(handed.at, zone)}. Look where deliveries arrive.")
    else:
        found.append(f"It was received in {handed.place} at {clock(handed.at, zone)}. Look in the patient's drawer.")
    if "refrigerat" in bag.storage.lower() and (seen is None or "refrigerat" not in seen.place.lower()):
        found.append("It is kept cold: look in the medication refrigerator.")
    return tuple(found)


_LEFT = (What.HANDED_OVER, What.ARRIVED, What.RECEIVED)
