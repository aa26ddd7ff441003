"""The table of administration times as it is in force, and the changes of it that were proposed."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session, aliased

from app.core.canonical import canonical, sha256
from app.core.errors import Invalid, Missing
from app.db.base import fetched
from app.formulary.models import Drug
from app.identity.models import Person
from app.orders.due import anchored
from app.orders.frequency import Unread, read_frequency, scheduled
from app.orders.models import TimesChange, TimesClass, TimesDecision, TimesRow
from app.orders.schedule import Schedule
from app.orders.schedule_document import read_rhythm, written_rhythm
from app.orders.times_table import Row, Scope, TimesTable, Where


@dataclass(frozen=True)
class Change:
    """One proposed change of the table: who, when, why, from when on, what, and what became of it.

    `row` is what it puts in, or takes out where `taken_out`; `drug` and `drug_class` where it sets a drug's class.
    """

    id: int
    proposed_by: str
    proposed_by_id: int
    proposed_at: datetime
    why: str
    starts_at: datetime
    code: str
    scope: Scope
    key: str
    row: Row | None
    drug_id: int
    drug: str
    drug_class: str
    decided_by: str
    decided_at: datetime | None
    declined: str


_ROWS = (
    select(TimesRow.code, TimesRow.scope, TimesRow.key, TimesRow.rhythm, TimesRow.time_critical)
    .join(TimesChange, TimesChange.id == TimesRow.change_id)
    .join(TimesDecision, TimesDecision.change_id == TimesChange.id)
    .where(TimesDecision.declined.is_(None), TimesChange.starts_at <= bindparam("at"))
    .where(TimesDecision.at <= bindparam("at"))
    .order_by(TimesChange.starts_at, TimesChange.id, TimesRow.code, TimesRow.scope, TimesRow.key)
)


def times_table(session: Session, at: datetime) -> TimesTable:
    """The table in force at an instant: each code as the last signed change before it left it."""
    return _table(tuple(tuple(row) for row in fetched(session, _ROWS, at=at)))


def frequency_codes(session: Session, at: datetime) -> list[str]:
    """The codes of the site's own rows, as a person may type them."""
    return sorted({row.code for row in times_table(session, at).rows if row.scope is Scope.SITE})


@lru_cache(maxsize=64)
def _table(written: tuple[tuple[str, str, str, str | None, bool], ...]) -> TimesTable:
    last = {(row[0], row[1], row[2].casefold()): row_of(*row) for row in written}
    return TimesTable(tuple(row for row in last.values() if row is not None))


def row_of(code: str, scope: str, key: str, rhythm: str | None, time_critical: bool) -> Row | None:
    """The row of the table that a stored row puts in; None where it takes one out."""
    return None if rhythm is None else Row(code, read_rhythm(rhythm), Scope(scope), key, time_critical)


_CLASSES = (
    select(TimesClass.drug_id, TimesClass.drug_class)
    .join(TimesChange, TimesChange.id == TimesClass.change_id)
    .join(TimesDecision, TimesDecision.change_id == TimesChange.id)
    .where(TimesDecision.declined.is_(None), TimesChange.starts_at <= bindparam("at"))
    .where(TimesDecision.at <= bindparam("at"))
    .order_by(TimesChange.starts_at, TimesChange.id)
)


def classes(session: Session, at: datetime) -> dict[int, str]:
    """The class of each drug that has one, as in force at an instant."""
    found = {drug_id: drug_class for drug_id, drug_class in fetched(session, _CLASSES, at=at)}
    return {drug_id: drug_class for drug_id, drug_class in found.items() if drug_class}


def where_of(session: Session, unit: str, route: str, drug_ids: Iterable[int], at: datetime) -> Where:
    """What of an order may choose its row of the table; the class where its drugs share one."""
    known = classes(session, at)
    found = {known.get(drug_id, "") for drug_id in drug_ids}
    return Where(unit, route, found.pop() if len(found) == 1 else "")


def tried(session: Session, how: str, where: Where, zone: str, now: datetime) -> Schedule:
    """The schedule that an order written so would have here and now. Raises Invalid with the reason under 'how'."""
    read = read_frequency(how, times_table(session, now), where)
    if isinstance(read, Unread):
        raise Invalid({"how": read.why})
    return anchored(scheduled(read, now.replace(second=0, microsecond=0)), zone)


def changes(session: Session, *, open_only: bool = False, limit: int = 50) -> list[Change]:
    """The proposed changes, the newest first; `open_only` those that wait for the pharmacy manager."""
    author, decider = aliased(Person), aliased(Person)
    query = (
        select(TimesChange, author, TimesDecision, decider.name, TimesRow, TimesClass, Drug.name)
        .join(author, author.id == TimesChange.proposed_by)
        .join(TimesDecision, TimesDecision.change_id == TimesChange.id, isouter=True)
        .join(decider, decider.id == TimesDecision.person_id, isouter=True)
        .join(TimesRow, TimesRow.change_id == TimesChange.id, isouter=True)
        .join(TimesClass, TimesClass.change_id == TimesChange.id, isouter=True)
        .join(Drug, Drug.id == TimesClass.drug_id, isouter=True)
        .order_by(TimesChange.id.desc())
        .limit(limit)
    )
    if open_only:
        query = query.where(TimesDecision.change_id.is_(None))
    return [_change(*row) for row in session.execute(query)]


def change(session: Session, change_id: int) -> Change:
    """One change by its number. Raises Missing."""
    found = next((each for each in changes(session, limit=10_000) if each.id == change_id), None)
    if found is None:
        raise Missing("This change of the table does not exist.")
    return found


def shown_change(session: Session, change_id: int) -> str:
    """The hash of what stands on the screen of whoever signs a change. Raises Missing."""
    found = change(session, change_id)
    row = written_rhythm(found.row.rhythm) if found.row else None
    said = [found.id, found.why, found.starts_at, found.code, found.scope, found.key, row, found.drug, found.drug_class]
    return sha256(canonical(said))


def _change(
    head: TimesChange,
    author: Person,
    decision: TimesDecision | None,
    decider: str | None,
    row: TimesRow | None,
    drug_class: TimesClass | None,
    drug: str | None,
) -> Change:
    return Change(
        id=head.id,
        proposed_by=author.name,
        proposed_by_id=author.id,
        proposed_at=head.proposed_at,
        why=head.why,
        starts_at=head.starts_at,
        code=row.code if row else "",
        scope=Scope(row.scope) if row else Scope.SITE,
        key=row.key if row else "",
        row=row_of(row.code, row.scope, row.key, row.rhythm, row.time_critical) if row else None,
        drug_id=drug_class.drug_id if drug_class else 0,
        drug=drug or "",
        drug_class=drug_class.drug_class if drug_class else "",
        decided_by=decider or "",
        decided_at=decision.at if decision else None,
        declined=(decision.declined or "") if decision else "",
    )
