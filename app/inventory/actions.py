"""Moving stock: received, staged to a hood, used, counted, recalled. Every quantity is a number of containers.

An act first locks its lot, so that two acts on one lot see each other's movements on PostgreSQL as on SQLite.
"""

import re
import secrets
from datetime import date
from decimal import Decimal

from sqlalchemy import bindparam, or_, select, update

from app.audit.actions import record
from app.core.errors import Invalid, Missing, Refused
from app.core.permissions import May
from app.core.wording import day, number
from app.db.session import Tx
from app.formulary.models import Package
from app.inventory.fefo import LAST_ZONE, expired
from app.inventory.ledger import correction, drawn
from app.inventory.models import Lot, Movement, Place, Staged
from app.inventory.place_actions import insert_unless_there, place_of_kind, place_of_station
from app.inventory.queries import on_hand, recall_of, same_number, shelves_with

# The characters of a GS1 lot (AI 10): printable, no blank, at most 20.
_LOT_NUMBER = re.compile(r"[\x21-\x7e]{1,20}")
STOCK = "stock"
_EXACT = select(Lot).where(
    Lot.package_id == bindparam("package_id"), Lot.number == bindparam("number"), Lot.expiry == bindparam("expiry")
)


def lot_for(tx: Tx, *, package_id: int, number: str, expiry: date) -> Lot:
    """Find the lot of a package with this number and expiry, or make it. Raises Invalid and Missing.

    A new expiry for a number that was recalled is recalled as well.
    """
    written = number.strip()
    if not _LOT_NUMBER.fullmatch(written):
        raise Invalid({"lot": "A lot number has 1 to 20 characters without blanks: read it again from the package."})
    values = {"package_id": package_id, "number": written, "expiry": expiry}
    found = tx.session.scalars(_EXACT, values).one_or_none()
    if found is not None:
        return found
    if tx.session.get(Package, package_id) is None:
        raise Missing("The pharmacy does not use this container. Choose another one.")
    insert_unless_there(tx, Lot, {**values, "first_seen_at": tx.now})
    made = tx.session.scalars(_EXACT, values).one()
    reason = recall_of(tx.session, made)
    if reason is not None and made.recalled_at is None:
        made.recalled_at, made.recall_reason = tx.now, reason
        tx.session.flush()
    return made


def receive(tx: Tx, lot_id: int, quantity: Decimal, to_place_id: int | None = None, *, key: str | None = None) -> bool:
    """Take a delivery onto a shelf (the stock room unless another is named); a key books it once.

    Returns False when that key was booked before. Raises Refused, Missing and Invalid.
    """
    tx.who.require(May.RECEIVE_STOCK)
    lot = _locked(tx, lot_id)
    _refuse_recalled(tx, lot)
    target = to_place_id or place_of_kind(tx, "shelf")
    source = place_of_kind(tx, "supplier")
    if not _book(tx, key or _fresh("received"), lot, source, target, quantity, "received"):
        return False
    record(tx, "received", f"lot {lot.id}", {**_facts(lot), "quantity": quantity, "place_id": target})
    tx.tell(STOCK)
    return True


def move(
    tx: Tx, lot_id: int, from_place_id: int, to_place_id: int, quantity: Decimal, cause: str, *, key: str | None = None
) -> bool:
    """Carry containers from one place to another, never more than the books say are there; a key books it once.

    Returns False when that key was booked before. Raises Refused, Missing and Invalid.
    """
    tx.who.require(May.RECEIVE_STOCK)
    lot = _locked(tx, lot_id)
    if key is not None and _same_booking(tx, key, lot, None, to_place_id):
        return False
    there = on_hand(tx.session, lot_id, from_place_id)
    if there < quantity:
        raise Refused(f"The books say that {number(there)} of lot {lot.number} are there. Count the place first.")
    _book(tx, key or _fresh("moved"), lot, from_place_id, to_place_id, quantity, cause)
    facts = {**_facts(lot), "quantity": quantity, "from": from_place_id, "to": to_place_id, "cause": cause}
    record(tx, "moved", f"lot {lot.id}", facts)
    tx.tell(STOCK)
    return True


