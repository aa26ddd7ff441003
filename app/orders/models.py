"""Patients, their stays, and their orders as append-only versions; the doses that fall due."""

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, Key, Ref, one_of
from app.orders.schedule_document import KINDS
from app.orders.times_table import Scope

VERSION_STATES = ("active", "held", "stopped")
EVENTS = ("new", "change", "hold", "release", "stop")
ROOMS = ("iv", "unit dose")
LEAVES = ("on leave", "nothing by mouth")


class Patient(Base):
    """A patient as the newest message names them. `named_at` is when that was said; None: by nobody's message."""

    __tablename__ = "patient"

    id: Mapped[Key]
    mrn: Mapped[str] = mapped_column(unique=True)
    family: Mapped[str]
    given: Mapped[str]
    born: Mapped[date | None]
    sex: Mapped[str | None]
    weight_kg: Mapped[Decimal | None]
    weight_at: Mapped[datetime | None]
    height_cm: Mapped[Decimal | None]
    allergies_reviewed: Mapped[bool] = mapped_column(default=False)
    confirmed_by_adt: Mapped[bool] = mapped_column(default=False)
    named_at: Mapped[datetime | None]


class PatientAlias(Base):
    """A record number that was retired by a merge; orders for it still find the patient."""

    __tablename__ = "patient_alias"

    mrn: Mapped[str] = mapped_column(primary_key=True)
    patient_id: Mapped[Ref] = mapped_column(ForeignKey("patient.id"))
    at: Mapped[datetime]


class FormerIdentity(Base):
    """How a patient was named until an instant: labels made before it may bear that, late messages may say it."""

    __tablename__ = "former_identity"

    id: Mapped[Key]
    patient_id: Mapped[Ref] = mapped_column(ForeignKey("patient.id"))
    family: Mapped[str]
    given: Mapped[str]
    born: Mapped[date | None]
    until: Mapped[datetime]

    __table_args__ = (Index("ix_former_identity_patient_id", "patient_id"),)


class Allergy(Base):
    """One allergy as the sender states it; the list as a whole is replaced when a new one arrives."""

    __tablename__ = "allergy"

    id: Mapped[Key]
    patient_id: Mapped[Ref] = mapped_column(ForeignKey("patient.id"))
    text: Mapped[str]
    reaction: Mapped[str | None]
    severity: Mapped[str | None]
    stated_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]

    __table_args__ = (Index("ix_allergy_patient_id", "patient_id"),)


class Stay(Base):
    """A patient's stay, and where they lie now."""

    __tablename__ = "stay"

    id: Mapped[Key]
    patient_id: Mapped[Ref] = mapped_column(ForeignKey("patient.id"))
    visit: Mapped[str] = mapped_column(unique=True)
    unit_id: Mapped[Ref | None] = mapped_column(ForeignKey("unit.id"))
    location: Mapped[str]
    room: Mapped[str | None]
    bed: Mapped[str | None]
    moved_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]

    __table_args__ = (Index("ix_stay_patient_id", "patient_id"), Index("ix_stay_unit_id", "unit_id"))


class Order(Base):
    """The head of an order: its identity and its newest version. An act that depends on it locks this row first."""

    __tablename__ = "medication_order"

    id: Mapped[Key]
    key: Mapped[str] = mapped_column(unique=True)
    number: Mapped[str]
    sender: Mapped[str]
    patient_id: Mapped[Ref] = mapped_column(ForeignKey("patient.id"))
    stay_id: Mapped[Ref | None] = mapped_column(ForeignKey("stay.id"))
    newest: Mapped[int]

    __table_args__ = (Index("ix_medication_order_patient_id", "patient_id"),)


