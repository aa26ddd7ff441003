"""The history of a dose as a value: the lines of its packages, what happened to them, and where it stands now."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from app.custody.bag import Bag
from app.custody.whereabouts import Fact, Stage, What, Whereabouts, where_is
from app.formulary.unit_dose import UnitDoseFacts
from app.orders.facts import OrderFacts
from unitdose.happened import Left
from unitdose.parcel import DrawerParcel
from unitdose.routes import Reason, Route
from unitdose.units import Made, instruction


@dataclass(frozen=True, slots=True)
class Report:
    """An open report that a dose is not here: by whom, when, and whether a replacement was sent."""

    report_id: int
    who: str
    at: datetime
    replaced_by: int | None


@dataclass(frozen=True, slots=True)
class LineHistory:
    """One line of a plan with everything that happened to its packages.

    `why_out` says why what lies in a delivered drawer must not be given, since `out_since`; `left` is None until
    something was delivered; `inside` counts the packages in the drawer.
    """

    line_id: int
    fill_id: int
    kind: str
    cart: str
    cart_name: str
    exchange_at: datetime
    order: OrderFacts
    dose_id: int | None
    due_at: datetime | None
    route: Route
    reason: Reason
    package: UnitDoseFacts | None
    units: Decimal | None
    packages: int
    short: int
    short_why: str | None
    ended: bool
    inside: int
    drawer: DrawerParcel | None
    left: Left | None
    report: Report | None
    why_out: str | None
    out_since: datetime | None
    facts: tuple[Fact, ...]

    @property
    def where(self) -> Whereabouts:
        # A drawer that was withdrawn on the ward still lies where it was brought.
        withdrawn = (What.WITHDRAW,) if self.left is not None else ()
        return where_is((fact for fact in self.facts if fact.what not in withdrawn), by_cart=True)

    @property
    def in_drawer(self) -> Decimal:
        return Decimal(0) if self.left is None else self.left.in_drawer

    @property
    def says(self) -> str:
        """How its packages make the dose: '2 × metoprolol tartrate 25 mg tablet', 'half tablet (12.5 mg)'."""
        if self.package is None or not self.packages:
            return ""
        count = f"{self.packages} × " if self.packages > 1 else ""
        told = f"{count}{self.package.shown}"
        if self.units is None or len(self.order.doses) != 1:
            return told
        how = instruction(Made(self.package, self.units, self.packages), next(iter(self.order.doses.values())))
        return f"{told}: {how}" if how else told


@dataclass(frozen=True, slots=True)
class DoseHistory:
    """One dose: its order, where it is, its bag or its lines, and every fact about it from first to last.

    `lines` are those that count now, one for each package; `all_lines` also those that ended or were replaced.
    """

    dose_id: int | None
    due_at: datetime | None
    room: str
    order: OrderFacts
    where: Whereabouts
    bag: Bag | None
    lines: tuple[LineHistory, ...]
    all_lines: tuple[LineHistory, ...]
    facts: tuple[Fact, ...]

    @property
    def replaced(self) -> bool:
        """Whether another one was sent because this dose was not found, and nobody has settled that yet."""
        return any(each.report is not None and each.report.replaced_by is not None for each in self.all_lines)

    @property
    def report(self) -> Report | None:
        """The open report that it is not here."""
        return next((each.report for each in self.all_lines if each.report is not None), None)


def history_of(
    order: OrderFacts, dose_id: int | None, due_at: datetime | None, lines: tuple[LineHistory, ...]
) -> DoseHistory:
    """One dose out of its lines: it stands where the package stands that is furthest from being given."""
    counting = _counting(lines)
    facts = tuple(sorted({fact for line in lines for fact in line.facts} | set(ordered_facts(order)), key=_when))
    behind = min(counting, key=lambda line: _RANK.index(line.where.stage), default=None)
    where = behind.where if behind is not None else where_is(ordered_facts(order), by_cart=True)
    return DoseHistory(dose_id, due_at, "unit dose", order, where, None, counting, lines, facts)


_RANK = (
    Stage.MISSING, Stage.ORDERED, Stage.VERIFIED, Stage.SHORT, Stage.PLANNED, Stage.MAKING, Stage.PAUSED, Stage.PICKED,
    Stage.MADE, Stage.RELEASED, Stage.PACKED, Stage.ON_ITS_WAY, Stage.WITH_PATIENT, Stage.ARRIVED, Stage.RECEIVED,
    Stage.REJECTED, Stage.DAMAGED, Stage.TAKEN_OUT, Stage.RETURNED, Stage.GIVEN,
)  # fmt: skip


def _when(fact: Fact) -> tuple[datetime, int]:
    return (fact.at, list(What).index(fact.what))


def _counting(lines: Iterable[LineHistory]) -> tuple[LineHistory, ...]:
    """The lines that count now: of each package the newest, an ended one only where nothing followed it."""
    newest: dict[int | None, LineHistory] = {}
    for line in sorted(lines, key=lambda each: (not each.ended, each.line_id)):
        key = None if line.package is None else line.package.package_id
        newest[key] = line
    live = tuple(each for each in newest.values() if not each.ended)
    return live or tuple(newest.values())


def ordered_facts(order: OrderFacts) -> Iterable[Fact]:
    yield Fact(What.ORDERED, order.received_at, order.sender if order.message_id else "")
    if order.verified_at:
        yield Fact(What.VERIFIED, order.verified_at, order.verified_by or "")


_DRAWER_FACTS = {
    What.FINISH: What.FILLED,
    What.TAKE_BACK: What.REOPENED,
    What.SEND_BACK: What.REOPENED,
    What.RELEASE: What.RELEASE,
    What.REFUSE: What.REFUSE,
    What.WITHDRAW: What.WITHDRAW,
    What.DROP: What.DROP,
}
_NOT_OF_THE_DOSE = (What.CLAIM, What.PAUSE, What.RESUME, What.TAKE_OVER)


def facts_of_drawer(parcel: DrawerParcel, due_at: datetime | None) -> Iterable[Fact]:
    """What happened to the drawer, as it concerns one dose in it.

    At an exchange the old drawer goes back, and what is due afterwards stays with the nurse.
    """
    for fact in parcel.facts:
        if fact.what in _NOT_OF_THE_DOSE:
            continue
        if fact.what is What.RETURNED and due_at is not None and due_at > fact.at:
            continue
        what = _DRAWER_FACTS.get(fact.what, fact.what)
        yield Fact(what, fact.at, fact.who, fact.place, fact.note, fact.unit_id)
