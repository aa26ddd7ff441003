"""Admissions, moves, discharges, updates and merges of patients, as a message tells them.

Source: HL7 v2.5.1 chapter 3; house interoperability notes on ADT.
"""

from datetime import datetime

from sqlalchemy import select

from app.core.errors import Refused
from app.db.session import Tx
from app.interop.identity_queries import naming, said_at, who_else
from app.interop.stating import allergy_list, stated_patient, stated_place
from app.interop.text import hides_something, tidy
from app.interop.understood import AdtMessage, Merge
from app.orders.actions import again, restate
from app.orders.identity_queries import named, named_later
from app.orders.models import Order, OrderVersion, Patient
from app.orders.patient_actions import (
    change_allergies,
    discharge,
    find_patient,
    find_stay,
    held_patient,
    merge,
    merge_visits,
    renumber,
    undo_discharge,
)
from app.orders.queries import orders_of, patient_of, version_of
from app.orders.same_person import differences

_LEAVES = frozenset({"A03", "A11"})
_RETURNS = frozenset({"A13"})


def take_adt(tx: Tx, adt: AdtMessage, message_id: int) -> str:
    """Take over one ADT message and say in words what it changed. Raises Refused when a pharmacist has to look."""
    if any(hides_something(t) for t in (adt.patient.mrn, adt.patient.family, adt.patient.given)):
        raise Refused("The patient's name or number holds hidden characters that change how it reads: ask the sender.")
    sent = adt.source.sent.instant if adt.source.sent else tx.now
    at = adt.event_time.instant if adt.event_time else sent
    if any(each.moves for each in adt.merges):
        raise Refused("A stay moves to another patient's chart. Check every order of both patients, then settle this.")
    stated = stated_patient(adt.patient, adt.allergies, adt.measurements, sent)
    named_at = said_at(adt, tx.now)
    known = held_patient(tx, stated.mrn)
    if known is not None and (differing := who_else(tx.session, known, naming(adt.patient), named_at)):
        raise Refused(
            f"Record number {known.mrn} is known with another {' and '.join(differing)}. Nothing was changed: "
            "find out who this is."
        )
    late = known is not None and named_later(known, named_at) and differences(named(known), naming(adt.patient))
    single = adt.event == "A60" or any(each.action for each in adt.allergies.listed)
    if single:
        stated = stated_patient(adt.patient, type(adt.allergies)(), adt.measurements, sent)
    patient = find_patient(tx, stated, by_adt=True, at=sent, named_at=named_at)
    if single and adt.allergies.said == "listed":
        gone = tuple(tidy(each.substance.name) for each in adt.allergies.listed if each.action == "D")
        change_allergies(tx, patient, allergy_list(adt.allergies), gone, sent)
    words = [_merge(tx, patient, each, at, message_id) for each in adt.merges]
    place = stated_place(adt.patient, adt.location)
    stay = find_stay(tx, patient, place, at)
    if stay is None and adt.event in _LEAVES and orders_of(tx.session, patient.id):
        raise Refused(
            f"A discharge of record number {patient.mrn} that names no visit: look at this patient's orders, and hold "
            "or stop them by hand."
        )
    if stay and adt.event in _LEAVES:
        if named_at < stay.moved_at:
            raise Refused(
                "This discharge was overtaken: a later message says where the patient lies or that they stay. Find out "
                "whether they left, and hold or stop their orders by hand."
            )
        left = adt.discharged.instant if adt.discharged else at
        held = [_follow(tx, number, "discharge", left, message_id) for number in discharge(tx, stay, left)]
        words.append(f"discharged, {sum(held)} orders on hold")
    elif stay and adt.event in _RETURNS:
        back = [_resume(tx, number, at, message_id) for number in undo_discharge(tx, stay, at)]
        words.append(f"discharge undone, {sum(back)} orders released")
    if late:
        words.append("named as before a newer message: that name was left out")
    return f"patient {patient.mrn}: {', '.join(words) or _EVENTS.get(adt.event, 'updated')}"


_EVENTS = {"A01": "admitted", "A02": "moved", "A04": "registered", "A05": "announced", "A60": "allergies updated"}


def _merge(tx: Tx, patient: Patient, each: Merge, at: datetime, message_id: int) -> str:
    if each.what in ("patient", "identifier"):
        survivor = patient_of(tx.session, each.survivor.id)
        if survivor is not None:
            moved = merge(tx, survivor, each.retired.id)
        else:
            survivor = renumber(tx, each.retired.id, each.survivor.id)
            moved = orders_of(tx.session, survivor.id) if survivor else []
        if survivor is None:
            return f"neither {each.survivor.id} nor {each.retired.id} is known here"
        for number in moved:
            _look_again(tx, number, each.retired.id, at, message_id)
        return f"took over number {each.retired.id} with {len(moved)} orders"
    if each.what == "visit":
        known = merge_visits(tx, each.survivor.id, each.retired.id)
        return f"visit {each.retired.id} became {each.survivor.id}" if known else "no visit of it is known here"
    return "accounts are not kept here"


def _look_again(tx: Tx, order_id: int, retired: str, at: datetime, message_id: int) -> None:
    """Labels of these orders bear a number that is retired: the order is verified anew, so they are made anew."""
    head = tx.session.get_one(Order, order_id)
    last = version_of(tx.session, head.id, head.newest)
    if last.state != "stopped":
        words = f"Record number {retired} was merged into this patient's: check the allergies; labels must be new."
        again(tx, head, "merged", last.state, at, message_id, words)


def _follow(tx: Tx, order_id: int, control: str, at: datetime, message_id: int) -> bool:
    before = tx.session.get_one(Order, order_id).newest
    restate(tx, order_id, control, at, message_id)
    return tx.session.get_one(Order, order_id).newest != before


def _resume(tx: Tx, order_id: int, at: datetime, message_id: int) -> bool:
    """Release what the discharge put on hold, and nothing that anybody else did."""
    head = tx.session.get_one(Order, order_id)
    held_by = select(OrderVersion.control).where(OrderVersion.order_id == head.id, OrderVersion.number == head.newest)
    if tx.session.scalar(held_by) != "discharge":
        return False
    return _follow(tx, order_id, "discharge undone", at, message_id)
