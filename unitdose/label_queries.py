"""Which labels a fill needs and which it has; what a scanned label of a dose is of."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from app.core.errors import Refused
from app.core.wording import tall_man
from app.core.workflow import State
from app.custody.models import ToteLoad, ToteTrip
from app.db.outbox import Outgoing
from app.formulary.models import Package, UnitDose
from app.formulary.ndc import gtin_of_ndc10
from app.inventory.models import Lot
from app.labels.content import DrawerLabel
from app.labels.house import House
from app.labels.kinds import AnyLabel, kind_of
from app.labels.media import TALL
from app.labels.models import Label
from app.labels.printers import printers_at
from app.labels.problems import problems
from app.labels.queries import label_of
from app.labels.serial import new_serial
from app.work.models import WorkItem
from unitdose.cart_models import Cart
from unitdose.label_words import Lines, counted, doses_of
from unitdose.labelling import Taken, dose_label, drawer_label, forms_of, that_has_room, thing_of
from unitdose.models import Drawer, Fill, FillLine, Pull, Put
from unitdose.queries import DrawerFacts, FillFacts, LineFacts, drawers_of, fill_facts, lines_of

_ANY = new_serial(bytes(8))
NEEDS_NONE = frozenset({State.REFUSED, State.DROPPED})


@dataclass(frozen=True, slots=True)
class Printed:
    """A label as it stands: its serial, when it was made and what is known of its printing, in words."""

    serial: str
    made_at: datetime
    copy_number: int
    outcome: str
    waits: bool


@dataclass(frozen=True, slots=True)
class DrawerToLabel:
    """One drawer with its patient's lines and its label, if it has one."""

    drawer: DrawerFacts
    lines: tuple[LineFacts, ...]
    label: Printed | None

    def words(self, fill: FillFacts) -> str:
        """The drawer as a person names it."""
        patient = f", {self.lines[0].order.patient.name}" if self.lines else ""
        return f"{'Bag' if fill.kind == 'first dose' else 'Drawer'} {self.drawer.number}{patient}"


@dataclass(frozen=True, slots=True)
class DoseToLabel:
    """One dose that needs a label of this form, the drawer it goes with, and its label, if it has one."""

    dose: Lines
    form: str
    number: int | None
    label: Printed | None

    @property
    def thing(self) -> str:
        return thing_of(self.dose, self.form)

    @property
    def words(self) -> str:
        """The dose as a person names it."""
        order = self.dose[0].order
        drug = self.dose[0].package.name if self.dose[0].package else order.title
        return f"{order.patient.name}, {tall_man(drug)}"


@dataclass(frozen=True, slots=True)
class FillLabels:
    """Everything of a fill that is labelled."""

    fill: FillFacts
    drawers: tuple[DrawerToLabel, ...]
    doses: tuple[DoseToLabel, ...]


def labels_of_fill(session: Session, fill_id: int) -> FillLabels:
    """What a fill needs labels for, and what it has. Raises Missing."""
    fill, lines, drawers = fill_facts(session, fill_id), lines_of(session, fill_id), drawers_of(session, fill_id)
    needed = [(dose, form) for dose in doses_of(lines) for form in forms_of(dose, fill)]
    numbers = {each.work_id: each.number for each in drawers}
    printed = _printed(session, [each.work_id for each in drawers], [thing_of(*each) for each in needed])
    return FillLabels(
        fill,
        tuple(
            DrawerToLabel(
                each, tuple(line for line in lines if line.patient_id == each.patient_id), printed.get(each.work_id)
            )
            for each in drawers
            if each.state not in NEEDS_NONE
        ),
        tuple(
            DoseToLabel(dose, form, numbers.get(dose[0].work_id or 0), printed.get(thing_of(dose, form)))
            for dose, form in needed
        ),
    )


