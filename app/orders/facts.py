"""What screens, labels and preparations need to know of an order, its patient and their place, as values."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from app.core.quantity import Quantity


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
class OrderFacts:
    """One order version with what belongs to it. `doses` by drug code; instants in UTC; `zone` IANA."""

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
    interval_minutes: int | None
    start_at: datetime
    end_at: datetime | None
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
    def place(self) -> str:
        return f"{self.unit}-{self.bed}" if self.bed else self.unit
