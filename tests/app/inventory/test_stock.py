"""Stock in the database: received, staged, used once, counted, recalled; and the sums hold whatever happens."""

import threading
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from app.audit import queries as audit
from app.core.errors import Invalid, Missing, Refused
from app.db.session import Db, Tx, Who
from app.formulary.models import Package
from app.inventory import actions, place_actions, queries
from app.inventory.ledger import Move, stock
from app.inventory.models import Lot, Movement, Place, Staged

EXPIRY = date(2027, 3, 31)
Result = TypeVar("Result")
ZONE = "America/New_York"
NOW = datetime(2026, 11, 22, 14, 5, tzinfo=UTC)


def lot(db: Db, who: Who, package_id: int, number: str = "7G123", expiry: date = EXPIRY) -> int:
    with db.write(who) as tx:
        return actions.lot_for(tx, package_id=package_id, number=number, expiry=expiry).id


def stage(tx: Tx, station_id: int, package_id: int, number: str, expiry: date, quantity: Decimal) -> int:
    return actions.stage(tx, station_id, package_id=package_id, number=number, expiry=expiry, quantity=quantity)


def act(db: Db, who: Who, what: Callable[[Tx], Result]) -> Result:
    with db.write(who) as tx:
        return what(tx)


def together(*acts: Callable[[], object]) -> list[object]:
    """Do all acts at the same moment, each in a thread of its own; what each returned or raised, in any order."""
    gate, outcomes = threading.Barrier(len(acts)), []

    def run(each: Callable[[], object]) -> None:
        gate.wait()
        try:
            outcomes.append(each())
        except Exception as error:
            outcomes.append(error)

    threads = [threading.Thread(target=run, args=(each,)) for each in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def held(db: Db, lot_id: int) -> dict[str, Decimal]:
    """On hand by the kind of place, as SQL sums it."""
    with db.read() as session:
        places = session.scalars(select(Place)).all()
        return {p.kind: q for p in places if (q := queries.on_hand(session, lot_id, p.id))}


def problems(db: Db, lot_id: int, station: int, serial: str | None = None, at: datetime = NOW) -> tuple[str, ...]:
    with db.read() as session:
        return queries.container_problems(session, session.get_one(Lot, lot_id), serial, station, at, ZONE)


def test_what_is_received_staged_and_used_is_where_the_books_say(db: Db, pharmacy) -> None:  # type: ignore[no-untyped-def]
    lot_id = lot(db, pharmacy.tina, pharmacy.vial)
    assert act(db, pharmacy.tina, lambda tx: actions.receive(tx, lot_id, Decimal(25)))
    staged = act(db, pharmacy.tina, lambda tx: stage(tx, pharmacy.hood, pharmacy.vial, " 7G123 ", EXPIRY, Decimal(10)))
    assert held(db, lot_id) == {"supplier": -25, "shelf": 15, "hood": 10}
    for key in ("dose 1", "dose 2"):
        assert act(db, pharmacy.tina, lambda tx, key=key: actions.use(tx, key, lot_id, None, pharmacy.hood, "patient"))
    assert act(db, pharmacy.tina, lambda tx: actions.use(tx, "spill", lot_id, None, pharmacy.hood, "waste"))
    assert held(db, lot_id) == {"supplier": -25, "shelf": 15, "hood": 7, "patient": 2, "waste": 1}
    with db.read() as session:
        (shown,) = queries.staged_at(session, pharmacy.hood, pharmacy.vial)
        assert (shown.staged_id, shown.number, shown.expiry, shown.on_hand) == (staged, "7G123", EXPIRY, 7)
        assert queries.staged_at(session, pharmacy.other_hood, pharmacy.vial) == ()
        assert queries.staged_at(session, pharmacy.hood, pharmacy.bag) == ()
        actions_seen = [each.action for each in audit.of_subject(session, f"lot {lot_id}")]
    assert actions_seen == ["received", "staged"]
    assert act(db, pharmacy.tina, lambda tx: actions.end_staging(tx, staged)) == 7
    assert held(db, lot_id) == {"supplier": -25, "shelf": 22, "patient": 2, "waste": 1}
    with pytest.raises(Refused, match="taken away from this hood already"):
        act(db, pharmacy.tina, lambda tx: actions.end_staging(tx, staged))


def test_a_key_books_a_use_once_and_stands_for_nothing_else(db: Db, pharmacy) -> None:  # type: ignore[no-untyped-def]
    lot_id, other = lot(db, pharmacy.tina, pharmacy.vial), lot(db, pharmacy.tina, pharmacy.vial, "OTHER")

    def use(key: str, of: int, serial: str | None) -> bool:
        return act(db, pharmacy.tina, lambda tx: actions.use(tx, key, of, serial, pharmacy.hood, "patient"))

    assert use("work 12 step 1", lot_id, "S1")
    assert not use("work 12 step 1", lot_id, "S1")
    assert held(db, lot_id) == {"unaccounted": -1, "patient": 1}
    for of, serial in ((other, "S1"), (lot_id, "S2")):
        with pytest.raises(Refused, match="booked already, for another container"):
            use("work 12 step 1", of, serial)


def test_two_uses_with_one_key_at_once_are_one_use(db: Db, pharmacy) -> None:  # type: ignore[no-untyped-def]
    lot_id = lot(db, pharmacy.tina, pharmacy.vial)
    act(db, pharmacy.tina, lambda tx: stage(tx, pharmacy.hood, pharmacy.vial, "7G123", EXPIRY, Decimal(3)))

    def use() -> bool:
        return act(db, pharmacy.tina, lambda tx: actions.use(tx, "dose 1", lot_id, "S1", pharmacy.hood, "patient"))

    assert sorted(map(str, together(use, use, use))) == ["False", "False", "True"]
    assert held(db, lot_id) == {"unaccounted": -3, "hood": 2, "patient": 1}


def test_many_uses_at_once_never_take_what_is_not_there(db: Db, pharmacy) -> None:  # type: ignore[no-untyped-def]
    lot_id = lot(db, pharmacy.tina, pharmacy.vial)
    act(db, pharmacy.tina, lambda tx: actions.receive(tx, lot_id, Decimal(5)))
    act(db, pharmacy.tina, lambda tx: stage(tx, pharmacy.hood, pharmacy.vial, "7G123", EXPIRY, Decimal(3)))

    def use(number: int) -> Callable[[], bool]:
        key = f"dose {number}"
        return lambda: act(db, pharmacy.tina, lambda tx: actions.use(tx, key, lot_id, None, pharmacy.hood, "patient"))

    assert together(*(use(number) for number in range(8))) == [True] * 8
    # Three from the hood, two from the shelf, and three that nobody had booked in: no place fell below zero.
    assert held(db, lot_id) == {"supplier": -5, "patient": 8, "unaccounted": -3}


def test_two_first_stagings_of_a_lot_at_once_are_one_staging_with_both_cartons(db: Db, pharmacy) -> None:  # type: ignore[no-untyped-def]
    def carton() -> int:
        return act(db, pharmacy.tina, lambda tx: stage(tx, pharmacy.hood, pharmacy.vial, "NEW", EXPIRY, Decimal(10)))

    first, second = together(carton, carton)
    assert first == second
    with db.read() as session:
        (shown,) = queries.staged_at(session, pharmacy.hood, pharmacy.vial)
        assert shown.on_hand == 20
        for table in (Staged, Lot):
            assert session.scalar(select(func.count()).select_from(table)) == 1


def test_a_use_over_several_places_is_booked_in_parts_that_add_up(db: Db, pharmacy) -> None:  # type: ignore[no-untyped-def]
    lot_id = lot(db, pharmacy.tina, pharmacy.vial)
    act(db, pharmacy.tina, lambda tx: actions.receive(tx, lot_id, Decimal(2), key="delivery 1"))
    assert not act(db, pharmacy.tina, lambda tx: actions.receive(tx, lot_id, Decimal(2), key="delivery 1"))
    act(db, pharmacy.tina, lambda tx: stage(tx, pharmacy.hood, pharmacy.vial, "7G123", EXPIRY, Decimal(1)))
    for again in (True, False):
        done = act(
            db,
            pharmacy.tina,
            lambda tx: actions.use(tx, "batch 7", lot_id, None, pharmacy.hood, "patient", Decimal("3.5")),
        )
        assert done is again
    assert held(db, lot_id) == {"supplier": -2, "unaccounted": Decimal("-1.5"), "patient": Decimal("3.5")}


def test_what_was_used_for_a_dose_that_ended_badly_is_waste_once(db: Db, pharmacy) -> None:  # type: ignore[no-untyped-def]
    lot_id = lot(db, pharmacy.tina, pharmacy.vial)
    act(db, pharmacy.tina, lambda tx: stage(tx, pharmacy.hood, pharmacy.vial, "7G123", EXPIRY, Decimal(2)))
    for key, quantity in (("work 1", Decimal(3)), ("work 12", Decimal(1))):
        act(
            db,
            pharmacy.tina,
            lambda tx, key=key, quantity=quantity: actions.use(
                tx, key, lot_id, "S1", pharmacy.hood, "patient", quantity
            ),
        )
    for _ in range(2):
        act(db, pharmacy.tina, lambda tx: actions.waste_what_was_used(tx, "work 1", "refused"))
    assert held(db, lot_id) == {"unaccounted": -4, "patient": 1, "waste": 3}
    assert len(problems(db, lot_id, pharmacy.other_hood, "S1")) == 1


def test_a_move_takes_no_more_than_the_books_say(db: Db, pharmacy) -> None:  # type: ignore[no-untyped-def]
    lot_id = lot(db, pharmacy.tina, pharmacy.vial)
    shelf = act(db, pharmacy.tina, lambda tx: place_actions.place_of_kind(tx, "shelf"))
    cart = act(db, pharmacy.tina, lambda tx: place_actions.add_place(tx, "cart", "Cart 3 West"))
    with pytest.raises(Invalid, match="already"):
        act(db, pharmacy.tina, lambda tx: place_actions.add_place(tx, "shelf", "Cart 3 West"))
    act(db, pharmacy.tina, lambda tx: actions.receive(tx, lot_id, Decimal(4)))

    def move(quantity: int, key: str | None = None) -> bool:
        return act(
            db, pharmacy.tina, lambda tx: actions.move(tx, lot_id, shelf, cart, Decimal(quantity), "cart fill", key=key)
        )

    assert move(3, "fill 1")
    assert not move(3, "fill 1")
    with pytest.raises(Refused, match="The books say that 1 of lot 7G123"):
        move(2)
    with pytest.raises(Invalid):
        move(0)
    with pytest.raises(Invalid, match="another place"):
        act(db, pharmacy.tina, lambda tx: actions.move(tx, lot_id, shelf, shelf, Decimal(1), "nowhere"))
    assert held(db, lot_id) == {"supplier": -4, "shelf": 1, "cart": 3}


def test_a_count_is_a_movement_and_says_what_was_found_or_gone(db: Db, pharmacy) -> None:  # type: ignore[no-untyped-def]
    lot_id = lot(db, pharmacy.tina, pharmacy.vial)
    shelf = act(db, pharmacy.tina, lambda tx: place_actions.place_of_kind(tx, "shelf"))
    act(db, pharmacy.tina, lambda tx: actions.receive(tx, lot_id, Decimal(10)))
    for counted, difference in ((Decimal(8), -2), (Decimal(8), 0), (Decimal(9), 1), (Decimal(0), -9)):
        found = act(db, pharmacy.tina, lambda tx, counted=counted: actions.count(tx, shelf, lot_id, counted))
        assert found == difference
    assert held(db, lot_id) == {"supplier": -10, "unaccounted": 10}
    for wrong in (Decimal(-1), Decimal("NaN")):
        with pytest.raises(Invalid):
            act(db, pharmacy.tina, lambda tx, wrong=wrong: actions.count(tx, shelf, lot_id, wrong))
    with db.read() as session:
        entries = [each for each in audit.of_subject(session, f"lot {lot_id}") if each.action == "counted"]
    assert [each.facts["booked"] for each in entries] == ["10", "8", "8", "9"]


def test_an_expired_container_is_stopped_after_its_last_minute(db: Db, pharmacy) -> None:  # type: ignore[no-untyped-def]
    lot_id = lot(db, pharmacy.tina, pharmacy.vial)
    last = datetime(2027, 4, 1, 3, 59, tzinfo=UTC)
    assert problems(db, lot_id, pharmacy.hood, at=last) == ()
    (said,) = problems(db, lot_id, pharmacy.hood, at=last + timedelta(seconds=1))
    assert said == "Lot 7G123 expired on 31-Mar-2027. Put it aside and take another one."


def test_a_recall_stops_the_number_whatever_its_expiry_or_case(db: Db, pharmacy) -> None:  # type: ignore[no-untyped-def]
    lot_id = lot(db, pharmacy.tina, pharmacy.vial)
    misread = lot(db, pharmacy.tina, pharmacy.vial, "7g123", date(2028, 3, 31))
    innocent = lot(db, pharmacy.tina, pharmacy.bag)
    act(db, pharmacy.tina, lambda tx: stage(tx, pharmacy.hood, pharmacy.vial, "7G123", EXPIRY, Decimal(3)))
    act(db, pharmacy.tina, lambda tx: actions.use(tx, "dose 1", lot_id, "S1", pharmacy.hood, "patient"))
    act(db, pharmacy.tina, lambda tx: actions.use(tx, "dose 2", misread, None, pharmacy.other_hood, "waste"))

    act(db, pharmacy.pablo, lambda tx: actions.recall(tx, misread, "particles, letter of the maker"))

    later = lot(db, pharmacy.tina, pharmacy.vial, "7G123", date(2029, 1, 31))
    for each in (lot_id, misread, later):
        (said,) = (said for said in problems(db, each, pharmacy.hood) if "recalled" in said)
        assert "(particles, letter of the maker)" in said
    assert problems(db, innocent, pharmacy.hood) == ()
    with db.read() as session:
        swept = queries.whereabouts(session, lot_id)
        assert [(each.place, each.on_hand, each.recalled) for each in swept.stock] == [("Hood (hood)", 2, True)]
        assert [(each.key, each.serial, each.to) for each in swept.uses] == [
            ("dose 1", "S1", "patient"),
            ("dose 2", None, "waste"),
        ]
        assert queries.recalled_among(session, [innocent]) == ()
        assert (
            queries.recalled_among(session, [innocent, later, lot_id])
            == ("Lot 7G123 was recalled (particles, letter of the maker)",) * 2
        )
        assert [each.recalled for each in queries.staged_at(session, pharmacy.hood, pharmacy.vial)] == [True]
    refused: list[Callable[[Tx], object]] = [
        lambda tx: actions.recall(tx, lot_id, "again"),
        lambda tx: actions.receive(tx, lot_id, Decimal(1)),
        lambda tx: stage(tx, pharmacy.hood, pharmacy.vial, "7G123", EXPIRY, Decimal(1)),
    ]
    for what in refused:
        with pytest.raises(Refused, match="was recalled"):
            act(db, pharmacy.pablo, what)
    with pytest.raises(Refused, match="Say why"):
        act(db, pharmacy.pablo, lambda tx: actions.recall(tx, innocent, " "))


def test_a_lot_that_is_booked_empty_at_this_hood_is_stopped_there_and_only_there(db: Db, pharmacy) -> None:  # type: ignore[no-untyped-def]
    lot_id = lot(db, pharmacy.tina, pharmacy.vial)
    act(db, pharmacy.tina, lambda tx: stage(tx, pharmacy.hood, pharmacy.vial, "7G123", EXPIRY, Decimal(1)))
    assert problems(db, lot_id, pharmacy.hood) == ()
    act(db, pharmacy.tina, lambda tx: actions.use(tx, "dose 1", lot_id, None, pharmacy.hood, "patient"))
    (said,) = problems(db, lot_id, pharmacy.hood)
    assert said.startswith("The books say that nothing of lot 7G123 is left at this hood.")
    assert problems(db, lot_id, pharmacy.other_hood) == ()
    hood = act(db, pharmacy.tina, lambda tx: place_actions.place_of_station(tx, pharmacy.hood))
    act(db, pharmacy.tina, lambda tx: actions.count(tx, hood, lot_id, Decimal(2)))
    assert problems(db, lot_id, pharmacy.hood) == ()


def test_a_lot_that_was_never_staged_is_no_problem_however_many_are_used(db: Db, pharmacy) -> None:  # type: ignore[no-untyped-def]
    lot_id = lot(db, pharmacy.tina, pharmacy.vial)
    for number in range(3):
        assert problems(db, lot_id, pharmacy.hood) == ()
        key = f"dose {number}"
        act(db, pharmacy.tina, lambda tx, key=key: actions.use(tx, key, lot_id, None, pharmacy.hood, "patient"))


def test_a_serial_is_used_once_per_product_whatever_lot_was_read(db: Db, pharmacy) -> None:  # type: ignore[no-untyped-def]
    lot_id = lot(db, pharmacy.tina, pharmacy.vial)
    act(db, pharmacy.tina, lambda tx: actions.use(tx, "dose 1", lot_id, "S1", pharmacy.hood, "patient"))
    other_lot, other_product = lot(db, pharmacy.tina, pharmacy.vial, "8H"), lot(db, pharmacy.tina, pharmacy.bag)
    for each in (lot_id, other_lot):
        (said,) = problems(db, each, pharmacy.other_hood, "S1")
        assert said.startswith("The container with serial S1 was used before.")
    for each, serial in ((lot_id, "S2"), (lot_id, None), (other_product, "S1")):
        assert problems(db, each, pharmacy.hood, serial) == ()


def test_everything_that_stands_against_a_container_is_said_at_once(db: Db, pharmacy) -> None:  # type: ignore[no-untyped-def]
    lot_id = lot(db, pharmacy.tina, pharmacy.vial)
    act(db, pharmacy.tina, lambda tx: stage(tx, pharmacy.hood, pharmacy.vial, "7G123", EXPIRY, Decimal(1)))
    act(db, pharmacy.tina, lambda tx: actions.use(tx, "dose 1", lot_id, "S1", pharmacy.hood, "patient"))
    act(db, pharmacy.pablo, lambda tx: actions.recall(tx, lot_id, "particles"))
    said = problems(db, lot_id, pharmacy.hood, "S1", datetime(2027, 5, 1, tzinfo=UTC))
    assert len(said) == 4
    assert all(word in each for word, each in zip(("expired", "recalled", "books", "serial"), said, strict=True))


def test_what_expires_soon_and_is_still_there_is_listed_first_to_expire_first(db: Db, pharmacy) -> None:  # type: ignore[no-untyped-def]
    sooner = lot(db, pharmacy.tina, pharmacy.bag, "B")
    later = lot(db, pharmacy.tina, pharmacy.vial, "V", date(2027, 4, 30))
    gone = lot(db, pharmacy.tina, pharmacy.vial, "GONE")
    for each in (later, sooner):
        act(db, pharmacy.tina, lambda tx, each=each: actions.receive(tx, each, Decimal(2)))
    act(db, pharmacy.tina, lambda tx: actions.use(tx, "dose 1", gone, None, pharmacy.hood, "patient"))
    with db.read() as session:
        listed = queries.lots_expiring(session, date(2027, 4, 30))
        assert [(each.container, each.number, each.place, each.on_hand) for each in listed] == [
            ("bag, 1 bag", "B", "stock room", 2),
            ("vial, 1 vial", "V", "stock room", 2),
        ]
        assert queries.lots_expiring(session, date(2027, 3, 30)) == ()
        shelf = session.scalars(select(Place.id).where(Place.kind == "shelf")).one()
        assert [each.number for each in queries.stock_of(session, package_id=pharmacy.bag, place_id=shelf)] == ["B"]


def test_what_cannot_be_staged_is_refused(db: Db, pharmacy) -> None:  # type: ignore[no-untyped-def]
    def refused(who: Who, station: int, number: str = "7G123", expiry: date = EXPIRY, quantity: str = "1") -> None:
        act(db, who, lambda tx: stage(tx, station, pharmacy.vial, number, expiry, Decimal(quantity)))

    with pytest.raises(Refused, match="may not stage stock"):
        refused(pharmacy.nina, pharmacy.hood)
    with pytest.raises(Refused, match="is no hood"):
        refused(pharmacy.tina, pharmacy.desk)
    with pytest.raises(Missing):
        refused(pharmacy.tina, 999)
    with pytest.raises(Refused, match="expired on 20-Nov-2026"):
        refused(pharmacy.tina, pharmacy.hood, expiry=date(2026, 11, 20))
    for number in ("", "7G 123", "7" * 21, "Lot№1"):
        with pytest.raises(Invalid, match="lot number"):
            refused(pharmacy.tina, pharmacy.hood, number)
    for quantity in ("0", "-1", "NaN"):
        with pytest.raises(Invalid, match="more than 0"):
            refused(pharmacy.tina, pharmacy.hood, quantity=quantity)
    with db.read() as session:
        assert session.scalar(select(func.count()).select_from(Movement)) == 0


def test_who_may_not_touch_stock_is_refused(db: Db, pharmacy) -> None:  # type: ignore[no-untyped-def]
    lot_id = lot(db, pharmacy.tina, pharmacy.vial)
    refused: list[tuple[Who, Callable[[Tx], object]]] = [
        (pharmacy.nina, lambda tx: actions.receive(tx, lot_id, Decimal(1))),
        (pharmacy.nina, lambda tx: actions.move(tx, lot_id, 1, 2, Decimal(1), "x")),
        (pharmacy.nina, lambda tx: actions.count(tx, 1, lot_id, Decimal(1))),
        (pharmacy.nina, lambda tx: actions.end_staging(tx, 1)),
        (pharmacy.nina, lambda tx: place_actions.add_place(tx, "cart", "C")),
        (pharmacy.tina, lambda tx: actions.recall(tx, lot_id, "x")),
    ]
    for who, what in refused:
        with pytest.raises(Refused, match="may not"):
            act(db, who, what)
    with pytest.raises(Missing):
        act(db, pharmacy.tina, lambda tx: actions.receive(tx, 999, Decimal(1)))
    with pytest.raises(Missing):
        act(db, pharmacy.tina, lambda tx: actions.lot_for(tx, package_id=999, number="A", expiry=EXPIRY))
    with pytest.raises(Invalid):
        act(db, pharmacy.tina, lambda tx: actions.use(tx, "k", lot_id, None, pharmacy.hood, "shelf"))
    with pytest.raises(Invalid):
        act(db, pharmacy.tina, lambda tx: place_actions.place_of_kind(tx, "hood"))


def test_after_any_history_the_sums_of_the_database_are_the_sums_of_its_movements(db: Db, pharmacy) -> None:  # type: ignore[no-untyped-def]
    lots = [lot(db, pharmacy.tina, pharmacy.vial, number) for number in ("A", "B")]
    hood = act(db, pharmacy.tina, lambda tx: place_actions.place_of_station(tx, pharmacy.hood))
    shelf = act(db, pharmacy.tina, lambda tx: place_actions.place_of_kind(tx, "shelf"))
    keys = iter(range(10**9))
    steps = st.tuples(
        st.sampled_from(["receive", "stage", "use", "waste", "count hood", "count shelf"]),
        st.integers(0, 1),
        st.integers(1, 12),
    )

    def do(tx: Tx, name: str, which: int, quantity: int) -> None:
        lot_id, amount = lots[which], Decimal(quantity)
        match name:
            case "receive":
                actions.receive(tx, lot_id, amount)
            case "stage":
                stage(tx, pharmacy.hood, pharmacy.vial, "AB"[which], EXPIRY, amount)
            case "use" | "waste":
                target = "patient" if name == "use" else "waste"
                actions.use(tx, f"use {next(keys)}", lot_id, None, pharmacy.hood, target, amount)
            case _:
                actions.count(tx, hood if name == "count hood" else shelf, lot_id, amount)

    @settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.lists(steps, min_size=1, max_size=8))
    def history(done: list[tuple[str, int, int]]) -> None:
        with db.write(pharmacy.tina) as tx:
            for name, which, quantity in done:
                do(tx, name, which, quantity)
        with db.read() as session:
            moves = [
                Move(each.lot_id, each.from_place_id, each.to_place_id, each.quantity)
                for each in session.scalars(select(Movement))
            ]
            sums = stock(moves)
            places = {place.id: place.kind for place in session.scalars(select(Place))}
            for lot_id in lots:
                assert sum(q for (each, _), q in sums.items() if each == lot_id) == 0
                for place, kind in places.items():
                    there = queries.on_hand(session, lot_id, place)
                    assert there == sums.get((lot_id, place), 0)
                    assert there >= 0 or kind in ("supplier", "unaccounted")

    history()


