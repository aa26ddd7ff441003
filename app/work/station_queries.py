"""Where work is under way."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.workflow import State
from app.work.models import WorkItem


def under_way_at(session: Session, station_id: int) -> bool:
    """Tell whether something is being made at a station now; what is paused may go on anywhere and does not count."""
    query = select(WorkItem.id).where(WorkItem.station_id == station_id, WorkItem.state == State.MAKING)
    return session.scalar(query.limit(1)) is not None
