"""Finding orders by what somebody has in the hand: a name or number on a label, also one of before."""

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from app.orders.facts import OrderFacts
from app.orders.models import FormerIdentity, Order, OrderVersion, Patient, PatientAlias
from app.orders.queries import order_facts


def search(session: Session, words: str, limit: int = 50) -> list[OrderFacts]:
    """Find orders, stopped ones included, by the patient's name or record number, of before too, or by their number."""
    query = (
        select(OrderVersion.id)
        .join(Order, (Order.id == OrderVersion.order_id) & (Order.newest == OrderVersion.number))
        .join(Patient, Patient.id == Order.patient_id)
        .order_by(OrderVersion.received_at.desc())
        .limit(limit)
    )
    for word in words.replace(",", " ").split():
        columns = (Patient.family, Patient.given, Patient.mrn, Order.number, OrderVersion.title)
        hits = [column.icontains(word, autoescape=True) for column in columns]
        query = query.where(or_(*hits, _was_called(word)))
    return [order_facts(session, version_id) for version_id in session.scalars(query)]


def _was_called(word: str) -> ColumnElement[bool]:
    """A condition on `Patient`: a word of a name or number that they had before."""
    names = (FormerIdentity.family, FormerIdentity.given)
    named = or_(*(name.icontains(word, autoescape=True) for name in names))
    number = PatientAlias.mrn.icontains(word, autoescape=True)
    return or_(
        select(FormerIdentity.id).where(FormerIdentity.patient_id == Patient.id, named).exists(),
        select(PatientAlias.mrn).where(PatientAlias.patient_id == Patient.id, number).exists(),
    )
