"""Reading orders and doses."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, func, select
from sqlalchemy.orm import Session, aliased

from app.core.canonical import canonical, sha256
from app.core.errors import Missing
from app.core.quantity import Quantity, plain
from app.db.base import fetched
from app.formulary.models import Drug
from app.identity.models import Person
from app.orders.events import Said
from app.orders.facts import OrderFacts, PatientFacts
from app.orders.models import (
    Allergy,
    Dose,
    Order,
    OrderComponent,
    OrderEvent,
    OrderVersion,
    Patient,
    PatientAlias,
    Stay,
    Verification,
)
from app.orders.schedule import Schedule
from app.orders.schedule_document import read_schedule
from app.stations.models import Unit

Found = Row[*tuple[Any, ...]]
Stated = tuple[tuple[str, str | None], ...]  # allergies as the sender states them: what, and the reaction


@dataclass(frozen=True)
class DoseFacts:
    """A dose due and the order version that it gives."""

    id: int
    due_at: datetime
    room: str
    order: OrderFacts


def patient_facts(session: Session, patient_id: int) -> PatientFacts:
    """A patient with their allergies. Raises Missing."""
    if (found := patients_facts(session, {patient_id}).get(patient_id)) is None:
        raise Missing("This patient does not exist.")
    return found


def patients_facts(session: Session, patient_ids: set[int]) -> dict[int, PatientFacts]:
    """Patients with their allergies, by number."""
    told = _allergies(session, patient_ids)
    rows = session.scalars(select(Patient).where(Patient.id.in_(patient_ids)))
    return {row.id: _patient(row.id, row, told.get(row.id, ())) for row in rows}


def order_facts(session: Session, version_id: int) -> OrderFacts:
    """One order version with its patient, place, ingredients and verification. Raises Missing."""
    found = orders_facts(session, (version_id,)).get(version_id)
    if found is None:
        raise Missing("This order does not exist.")
    return found


_Chooser = aliased(Person)
# Every page and every act reads orders, so these are built once. They read columns: what is read after a lock must come
# from the database, never from what the session remembers of before it.
_FACTS = (
    select(
        OrderVersion.id, OrderVersion.order_id, OrderVersion.number, OrderVersion.state, OrderVersion.title,
        OrderVersion.route, OrderVersion.frequency, OrderVersion.priority, OrderVersion.zone, OrderVersion.rate,
        OrderVersion.infuse_minutes, OrderVersion.schedule, OrderVersion.unread, OrderVersion.start_at,
        OrderVersion.end_at, OrderVersion.first_due_at, OrderVersion.stated_at, OrderVersion.received_at,
        OrderVersion.notes, OrderVersion.warnings, OrderVersion.message_id, OrderVersion.picture_sha256,
        Order.number.label("order_number"), Order.sender, Order.newest, Order.patient_id,
        Patient.family, Patient.given, Patient.mrn, Patient.born, Patient.sex, Patient.weight_kg, Patient.weight_at,
        Patient.height_cm, Patient.allergies_reviewed,
        Stay.location, Stay.room, Stay.bed, Stay.visit, Unit.code.label("unit"),
        Person.name.label("verified_by"), Verification.at.label("verified_at"), _Chooser.name.label("chosen_by"),
    )
    .join(Order, Order.id == OrderVersion.order_id)
    .join(Patient, Patient.id == Order.patient_id)
    .join(Stay, Stay.id == Order.stay_id, isouter=True)
    .join(Unit, Unit.id == Stay.unit_id, isouter=True)
    .join(Verification, Verification.version_id == OrderVersion.id, isouter=True)
    .join(Person, Person.id == Verification.person_id, isouter=True)
    .join(_Chooser, _Chooser.id == OrderVersion.chosen_by, isouter=True)
    .where(OrderVersion.id.in_(bindparam("wanted", expanding=True)))
)  # fmt: skip
_INGREDIENTS = (
    select(
        OrderComponent.version_id, OrderComponent.role, OrderComponent.amount, OrderComponent.unit,
        Drug.code, Drug.name, Drug.high_alert,
    )
    .join(Drug, Drug.id == OrderComponent.drug_id)
    .where(OrderComponent.version_id.in_(bindparam("wanted", expanding=True)))
    .order_by(OrderComponent.version_id, OrderComponent.position)
)  # fmt: skip
_ALLERGIES = (
    select(Allergy.patient_id, Allergy.text, Allergy.reaction)
    .where(Allergy.patient_id.in_(bindparam("wanted", expanding=True)), Allergy.ended_at.is_(None))
    .order_by(Allergy.text)
)


def orders_facts(session: Session, version_ids: Iterable[int]) -> dict[int, OrderFacts]:
    """Order versions with all that belongs to them, by number: three queries, however many are asked for."""
    wanted = set(version_ids)
    if not wanted:
        return {}
    found = fetched(session, _FACTS, wanted=list(wanted))
    parts = _ingredients(session, wanted)
    allergies = _allergies(session, {row.patient_id for row in found})
    return {row.id: _facts(row, parts[row.id], allergies.get(row.patient_id, ())) for row in found}


def _ingredients(session: Session, version_ids: set[int]) -> dict[int, list[Found]]:
    found: dict[int, list[Found]] = {version_id: [] for version_id in version_ids}
    for part in fetched(session, _INGREDIENTS, wanted=list(version_ids)):
        found[part.version_id].append(part)
    return found


def _allergies(session: Session, patient_ids: set[int]) -> dict[int, Stated]:
    found: dict[int, Stated] = {}
    for patient_id, text, reaction in fetched(session, _ALLERGIES, wanted=list(patient_ids)):
        found[patient_id] = (*found.get(patient_id, ()), (text, reaction))
    return found


def _patient(number: int, found: Patient | Found, allergies: Stated) -> PatientFacts:
    return PatientFacts(
        id=number,
        family=found.family,
        given=found.given,
        mrn=found.mrn,
        born=found.born,
        sex=found.sex,
        weight_kg=found.weight_kg,
        weight_at=found.weight_at,
        height_cm=found.height_cm,
        allergies=allergies,
        allergies_reviewed=found.allergies_reviewed,
    )


def _facts(row: Found, parts: list[Found], allergies: Stated) -> OrderFacts:
    additives = [part for part in parts if part.role == "additive"]
    base = next((part for part in parts if part.role == "base"), None)
    return OrderFacts(
        order_id=row.order_id,
        version_id=row.id,
        number=row.order_number,
        version=row.number,
        state=row.state,
        newest=row.newest,
        sender=row.sender,
        title=row.title,
        patient=_patient(row.patient_id, row, allergies),
        unit=row.unit or row.location or "not known",
        bed="-".join(part for part in (row.room, row.bed) if part),
        visit=row.visit or "",
        route=row.route,
        frequency=row.frequency,
        priority=row.priority,
        zone=row.zone,
        rate=row.rate,
        infuse_minutes=row.infuse_minutes,
        schedule=schedule_of(row),
        unread=row.unread,
        chosen_by=row.chosen_by,
        start_at=row.start_at,
        end_at=row.end_at,
        first_due_at=row.first_due_at,
        stated_at=row.stated_at,
        received_at=row.received_at,
        doses={part.code: Quantity(plain(part.amount), part.unit) for part in additives},
        names={part.code: part.name for part in parts},
        high_alert=any(part.high_alert for part in additives),
        base=base.code if base else None,
        base_name=base.name if base else None,
        base_volume=Quantity(plain(base.amount), base.unit) if base else None,
        notes=tuple(line for line in row.notes.split("\n") if line),
        warnings=tuple(line for line in row.warnings.split("\n") if line),
        message_id=row.message_id,
        picture_sha256=row.picture_sha256,
        verified_by=row.verified_by,
        verified_at=row.verified_at,
    )


def order_of_dose(session: Session, dose_id: int) -> int:
    """The order that a dose belongs to. Raises Missing."""
    found = session.scalar(select(Dose.order_id).where(Dose.id == dose_id))
    if found is None:
        raise Missing("This dose does not exist.")
    return found


def dose_facts(session: Session, dose_id: int) -> DoseFacts:
    """A dose with its order version. Raises Missing."""
    dose = session.get(Dose, dose_id)
    if dose is None:
        raise Missing("This dose does not exist.")
    return DoseFacts(dose.id, dose.due_at, dose.room, order_facts(session, dose.version_id))


def newest_versions(session: Session, *, verified: bool, limit: int = 200) -> list[OrderFacts]:
    """List the active orders' newest versions, those waiting for verification or those verified; STAT first."""
    query = (
        select(OrderVersion.id)
        .join(Order, (Order.id == OrderVersion.order_id) & (Order.newest == OrderVersion.number))
        .join(Verification, Verification.version_id == OrderVersion.id, isouter=True)
        .where(OrderVersion.state != "stopped")
        .where(Verification.version_id.is_not(None) if verified else Verification.version_id.is_(None))
        .order_by(OrderVersion.priority != "STAT", OrderVersion.received_at)
        .limit(limit)
    )
    numbers = session.scalars(query).all()
    found = orders_facts(session, numbers)
    return [found[number] for number in numbers]


