"""Patients and stays as messages and transcriptions state them."""

from datetime import datetime

from sqlalchemy import bindparam, select, update

from app.audit.actions import record
from app.core.errors import Refused
from app.db.session import Tx
from app.orders.identity_queries import named, named_later
from app.orders.models import Allergy, FormerIdentity, Order, Patient, PatientAlias, Stay
from app.orders.queries import patient_of
from app.orders.same_person import Named, differences
from app.orders.stated import StatedPatient, StatedPlace
from app.stations.queries import unit_by_code


def held_patient(tx: Tx, mrn: str) -> Patient | None:
    """The patient of a record number, whom nobody else renames before this act is done."""
    patient = patient_of(tx.session, mrn)
    if patient is not None:
        # Not against whoever only refers to the patient: a new line of a plan holds its order's head already.
        tx.session.refresh(patient, with_for_update={"key_share": True})
    return patient


def find_patient(
    tx: Tx,
    stated: StatedPatient,
    *,
    by_adt: bool = False,
    at: datetime | None = None,
    named_at: datetime | None = None,
) -> Patient:
    """Find the patient of a record number (also a merged one) or make them, and take over what is newly stated.

    What the sender leaves out stays as it is; the allergy list is replaced only when one is stated. `at` is when the
    sender said so (None: now); an allergy list that was said before the one that is known replaces nothing. ADT also
    names the patient: at `named_at`, and what was said before the last naming only fills what is not known.
    """
    # A sender's clock that goes ahead must not keep later messages from naming the patient.
    named_at = min(named_at, tx.now) if named_at else None
    patient = held_patient(tx, stated.mrn) if by_adt else patient_of(tx.session, stated.mrn)
    if patient is None:
        patient = Patient(
            mrn=stated.mrn,
            family=stated.family,
            given=stated.given,
            born=stated.born,
            sex=stated.sex,
            allergies_reviewed=False,
            confirmed_by_adt=by_adt,
            named_at=named_at,
        )
        tx.session.add(patient)
        tx.session.flush()
        record(tx, "patient added", f"patient {patient.id}", {"by": "ADT" if by_adt else "order"})
    if by_adt:
        patient.confirmed_by_adt = True
        name_patient(tx, patient, Named(stated.family, stated.given, stated.born), stated.sex, named_at)
    if stated.weight_kg is not None and (
        patient.weight_at is None or (stated.weight_at or tx.now) >= patient.weight_at
    ):
        patient.weight_kg, patient.weight_at = stated.weight_kg, stated.weight_at or tx.now
    if stated.height_cm is not None:
        patient.height_cm = stated.height_cm
    if stated.allergies is not None:
        _replace_allergies(tx, patient, stated.allergies, at or tx.now)
    return patient


def name_patient(tx: Tx, patient: Patient, said: Named, sex: str | None, named_at: datetime | None) -> bool:
    """Name a patient as the newest message does; what nobody says stays. True when labels bear another name now.

    A message that was overtaken by a newer one only fills what is not known. The patient is held (`held_patient`).
    """
    before, old_sex = Named(patient.family, patient.given, patient.born), patient.sex
    if named_later(patient, named_at):
        said = Named(before.family or said.family, before.given or said.given, before.born or said.born)
        sex = old_sex or sex
    else:
        patient.named_at = named_at or patient.named_at
    now = Named(said.family or before.family, said.given or before.given, said.born or before.born)
    patient.family, patient.given, patient.born, patient.sex = now.family, now.given, now.born, sex or old_sex
    tx.session.flush()
    if now == before and patient.sex == old_sex:
        return False
    record(tx, "renamed", f"patient {patient.id}", {"from": _told(before, old_sex), "to": _told(now, patient.sex)})
    if not differences(before, now):
        return False
    was_known_as(tx, patient, before)
    for topic in ("ward", "queue", "orders", "worklist", "deliveries"):
        tx.tell(topic)
    return True


def was_known_as(tx: Tx, patient: Patient, before: Named) -> None:
    """Keep how a patient was named until now: labels may bear it, and messages that are under way may say it."""
    former = FormerIdentity(
        patient_id=patient.id, family=before.family, given=before.given, born=before.born, until=tx.now
    )
    tx.session.add(former)
    tx.session.flush()


