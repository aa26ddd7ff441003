"""Reading what was delivered: drawers under way and on wards, where their patients lie now, what is left of lines."""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from app.core.workflow import State
from app.custody.fact_queries import labels_facts, works_facts
from app.custody.models import CustodyEvent
from app.custody.whereabouts import Fact, Stage, What
from app.inventory.models import Movement
from app.labels.models import Label
from app.orders.facts import OldLabel
from app.orders.identity_queries import old_label
from app.orders.models import Order, Patient, Stay
from app.stations.models import Unit
from app.work.models import WorkItem
from unitdose.cart_models import Cart
from unitdose.happened import Happened, Left
from unitdose.models import Drawer, Fill, FillLine, Pull, Put
from unitdose.parcel import DrawerParcel, Lies
from unitdose.ward_models import LineEvent

KEPT = timedelta(days=7)
"""A drawer that came longer ago than this is looked for by nobody."""


def drawer_parcels(session: Session, which: ColumnElement[bool]) -> tuple[DrawerParcel, ...]:
    """The labelled drawers that a condition on `Drawer`, `Fill`, `Label` or `WorkItem` names, by number."""
    query = (
        select(Drawer, Fill, Cart.code, WorkItem.state)
        .join(Fill, Fill.id == Drawer.fill_id)
        .join(Cart, Cart.id == Fill.cart_id)
        .join(WorkItem, WorkItem.id == Drawer.work_id)
        .join(Label, Label.work_id == Drawer.work_id)
        .where(which)
        .distinct()
        .order_by(Fill.start_at, Drawer.fill_id, Drawer.number, Drawer.sequence)
    )
    rows = session.execute(query).all()
    work_ids = [drawer.work_id for drawer, _, _, _ in rows]
    labels: dict[int, list[tuple[str, bool]]] = {}
    counting: dict[int, str] = {}
    all_labels = select(Label.work_id, Label.serial, Label.voided_at, Label.content).where(Label.work_id.in_(work_ids))
    for work_id, serial, voided_at, content in session.execute(all_labels.order_by(Label.made_at, Label.serial)):
        labels.setdefault(work_id or 0, []).append((serial, voided_at is None))
        if voided_at is None:
            counting[work_id or 0] = content
    moved = works_facts(session, work_ids)
    noted = labels_facts(session, [serial for found in labels.values() for serial, _ in found])
    whose = _patients(session, work_ids)
    old = _old_labels(session, counting, whose)
    return tuple(
        DrawerParcel(
            work_id=drawer.work_id,
            serial=next((serial for serial, counts in labels[drawer.work_id] if counts), None),
            serials=tuple(serial for serial, _ in labels[drawer.work_id]),
            fill_id=fill.id,
            kind=fill.kind,
            cart_id=fill.cart_id,
            cart=cart,
            start_at=fill.start_at,
            end_at=fill.end_at,
            zone=fill.zone,
            number=drawer.number,
            sequence=drawer.sequence,
            state=State(state),
            patient_id=whose[drawer.work_id].id if drawer.work_id in whose else drawer.patient_id,
            old_label=old.get(drawer.work_id),
            facts=_in_order(moved.get(drawer.work_id, ()), labels[drawer.work_id], noted),
        )
        for drawer, fill, cart, state in rows
    )


def _in_order(
    moved: tuple[Fact, ...], labels: Iterable[tuple[str, bool]], noted: Mapping[str, tuple[Fact, ...]]
) -> tuple[Fact, ...]:
    said = (fact for serial, _ in labels for fact in noted.get(serial, ()))
    return (*moved, *sorted(said, key=lambda fact: fact.at))


def _patients(session: Session, work_ids: Collection[int]) -> dict[int, Patient]:
    """By drawer: the patient whose orders it is for, as they stand now."""
    query = (
        select(FillLine.work_id, Patient)
        .join(Order, Order.id == FillLine.order_id)
        .join(Patient, Patient.id == Order.patient_id)
        .where(FillLine.work_id.in_(list(work_ids)))
        .distinct()
        # A name is as the database has it now, never as this session remembers it.
        .execution_options(populate_existing=True)
    )
    return {work_id: patient for work_id, patient in session.execute(query) if work_id is not None}


