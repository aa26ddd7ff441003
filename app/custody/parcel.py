"""Whatever carries a label and travels: a bag or a drawer; and why it may not be packed, in words."""

from dataclasses import dataclass

from app.core.workflow import State, in_words
from app.custody.whereabouts import Fact, Stage, Whereabouts, of_the_bag


@dataclass(frozen=True)
class Parcel:
    """A labelled bag or drawer (`kind` of its work): the state of its work, its label, and everything done to it."""

    serial: str
    work_id: int
    kind: str
    state: State
    void: bool
    facts: tuple[Fact, ...]

    @property
    def is_drawer(self) -> bool:
        return self.kind == "drawer"

    @property
    def where(self) -> Whereabouts:
        return of_the_bag(self.facts)

    @property
    def called(self) -> str:
        return "drawer" if self.is_drawer else "dose"


def why_not_to_be_packed(parcel: Parcel) -> str | None:
    """Why a parcel stays in the pharmacy, and what to do now; None when it may leave."""
    if parcel.void:
        return "This label is void: another one was printed in its place. Scan the other label."
    if parcel.state in (State.REFUSED, State.DROPPED):
        return f"Do not send this {parcel.called}: it is {in_words(parcel.state)}. Take it to the pharmacist."
    if parcel.state is not State.RELEASED:
        told = in_words(parcel.state)
        return f"Not checked. This {parcel.called} is {told}. It leaves when a pharmacist has released it."
    where = parcel.where
    if where.stage in (Stage.RELEASED, Stage.PACKED, Stage.MISSING):
        return None
    return f"This {parcel.called} is {where.words}. It can not be packed: look at it before anything is sent."
