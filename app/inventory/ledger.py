"""The ledger: stock is what came in less what went out, and nothing appears or vanishes between places."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

NONE = Decimal(0)


@dataclass(frozen=True, slots=True)
class Move:
    """So many containers of one lot from one place to another; the numbers are those of lot and places."""

    lot: int
    source: int
    target: int
    quantity: Decimal


def stock(moves: Iterable[Move]) -> dict[tuple[int, int], Decimal]:
    """On hand for each (lot, place) that any move touches.

    For every lot the sum over all places is zero: the supplier's and the unaccounted place's minus is what the
    other places hold (FT42).
    """
    held: dict[tuple[int, int], Decimal] = {}
    for move in moves:
        held[move.lot, move.target] = held.get((move.lot, move.target), NONE) + move.quantity
        held[move.lot, move.source] = held.get((move.lot, move.source), NONE) - move.quantity
    return held


def drawn(held: Sequence[tuple[int, Decimal]], quantity: Decimal, last_resort: int) -> tuple[tuple[int, Decimal], ...]:
    """Say from which places a quantity is taken: in the given order, never below zero, the rest from `last_resort`.

    `held` are (place, on hand); the result are (place, quantity) with quantities above zero that add up exactly.
    """
    taken = []
    missing = quantity
    for place, there in held:
        part = min(there, missing)
        if part > 0:
            taken.append((place, part))
            missing -= part
    if missing > 0:
        taken.append((last_resort, missing))
    return tuple(taken)


def correction(booked: Decimal, counted: Decimal) -> Decimal:
    """What a count says beyond the books: above zero was found, below zero is gone."""
    return counted - booked