def _told(named: Named, sex: str | None) -> str:
    return f"{named.family}, {named.given}, {named.born or 'no birth date'}, {sex or 'no sex'}"


def _replace_allergies(tx: Tx, patient: Patient, stated: tuple[tuple[str, str | None], ...], at: datetime) -> None:
    known, late = _known_allergies(tx, patient, at)
    if not late:
        _write_allergies(tx, patient, known, stated, at)


def _known_allergies(tx: Tx, patient: Patient, at: datetime) -> tuple[list[Allergy], bool]:
    """The allergies that are known, and whether something was said of them after `at`: a message was held up then."""
    said = tx.session.scalars(select(Allergy).where(Allergy.patient_id == patient.id)).all()
    late = any(at < (allergy.ended_at or allergy.stated_at) for allergy in said)
    return [allergy for allergy in said if allergy.ended_at is None], late


def _write_allergies(
    tx: Tx, patient: Patient, known: list[Allergy], stated: tuple[tuple[str, str | None], ...], at: datetime
) -> None:
    patient.allergies_reviewed = True
    stated = tuple(dict.fromkeys(stated))
    if {(a.text, a.reaction) for a in known} == set(stated):
        return
    for allergy in known:
        allergy.ended_at = max(at, allergy.stated_at)
    for text, reaction in stated:
        tx.session.add(Allergy(patient_id=patient.id, text=text, reaction=reaction, stated_at=at))
    record(tx, "allergies stated", f"patient {patient.id}", {"count": len(stated)})


_STAY = select(Stay).where(Stay.visit == bindparam("visit"))


def find_stay(tx: Tx, patient: Patient, place: StatedPlace, at: datetime | None = None) -> Stay | None:
    """Find or make the stay of a visit number, moved to where the sender says; None when no visit is stated.

    `at` is when the sender said so (None: now); what was said before the last move moves nobody. Raises Refused when
    the visit is another patient's.
    """
    if not place.visit:
        return None
    at = at or tx.now
    stay = tx.session.scalar(_STAY, {"visit": place.visit})
    if stay is None:
        stay = Stay(
            patient_id=patient.id,
            visit=place.visit,
            unit_id=_unit_id(tx, place),
            location=place.text,
            room=place.room,
            bed=place.bed,
            moved_at=at,
        )
        tx.session.add(stay)
        tx.session.flush()
        return stay
    if stay.patient_id != patient.id:
        raise Refused(f"Visit {place.visit} is another patient's. A pharmacist must look at this message.")
    here = (stay.location, stay.room, stay.bed)
    if place.text and at >= stay.moved_at and here != (place.text, place.room, place.bed):
        stay.unit_id = _unit_id(tx, place)
        stay.location, stay.room, stay.bed, stay.moved_at = place.text, place.room, place.bed, at
        record(tx, "moved", f"patient {patient.id}", {"to": place.text, "room": place.room, "bed": place.bed})
        tx.tell("ward")
        tx.tell("worklist")
    return stay


def _unit_id(tx: Tx, place: StatedPlace) -> int | None:
    unit = unit_by_code(tx.session, place.unit) if place.unit else None
    return unit.id if unit else None


def change_allergies(
    tx: Tx, patient: Patient, added: tuple[tuple[str, str | None], ...], gone: tuple[str, ...], at: datetime
) -> None:
    """Add and remove single allergies, where the sender says what changed instead of the whole list.

    A message that was held up on its way still adds, but takes nothing away that may have been said anew.
    """
    allergies, late = _known_allergies(tx, patient, at)
    known = {(a.text, a.reaction) for a in allergies}
    replaced = set() if late else {text for text, _ in added} | set(gone)
    left = {each for each in known if each[0] not in replaced} | set(added)
    _write_allergies(tx, patient, allergies, tuple(sorted(left, key=lambda each: (each[0], each[1] or ""))), at)


def discharge(tx: Tx, stay: Stay, at: datetime) -> list[int]:
    """Note that a stay ended; the numbers of its orders, and of those that name no stay, for the caller to hold."""
    if stay.ended_at is None:
        stay.ended_at = at
        record(tx, "discharged", f"patient {stay.patient_id}", {"visit": stay.visit, "at": at})
        tx.tell("ward")
    return _orders_of(tx, stay)


