"""Taking back what a ward returns: every package is scanned against the drawer it came from, and never too many.

Controlled substances come back another way, into their own ledger, between two people.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from sqlalchemy import or_, select

from app.audit.actions import record
from app.core.errors import Refused
from app.core.permissions import May
from app.db.session import Tx
from app.formulary.barcode import Barcode, read_barcode
from app.formulary.product import Ambiguous
from app.formulary.queries import find_package
from app.formulary.unit_dose_queries import unit_dose
from app.inventory.actions import carry
from app.inventory.models import Lot
from app.inventory.place_actions import place_of_kind, shelf_named
from app.inventory.queries import place_named, recall_of
from app.orders.models import OrderVersion
from app.work import actions as work
from unitdose.container_actions import gone
from unitdose.delivery_queries import delivered, left_of
from unitdose.happened import NONE, Happened
from unitdose.line_event_actions import held_lines, missing_of, note_line
from unitdose.models import Drawer, FillLine, Pull, Put
from unitdose.queries import LineFacts, fill_facts, line_facts
from unitdose.returns import Condition, Disposition, disposition, may_be_omission
from unitdose.returns_queries import drawer_of_label
from unitdose.ward_models import LineEvent, PossibleOmission

QUARANTINE = "returns in quarantine"
_ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class TakenBack:
    """One package that was taken back: its line, lot, where it goes and why; `omission` that a dose may be missed."""

    line: LineFacts
    lot: str
    goes: Disposition
    to: str
    omission: bool


def take_back(tx: Tx, drawer_scan: str, scan: str, condition: Condition) -> TakenBack:
    """Take one package back by two scans: the label of the drawer it came from, and the package.

    Raises Refused in words: another patient's package, more than was delivered and not given, a controlled substance.
    """
    tx.who.require(May.RETURN)
    drawer = _drawer(tx, drawer_scan)
    fill = fill_facts(tx.session, drawer.fill_id)
    today = tx.now.astimezone(ZoneInfo(fill.zone)).date()
    read = read_barcode(scan, today=today)
    found = None if read.error else find_package(tx.session, read)
    if found is None or isinstance(found, Ambiguous):
        raise Refused(
            "This code can not be read as a package of ours. Scan it again; if it stays so, waste the package."
        )
    package = unit_dose(tx.session, found.package_id)
    if package is None:
        raise Refused(f"{found.words} is not given out as a unit dose. Put it aside and ask.")
    if package.schedule:
        raise Refused(
            f"{package.shown} is a controlled substance. It comes back another way: two people count it into the vault."
        )
    line, put, lot = _which(tx, drawer, found.package_id, read, package.shown)
    goes = disposition(package, condition, lot.expiry, recall_of(tx.session, lot), today)
    to = _book(tx, line, put, lot, goes)
    omission = goes.what is not Happened.WASTED or condition is not Condition.OPENED
    omission = omission and _may_be_omission(tx, line)
    if omission:
        _raise_omission(tx, line)
    record(
        tx,
        "taken back",
        f"drawer {drawer.work_id}",
        {"line": line.line_id, "lot": lot.number, "scan": scan, "condition": condition, "goes": goes.what,
         "why": goes.why, "possible_omission": omission},
    )  # fmt: skip
    tx.tell("returns")
    return TakenBack(line, lot.number, goes, to, omission)


def _drawer(tx: Tx, scan: str) -> Drawer:
    """The drawer whose label was scanned, held until the commit."""
    drawer = drawer_of_label(tx.session, scan)
    if drawer is None:
        raise Refused("This is not the label of a drawer. Scan the drawer that the package came back in.")
    work.hold(tx, drawer.work_id)
    return drawer


def _which(tx: Tx, drawer: Drawer, package_id: int, read: Barcode, shown: str) -> tuple[LineFacts, int, Lot]:
    """The put that a returned package can be: same package, same lot, delivered in this drawer and not gone since."""
    query = (
        select(Put.id, Put.line_id, Lot)
        .join(FillLine, FillLine.id == Put.line_id)
        .join(Lot, Lot.id == Put.lot_id)
        .outerjoin(Pull, Pull.put_id == Put.id)
        .where(Put.work_id == drawer.work_id, FillLine.package_id == package_id, Pull.put_id.is_(None))
        .order_by(FillLine.due_at.desc(), Put.id.desc())
    )
    rows = tx.session.execute(query).all()
    if not rows:
        raise Refused(f"This drawer was never given {shown}. Scan the drawer that the package came from.")
    if read.lot is not None:
        rows = [row for row in rows if row[2].number == read.lot]
        if not rows:
            raise Refused(f"Lot {read.lot} was not in this drawer. Scan the drawer that the package came from.")
    # The bedside's word and a nurse's 'not here' hold the lines too: no package is given, missed and returned at once.
    held_lines(tx, {row[1] for row in rows})
    left = left_of(tx.session, {row[1] for row in rows})
    brought = delivered(tx.session, {row[1] for row in rows})
    back = set(tx.session.scalars(select(LineEvent.key).where(or_(*(LineEvent.key == _key(row[0]) for row in rows)))))
    if not brought:
        raise Refused("This drawer has not been delivered. What is to come out of it is on the pull list.")
    for put_id, line_id, lot in rows:
        if _key(put_id) not in back and line_id in left and left[line_id].on_unit >= 1:
            return line_facts(tx.session, [line_id])[line_id], put_id, lot
    for put_id, line_id, lot in rows:
        if _key(put_id) not in back and line_id in left and missing_of(tx, line_id).get(lot.id, NONE) >= 1:
            _came_back_after_all(tx, put_id, line_id, lot)
            return line_facts(tx.session, [line_id])[line_id], put_id, lot
    raise Refused(
        f"Every {shown} of this drawer was given, missed or returned already. Scan the drawer that this one came from."
    )


def _came_back_after_all(tx: Tx, put_id: int, line_id: int, lot: Lot) -> None:
    """A package that was missed comes back with the returns: it is found first, also where its report is settled."""
    places = place_of_kind(tx, "unaccounted"), place_of_kind(tx, "patient")
    carry(tx, f"put {put_id} found", lot.id, *places, f"line {line_id}")
    note_line(tx, line_id, Happened.FOUND, {lot.id: _ONE}, f"put {put_id} found", "pharmacy", "among the returns")
    record(tx, "found", f"line {line_id}", {"place": "among the returns", "lot": lot.number})
    tx.tell("missing")


def _key(put_id: int) -> str:
    return f"put {put_id} returned"


def _book(tx: Tx, line: LineFacts, put_id: int, lot: Lot, goes: Disposition) -> str:
    """Note the return and move the package on; returns where it goes, in words."""
    put = tx.session.get_one(Put, put_id)
    tx.session.add(
        LineEvent(
            key=_key(put_id),
            line_id=line.line_id,
            what=goes.what,
            packages=_ONE,
            lot_id=lot.id,
            place="pharmacy",
            note=goes.why,
            person_id=tx.who.person_id,
            station_id=tx.who.station_id,
            at=tx.now,
        )
    )
    tx.session.flush()
    patient = place_of_kind(tx, "patient")
    if goes.what is Happened.RESTOCKED:
        target, words = put.place_id, f"back to {place_named(tx.session, put.place_id)}"
    elif goes.what is Happened.QUARANTINED:
        target, words = shelf_named(tx, QUARANTINE), "into quarantine"
    else:
        target, words = place_of_kind(tx, "waste"), "into the waste"
    carry(tx, _key(put_id), lot.id, patient, target, f"line {line.line_id}")
    gone(tx, [line.line_id])
    return words


def _may_be_omission(tx: Tx, line: LineFacts) -> bool:
    left, due = left_of(tx.session, [line.line_id])[line.line_id], line.due_at
    return may_be_omission(
        due,
        tx.now,
        active_then=due is not None and _was_active(tx, line.order.order_id, due),
        present=line.unit_id is not None,
        charted=left.of(Happened.GIVEN) > 0 or left.missing > 0 or _another_was_given(tx, line),
    )


def _was_active(tx: Tx, order_id: int, at: datetime) -> bool:
    """Whether an order was active at an instant: by the last version that had come by then, else by its first."""
    query = select(OrderVersion.state, OrderVersion.received_at).where(OrderVersion.order_id == order_id)
    versions = tx.session.execute(query.order_by(OrderVersion.number)).all()
    by_then = [state for state, received_at in versions if received_at <= at]
    return (by_then[-1] if by_then else versions[0][0]) == "active"


def _another_was_given(tx: Tx, line: LineFacts) -> bool:
    """Whether another package was given for the same dose: this one was missed, replaced, and found again."""
    query = (
        select(LineEvent.id)
        .join(FillLine, FillLine.id == LineEvent.line_id)
        .where(FillLine.order_id == line.order.order_id, FillLine.due_at == line.due_at)
        .where(FillLine.package_id == (line.package.package_id if line.package else None))
        .where(FillLine.id != line.line_id, LineEvent.what == Happened.GIVEN)
    )
    return tx.session.scalar(query.limit(1)) is not None


def _raise_omission(tx: Tx, line: LineFacts) -> None:
    """Tell pharmacist and nurse manager, once a line, that a patient may have missed a dose."""
    if tx.session.get(PossibleOmission, line.line_id) is None:
        tx.session.add(PossibleOmission(line_id=line.line_id, at=tx.now))
        tx.session.flush()
        tx.tell("ward")
        tx.tell("omissions")


def charted_after_all(tx: Tx, line_id: int, why: str) -> None:
    """Close a possible omission with its reason: given and charted late, refused by the patient, held at the bedside.

    For a pharmacist. Raises Refused without a reason.
    """
    tx.who.require(May.CHECK)
    found = tx.session.get(PossibleOmission, line_id)
    if found is None or found.closed_at is not None:
        raise Refused("This possible omission is closed already. Reload the page.")
    if not why.strip():
        raise Refused("Say what became of the dose: the record must tell.")
    found.closed_at, found.closed_by, found.closed_why = tx.now, tx.who.person_id, why.strip()
    record(tx, "omission closed", f"line {line_id}", {"why": why.strip()})
    tx.tell("omissions")
