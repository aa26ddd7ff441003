"""Custody of what a cart brings: packed, delivered, accepted or rejected, moved with its patient, taken back.

Custody closes by whichever comes first, and every package then moves once in the ledger from its cart to its patient:
the courier's scan of the ward's place, a nurse's word about the drawer, or the bedside record of one dose.
"""

import json
from collections.abc import Collection

from sqlalchemy import ColumnElement, select

from app.audit.actions import record
from app.core.errors import Missing, Refused
from app.core.permissions import May
from app.core.workflow import State, in_words
from app.custody import tote_actions as totes
from app.custody.actions import lock_labels, note_all
from app.custody.models import ToteTrip
from app.custody.tote_actions import Came, Stopped
from app.custody.whereabouts import MAY_FOLLOW, Stage, What, refuse_unless_it_can_follow
from app.db.session import Tx
from app.inventory.carry_actions import Carried, carry_all
from app.inventory.place_actions import place_of_cart, place_of_kind
from app.labels.models import Label
from app.orders.models import Patient
from app.orders.queries import old_number, patient_facts
from app.work.models import WorkItem
from unitdose.delivery_queries import (
    DELIVERED,
    DrawerParcel,
    Lies,
    drawer_parcels,
    in_drawers,
    lies,
    parcel_labelled,
    parcel_of,
    struck_inside,
)
from unitdose.models import Drawer, Fill, FillLine, Put
from unitdose.queries import live
from unitdose.run_actions import close_fill
from unitdose.ward_models import DrawerReceipt

REASONS = (
    "Not for a patient here", "A package is missing", "A package too many", "Damaged", "Label not readable", "other",
)  # fmt: skip
"""Why a nurse rejects a drawer."""


# --- out of the pharmacy --------------------------------------------------------------------------------------------


def load(tx: Tx, tote: str, serial: str, place: str) -> ToteTrip:
    """Pack a drawer or a bag into a tote by its label. Raises Refused in words for what may not leave, and Missing."""
    tx.who.require(May.DELIVER)
    drawer = parcel_labelled(tx.session, serial)
    if drawer is None:
        return totes.pack_bag(tx, tote, serial, place)
    to = _may_leave(tx, drawer)
    return totes.pack(tx, tote, serial, to.unit_id, place)


def load_all(tx: Tx, tote: str, fill_id: int, unit_id: int, place: str) -> int:
    """Pack every released drawer of a cart that is for a ward, as it stands in the cart; returns how many.

    What may not leave stays where it is. Raises Refused when nothing may.
    """
    tx.who.require(May.DELIVER)
    ready = drawer_parcels(tx.session, (Drawer.fill_id == fill_id) & (WorkItem.state == State.RELEASED))
    here = lies(tx.session, {each.patient_id for each in ready})
    packed = 0
    for drawer in ready:
        mine = here.get(drawer.patient_id)
        waits = drawer.serial is not None and drawer.where.stage is Stage.RELEASED
        if waits and mine and mine.unit_id == unit_id and _why_it_stays(tx, drawer, mine) is None:
            totes.pack(tx, tote, drawer.serial or "", unit_id, place)
            packed += 1
    if not packed:
        raise Refused("No checked drawer of this cart waits for this ward.")
    return packed


def _may_leave(tx: Tx, drawer: DrawerParcel) -> Lies:
    here = lies(tx.session, {drawer.patient_id}).get(drawer.patient_id)
    if why := _why_it_stays(tx, drawer, here):
        raise Refused(why)
    assert here is not None
    return here


def _why_it_stays(tx: Tx, drawer: DrawerParcel, here: Lies | None) -> str | None:
    """Why a checked drawer must not leave for where its patient lies now, and what to do; None when it may."""
    patient = patient_facts(tx.session, drawer.patient_id)
    if drawer.state is not State.RELEASED:
        return None  # The tote says so in its own words, for bags and drawers alike.
    if here is None:
        return f"{patient.name} has left the hospital. Keep the drawer: its packages go back to their bins."
    if number := old_number(tx.session, _number_on_label(tx, drawer), patient):
        said = number.words(here.zone)
        return f"{said[:1].upper()}{said[1:]}. Keep the drawer: it is labelled and checked anew."
    if count := struck_inside(tx.session, {drawer.work_id}).get(drawer.work_id, 0):
        packages = "1 package" if count == 1 else f"{count} packages"
        return f"Take {packages} out first: the plan has changed since this drawer was checked. See the pull list."
    return None


def _number_on_label(tx: Tx, drawer: DrawerParcel) -> str:
    """The record number that a drawer's label shows."""
    content = tx.session.scalar(select(Label.content).where(Label.serial == drawer.serial)) or "{}"
    shown = json.loads(content).get("mrn")
    return str(shown) if shown else tx.session.get_one(Patient, drawer.labelled_for_id).mrn


