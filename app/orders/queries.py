"""Reading orders and doses."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.errors import Missing
from app.core.quantity import Quantity
from app.formulary.models import Drug
from app.identity.models import Person
from app.orders.facts import OrderFacts, PatientFacts
from app.orders.models import (
    Allergy,
    Dose,
    Order,
    OrderComponent,
    OrderVersion,
    Patient,
    Stay,
    Verification,
)
from app.stations.models import Unit


@dataclass(frozen=True)
class DoseFacts:
    """A dose due and the order version that it gives."""

    id: int
    due_at: datetime
    room: str
    order: OrderFacts


def patient_facts(session: Session, patient_id: int) -> PatientFacts:
    """A patient with their allergies. Raises Missing."""
    found = session.get(Patient, patient_id)
    if found is None:
        raise Missing("This patient does not exist.")
    allergies = session.execute(
        select(Allergy.text, Allergy.reaction)
        .where(Allergy.patient_id == patient_id, Allergy.ended_at.is_(None))
        .order_by(Allergy.text)
    )
    return PatientFacts(
        id=found.id,
        family=found.family,
        given=found.given,
        mrn=found.mrn,
        born=found.born,
        sex=found.sex,
        weight_kg=found.weight_kg,
        weight_at=found.weight_at,
        height_cm=found.height_cm,
        allergies=tuple((text, reaction) for text, reaction in allergies),
        allergies_reviewed=found.allergies_reviewed,
    )


def order_facts(session: Session, version_id: int) -> OrderFacts:
    """One order version with its patient, place, ingredients and verification. Raises Missing."""
    version = session.get(OrderVersion, version_id)
    if version is None:
        raise Missing("This order does not exist.")
    head = session.get_one(Order, version.order_id)
    stay = session.get(Stay, head.stay_id) if head.stay_id else None
    unit = session.get(Unit, stay.unit_id) if stay and stay.unit_id else None
    ingredients = (
        select(OrderComponent, Drug)
        .join(Drug, Drug.id == OrderComponent.drug_id)
        .where(OrderComponent.version_id == version_id)
        .order_by(OrderComponent.position)
    )
    parts = list(session.execute(ingredients))
    additives = [(c, d) for c, d in parts if c.role == "additive"]
    base = next(((c, d) for c, d in parts if c.role == "base"), None)
    verified = session.execute(
        select(Verification, Person.name)
        .join(Person, Person.id == Verification.person_id)
        .where(Verification.version_id == version_id)
    ).one_or_none()
    return OrderFacts(
        order_id=head.id,
        version_id=version.id,
        number=head.number,
        version=version.number,
        state=version.state,
        newest=head.newest,
        sender=head.sender,
        title=version.title,
        patient=patient_facts(session, head.patient_id),
        unit=unit.code if unit else (stay.location if stay else "not known"),
        bed="-".join(part for part in (stay.room, stay.bed) if part) if stay else "",
        visit=stay.visit if stay else "",
        route=version.route,
        frequency=version.frequency,
        priority=version.priority,
        zone=version.zone,
        rate=version.rate,
        infuse_minutes=version.infuse_minutes,
        interval_minutes=version.interval_minutes,
        start_at=version.start_at,
        end_at=version.end_at,
        stated_at=version.stated_at,
        received_at=version.received_at,
        doses={d.code: Quantity(_exact(c.amount), c.unit) for c, d in additives},
        names={d.code: d.name for c, d in parts},
        high_alert=any(d.high_alert for c, d in additives),
        base=base[1].code if base else None,
        base_name=base[1].name if base else None,
        base_volume=Quantity(_exact(base[0].amount), base[0].unit) if base else None,
        notes=tuple(line for line in version.notes.split("\n") if line),
        warnings=tuple(line for line in version.warnings.split("\n") if line),
        message_id=version.message_id,
        picture_sha256=version.picture_sha256,
        verified_by=verified[1] if verified else None,
        verified_at=verified[0].at if verified else None,
    )


def _exact(value: Decimal) -> Decimal:
    """Drop the trailing zeros that storage in millionths adds."""
    return value.quantize(Decimal(1)) if value == value.to_integral_value() else value.normalize()


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
    return [order_facts(session, version_id) for version_id in session.scalars(query)]


def doses_of(session: Session, version_id: int) -> list[Dose]:
    """The doses that a version's verification wrote, in the order in which they fall due."""
    return list(session.scalars(select(Dose).where(Dose.version_id == version_id).order_by(Dose.due_at)))


def versions_of(session: Session, order_id: int) -> list[OrderVersion]:
    """Every version of an order, first to last."""
    query = select(OrderVersion).where(OrderVersion.order_id == order_id).order_by(OrderVersion.number)
    return list(session.scalars(query))
