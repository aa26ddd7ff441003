"""What the pharmacy looks after once bags are labelled: what a ward misses, what waits to leave, old labels."""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.workflow import LIVE, State
from app.custody.bag import Bag
from app.custody.models import CustodyEvent
from app.custody.queries import OVERDUE, SOON, bag, known_otherwise
from app.custody.whereabouts import GONE, Stage, What
from app.labels.models import Label
from app.orders.models import Dose, Order
from app.work.models import WorkItem

LOOKED_FOR = timedelta(hours=24)


def missed(session: Session, now: datetime) -> list[Bag]:
    """The bags that a ward said are not there within the last day, that nobody has found or withdrawn since.

    The newest first.
    """
    query = (
        select(CustodyEvent.serial)
        .where(CustodyEvent.kind == What.NOT_HERE, CustodyEvent.at > now - LOOKED_FOR)
        .order_by(CustodyEvent.id.desc())
    )
    bags = (bag(session, serial) for serial in dict.fromkeys(session.scalars(query)))
    return [each for each in bags if each.where.stage is Stage.MISSING and each.state is State.RELEASED]


def ready(session: Session, now: datetime) -> tuple[list[Bag], list[Bag]]:
    """The released bags that no scan has seen leave the pharmacy, first due first; and those just handed over."""
    seen = select(CustodyEvent.id).where(CustodyEvent.serial == Label.serial, CustodyEvent.kind.in_(_LEFT)).exists()
    waiting = (
        select(Label.serial)
        .join(WorkItem, WorkItem.id == Label.work_id)
        .join(Dose, Dose.id == WorkItem.dose_id)
        .where(WorkItem.state == State.RELEASED, Label.voided_at.is_(None), Dose.due_at > now - OVERDUE, ~seen)
        .order_by(Dose.due_at, Label.serial)
    )
    handed = (
        select(CustodyEvent.serial)
        .where(CustodyEvent.kind == What.HANDED_OVER, CustodyEvent.at > now - SOON)
        .order_by(CustodyEvent.id.desc())
        .limit(20)
    )
    stand = [bag(session, serial) for serial in session.scalars(waiting)]
    gone = [bag(session, serial) for serial in session.scalars(handed.join(Label).join(WorkItem).where(_A_BAG))]
    return [each for each in stand if each.where.stage is not Stage.PACKED], gone


_A_BAG = WorkItem.dose_id.is_not(None)


_LEFT = (
    What.HANDED_OVER, What.ARRIVED, What.RECEIVED, What.REJECTED, What.GIVEN, What.FOUND, What.TAKEN_OUT,
    What.RETURNED, What.DAMAGED,
)  # fmt: skip


def labelled(session: Session, patient_id: int, now: datetime) -> list[Bag]:
    """The bags that bear a label for a patient and may still be given, checked or not, first due first."""
    query = (
        select(Label.serial)
        .join(WorkItem, WorkItem.id == Label.work_id)
        .join(Dose, Dose.id == WorkItem.dose_id)
        .join(Order, Order.id == Dose.order_id)
        .where(Order.patient_id == patient_id, WorkItem.state.in_(LIVE), Label.voided_at.is_(None))
        .where(Dose.due_at > now - OVERDUE)
        .order_by(Dose.due_at, Label.serial)
    )
    found = (bag(session, serial) for serial in session.scalars(query))
    return [each for each in found if each.where.stage not in GONE]


def wrongly_labelled(session: Session, now: datetime) -> list[Bag]:
    """The released bags that may still be given and whose labels show an old record number or name, first due first."""
    query = (
        select(Label.serial)
        .join(WorkItem, WorkItem.id == Label.work_id)
        .join(Dose, Dose.id == WorkItem.dose_id)
        .join(Order, Order.id == Dose.order_id)
        .where(WorkItem.state == State.RELEASED, Label.voided_at.is_(None), Dose.due_at > now - OVERDUE)
        .where(known_otherwise())
        .order_by(Dose.due_at, Label.serial)
    )
    found = (bag(session, serial) for serial in session.scalars(query))
    return [each for each in found if each.old_label and each.where.stage not in GONE]