class OrderVersion(Base):
    """One version of an order, as stated. `state` is what this version says: active, held or stopped.

    `message_id` names the message it was read from, `picture_sha256` the paper it was transcribed from. `schedule` is
    what the frequency came down to, beside start and end, and `rhythm` its kind; while nobody knows the times, `unread`
    says why. `chosen_by` is the pharmacist who chose them.
    """

    __tablename__ = "order_version"

    id: Mapped[Key]
    order_id: Mapped[Ref] = mapped_column(ForeignKey("medication_order.id"))
    number: Mapped[int]
    state: Mapped[str]
    control: Mapped[str]
    stated_at: Mapped[datetime]
    received_at: Mapped[datetime]
    drug_id: Mapped[Ref] = mapped_column(ForeignKey("drug.id"))
    title: Mapped[str]
    route: Mapped[str]
    frequency: Mapped[str]
    priority: Mapped[str]
    start_at: Mapped[datetime]
    end_at: Mapped[datetime | None]
    rhythm: Mapped[str | None]
    schedule: Mapped[str | None]
    unread: Mapped[str | None]
    chosen_by: Mapped[Ref | None] = mapped_column(ForeignKey("person.id"))
    first_due_at: Mapped[datetime | None]
    zone: Mapped[str]
    rate: Mapped[str | None]
    infuse_minutes: Mapped[int | None]
    notes: Mapped[str]
    warnings: Mapped[str]
    content_sha256: Mapped[str]
    message_id: Mapped[int | None]
    picture_sha256: Mapped[str | None]
    transcribed_by: Mapped[Ref | None] = mapped_column(ForeignKey("person.id"))

    __table_args__ = (
        UniqueConstraint("order_id", "number"),
        CheckConstraint(one_of("state", VERSION_STATES), name="state_known"),
        CheckConstraint("priority IN ('STAT', 'ASAP', 'routine')", name="priority_known"),
        CheckConstraint("message_id IS NOT NULL OR transcribed_by IS NOT NULL", name="has_source"),
        CheckConstraint(one_of("rhythm", KINDS), name="rhythm_known"),
        CheckConstraint(
            "(schedule IS NULL) = (rhythm IS NULL) AND (schedule IS NULL) = (unread IS NOT NULL)",
            name="times_or_reason",
        ),
        Index("ix_order_version_received_at", "received_at"),
    )


class OrderEvent(Base):
    """One thing said about an order, also before the order itself is known (a stop that came ahead of its order).

    `at` is when it happened, `sent_at` when its message was written; `mrn` is whose order the sender says it is.
    """

    __tablename__ = "order_event"

    id: Mapped[Key]
    key: Mapped[str]
    what: Mapped[str]
    mrn: Mapped[str]
    at: Mapped[datetime]
    sent_at: Mapped[datetime]
    received_at: Mapped[datetime]
    message_id: Mapped[int | None]

    __table_args__ = (
        CheckConstraint(one_of("what", EVENTS), name="what_known"),
        Index("ix_order_event_key", "key"),
    )


