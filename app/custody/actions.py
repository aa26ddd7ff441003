"""Noting where a labelled dose went. A dose that may not be given refuses to be received."""

from collections.abc import Collection, Sequence

from sqlalchemy import insert, select

from app.audit.actions import record
from app.core.errors import Missing, Refused
from app.core.permissions import May, allowed
from app.custody import queries
from app.custody.bag import Answer, Bag, Kind, answer, elsewhere, just_received
from app.custody.beds import LASTS, Bed, Beds
from app.custody.models import CustodyEvent, Shift, ShiftBed
from app.custody.whereabouts import Stage, What, refuse_unless_it_can_follow
from app.db.session import Tx, Who
from app.labels.models import Label
from app.orders.actions import lock_head
from app.stations.models import Unit
from app.work.models import WorkItem

WARD_NOTES = (What.NOT_HERE, What.FOUND, What.TAKEN_OUT, What.RETURNED, What.DAMAGED)
PHARMACY_NOTES = (What.FOUND, What.RETURNED, What.DAMAGED)


def pick_beds(tx: Tx, beds: Collection[Bed]) -> Shift:
    """Take on beds for the next twelve hours; what was picked before no longer counts. Raises Refused."""
    tx.who.require(May.RECEIVE_DOSE)
    if not beds:
        raise Refused("No bed was picked. Pick the beds that are yours this shift.")
    assert tx.who.person_id is not None
    shift = Shift(person_id=tx.who.person_id, station_id=tx.who.station_id, picked_at=tx.now, ends_at=tx.now + LASTS)
    tx.session.add(shift)
    tx.session.flush()
    tx.session.add_all(ShiftBed(shift_id=shift.id, unit=each.unit, bed=each.bed) for each in set(beds))
    tx.session.flush()
    words = Beds(frozenset(beds), shift.ends_at).words
    record(tx, "beds picked", f"shift {shift.id}", {"beds": words, "until": shift.ends_at})
    return shift


def look(tx: Tx, serial: str, place: str) -> Bag:
    """Note that a label was scanned, by anyone who is signed in, and tell how its bag stands. Raises Missing."""
    found = locked_bag(tx, serial)
    _note(tx, found, What.SCANNED, place, answer(found, tx.now).title)
    return found


def scan_on_ward(tx: Tx, serial: str, place: str, *, for_any_bed: bool = False) -> Answer:
    """Answer a nurse's scan: what may be given to a patient in her beds is received by it, all else says why not.

    Received once, however often it is scanned; every scan is noted. With `for_any_bed` a dose for a patient outside
    her beds is received too. Raises Missing for a label that was not made here, Refused for whoever is no nurse.
    """
    tx.who.require(May.RECEIVE_DOSE)
    found = locked_bag(tx, serial)
    said = answer(found, tx.now)
    if found.where.stage is Stage.MISSING and found.where.received and said.kind is Kind.FREE:
        _note(tx, found, What.FOUND, place)
        return answer(queries.bag(tx.session, serial), tx.now)
    if said.kind is Kind.FREE and not for_any_bed:
        mine = queries.beds_of(tx.session, tx.who.person_id, tx.now)
        if mine is not None and not mine.cover(found.order.unit, found.order.bed):
            said = elsewhere(found)
    if said.kind is not Kind.FREE:
        _note(tx, found, What.SCANNED, place, said.title)
        return said
    refuse_unless_it_can_follow(What.RECEIVED, found.where)
    _note(tx, found, What.RECEIVED, place)
    return just_received(found)


def receive(tx: Tx, serial: str, place: str) -> Answer:
    """Receive a dose for its patient, whoever's beds these are; once received it stays received.

    Raises Refused, in the words of its scan, when it must not be given, and stores nothing then.
    """
    said = scan_on_ward(tx, serial, place, for_any_bed=True)
    if said.kind not in (Kind.RECEIVED, Kind.NOW_RECEIVED):
        raise Refused(" ".join(part for part in (said.title, said.why, said.remedy) if part))
    return said


def hand_over(tx: Tx, serial: str, place: str) -> Answer:
    """Note that the pharmacy gave a released dose out of its hands. Raises Refused when it must not be given."""
    _require_pharmacy(tx.who, "hand doses over to a ward")
    found = locked_bag(tx, serial)
    said = answer(found, tx.now)
    gone = found.where.stage in (Stage.ON_ITS_WAY, Stage.ARRIVED)
    if said.kind is Kind.RECEIVED or (said.kind is Kind.FREE and gone):
        return said
    if said.kind is not Kind.FREE:
        raise Refused(f"{said.title} {said.why} Keep it in the pharmacy.")
    refuse_unless_it_can_follow(What.HANDED_OVER, found.where)
    _note(tx, found, What.HANDED_OVER, place, f"for {found.order.place}")
    return answer(queries.bag(tx.session, serial), tx.now)