def arrive(tx: Tx, unit_id: int, tote: str | None, place: str) -> Came | Stopped:
    """A courier's scan of a ward's place: what is in the totes for it has come, and its custody closes.

    At another ward it is a hard stop and nothing is delivered. Raises Refused when no tote is on its way at all.
    """
    said = totes.coming(tx, unit_id, tote, place)
    if isinstance(said, Came):
        works = tx.session.scalars(select(Label.work_id).where(Label.serial.in_(said.serials))).all()
        close(tx, Put.work_id.in_(works))
        totes.arrived(tx, said)
    return said


# --- custody closes -------------------------------------------------------------------------------------------------


def close(tx: Tx, which: ColumnElement[bool]) -> int:
    """Close the custody of packages that lie in drawers: each moves once from its cart to its patient.

    `which` is a condition on `Put`; returns how many had not moved before. Called by every act that closes it.
    """
    inside = in_drawers(tx.session, which)
    carts = {code: place_of_cart(tx, code) for code in sorted({each.cart for each in inside})}
    patient = place_of_kind(tx, "patient")
    moves = [
        Carried(f"put {each.put_id}{DELIVERED}", each.lot_id, carts[each.cart], patient, f"line {each.line_id}")
        for each in inside
    ]
    return carry_all(tx, moves)


def close_lines(tx: Tx, line_ids: Collection[int]) -> int:
    """Close the custody of single lines: their bedside record came before any scan of their drawer."""
    return close(tx, Put.line_id.in_(list(line_ids)))


# --- the nurse's word -----------------------------------------------------------------------------------------------


def accept(tx: Tx, work_id: int, place: str) -> None:
    """Accept a drawer for its patient; accepted twice it is accepted once.

    No package of it needs a scan. Raises Refused: not checked, withdrawn, rejected before, gone back; and Missing.
    """
    drawer = _held_drawer(tx, work_id)
    said = tx.session.get(DrawerReceipt, work_id)
    if said is not None and said.accepted:
        return
    _refuse_unless_here(tx, drawer, said)
    refuse_unless_it_can_follow(What.RECEIVED, drawer.where)
    _receipt(tx, drawer, What.RECEIVED, place, None)


def reject(tx: Tx, work_id: int, reason: str, place: str) -> None:
    """Reject a drawer with a reason: nothing of it is given, all of it goes back. Raises Refused and Missing."""
    if not reason.strip():
        raise Refused("Choose why the drawer is rejected: the pharmacy must know what to do about it.")
    drawer = _held_drawer(tx, work_id)
    said = tx.session.get(DrawerReceipt, work_id)
    if said is not None and not said.accepted:
        return
    if said is not None:
        raise Refused("This drawer was accepted. Take out what is wrong, or tell of the dose that is not here.")
    _refuse_unless_here(tx, drawer, None)
    refuse_unless_it_can_follow(What.REJECTED, drawer.where)
    _receipt(tx, drawer, What.REJECTED, place, reason.strip())


def _held_drawer(tx: Tx, work_id: int) -> DrawerParcel:
    """A drawer whose check, packages and label nobody else changes until the commit. Raises Missing."""
    tx.who.require(May.RECEIVE_DOSE)
    work = select(WorkItem).where(WorkItem.id == work_id).with_for_update()
    tx.session.scalar(work.execution_options(populate_existing=True))
    drawer = parcel_of(tx.session, work_id)
    if drawer is None:
        raise Missing("This drawer does not exist, or has no label.")
    return drawer


def _refuse_unless_here(tx: Tx, drawer: DrawerParcel, said: DrawerReceipt | None) -> None:
    if said is not None:
        raise Refused(f"This drawer was rejected: {said.reason}. It goes back to the pharmacy.")
    if drawer.state is State.REFUSED:
        raise Refused("Do not give. A pharmacist withdrew this drawer. Send it back as it is.")
    if drawer.state is not State.RELEASED:
        told = in_words(drawer.state)
        raise Refused(f"Not checked. Do not give. This drawer is {told}. Send it back to the pharmacy as it is.")


def _receipt(tx: Tx, drawer: DrawerParcel, what: What, place: str, reason: str | None) -> None:
    assert tx.who.person_id is not None and drawer.serial is not None
    close(tx, Put.work_id == drawer.work_id)
    lock_labels(tx, (drawer.serial,))
    accepted = what is What.RECEIVED
    tx.session.add(
        DrawerReceipt(work_id=drawer.work_id, accepted=accepted, reason=reason, person_id=tx.who.person_id, at=tx.now)
    )
    tx.session.flush()
    here = lies(tx.session, {drawer.patient_id}).get(drawer.patient_id)
    unit_id = drawer.where.unit_id or (here.unit_id if here else None)
    note_all(tx, (drawer.serial,), what, place, unit_id=unit_id, words=reason)
    record(tx, "accepted" if accepted else "rejected", f"drawer {drawer.work_id}", {"place": place, "reason": reason})
    tx.tell(totes.DELIVERIES)
    _close_first_doses(tx, drawer.fill_id)


