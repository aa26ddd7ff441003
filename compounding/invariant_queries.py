"""What must hold of the whole database at every moment, checked together: after every fault, and by night."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.audit.models import AuditEvent
from app.audit.queries import verify
from app.core.workflow import TRANSITIONS, Event, Side, State
from app.db.models import Once
from app.db.outbox import Outgoing
from app.identity.models import Signature
from app.inventory.fefo import last_minute
from app.inventory.models import Lot, Movement, Place
from app.inventory.queries import same_number
from app.labels.models import Label
from app.orders.models import OrderVersion
from app.stations.models import Weighing
from app.work.models import WorkItem, WorkMove
from compounding.models import Preparation, StepRecord
from compounding.opened import Opened
from compounding.procedure import label_serial
from compounding.queries import moves_of, opened
from compounding.records import Redone, Scanned, Weighed
from compounding.review import shown_sha256

_ENDED = (State.RELEASED, State.REFUSED, State.DROPPED)
_STOCKED = ("shelf", "hood", "cart")


@dataclass(frozen=True)
class _Told:
    """One entry of the trail about a preparation, an order or a lot: its number, what happened, its facts."""

    seq: int
    action: str
    subject: str
    facts: dict[str, object]


def broken_promises(session: Session) -> list[str]:
    """Say, in sentences, which promises of the whole record do not hold now; empty when all do.

    Every state is explained by its moves and its trail; a released dose was made and checked by different people
    from an order that was current, with every amount proved, every lot in date and not recalled, and its one label
    scanned back; signatures match what they signed; stock is never less than nothing; every label has its printing,
    every answered post its answer; the chain is whole. Source: safety 2, cross-cutting invariants.
    """
    found = list(_chain(session))
    trail = _trail(session)
    for work_id in session.scalars(select(Preparation.work_id).order_by(Preparation.work_id)):
        at = opened(session, work_id)
        found += [f"Preparation {work_id}: {sentence}" for sentence in _preparation(session, at, trail)]
    return [*found, *_outbox(session), *_ledger(session), *_answers(session)]


def _preparation(session: Session, at: Opened, trail: list[_Told]) -> Iterator[str]:
    yield from _moves(session, at, trail)
    yield from _records(session, at, trail)
    yield from _labels(session, at)
    yield from _signed(session, at)
    if at.state is State.RELEASED:
        yield from _released(session, at, trail)


def _chain(session: Session) -> Iterator[str]:
    if broken := verify(session).broken:
        yield f"The audit trail is broken: {broken}."


def _trail(session: Session) -> list[_Told]:
    rows = session.execute(select(AuditEvent.seq, AuditEvent.action, AuditEvent.subject, AuditEvent.text))
    told = [_Told(seq, action, subject, json.loads(text)["facts"]) for seq, action, subject, text in rows]
    return sorted(told, key=lambda each: each.seq)


def _moves(session: Session, at: Opened, trail: list[_Told]) -> Iterator[str]:
    """The stored state is what its moves lead to, each of them in the table and in the trail."""
    state, moves = State.QUEUED, [move for move, _ in moves_of(session, at.item.id)]
    for move in moves:
        rule = TRANSITIONS.get((State(move.from_state), Event(move.event)))
        if State(move.from_state) is not state or rule is None or rule.to != move.to_state:
            yield f"its move '{move.event}' from {move.from_state} does not follow {state}."
        state = State(move.to_state)
    if state is not at.state or at.item.version != 1 + len(moves):
        yield f"it is {at.state}, but its {len(moves)} moves lead to {state}."
    subject = f"preparation {at.item.id}"
    told = sum(each.subject == subject and "from" in each.facts and "to" in each.facts for each in trail)
    if told < len(moves):
        yield f"the trail tells of {told} moves, not of {len(moves)}."
    if session.scalar(select(Preparation.tray_free_at).where(Preparation.work_id == at.item.id)) is None:
        if at.state in _ENDED:
            yield "it has ended and still holds its tray."
    elif at.state not in _ENDED:
        yield "it goes on without its tray."


def _records(session: Session, at: Opened, trail: list[_Told]) -> Iterator[str]:
    """Records are numbered without a gap, each once in the trail; a weight is that of its weighing."""
    if [r.number for r in at.records] != list(range(1, len(at.records) + 1)):
        yield "its records are not numbered one after the other."
    rows = select(StepRecord.step, StepRecord.kind, StepRecord.facts).where(StepRecord.work_id == at.item.id)
    kept = Counter((f"step {kind}", step, facts) for step, kind, facts in session.execute(rows))
    subject = f"preparation {at.item.id}"
    told = Counter(
        (each.action, each.facts["step"], each.facts["what"])
        for each in trail
        if each.subject == subject and each.action.startswith("step ")
    )
    if kept != told:
        yield "its records and the trail differ."
    for record in at.records:
        if isinstance(record.facts, Weighed):
            weighing = session.get(Weighing, record.weighing_id) if record.weighing_id else None
            kept_weight = weighing and (weighing.value_g, weighing.balance_serial, weighing.balance_epoch)
            if kept_weight != (record.facts.value_g, record.facts.balance, record.facts.epoch):
                yield f"the weight of record {record.number} is not the one that was kept."


def _labels(session: Session, at: Opened) -> Iterator[str]:
    live = session.scalars(select(Label).where(Label.work_id == at.item.id, Label.voided_at.is_(None))).all()
    if len(live) > 1:
        yield f"{len(live)} labels are valid at once."
    serial = label_serial(at.where)
    if at.state in (State.REFUSED, State.DROPPED):
        if live:
            yield "it ended badly and its label is still valid."
    elif [label.serial for label in live] != ([serial] if serial else []):
        yield "the valid label is not the one of its record."
    # The other way round may be: a pair that is to be scanned again, with a label that was scanned back before.
    if "pair" in at.where.done and live and live[0].confirmed_at is None:
        yield "its record says that the label was scanned back, the label does not."


def _signed(session: Session, at: Opened) -> Iterator[str]:
    """Each signed move has the signature of who made it; what is made or released is what was signed."""
    moves = [move for move, _ in moves_of(session, at.item.id)]
    for move in moves:
        rule = TRANSITIONS[State(move.from_state), Event(move.event)]
        if rule.signs is None:
            continue
        signature = session.get(Signature, move.signature_id) if move.signature_id else None
        if signature is None or (signature.person_id, signature.meaning) != (move.person_id, rule.signs.value):
            yield f"its move '{move.event}' is not signed by who made it."
            continue
        stands = move is moves[-1] and move.event in (Event.FINISH, Event.RELEASE) and _unchanged(session, at)
        if stands and signature.shown_sha256 != shown_sha256(at):
            yield f"it has changed since it was {signature.meaning}."


def _unchanged(session: Session, at: Opened) -> bool:
    version = session.get_one(OrderVersion, at.preparation.version_id)
    return at.order.newest == version.number


def _released(session: Session, at: Opened, trail: list[_Told]) -> Iterator[str]:
    subject = f"preparation {at.item.id}"
    seq = max(each.seq for each in trail if each.subject == subject and each.action == "released")
    yield from _order_was_current(session, at, trail, seq)
    moves = [move for move, _ in moves_of(session, at.item.id)]
    makers = {r.person_id for r in at.records if not isinstance(r.facts, Redone)}
    makers |= {move.person_id for move in moves if move.side == Side.PREPARES}
    if moves[-1].person_id in makers:
        yield "whoever released it had a part in making it."
    if at.where.blockers:
        yield f"it was released although {'; '.join(at.where.blockers)}."
    for drawn in at.where.drawn.values():
        if drawn.judgement is None or drawn.judgement.verdict not in ("within", "cannot_tell"):
            yield f"the amount of {drawn.drug} is not proved."
    label = session.scalar(select(Label).where(Label.work_id == at.item.id, Label.voided_at.is_(None)))
    if label is None or label.confirmed_at is None:
        yield "its label was not scanned back."
    elif label.beyond_use <= moves[-1].at:
        yield "it was released past its beyond-use date."
    for record in at.records:
        if not isinstance(record.facts, Scanned) or record not in at.where.done.values():
            continue
        if last_minute(record.facts.expiry, at.sheet.zone) < moves[-1].at:
            yield f"lot {record.facts.lot} had expired when it was released."
    lots = select(StepRecord.lot_id).where(StepRecord.work_id == at.item.id, StepRecord.lot_id.is_not(None))
    mine = {same for lot in set(session.scalars(lots)) for same in same_number(session, session.get_one(Lot, lot))}
    for each in trail:
        recalled = each.facts.get("lots") if each.action == "recalled" and each.seq < seq else None
        if isinstance(recalled, list) and mine & set(recalled):
            yield "a lot in it had been recalled when it was released."


def _order_was_current(session: Session, at: Opened, trail: list[_Told], seq: int) -> Iterator[str]:
    # The trail's numbers, not its times, tell what came first: its lock is held until the commit.
    order = f"order {at.order.order_id}"
    before = [each for each in trail if each.subject == order and each.seq < seq and "version" in each.facts]
    versions = [each.facts for each in before if "state" in each.facts]
    newest = versions[-1] if versions else {}
    verified = {each.facts["version"] for each in before if each.action == "verified"}
    if newest.get("state") != "active" or newest["version"] not in verified:
        yield "its order was not active and verified when it was released."
        return
    query = select(OrderVersion).where(
        OrderVersion.order_id == at.order.order_id, OrderVersion.number == newest["version"]
    )
    # An order that was held and released again says the very same in a newer version.
    made_from = session.get_one(OrderVersion, at.preparation.version_id)
    if session.scalars(query).one().content_sha256 != made_from.content_sha256:
        yield "its order had been changed when it was released."


def _outbox(session: Session) -> Iterator[str]:
    printed = set(session.scalars(select(Outgoing.identity).where(Outgoing.kind == "print")))
    for serial, confirmed in session.execute(select(Label.serial, Label.confirmed_at)):
        if f"label {serial}" not in printed:
            yield f"Label {serial} was made and nobody was asked to print it."
        elif confirmed is not None:
            asked = session.scalars(select(Outgoing).where(Outgoing.identity == f"label {serial}")).one()
            if asked.confirmed_at is None or asked.next_at is not None:
                yield f"Label {serial} was scanned back and still waits to be printed."


def _ledger(session: Session) -> Iterator[str]:
    """No place holds less than nothing; what was signed as prepared is booked out, each container once."""
    stocked = set(session.scalars(select(Place.id).where(Place.kind.in_(_STOCKED))))
    left: dict[tuple[int, int], Decimal] = {}
    for movement in session.scalars(select(Movement)):
        came, went = (movement.lot_id, movement.to_place_id), (movement.lot_id, movement.from_place_id)
        left[came] = left.get(came, Decimal(0)) + movement.quantity
        left[went] = left.get(went, Decimal(0)) - movement.quantity
    for (lot, place), quantity in left.items():
        if place in stocked and quantity < 0:
            yield f"Place {place} holds {quantity} of lot {lot}."
    made = select(StepRecord.work_id, StepRecord.number).join(WorkItem, WorkItem.id == StepRecord.work_id)
    made = made.where(StepRecord.kind == "scanned", WorkItem.state.in_((State.MADE, State.RELEASED, State.REFUSED)))
    booked = set(session.scalars(select(Movement.key)))
    for work_id, number in session.execute(made):
        if f"preparation {work_id} record {number}" not in booked:
            yield f"Preparation {work_id}: the container of record {number} was never booked out."


def _answers(session: Session) -> Iterator[str]:
    open_ones = session.scalar(select(func.count()).select_from(Once).where(Once.location == ""))
    if open_ones:
        yield f"{open_ones} posts were kept without their answer."
    moved = select(WorkMove.id).where(WorkMove.work_id == WorkItem.id).exists()
    unmoved = select(func.count()).select_from(WorkItem).where(~moved, WorkItem.state != State.QUEUED)
    if session.scalar(unmoved):
        yield "A piece of work has a state that nobody gave it."