def note(tx: Tx, serial: str, what: What, place: str, words: str | None = None) -> None:
    """Note that a dose is not here, was found, taken out, returned or damaged; the same note twice is one.

    A nurse may note all of these, the pharmacy what it can see: found, returned, damaged. Raises Missing, Refused.
    """
    if what not in WARD_NOTES:
        raise Refused("This is noted by scanning the label, not by hand. Scan it.")
    if not allowed(tx.who.roles, May.RECEIVE_DOSE):
        _require_pharmacy(tx.who, "say what became of a dose")
        if what not in PHARMACY_NOTES:
            tx.who.require(May.RECEIVE_DOSE)
    found = locked_bag(tx, serial)
    if found.where.stage is _STANDS_ALREADY.get(what):
        return
    refuse_unless_it_can_follow(what, found.where)
    _note(tx, found, what, place, words)


_STANDS_ALREADY = {
    What.NOT_HERE: Stage.MISSING,
    What.TAKEN_OUT: Stage.TAKEN_OUT,
    What.RETURNED: Stage.RETURNED,
    What.DAMAGED: Stage.DAMAGED,
}


def may_hand_over(who: Who) -> bool:
    """Tell whether somebody works in the pharmacy: whoever brings stock to a hood brings doses to a ward."""
    return allowed(who.roles, May.STAGE)


def _require_pharmacy(who: Who, act: str) -> None:
    if not may_hand_over(who):
        mine = " and ".join(sorted(who.roles)) or "person without a role"
        raise Refused(f"A {mine} may not {act}. This is for the pharmacy: ask a technician or a pharmacist.")


def locked_bag(tx: Tx, serial: str) -> Bag:
    """Read a bag when nothing that decides about it can change any more. Raises Missing.

    The work is locked against a withdrawal, the order's head against a discontinuation, the label against another
    note about it; always in this order, which is also the order in which those acts take them.
    """
    label = tx.session.get(Label, serial)
    if label is None:
        raise Missing(f"No label with the number {serial} was made here. Check the number, or call the pharmacy.")
    work = select(WorkItem).where(WorkItem.id == label.work_id).with_for_update(read=True)
    tx.session.scalar(work.execution_options(populate_existing=True))
    lock_head(tx.session, queries.bag(tx.session, serial).order.order_id)
    lock_labels(tx, (serial,))
    return queries.bag(tx.session, serial)


def lock_labels(tx: Tx, serials: Collection[str]) -> None:
    """Let nobody else note anything about these labels before this act is done. Locked last of all."""
    query = select(Label).where(Label.serial.in_(list(serials))).order_by(Label.serial).with_for_update()
    tx.session.scalars(query.execution_options(populate_existing=True)).all()


def note_all(
    tx: Tx, serials: Sequence[str], what: What, place: str, *, unit_id: int | None = None, words: str | None = None
) -> None:
    """Note the same about several labels, in one act that keeps its own audit record and has locked them."""
    if not serials:
        return
    assert tx.who.person_id is not None
    every = {
        "kind": what,
        "place": place,
        "unit_id": unit_id,
        "person_id": tx.who.person_id,
        "station_id": tx.who.station_id,
        "note": words,
        "at": tx.now,
    }
    tx.session.execute(insert(CustodyEvent), [{"serial": serial, **every} for serial in serials])
    for serial in serials:
        tx.tell(f"label:{serial}")
    if what is not What.SCANNED:
        tx.tell("ward")
        tx.tell("queue")


def unit_named(tx: Tx, code: str) -> int | None:
    """The number of the ward that orders call by a code."""
    return tx.session.scalar(select(Unit.id).where(Unit.code == code))


def _note(tx: Tx, found: Bag, what: What, place: str, words: str | None = None) -> None:
    unit_id = unit_named(tx, found.order.unit) if what in _SEEN_ON_THE_WARD else None
    note_all(tx, (found.serial,), what, place, unit_id=unit_id, words=words)
    record(tx, what, f"label {found.serial}", {"place": place, "note": words, "preparation": found.work_id})


_SEEN_ON_THE_WARD = (What.RECEIVED, What.GIVEN)
