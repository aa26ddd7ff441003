"""The values that every kind of message shares: who sent it by which connection, about whom, lying where."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


@dataclass(frozen=True, slots=True)
class Connection:
    """What is agreed with one sender.

    `zone` is an IANA name. `mrn_authority` is the assigning authority of our medical record numbers. `orc2_is`
    says whether ORC-2 names the order or one dose of it. `overfill`: base amounts include the bag's overfill.
    `visit_is` names the field of the visit number. `processing` lists the MSH-11 codes that are taken for real
    (None: all), so that a test message never reaches a production hood.
    """

    name: str
    zone: str
    charset: str | None = None
    mrn_authority: str | None = None
    orc2_is: Literal["order", "dose"] = "order"
    overfill: bool = False
    visit_is: Literal["PV1-19", "PID-18"] = "PV1-19"
    processing: frozenset[str] | None = None

    def __post_init__(self) -> None:
        try:
            ZoneInfo(self.zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"'{self.zone}' is no time zone: use a name such as America/Chicago.") from None


@dataclass(frozen=True, slots=True)
class Stamp:
    """A moment as sent: the instant in UTC, the text, how exact it is, and the local day it names."""

    instant: datetime
    text: str
    precision: Literal["year", "month", "day", "hour", "minute", "second"]
    local_day: date


@dataclass(frozen=True, slots=True)
class Source:
    """Which message a value was read from: who sent it, its control id, when, in which version and letters."""

    application: str
    facility: str
    control_id: str
    kind: str
    event: str
    sent: Stamp | None
    version: str
    processing: str
    charset: str


@dataclass(frozen=True, slots=True)
class Code:
    """A coded thing as sent: code, text, system, and the sender's second code for the same thing."""

    code: str = ""
    text: str = ""
    system: str = ""
    alt_code: str = ""
    alt_text: str = ""
    alt_system: str = ""
    original: str = ""

    @property
    def name(self) -> str:
        """The words to show: as the prescriber saw it, else the text, else the second text, else the code."""
        return self.original or self.text or self.alt_text or self.code or self.alt_code

    def __bool__(self) -> bool:
        return bool(self.name)


@dataclass(frozen=True, slots=True)
class Number:
    """An order or identity number: the digits as text, who issued them, and of which kind (MR, AN …) they are."""

    id: str
    authority: str = ""
    kind: str = ""

    def __str__(self) -> str:
        return f"{self.id}^{self.authority}" if self.authority else self.id


@dataclass(frozen=True, slots=True)
class Patient:
    """A patient as a message names her; `numbers` are all identifiers sent, `mrn` the one that is ours."""

    mrn: str
    authority: str
    family: str = ""
    given: str = ""
    middle: str = ""
    suffix: str = ""
    birth: date | None = None
    sex: str = ""
    account: str = ""
    visit: str = ""
    patient_class: str = ""
    numbers: tuple[Number, ...] = ()


@dataclass(frozen=True, slots=True)
class Location:
    """Where a patient lies: unit, room, bed, facility, and the whole text as sent."""

    unit: str = ""
    room: str = ""
    bed: str = ""
    facility: str = ""
    text: str = ""

    def __bool__(self) -> bool:
        return bool(self.unit or self.room or self.bed or self.facility)


@dataclass(frozen=True, slots=True)
class Allergy:
    """One allergy as sent; `action` is A, U or D for an update (IAM-6), else ""."""

    kind: str
    substance: Code
    severity: str = ""
    reactions: tuple[str, ...] = ()
    action: str = ""


@dataclass(frozen=True, slots=True)
class Allergies:
    """The allergies of a message. "none known" is a statement; "not sent" says nothing at all."""

    said: Literal["listed", "none known", "not sent"] = "not sent"
    listed: tuple[Allergy, ...] = ()
    statement: str = ""


@dataclass(frozen=True, slots=True)
class Measurement:
    """A weight or height; `unit` is kg, g, cm, m … or "" when the unit is not one we know."""

    kind: Literal["weight", "height"]
    value: Decimal
    unit: str
    unit_text: str
    at: Stamp | None
    label: str
