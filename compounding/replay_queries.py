"""Replaying everything that is stored: each weight out of its raw bytes, each verdict out of its records."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.canonical import sha256
from app.core.errors import Invalid
from app.stations.models import Weighing
from compounding.models import Preparation, StepRecord
from compounding.queries import records_of
from compounding.replay import Kept, verdict_differences, weight_differences
from compounding.worksheet import read_worksheet
from devices.protocols import protocol_named
from devices.window import read_window


@dataclass(frozen=True)
class Replayed:
    """One preparation, replayed: how many weights and verdicts were looked at, and each difference as a sentence."""

    work_id: int
    weights: int
    verdicts: int
    differences: tuple[str, ...]


def replay(session: Session, only: int | None = None) -> Iterator[Replayed]:
    """Replay every preparation, oldest first, or `only` one by its number. Reads; writes nothing."""
    query = select(Preparation).order_by(Preparation.work_id)
    if only is not None:
        query = query.where(Preparation.work_id == only)
    for preparation in session.scalars(query.execution_options(yield_per=100)):
        yield _one(session, preparation)


def _one(session: Session, preparation: Preparation) -> Replayed:
    work_id = preparation.work_id
    records = records_of(session, work_id)
    weighings = _weighings(session, work_id)
    found: list[str] = []
    for number, weighing in weighings.items():
        where = f"Preparation {work_id}, weighing {number}"
        try:
            read = partial(read_window, protocol=protocol_named(weighing.protocol))
        except ValueError as unknown:
            found.append(f"{where}: {unknown}")
            continue
        found += [f"{where}: {words}." for words in weight_differences(_kept(weighing), read)]
    if sha256(preparation.worksheet) != preparation.worksheet_sha256:
        found.append(f"Preparation {work_id}: the worksheet is not the one that was frozen.")
    try:
        sheet = read_worksheet(preparation.worksheet)
    except Invalid as wrong:
        found.append(f"Preparation {work_id}: the worksheet can not be read: {' '.join(wrong.fields.values())}")
        return Replayed(work_id, len(weighings), 0, tuple(found))
    kept = {number: _kept(each) for number, each in weighings.items()}
    for record, words in verdict_differences(sheet, records, kept):
        found.append(f"Preparation {work_id}, record {record.number} ({record.step}): {words}.")
    verdicts = sum(getattr(each.facts, "verdict", None) is not None for each in records)
    return Replayed(work_id, len(weighings), verdicts, tuple(found))


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
