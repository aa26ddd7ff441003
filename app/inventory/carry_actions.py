"""Carrying many packages at once: a whole cart comes to its ward in one scan, and no other scan waits for it."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import case, func, insert, or_, select

from app.core.errors import Invalid
from app.db.session import Tx
from app.inventory.actions import STOCK
from app.inventory.ledger import drawn
from app.inventory.models import Lot, Movement
from app.inventory.place_actions import place_of_kind

ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class Carried:
    """So many packages of a lot from one place to another; `key` makes it count once."""

    key: str
    lot_id: int
    source: int
    target: int
    cause: str
    quantity: Decimal = ONE


def carry_all(tx: Tx, moves: Collection[Carried]) -> frozenset[str]:
    """Book what somebody carries, each once for its key; returns the keys that were not booked before.

    Part of an act that has asked for its own permission and keeps its own audit record. What is in the hand is there,
    whatever the books say: what a source lacks comes from 'unaccounted' (FT42). Raises Invalid for less than nothing.
    """
    wanted = {each.key: each for each in moves}
    if any(each.quantity <= 0 or each.source == each.target for each in wanted.values()):
        raise Invalid({"quantity": "Enter how many packages are carried, and from where to where."})
    lots = sorted({each.lot_id for each in wanted.values()})
    held = select(Lot.id).where(Lot.id.in_(lots)).order_by(Lot.id).with_for_update(key_share=True)
    tx.session.scalars(held).all()
    booked = set(tx.session.scalars(select(Movement.key).where(Movement.key.in_(list(wanted)))))
    new = [each for key, each in sorted(wanted.items()) if key not in booked]
    if not new:
        return frozenset()
    unaccounted = place_of_kind(tx, "unaccounted")
    there = _on_hand(tx, {(each.lot_id, each.source) for each in new})
    rows = []
    for each in new:
        place = (each.lot_id, each.source)
        parts = drawn([(each.source, there[place])], each.quantity, unaccounted)
        there[place] -= sum((part for source, part in parts if source == each.source), Decimal(0))
        rows += list(_rows(each, parts, tx.who.person_id, tx.now))
    tx.session.execute(insert(Movement), rows)
    tx.tell(STOCK)
    return frozenset(each.key for each in new)


def _rows(
    each: Carried, parts: Iterable[tuple[int, Decimal]], person_id: int | None, at: datetime
) -> Iterable[dict[str, object]]:
    for count, (source, part) in enumerate(parts):
        yield {
            "key": each.key if count == 0 else f"{each.key}#{count + 1}",
            "lot_id": each.lot_id,
            "quantity": part,
            "from_place_id": source,
            "to_place_id": each.target,
            "cause": each.cause,
            "person_id": person_id,
            "at": at,
        }


def _on_hand(tx: Tx, pairs: Collection[tuple[int, int]]) -> dict[tuple[int, int], Decimal]:
    """How many packages of a lot the books say are at a place, for several of both."""
    found = dict.fromkeys(pairs, Decimal(0))
    for place_id in sorted({place for _, place in pairs}):
        moved = func.sum(case((Movement.to_place_id == place_id, Movement.quantity), else_=-Movement.quantity))
        here = or_(Movement.to_place_id == place_id, Movement.from_place_id == place_id)
        lots = [lot for lot, place in pairs if place == place_id]
        query = select(Movement.lot_id, moved).where(here, Movement.lot_id.in_(lots)).group_by(Movement.lot_id)
        for lot_id, total in tx.session.execute(query):
            found[lot_id, place_id] = total
    return found
