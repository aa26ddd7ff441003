"""What a bedside record changes: the dose of an order counts as given, wherever the cart or the bag is by the books."""

from datetime import timedelta

from sqlalchemy import select

from app.audit.actions import record
from app.core.errors import Refused
from app.custody.given_actions import AtBedside, Noted, bag_given, bags_named, dose_given, due_near
from app.db.session import Tx
from app.interop.understood import GivenMessage
from app.orders.models import Order, OrderVersion
from app.orders.queries import why_not_theirs
from unitdose.bedside_actions import given_at_bedside

AHEAD = timedelta(minutes=30)
"""A sender's clock may go ahead by this; what is said to be given later than that was not given yet."""


def take_given(tx: Tx, said: GivenMessage, message_id: int) -> Noted:
    """Note a dose as given by what the bedside said, once a message; returns what it did, in words.

    Custody of a bag or a unit dose closes with it, whatever was scanned before. Raises Refused when the order belongs
    to another patient, and for what cannot be true, so that a pharmacist looks; Missing for a label that is not ours.
    """
    number = said.key.split("^")[0]
    if why := why_not_theirs(tx.session, said.key, said.patient.mrn):
        raise Refused(f"Order {number} {why}. A pharmacist must look at this bedside record.")
    order_id = tx.session.scalar(select(Order.id).where(Order.key == said.key))
    if order_id is None and (bags := bags_named(tx, said.serials)):
        raise Refused(f"The bedside names bag {bags[0]} and an order {number} that is not known here: find out whose.")
    if order_id is None:
        return Noted(f"order {number} is not known here: what the bedside says of it changes nothing")
    if said.status in ("refused", "not given"):
        record(tx, f"dose {said.status}", f"order {order_id}", {"at": said.at.instant, "message": message_id})
        return Noted(f"a dose of order {number} was {said.status}: it stays where it is")
    if said.at.instant > tx.now + AHEAD:
        raise Refused(f"The bedside says that a dose of order {number} was given later than now: look at its clock.")
    place = said.source.facility or said.source.application or "the bedside"
    by = f"{said.by}, only in part" if said.status == "part" and said.by else said.by
    told = AtBedside(message_id, said.at.instant, place, by, said.code)
    found = _given(tx, order_id, said, told)
    return Noted(f"order {number}: {found.words}", found.look)


def _given(tx: Tx, order_id: int, said: GivenMessage, told: AtBedside) -> Noted:
    if bags := bags_named(tx, said.serials):
        noted = [bag_given(tx, order_id, serial, told) for serial in bags]
        return Noted("; ".join(each.words for each in noted), any(each.look for each in noted))
    due_at = due_near(tx, order_id, told.at)
    if due_at is None:
        return given_at_bedside(tx, order_id, told)
    return dose_given(tx, order_id, due_at, told, runs=_runs_on(tx, order_id))


def _runs_on(tx: Tx, order_id: int) -> bool:
    """Whether the order is a continuous infusion: the bedside then tells of rates too, many times a bag."""
    newest = (Order.id == OrderVersion.order_id) & (Order.newest == OrderVersion.number)
    rhythm = select(OrderVersion.rhythm).join(Order, newest).where(OrderVersion.order_id == order_id)
    return tx.session.scalar(rhythm) == "continuous"
