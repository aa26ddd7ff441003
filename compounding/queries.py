"""Reading preparations: one folded for an act or a page, the hood's worklist, the check queue, one dose's record."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Exists, bindparam, select
from sqlalchemy.orm import Session, aliased

from app.core.canonical import canonical
from app.core.errors import Missing
from app.core.wording import time_zone
from app.core.workflow import State
from app.db.base import fetched
from app.formulary.models import Package
from app.identity.models import Person
from app.inventory.models import Lot
from app.labels.models import Label
from app.orders.facts import OldLabel, OrderFacts, PatientFacts
from app.orders.identity_queries import old_label
from app.orders.models import Dose, Order, OrderVersion, Verification
from app.orders.queries import order_facts, orders_facts
from app.stations.check_weights import why_not_checked
from app.stations.models import Station
from app.stations.queries import check_weights_of_day
from app.work.models import WorkItem, WorkMove
from compounding.models import Preparation, StepRecord
from compounding.opened import Item, Opened, Prepared
from compounding.procedure import label_serial, standing
from compounding.records import Record, Scanned, Weighed, from_text
from compounding.worksheet import read_worksheet

OVERDUE = timedelta(hours=12)
SOON = timedelta(hours=24)
STOPPED_SHOWN = timedelta(minutes=15)


@dataclass(frozen=True)
class Line:
    """One row of a worklist or queue; `holder` and `hood` are names."""

    dose_id: int
    work_id: int | None
    due_at: datetime
    order: OrderFacts
    state: State
    holder: str | None
    holder_id: int | None
    hood: str | None
    since: datetime | None

    @property
    def stat(self) -> bool:
        return self.order.is_stat(self.due_at)


# Read by every act and page at the hood: built once, and columns, because nothing read here is ever changed through it.
_RECORDS = (
    select(
        StepRecord.number, StepRecord.step, StepRecord.kind, StepRecord.facts, StepRecord.person_id, StepRecord.at,
        StepRecord.weighing_id, StepRecord.photo_id,
    )
    .where(StepRecord.work_id == bindparam("work_id"))
    .order_by(StepRecord.number)
)  # fmt: skip
_ITEM = (
    select(WorkItem.id, Dose.id, WorkItem.state, WorkItem.version, WorkItem.holder_id, WorkItem.station_id)
    .join(Preparation, Preparation.work_id == WorkItem.id)
    .join(Dose, Dose.id == WorkItem.dose_id)
    .where(WorkItem.id == bindparam("work_id"))
    .add_columns(
        Preparation.version_id, Preparation.recipe_id, Preparation.tray, Preparation.worksheet_sha256,
        Preparation.worksheet, Dose.due_at,
    )
)  # fmt: skip
_IN_HAND = (
    select(StepRecord.facts)
    .join(WorkItem, WorkItem.id == StepRecord.work_id)
    .join(Lot, Lot.id == StepRecord.lot_id)
    .join(Package, Package.id == Lot.package_id)
    .where(Package.product_id == bindparam("product_id"), StepRecord.kind == "scanned")
    .where(StepRecord.work_id != bindparam("work_id"), WorkItem.state.in_((State.MAKING, State.PAUSED, State.MADE)))
)


def records_of(session: Session, work_id: int) -> tuple[Record, ...]:
    """The records of a preparation in their order."""
    return tuple(
        Record(number, step, from_text(kind, facts), person_id, at, weighing_id, photo_id)
        for number, step, kind, facts, person_id, at, weighing_id, photo_id in fetched(
            session, _RECORDS, work_id=work_id
        )
    )


def opened(session: Session, work_id: int) -> Opened:
    """Read and fold one preparation. Raises Missing."""
    found = fetched(session, _ITEM, work_id=work_id)
    if not found:
        raise Missing("This preparation does not exist.")
    number, dose_id, state, version, holder_id, station_id, *frozen, worksheet, due_at = found[0]
    prepared = Prepared(*frozen)
    sheet = read_worksheet(worksheet)
    records = records_of(session, work_id)
    order = order_facts(session, prepared.version_id)
    where = standing(sheet, records)
    return Opened(
        Item(number, dose_id, State(state), version, holder_id, station_id),
        prepared,
        sheet,
        records,
        where,
        order,
        due_at,
        _old_label(session, label_serial(where), order.patient),
    )


def _old_label(session: Session, serial: str | None, patient: PatientFacts) -> OldLabel | None:
    if serial is None:
        return None
    return old_label(session, json.loads(session.get_one(Label, serial).content), patient)


def doubts_of_balance(session: Session, at: Opened) -> tuple[str, ...]:
    """What speaks against the balance of a preparation's weighings on their days: not checked before, or it failed.

    Told from the check weights of that day up to the weighing, on the wall clock of the order's zone.
    """
    found: list[str] = []
    for each in at.where.done.values():
        if isinstance(each.facts, Weighed):
            day = each.at.astimezone(time_zone(at.order.zone)).date()
            weights = check_weights_of_day(session, each.facts.balance, day, at.order.zone, each.at)
            if why := why_not_checked(weights):
                found.append(why)
    return tuple(dict.fromkeys(found))


def served() -> Exists:
    """A condition on `Dose` and its `OrderVersion`: live work serves it, or the same dose of an equal version.

    An order that is held and released again gets a new version with doses of its own; what was made for the same
    content and instant before is not made twice.
    """
    same, version = aliased(Dose), aliased(OrderVersion)
    return (
        select(WorkItem.id)
        .join(same, same.id == WorkItem.dose_id)
        .join(version, version.id == same.version_id)
        .where(WorkItem.is_live == 1, same.order_id == Dose.order_id, same.due_at == Dose.due_at)
        .where(version.content_sha256 == OrderVersion.content_sha256)
        .exists()
    )


def is_served(session: Session, dose_id: int) -> bool:
    """Tell whether a dose, or the same dose of an equal version of its order, is made or being made."""
    query = select(Dose.id).join(OrderVersion, OrderVersion.id == Dose.version_id).where(Dose.id == dose_id, served())
    return session.scalar(query) is not None


def worklist(session: Session, now: datetime) -> list[Line]:
    """What a hood may make or is making: STAT first, then by due time, the same drug together.

    Doses of the newest, active, verified version of their order, from twelve hours ago to a day ahead, that no live
    work serves; and preparations that are being made or paused, at whichever hood.
    """
    waiting = (
        select(Dose.id, Dose.due_at, Dose.version_id)
        .join(OrderVersion, OrderVersion.id == Dose.version_id)
        .join(Order, (Order.id == OrderVersion.order_id) & (Order.newest == OrderVersion.number))
        .join(Verification, Verification.version_id == OrderVersion.id)
        .where(Dose.room == "iv", OrderVersion.state == "active", ~served())
        .where(Dose.due_at >= now - OVERDUE, Dose.due_at < now + SOON)
    )
    rows = session.execute(waiting).all()
    orders = orders_facts(session, (version_id for _, _, version_id in rows))
    lines = [
        Line(dose_id, None, due_at, orders[version_id], State.QUEUED, None, None, None, None)
        for dose_id, due_at, version_id in rows
    ]
    lines += _lines(session, (State.MAKING, State.PAUSED))
    return sorted(lines, key=lambda line: (not line.stat, line.due_at, line.order.title))


def just_stopped(session: Session, now: datetime) -> list[tuple[datetime, OrderFacts]]:
    """The verified orders for this room that were stopped or held in the last quarter of an hour: when, and which."""
    verified = (
        select(Verification.version_id)
        .join(OrderVersion, OrderVersion.id == Verification.version_id)
        .where(OrderVersion.order_id == Order.id, Verification.room == "iv")
        .exists()
    )
    query = (
        select(OrderVersion.id, OrderVersion.received_at)
        .join(Order, (Order.id == OrderVersion.order_id) & (Order.newest == OrderVersion.number))
        .where(OrderVersion.state != "active", OrderVersion.received_at > now - STOPPED_SHOWN, verified)
        .order_by(OrderVersion.received_at.desc())
    )
    rows = session.execute(query).all()
    orders = orders_facts(session, (version_id for version_id, _ in rows))
    return [(at, orders[version_id]) for version_id, at in rows]


def check_queue(session: Session) -> list[Line]:
    """What waits for its check: STAT first, then by due time."""
    return sorted(_lines(session, (State.MADE,)), key=lambda line: (not line.stat, line.due_at))


def _lines(session: Session, states: Sequence[State]) -> list[Line]:
    last = select(WorkMove.at).where(WorkMove.work_id == WorkItem.id).order_by(WorkMove.id.desc()).limit(1)
    query = (
        select(WorkItem, Dose.due_at, Preparation.version_id, Person.name, Station.name, last.scalar_subquery())
        .join(Dose, Dose.id == WorkItem.dose_id)
        .join(Preparation, Preparation.work_id == WorkItem.id)
        .join(Person, Person.id == WorkItem.holder_id, isouter=True)
        .join(Station, Station.id == WorkItem.station_id, isouter=True)
        .where(WorkItem.state.in_(states))
    )
    rows = session.execute(query).all()
    orders = orders_facts(session, (version_id for _, _, version_id, *_ in rows))
    return [
        Line(
            item.dose_id or 0,
            item.id,
            due_at,
            orders[version_id],
            State(item.state),
            holder,
            item.holder_id,
            hood,
            since,
        )
        for item, due_at, version_id, holder, hood, since in rows
    ]


def held_at(session: Session, station_id: int, person_id: int | None) -> int | None:
    """The preparation that a person is making at a hood now."""
    return session.scalar(
        select(WorkItem.id).where(
            WorkItem.station_id == station_id, WorkItem.holder_id == person_id, WorkItem.state == State.MAKING
        )
    )


def step_open_at(session: Session, station_id: int) -> bool:
    """Tell whether a preparation is being made at a hood and stands inside a step (acts are under way).

    A hood never locks then; between steps, and before the first scan or after the label, it may.
    """
    query = select(WorkItem.id).where(WorkItem.station_id == station_id, WorkItem.state == State.MAKING)
    for work_id in session.scalars(query):
        where = opened(session, work_id).where
        if where.acts or where.half is not None or where.question is not None:
            return True
    return False


def in_tray(session: Session, tray: str) -> int | None:
    """The preparation that a tray holds, if any."""
    return session.scalar(
        select(Preparation.work_id).where(Preparation.tray == tray, Preparation.tray_free_at.is_(None))
    )


def moves_of(session: Session, work_id: int) -> list[tuple[WorkMove, str]]:
    """Every move of a work item with the name of who made it."""
    query = (
        select(WorkMove, Person.name)
        .join(Person, Person.id == WorkMove.person_id)
        .where(WorkMove.work_id == work_id)
        .order_by(WorkMove.id)
    )
    return list(session.execute(query))


def labels_of(session: Session, work_id: int) -> list[Label]:
    """Every label made for a preparation, the void ones too."""
    return list(session.scalars(select(Label).where(Label.work_id == work_id).order_by(Label.copy_number)))


def work_of_label(session: Session, serial: str) -> int | None:
    """The preparation that a label belongs to."""
    return session.scalar(select(Label.work_id).where(Label.serial == serial))


def serial_in_hand(session: Session, work_id: int, product_id: int, serial: str) -> bool:
    """Tell whether another preparation that is not finished has scanned a product's container with this serial.

    Whatever lot was read with it: a product and a serial name one container (GS1).
    """
    said = canonical({"serial": serial})[1:-1]
    found = fetched(session, _IN_HAND, product_id=product_id, work_id=work_id)
    scanned = (from_text("scanned", text) for (text,) in found if said in text)
    return any(isinstance(facts, Scanned) and facts.serial == serial for facts in scanned)


def scanned_lots(session: Session, work_id: int) -> dict[int, tuple[int, str | None]]:
    """The containers scanned for a preparation: the lot and the serial by the number of the record."""
    query = select(StepRecord).where(StepRecord.work_id == work_id, StepRecord.kind == "scanned")
    found = {}
    for row in session.scalars(query):
        facts = from_text(row.kind, row.facts)
        if isinstance(facts, Scanned) and row.lot_id is not None:
            found[row.number] = (row.lot_id, facts.serial)
    return found


def helped(session: Session) -> list[Opened]:
    """The preparations at whose hoods help is wanted."""
    query = select(WorkItem.id).where(WorkItem.state.in_((State.MAKING, State.PAUSED)))
    found = (opened(session, work_id) for work_id in session.scalars(query))
    return [each for each in found if each.where.help]


def names(session: Session) -> dict[int, str]:
    """Everybody's name by their number."""
    return {number: name for number, name in session.execute(select(Person.id, Person.name))}
