"""What is told of a released bag, put together from its record and from the very order message that asked for it."""

import json
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.quantity import Quantity
from app.core.workflow import Event
from app.formulary.models import Package, Product
from app.identity.models import Person
from app.interop.amounts import read_code
from app.interop.dispense_message import Actor, Dispense, MadeComponent, UsedLot
from app.interop.hl7 import Message as Parsed
from app.interop.hl7 import Segment, body, parse
from app.interop.models import Message
from app.interop.order_groups import Group, group_by_orc, read_ei
from app.interop.patient import read_numbers
from app.interop.values import Code, Location
from app.labels.models import Label
from app.orders.facts import OrderFacts
from app.orders.models import Dose, Order, OrderVersion, Stay
from app.work.models import WorkItem, WorkMove
from compounding.amounts import mass_moved
from compounding.labelling import beyond_use_of
from compounding.opened import Opened
from compounding.procedure import photo_sha256, steps_of
from compounding.queries import moves_of
from compounding.recipe import Scan
from compounding.records import Scanned

_CONTENT = ("new", "change", "replacement")


@dataclass(frozen=True, slots=True)
class Asked:
    """The message that last said what is to be made, and the group of it that is this order."""

    message: Parsed
    group: Group

    def first(self, *names: str) -> Segment | None:
        """The order's first segment of the first of these names that it has; what follows RXE comes before all else."""
        found = (segment for name in names for segment in self.group.named(name, "RXE") or self.group.named(name))
        return next(found, None)


def dispense_of(
    session: Session, at: Opened, serial: str, control_id: str, now: datetime, processing: Literal["P", "T"]
) -> Dispense:
    """The facts of one released bag for its order's sender: what was ordered, what went in, of which lots, by whom.

    Numbers, drug and route go back as the sender wrote them, out of the order's own group of its message, because that
    is what eMAR knows them by; other orders of that message and later messages about the patient say nothing here.
    """
    order = at.order
    head = session.get_one(Order, order.order_id)
    stay = session.get(Stay, head.stay_id) if head.stay_id else None
    asked = _asked(session, head, order.version)
    header = asked.message.header if asked else None
    moves = moves_of(session, at.item.id)
    made = next((move for move, _ in reversed(moves) if move.event == Event.RELEASE), None)
    people = {move.event: (move.person_id, name) for move, name in moves}
    drug, amount = next(iter(order.doses.items()))
    pid = next(iter(asked.message.named("PID")), None) if asked else None
    pv1 = next(iter(asked.message.named("PV1")), None) if asked else None
    return Dispense(
        control_id=control_id,
        sent_at=now,
        zone=order.zone,
        receiving_application=header.sending_application if header else order.sender,
        receiving_facility=header.sending_facility if header else "",
        placer_parts=_placer(asked) or (head.number,),
        dose_id=serial,
        mrn=order.patient.mrn,
        authority=_authority(pid, order.patient.mrn),
        family=order.patient.family,
        given=order.patient.given,
        birth=order.patient.born,
        sex=order.patient.sex or "",
        drug=_code(asked, (("RXE", 2), ("RXO", 1))) or Code(drug, order.names[drug], "LAMINAR"),
        amount=amount if len(order.doses) == 1 else Quantity(Decimal(1), "bag"),
        dispensed_at=made.at if made else now,
        beyond_use=beyond_use_of(at.sheet, at.where).at,
        barcode=_scanned_at_the_bedside(session, serial),
        csp_lot=serial,
        made_by=_actor(session, people.get(Event.FINISH)),
        verified_by=_actor(session, people.get(Event.RELEASE)),
        components=_components(session, at, order),
        route=_code(asked, (("RXR", 1),)) or Code(order.route, order.route, "LAMINAR"),
        account=pid.get(18) if pid else "",
        visit=stay.visit if stay else "",
        patient_class=(pv1.get(2) if pv1 else "") or "I",
        location=Location(order.unit, stay.room or "" if stay else "", stay.bed or "" if stay else ""),
        prescription=_prescription(asked),
        counter=_counter(session, head.id, made.id if made else None),
        image_ids=tuple(filter(None, [photo_sha256(at.where)])),
        sending_facility=header.receiving_facility if header else "",
        processing=processing,
    )


