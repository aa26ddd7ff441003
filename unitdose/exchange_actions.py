"""The exchange on a ward: the new cart's window closes, and the old drawers go back as one return lot."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import update

from app.audit.actions import record
from app.core.errors import Missing, Refused
from app.core.permissions import May
from app.custody.actions import lock_labels, note_all
from app.custody.models import ReturnLot, ReturnLotLabel
from app.custody.tote_actions import DELIVERIES
from app.custody.whereabouts import What
from app.db.session import Tx
from app.stations.models import Unit
from unitdose.delivery_queries import exchange_on
from unitdose.parcel import DrawerParcel
from unitdose.run_actions import close_fill


@dataclass(frozen=True)
class Exchanged:
    """What an exchange did: the return lot (None: nothing was there to take back), how many drawers are in it."""

    return_lot_id: int | None
    drawers: int
    closed: tuple[int, ...]


def exchange(tx: Tx, unit_id: int, place: str) -> Exchanged:
    """Exchange the cart on a ward: what came is the plan from now on, what is old goes back as one return lot.

    Asked twice it is done once: the second time nothing old is there. Raises Refused when nothing has come and nothing
    is to go back.
    """
    tx.who.require(May.DELIVER)
    found = exchange_on(tx.session, unit_id, tx.now)
    if not found.came and not found.old:
        raise Refused("No cart has come here yet. Scan the tote and the place of this ward first.")
    closed = []
    for fill_id in found.complete:
        close_fill(tx, fill_id)
        closed.append(fill_id)
    lot = _take_back(tx, unit_id, found.old, place) if found.old else None
    tx.tell(DELIVERIES)
    return Exchanged(lot, len(found.old), tuple(closed))


def _take_back(tx: Tx, unit_id: int, old: Sequence[DrawerParcel], place: str) -> int:
    assert tx.who.person_id is not None
    serials = sorted(each.serials[-1] for each in old)
    lock_labels(tx, serials)
    lot = ReturnLot(unit_id=unit_id, taken_at=tx.now, taken_by=tx.who.person_id)
    tx.session.add(lot)
    tx.session.flush()
    tx.session.add_all(ReturnLotLabel(serial=serial, return_lot_id=lot.id) for serial in serials)
    tx.session.flush()
    here = tx.session.get_one(Unit, unit_id).name
    # What is due after this instant stays with the nurse; the fold of a line's history knows it by its time.
    note_all(tx, serials, What.RETURNED, here, unit_id=unit_id, words="at the exchange")
    record(tx, "taken back", f"return lot {lot.id}", {"unit_id": unit_id, "labels": serials, "place": place})
    return lot.id


def came_back(tx: Tx, return_lot_id: int) -> None:
    """Note that a return lot is in the pharmacy; noted twice it came once. Raises Missing."""
    tx.who.require(May.DELIVER)
    lot = tx.session.get(ReturnLot, return_lot_id)
    if lot is None:
        raise Missing("This return lot does not exist.")
    waiting = update(ReturnLot).where(ReturnLot.id == return_lot_id, ReturnLot.came_at.is_(None))
    if tx.session.execute(waiting.values(came_at=tx.now, came_by=tx.who.person_id)).rowcount:  # type: ignore[attr-defined]
        record(tx, "came back", f"return lot {return_lot_id}", {})
        tx.tell(DELIVERIES)
