"""What a nurse does with single doses of delivered drawers: takes out what must not be given any more."""

from collections.abc import Collection
from decimal import Decimal

from sqlalchemy import func, select

from app.audit.actions import record
from app.core.errors import Refused
from app.core.permissions import May
from app.db.session import Tx
from unitdose.happened import Happened
from unitdose.history_queries import line_histories
from unitdose.line_event_actions import by_lot, held_line, note_line
from unitdose.models import FillLine
from unitdose.ward_models import LineEvent


def take_out(tx: Tx, line_ids: Collection[int], place: str) -> Decimal:
    """Note that everything of some lines was taken out of its drawer, to go back; returns how many packages.

    Taken out twice it is taken out once. Raises Refused for a dose that is still to be given, and Missing.
    """
    tx.who.require(May.RECEIVE_DOSE)
    for line_id in sorted(line_ids):
        held_line(tx, line_id)
    taken = Decimal(0)
    for line in line_histories(tx.session, FillLine.id.in_(list(line_ids))):
        if line.why_out is None:
            raise Refused("This dose is to be given as planned. It stays in the drawer.")
        if line.in_drawer <= 0:
            continue
        lots = by_lot(tx, line.line_id, line.in_drawer)
        before = tx.session.scalar(select(func.count(LineEvent.id)).where(LineEvent.line_id == line.line_id))
        note_line(tx, line.line_id, Happened.TAKEN_OUT, lots, f"line {line.line_id} out {before}", place)
        packages = sum(lots.values(), Decimal(0))
        facts = {"place": place, "packages": packages, "why": line.why_out}
        record(tx, "taken out", f"line {line.line_id}", facts)
        taken += packages
    return taken
