"""The way of a technician who picks by drug: from bin to bin, and what to do where a bin is short.

Two technicians share a fill: a package's bin belongs to whoever stands at it. Source: unit-dose reference §2.9.
"""

from decimal import Decimal

from sqlalchemy.exc import IntegrityError

from app.core.errors import Missing, Refused
from app.core.permissions import May
from app.db.session import Tx
from app.inventory.actions import count
from unitdose.models import Short, Stop
from unitdose.pick_queries import At, at_stops, stop_at, way_through, where_am_i
from unitdose.picking import PickStop, far_end, next_stop
from unitdose.plan_actions import missed

SHORT_REASONS = ("empty bin", "not enough in the bin", "expired in the bin", "damaged", "cannot be scanned", "other")


def start(tx: Tx, fill_id: int) -> PickStop | None:
    """Begin, or go on, picking a fill: the next stop is this technician's; None when nobody is needed any more."""
    tx.who.require(May.PICK)
    mine = where_am_i(tx.session, tx.who.person_id)
    if mine is not None and mine.fill_id == fill_id:
        here = stop_at(tx.session, fill_id, mine.key)
        if here is not None:
            return here
    if mine is not None:
        _leave(tx, mine)
    return go_on(tx, fill_id, None)


def stop_picking(tx: Tx) -> None:
    """Leave the way; somebody else may go on with it. Raises Refused while a package is in the hand."""
    mine = where_am_i(tx.session, tx.who.person_id)
    if mine is not None:
        _leave(tx, mine)


def _leave(tx: Tx, mine: At) -> None:
    if mine.hand_lot_id is not None:
        raise Refused("A package is in your hand. Put it into its drawer, or back and scan the REJECT card.")
    end_stop(tx, mine.stop_id)


def end_stop(tx: Tx, stop_id: int) -> None:
    """Leave a stop: somebody else may come to it."""
    tx.session.get_one(Stop, stop_id).ended_at = tx.now
    tx.session.flush()


def go_on(tx: Tx, fill_id: int, after: tuple[int, int] | None) -> PickStop | None:
    """Go to the next stop of the way that nobody is at; None when there is none."""
    way = way_through(tx.session, fill_id)
    taken = {each.key for each in at_stops(tx.session, fill_id)}
    stop = next_stop(way, taken, after) if after else far_end(way, taken)
    if stop is not None:
        _claim(tx, fill_id, stop.key)
    return stop


def _claim(tx: Tx, fill_id: int, key: tuple[int, int]) -> None:
    assert tx.who.person_id is not None
    tx.session.add(
        Stop(fill_id=fill_id, package_id=key[0], place_id=key[1], person_id=tx.who.person_id, began_at=tx.now)
    )
    try:
        tx.session.flush()
    except IntegrityError:
        raise Refused("Somebody else has just gone to this bin. Go on with the next one.") from None
    tx.tell(f"fill:{fill_id}")


def short(tx: Tx, reason: str) -> None:
    """Say that this bin has no more of what is wanted; the plan looks elsewhere, and what is nowhere is short.

    Raises Refused without a reason, or while a package is in the hand.
    """
    tx.who.require(May.PICK)
    if reason not in SHORT_REASONS:
        raise Refused("Choose why the bin is short: the pharmacy must know what to do about it.")
    mine = where_am_i(tx.session, tx.who.person_id)
    if mine is None:
        raise Missing("You are not picking now. Choose a cart and start.")
    if mine.hand_lot_id is not None:
        raise Refused("A package is in your hand. Put it into its drawer first.")
    stop = stop_at(tx.session, mine.fill_id, mine.key)
    if stop is not None:
        assert tx.who.person_id is not None
        for each in stop.puts:
            tx.session.add(
                Short(
                    line_id=each.line_id,
                    place_id=stop.spot.place_id,
                    quantity=each.quantity,
                    reason=reason,
                    person_id=tx.who.person_id,
                    at=tx.now,
                )
            )
        tx.session.flush()
        if reason == "empty bin":
            # Whoever says so has counted; nobody else is sent there.
            for lot_id, _ in stop.lots:
                count(tx, stop.spot.place_id, lot_id, Decimal(0))
        missing = {each.line_id: each.quantity for each in stop.puts}
        missed(tx, mine.fill_id, missing, stop.spot.place_id, f"{stop.spot.shown}: {reason}")
    end_stop(tx, mine.stop_id)
    go_on(tx, mine.fill_id, mine.key)
