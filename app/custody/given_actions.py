"""A bag that the bedside says was given: its custody ends, whatever was scanned before.

What must not be true (never released, given already) is refused and changes nothing; what was given although it should
not have been is a fact, and somebody looks at it.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import select

from app.audit.actions import record
from app.core.errors import Missing, Refused
from app.core.wording import instant
from app.custody import queries
from app.custody.actions import locked_bag, unit_named
from app.custody.bag import Bag, why_not_to_be_given
from app.custody.models import CustodyEvent
from app.custody.whereabouts import LABELLED, Stage, What
from app.db.session import Tx
from app.labels.models import Label
from app.orders.models import Dose, Order, OrderVersion
from app.work.models import WorkItem

NEAR = timedelta(hours=12)
"""A dose is given within this time of its due time, or the record is of another dose."""


@dataclass(frozen=True, slots=True)
class AtBedside:
    """What a bedside record says of one administration: which message, when, where, by whom, under which code."""

    message_id: int
    at: datetime
    place: str
    by: str = ""
    code: str = ""

    @property
    def note(self) -> str | None:
        """Who gave it and what was scanned, in words; None where neither is said."""
        return ", ".join(filter(None, [f"by {self.by}" if self.by else "", self.code])) or None


@dataclass(frozen=True, slots=True)
class Noted:
    """What a bedside record changed, in words; with `look`, a person has to look at it."""

    words: str
    look: bool = False


def bags_named(tx: Tx, serials: Collection[str]) -> tuple[str, ...]:
    """Those of some label serials that are bags of the IV room. Raises Missing for one that was not made here."""
    query = (
        select(Label.serial, WorkItem.dose_id)
        .outerjoin(WorkItem, WorkItem.id == Label.work_id)
        .where(Label.serial.in_(list(serials)))
    )
    found = {serial: dose_id for serial, dose_id in tx.session.execute(query)}
    if unknown := [serial for serial in serials if serial not in found]:
        raise Missing(f"The bedside names the label {unknown[0]}, which was not made here. Find out what was given.")
    return tuple(serial for serial in serials if found[serial] is not None)


def due_near(tx: Tx, order_id: int, at: datetime) -> datetime | None:
    """When the dose of the IV room falls due that is nearest to an instant; None where none is near."""
    query = select(Dose.due_at).where(Dose.order_id == order_id, Dose.room == "iv")
    due = tx.session.scalars(query.where(Dose.due_at.between(at - NEAR, at + NEAR)).distinct()).all()
    return min(due, key=lambda each: (abs(each - at), each), default=None)


def bag_given(tx: Tx, order_id: int, serial: str, said: AtBedside) -> Noted:
    """Note the bag of a label as given by what the bedside says; once for each message.

    Raises Refused for a bag of another order, one that was never released, one that was given or went back, and
    Missing.
    """
    found = locked_bag(tx, serial)
    if found.order.order_id != order_id:
        number = found.order.number
        raise Refused(f"The bedside names bag {serial}, which is of order {number}. Find out what was given.")
    return _note(tx, found, said)


def dose_given(tx: Tx, order_id: int, due_at: datetime, said: AtBedside, *, runs: bool = False) -> Noted:
    """Note the bag of the dose that is due then as given, where the bedside names no label. Raises as `bag_given`.

    Of a continuous infusion (`runs`) the bedside tells each rate; only the first time a bag is told of, it is given.
    """
    query = (
        select(WorkItem.id, Label.serial)
        .join(Label, Label.work_id == WorkItem.id)
        .join(Dose, Dose.id == WorkItem.dose_id)
        .where(Dose.order_id == order_id, Dose.due_at == due_at)
        .order_by(WorkItem.id, Label.copy_number)
    )
    newest = {work_id: serial for work_id, serial in tx.session.execute(query)}
    chosen = _likeliest(queries.bags(tx.session, reversed(newest.values())), _named_by(tx, said.message_id))
    if chosen is None:
        order = tx.session.get_one(Order, order_id)
        zone = tx.session.scalar(select(OrderVersion.zone).where(OrderVersion.order_id == order_id).limit(1)) or "UTC"
        raise Refused(
            f"The bedside says that a dose of order {order.number} was given at {instant(said.at, zone)}, and no bag "
            f"for the dose due {instant(due_at, zone)} was made here. Find out what was given."
        )
    found = locked_bag(tx, chosen.serial)
    if runs and found.where.stage is Stage.GIVEN and chosen.serial not in _named_by(tx, said.message_id):
        return Noted(f"bag {found.serial} runs since {instant(found.where.since, found.order.zone)}")
    return _note(tx, found, said)


def _likeliest(bags: Sequence[Bag], named: Collection[str]) -> Bag | None:
    """The bag that was given: one that this message named before, else one under way or on the ward, else any."""
    mine = [each for each in bags if each.serial in named]
    there = [each for each in bags if each.released and each.where.stage in LABELLED]
    given = [each for each in bags if each.where.stage is Stage.GIVEN]
    return next(iter((*mine, *there, *given, *bags)), None)


def _named_by(tx: Tx, message_id: int) -> set[str]:
    named = select(CustodyEvent.serial).where(CustodyEvent.message_id == message_id, CustodyEvent.kind == What.GIVEN)
    return set(tx.session.scalars(named))


def _note(tx: Tx, found: Bag, said: AtBedside) -> Noted:
    zone, bag = found.order.zone, f"bag {found.serial}"
    told = f"The bedside says that {bag} was given at {instant(said.at, zone)}"
    before = _noted_before(tx, found.serial)
    if before is None:
        _write(tx, found, said, told)
    elif before.message_id != said.message_id and before.at == said.at:
        return Noted(f"{bag} was noted as given at {instant(before.at, zone)} before")
    elif before.message_id != said.message_id:
        first = instant(before.at, zone)
        raise Refused(f"{told}. It was given at {first} already. Find out whether another bag was given.")
    released = _released_at(found)
    if said.at < released:
        return Noted(f"{told}, before it was released at {instant(released, zone)}. Call the ward.", look=True)
    bare = replace(found, facts=tuple(fact for fact in found.facts if fact.what is not What.GIVEN))
    if why := why_not_to_be_given(bare, said.at):
        return Noted(f"{told}, although: {why[0]} Call the ward.", look=True)
    return Noted(f"{bag}, due {instant(found.due_at, zone)}, was given at {instant(said.at, zone)}")


def _write(tx: Tx, found: Bag, said: AtBedside, told: str) -> None:
    if not found.released:
        raise Refused(f"{told}. It was never released: it is {found.where.words}. Call the ward now.")
    if found.where.stage not in LABELLED:
        since = instant(found.where.since, found.order.zone)
        raise Refused(f"{told}. It is {found.where.words}, since {since}. Find out what was given.")
    event = CustodyEvent(
        serial=found.serial,
        kind=What.GIVEN,
        place=said.place,
        unit_id=unit_named(tx, found.order.unit),
        message_id=said.message_id,
        note=said.note,
        # What was given before its release, by the sender's clock, stands after it: facts are told in their order.
        at=max(said.at, _released_at(found)),
    )
    tx.session.add(event)
    tx.session.flush()
    facts = {"at": said.at, "place": said.place, "by": said.by, "message": said.message_id}
    record(tx, What.GIVEN, f"label {found.serial}", {**facts, "preparation": found.work_id})
    for topic in (f"label:{found.serial}", "ward", "queue"):
        tx.tell(topic)


def _released_at(found: Bag) -> datetime:
    return next(fact.at for fact in found.facts if fact.what is What.RELEASE)


def _noted_before(tx: Tx, serial: str) -> CustodyEvent | None:
    query = select(CustodyEvent).where(CustodyEvent.serial == serial, CustodyEvent.kind == What.GIVEN)
    return tx.session.scalar(query)

