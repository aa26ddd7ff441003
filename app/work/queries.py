"""Reading pieces of work."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.workflow import Actor, Side
from app.db.session import Who
from app.work.models import WorkItem, WorkPart


def actor_for(session: Session, who: Who, work_id: int) -> Actor:
    """How a person stands to a piece of work: their roles, their side, whether they hold it."""
    side = session.scalar(select(WorkPart.side).where(WorkPart.work_id == work_id, WorkPart.person_id == who.person_id))
    holder = session.scalar(select(WorkItem.holder_id).where(WorkItem.id == work_id))
    return Actor(who.roles, Side(side) if side else None, holder is not None and holder == who.person_id)