def stage(tx: Tx, station_id: int, *, package_id: int, number: str, expiry: date, quantity: Decimal) -> int:
    """Bring a carton whose code carries no lot or expiry to a hood, and return the staging's number.

    `package_id` is the container in the carton, in its size; `number` and `expiry` are read from the carton. The
    containers come from the shelves that hold the lot; what no shelf has was never received and comes from
    'unaccounted'. A second carton of the same lot adds to the first.

    Raises Refused (recalled, expired, no hood), Missing, Invalid.
    """
    tx.who.require(May.STAGE)
    if tx.who.person_id is None:
        raise Refused("A carton is staged by a person who has read its lot and expiry.")
    lot = _locked(tx, lot_for(tx, package_id=package_id, number=number, expiry=expiry).id)
    place_id = place_of_station(tx, station_id)
    _refuse_recalled(tx, lot)
    if expired(expiry, tx.now, LAST_ZONE):
        raise Refused(f"Lot {lot.number} expired on {day(expiry)}. Put the carton aside.")
    _bring(tx, lot, place_id, quantity)
    open_one = select(Staged.id).where(
        Staged.station_id == station_id, Staged.lot_id == lot.id, Staged.ended_at.is_(None)
    )
    staged_id = tx.session.scalar(open_one)
    if staged_id is None:
        staged = Staged(station_id=station_id, lot_id=lot.id, person_id=tx.who.person_id, at=tx.now)
        tx.session.add(staged)
        tx.session.flush()
        staged_id = staged.id
    record(tx, "staged", f"lot {lot.id}", {**_facts(lot), "quantity": quantity, "station_id": station_id})
    tx.tell(STOCK)
    return staged_id


def end_staging(tx: Tx, staged_id: int) -> Decimal:
    """Take a staged lot away from its hood; what the books say is left goes back to the stock room and is returned.

    Raises Refused when it was taken away before, and Missing.
    """
    tx.who.require(May.STAGE)
    staged = tx.session.get(Staged, staged_id)
    if staged is None:
        raise Missing(f"There is no staging {staged_id}.")
    lot = _locked(tx, staged.lot_id)
    ended = update(Staged).where(Staged.id == staged_id, Staged.ended_at.is_(None)).values(ended_at=tx.now)
    if tx.session.execute(ended.returning(Staged.id)).first() is None:
        raise Refused(f"Lot {lot.number} was taken away from this hood already.")
    place_id = place_of_station(tx, staged.station_id)
    left = on_hand(tx.session, lot.id, place_id)
    if left > 0:
        _book(tx, _fresh("taken away"), lot, place_id, place_of_kind(tx, "shelf"), left, "taken away")
    record(tx, "taken away", f"lot {lot.id}", {**_facts(lot), "quantity": left, "station_id": staged.station_id})
    tx.tell(STOCK)
    return max(left, Decimal(0))


def use(
    tx: Tx,
    key: str,
    lot_id: int,
    serial: str | None,
    station_id: int,
    to: str,
    quantity: Decimal = Decimal(1),
    cause: str = "used",
) -> bool:
    """Book containers from a hood to 'patient' or 'waste', once for a key; False when it was booked before.

    Part of an act that has asked for its own permission and keeps its own audit record. The container is in the
    hand, so the booking never fails for want of stock: it is taken from the hood, then from a shelf that has the
    lot, and what nobody booked in from 'unaccounted'. No place falls below zero (FT42). Raises Refused when the key
    stands for something else, Missing and Invalid.
    """
    if to not in ("patient", "waste"):
        raise Invalid({"to": f"A container is used for a patient or wasted, not brought to '{to}'."})
    lot = _locked(tx, lot_id)
    target = place_of_kind(tx, to)
    if _same_booking(tx, key, lot, serial, target):
        return False
    hood = place_of_station(tx, station_id)
    held = [(hood, on_hand(tx.session, lot_id, hood)), *shelves_with(tx.session, lot_id)]
    _refuse_nothing(quantity)
    parts = drawn(held, quantity, place_of_kind(tx, "unaccounted"))
    for count, (source, part) in enumerate(parts):
        if not _book(tx, key if count == 0 else f"{key}#{count + 1}", lot, source, target, part, cause, serial):
            return False
    tx.tell(STOCK)
    return True


def carry(tx: Tx, key: str, lot_id: int, source: int, target: int, cause: str, quantity: Decimal = Decimal(1)) -> bool:
    """Book what somebody carries from one place to another, once for a key; False when it was booked before.

    Part of an act that has asked for its own permission and keeps its own audit record. What is in the hand is there,
    whatever the books say: what the source lacks comes from 'unaccounted' (FT42). Raises Refused, Missing and Invalid.
    """
    lot = _locked(tx, lot_id)
    if _same_booking(tx, key, lot, None, target):
        return False
    _refuse_nothing(quantity)
    parts = drawn([(source, on_hand(tx.session, lot_id, source))], quantity, place_of_kind(tx, "unaccounted"))
    for count, (place, part) in enumerate(parts):
        if not _book(tx, key if count == 0 else f"{key}#{count + 1}", lot, place, target, part, cause):
            return False
    tx.tell(STOCK)
    return True


def waste_what_was_used(tx: Tx, key: str, cause: str) -> None:
    """Book what was used under `key` on from patient to waste, once, because its preparation ended badly.

    Part of an act, as `use` is. A key under which nothing was used changes nothing.
    """
    patient, waste = place_of_kind(tx, "patient"), place_of_kind(tx, "waste")
    this = or_(Movement.key == key, Movement.key.startswith(f"{key}#", autoescape=True))
    for part in tx.session.scalars(select(Movement).where(this, Movement.to_place_id == patient)).all():
        lot = _locked(tx, part.lot_id)
        _book(tx, f"{part.key} wasted", lot, patient, waste, part.quantity, cause, part.serial)
    tx.tell(STOCK)