def accept_tote(tx: Tx, tote: str, place: str) -> tuple[list[int], list[str]]:
    """Accept every drawer that came in a tote and nobody has decided on; returns them, and why others were left.

    Accepted twice it is accepted once. Raises Refused when the tote has not come here.
    """
    tx.who.require(May.RECEIVE_DOSE)
    query = select(ToteTrip).where(ToteTrip.tote == tote).order_by(ToteTrip.id.desc()).limit(1)
    trip = tx.session.scalar(query)
    if trip is None or trip.left_at is None or trip.ended_as == "brought back":
        raise Refused(f"{tote} has not been sent to a ward. Call the pharmacy before you open it.")
    accepted, left = [], []
    for drawer in drawer_parcels(tx.session, Label.serial.in_(totes.labels_in(tx, trip))):
        if tx.session.get(DrawerReceipt, drawer.work_id) is not None:
            continue
        try:
            accept(tx, drawer.work_id, place)
            accepted.append(drawer.work_id)
        except Refused as why:
            left.append(f"{drawer.called.capitalize()}: {why}")
    return accepted, left


def _close_first_doses(tx: Tx, fill_id: int) -> None:
    """A fill of first doses is closed once every drawer that it still wants was accepted or rejected."""
    if tx.session.get_one(Fill, fill_id).kind != "first dose":
        return
    wanted = select(FillLine.work_id).join(Fill, Fill.id == FillLine.fill_id)
    wanted = wanted.where(FillLine.fill_id == fill_id, live(), FillLine.packages > FillLine.short).distinct()
    decided = {
        each.work_id for each in drawer_parcels(tx.session, Drawer.fill_id == fill_id) if each.where.stage in _DECIDED
    }
    if set(tx.session.scalars(wanted)) <= decided:
        close_fill(tx, fill_id)


_DECIDED = (Stage.RECEIVED, Stage.WITH_PATIENT, Stage.GIVEN, Stage.REJECTED, Stage.RETURNED, Stage.TAKEN_OUT)


# --- with the patient to another ward -------------------------------------------------------------------------------


def send_on(tx: Tx, work_id: int, place: str) -> Lies:
    """Send a drawer on with its patient, by scan, to the ward where the patient lies now; returns where that is.

    Sent twice it is sent once. Raises Refused when the patient has not moved, and Missing.
    """
    drawer = _held_drawer(tx, work_id)
    here = lies(tx.session, {drawer.patient_id}).get(drawer.patient_id)
    if here is None:
        raise Refused("The patient has left the hospital. Send the drawer back to the pharmacy.")
    if drawer.where.stage is Stage.WITH_PATIENT:
        return here
    if here.unit_id == drawer.where.unit_id:
        raise Refused(f"The patient lies here, in {here.place}. The drawer stays.")
    refuse_unless_it_can_follow(What.SENT_ON, drawer.where)
    _moved(tx, drawer, What.SENT_ON, place, drawer.where.unit_id, f"to {here.place}")
    return here


def come_along(tx: Tx, work_id: int, place: str) -> Lies:
    """Take a drawer in that came with its patient, by scan. Raises Refused when it is not for this patient's ward."""
    drawer = _held_drawer(tx, work_id)
    here = lies(tx.session, {drawer.patient_id}).get(drawer.patient_id)
    if here is None:
        raise Refused("The patient has left the hospital. Send the drawer back to the pharmacy.")
    if drawer.where.stage is Stage.RECEIVED and drawer.where.unit_id == here.unit_id:
        return here
    refuse_unless_it_can_follow(What.CAME_ALONG, drawer.where)
    _moved(tx, drawer, What.CAME_ALONG, place, here.unit_id, f"in {here.place}")
    return here


def _moved(tx: Tx, drawer: DrawerParcel, what: What, place: str, unit_id: int | None, words: str) -> None:
    assert drawer.serial is not None
    lock_labels(tx, (drawer.serial,))
    note_all(tx, (drawer.serial,), what, place, unit_id=unit_id, words=words)
    record(tx, what, f"drawer {drawer.work_id}", {"place": place, "words": words})


def can(drawer: DrawerParcel, what: What) -> bool:
    """Whether something may be noted about a drawer as it stands."""
    return drawer.where.stage in MAY_FOLLOW[what]