class OrderComponent(Base):
    """One ingredient of an order version: additives with their amounts, the base with its volume."""

    __tablename__ = "order_component"

    version_id: Mapped[Ref] = mapped_column(ForeignKey("order_version.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    role: Mapped[str]
    drug_id: Mapped[Ref] = mapped_column(ForeignKey("drug.id"))
    amount: Mapped[Decimal]
    unit: Mapped[str]

    __table_args__ = (CheckConstraint("role IN ('additive', 'base')", name="role_known"),)


class Verification(Base):
    """A pharmacist's signature under one order version; without it nothing of it is seen at a hood."""

    __tablename__ = "verification"

    version_id: Mapped[Ref] = mapped_column(ForeignKey("order_version.id"), primary_key=True)
    person_id: Mapped[Ref] = mapped_column(ForeignKey("person.id"))
    signature_id: Mapped[Ref] = mapped_column(ForeignKey("signature.id"))
    room: Mapped[str]
    at: Mapped[datetime]
    doses_until: Mapped[datetime]

    __table_args__ = (CheckConstraint(one_of("room", ROOMS), name="room_known"), Index("ix_verification_at", "at"))


class Dose(Base):
    """One administration due: an order version at an instant, served by the room fixed at verification."""

    __tablename__ = "dose"

    id: Mapped[Key]
    order_id: Mapped[Ref] = mapped_column(ForeignKey("medication_order.id"))
    version_id: Mapped[Ref] = mapped_column(ForeignKey("order_version.id"))
    due_at: Mapped[datetime]
    room: Mapped[str]
    made_at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("version_id", "due_at"),
        CheckConstraint(one_of("room", ROOMS), name="room_known"),
        Index("ix_dose_room_due_at", "room", "due_at"),
        Index("ix_dose_order_id_due_at", "order_id", "due_at"),
    )


class Leave(Base):
    """A patient is away (on pass), or takes nothing by mouth, from an instant until another; None: not back yet."""

    __tablename__ = "leave"

    id: Mapped[Key]
    patient_id: Mapped[Ref] = mapped_column(ForeignKey("patient.id"))
    kind: Mapped[str]
    from_at: Mapped[datetime]
    until_at: Mapped[datetime | None]
    told_at: Mapped[datetime]
    changed_at: Mapped[datetime]

    __table_args__ = (
        CheckConstraint(one_of("kind", LEAVES), name="kind_known"),
        CheckConstraint("until_at IS NULL OR until_at > from_at", name="ends_later"),
        Index("ix_leave_patient_id", "patient_id"),
    )


class ExpectedDischarge(Base):
    """When a patient is expected to leave; nothing follows from it unless a cart trims by it."""

    __tablename__ = "expected_discharge"

    stay_id: Mapped[Ref] = mapped_column(ForeignKey("stay.id"), primary_key=True)
    at: Mapped[datetime]
    told_at: Mapped[datetime]


class TimesChange(Base):
    """A change of the table of administration times: proposed by a pharmacist, in force once the manager has signed it.

    Number 1 is the table that the product comes with; nobody proposed it.
    """

    __tablename__ = "times_change"

    id: Mapped[Key]
    proposed_by: Mapped[Ref | None] = mapped_column(ForeignKey("person.id"))
    proposed_at: Mapped[datetime]
    why: Mapped[str]
    starts_at: Mapped[datetime]

    __table_args__ = (CheckConstraint("proposed_by IS NOT NULL OR id = 1", name="has_author"),)


class TimesDecision(Base):
    """The pharmacy manager's answer to a change of the table: signed, or declined with a reason."""

    __tablename__ = "times_decision"

    change_id: Mapped[Ref] = mapped_column(ForeignKey("times_change.id"), primary_key=True)
    person_id: Mapped[Ref | None] = mapped_column(ForeignKey("person.id"))
    at: Mapped[datetime]
    signature_id: Mapped[Ref | None] = mapped_column(ForeignKey("signature.id"))
    declined: Mapped[str | None]

    __table_args__ = (
        CheckConstraint(
            "change_id = 1 OR (person_id IS NOT NULL AND (signature_id IS NULL) = (declined IS NOT NULL))",
            name="signed_or_declined",
        ),
    )


class TimesRow(Base):
    """One row that a change puts into the table, or takes out of it where it names no rhythm."""

    __tablename__ = "times_row"

    change_id: Mapped[Ref] = mapped_column(ForeignKey("times_change.id"), primary_key=True)
    code: Mapped[str] = mapped_column(primary_key=True)
    scope: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    rhythm: Mapped[str | None]
    time_critical: Mapped[bool] = mapped_column(default=False)

    __table_args__ = (
        CheckConstraint(one_of("scope", Scope), name="scope_known"),
        CheckConstraint("(scope = 'site') = (key = '')", name="key_fits_scope"),
    )


class TimesClass(Base):
    """The class of a drug that a change sets, for the rows of that class; '' takes it out of any."""

    __tablename__ = "times_class"

    change_id: Mapped[Ref] = mapped_column(ForeignKey("times_change.id"), primary_key=True)
    drug_id: Mapped[Ref] = mapped_column(ForeignKey("drug.id"), primary_key=True)
    drug_class: Mapped[str]