def doses_of(session: Session, version_id: int) -> list[Dose]:
    """The doses that a version's verification wrote, in the order in which they fall due."""
    return list(session.scalars(select(Dose).where(Dose.version_id == version_id).order_by(Dose.due_at)))


def versions_of(session: Session, order_id: int) -> list[OrderVersion]:
    """Every version of an order, first to last."""
    query = select(OrderVersion).where(OrderVersion.order_id == order_id).order_by(OrderVersion.number)
    return list(session.scalars(query))


def version_of(session: Session, order_id: int, number: int) -> OrderVersion:
    """The version of an order by its number."""
    query = select(OrderVersion).where(OrderVersion.order_id == order_id, OrderVersion.number == number)
    return session.scalars(query).one()


# Built once: every message and every row of a file asks these.
_Known = aliased(Patient)
_OF_RETIRED = select(PatientAlias.patient_id).where(PatientAlias.mrn == bindparam("mrn")).scalar_subquery()
_OF_CURRENT = select(_Known.id).where(_Known.mrn == bindparam("mrn")).scalar_subquery()
_PATIENT = select(Patient).where(Patient.id == func.coalesce(_OF_RETIRED, _OF_CURRENT))
_WHOSE = select(Patient.mrn).join(Order, Order.patient_id == Patient.id).where(Order.key == bindparam("key"))
_SAID_OF = select(OrderEvent.mrn).where(OrderEvent.key == bindparam("key"))
_SAID = (
    select(OrderEvent.what, OrderEvent.at, OrderEvent.sent_at, OrderEvent.id)
    .where(OrderEvent.key == bindparam("key"))
    .order_by(OrderEvent.id)
)


