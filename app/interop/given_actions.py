"""What a bedside record changes: the dose of an order counts as given, wherever the cart or the bag is by the books."""

from sqlalchemy import select

from app.audit.actions import record
from app.core.errors import Refused
from app.db.session import Tx
from app.interop.understood import GivenMessage
from app.orders.models import Order
from app.orders.queries import why_not_theirs
from unitdose.bedside_actions import given_at_bedside


def take_given(tx: Tx, said: GivenMessage, message_id: int) -> str:
    """Note a dose as given by what the bedside said, once a message; returns what it did, in words.

    Custody of a unit dose closes with it, whatever was scanned before. Raises Refused when the order belongs to another
    patient, so that a pharmacist looks.
    """
    number = said.key.split("^")[0]
    if why := why_not_theirs(tx.session, said.key, said.patient.mrn):
        raise Refused(f"Order {number} {why}. A pharmacist must look at this bedside record.")
    order_id = tx.session.scalar(select(Order.id).where(Order.key == said.key))
    if order_id is None:
        return f"order {number} is not known here: what the bedside says of it changes nothing"
    if said.status in ("refused", "not given"):
        record(tx, f"dose {said.status}", f"order {order_id}", {"at": said.at.instant, "message": message_id})
        return f"a dose of order {number} was {said.status}: it stays where it is"
    place = said.source.facility or said.source.application or "the bedside"
    found = given_at_bedside(tx, order_id, said.at.instant, said.code, message_id, place)
    return f"order {number}: {found}"
