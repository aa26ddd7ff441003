"""A dose that is not here: one tap by the nurse, a replacement by the pharmacy, found again, and why, in the end.

What is missing is in nobody's hand: its packages move from the patient to 'unaccounted', and back when they are found.
"""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.engine import CursorResult
from sqlalchemy.exc import IntegrityError

from app.audit.actions import record
from app.core.errors import Missing, Refused
from app.core.permissions import May, allowed
from app.db.session import Tx
from app.formulary.unit_dose_queries import unit_dose
from app.inventory.carry_actions import Carried, carry_all
from app.inventory.fefo import Want, set_aside
from app.inventory.place_actions import place_of_kind
from app.orders.actions import lock_head
from app.orders.models import Order, OrderVersion
from app.orders.queries import order_facts, why_not_current
from app.orders.schedule import Due
from app.orders.wall_clock import wall_of
from unitdose.cart_models import CartUnit
from unitdose.container_actions import came, gone
from unitdose.delivery_queries import left_of, lies
from unitdose.delta import Change, Delta
from unitdose.happened import CAUSES, NONE, Happened
from unitdose.line_event_actions import by_lot, held_line, missing_of, note_line
from unitdose.models import Fill, FillLine
from unitdose.plan import Line
from unitdose.plan_actions import change
from unitdose.routes import IN_WORDS, Reason, Route
from unitdose.run_actions import alone
from unitdose.stock_queries import free_stock
from unitdose.ward_models import LineEvent, MissingDose

MISSING = "missing"
_HOUR = timedelta(hours=1)
BY_CART = (Route.CART, Route.FIRST_DOSE)


def not_here(tx: Tx, line_id: int, place: str) -> int:
    """Say that a dose is not here: its packages that should be are unaccounted for from now on; the report's number.

    Said twice while the report is open it is one report. Raises Refused for a dose that the pharmacy does not bring.
    """
    if not allowed(tx.who.roles, May.RESOLVE_MISSING):
        tx.who.require(May.RECEIVE_DOSE)
    line = held_line(tx, line_id)
    if (there := _open_report(tx, line_id)) is not None:
        return there.id
    if line.route == Route.NONE:
        raise Refused(f"The pharmacy does not bring this dose: {IN_WORDS[Reason(line.reason)]}.")
    assert tx.who.person_id is not None
    report = MissingDose(line_id=line_id, told_by=tx.who.person_id, told_at=tx.now, place=place)
    tx.session.add(report)
    try:
        tx.session.flush()
    except IntegrityError:
        raise Refused("Somebody has just told the pharmacy of it. Reload the page.") from None
    left = left_of(tx.session, [line_id]).get(line_id)
    lots = by_lot(tx, line_id, left.in_drawer if left else NONE)
    _carry(tx, report, lots, "patient", "unaccounted", "")
    note_line(tx, line_id, Happened.MISSING, lots, f"missing {report.id}", place)
    gone(tx, [line_id])
    packages = sum(lots.values(), NONE)
    record(tx, "not here", f"line {line_id}", {"place": place, "packages": packages, "report": report.id})
    tx.tell(MISSING)
    tx.tell("queue")
    return report.id


def found(tx: Tx, report_id: int, place: str) -> None:
    """Say that a missing dose was found; the pharmacy still says why it was missing. Found twice it is found once.

    Raises Refused for a report that is settled, and Missing.
    """
    if not allowed(tx.who.roles, May.RESOLVE_MISSING):
        tx.who.require(May.RECEIVE_DOSE)
    report = _report(tx, report_id)
    _found(tx, report, place)


def _found(tx: Tx, report: MissingDose, place: str) -> dict[int, Decimal]:
    held_line(tx, report.line_id)
    left = left_of(tx.session, [report.line_id]).get(report.line_id)
    if left is None or left.missing <= 0:
        return {}
    still = missing_of(tx, report.line_id)
    lots = {lot: min(packages, still.get(lot, NONE)) for lot, packages in _missing_lots(tx, report).items()}
    lots = {lot: packages for lot, packages in lots.items() if packages > 0}
    _carry(tx, report, lots, "unaccounted", "patient", " found")
    note_line(tx, report.line_id, Happened.FOUND, lots, f"missing {report.id} found", place)
    came(tx, [report.line_id])
    record(tx, "found", f"line {report.line_id}", {"place": place, "report": report.id})
    tx.tell(MISSING)
    tx.tell("queue")
    return lots


def _missing_lots(tx: Tx, report: MissingDose) -> dict[int, Decimal]:
    query = select(LineEvent.lot_id, LineEvent.packages).where(LineEvent.key.startswith(f"missing {report.id} lot "))
    return {lot_id: packages for lot_id, packages in tx.session.execute(query) if lot_id is not None}


def _carry(tx: Tx, report: MissingDose, lots: dict[int, Decimal], source: str, target: str, suffix: str) -> None:
    places = place_of_kind(tx, source), place_of_kind(tx, target)
    moves = [
        Carried(f"missing {report.id} lot {lot}{suffix}", lot, *places, f"line {report.line_id}", packages)
        for lot, packages in lots.items()
    ]
    if moves:
        carry_all(tx, moves)