def patient_of(session: Session, mrn: str) -> Patient | None:
    """The patient of a record number, a retired one included."""
    return session.scalar(_PATIENT, {"mrn": mrn})


def orders_of(session: Session, patient_id: int) -> list[int]:
    """The numbers of all orders of a patient."""
    return list(session.scalars(select(Order.id).where(Order.patient_id == patient_id).order_by(Order.id)))


def events_of(session: Session, key: str) -> list[Said]:
    """Everything that was said about an order."""
    return [Said(*row) for row in fetched(session, _SAID, key=key)]


def why_not_theirs(session: Session, key: str, mrn: str) -> str | None:
    """Say that an order, or what was said ahead of it, belongs to another patient than `mrn`; None when it does not."""
    patient = patient_of(session, mrn)
    ours = patient.mrn if patient else mrn
    theirs = {owner for (owner,) in fetched(session, _WHOSE, key=key)}
    if not theirs:
        said = {each for (each,) in fetched(session, _SAID_OF, key=key)}
        theirs = {known.mrn if (known := patient_of(session, each)) else each for each in said}
    if theirs <= {ours}:
        return None
    return f"belongs to another patient (record number {', '.join(sorted(theirs - {ours}))}, not {ours})"


def shown_sha256(session: Session, version_id: int) -> str:
    """The hash of what a pharmacist sees of an order version: its content, its patient's weight and allergies."""
    order = order_facts(session, version_id)
    version = session.get_one(OrderVersion, version_id)
    facts = {
        "version": version_id,
        "newest": order.newest,
        "content": version.content_sha256,
        "warnings": order.warnings,
        "patient": [order.patient.name, order.patient.mrn, order.patient.born],
        "weight": order.patient.weight_kg,
        "allergies": [list(each) for each in order.patient.allergies],
        "picture": order.picture_sha256,
    }
    return sha256(canonical(facts))


def why_not_current(session: Session, order: OrderFacts) -> str | None:
    """Say why work on an order version must stop, or None while what it says is still ordered and verified.

    `order` as it was just read, after the lock where there is one. A newer version that says the very same (an order
    that was held and released again) keeps the work on the older one, once it is verified too.
    """
    if order.newest == order.version:
        if order.state != "active":
            return f"the order is {order.state}"
        return None if order.verified_at is not None else "the order is not verified"
    newest = version_of(session, order.order_id, order.newest)
    if newest.state == "stopped":
        return "the order was stopped"
    if newest.state == "held":
        return "the order is on hold"
    if newest.content_sha256 != session.get_one(OrderVersion, order.version_id).content_sha256:
        return "the order was changed"
    return None if session.get(Verification, newest.id) is not None else "the order is to be verified again"


def schedule_of(version: OrderVersion | Found) -> Schedule | None:
    """The schedule of an order version or of its columns, or None where its times are not known yet."""
    return read_schedule(version.schedule, version.start_at, version.end_at) if version.schedule else None
