"""Reading the history of a dose, whatever way it comes: ordered, planned, picked, checked, delivered, given.

Every query goes by an index from the dose outward, so that its cost does not grow with the doses in the database.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from app.core.errors import Missing
from app.core.quantity import plain
from app.core.wording import clock, number
from app.core.workflow import State
from app.custody.fact_queries import AT_THE_BED
from app.custody.queries import dose_awaited
from app.custody.whereabouts import Fact, What
from app.formulary.unit_dose_queries import unit_doses_by_package
from app.identity.models import Person
from app.inventory.models import Lot
from app.orders.models import Dose, Order, OrderVersion
from app.orders.queries import order_facts, orders_facts
from unitdose.cart_models import Cart
from unitdose.delivery_queries import drawer_parcels, left_of
from unitdose.happened import Happened
from unitdose.history import DoseHistory, LineHistory, Report, facts_of_drawer, history_of, ordered_facts
from unitdose.models import Drawer, Fill, FillLine, FillRun, Pull, Put, Short
from unitdose.parcel import DrawerParcel
from unitdose.routes import Reason, Route
from unitdose.ward_models import LineEvent, MissingDose


def dose_history(session: Session, dose_id: int) -> DoseHistory:
    """The history of one dose, from the IV room or with a cart or any other way. Raises Missing."""
    dose = session.get(Dose, dose_id)
    if dose is None:
        raise Missing("This dose does not exist.")
    if dose.room == "iv":
        awaited, facts = dose_awaited(session, dose_id)
        return DoseHistory(dose_id, dose.due_at, "iv", awaited.order, awaited.where, awaited.bag, (), (), facts)
    which = (FillLine.order_id == dose.order_id) & (FillLine.due_at == dose.due_at)
    lines = tuple(line_histories(session, which))
    order = order_facts(session, dose.version_id)
    return history_of(order, dose_id, dose.due_at, lines)


def line_history(session: Session, line_id: int) -> DoseHistory:
    """The history of one line: as-needed stock has no dose of its own. Raises Missing."""
    lines = tuple(line_histories(session, FillLine.id == line_id))
    if not lines:
        raise Missing("This dose does not exist.")
    return history_of(lines[0].order, lines[0].dose_id, lines[0].due_at, lines)


def drawer_lines(session: Session, work_id: int) -> list[LineHistory]:
    """The lines of one drawer, also those that ended and still lie in it."""
    return [each for each in line_histories(session, FillLine.work_id == work_id) if each.inside or not each.ended]


class _Row(NamedTuple):
    line: FillLine
    fill: Fill
    cart: str
    cart_name: str
    planned_at: datetime | None
    ended_at: datetime | None


def line_histories(session: Session, which: ColumnElement[bool]) -> list[LineHistory]:
    """The lines that a condition on `FillLine` or `Fill` names, with their histories; ended ones too.

    Lines that a run has written which was never named current are left out. A fixed number of queries, however many.
    """
    ending = FillRun.__table__.alias()
    query = (
        select(FillLine, Fill, Cart.code, Cart.name, FillRun.finished_at, ending.c.finished_at)
        .join(Fill, Fill.id == FillLine.fill_id)
        .join(Cart, Cart.id == Fill.cart_id)
        .join(FillRun, FillRun.id == FillLine.run_id)
        .outerjoin(ending, ending.c.id == FillLine.ended_run_id)
        .where(which, FillLine.run_id <= Fill.current_run_id)
        .order_by(FillLine.due_at, FillLine.id)
    )
    rows = [_Row(*row) for row in session.execute(query)]
    return list(_histories(session, rows)) if rows else []


def _histories(session: Session, rows: list[_Row]) -> Iterable[LineHistory]:
    ids = [row.line.id for row in rows]
    orders = orders_facts(session, {row.line.version_id for row in rows})
    newest = _newest(session, {row.line.order_id for row in rows})
    packages = unit_doses_by_package(session, {row.line.package_id for row in rows if row.line.package_id is not None})
    works = {row.line.work_id for row in rows if row.line.work_id is not None}
    parcels = {each.work_id: each for each in drawer_parcels(session, Drawer.work_id.in_(works))}
    picked, inside, lots = _picked(session, ids)
    recalled = _recalled(session, {lot for found in lots.values() for lot in found})
    events, left, missed = _events(session, ids), left_of(session, ids), _missed(session, ids)
    reports = {each.line_id: each.open for each in missed if each.open is not None}
    twice = _twice(session, missed)
    for row in rows:
        line, fill = row.line, row.fill
        ended = line.ended_run_id is not None and line.ended_run_id <= (fill.current_run_id or 0)
        parcel = parcels.get(line.work_id) if line.work_id is not None else None
        order = orders[line.version_id]
        why, since = _why_out(row, ended, parcel, newest[line.order_id], recalled, lots.get(line.id, ()))
        if why is None and line.id in twice:
            why, since = twice[line.id], None
        facts = [*ordered_facts(order), *_planned(row, ended), *picked.get(line.id, ())]
        if parcel is not None and inside.get(line.id):
            facts += facts_of_drawer(parcel, line.due_at)
        facts += events.get(line.id, ())
        yield LineHistory(
            line_id=line.id,
            fill_id=fill.id,
            kind=fill.kind,
            cart=row.cart,
            cart_name=row.cart_name,
            exchange_at=fill.exchange_at,
            order=order,
            dose_id=line.dose_id,
            due_at=line.due_at,
            route=Route(line.route),
            reason=Reason(line.reason),
            package=None if line.package_id is None else packages[line.package_id],
            units=None if line.units is None else plain(line.units),
            packages=line.packages,
            short=line.short,
            short_why=line.short_why,
            ended=ended,
            inside=inside.get(line.id, 0),
            drawer=parcel,
            left=left.get(line.id),
            report=reports.get(line.id),
            why_out=why,
            out_since=since,
            facts=tuple(sorted(facts, key=lambda fact: fact.at)),
        )


def _planned(row: _Row, ended: bool) -> Iterable[Fact]:
    line = row.line
    if line.packages and row.planned_at is not None:
        first = row.fill.kind == "first dose"
        note = "as a first dose" if first else f"for the cart of {clock(row.fill.exchange_at, row.fill.zone)}"
        yield Fact(What.PLANNED, row.planned_at, "", row.cart_name, note)
        if line.short >= line.packages:
            yield Fact(What.SHORT, row.planned_at, "", "", line.short_why or "")
    if ended and line.packages and row.ended_at is not None:
        yield Fact(What.STRUCK, row.ended_at, "", "", line.ended_why or "")


def _picked(
    session: Session, line_ids: Collection[int]
) -> tuple[dict[int, tuple[Fact, ...]], dict[int, int], dict[int, tuple[int, ...]]]:
    """By line: packages put, pulled and not found, how many lie in the drawer, and of which lots."""
    facts: dict[int, tuple[Fact, ...]] = {}
    inside: dict[int, int] = {}
    lots: dict[int, tuple[int, ...]] = {}
    puller = Person.__table__.alias()
    puts = (
        select(Put, Person.name, Lot.number, Pull.at, puller.c.name)
        .join(Person, Person.id == Put.person_id)
        .join(Lot, Lot.id == Put.lot_id)
        .outerjoin(Pull, Pull.put_id == Put.id)
        .outerjoin(puller, puller.c.id == Pull.person_id)
        .where(Put.line_id.in_(list(line_ids)))
        .order_by(Put.id)
    )
    for put, who, lot, pulled_at, by in session.execute(puts):
        facts[put.line_id] = (*facts.get(put.line_id, ()), Fact(What.PUT, put.at, who, "", f"lot {lot}"))
        if pulled_at is None:
            inside[put.line_id] = inside.get(put.line_id, 0) + 1
            lots[put.line_id] = (*lots.get(put.line_id, ()), put.lot_id)
        else:
            facts[put.line_id] = (*facts[put.line_id], Fact(What.PULLED, pulled_at, by, "", f"lot {lot}"))
    shorts = (
        select(Short, Person.name)
        .join(Person, Person.id == Short.person_id)
        .where(Short.line_id.in_(list(line_ids)))
        .order_by(Short.id)
    )
    for short, who in session.execute(shorts):
        fact = Fact(What.SHORT, short.at, who, "", short.reason)
        facts[short.line_id] = (*facts.get(short.line_id, ()), fact)
    return facts, inside, lots


_EVENTS = {
    Happened.GIVEN: What.GIVEN,
    Happened.TAKEN_OUT: What.TAKEN_OUT,
    Happened.MISSING: What.NOT_HERE,
    Happened.FOUND: What.FOUND,
    Happened.RESTOCKED: What.RETURNED,
    Happened.QUARANTINED: What.RETURNED,
    Happened.WASTED: What.RETURNED,
}


def _events(session: Session, line_ids: Collection[int]) -> dict[int, tuple[Fact, ...]]:
    query = (
        select(LineEvent, Person.name)
        .outerjoin(Person, Person.id == LineEvent.person_id)
        .where(LineEvent.line_id.in_(list(line_ids)))
        .order_by(LineEvent.id)
    )
    found: dict[int, tuple[Fact, ...]] = {}
    for event, who in session.execute(query):
        what = _EVENTS[Happened(event.what)]
        told = number(event.packages) + (" package" if event.packages == 1 else " packages")
        words = f"{event.what}, {told}" if what is What.RETURNED else told
        note = f"{words}, {event.note}" if event.note else words
        fact = Fact(what, event.at, who or AT_THE_BED, event.place, note)
        found[event.line_id] = (*found.get(event.line_id, ()), fact)
    return found


class _Missed(NamedTuple):
    line_id: int
    sent: int | None
    open: Report | None


def _missed(session: Session, line_ids: Collection[int]) -> tuple[_Missed, ...]:
    """Every report that a line is not here, settled or open, first to last."""
    query = (
        select(MissingDose, Person.name)
        .join(Person, Person.id == MissingDose.told_by)
        .where(MissingDose.line_id.in_(list(line_ids)))
        .order_by(MissingDose.id)
    )
    found = []
    for row, who in session.execute(query):
        report = Report(row.id, who, row.told_at, row.replaced_by_line_id) if row.resolved_at is None else None
        found.append(_Missed(row.line_id, row.replaced_by_line_id, report))
    return tuple(found)


def _twice(session: Session, missed: Collection[_Missed]) -> dict[int, str]:
    """By line that is one too many: a dose was missed and replaced, then found, and the other one is there or given."""
    pairs = [(each.line_id, each.sent) for each in missed if each.sent is not None]
    if not pairs:
        return {}
    left = left_of(session, {each for pair in pairs for each in pair})
    found = {}
    for line_id, sent in pairs:
        first, second = left.get(line_id), left.get(sent)
        if first is not None and first.of(Happened.GIVEN) > 0:
            found[sent] = "the one that was missed was found and given"
        elif second is not None and second.of(Happened.GIVEN) > 0:
            found[line_id] = "another one was sent in its place and given"
        elif second is not None and second.in_drawer > 0:
            found[line_id] = "another one was sent in its place"
    return found


class _Newest(NamedTuple):
    version_id: int
    state: str
    content: str
    received_at: datetime


def _newest(session: Session, order_ids: Collection[int]) -> dict[int, _Newest]:
    query = (
        select(Order.id, OrderVersion.id, OrderVersion.state, OrderVersion.content_sha256, OrderVersion.received_at)
        .join(OrderVersion, (OrderVersion.order_id == Order.id) & (OrderVersion.number == Order.newest))
        .where(Order.id.in_(list(order_ids)))
    )
    return {row[0]: _Newest(*row[1:]) for row in session.execute(query)}


def _recalled(session: Session, lot_ids: Collection[int]) -> Mapping[int, tuple[str, datetime]]:
    query = select(Lot).where(Lot.id.in_(list(lot_ids)), Lot.recalled_at.is_not(None))
    return {
        lot.id: (f"lot {lot.number} was recalled ({lot.recall_reason})", lot.recalled_at)
        for lot in session.scalars(query)
        if lot.recalled_at is not None
    }


def _why_out(
    row: _Row,
    ended: bool,
    parcel: DrawerParcel | None,
    newest: _Newest,
    recalled: Mapping[int, tuple[str, datetime]],
    lots: Collection[int],
) -> tuple[str | None, datetime | None]:
    """Why the packages of a line must not be given, and since when; (None, None) while they are to be given."""
    if parcel is not None and parcel.state is State.REFUSED:
        last = next((fact.at for fact in reversed(parcel.facts) if fact.what in (What.WITHDRAW, What.REFUSE)), None)
        return "a pharmacist withdrew this drawer", last
    if newest.state == "stopped":
        return "the order was stopped", newest.received_at
    if newest.state == "held":
        return "the order is on hold", newest.received_at
    if ended:
        return row.line.ended_why or "it is not on the plan any more", row.ended_at
    for lot in lots:
        if lot in recalled:
            return recalled[lot]
    return None, None
