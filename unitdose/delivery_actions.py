"""Custody of what a cart brings: packed, delivered, accepted or rejected, moved with its patient, taken back.

Custody closes by whichever comes first, and every package then moves once in the ledger from its cart to its patient:
the courier's scan of the ward's place, a nurse's word about the drawer, or the bedside record of one dose.
"""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import ColumnElement, select

from app.audit.actions import record
from app.core.errors import Refused
from app.core.permissions import May
from app.core.workflow import State
from app.custody import actions as custody
from app.custody import tote_actions as totes
from app.custody.actions import lock_labels, note_all
from app.custody.fact_queries import parcels
from app.custody.models import ToteTrip
from app.custody.parcel import why_not_to_be_packed
from app.custody.tote_actions import Came, Stopped
from app.custody.whereabouts import Stage, What, refuse_unless_it_can_follow
from app.db.session import Tx
from app.inventory.carry_actions import Carried, carry_all
from app.inventory.place_actions import place_of_cart, place_of_kind
from app.labels.models import Label
from app.orders.facts import OldLabel, PatientFacts
from app.orders.queries import patients_facts
from app.work.models import WorkItem
from unitdose.container_actions import came
from unitdose.delivery_queries import (
    DELIVERED,
    drawer_parcels,
    in_drawers,
    lies,
    parcel_labelled,
    struck_inside,
)
from unitdose.models import Drawer, Put
from unitdose.old_label_queries import old_doses_in
from unitdose.parcel import DrawerParcel, Lies

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
    ready = tuple(each for each in ready if each.where.stage is Stage.RELEASED)
    to = _goes_to(tx, ready)
    serials = [each.serial for each in ready if each.serial and to.get(each.work_id) == unit_id]
    if not serials:
        raise Refused("No checked drawer of this cart waits for this ward.")
    totes.pack_all(tx, tote, serials, unit_id, place)
    return len(serials)


def hand_over(tx: Tx, serial: str, place: str) -> None:
    """Note that the pharmacy gave a drawer or a bag out of its hands without a tote. Raises Refused and Missing.

    Handed over twice it is handed over once.
    """
    drawer = parcel_labelled(tx.session, serial)
    if drawer is None:
        custody.hand_over(tx, serial, place)
        return
    tx.who.require(May.DELIVER)
    to = _may_leave(tx, drawer)
    lock_labels(tx, (serial,))
    if drawer.where.stage is Stage.ON_ITS_WAY:
        return
    if why := why_not_to_be_packed(parcels(tx.session, (serial,))[serial]):
        raise Refused(why)
    refuse_unless_it_can_follow(What.HANDED_OVER, drawer.where)
    note_all(tx, (serial,), What.HANDED_OVER, place, words=f"for {to.place}")
    record(tx, What.HANDED_OVER, f"label {serial}", {"place": place, "to": to.place})
    tx.tell(totes.DELIVERIES)


def _may_leave(tx: Tx, drawer: DrawerParcel) -> Lies:
    seen = _Seen.of(tx, (drawer,))
    if why := _why_it_stays(tx, drawer, seen):
        raise Refused(why)
    return seen.here[drawer.patient_id]


def _goes_to(tx: Tx, drawers: Collection[DrawerParcel]) -> dict[int, int]:
    """By drawer that may leave: the ward to which it goes."""
    seen = _Seen.of(tx, drawers)
    return {
        each.work_id: seen.here[each.patient_id].unit_id for each in drawers if _why_it_stays(tx, each, seen) is None
    }


@dataclass(frozen=True, slots=True)
class _Seen:
    """What decides about drawers that are to leave: patients, where these lie, what is struck, doses' old labels."""

    patients: dict[int, PatientFacts]
    here: dict[int, Lies]
    old: dict[int, OldLabel]
    struck: dict[int, int]

    @classmethod
    def of(cls, tx: Tx, drawers: Collection[DrawerParcel]) -> "_Seen":
        patients = {each.patient_id for each in drawers}
        works = [each.work_id for each in drawers]
        return cls(
            patients_facts(tx.session, patients),
            lies(tx.session, patients),
            old_doses_in(tx.session, works),
            struck_inside(tx.session, works),
        )


def _why_it_stays(tx: Tx, drawer: DrawerParcel, seen: _Seen) -> str | None:
    """Why a checked drawer must not leave for where its patient lies now, and what to do; None when it may."""
    patient, here = seen.patients[drawer.patient_id], seen.here.get(drawer.patient_id)
    if here is None:
        return f"{patient.name} has left the hospital. Keep the drawer: its packages go back to their bins."
    if drawer.state is not State.RELEASED:
        return None  # The tote says so in its own words, for bags and drawers alike.
    if old := drawer.old_label or seen.old.get(drawer.work_id):
        said = old.words(here.zone)
        return f"{said[:1].upper()}{said[1:]}. Keep the drawer: it is labelled and checked anew."
    if count := seen.struck.get(drawer.work_id, 0):
        packages = "1 package" if count == 1 else f"{count} packages"
        return f"Take {packages} out first: the plan has changed since this drawer was checked. See the pull list."
    return None


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


def close(tx: Tx, which: ColumnElement[bool]) -> None:
    """Close the custody of packages that lie in drawers: each moves once from its cart to its patient.

    `which` is a condition on `Put`. Called by every act that closes it. A container of many doses stands opened on the
    ward from then on.
    """
    inside = in_drawers(tx.session, which)
    carts = {code: place_of_cart(tx, code) for code in sorted({each.cart for each in inside})}
    patient = place_of_kind(tx, "patient")
    moves = [
        Carried(f"put {each.put_id}{DELIVERED}", each.lot_id, carts[each.cart], patient, f"line {each.line_id}")
        for each in inside
    ]
    moved = carry_all(tx, moves)
    came(tx, {each.line_id for each in inside if f"put {each.put_id}{DELIVERED}" in moved})


def close_lines(tx: Tx, line_ids: Collection[int]) -> None:
    """Close the custody of single lines: their bedside record came before any scan of their drawer."""
    close(tx, Put.line_id.in_(list(line_ids)))
