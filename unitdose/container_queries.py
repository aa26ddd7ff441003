"""Which containers of many doses stand on a ward for an order."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from unitdose.cart_models import InUse


def standing_for(session: Session, order_id: int, package_id: int) -> InUse | None:
    """The container of a package that stands opened for an order; None where nobody has noted one."""
    query = select(InUse).where(
        InUse.order_id == order_id, InUse.package_id == package_id, InUse.ended_at.is_(None)
    )
    return session.scalar(query)