def _printed(session: Session, works: Sequence[int], subjects: Sequence[str]) -> Mapping[int | str, Printed]:
    of_these: ColumnElement[bool] = Label.work_id.in_(works) | Label.subject.in_(subjects)
    query = (
        select(
            Label.work_id, Label.subject, Label.serial, Label.made_at, Label.copy_number, Outgoing.outcome,
            Outgoing.id.is_not(None) & Outgoing.sent_at.is_(None) & Outgoing.given_up_at.is_(None),
        )
        .outerjoin(Outgoing, Outgoing.identity == "label " + Label.serial)
        .where(of_these, Label.voided_at.is_(None))
    )  # fmt: skip
    found: dict[int | str, Printed] = {}
    for work_id, subject, serial, made_at, copy_number, outcome, waits in session.execute(query):
        of = work_id if work_id is not None else subject or ""
        found[of] = Printed(serial, made_at, copy_number, outcome or "", bool(waits))
    return found


def faults_of(session: Session, found: FillLabels, house: House, now: datetime) -> Mapping[int | str, str]:
    """Why labels that a fill still needs could not be printed now: by work item or thing, a sentence."""
    waiting = [each for each in found.doses if each.label is None]
    taken = taken_for(session, [each.dose for each in waiting])
    faults: dict[int | str, str] = {}
    for drawer in found.drawers:
        if drawer.label is None:
            compose = partial(drawer_label, found.fill, drawer.drawer, drawer.lines, house, now=now, serial=_ANY)
            faults[drawer.drawer.work_id] = _fault(found.fill, partial(_tall, found.fill, compose))
    for dose in waiting:
        lots = taken[dose.dose[0].line_id]
        made = partial(dose_label, dose.dose, dose.form, lots, house, prepared_by="somebody", now=now, serial=_ANY)
        faults[dose.thing] = _fault(found.fill, made)
    return {of: words for of, words in faults.items() if words}


def has_tall_labels(fill: FillFacts) -> bool:
    """Whether a printer of the fill's cart holds labels on which a drawer's list has room. Raises Refused."""
    return any(printer.media == TALL.name for printer in printers_at(fill.printer_url or "").values())


def _tall(fill: FillFacts, compose: Callable[..., DrawerLabel]) -> DrawerLabel:
    return that_has_room(compose(tall=has_tall_labels(fill)))


def _fault(fill: FillFacts, compose: Callable[[], AnyLabel]) -> str:
    if not fill.printer_url:
        return "The cart has no label printer. Name one on the page Cart set-up, then print its labels."
    try:
        label = compose()
        media = kind_of(label).media
        if all(printer.media != media.name for printer in printers_at(fill.printer_url).values()):
            return f"No printer of this cart holds labels of {media.words}. Name one on the page Cart set-up."
        return " ".join(problems(label))
    except Refused as wrong:
        return str(wrong)


def unlabelled(session: Session, now: datetime) -> tuple[int, ...]:
    """The planned fills that are not closed and have a drawer without a label, while their cart has a printer."""
    has_label = select(Label.serial).where(Label.work_id == Drawer.work_id, Label.voided_at.is_(None)).exists()
    query = (
        select(Drawer.fill_id)
        .join(Fill, Fill.id == Drawer.fill_id)
        .join(Cart, Cart.id == Fill.cart_id)
        .join(WorkItem, WorkItem.id == Drawer.work_id)
        .where(Cart.printer_url.is_not(None), WorkItem.state.not_in(NEEDS_NONE))
        .where(Fill.closed_at.is_(None), Fill.current_run_id.is_not(None), Fill.end_at > now, ~has_label)
        .distinct()
        .order_by(Drawer.fill_id)
    )
    return tuple(session.scalars(query))


