"""The sweep after a recall: which preparations used a lot, for whom, and where those doses are now."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.workflow import State
from app.custody.models import CustodyEvent
from app.labels.models import Label
from compounding.models import StepRecord
from compounding.queries import opened

_WHERE = {
    State.QUEUED: "not started",
    State.MAKING: "under the hood",
    State.PAUSED: "paused at the hood",
    State.MADE: "waits for its check",
    State.RELEASED: "released, not yet received",
    State.REFUSED: "refused and discarded",
    State.DROPPED: "rejected at the hood",
}
_GONE = frozenset({State.REFUSED, State.DROPPED})
_SAFE = frozenset({"returned", "taken out", "damaged"})


@dataclass(frozen=True)
class UsedIn:
    """A preparation that used a lot: what, for whom, its label, where it is, and whether to look for it."""

    work_id: int
    title: str
    patient: str
    mrn: str
    zone: str
    serial: str | None
    where: str
    since: datetime | None
    find_it: bool


def used_in(session: Session, lot_ids: Iterable[int]) -> tuple[UsedIn, ...]:
    """List the preparations for which a container of these lots was scanned, the newest first (FT41)."""
    query = (
        select(StepRecord.work_id)
        .where(StepRecord.lot_id.in_(set(lot_ids)), StepRecord.kind == "scanned")
        .distinct()
        .order_by(StepRecord.work_id.desc())
    )
    return tuple(_used(session, work_id) for work_id in session.scalars(query).all())


def _used(session: Session, work_id: int) -> UsedIn:
    at = opened(session, work_id)
    label = session.scalar(select(Label).where(Label.work_id == work_id).order_by(Label.copy_number.desc()).limit(1))
    last = None
    if label is not None:
        last = session.scalar(
            select(CustodyEvent).where(CustodyEvent.serial == label.serial).order_by(CustodyEvent.id.desc()).limit(1)
        )
    where = f"{last.kind}: {last.place}" if last else _WHERE[at.state]
    return UsedIn(
        work_id=work_id,
        title=at.order.title,
        patient=at.order.patient.name,
        mrn=at.order.patient.mrn,
        zone=at.order.zone,
        serial=label.serial if label else None,
        where=where,
        since=last.at if last else None,
        find_it=at.state not in _GONE and (last is None or last.kind not in _SAFE),
    )
