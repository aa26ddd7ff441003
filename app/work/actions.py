"""The only writer of a work item's state: every move is a compare-and-set with its signature and its record."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.engine import CursorResult
from sqlalchemy.exc import IntegrityError

from app.audit.actions import record
from app.core.errors import Missing, Refused
from app.core.workflow import TRANSITIONS, Event, Meaning, Rule, Side, State, decide, is_live
from app.db.base import fetched, table
from app.db.session import Tx
from app.identity.actions import Proven, sign
from app.work.models import WorkItem, WorkMove, WorkPart
from app.work.queries import actor_for

# Asked inside every act: built once.
_SIDE = select(WorkPart.side).where(
    WorkPart.work_id == bindparam("work_id"), WorkPart.person_id == bindparam("person_id")
)
_PART = insert(table(WorkPart))
_ITEMS = insert(table(WorkItem)).returning(table(WorkItem).c.id)


def begin(tx: Tx, kind: str, dose_id: int | None) -> WorkItem:
    """Make the work item that serves a dose, or many (None). Raises Refused when another one serves it already."""
    item = WorkItem(
        kind=kind, dose_id=dose_id, state=State.QUEUED, is_live=1, version=1, holder_id=None, made_at=tx.now
    )
    tx.session.add(item)
    try:
        tx.session.flush()
    except IntegrityError:
        raise Refused("Somebody was faster: this dose has been claimed. Take the next one.") from None
    return item


def begin_many(tx: Tx, kind: str, count: int) -> list[int]:
    """Make work items that serve many doses each, at once; their numbers."""
    if not count:
        return []
    row = {"kind": kind, "state": State.QUEUED, "is_live": 1, "version": 1, "made_at": tx.now}
    return list(tx.session.connection().scalars(_ITEMS, [row] * count))


def hold(tx: Tx, work_id: int) -> WorkItem:
    """Hold a work item until the commit and read it fresh, so that acts on one piece of work come one by one.

    Without this a step and the signature that covers it could miss each other on PostgreSQL, and a record would
    follow what was signed. Held before the order's head, always in that order. Raises Missing.
    """
    query = select(WorkItem).where(WorkItem.id == work_id).with_for_update()
    item = tx.session.scalar(query.execution_options(populate_existing=True))
    if item is None:
        raise Missing("This preparation does not exist.")
    return item


def move(
    tx: Tx,
    work_id: int,
    event: Event,
    *,
    reason: str | None = None,
    proven: Proven | None = None,
    shown_sha256: str = "",
    blockers: Sequence[str] = (),
    facts: dict[str, Any] | None = None,
) -> WorkItem:
    """Carry a work item over one transition, or refuse in words and change nothing.

    `proven` is who just proved themselves, for transitions that are signed; `shown_sha256` the hash of what was on
    their screen; `blockers` what the room says still stands in the way. Raises Missing, Refused.
    """
    query = select(WorkItem).where(WorkItem.id == work_id).execution_options(populate_existing=True)
    item = tx.session.scalar(query)
    if item is None:
        raise Missing("This preparation does not exist.")
    state = State(item.state)
    rule = decide(
        state,
        event,
        actor_for(tx.session, tx.who, item.id),
        reason=reason,
        signed=_meaning(state, event) if proven else None,
        blockers=blockers,
    )
    assert tx.who.person_id is not None
    _compare_and_set(tx, item, state, rule, event)
    take_part(tx, item.id, rule.side)
    subject = f"{item.kind} {item.id}"
    signature = sign(tx, proven, rule.signs, subject, shown_sha256) if proven and rule.signs else None
    tx.session.add(
        WorkMove(
            work_id=item.id,
            event=event,
            from_state=state,
            to_state=rule.to,
            person_id=tx.who.person_id,
            side=rule.side,
            station_id=tx.who.station_id,
            reason=(reason or "").strip() or None,
            signature_id=signature.id if signature else None,
            at=tx.now,
        )
    )
    tx.session.flush()
    record(tx, _past(event), subject, {"from": state, "to": rule.to, "reason": reason, **(facts or {})})
    for topic in (f"work:{item.id}", "worklist", "queue", "ward"):
        tx.tell(topic)
    return item


def _meaning(state: State, event: Event) -> Meaning | None:
    rule = TRANSITIONS.get((state, event))
    return rule.signs if rule else None


def _compare_and_set(tx: Tx, item: WorkItem, state: State, rule: Rule, event: Event) -> None:
    values: dict[str, Any] = {"state": rule.to, "is_live": int(is_live(rule.to)), "version": item.version + 1}
    if event in (Event.CLAIM, Event.RESUME, Event.TAKE_OVER):
        values |= {"holder_id": tx.who.person_id, "station_id": tx.who.station_id}
    guarded = (
        update(WorkItem)
        .where(WorkItem.id == item.id, WorkItem.state == state, WorkItem.version == item.version)
        .values(values)
    )
    done: CursorResult[Any] = tx.session.execute(guarded)  # type: ignore[assignment]
    if done.rowcount != 1:
        raise Refused("Somebody was faster: this preparation has just changed. Reload the page.")
    tx.session.refresh(item)


def take_part(tx: Tx, work_id: int, side: Side | None) -> None:
    """Put the acting person on a side of a piece of work, for ever. Raises Refused when they stand on the other."""
    if side is None:
        return
    assert tx.who.person_id is not None
    person = {"work_id": work_id, "person_id": tx.who.person_id}
    held = fetched(tx.session, _SIDE, **person)
    if not held:
        tx.session.execute(_PART, {**person, "side": side})
    elif held[0].side != side:
        raise Refused("You stand on the other side of this dose: whoever made any part of it can not check it.")


def _past(event: Event) -> str:
    return {
        Event.CLAIM: "claimed",
        Event.PAUSE: "paused",
        Event.RESUME: "resumed",
        Event.TAKE_OVER: "taken over",
        Event.FINISH: "prepared",
        Event.TAKE_BACK: "taken back",
        Event.RELEASE: "released",
        Event.SEND_BACK: "sent back",
        Event.REFUSE: "refused",
        Event.WITHDRAW: "withdrawn",
        Event.DROP: "dropped",
    }[event]