def taken_for(session: Session, doses: Iterable[Lines]) -> Mapping[int, Taken]:
    """By the first line of each dose: the lots that were put for it, else those set aside; and the source's GTIN."""
    wanted = [line for dose in doses for line in dose]
    put: dict[int, set[tuple[str, date]]] = {}
    query = (
        select(Put.line_id, Lot.number, Lot.expiry)
        .join(Lot, Lot.id == Put.lot_id)
        .outerjoin(Pull, Pull.put_id == Put.id)
        .where(Put.line_id.in_([line.line_id for line in wanted]), Pull.put_id.is_(None))
    )
    for line_id, number, expiry in session.execute(query):
        put.setdefault(line_id, set()).add((number, expiry))
    gtins = _source_gtins(session, {line.package.package_id for line in wanted if line.package is not None})
    found: dict[int, Taken] = {}
    for dose in doses:
        lots: set[tuple[str, date]] = set()
        for line in dose:
            aside = {(each.lot, _day(each.expiry)) for each in line.set_aside}
            lots |= put.get(line.line_id) or aside
        package = dose[0].package
        found[dose[0].line_id] = Taken(tuple(sorted(lots)), gtins.get(package.package_id) if package else None)
    return found


def _day(value: object) -> date:
    assert isinstance(value, date)
    return value


def _source_gtins(session: Session, package_ids: Iterable[int]) -> Mapping[int, str]:
    """The GTIN by which a bedside scanner knows a package; of a half tablet, that of the tablet it was split from."""
    rows = session.execute(
        select(UnitDose.package_id, UnitDose.half_of_id).where(UnitDose.package_id.in_(list(package_ids)))
    ).all()
    sources = {package_id: half_of_id or package_id for package_id, half_of_id in rows}
    codes = {
        number: gtin14 or (gtin_of_ndc10(ndc10) if ndc10 else None)
        for number, gtin14, ndc10 in session.execute(
            select(Package.id, Package.gtin14, Package.ndc10).where(Package.id.in_(set(sources.values())))
        )
    }
    return {package_id: code for package_id, source in sources.items() if (code := codes.get(source))}


def dose_labelled(session: Session, serial: str) -> FillLine | None:
    """The line whose dose a label is of, a void label too; None for the label of anything else."""
    label = label_of(session, serial)
    subject = (label.subject or "").removeprefix("flag of ") if label is not None else ""
    kind, _, number = subject.partition(" ")
    return session.get(FillLine, int(number)) if kind == "line" and number.isdigit() else None


def leads_to(session: Session, serial: str) -> tuple[str, int] | None:
    """What a cart's label is of, a void one too: ('line', number) or ('drawer', number); None for anything else."""
    line = dose_labelled(session, serial)
    if line is not None:
        return "line", line.id
    label = label_of(session, serial)
    drawer = session.get(Drawer, label.work_id) if label is not None and label.work_id is not None else None
    return ("drawer", drawer.work_id) if drawer is not None else None


@dataclass(frozen=True, slots=True)
class Packed:
    """What is in a tote on its trip: where it goes, its drawers, and how many other labelled things."""

    trip_id: int
    unit_id: int
    drawers: tuple[DrawerFacts, ...]
    others: int

    @property
    def holds(self) -> tuple[str, ...]:
        """What is in it, in words for its label."""
        numbers = ", ".join(str(number) for number in sorted(each.number for each in self.drawers))
        bags = (f"{counted(self.others, 'bag')} from the IV room",) if self.others else ()
        return (f"{counted(len(self.drawers), 'drawer')}: {numbers}", *bags)


def tote_contents(session: Session, tote: str) -> Packed | None:
    """What is in a tote now; None when it is on no trip."""
    trip = session.scalar(select(ToteTrip).where(ToteTrip.tote == tote, ToteTrip.ended_at.is_(None)))
    if trip is None:
        return None
    query = (
        select(Label.work_id, Drawer.fill_id)
        .join(ToteLoad, ToteLoad.serial == Label.serial)
        .outerjoin(Drawer, Drawer.work_id == Label.work_id)
        .where(ToteLoad.trip_id == trip.id, ToteLoad.out_at.is_(None))
    )
    rows = session.execute(query).all()
    inside = {work_id for work_id, fill_id in rows if fill_id is not None}
    fills = sorted({fill_id for _, fill_id in rows if fill_id is not None})
    drawers = tuple(each for fill_id in fills for each in drawers_of(session, fill_id) if each.work_id in inside)
    return Packed(trip.id, trip.unit_id, drawers, len(rows) - len(inside))