def _scanned_at_the_bedside(session: Session, serial: str) -> str:
    """The code that the label bears for the ward's scanner, by the site's profile; else the label's own number."""
    label = session.get(Label, serial)
    return (json.loads(label.content)["bedside_code"] if label else "") or serial


def _asked(session: Session, head: Order, version: int) -> Asked | None:
    query = (
        select(Message)
        .join(OrderVersion, OrderVersion.message_id == Message.id)
        .where(OrderVersion.order_id == head.id, OrderVersion.number <= version, OrderVersion.control.in_(_CONTENT))
        .order_by(OrderVersion.number.desc())
        .limit(1)
    )
    found = session.scalar(query)
    if found is None:
        return None
    message = parse(found.raw)
    for group in group_by_orc(body(message)):
        placer, filler = read_ei(group.orc, 2), read_ei(group.orc, 3)
        if (placer or filler) and head.number == (placer.id if placer else filler.id if filler else ""):
            return Asked(message, group)
    return None


def _placer(asked: Asked | None) -> tuple[str, ...]:
    """ORC-2 as it came, with all its components."""
    if asked is None or not asked.group.orc.get(2):
        return ()
    return tuple(asked.group.orc.get(2, part, 0) for part in range(1, 5))


def _prescription(asked: Asked | None) -> str:
    """The number that the pharmacy system gave this order: RXE-15, else ORC-3."""
    if asked is None:
        return ""
    rxe = asked.first("RXE")
    return (rxe.get(15) if rxe else "") or asked.group.orc.get(3)


def _authority(pid: Segment | None, mrn: str) -> str:
    """Who assigned the record number, as the sender wrote it beside this very number."""
    numbers = [number for field in (3, 2, 4) for number in read_numbers(pid, field)] if pid else []
    # After a merge the record number is another one, but of the same authority: others are not merged here.
    near = sorted(numbers, key=lambda number: (number.id != mrn, number.kind not in ("MR", "MRN")))
    return near[0].authority if near else ""


def _code(asked: Asked | None, places: tuple[tuple[str, int], ...]) -> Code:
    for name, field in places:
        segment = asked.first(name) if asked else None
        if segment is not None and (code := read_code(segment, field)):
            return code
    return Code()


def _counter(session: Session, order_id: int, release: int | None) -> int:
    """Which dispense of its order this is (RXD-1): the releases of the order up to this one."""
    query = (
        select(func.count())
        .select_from(WorkMove)
        .join(WorkItem, WorkItem.id == WorkMove.work_id)
        .join(Dose, Dose.id == WorkItem.dose_id)
        .where(Dose.order_id == order_id, WorkMove.event == Event.RELEASE)
    )
    if release is not None:
        query = query.where(WorkMove.id <= release)
    return max(1, session.scalar(query) or 0)


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
        used = done.facts
        product, package = session.get_one(Product, used.product_id), session.get_one(Package, used.package_id)
        slot = recipe.slot(step.slot)
        lots.setdefault(slot.drug, []).append(
            UsedLot(used.lot, used.expiry, product.labeler, package.ndc, package.gtin14 or "", used.serial or "")
        )
        products[slot.drug] = Code(product.ndc, product.name, "NDC")
    found = []
    if order.base and order.base_volume:
        code = products.get(order.base, Code(order.base, order.base_name or ""))
        found.append(MadeComponent("base", code, order.base_volume, tuple(lots.get(order.base, ()))))
    for drug, amount in order.doses.items():
        drawn = next((d for d in at.where.drawn.values() if d.drug == drug), None)
        volume = drawn.judgement.volume_ml if drawn and drawn.judgement else None
        mass = mass_moved(at.sheet, at.where.done, drawn.act) if drawn else None
        code = products.get(drug, Code(drug, order.names[drug]))
        ml = Quantity(volume.quantize(Decimal("0.01")), "mL") if volume is not None else None
        actual = drawn.made.amount if drawn and drawn.made else amount
        actual = actual.rounded(max(0, 3 - actual.value.adjusted()))
        found.append(MadeComponent("additive", code, actual, tuple(lots.get(drug, ())), ml, mass[0] if mass else None))
    return tuple(found)
