"""What screens, labels and preparations need to know of an order, its patient and their place, as values."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from app.core.quantity import Quantity
from app.core.wording import instant, tall_man
from app.orders.schedule import TIME_CRITICAL, Schedule, timing_class
from app.orders.schedule_words import schedule_in_words


@dataclass(frozen=True)
class PatientFacts:
    """A patient as screens and labels show them: two identifiers always."""

    id: int
    family: str
    given: str
    mrn: str
    born: date | None
    sex: str | None
    weight_kg: Decimal | None
    weight_at: datetime | None
    height_cm: Decimal | None
    allergies: tuple[tuple[str, str | None], ...]
    allergies_reviewed: bool

    @property
    def name(self) -> str:
        return f"{self.family.upper()}, {self.given}"


@dataclass(frozen=True)
class OldLabel:
    """What stands on a label and is the patient's no more: what it is today, and since when (UTC).

    `what` is 'record number', 'name' or 'birth date'; `since` is None where no message said it.
    """

    what: str
    shown: str
    now: str
    since: datetime | None

    def words(self, zone: str) -> str:
        """Say it in a sentence without its full stop, for a ward and for the check alike."""
        since = f"since {instant(self.since, zone)}" if self.since else "now"
        if self.what == "record number":
            return f"the label shows the record number {self.shown}; {since} the patient's number is {self.now}"
        return f"it is labelled for {self.shown}; {since} the patient is known as {self.now}"


@dataclass(frozen=True)
class OrderFacts:
    """One order version with what belongs to it. `doses` by drug code; instants in UTC; `zone` IANA.

    `chosen_by` names the pharmacist who chose the times by hand.
    """

    order_id: int
    version_id: int
    number: str
    version: int
    state: str
    newest: int
    sender: str
    title: str
    patient: PatientFacts
    unit: str
    bed: str
    visit: str
    route: str
    frequency: str
    priority: str
    zone: str
    rate: str | None
    infuse_minutes: int | None
    schedule: Schedule | None
    unread: str | None
    chosen_by: str | None
    start_at: datetime
    end_at: datetime | None
    first_due_at: datetime | None
    stated_at: datetime
    received_at: datetime
    doses: Mapping[str, Quantity]
    names: Mapping[str, str]
    high_alert: bool
    base: str | None
    base_name: str | None
    base_volume: Quantity | None
    notes: tuple[str, ...]
    warnings: tuple[str, ...]
    message_id: int | None
    picture_sha256: str | None
    verified_by: str | None
    verified_at: datetime | None

    @property
    def is_time_critical(self) -> bool:
        """Whether its doses are to be given within half an hour of their time."""
        return self.schedule is not None and timing_class(self.schedule) is TIME_CRITICAL

    def late_after(self, due_at: datetime) -> datetime:
        """Until when a dose is given in time: half an hour to two hours after it is due, by how often it comes."""
        timing = timing_class(self.schedule) if self.schedule is not None else None
        return due_at + timing.either_way if timing is not None else due_at

    def is_stat(self, due_at: datetime) -> bool:
        """Whether a dose due then is to be given at once: the first dose of a STAT order, not those that follow."""
        return self.priority == "STAT" and self.first_due_at is not None and due_at <= self.first_due_at

    @property
    def times(self) -> str:
        """When its doses are given, in words; why nobody knows, while that is so."""
        return schedule_in_words(self.schedule, self.zone) if self.schedule else self.unread or ""

    @property
    def place(self) -> str:
        return f"{self.unit}-{self.bed}" if self.bed else self.unit


def differences(before: OrderFacts, now: OrderFacts) -> tuple[tuple[str, str, str], ...]:
    """What an order version changes: (what, before, now) in words, only where the two differ."""
    told = {
        "state": (before.state, now.state),
        "drugs": (_drugs(before), _drugs(now)),
        "base": (_base(before), _base(now)),
        "route": (before.route, now.route),
        "frequency": (before.frequency, now.frequency),
        "times": (before.times, now.times),
        "priority": (before.priority, now.priority),
        "rate": (before.rate or "not stated", now.rate or "not stated"),
        "infusion time": (_minutes(before), _minutes(now)),
        "start": (instant(before.start_at, before.zone), instant(now.start_at, now.zone)),
        "end": (_end(before), _end(now)),
        "notes": ("; ".join(before.notes) or "none", "; ".join(now.notes) or "none"),
    }
    return tuple((what, old, new) for what, (old, new) in told.items() if old != new)


def _drugs(order: OrderFacts) -> str:
    return " + ".join(f"{tall_man(order.names[code])} {dose}" for code, dose in order.doses.items()) or "none"


def _base(order: OrderFacts) -> str:
    return f"{order.base_name} {order.base_volume}" if order.base else "none"


def _minutes(order: OrderFacts) -> str:
    return f"{order.infuse_minutes} min" if order.infuse_minutes else "not stated"


def _end(order: OrderFacts) -> str:
    return instant(order.end_at, order.zone) if order.end_at else "none"
