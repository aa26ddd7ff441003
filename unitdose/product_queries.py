"""An order whose product a pharmacist chooses: what it says now, and of which drugs."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.errors import Missing
from app.orders.facts import OrderFacts
from app.orders.models import Order, OrderComponent
from app.orders.queries import order_facts, version_of
from unitdose.cart_models import OwnSupply


def newest_with_drugs(session: Session, order_id: int) -> tuple[OrderFacts, frozenset[int]]:
    """An order's newest version, and the numbers of its drugs. Raises Missing."""
    head = session.get(Order, order_id)
    if head is None:
        raise Missing("This order does not exist.")
    version = version_of(session, order_id, head.newest)
    drugs = session.scalars(select(OrderComponent.drug_id).where(OrderComponent.version_id == version.id))
    return order_facts(session, version.id), frozenset(drugs)


def own_supply(session: Session, order_id: int) -> bool:
    """Whether the patient's own medication is used for an order, by a pharmacist's decision."""
    query = select(OwnSupply.id).where(OwnSupply.order_id == order_id, OwnSupply.ended_at.is_(None))
    return session.scalar(query) is not None
