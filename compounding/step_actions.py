"""What every step at the hood shares: opening a preparation for a step, recording it, and the label at the end."""

import secrets
from dataclasses import replace

from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from app.audit.actions import record
from app.core.canonical import sha256
from app.core.errors import Refused
from app.core.permissions import May
from app.core.workflow import Side, State
from app.db.base import table
from app.db.session import Tx
from app.labels import actions as labels
from app.labels.house import House
from app.orders.actions import lock_head
from app.orders.queries import order_of_dose, why_not_current
from app.stations.models import Station, Weighing
from app.work import actions as work
from compounding.labelling import dispense_label
from compounding.models import StepRecord
from compounding.opened import Opened
from compounding.procedure import Label, Pair, Shot
from compounding.queries import opened
from compounding.recipe import Inspect, Scan, Weigh
from compounding.records import Facts, Labelled, Stopped, kind_of, to_text

_RECORD = insert(table(StepRecord))


def hood_of(tx: Tx) -> Station:
    station = tx.session.get(Station, tx.who.station_id) if tx.who.station_id else None
    if station is None or station.kind != "hood":
        raise Refused("Doses are made at a hood. Sign in at a hood's tablet.")
    return station


def open_held(tx: Tx, work_id: int) -> Opened:
    """Open a preparation that nobody else changes until the commit, nor its order. Raises Missing.

    The work item is held before the order's head, always in that order, and both are read afterwards. SQLite's one
    writer holds everything already.
    """
    if not tx.alone:
        dose_id = work.hold(tx, work_id).dose_id
        assert dose_id is not None, "a preparation serves a dose"
        lock_head(tx.session, order_of_dose(tx.session, dose_id))
    return opened(tx.session, work_id)


def open_for_step(tx: Tx, work_id: int) -> Opened:
    """Open a preparation for a step: being made, by this person, at this hood, of an order that is still current."""
    tx.who.require(May.PREPARE)
    at = open_held(tx, work_id)
    if at.state is not State.MAKING:
        raise Refused("This preparation is not being made now. Go to the worklist.")
    if at.item.holder_id != tx.who.person_id:
        raise Refused("Somebody else makes this dose now. To go on with it, scan its tray at the worklist.")
    if at.item.station_id != tx.who.station_id:
        raise Refused("This dose is under another hood. Go on there, or pause it there first.")
    if why := why_not_current(tx.session, at.order):
        raise Refused(f"Stop: {why}. Do not go on. Reject this preparation and put what is in the tray aside.")
    return at


def add_record(
    tx: Tx,
    at: Opened,
    step: str,
    facts: Facts,
    *,
    weighing: Weighing | None = None,
    photo_id: int | None = None,
    lot_id: int | None = None,
    side: Side = Side.PREPARES,
) -> None:
    """Add one record to a preparation, with its entry in the trail."""
    assert tx.who.person_id is not None
    work.take_part(tx, at.item.id, side)
    last = max((r.number for r in at.records), default=0)
    kind, text = kind_of(facts), to_text(facts)
    row = {
        "work_id": at.item.id,
        "number": last + 1,
        "step": step,
        "kind": kind,
        "facts": text,
        "person_id": tx.who.person_id,
        "side": side,
        "weighing_id": weighing.id if weighing else None,
        "photo_id": photo_id,
        "lot_id": lot_id,
        "at": tx.now,
    }
    try:
        tx.session.execute(_RECORD, row)
    except IntegrityError:
        raise Refused("Somebody was faster: this preparation has just changed. Look at the screen again.") from None
    told: dict[str, object] = {"step": step, "what": text, "photo": photo_id, "lot": lot_id}
    told |= {"weighing": weighing.id, "window": sha256(weighing.window)} if weighing else {"weighing": None}
    record(tx, f"step {kind}", f"preparation {at.item.id}", told)
    tx.tell(f"work:{at.item.id}")


def add_stop(tx: Tx, at: Opened, what: str, scanned: str, wanted: str, remedy: str) -> None:
    step = at.where.current.key if at.where.current else "sign"
    add_record(tx, at, step, Stopped(what, scanned, wanted, remedy))


def wanted(at: Opened) -> str:
    match at.where.current:
        case Scan(slot=slot):
            return at.sheet.labels[slot]
        case Weigh(object=thing):
            return f"the {thing} on the pan"
        case Inspect():
            return "YES, after the inspection"
        case Pair():
            return "this dose's label and its tray"
        case Shot():
            return "a photo of the labelled bag"
        case _:
            return "your signature"


def go_on(tx: Tx, work_id: int, house: House) -> None:
    """After a step: when all is verified, make the label."""
    at = opened(tx.session, work_id)
    if isinstance(at.where.current, Label):
        make_label(tx, at, house, "made again after a step was done again" if _had_label(at) else None)


def _had_label(at: Opened) -> bool:
    return any(isinstance(r.facts, Labelled) for r in at.records)


def make_label(tx: Tx, at: Opened, house: House, reason: str | None) -> None:
    hood = hood_of(tx)
    if not hood.printer_url:
        raise Refused(f"{hood.name} has no label printer. Ask for one to be set up, then do this step again.")
    label, beyond_use, clocks = dispense_label(
        at,
        hospital=house.name,
        bedside=house.bedside,
        test=house.test,
        prepared_by=tx.who.name,
        now=tx.now,
        random=secrets.token_bytes(16),
    )
    before = [r for r in at.records if isinstance(r.facts, Labelled)]
    if before:
        last = before[-1].facts
        assert isinstance(last, Labelled)
        label = replace(label, copy_of=last.serial, reprint=len(before))
    labels.make(tx, at.item.id, label, beyond_use, hood.printer_url, reason)
    add_record(tx, at, "label", Labelled(label.serial))
    record(tx, "beyond-use date set", f"preparation {at.item.id}", {"beyond_use": beyond_use, **clocks})
