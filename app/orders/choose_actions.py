"""Choosing an order's times by hand: where its frequency cannot be read, or where a pharmacist decides otherwise."""

from dataclasses import replace
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.audit.actions import record
from app.core.canonical import canonical, sha256
from app.core.errors import Invalid, Missing, Refused
from app.core.permissions import May
from app.core.quantity import Quantity
from app.db.session import Tx
from app.orders.actions import copied, for_change
from app.orders.due import anchored
from app.orders.frequency import Unread, read_frequency, scheduled
from app.orders.models import Order, OrderComponent, OrderVersion
from app.orders.queries import order_facts
from app.orders.schedule import AsNeeded, Continuous, Interval, Once, Schedule
from app.orders.schedule_document import written_schedule
from app.orders.stated import content_of
from app.orders.times_queries import times_table, where_of
from app.orders.timing_queries import timed
from app.orders.wall_clock import place


def chosen_schedule(session: Session, version_id: int, how: str, first: str, now: datetime) -> Schedule:
    """The schedule that a frequency in our words, and perhaps a first dose (local), would give an order version.

    Raises Invalid under 'how' or 'first', Missing.
    """
    version = session.get(OrderVersion, version_id)
    if version is None:
        raise Missing("This order does not exist.")
    if not how.strip():
        raise Invalid({"how": "Write how often it is given: Q12H, BID, 0800 2000, every other day at bedtime."})
    order = order_facts(session, version_id)
    drugs = select(OrderComponent.drug_id).where(OrderComponent.version_id == version_id)
    where = where_of(session, order.unit, version.route, session.scalars(drugs), now)
    read = read_frequency(how, times_table(session, now), where)
    if isinstance(read, Unread):
        raise Invalid({"how": read.why})
    schedule = scheduled(read, version.start_at, version.end_at)
    return anchored(_from_first(schedule, first, version) if first else schedule, version.zone)


def _from_first(schedule: Schedule, first: str, version: OrderVersion) -> Schedule:
    try:
        wall = datetime.fromisoformat(first)
    except ValueError:
        raise Invalid({"first": "Enter the day and time of the first dose, or leave both empty."}) from None
    at = place(wall, version.zone).at if wall.tzinfo is None else wall.astimezone(UTC)
    if at < version.start_at:
        raise Invalid({"first": "The first dose is before the order starts."})
    if version.end_at is not None and at >= version.end_at:
        raise Invalid({"first": "The first dose is after the order ends."})
    match schedule.rhythm:
        case Once():
            return replace(schedule, rhythm=Once(at))
        case Interval():
            return replace(schedule, rhythm=replace(schedule.rhythm, anchor=at))
        case AsNeeded() | Continuous():
            raise Invalid({"first": "Nothing is planned for such an order: leave the first dose empty."})
    return replace(schedule, first_dose=at)


def choose_times(tx: Tx, version_id: int, how: str, first: str = "") -> OrderVersion:
    """Give an order the times that a pharmacist chose, as its next version, which is then verified like any other.

    Raises Refused for anyone who may not, for a stopped order and for a version that is not the newest; Invalid,
    Missing.
    """
    tx.who.require(May.VERIFY)
    schedule = chosen_schedule(tx.session, version_id, how, first, tx.now)
    last = tx.session.get_one(OrderVersion, version_id)
    head = for_change(tx.session, Order.id == last.order_id)
    assert head is not None
    if head.newest != last.number:
        raise Refused("A newer version of this order has arrived. Reload and look at that one.")
    if last.state == "stopped":
        raise Refused("This order is stopped; it has no more times.")
    if last.schedule == written_schedule(schedule):
        raise Refused("These are the times that the order has already.")
    parts = tx.session.scalars(select(OrderComponent).where(OrderComponent.version_id == last.id))
    content = content_of(
        [(part.role, part.drug_id, Quantity(part.amount, part.unit)) for part in parts],
        route=last.route,
        frequency=last.frequency,
        priority=last.priority,
        start=last.start_at,
        end=last.end_at,
        schedule=written_schedule(schedule),
        rate=last.rate,
        infuse=last.infuse_minutes,
        notes=filter(None, last.notes.split("\n")),
    )
    changed = {
        **timed(schedule, last.zone),
        "control": "times",
        "stated_at": tx.now,
        "content_sha256": sha256(canonical(content)),
        "chosen_by": tx.who.person_id,
    }
    version = copied(tx, head, last, changed)
    record(tx, "times chosen", f"order {head.id}", {"version": version.number, "how": how, "first": first or None})
    return version
