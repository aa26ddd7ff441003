"""What a message or a transcribed paper states about an order, as values; nothing here is decided yet."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from app.core.quantity import Quantity, plain
from app.orders.schedule import Schedule
from app.orders.schedule_document import written_schedule


@dataclass(frozen=True)
class StatedPatient:
    """A patient as the sender names them; `allergies` None means nothing was said, () that there are none."""

    mrn: str
    family: str
    given: str
    born: date | None
    sex: str | None
    allergies: tuple[tuple[str, str | None], ...] | None = None
    weight_kg: Decimal | None = None
    weight_at: datetime | None = None
    height_cm: Decimal | None = None


@dataclass(frozen=True)
class StatedPlace:
    """Where the patient lies: visit number, unit code, room and bed, and the text as sent."""

    visit: str
    unit: str
    room: str | None
    bed: str | None
    text: str


@dataclass(frozen=True)
class StatedComponent:
    """One ingredient: 'additive' or 'base', the drug of our formulary, and how much."""

    role: str
    drug_id: int
    drug: str
    amount: Quantity


@dataclass(frozen=True)
class StatedOrder:
    """One version of an order. Instants in UTC; `control` says what the sender did ('new', 'change', …).

    `stated_at` is the time of the event, `sent_at` that of the message which carried it (None: the same). `schedule` is
    None while nobody knows the times, and `unread` says why; `chosen_by` is the pharmacist who chose them.
    """

    key: str
    number: str
    sender: str
    control: str
    stated_at: datetime
    patient: StatedPatient
    place: StatedPlace
    title: str
    components: tuple[StatedComponent, ...]
    route: str
    frequency: str
    priority: str
    start_at: datetime
    end_at: datetime | None
    schedule: Schedule | None
    zone: str
    unread: str = ""
    chosen_by: int | None = None
    rate: str | None = None
    infuse_minutes: int | None = None
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    message_id: int | None = None
    picture_sha256: str | None = None
    sent_at: datetime | None = None

    @property
    def additives(self) -> tuple[StatedComponent, ...]:
        return tuple(c for c in self.components if c.role == "additive")

    @property
    def base(self) -> StatedComponent | None:
        return next((c for c in self.components if c.role == "base"), None)

    def content(self) -> dict[str, object]:
        """What makes two versions the same order: all that would change a dose, its time or its route."""
        return content_of(
            [(c.role, c.drug_id, c.amount) for c in self.components],
            route=self.route,
            frequency=self.frequency,
            priority=self.priority,
            start=self.start_at,
            end=self.end_at,
            schedule=written_schedule(self.schedule) if self.schedule else None,
            rate=self.rate,
            infuse=self.infuse_minutes,
            notes=self.notes,
        )


def content_of(
    components: Iterable[tuple[str, int, Quantity]], *, notes: Iterable[str], **said: object
) -> dict[str, object]:
    """What makes two versions the same order, from its parts (role, drug, amount) and what else was said."""
    parts = [(role, drug_id, plain(amount.value), amount.unit) for role, drug_id, amount in components]
    return {"components": parts, "notes": list(notes), **said}
