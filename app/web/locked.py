"""What a locked desk tells whoever passes it: deliveries that nobody accepts, doses not found; no patient in it."""

from dataclasses import replace

from app.web.session import Visitor
from unitdose.arrival_queries import Alerts, alerts


def told_while_locked(visit: Visitor) -> Alerts | None:
    """The alerts of a desk that is locked, without those that name a patient; None anywhere else."""
    if visit.who is not None or not visit.locked or visit.station.kind != "desk":
        return None
    with visit.parts.db.read() as session:
        return replace(alerts(session, visit.parts.clock()), as_before=())
