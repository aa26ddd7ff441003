"""One drawer as maker and checker see it: what was planned, what was scanned into it, what stands in the way."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.canonical import canonical, sha256
from app.core.workflow import State
from app.identity.models import Person
from app.inventory.models import Lot
from app.inventory.queries import recalled_among
from app.orders.queries import why_not_current
from unitdose.models import FillLine, Pull, Put
from unitdose.queries import DrawerFacts, FillFacts, LineFacts, drawer_facts, fill_facts, line_facts, lines_of


@dataclass(frozen=True, slots=True)
class PutFacts:
    """One package that was put into a drawer: its line, lot and expiry, the scan as it came, by whom and when.

    `coded` says that lot and expiry came out of the code and were not read by eye.
    """

    put_id: int
    line_id: int
    lot_id: int
    lot: str
    expiry: date
    place_id: int
    scan: str
    who: str
    person_id: int
    at: datetime
    coded: bool


@dataclass(frozen=True, slots=True)
class DrawerStanding:
    """A drawer with its live lines, what lies in it, and `struck`: what lies in it and belongs there no more."""

    facts: DrawerFacts
    fill: FillFacts
    lines: tuple[LineFacts, ...]
    put: tuple[PutFacts, ...]
    struck: tuple[tuple[LineFacts, tuple[PutFacts, ...]], ...]

    @property
    def packages(self) -> int:
        """How many packages belong into it."""
        return sum(line.packages for line in self.lines)

    @property
    def ready(self) -> bool:
        """Whether it holds all that it can get and nothing else, so that it can be signed as prepared."""
        complete = all(line.wanted == 0 for line in self.lines)
        return self.facts.state is State.MAKING and bool(self.put) and not self.struck and complete

    def put_for(self, line_id: int) -> tuple[PutFacts, ...]:
        return tuple(each for each in self.put if each.line_id == line_id)


def drawer_standing(session: Session, work_id: int) -> DrawerStanding:
    """One drawer as it stands now. Raises Missing."""
    facts = drawer_facts(session, work_id)
    lines = lines_of(session, facts.fill_id, FillLine.work_id == work_id, FillLine.packages > 0)
    there = tuple(_put(session, work_id))
    mine = {line.line_id for line in lines}
    gone = line_facts(session, {each.line_id for each in there} - mine)
    struck = tuple(
        (line, tuple(each for each in there if each.line_id == line_id)) for line_id, line in sorted(gone.items())
    )
    inside = tuple(each for each in there if each.line_id in mine)
    return DrawerStanding(facts, fill_facts(session, facts.fill_id), lines, inside, struck)


def _put(session: Session, work_id: int) -> Iterable[PutFacts]:
    query = (
        select(Put, Lot.number, Lot.expiry, Person.name)
        .join(Lot, Lot.id == Put.lot_id)
        .join(Person, Person.id == Put.person_id)
        .outerjoin(Pull, Pull.put_id == Put.id)
        .where(Put.work_id == work_id, Pull.put_id.is_(None))
        .order_by(Put.id)
    )
    for row, number, expiry, who in session.execute(query):
        yield PutFacts(
            put_id=row.id,
            line_id=row.line_id,
            lot_id=row.lot_id,
            lot=number,
            expiry=expiry,
            place_id=row.place_id,
            scan=row.scan,
            who=who,
            person_id=row.person_id,
            at=row.at,
            coded=row.coded,
        )


def drawer_blockers(session: Session, standing: DrawerStanding, *, releasing: bool = False) -> list[str]:
    """Everything that stands in the way of signing a drawer as prepared or (`releasing`) as checked, in words."""
    found = []
    if not standing.put and not standing.struck:
        found.append("nothing was put into this drawer")
    waiting = sum(line.wanted for line in standing.lines)
    if waiting:
        found.append(f"{_packages(waiting)} not put into it yet")
    too_many = sum(max(0, line.put - line.packages) for line in standing.lines)
    if too_many:
        found.append(f"{_packages(too_many)} too many in it")
    out: dict[str, int] = {}
    for line, puts in standing.struck:
        out[line.order.title] = out.get(line.order.title, 0) + len(puts)
    found += [f"take {_packages(n)} out: {title} is not for this drawer any more" for title, n in out.items()]
    lots = {each.lot_id for each in standing.put}
    found += [sentence[:1].lower() + sentence[1:] for sentence in recalled_among(session, lots)]
    if releasing:
        for order in {line.order.version_id: line.order for line in standing.lines}.values():
            if why := why_not_current(session, order):
                found.append(f"{order.title}: {why}")
    return found


def _packages(count: int) -> str:
    return "1 package" if count == 1 else f"{count} packages"


def drawer_sha256(standing: DrawerStanding) -> str:
    """The hash of what is signed: the drawer's plan and every package in it."""
    facts = {
        "drawer": standing.facts.work_id,
        "version": standing.fill.version,
        "lines": [
            (line.line_id, line.order.version_id, line.due_at, line.package.ndc if line.package else "", line.units,
             line.packages, line.short)
            for line in standing.lines
        ],
        "put": [(each.put_id, each.line_id, each.lot_id, each.scan, each.person_id) for each in standing.put],
        "struck": [each.put_id for _, puts in standing.struck for each in puts],
    }  # fmt: skip
    return sha256(canonical(facts))
