"""Under which names and numbers a patient is and was known, and whether a label still names its patient."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.wording import day
from app.orders.facts import OldLabel, PatientFacts
from app.orders.models import FormerIdentity, Patient, PatientAlias
from app.orders.same_person import BIRTH, Named, differences


def named(patient: Patient | PatientFacts | FormerIdentity) -> Named:
    """A patient as one names them."""
    return Named(patient.family, patient.given, patient.born)


def named_later(patient: Patient, named_at: datetime | None) -> bool:
    """Whether a message that was sent after `named_at` has named the patient: what was said then is out of date."""
    return patient.named_at is not None and named_at is not None and named_at < patient.named_at


def was_named(session: Session, patient_id: int, said: Named) -> bool:
    """Whether a patient was once known by this name and birth date."""
    return _until(session, patient_id, said) is not None


def _until(session: Session, patient_id: int, said: Named) -> FormerIdentity | None:
    query = select(FormerIdentity).where(FormerIdentity.patient_id == patient_id).order_by(FormerIdentity.id.desc())
    return next((each for each in session.scalars(query) if not differences(named(each), said)), None)


def old_label(session: Session, stands: Mapping[str, Any], patient: Patient | PatientFacts) -> OldLabel | None:
    """Tell what a label shows that is its patient's no more: a record number, else a name or birth date; None if none.

    `stands` is what the label says, as it is kept (`mrn`, `patient_name`, `birth_date`); one that names nobody is
    nobody's.
    """
    number = stands.get("mrn")
    if number is None:
        return None
    if number != patient.mrn:
        alias = session.get(PatientAlias, number)
        mine = alias is not None and alias.patient_id == patient.id
        return OldLabel("record number", number, patient.mrn, alias.at if alias and mine else None)
    shown = _on_label(stands)
    differing = differences(named(patient), shown)
    if not differing:
        return None
    former = _until(session, patient.id, shown)
    what = BIRTH if differing == (BIRTH,) else "name"
    since = former.until if former else None
    today = f"{patient.family.upper()}, {patient.given}"
    return OldLabel(what, _said(stands["patient_name"], shown.born), _said(today, patient.born), since)


def _on_label(stands: Mapping[str, Any]) -> Named:
    family, _, given = str(stands["patient_name"]).partition(", ")
    born = stands.get("birth_date")
    return Named(family, given, date.fromisoformat(born) if born else None)


def _said(name: str, born: date | None) -> str:
    return f"{name}, born {day(born)}" if born else name