def _old_labels(session: Session, contents: Mapping[int, str], whose: Mapping[int, Patient]) -> dict[int, OldLabel]:
    """By drawer whose label names its patient by a number or a name of before: what it shows."""
    mine = contents.keys() & whose.keys()
    labels = ((work_id, old_label(session, json.loads(contents[work_id]), whose[work_id])) for work_id in mine)
    return {work_id: old for work_id, old in labels if old is not None}


def parcel_labelled(session: Session, serial: str) -> DrawerParcel | None:
    """The drawer that a label was made for, a void label too; None when the label is another thing's."""
    work_id = session.scalar(select(Label.work_id).where(Label.serial == serial))
    return None if work_id is None else parcel_of(session, work_id)


def parcel_of(session: Session, work_id: int) -> DrawerParcel | None:
    """One drawer, or None when the work is another kind of thing."""
    return next(iter(drawer_parcels(session, Drawer.work_id == work_id)), None)


def parcels_on(session: Session, unit_ids: Collection[int], now: datetime) -> tuple[DrawerParcel, ...]:
    """The drawers that were seen last on some wards within the last week and did not go back, whoever lies where."""
    back = CustodyEvent.__table__.alias()
    went = select(back.c.id).where(back.c.serial == CustodyEvent.serial, back.c.kind == What.RETURNED).exists()
    seen = (
        select(Label.work_id)
        .join(CustodyEvent, CustodyEvent.serial == Label.serial)
        .where(CustodyEvent.unit_id.in_(list(unit_ids)), CustodyEvent.at > now - KEPT, ~went)
    )
    found = drawer_parcels(session, Drawer.work_id.in_(seen))
    return tuple(each for each in found if each.where.unit_id in unit_ids)


@dataclass(frozen=True, slots=True)
class Exchange:
    """What an exchange on a ward would do: what came, what is old and goes back, and which windows are then closed.

    A cart that serves several wards is closed with the last of them.
    """

    came: tuple[DrawerParcel, ...]
    old: tuple[DrawerParcel, ...]
    complete: tuple[int, ...]


def exchange_on(session: Session, unit_id: int, now: datetime) -> Exchange:
    """What an exchange on a ward would do now."""
    here = tuple(each for each in parcels_on(session, (unit_id,), now) if each.where.stage not in _NOT_HERE)
    came = tuple(each for each in here if each.kind == "cart" and each.end_at > now)
    newest = max((each.start_at for each in came), default=None)
    came = tuple(each for each in came if each.start_at == newest)
    old = tuple(each for each in here if _is_old(each, newest, now))
    open_ones = select(Fill.id).where(Fill.id.in_({each.fill_id for each in came}), Fill.closed_at.is_(None))
    complete = [fill_id for fill_id in session.scalars(open_ones) if not _waits(session, fill_id)]
    return Exchange(came, old, tuple(complete))


_NOT_HERE = (Stage.RETURNED, Stage.WITH_PATIENT, Stage.DAMAGED)
_UNDELIVERED = (Stage.RELEASED, Stage.PACKED, Stage.ON_ITS_WAY)


def _is_old(each: DrawerParcel, newest: datetime | None, now: datetime) -> bool:
    """Whether a drawer goes back: its window is over, a newer cart has come for what follows, or it was rejected."""
    replaced = newest is not None and each.end_at <= newest
    return replaced or each.end_at <= now or each.where.stage is Stage.REJECTED


def _waits(session: Session, fill_id: int) -> bool:
    """Whether a checked drawer of a fill has not come to its ward yet."""
    found = drawer_parcels(session, (Drawer.fill_id == fill_id) & (WorkItem.state == State.RELEASED))
    return any(each.where.stage in _UNDELIVERED for each in found)


