"""The ledger's sums: nothing appears, nothing vanishes, nothing is drawn that is not there."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from app.inventory.ledger import Move, correction, drawn, stock

quantities = st.integers(1, 10_000_000).map(lambda n: Decimal(n) / 1_000_000)
moves = st.builds(Move, st.integers(1, 3), st.integers(1, 5), st.integers(6, 9), quantities)


@given(st.lists(moves, max_size=60))
def test_what_came_in_is_what_went_out_and_what_is_there(done: list[Move]) -> None:
    held = stock(done)
    for lot in {move.lot for move in done}:
        assert sum(quantity for (each, _), quantity in held.items() if each == lot) == 0
    for (lot, place), quantity in held.items():
        came = sum(m.quantity for m in done if (m.lot, m.target) == (lot, place))
        went = sum(m.quantity for m in done if (m.lot, m.source) == (lot, place))
        assert came == went + quantity


@given(st.lists(st.tuples(st.integers(1, 5), st.decimals(-5, 20, places=2)), max_size=5), quantities)
def test_what_is_drawn_adds_up_and_leaves_no_place_below_zero(
    held: list[tuple[int, Decimal]], quantity: Decimal
) -> None:
    parts = drawn(held, quantity, 99)
    assert sum(part for _, part in parts) == quantity
    assert all(part > 0 for _, part in parts)
    from_places = [part for place, part in parts if place != 99]
    assert sum(from_places) == min(quantity, sum(max(there, Decimal(0)) for _, there in held))


def test_places_are_drawn_from_in_the_given_order() -> None:
    held = [(7, Decimal(1)), (8, Decimal(0)), (9, Decimal(5))]
    assert drawn(held, Decimal(3), 99) == ((7, Decimal(1)), (9, Decimal(2)))
    assert drawn(held, Decimal(8), 99) == ((7, Decimal(1)), (9, Decimal(5)), (99, Decimal(2)))


def test_a_correction_has_a_direction() -> None:
    assert correction(Decimal(10), Decimal(8)) == -2
    assert correction(Decimal(8), Decimal(10)) == 2
