"""Signing as prepared, and what a pharmacist does with a preparation: release, send back, refuse, withdraw."""

from datetime import timedelta

from app.audit.actions import record
from app.core.errors import Missing, Refused
from app.core.workflow import Event, Side, State
from app.db import outbox
from app.db.session import Tx
from app.identity.actions import Proven
from app.inventory.actions import use, waste_what_was_used
from app.inventory.queries import booked, recalled_among
from app.labels import actions as labels
from app.orders.queries import why_not_current
from app.work import actions as work
from compounding.hood_actions import go_back
from compounding.labelling import beyond_use_of
from compounding.models import Preparation
from compounding.opened import Opened
from compounding.procedure import label_serial
from compounding.queries import opened, scanned_lots
from compounding.review import shown_sha256
from compounding.step_actions import open_held

CLOCK_STEP = timedelta(seconds=2)
"""How far a time server may move the clock back without anybody being asked (NTP steps are smaller)."""


def finish(tx: Tx, work_id: int, proven: Proven, shown: str | None = None) -> None:
    """Sign a preparation as prepared; only then does it stand in the check queue. Raises Refused with all blockers.

    `shown` is the hash of the record that was on the screen; None where nobody looked at a screen.
    """
    at = open_held(tx, work_id)
    _refuse_stale(at, shown)
    work.move(
        tx,
        work_id,
        Event.FINISH,
        proven=proven,
        shown_sha256=shown_sha256(at),
        blockers=blockers(tx, at),
        facts={"label": label_serial(at.where)},
    )
    _book(tx, at, "patient")


def take_back(tx: Tx, work_id: int, reason: str) -> None:
    """Take a preparation back from the check queue before anybody has checked it."""
    work.move(tx, work_id, Event.TAKE_BACK, reason=reason)


def release(tx: Tx, work_id: int, proven: Proven, shown: str) -> None:
    """Release a preparation with a signature. `shown` is the hash of the record that was on the screen.

    Raises Refused when anything has changed since, the order is no longer current, a lot was recalled, the beyond-use
    date has passed, or the person had any part in making it. Release and discontinuation exclude each other by the
    lock on the order's head row.
    """
    at = open_held(tx, work_id)
    _refuse_stale(at, shown)
    work.move(
        tx,
        work_id,
        Event.RELEASE,
        proven=proven,
        shown_sha256=shown,
        blockers=blockers(tx, at),
        facts={"label": label_serial(at.where)},
    )
    _free_tray(tx, work_id)
    _tell_sender(tx, at)


def send_back(tx: Tx, work_id: int, step_key: str, reason: str) -> None:
    """Send a preparation back to a step that can physically be done again."""
    at = open_held(tx, work_id)
    if at.state is not State.MADE:
        raise Refused("Only what waits for its check can be sent back. Reload the page.")
    work.move(tx, work_id, Event.SEND_BACK, reason=reason, facts={"step": step_key})
    go_back(tx, opened(tx.session, work_id), step_key, reason, Side.CHECKS)


def refuse(tx: Tx, work_id: int, proven: Proven, reason: str, waste: str, shown: str | None = None) -> None:
    """Refuse a preparation: it is wasted, its label is void and its dose is unserved again."""
    _end(tx, work_id, Event.REFUSE, reason, proven, waste, shown)


def withdraw(tx: Tx, work_id: int, proven: Proven, reason: str, waste: str, shown: str | None = None) -> None:
    """Withdraw a released dose: every scan of its label then says 'do not give'."""
    _end(tx, work_id, Event.WITHDRAW, reason, proven, waste, shown)


def drop(tx: Tx, work_id: int, reason: str) -> None:
    """Reject a preparation at the hood: what was scanned is wasted, the tray is free, the dose unserved again."""
    _end(tx, work_id, Event.DROP, reason, None, "")


def _end(
    tx: Tx, work_id: int, event: Event, reason: str, proven: Proven | None, waste: str, shown: str | None = None
) -> None:
    at = open_held(tx, work_id)
    _refuse_stale(at, shown)
    now_shown = shown_sha256(at) if proven else ""
    work.move(tx, work_id, event, reason=reason, proven=proven, shown_sha256=now_shown, facts={"waste": waste})
    labels.void(tx, work_id)
    _free_tray(tx, work_id)
    _book(tx, at, "waste")


def blockers(tx: Tx, at: Opened) -> list[str]:
    """Everything that still stands in the way of signing or releasing, recomputed inside the act."""
    found = list(at.where.blockers)
    if why := why_not_current(tx.session, at.order):
        found.append(why)
    if at.old_label:
        found.append(at.old_label.words(at.order.zone))
    lots = {lot_id for lot_id, _ in scanned_lots(tx.session, at.item.id).values()}
    found += [sentence[:1].lower() + sentence[1:] for sentence in recalled_among(tx.session, lots)]
    if "label" in at.where.done and beyond_use_of(at.sheet, at.where).at <= tx.now:
        found.append("its beyond-use date has passed")
    if any(r.at > tx.now + CLOCK_STEP for r in at.records):
        found.append("the server's clock was set back since, so no time in the record can be trusted")
    return found


def _refuse_stale(at: Opened, shown: str | None) -> None:
    """Nobody signs what they have not seen (21 CFR 11.70): the hash of the screen is that of the record."""
    if shown is not None and shown != shown_sha256(at):
        raise Refused("The record has changed since you opened it. Look at it again, then sign.")


def _free_tray(tx: Tx, work_id: int) -> None:
    preparation = tx.session.get(Preparation, work_id)
    if preparation is None:
        raise Missing("This preparation does not exist.")
    if preparation.tray_free_at is None:
        preparation.tray_free_at = tx.now


def _book(tx: Tx, at: Opened, to: str) -> None:
    """Book the scanned containers out of stock, each once: to the patient when signed, to waste when it ends badly."""
    if at.item.station_id is None:
        return
    # Lots are locked in the order of their numbers, so that two bookings never wait for each other.
    for record_number, (lot_id, serial) in sorted(scanned_lots(tx.session, at.item.id).items(), key=_by_lot):
        key = f"preparation {at.item.id} record {record_number}"
        cause = f"preparation {at.item.id}"
        if to == "waste" and booked(tx.session, key):
            waste_what_was_used(tx, key, cause)
        else:
            use(tx, key, lot_id, serial, at.item.station_id, to, cause=cause)


def _by_lot(scanned: tuple[int, tuple[int, str | None]]) -> tuple[int, int]:
    number, (lot_id, _) = scanned
    return lot_id, number


def _tell_sender(tx: Tx, at: Opened) -> None:
    """Ask for the message that tells the order's sender of this bag (RDS), and for the eMAR to know its label."""
    if at.order.message_id is not None:
        serial = label_serial(at.where) or ""
        outbox.send(tx, "message", f"dispense {serial}", at.order.sender, {"work_id": at.item.id, "serial": serial})
        record(tx, "dispense message asked for", f"preparation {at.item.id}", {"to": at.order.sender})
