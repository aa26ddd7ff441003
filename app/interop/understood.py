"""What a message can be understood as: orders, ADT, messages that ask nothing, exceptions; frozen values all."""

from dataclasses import dataclass, field
from datetime import time
from decimal import Decimal
from typing import Literal

from app.core.quantity import Quantity
from app.interop.values import Allergies, Code, Location, Measurement, Number, Patient, Source, Stamp

Control = Literal[
    "new", "change", "replacement", "replaced", "cancel", "discontinue", "hold", "release", "status", "refill"
]
STARTS: frozenset[Control] = frozenset({"new", "change", "replacement"})


@dataclass(frozen=True, slots=True)
class Amount:
    """A number with its unit, or a range (`most` above `least`); `unit` is the pharmacy's own word for it.

    `per` is "" or what it is given per ("hour", "kg hour").
    """

    least: Decimal
    most: Decimal | None
    unit: str
    unit_text: str
    per: str = ""

    @property
    def quantity(self) -> Quantity:
        """The amount (of a range: the lower end) as a quantity, without its `per`."""
        return Quantity(self.least, self.unit)

    @property
    def volume_ml(self) -> Decimal | None:
        """The volume in mL when this is one plain volume, else None."""
        if self.per or self.most is not None or self.quantity.dimension != "volume":
            return None
        return self.quantity.to("mL").value


@dataclass(frozen=True, slots=True)
class Component:
    """One RXC: base, additive or unknown; `listed` says in which of the order's lists it stood.

    `amount` is None where none was sent. `repeats_title` marks the order's own name sent again as "1 dose".
    `place` counts the RXC segments of the order group from 1.
    """

    kind: Literal["base", "additive", "unknown"]
    drug: Code
    amount: Amount | None
    strength: str = ""
    listed: Literal["encoded", "requested", "dispensed"] = "encoded"
    place: int = 0
    repeats_title: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """How a dose enters the patient, as sent: route, site, device and method."""

    route: Code
    site: Code
    device: Code
    method: Code


@dataclass(frozen=True, slots=True)
class Span:
    """A length of time as sent: minutes when the text says a length, `times` for "X3", else only the text."""

    text: str
    minutes: Decimal | None = None
    times: int | None = None


@dataclass(frozen=True, slots=True)
class Timing:
    """When doses are due, as sent. `pattern` is the sender's own word (Q12H, DAILY, .Q13H20M), not yet a clock.

    `unread` names what was sent and could not be read, in words ("start", "times", "number of doses").
    """

    pattern: str = ""
    pattern_text: str = ""
    explicit_times: tuple[time, ...] = ()
    start: Stamp | None = None
    end: Stamp | None = None
    duration: Span | None = None
    priority: str = ""
    prn: bool = False
    condition: str = ""
    instruction: str = ""
    conjunction: str = ""
    occurrences: int | None = None
    infusion: Span | None = None
    quantity: str = ""
    read_from: str = ""
    unread: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Note:
    """A remark and where it stood ("NTE after RXE", "RXE-21"); `kind` is the sender's comment type, if any."""

    place: str
    text: str
    source: str = ""
    kind: str = ""