def undo_discharge(tx: Tx, stay: Stay, at: datetime) -> list[int]:
    """Note that a stay goes on after all; the numbers of its orders, for the caller to release.

    Whoever was said to have left before `at` is here, whenever that message comes.
    """
    stay.moved_at = max(stay.moved_at, at)
    if stay.ended_at is not None:
        stay.ended_at = None
        record(tx, "discharge undone", f"patient {stay.patient_id}", {"visit": stay.visit})
        tx.tell("ward")
    return _orders_of(tx, stay)


def _orders_of(tx: Tx, stay: Stay) -> list[int]:
    of_nobody_else = (Order.patient_id == stay.patient_id) & Order.stay_id.is_(None)
    return list(tx.session.scalars(select(Order.id).where((Order.stay_id == stay.id) | of_nobody_else)))


def merge(tx: Tx, survivor: Patient, retired_mrn: str) -> list[int]:
    """Retire a record number in favour of a patient: stays and orders move over, the old number stays as an alias.

    Returns the numbers of the orders that moved, whose labels bear the old number. Chains of merges resolve.
    """
    retired = patient_of(tx.session, retired_mrn)
    if retired is not None and retired.id == survivor.id:
        return []
    moved: list[int] = []
    if retired is not None:
        moved = list(tx.session.scalars(select(Order.id).where(Order.patient_id == retired.id)))
        for table in (Order, Stay):
            tx.session.execute(update(table).where(table.patient_id == retired.id).values(patient_id=survivor.id))
        of_retired = PatientAlias.patient_id == retired.id
        tx.session.execute(update(PatientAlias).where(of_retired).values(patient_id=survivor.id))
        tx.session.execute(
            update(FormerIdentity).where(FormerIdentity.patient_id == retired.id).values(patient_id=survivor.id)
        )
        name, kept = named(retired), named(survivor)
        if differences(kept, name):
            was_known_as(tx, survivor, name)
        theirs = select(Allergy).where(Allergy.patient_id == retired.id, Allergy.ended_at.is_(None))
        mine = select(Allergy.text).where(Allergy.patient_id == survivor.id, Allergy.ended_at.is_(None))
        known = set(tx.session.scalars(mine))
        for each in tx.session.scalars(theirs).all():
            if each.text not in known:
                added = Allergy(patient_id=survivor.id, text=each.text, reaction=each.reaction, stated_at=tx.now)
                tx.session.add(added)
    alias = tx.session.get(PatientAlias, retired_mrn)
    if alias is None:
        tx.session.add(PatientAlias(mrn=retired_mrn, patient_id=survivor.id, at=tx.now))
    tx.session.flush()
    facts = {"retired": retired_mrn, "orders": moved}
    record(tx, "patients merged", f"patient {survivor.id}", facts)
    for topic in ("ward", "orders", "deliveries"):
        tx.tell(topic)
    return moved


def renumber(tx: Tx, retired_mrn: str, mrn: str) -> Patient | None:
    """Give a known patient the record number that replaces theirs; None when the old one was never known here."""
    patient = patient_of(tx.session, retired_mrn)
    if patient is None:
        return None
    before, patient.mrn = patient.mrn, mrn
    tx.session.flush()
    if tx.session.get(PatientAlias, before) is None:
        tx.session.add(PatientAlias(mrn=before, patient_id=patient.id, at=tx.now))
        tx.session.flush()
    record(tx, "renumbered", f"patient {patient.id}", {"retired": before, "number": mrn})
    return patient


def merge_visits(tx: Tx, survivor: str, retired: str) -> bool:
    """Join a retired visit number to the one that stays; False when the retired one was never known here."""
    old = tx.session.scalar(select(Stay).where(Stay.visit == retired))
    kept = tx.session.scalar(select(Stay).where(Stay.visit == survivor))
    if old is None:
        return False
    if kept is None:
        old.visit = survivor
    else:
        tx.session.execute(update(Order).where(Order.stay_id == old.id).values(stay_id=kept.id))
        old.ended_at = old.ended_at or tx.now
    record(tx, "visits merged", f"patient {old.patient_id}", {"survivor": survivor, "retired": retired})
    tx.tell("ward")
    return True
