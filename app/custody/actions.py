"""Noting where a labelled dose went. A dose that may not be given refuses to be received."""

from app.audit.actions import record
from app.core.errors import Missing
from app.core.permissions import May
from app.custody.models import CustodyEvent
from app.db.session import Tx
from app.labels.models import Label


def note(tx: Tx, serial: str, kind: str, place: str, words: str | None = None) -> CustodyEvent:
    """Note one dated fact about a label's serial: received, not here, found, taken out, returned, damaged."""
    tx.who.require(May.RECEIVE_DOSE)
    if tx.session.get(Label, serial) is None:
        raise Missing(f"No label with the number {serial} was made here. Check the number, or call the pharmacy.")
    assert tx.who.person_id is not None
    event = CustodyEvent(
        serial=serial,
        kind=kind,
        place=place,
        person_id=tx.who.person_id,
        station_id=tx.who.station_id,
        note=words,
        at=tx.now,
    )
    tx.session.add(event)
    tx.session.flush()
    record(tx, kind, f"label {serial}", {"place": place, "note": words})
    tx.tell("ward")
    tx.tell("queue")
    return event