@dataclass(frozen=True, slots=True)
class OrderMessage:
    """One order event. What our list of required fields lacks makes an Unmappable instead, never a guess.

    `key` is the order's identity over all messages; `dose_number` is set where the feed numbers single doses.
    `placer_parts` is ORC-2 with all its components, to be sent back unchanged. `stage`: "encoded" orders come from
    a pharmacy system, "prescribed" ones were not seen by a pharmacist yet. `bag` counts the instances when one
    message sends the bags of one order. `components` is the recipe to use, `other_components` every further RXC of
    the group, so that nothing is lost.
    """

    source: Source
    control: Control
    control_code: str
    stage: Literal["encoded", "prescribed"]
    key: str
    placer: Number | None
    placer_parts: tuple[str, ...]
    filler: Number | None
    group: str
    parent: str
    dose_number: str
    replaces: str
    bag: int | None
    order_status: str
    reason: str
    event_time: Stamp | None
    effective: Stamp | None
    patient: Patient
    location: Location
    allergies: Allergies
    measurements: tuple[Measurement, ...]
    drug: Code
    given: Amount | None
    dose: Amount | None
    total_volume: Amount | None
    form: Code
    components: tuple[Component, ...]
    other_components: tuple[Component, ...]
    routes: tuple[Route, ...]
    rate: Amount | None
    rate_text: str
    give_per: Span | None
    timings: tuple[Timing, ...]
    notes: tuple[Note, ...]
    indication: str
    dispense_amount: str
    package_method: str
    controlled_schedule: str
    prescription: str
    prescriber: str
    verified_by: str
    cleared: tuple[str, ...]
    content_hash: str
    span: tuple[int, int]
    warnings: tuple[str, ...] = ()

    @property
    def timing(self) -> Timing:
        """The first timing, or an empty one."""
        return self.timings[0] if self.timings else Timing()

    @property
    def route(self) -> Route | None:
        """The route when exactly one was sent; several are a choice that a pharmacist makes."""
        return self.routes[0] if len(self.routes) == 1 else None

    @property
    def recipe(self) -> tuple[Component, ...]:
        """The components without repetitions of the order's own name."""
        return tuple(component for component in self.components if not component.repeats_title)

    @property
    def weight(self) -> Measurement | None:
        """The last weight sent, if any."""
        return next((m for m in reversed(self.measurements) if m.kind == "weight"), None)

    @property
    def height(self) -> Measurement | None:
        """The last height sent, if any."""
        return next((m for m in reversed(self.measurements) if m.kind == "height"), None)

    @property
    def event_key(self) -> tuple[str, str, str, str]:
        """What makes two messages the same order event: key, ORC-1, time of the event, hash of the RX segments."""
        at = self.event_time or self.source.sent
        return (self.key, self.control_code, at.text if at else "", self.content_hash)


@dataclass(frozen=True, slots=True)
class Merge:
    """One identity is retired in favour of another, or moves to it (`moves`: a wrong chart was corrected)."""

    what: Literal["patient", "account", "visit", "identifier"]
    survivor: Number
    retired: Number
    moves: bool = False


@dataclass(frozen=True, slots=True)
class AdtMessage:
    """One admission, transfer, discharge, update or merge. An A40 may carry several merges."""

    source: Source
    event: str
    patient: Patient
    location: Location
    prior_location: Location
    event_time: Stamp | None
    admitted: Stamp | None
    discharged: Stamp | None
    merges: tuple[Merge, ...]
    allergies: Allergies
    measurements: tuple[Measurement, ...]
    cleared: tuple[str, ...]
    recorded: Stamp | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GivenMessage:
    """What a bedside record (RAS) says of one order: given, or why not (RXA-20), when, by whom, and of which code.

    `status` is 'given', 'part' (partially), 'refused' or 'not given'; `serials` are label numbers of ours in it.
    """

    source: Source
    key: str
    patient: Patient
    at: Stamp
    status: Literal["given", "part", "refused", "not given"]
    code: str
    serials: tuple[str, ...]
    span: tuple[int, int]
    by: str = ""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Other:
    """A message, or one order group of it, that is read, counted and asks nothing of us; `why` says so in words."""

    source: Source
    kind: str
    why: str
    control_code: str = ""
    key: str = ""
    alert: bool = False


@dataclass(frozen=True, slots=True)
class Unmappable:
    """A message, or one order group of it, that a person must look at: the reason, the place, the bytes to mark.

    `source`, `key`, `control_code` and `mrn` are filled as far as they could be read.
    """

    reason: str
    where: str
    span: tuple[int, int]
    source: Source | None = None
    key: str = ""
    control_code: str = ""
    mrn: str = ""
    warnings: tuple[str, ...] = field(default=())


Understood = OrderMessage | AdtMessage | GivenMessage | Other | Unmappable
