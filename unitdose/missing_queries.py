"""Where to look for a dose that is not here, and the reports that the pharmacy has not settled yet."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.wording import clock
from app.custody.whereabouts import Fact, Stage, What
from app.formulary.unit_dose import UnitDoseFacts
from app.orders.facts import OrderFacts
from app.orders.queries import patients_facts
from unitdose.cart_models import UnitStock
from unitdose.delivery_queries import left_of, lies, parcels_on
from unitdose.history import DoseHistory, LineHistory
from unitdose.history_queries import line_histories
from unitdose.models import FillLine
from unitdose.parcel import Lies
from unitdose.ward_models import MissingDose

MOST = 5


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Another drawer on the ward in which the same package lies: whose, and how many."""

    drawer: str
    patient: str
    place: str
    packages: Decimal


@dataclass(frozen=True, slots=True)
class OpenReport:
    """A report that a dose is not here, as the pharmacy works on it.

    `found` says that it turned up again; `replacement` is the dose that was sent in its place; `where_to_look` are
    sentences, the likeliest place first.
    """

    report_id: int
    line: LineHistory
    place: str
    told_by: str
    told_at: datetime
    told_where: str
    last: Fact | None
    found: bool
    replacement: LineHistory | None
    where_to_look: tuple[str, ...]

    @property
    def order(self) -> OrderFacts:
        return self.line.order

    @property
    def package(self) -> UnitDoseFacts | None:
        return self.line.package


def open_reports(session: Session) -> tuple[OpenReport, ...]:
    """Every report that is not settled: first what was not found and must be given soonest, then the oldest."""
    query = select(MissingDose).where(MissingDose.resolved_at.is_(None)).order_by(MissingDose.told_at, MissingDose.id)
    rows = list(session.scalars(query))
    ids = {row.line_id for row in rows} | {row.replaced_by_line_id for row in rows if row.replaced_by_line_id}
    lines = {each.line_id: each for each in line_histories(session, FillLine.id.in_(ids))}
    places = lies(session, {each.order.patient.id for each in lines.values()})
    return tuple(sorted((_report(row, lines, places) for row in rows), key=_urgency))


def _urgency(report: "OpenReport") -> tuple[bool, datetime]:
    waits = not report.found and report.replacement is None and report.line.due_at is not None
    by = report.order.late_after(report.line.due_at) if waits and report.line.due_at else report.told_at
    return not waits, by


def unsettled(session: Session) -> int:
    """How many reports nobody has settled."""
    return session.scalar(select(func.count(MissingDose.id)).where(MissingDose.resolved_at.is_(None))) or 0


def _report(row: MissingDose, lines: dict[int, LineHistory], places: dict[int, Lies]) -> OpenReport:
    line = lines[row.line_id]
    here = places.get(line.order.patient.id)
    return OpenReport(
        report_id=row.id,
        line=line,
        place=here.place if here else "left the hospital",
        told_by=line.report.who if line.report else "",
        told_at=row.told_at,
        told_where=row.place,
        last=line.where.last,
        found=line.left is not None and line.left.missing <= 0 and line.where.stage is not Stage.MISSING,
        replacement=lines.get(row.replaced_by_line_id) if row.replaced_by_line_id else None,
        where_to_look=tuple(_places(line, here)),
    )


def look_for(session: Session, dose: DoseHistory, now: datetime) -> tuple[tuple[str, ...], tuple[Elsewhere, ...]]:
    """Where to look for a dose: places in sentences, the likeliest first, and other drawers with the same package."""
    if not dose.lines:
        return (), ()
    line = next((each for each in dose.all_lines if each.report), dose.lines[0])
    here = lies(session, {dose.order.patient.id}).get(dose.order.patient.id)
    words = list(_places(line, here))
    if here is not None and line.package is not None and _in_cabinet(session, here.unit_id, line.package.package_id):
        words.append("This ward's cabinet stocks it too.")
    unit_id = line.where.unit_id or (here.unit_id if here else None)
    others = _others(session, line, unit_id, now) if unit_id is not None and line.package is not None else ()
    return tuple(words), others


def _places(line: LineHistory, here: Lies | None) -> Iterable[str]:
    zone, drawer = line.order.zone, line.drawer
    left = next((fact for fact in reversed(line.facts) if fact.what in _LEFT), None)
    moved = drawer is not None and here is not None and line.where.unit_id not in (None, here.unit_id)
    if moved and here is not None:
        yield f"The drawer came to another ward; the patient is now in {here.place}. Look on both."
    if left is None:
        yield "No scan says that it left the pharmacy. It may still lie there."
    elif left.what is What.HANDED_OVER:
        yield f"It left the pharmacy at {clock(left.at, zone)}. Look where deliveries arrive."
    elif left.what is What.ARRIVED:
        yield f"It came to {left.place} at {clock(left.at, zone)}. Look where deliveries are put."
    else:
        called = drawer.called if drawer is not None else "drawer"
        at = clock(left.at, zone)
        yield f"{called.capitalize()} was accepted by {left.who} at {at}. Look in it, under the other packages too."
    if line.package is not None and line.package.stored == "refrigerator":
        yield "It is kept cold: look in the medication refrigerator."
    if line.package is not None and (line.package.hazardous or line.package.oversize):
        yield "It came in a bag of its own, not in the drawer."


_LEFT = (What.HANDED_OVER, What.ARRIVED, What.RECEIVED, What.CAME_ALONG)


def _in_cabinet(session: Session, unit_id: int, package_id: int) -> bool:
    query = select(UnitStock.id).where(
        UnitStock.unit_id == unit_id, UnitStock.package_id == package_id, UnitStock.out_at.is_(None)
    )
    return session.scalar(query) is not None


def _others(session: Session, line: LineHistory, unit_id: int, now: datetime) -> tuple[Elsewhere, ...]:
    """Other drawers on a ward in which the same package still lies."""
    assert line.package is not None
    mine = line.drawer.work_id if line.drawer is not None else None
    there = (each for each in parcels_on(session, (unit_id,), now) if each.where.stage in _OPEN)
    here = {each.work_id: each for each in there if each.work_id != mine}
    query = select(FillLine.id, FillLine.work_id).where(
        FillLine.fill_id.in_({each.fill_id for each in here.values()}),
        FillLine.package_id == line.package.package_id,
        FillLine.work_id.in_(list(here)),
    )
    rows = [(line_id, work_id) for line_id, work_id in session.execute(query) if line_id != line.line_id]
    left = left_of(session, [line_id for line_id, _ in rows])
    counted: dict[int, Decimal] = {}
    for line_id, work_id in rows:
        inside = left[line_id].in_drawer if line_id in left else Decimal(0)
        if work_id is not None and inside > 0:
            counted[work_id] = counted.get(work_id, Decimal(0)) + inside
    people = patients_facts(session, {here[work_id].patient_id for work_id in counted})
    places = lies(session, set(people))
    found = [
        Elsewhere(
            here[work_id].called,
            people[here[work_id].patient_id].name,
            places[here[work_id].patient_id].place if here[work_id].patient_id in places else "",
            packages,
        )
        for work_id, packages in counted.items()
    ]
    # The patient's own other drawers first: that is where a dose is put by mistake most often.
    name = line.order.patient.name
    return tuple(sorted(found, key=lambda each: (each.patient != name, each.place, each.drawer)))[:MOST]


_OPEN = (Stage.ARRIVED, Stage.RECEIVED)
