"""Patients and stays as messages and transcriptions state them."""

from sqlalchemy import select

from app.audit.actions import record
from app.db.session import Tx
from app.orders.models import Allergy, Patient, PatientAlias, Stay
from app.orders.stated import StatedPatient, StatedPlace
from app.stations.models import Unit


def find_patient(tx: Tx, stated: StatedPatient, *, by_adt: bool = False) -> Patient:
    """Find the patient of a record number (also a merged one) or make them, and take over what is newly stated.

    What the sender leaves out stays as it is; the allergy list is replaced only when one is stated.
    """
    patient = tx.session.scalar(select(Patient).where(Patient.mrn == stated.mrn))
    if patient is None:
        alias = tx.session.get(PatientAlias, stated.mrn)
        patient = tx.session.get(Patient, alias.patient_id) if alias else None
    if patient is None:
        patient = Patient(
            mrn=stated.mrn,
            family=stated.family,
            given=stated.given,
            born=stated.born,
            sex=stated.sex,
            allergies_reviewed=False,
            confirmed_by_adt=by_adt,
        )
        tx.session.add(patient)
        tx.session.flush()
        record(tx, "patient added", f"patient {patient.id}", {"by": "ADT" if by_adt else "order"})
    if by_adt:
        patient.confirmed_by_adt = True
        patient.family, patient.given = stated.family or patient.family, stated.given or patient.given
        patient.born, patient.sex = stated.born or patient.born, stated.sex or patient.sex
    if stated.weight_kg is not None and (
        patient.weight_at is None or (stated.weight_at or tx.now) >= patient.weight_at
    ):
        patient.weight_kg, patient.weight_at = stated.weight_kg, stated.weight_at or tx.now
    if stated.height_cm is not None:
        patient.height_cm = stated.height_cm
    if stated.allergies is not None:
        _replace_allergies(tx, patient, stated.allergies)
    return patient


def _replace_allergies(tx: Tx, patient: Patient, stated: tuple[tuple[str, str | None], ...]) -> None:
    known = list(
        tx.session.scalars(select(Allergy).where(Allergy.patient_id == patient.id, Allergy.ended_at.is_(None)))
    )
    patient.allergies_reviewed = True
    if {(a.text, a.reaction) for a in known} == set(stated):
        return
    for allergy in known:
        allergy.ended_at = tx.now
    for text, reaction in stated:
        tx.session.add(Allergy(patient_id=patient.id, text=text, reaction=reaction, stated_at=tx.now))
    record(tx, "allergies stated", f"patient {patient.id}", {"count": len(stated)})


def find_stay(tx: Tx, patient: Patient, place: StatedPlace) -> Stay | None:
    """Find or make the stay of a visit number, moved to where the sender says; None when no visit is stated."""
    if not place.visit:
        return None
    unit = tx.session.scalar(select(Unit).where(Unit.code == place.unit)) if place.unit else None
    stay = tx.session.scalar(select(Stay).where(Stay.visit == place.visit))
    if stay is None:
        stay = Stay(
            patient_id=patient.id,
            visit=place.visit,
            unit_id=unit.id if unit else None,
            location=place.text,
            room=place.room,
            bed=place.bed,
            moved_at=tx.now,
        )
        tx.session.add(stay)
        tx.session.flush()
        return stay
    if place.text and stay.location != place.text:
        stay.location, stay.room, stay.bed, stay.moved_at = place.text, place.room, place.bed, tx.now
        stay.unit_id = unit.id if unit else None
        record(tx, "moved", f"patient {patient.id}", {"to": place.text})
        tx.tell("ward")
    return stay
