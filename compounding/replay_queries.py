"""Replaying everything that is stored: each weight out of its raw bytes, each verdict out of its records.

The records themselves are compared with the trail, which says of each what it was when it was written.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import zip_longest

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app.audit.queries import Entry, of_subject
from app.core import wording
from app.core.canonical import sha256
from app.core.errors import Invalid
from app.stations.models import BalanceCheck, Weighing
from compounding.models import Preparation, StepRecord
from compounding.queries import records_of
from compounding.replay import Kept, verdict_differences, weight_differences
from compounding.worksheet import read_worksheet
from devices.protocols import protocol_named
from devices.window import read_window

_TOLD = ("step", "what", "weighing", "photo", "lot")


@dataclass(frozen=True)
class Replayed:
    """One preparation, replayed: how many weights and verdicts were looked at, and each difference as a sentence."""

    work_id: int
    weights: int
    verdicts: int
    differences: tuple[str, ...]


def replay(session: Session, only: int | None = None) -> Iterator[Replayed]:
    """Replay every preparation, oldest first, or `only` one by its number. Reads; writes nothing.

    What somebody made unreadable is a difference like any other, and the next preparation is replayed all the same.
    """
    query = select(Preparation.work_id).order_by(Preparation.work_id)
    if only is not None:
        query = query.where(Preparation.work_id == only)
    for work_id in session.scalars(query).all():
        try:
            yield _one(session, session.get_one(Preparation, work_id))
        except (ValueError, KeyError, TypeError, ArithmeticError, DBAPIError) as fault:
            words = f"its record can not be read any more ({type(fault).__name__}): it was changed"
            yield Replayed(work_id, 0, 0, (f"Preparation {work_id}: {words}.",))


def replay_checks(session: Session) -> tuple[int, tuple[str, ...]]:
    """Replay every check weight: how many there are, and each difference from its raw bytes as a sentence."""
    query = select(Weighing, BalanceCheck).join(BalanceCheck, BalanceCheck.weighing_id == Weighing.id)
    found: list[str] = []
    rows = session.execute(query.order_by(Weighing.id)).all()
    for weighing, check in rows:
        read = partial(read_window, protocol=protocol_named(weighing.protocol))
        wrong = weight_differences(_kept(weighing), read)
        if check.value_g != weighing.value_g:
            said, read_as = wording.number(check.value_g), wording.number(weighing.value_g)
            wrong.append(f"the check says {said} g, its bytes were read as {read_as} g")
        found += [f"Check of balance {weighing.balance_serial}, weighing {weighing.id}: {words}." for words in wrong]
    return len(rows), tuple(found)


def _one(session: Session, preparation: Preparation) -> Replayed:
    work_id = preparation.work_id
    told = of_subject(session, f"preparation {work_id}")
    found = [f"Preparation {work_id}: {words}." for words in _not_as_told(session, preparation, told)]
    weighings = _weighings(session, work_id)
    for number, weighing in weighings.items():
        where = f"Preparation {work_id}, weighing {number}"
        try:
            read = partial(read_window, protocol=protocol_named(weighing.protocol))
        except ValueError as unknown:
            found.append(f"{where}: {unknown}")
            continue
        found += [f"{where}: {words}." for words in weight_differences(_kept(weighing), read)]
    try:
        sheet = read_worksheet(preparation.worksheet)
    except Invalid as wrong:
        found.append(f"Preparation {work_id}: the worksheet can not be read: {' '.join(wrong.fields.values())}")
        return Replayed(work_id, len(weighings), 0, tuple(found))
    records = records_of(session, work_id)
    kept = {number: _kept(each) for number, each in weighings.items()}
    for record, words in verdict_differences(sheet, records, kept):
        found.append(f"Preparation {work_id}, record {record.number} ({record.step}): {words}.")
    verdicts = sum(getattr(each.facts, "verdict", None) is not None for each in records)
    return Replayed(work_id, len(weighings), verdicts, tuple(found))


def _not_as_told(session: Session, preparation: Preparation, told: Sequence[Entry]) -> Iterator[str]:
    """How the worksheet and the records differ from what the trail said of them when they were written."""
    frozen = {entry.facts["worksheet"] for entry in told if "worksheet" in entry.facts}
    if {sha256(preparation.worksheet), preparation.worksheet_sha256} != frozen:
        yield "the worksheet is not the one that was frozen"
    query = select(StepRecord).where(StepRecord.work_id == preparation.work_id).order_by(StepRecord.number)
    rows = [
        (each.kind, each.step, each.facts, each.weighing_id, each.photo_id, each.lot_id, each.person_id, each.at)
        for each in session.scalars(query)
    ]
    steps = [
        (entry.action.removeprefix("step "), *(entry.facts[name] for name in _TOLD), entry.person_id, entry.at)
        for entry in told
        if entry.action.startswith("step ")
    ]
    for number, (row, step) in enumerate(zip_longest(rows, steps), 1):
        if row is None:
            yield f"record {number} is missing: the trail tells of it"
        elif step is None:
            yield f"record {number} ({row[1]}) was never told to the trail"
        elif row != step:
            yield f"record {number} ({row[1]}) is not as the trail tells it"
    windows = {entry.facts["weighing"]: entry.facts["window"] for entry in told if "window" in entry.facts}
    for weighing in _weighings(session, preparation.work_id).values():
        if sha256(weighing.window) != windows.get(weighing.id):
            yield f"the raw bytes of weighing {weighing.id} are not those that the trail tells of"


def _weighings(session: Session, work_id: int) -> dict[int, Weighing]:
    query = (
        select(Weighing)
        .join(StepRecord, StepRecord.weighing_id == Weighing.id)
        .where(StepRecord.work_id == work_id)
        .order_by(Weighing.id)
    )
    return {each.id: each for each in session.scalars(query)}


def _kept(weighing: Weighing) -> Kept:
    return Kept(
        value_g=weighing.value_g,
        readings=weighing.readings,
        readability_g=weighing.readability_g,
        balance=weighing.balance_serial,
        epoch=weighing.balance_epoch,
        window=weighing.window,
    )