def lies(session: Session, patient_ids: Collection[int]) -> dict[int, Lies]:
    """Where patients lie now; who is in no bed of the house, or on an unknown ward, is left out."""
    query = (
        select(Stay, Unit)
        .join(Unit, Unit.id == Stay.unit_id)
        .where(Stay.patient_id.in_(list(patient_ids)), Stay.ended_at.is_(None))
        .order_by(Stay.moved_at)
    )
    return {
        stay.patient_id: Lies(
            unit.id, unit.code, unit.name, "-".join(part for part in (stay.room, stay.bed) if part), unit.zone
        )
        for stay, unit in session.execute(query)
    }


def delivered(session: Session, line_ids: Collection[int]) -> dict[int, dict[int, Decimal]]:
    """By line: how many packages of which lot its custody's closing brought to the patient, out of the ledger."""
    causes = {f"line {line_id}": line_id for line_id in line_ids}
    query = (
        select(Movement.cause, Movement.lot_id, func.sum(Movement.quantity))
        .where(Movement.cause.in_(list(causes)), or_(Movement.key.endswith(DELIVERED), Movement.key.contains(_PART)))
        .group_by(Movement.cause, Movement.lot_id)
    )
    found: dict[int, dict[int, Decimal]] = {}
    for cause, lot_id, quantity in session.execute(query):
        found.setdefault(causes[cause], {})[lot_id] = quantity
    return found


DELIVERED = " delivered"
"""How the keys of the movements end that bring a package to its patient; a second part of one has a number behind."""
_PART = f"{DELIVERED}#"


def left_of(session: Session, line_ids: Collection[int]) -> dict[int, Left]:
    """By line: what was delivered of it and what became of that; lines of which nothing was delivered are left out."""
    ids = list(line_ids)
    brought = delivered(session, ids)
    events: dict[int, dict[Happened, Decimal]] = {}
    query = (
        select(LineEvent.line_id, LineEvent.what, func.sum(LineEvent.packages))
        .where(LineEvent.line_id.in_(ids))
        .group_by(LineEvent.line_id, LineEvent.what)
    )
    for line_id, what, packages in session.execute(query):
        events.setdefault(line_id, {})[Happened(what)] = packages
    return {line_id: Left(sum(lots.values(), Decimal(0)), events.get(line_id, {})) for line_id, lots in brought.items()}


@dataclass(frozen=True, slots=True)
class Inside:
    """One package that lies in a drawer: its put, line and lot, the cart's code, the drawer's work item."""

    put_id: int
    line_id: int
    lot_id: int
    cart: str
    work_id: int


def in_drawers(session: Session, which: ColumnElement[bool]) -> list[Inside]:
    """The packages that lie in drawers, by a condition on `Put`, in the order of their lots."""
    query = (
        select(Put.id, Put.line_id, Put.lot_id, Cart.code, Put.work_id)
        .join(FillLine, FillLine.id == Put.line_id)
        .join(Fill, Fill.id == FillLine.fill_id)
        .join(Cart, Cart.id == Fill.cart_id)
        .outerjoin(Pull, Pull.put_id == Put.id)
        .where(Pull.put_id.is_(None), which)
        .order_by(Put.lot_id, Put.id)
    )
    return [Inside(*row) for row in session.execute(query)]


def struck_inside(session: Session, work_ids: Collection[int]) -> dict[int, int]:
    """By drawer: how many packages lie in it whose lines have ended."""
    query = (
        select(Put.work_id, func.count(Put.id))
        .join(FillLine, FillLine.id == Put.line_id)
        .join(Fill, Fill.id == FillLine.fill_id)
        .outerjoin(Pull, Pull.put_id == Put.id)
        .where(Put.work_id.in_(list(work_ids)), Pull.put_id.is_(None), ended())
        .group_by(Put.work_id)
    )
    return {work_id: count for work_id, count in session.execute(query)}


def ended() -> ColumnElement[bool]:
    """A condition on `FillLine` joined with its `Fill`: the current plan does not hold it any more."""
    return and_(FillLine.ended_run_id.is_not(None), FillLine.ended_run_id <= Fill.current_run_id)