def replace(tx: Tx, report_id: int) -> int:
    """Send a missing dose again, as a first dose of its own; returns the new line.

    A second replacement of the same dose needs a pharmacist: two doses may then be on the ward. Raises Refused in words
    where nothing is to be sent, and Missing.
    """
    tx.who.require(May.RESOLVE_MISSING)
    alone(tx)
    report = _report(tx, report_id)
    line = held_line(tx, report.line_id)
    if _sent_before(tx, line) and not allowed(tx.who.roles, May.REPLACE_AGAIN):
        raise Refused("This dose was replaced before. Two of it may be on the ward: only a pharmacist sends another.")
    left = left_of(tx.session, [line.id]).get(line.id)
    if left is not None and left.of(Happened.MISSING) and left.missing <= 0:
        raise Refused("This dose was found again. Nothing is sent.")
    return _first_dose(tx, report, line)


def _sent_before(tx: Tx, line: FillLine) -> bool:
    """Whether a replacement of the same dose was sent before, under any report."""
    query = (
        select(MissingDose.id)
        .join(FillLine, FillLine.id == MissingDose.line_id)
        .where(
            FillLine.order_id == line.order_id,
            FillLine.due_at == line.due_at,
            FillLine.package_id == line.package_id,
            MissingDose.replaced_by_line_id.is_not(None),
        )
    )
    return tx.session.scalar(query.limit(1)) is not None


def _first_dose(tx: Tx, report: MissingDose, line: FillLine) -> int:
    if line.due_at is None:
        raise Refused("As-needed stock is not sent as a dose: the next cart fills it up again.")
    if Route(line.route) not in BY_CART or line.package_id is None or not line.packages:
        raise Refused(f"This dose does not come with a cart: {IN_WORDS[Reason(line.reason)]}. Call the ward.")
    lock_head(tx.session, line.order_id)
    order = order_facts(tx.session, line.version_id)
    if why := why_not_current(tx.session, order):
        raise Refused(f"Nothing is sent: {why}.")
    patient_id = tx.session.get_one(Order, line.order_id).patient_id
    here = lies(tx.session, {patient_id}).get(patient_id)
    package = unit_dose(tx.session, line.package_id)
    if here is None or package is None:
        raise Refused("Nothing is sent: the patient has left the hospital.")
    cart_id = tx.session.scalar(select(CartUnit.cart_id).where(CartUnit.unit_id == here.unit_id))
    old = tx.session.get_one(Fill, line.fill_id)
    fill = Fill(
        cart_id=cart_id or old.cart_id,
        kind="first dose",
        start_at=min(line.due_at, tx.now),
        end_at=max(line.due_at, tx.now) + _HOUR,
        zone=here.zone,
        cutoff_at=tx.now,
        leaves_at=tx.now,
        exchange_at=tx.now,
        made_at=tx.now,
    )
    tx.session.add(fill)
    tx.session.flush()
    new = Line(
        order_id=line.order_id,
        version_id=line.version_id,
        content=tx.session.get_one(OrderVersion, line.version_id).content_sha256,
        patient_id=patient_id,
        unit_id=here.unit_id,
        bed=here.bed,
        dose_id=line.dose_id,
        due=Due(line.due_at, wall_of(line.due_at, fill.zone)),
        route=Route.FIRST_DOSE,
        reason=Reason.FIRST_DOSE,
        package=package,
        units=line.units,
        packages=line.packages,
    )
    wants = [Want(0, line.packages, fill.end_at)]
    (aside,) = set_aside(wants, free_stock(tx.session, {line.package_id}).get(line.package_id, ()), fill.zone)
    change(tx, fill, Delta((), ((new, Change.ADD),), (), 0), {0: aside}, "a dose was not found", bring=True)
    made = tx.session.scalars(select(FillLine.id).where(FillLine.fill_id == fill.id)).one()
    report.replaced_by_line_id = made
    tx.session.flush()
    record(tx, "replaced", f"line {line.id}", {"report": report.id, "by": made, "short": aside.short})
    tx.tell(MISSING)
    return made


def resolve(tx: Tx, report_id: int, cause: str, place: str) -> None:
    """Settle a report with the cause that the pharmacy has found. Raises Refused without one, and Missing.

    What turns out to have been given was there: it is found, and given.
    """
    tx.who.require(May.RESOLVE_MISSING)
    if cause not in CAUSES:
        raise Refused("Choose why the dose was missing: the causes are counted.")
    report = _report(tx, report_id)
    if cause == "already given" and (lots := _found(tx, report, place)):
        note_line(tx, report.line_id, Happened.GIVEN, lots, f"missing {report.id} given", place, "says the pharmacy")
    settled = update(MissingDose).where(MissingDose.id == report_id, MissingDose.resolved_at.is_(None))
    values = {"resolved_at": tx.now, "resolved_by": tx.who.person_id, "cause": cause}
    done: CursorResult[Any] = tx.session.execute(settled.values(values))  # type: ignore[assignment]
    if done.rowcount != 1:
        raise Refused("Somebody was faster: this report has just been settled. Reload the page.")
    record(tx, "settled", f"line {report.line_id}", {"report": report_id, "cause": cause})
    for topic in (MISSING, "ward", "queue"):
        tx.tell(topic)


def _open_report(tx: Tx, line_id: int) -> MissingDose | None:
    query = select(MissingDose).where(MissingDose.line_id == line_id, MissingDose.resolved_at.is_(None))
    return tx.session.scalar(query)


def _report(tx: Tx, report_id: int) -> MissingDose:
    query = select(MissingDose).where(MissingDose.id == report_id).with_for_update()
    report = tx.session.scalar(query.execution_options(populate_existing=True))
    if report is None:
        raise Missing("Nobody has told of this dose.")
    if report.resolved_at is not None:
        raise Refused("This report is settled. If the dose is missing again, tell of it anew.")
    return report
