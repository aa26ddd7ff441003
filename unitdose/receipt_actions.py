"""A nurse's word about delivered drawers: accepted, rejected, sent on with the patient, taken in with the patient."""

from collections.abc import Collection

from sqlalchemy import select

from app.audit.actions import record
from app.core.errors import Missing, Refused
from app.core.permissions import May
from app.core.workflow import State, in_words
from app.custody import tote_actions as totes
from app.custody.actions import lock_labels, note_all
from app.custody.whereabouts import MAY_FOLLOW, Stage, What, refuse_unless_it_can_follow
from app.db.session import Tx
from app.labels.models import Label
from app.work.models import WorkItem
from unitdose.container_actions import gone
from unitdose.delivery_actions import close
from unitdose.delivery_queries import drawer_parcels, lies
from unitdose.models import Drawer, Fill, FillLine, Put
from unitdose.parcel import DrawerParcel, Lies
from unitdose.queries import live
from unitdose.run_actions import close_fill
from unitdose.ward_models import DrawerReceipt

REASONS = (
    "Not for a patient here", "A package is missing", "A package too many", "Damaged", "Label not readable", "other",
)  # fmt: skip
"""Why a nurse rejects a drawer."""


def look(tx: Tx, serial: str, place: str) -> int | None:
    """Note that a drawer's label was scanned, by anyone who is signed in; the drawer, None for any other label."""
    work_id = tx.session.scalar(
        select(Drawer.work_id).join(Label, Label.work_id == Drawer.work_id).where(Label.serial == serial)
    )
    if work_id is not None:
        lock_labels(tx, (serial,))
        note_all(tx, (serial,), What.SCANNED, place)
        record(tx, "scanned", f"label {serial}", {"place": place, "drawer": work_id})
    return work_id


def accept(tx: Tx, work_id: int, place: str) -> None:
    """Accept a drawer for its patient; accepted twice it is accepted once.

    No package of it needs a scan. Raises Refused: not checked, withdrawn, rejected before, gone back; and Missing.
    """
    _, left = accept_all(tx, [work_id], place)
    if left:
        raise Refused(left[work_id])


def accept_all(tx: Tx, work_ids: Collection[int], place: str) -> tuple[list[int], dict[int, str]]:
    """Accept drawers in one act; returns those that were accepted now, and of each that was not why.

    What was accepted before is in neither. Raises Missing.
    """
    drawers = _held_drawers(tx, work_ids)
    query = select(DrawerReceipt).where(DrawerReceipt.work_id.in_(list(work_ids)))
    said = {each.work_id: each for each in tx.session.scalars(query)}
    new, left = [], {}
    for drawer in drawers:
        receipt = said.get(drawer.work_id)
        if receipt is not None and receipt.accepted:
            continue
        if why := _why_not_accepted(drawer, receipt):
            left[drawer.work_id] = why
        else:
            new.append(drawer)
    _receipts(tx, new, What.RECEIVED, place, None)
    return [each.work_id for each in new], left


def reject(tx: Tx, work_id: int, reason: str, place: str) -> None:
    """Reject a drawer with a reason: nothing of it is given, all of it goes back. Raises Refused and Missing."""
    if not reason.strip():
        raise Refused("Choose why the drawer is rejected: the pharmacy must know what to do about it.")
    (drawer,) = _held_drawers(tx, [work_id])
    said = tx.session.get(DrawerReceipt, work_id)
    if said is not None and not said.accepted:
        return
    if said is not None:
        raise Refused("This drawer was accepted. Take out what is wrong, or tell of the dose that is not here.")
    if why := _why_not_accepted(drawer, None):
        raise Refused(why)
    _receipts(tx, [drawer], What.REJECTED, place, reason.strip())


def _held_drawers(tx: Tx, work_ids: Collection[int]) -> tuple[DrawerParcel, ...]:
    """Drawers whose check, packages and receipt nobody else changes until the commit. Raises Missing."""
    tx.who.require(May.RECEIVE_DOSE)
    works = select(WorkItem).where(WorkItem.id.in_(list(work_ids))).order_by(WorkItem.id).with_for_update()
    tx.session.scalars(works.execution_options(populate_existing=True)).all()
    drawers = drawer_parcels(tx.session, Drawer.work_id.in_(list(work_ids)))
    if len(drawers) != len(set(work_ids)):
        raise Missing("This drawer does not exist, or has no label.")
    return drawers


def _why_not_accepted(drawer: DrawerParcel, said: DrawerReceipt | None) -> str | None:
    if said is not None:
        return f"This drawer was rejected: {said.reason}. It goes back to the pharmacy."
    if drawer.state is State.REFUSED:
        return "Do not give. A pharmacist withdrew this drawer. Send it back as it is."
    if drawer.state is not State.RELEASED:
        told = in_words(drawer.state)
        return f"Not checked. Do not give. This drawer is {told}. Send it back to the pharmacy as it is."
    if drawer.old_label:
        words = drawer.old_label.words(drawer.zone)
        return f"{words[:1].upper()}{words[1:]}. Ask the pharmacy for a new label, then accept the drawer."
    if not can(drawer, What.RECEIVED):
        return f"This drawer is {drawer.where.words}: it can not be received now. Reload the page."
    return None


def _receipts(tx: Tx, drawers: Collection[DrawerParcel], what: What, place: str, reason: str | None) -> None:
    if not drawers:
        return
    assert tx.who.person_id is not None
    close(tx, Put.work_id.in_([each.work_id for each in drawers]))
    serials = {each.work_id: each.serials[-1] for each in drawers}
    lock_labels(tx, list(serials.values()))
    accepted = what is What.RECEIVED
    here = lies(tx.session, {each.patient_id for each in drawers})
    on: dict[int | None, list[str]] = {}
    for drawer in drawers:
        tx.session.add(
            DrawerReceipt(
                work_id=drawer.work_id, accepted=accepted, reason=reason, person_id=tx.who.person_id, at=tx.now
            )
        )
        lying = here.get(drawer.patient_id)
        unit_id = drawer.where.unit_id or (lying.unit_id if lying else None)
        on.setdefault(unit_id, []).append(serials[drawer.work_id])
        facts = {"place": place, "reason": reason}
        record(tx, "accepted" if accepted else "rejected", f"drawer {drawer.work_id}", facts)
    tx.session.flush()
    if not accepted:
        inside = select(Put.line_id).where(Put.work_id.in_([each.work_id for each in drawers]))
        gone(tx, set(tx.session.scalars(inside)))
    for unit_id, mine in on.items():
        note_all(tx, mine, what, place, unit_id=unit_id, words=reason)
    tx.tell(totes.DELIVERIES)
    for fill_id in sorted({each.fill_id for each in drawers}):
        _close_first_doses(tx, fill_id)


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
    (drawer,) = _held_drawers(tx, [work_id])
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
    (drawer,) = _held_drawers(tx, [work_id])
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