def test_two_sizes_of_one_product_are_counted_apart_and_recalled_together(db: Db, pharmacy) -> None:  # type: ignore[no-untyped-def]
    with db.write(pharmacy.tina) as tx:
        small = tx.session.get_one(Package, pharmacy.bag)
        large = Package(product_id=small.product_id, ndc="0338-0049-04", description="1 large bag")
        tx.session.add(large)
        tx.session.flush()
        sizes = (small.id, large.id)
        for package_id, quantity in zip(sizes, (24, 10), strict=True):
            stage(tx, pharmacy.hood, package_id, "P456789", EXPIRY, Decimal(quantity))
    with db.read() as session:
        staged = [queries.staged_at(session, pharmacy.hood, size) for size in sizes]
        assert [[each.on_hand for each in of_a_size] for of_a_size in staged] == [[24], [10]]
        lots = [of_a_size[0].lot_id for of_a_size in staged]
    act(db, pharmacy.tina, lambda tx: actions.use(tx, "dose 1", lots[1], None, pharmacy.hood, "patient"))
    assert [held(db, each)["hood"] for each in lots] == [24, 9]
    act(db, pharmacy.pablo, lambda tx: actions.recall(tx, lots[0], "particles"))
    for each in lots:
        assert any("recalled (particles)" in problem for problem in problems(db, each, pharmacy.hood))
    with db.read() as session:
        found = queries.whereabouts(session, lots[1])
    assert sorted((each.container, each.on_hand) for each in found.stock) == [
        ("bag, 1 bag", 24),
        ("bag, 1 large bag", 9),
    ]