def count(tx: Tx, place_id: int, lot_id: int, counted: Decimal) -> Decimal:
    """Book what was counted: the difference (returned, signed) comes from or goes to 'unaccounted'.

    Raises Refused, Missing and Invalid.
    """
    tx.who.require(May.RECEIVE_STOCK)
    if not counted.is_finite() or counted < 0:
        raise Invalid({"counted": "Enter how many containers you counted: 0 or more."})
    lot = _locked(tx, lot_id)
    if tx.session.get(Place, place_id) is None:
        raise Missing(f"There is no place {place_id}.")
    booked = on_hand(tx.session, lot_id, place_id)
    difference = correction(booked, counted)
    unaccounted = place_of_kind(tx, "unaccounted")
    if place_id == unaccounted:
        raise Refused("What is unaccounted for can not be counted: count the place where it should be.")
    if difference > 0:
        _book(tx, _fresh("counted"), lot, unaccounted, place_id, difference, "counted")
    elif difference < 0:
        _book(tx, _fresh("counted"), lot, place_id, unaccounted, -difference, "counted")
    facts = {**_facts(lot), "place_id": place_id, "booked": booked, "counted": counted}
    record(tx, "counted", f"lot {lot.id}", facts)
    tx.tell(STOCK)
    return difference


def recall(tx: Tx, lot_id: int, reason: str) -> None:
    """Recall a lot number of a product, whatever expiry was read for it, from now on. For a pharmacist.

    `queries.whereabouts` then sweeps for what is left and what was used. Raises Refused and Missing.
    """
    tx.who.require(May.RECALL)
    if not reason.strip():
        raise Refused("Say why the lot is recalled: the record and every stop at a hood show it.")
    lot = _locked(tx, lot_id)
    if lot.recalled_at is not None:
        raise Refused(f"Lot {lot.number} was recalled already ({lot.recall_reason}).")
    same = same_number(tx.session, lot)
    marked = update(Lot).where(Lot.id.in_(same), Lot.recalled_at.is_(None))
    tx.session.execute(marked.values(recalled_at=tx.now, recall_reason=reason.strip()))
    record(tx, "recalled", f"lot {lot.id}", {**_facts(lot), "reason": reason.strip(), "lots": same})
    tx.tell(STOCK)


def _bring(tx: Tx, lot: Lot, place_id: int, quantity: Decimal) -> None:
    _refuse_nothing(quantity)
    parts = drawn(shelves_with(tx.session, lot.id), quantity, place_of_kind(tx, "unaccounted"))
    for source, part in parts:
        _book(tx, _fresh("staged"), lot, source, place_id, part, "staged")


def _locked(tx: Tx, lot_id: int) -> Lot:
    # FOR NO KEY UPDATE: rows that merely point at the lot (a recorded step) do not wait, and so can not deadlock.
    query = select(Lot).where(Lot.id == lot_id).with_for_update(key_share=True)
    lot = tx.session.scalars(query.execution_options(populate_existing=True)).one_or_none()
    if lot is None:
        raise Missing(f"There is no lot {lot_id}.")
    return lot


def _refuse_recalled(tx: Tx, lot: Lot) -> None:
    reason = recall_of(tx.session, lot)
    if reason is not None:
        raise Refused(f"Lot {lot.number} was recalled ({reason}). Put it in quarantine and tell a pharmacist.")


def _refuse_nothing(quantity: Decimal) -> None:
    if not quantity.is_finite() or quantity <= 0:
        raise Invalid({"quantity": "Enter how many containers: more than 0."})


def _same_booking(tx: Tx, key: str, lot: Lot, serial: str | None, target: int) -> bool:
    there = tx.session.scalars(select(Movement).where(Movement.key == key)).one_or_none()
    if there is None:
        return False
    if (there.lot_id, there.serial, there.to_place_id) != (lot.id, serial, target):
        raise Refused("This was booked already, for another container. Reload the page and look again.")
    return True


def _book(
    tx: Tx, key: str, lot: Lot, source: int, target: int, quantity: Decimal, cause: str, serial: str | None = None
) -> bool:
    _refuse_nothing(quantity)
    if source == target:
        raise Invalid({"place": "It is there already: choose another place."})
    values = {
        "key": key,
        "lot_id": lot.id,
        "serial": serial,
        "quantity": quantity,
        "from_place_id": source,
        "to_place_id": target,
        "cause": cause,
        "person_id": tx.who.person_id,
        "at": tx.now,
    }
    return insert_unless_there(tx, Movement, values) or not _same_booking(tx, key, lot, serial, target)


def _fresh(cause: str) -> str:
    return f"{cause} {secrets.token_hex(12)}"


def _facts(lot: Lot) -> dict[str, object]:
    return {"package_id": lot.package_id, "lot": lot.number, "expiry": lot.expiry}
