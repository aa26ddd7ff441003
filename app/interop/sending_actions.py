"""Telling the order's sender of a released bag: one message at a time, the same bytes until it is acknowledged."""

import json
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.audit.actions import record
from app.core.errors import Missing, Refused
from app.core.permissions import May
from app.core.quantity import Quantity
from app.core.workflow import Event, State
from app.db.outbox import Outgoing
from app.db.session import Tx
from app.formulary.models import Product
from app.identity.models import Person
from app.interop.dispense_message import Actor, Dispense, MadeComponent, UsedLot, rds_o13
from app.interop.hl7 import parse
from app.interop.models import Message
from app.interop.queries import ACCEPTED, BY_HAND
from app.interop.values import Code, Location
from app.orders.facts import OrderFacts
from app.orders.models import Order, Stay
from compounding.labelling import beyond_use_of
from compounding.opened import Opened
from compounding.procedure import photo_sha256, steps_of
from compounding.queries import moves_of, opened
from compounding.recipe import Scan
from compounding.records import Scanned

FIRST_WAIT = timedelta(seconds=5)
LONGEST_WAIT = timedelta(minutes=5)


@dataclass(frozen=True)
class Letter:
    """One message to send: its row, its bytes (without framing), and how often it was tried."""

    id: int
    raw: bytes
    attempt: int


def claim_letter(tx: Tx, processing: Literal["P", "T"]) -> Letter | None:
    """Take the oldest message that eMAR has not acknowledged, if it is due; none overtakes it.

    Its bytes are written once, at the first attempt. A bag that was withdrawn meanwhile is not announced.
    """
    query = (
        select(Outgoing)
        .where(Outgoing.kind == "message", Outgoing.next_at.is_not(None))
        .order_by(Outgoing.id)
        .limit(1)
        .with_for_update()
    )
    row = tx.session.scalar(query)
    if row is None or row.next_at is None or row.next_at > tx.now:
        return None
    facts = json.loads(row.facts)
    if row.first_bytes is None:
        at = opened(tx.session, facts["work_id"])
        if at.state is not State.RELEASED:
            _give_up(tx, row, "the dose was withdrawn before eMAR was told of it")
            return claim_letter(tx, processing)
        row.first_bytes = rds_o13(dispense_of(tx.session, at, facts["serial"], _control_id(row), tx, processing))
    row.attempts += 1
    row.claimed_at = tx.now
    # If the product stops now, the same bytes go out again later.
    row.next_at = tx.now + min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(row.attempts - 1, 8))
    return Letter(row.id, row.first_bytes, row.attempts)


def note_letter(tx: Tx, letter_id: int, outcome: str, code: str, words: str) -> None:
    """Note the answer to a message: 'delivered', 'refused' (a person has to look) or 'again'."""
    row = tx.session.get_one(Outgoing, letter_id)
    if outcome == "delivered":
        row.sent_at = row.confirmed_at = tx.now
        row.next_at, row.outcome = None, ACCEPTED
        record(tx, "dispense message accepted", f"preparation {_work(row)}", {"attempts": row.attempts, "code": code})
    elif outcome == "refused":
        row.sent_at = tx.now
        _give_up(tx, row, f"eMAR refused it ({code})" + (f": {words}" if words else ""))
    else:
        row.outcome = f"tried {row.attempts} times, last: {words or code}"
    _tell(tx, row)


def send_again(tx: Tx, letter_id: int) -> None:
    """Send a refused message once more, the very same bytes. Raises Refused, Missing."""
    tx.who.require(May.MAP)
    row = _letter(tx, letter_id)
    if row.given_up_at is None or row.confirmed_at is not None or row.first_bytes is None:
        raise Refused("This message is not waiting for a decision. Reload the page.")
    row.given_up_at, row.next_at, row.outcome = None, tx.now, "sent again by hand"
    record(tx, "dispense message sent again", f"preparation {_work(row)}", {})
    _tell(tx, row)


def lay_aside(tx: Tx, letter_id: int, how: str) -> None:
    """Note how the ward was told by hand of a bag that eMAR refused or that was withdrawn. Raises Refused, Missing."""
    tx.who.require(May.MAP)
    row = _letter(tx, letter_id)
    if len(how.strip()) < 3:
        raise Refused("Say how the ward was told. Nothing was stored.")
    row.next_at = None
    if row.confirmed_at is None:
        row.given_up_at = row.given_up_at or tx.now
    row.outcome = f"{BY_HAND}: {how.strip()}"
    record(tx, "ward told by hand", f"preparation {_work(row)}", {"how": how.strip()})
    _tell(tx, row)


def _letter(tx: Tx, letter_id: int) -> Outgoing:
    row = tx.session.scalar(select(Outgoing).where(Outgoing.id == letter_id).with_for_update())
    if row is None or row.kind != "message":
        raise Missing("This message does not exist.")
    return row


