"""Where one order begins and ends in a message, what its control code asks, and what it is called.

Sources: HL7 v2.5.1 chapter 4 (ORC, table 0119); house interoperability notes on grouping and order identity.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from app.interop.amounts import Unreadable
from app.interop.hl7 import Segment
from app.interop.understood import Control
from app.interop.values import Connection, Number, Source

CONTROLS: dict[str, Control] = {
    "NW": "new", "SN": "new", "CH": "new", "XO": "change", "XX": "change", "RP": "replaced", "RU": "replaced",
    "RO": "replacement", "CA": "cancel", "OC": "cancel", "DC": "discontinue", "OD": "discontinue", "HD": "hold",
    "OH": "hold", "RL": "release", "OE": "release", "SC": "status", "RF": "refill", "RR": "refill", "AF": "refill",
    "DF": "refill", "UF": "refill", "FU": "refill", "OF": "refill",
}  # fmt: skip
ASKS_NOTHING = {
    "SS": "a status query", "SR": "an answer to a status query", "LI": "a link between orders",
    "UN": "an unlinking of orders", "MC": "a charge", "PR": "an earlier result",
    "OP": "an order that is dispensed elsewhere", "PY": "an order that is dispensed elsewhere",
    "CN": "a combined result", "RE": "a performed service", "DE": "a report of a data error",
    "OK": "an acceptance", "NA": "an assigned number", "CR": "a cancellation done", "DR": "a discontinuation done",
    "HR": "a hold done", "OR": "a release done", "XR": "a change done", "RQ": "a replacement done",
    "UA": "a refusal", "UC": "a refusal", "UD": "a refusal", "UH": "a refusal", "UR": "a refusal",
    "UX": "a refusal", "UM": "a refusal",
}  # fmt: skip
COMPONENT_KINDS: dict[str, Literal["base", "additive", "unknown"]] = {
    "B": "base", "BASE": "base", "A": "additive", "ADD": "additive", "ADDITIVE": "additive"
}  # fmt: skip
DETAILS = ("RXO", "RXE", "RXD", "RXA", "RXG")


@dataclass(frozen=True, slots=True)
class Group:
    """One ORC with all that follows it; `under` says which detail (ORC, RXO, RXE …) was in force at a segment."""

    orc: Segment
    segments: tuple[Segment, ...]
    under: tuple[str, ...]

    def named(self, name: str, under: str | None = None) -> list[Segment]:
        """The group's segments of that name, in order, all or only those under one detail."""
        return [
            segment
            for segment, where in zip(self.segments, self.under, strict=True)
            if segment.name == name and (under is None or where == under)
        ]


def group_by_orc(segments: Sequence[Segment]) -> list[Group]:
    """Cut the segments at each ORC and remember which detail was in force at each."""
    groups: list[Group] = []
    members: list[Segment] = []
    under: list[str] = []

    def close() -> None:
        if members:
            groups.append(Group(members[0], tuple(members), tuple(under)))

    for segment in segments:
        if segment.name == "ORC":
            close()
            members, under = [segment], ["ORC"]
        elif members:
            members.append(segment)
            under.append(segment.name if segment.name in DETAILS else under[-1])
    close()
    return groups


def order_key(orc: Segment, source: Source, connection: Connection) -> tuple[str, str]:
    """The order's identity over all messages, and the dose's where the feed numbers doses ("" otherwise).

    ORC-2 with its namespace (MSH-3 if that is empty), else ORC-3, marked as the filler's. Raises Unreadable when
    neither is there.
    """
    placer, filler = read_ei(orc, 2), read_ei(orc, 3)
    dose = ""
    if connection.orc2_is == "dose":
        dose = placer.id if placer else ""
        parent, group = read_ei(orc, 8), read_ei(orc, 4)
        placer = parent or group
        filler = filler if filler and filler.id != dose else None
    if placer:
        return f"{placer.id}^{placer.authority or source.application}", dose
    if filler:
        return f"filler {filler.id}^{filler.authority or source.application}", dose
    said = "besides the dose's own number " if connection.orc2_is == "dose" else ""
    raise Unreadable(
        f"The order has no number {said}(ORC-2 and ORC-3 are empty): it cannot be followed. Ask the sender.",
        "ORC-2", orc.span(2),
    )  # fmt: skip


def read_ei(segment: Segment, field: int) -> Number | None:
    """Read an entity identifier (EI, or the placer half of an EIP): number and namespace or universal id."""
    id_ = segment.get(field, 1, 1)
    if not id_:
        return None
    inner = segment.get(field, 1, 2)
    return Number(id_, inner or segment.get(field, 2) or segment.get(field, 3))


def check_shape(group: Group) -> None:
    """Raise Unreadable for a group that cannot be one whole order: two drug lines, a broken line, a loose RXC."""
    for name in ("RXE", "RXO"):
        twice = group.named(name)[1:]
        if twice:
            raise Unreadable(f"One order has two {name} segments: it is two orders in one.", name, twice[0].span())
    before = None
    for segment in group.segments:
        if not segment.name and (before is None or before.name not in ("NTE", "")):
            raise Unreadable(
                f"The line '{segment.text[:40]}' is no segment: the message was broken on its way.",
                before.name if before else "ORC", segment.span(),
            )  # fmt: skip
        before = segment if segment.name else before
    loose = group.named("RXC", "ORC")
    if loose and group.named("RXE") and group.named("RXO"):
        raise Unreadable(
            "A component stands before the drug lines: it is not said which of the two it belongs to.",
            "RXC", loose[0].span(),
        )  # fmt: skip


def check_all_is_read(group: Group, warnings: list[str]) -> None:
    """Raise Unreadable for a line that changes what is made and is not read here: a sequence, a component in a Z line.

    Settings of a patient's own pump (RXV, CDO) change nothing that is made and are remarked.
    """
    for segment in group.segments:
        if segment.name == "TQ2" and any(segment.raw(field) for field in range(2, len(segment.fields))):
            raise Unreadable(
                "This order follows or alternates with another one (TQ2), which is not read here: enter it by hand.",
                "TQ2", segment.span(),
            )  # fmt: skip
        if segment.name[:1] == "Z" and segment.get(1).upper() in COMPONENT_KINDS and segment.get(2):
            raise Unreadable(
                f"The line {segment.name} looks like a component, and such lines are not read here: ask the sender.",
                segment.name, segment.span(),
            )  # fmt: skip
        if segment.name in ("RXV", "CDO"):
            warnings.append(f"The message has pump settings ({segment.name}), which are not read: see the message.")