def _give_up(tx: Tx, row: Outgoing, words: str) -> None:
    row.next_at, row.given_up_at, row.outcome = None, tx.now, words
    record(tx, "dispense message given up", f"preparation {_work(row)}", {"words": words})
    _tell(tx, row)


def _tell(tx: Tx, row: Outgoing) -> None:
    tx.tell("messages")
    tx.tell(f"work:{_work(row)}")


def _work(row: Outgoing) -> int:
    number: int = json.loads(row.facts)["work_id"]
    return number


def _control_id(row: Outgoing) -> str:
    return f"L{row.id}T{row.made_at:%y%m%d%H%M%S}"[:20]


def dispense_of(
    session: Session, at: Opened, serial: str, control_id: str, tx: Tx, processing: Literal["P", "T"]
) -> Dispense:
    """The facts of one released bag for its order's sender: what was ordered, what went in, of which lots, by whom."""
    order = at.order
    head = session.get_one(Order, order.order_id)
    stay = session.get(Stay, head.stay_id) if head.stay_id else None
    received = session.get(Message, order.message_id) if order.message_id else None
    source = parse(received.raw) if received else None
    orc = next(iter(source.named("ORC")), None) if source else None
    made = next((move.at for move, _ in reversed(moves_of(session, at.item.id)) if move.event == Event.RELEASE), tx.now)
    people = {move.event: (move.person_id, name) for move, name in moves_of(session, at.item.id)}
    drug, amount = next(iter(order.doses.items()))
    return Dispense(
        control_id=control_id,
        sent_at=tx.now,
        zone=order.zone,
        receiving_application=source.header.sending_application if source else order.sender,
        receiving_facility=source.header.sending_facility if source else "",
        placer_parts=_placer(head, source.named("ORC") if source else []),
        dose_id=serial,
        mrn=order.patient.mrn,
        authority="",
        family=order.patient.family,
        given=order.patient.given,
        birth=order.patient.born,
        sex=order.patient.sex or "",
        drug=Code(drug, order.names[drug], "LAMINAR"),
        amount=amount,
        dispensed_at=made,
        beyond_use=beyond_use_of(at.sheet, at.where).at,
        barcode=serial,
        csp_lot=serial,
        made_by=_actor(session, people.get(Event.FINISH)),
        verified_by=_actor(session, people.get(Event.RELEASE)),
        components=_components(session, at, order),
        route=Code(order.route, order.route, "LAMINAR"),
        visit=stay.visit if stay else "",
        location=Location(order.unit, stay.room or "" if stay else "", stay.bed or "" if stay else ""),
        prescription=orc.get(3) if orc is not None else "",
        image_ids=tuple(filter(None, [photo_sha256(at.where)])),
        sending_facility=source.header.receiving_facility if source else "",
        processing=processing,
    )


def _placer(head: Order, groups: list) -> tuple[str, ...]:  # type: ignore[type-arg]
    """ORC-2 as it came, of the group that is this order."""
    for orc in groups:
        if orc.get(2) == head.number:
            return tuple(orc.get(2, part, 0) for part in range(1, 5))
    return (head.number,)


def _actor(session: Session, who: tuple[int, str] | None) -> Actor:
    if who is None:
        return Actor("")
    person = session.get_one(Person, who[0])
    given, _, family = person.name.rpartition(" ")
    return Actor(person.username, family, given)


def _components(session: Session, at: Opened, order: OrderFacts) -> tuple[MadeComponent, ...]:
    recipe = at.sheet.recipe
    lots: dict[str, list[UsedLot]] = {}
    products: dict[str, Code] = {}
    for step in steps_of(recipe):
        done = at.where.done.get(step.key)
        if not isinstance(step, Scan) or done is None or not isinstance(done.facts, Scanned):
            continue
        product = session.get_one(Product, done.facts.product_id)
        slot = recipe.slot(step.slot)
        lots.setdefault(slot.drug, []).append(
            UsedLot(done.facts.lot, done.facts.expiry, product.labeler, product.ndc, "", done.facts.serial or "")
        )
        products[slot.drug] = Code(product.ndc, product.name, "NDC")
    found = []
    if order.base and order.base_volume:
        code = products.get(order.base, Code(order.base, order.base_name or ""))
        found.append(MadeComponent("base", code, order.base_volume, tuple(lots.get(order.base, ()))))
    for drug, amount in order.doses.items():
        drawn = next((d for d in at.where.drawn.values() if d.drug == drug), None)
        volume = drawn.judgement.volume_ml if drawn and drawn.judgement else None
        code = products.get(drug, Code(drug, order.names[drug]))
        ml = Quantity(volume.quantize(Decimal("0.01")), "mL") if volume is not None else None
        actual = drawn.made.amount if drawn and drawn.made else amount
        actual = actual.rounded(max(0, 3 - actual.value.adjusted()))
        found.append(MadeComponent("additive", code, actual, tuple(lots.get(drug, ())), ml))
    return tuple(found)

