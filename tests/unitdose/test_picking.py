"""Picking by scan: the way, every wrong scan, two technicians, short bins, signing and pulling, on both databases."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from app.core.errors import Refused
from app.core.quantity import Quantity
from app.core.workflow import State
from app.demo_cart import unit_code
from app.formulary.unit_dose import UnitDoseFacts
from app.inventory import actions as stock
from app.inventory.models import Lot, Movement, Place
from tests.cart_room import CartRoom
from unitdose import drawer_actions, pick_actions, scheduler
from unitdose.drawer_queries import drawer_blockers, drawer_standing
from unitdose.models import Put
from unitdose.pick_queries import progress, stop_at, way_through, where_am_i
from unitdose.picking import PickStop, Spot, ToPut, next_stop, route, walk
from unitdose.queries import drawers_of


def a_stop(nth: int, name: str = "drug", zone: str = "A", aisle: int = 1, bay: int = 1, shelf: int = 1) -> PickStop:
    package = UnitDoseFacts(nth, nth, nth, name, "tablet", Quantity(1, "mg"))
    spot = Spot(nth, f"LOC-{zone}{aisle}-{bay}-{shelf}-{nth:02}", zone, aisle, bay, shelf, nth)
    return PickStop(package, spot, (ToPut(nth, nth, 1, nth, "L", 1),))


def test_the_way_goes_up_one_aisle_and_down_the_next() -> None:
    stops = [a_stop(nth, aisle=aisle, bay=bay) for nth, (aisle, bay) in enumerate([(2, 1), (1, 3), (2, 3), (1, 1)], 1)]
    assert [(each.spot.aisle, each.spot.bay) for each in route(stops)] == [(1, 1), (1, 3), (2, 3), (2, 1)]


def test_look_alikes_are_never_picked_one_after_the_other() -> None:
    stops = [a_stop(1, "metformin", bay=1), a_stop(2, "metronidazole", bay=2), a_stop(3, "docusate", bay=9)]
    assert [each.package.name for each in route(stops)] == ["metformin", "docusate", "metronidazole"]
    only = route(stops[:2])
    assert [each.beside for each in only] == ["", "metformin"], "where nothing else is left, the screen warns"


@given(st.lists(st.tuples(st.integers(1, 6), st.integers(1, 6), st.integers(1, 4)), max_size=15))
def test_every_stop_is_on_the_way_once(places: list[tuple[int, int, int]]) -> None:
    stops = [a_stop(nth, aisle=a, bay=b, shelf=s) for nth, (a, b, s) in enumerate(places, 1)]
    way = route(stops)
    assert sorted(each.key for each in way) == sorted(each.key for each in stops)
    assert [walk(each.spot) for each in way] == sorted(walk(each.spot) for each in stops)
    taken = {way[0].key} if way else set()
    after = next_stop(way, taken)
    assert after is None or after.key not in taken


def two_drawers(room: CartRoom) -> int:
    room.order("metformin", ("500", "mg"), number="P1", patient=0)
    room.order("metformin", ("500", "mg"), number="P2", patient=1)
    room.order("furosemide", ("40", "mg"), number="P3", patient=1, frequency="DAILY")
    return room.planned()


def test_a_cart_is_picked_package_by_package_and_every_one_is_in_the_books(room: CartRoom) -> None:
    fill = two_drawers(room)
    assert room.picked(fill) == 5
    with room.db.read() as session:
        assert progress(session, fill).left == 0
        assert {each.state for each in drawers_of(session, fill)} == {State.MAKING}
        cart = session.scalar(select(Place.id).where(Place.name == "cart 7W"))
        assert session.scalar(select(func.count(Movement.id)).where(Movement.to_place_id == cart)) == 5
        assert session.scalar(select(func.count(Put.id))) == 5
    assert len(room.signed(fill)) == 2
    with room.db.read() as session:
        assert {each.state for each in drawers_of(session, fill)} == {State.MADE}


def begin(room: CartRoom, by: str = "tina") -> tuple[int, PickStop, ToPut]:
    fill = two_drawers(room)
    with room.db.write(room.who(by)) as tx:
        pick_actions.start(tx, fill)
    here = room.here(fill, by)
    assert here is not None
    return fill, *here


def test_every_wrong_scan_is_a_hard_stop_that_changes_nothing_and_the_next_right_one_clears_it(room: CartRoom) -> None:
    fill, stop, to = begin(room)
    assert stop.package.name == "metformin"
    right, drawer = unit_code("metformin"), room.serial(to.work_id)
    wrong = {
        "garbage": "Wrong product",
        "]d20100904632661": "Not readable",
        unit_code("metronidazole"): "Wrong product",
        unit_code("metformin", lot="OTHER1"): "Another lot",
        "LOC-Z9-9-9-99": "Another bin",
        "BADGE-TINA2026": "This is a badge",
        "CARD-HELP": "HELP does nothing here",
        drawer: "No package in your hand",
    }
    for scanned, what in wrong.items():
        halt = room.scan(scanned)
        assert halt is not None and halt.what == what and halt.remedy
    assert room.scan(stop.spot.code) is None
    assert room.scan(right) is None
    once_more = room.scan(right)
    assert once_more is not None and once_more.what == "One package at a time"
    with room.db.read() as session:
        assert session.scalar(select(func.count(Put.id))) == 0
    assert room.scan(drawer) is None
    twice = room.scan(drawer)
    assert twice is not None and twice.what == "No package in your hand", "the same drawer scanned twice puts nothing"
    with room.db.read() as session:
        assert session.scalar(select(func.count(Put.id))) == 1


def test_expired_and_recalled_packages_are_hard_stops(room: CartRoom) -> None:
    from datetime import date

    _, stop, _ = begin(room)
    expired = room.scan(unit_code("metformin", expiry=date(2026, 11, 1), lot="OLD1"))
    assert expired is not None and expired.what == "Expired"
    soon = room.scan(unit_code("metformin", expiry=date(2026, 11, 22), lot="SOON1"))
    assert soon is not None and soon.what == "Expires too soon"
    with room.db.write(room.who("pablo")) as tx:
        stock.recall(tx, stop.puts[0].lot_id, "glass in the blister")
    recalled = room.scan(unit_code("metformin"))
    assert recalled is not None and recalled.what == "Recalled" and "glass" in recalled.remedy


def test_a_package_goes_into_no_other_drawer_than_one_on_the_screen(room: CartRoom) -> None:
    fill, stop, _ = begin(room)
    room.scan("CARD-NEXT")
    here = room.here(fill)
    assert here is not None and (furosemide := here[0]).package.name == "furosemide", "later is another bin"
    room.scan(unit_code("furosemide"))
    other = next(each.work_id for each in stop.puts if each.work_id != furosemide.puts[0].work_id)
    halt = room.scan(room.serial(other))
    assert halt is not None and halt.what == "Wrong drawer"
    assert room.scan("CARD-REJECT") is None, "put back into the bin"
    with pytest.raises(AssertionError):
        assert room.scan(room.serial(other)) is None


def test_a_code_without_a_lot_is_taken_after_the_lot_was_read_from_the_package(room: CartRoom) -> None:
    from app.demo_cart import dosed

    _, _, to = begin(room)
    bare = f"01{dosed('metformin').gtin}"
    halt = room.scan(f"]d2{bare}")
    assert halt is not None and halt.what == "The code says no lot" and "MF2210" in halt.remedy
    room.scan("CARD-YES")
    assert room.scan(f"]d2{bare}") is None
    assert room.scan(room.serial(to.work_id)) is None


def test_two_technicians_share_a_cart_without_meeting_at_a_bin(room: CartRoom) -> None:
    fill, mine, _ = begin(room)
    with room.db.write(room.who("tomas")) as tx:
        theirs = pick_actions.start(tx, fill)
    assert theirs is not None and theirs.key != mine.key
    with pytest.raises(Refused, match="Somebody else"), room.db.write(room.who("tomas")) as tx:
        pick_actions._claim(tx, fill, mine.key)  # both looked at the same moment
    room.picked(fill, "tomas", most=1)
    room.picked(fill)
    with room.db.read() as session:
        makers = {each.person_id for each in session.scalars(select(Put))}
        assert makers == {room.people["tina"], room.people["tomas"]}
    assert len(room.signed(fill, "tomas")) == 2, "whoever signs takes over what somebody else began"


def test_a_stop_read_by_itself_is_the_stop_of_the_way(room: CartRoom) -> None:
    fill, first, _ = begin(room)
    with room.db.read() as session:
        way = way_through(session, fill)
        assert len(way) > 1
        assert [stop_at(session, fill, each.key) for each in way] == [replace(each, beside="") for each in way]
        elsewhere = (first.key[0], next(each.key[1] for each in way if each.key != first.key))
        assert stop_at(session, fill, elsewhere) is None, "the package is not wanted from another bin"
        assert stop_at(session, fill + 1, first.key) is None
    room.picked(fill, most=first.quantity)
    with room.db.read() as session:
        assert stop_at(session, fill, first.key) is None, "all of it is in its drawers"


def test_an_empty_bin_is_short_with_its_reason_and_the_books_are_put_right(room: CartRoom) -> None:
    fill, stop, _ = begin(room)
    with pytest.raises(Refused, match="Choose why"), room.db.write(room.who("tina")) as tx:
        pick_actions.short(tx, "")
    with room.db.write(room.who("tina")) as tx:
        pick_actions.short(tx, "empty bin")
    with room.db.read() as session:
        assert progress(session, fill).short == 4
        assert all(each.package.name != "metformin" for each in way_through(session, fill))
        lot = session.get_one(Lot, stop.puts[0].lot_id)
        from app.inventory.queries import on_hand

        assert on_hand(session, lot.id, stop.spot.place_id) == 0
    assert {line.short_why for line in room.lines(fill) if line.short} == {
        f"{stop.spot.shown}: empty bin; elsewhere 0 of 1 in stock and in date"
    }


def test_what_was_struck_is_pulled_before_the_drawer_can_be_signed(room: CartRoom) -> None:
    version = room.order("metformin", ("500", "mg"), number="Q1")
    room.order("pantoprazole", ("40", "mg"), number="Q2", frequency="DAILY")
    fill = room.planned()
    room.picked(fill)
    order_id = room.stop(version)
    scheduler.change_orders(room.db, fill, [order_id])
    with room.db.read() as session:
        drawer = drawers_of(session, fill)[0]
        standing = drawer_standing(session, drawer.work_id)
        assert drawer_blockers(session, standing) == [
            "take 2 packages out: metformin 500 mg by mouth is not for this drawer any more"
        ]
    assert not standing.ready
    serial = room.serial(drawer.work_id)
    with pytest.raises(Refused, match="not to be taken out"), room.db.write(room.who("tina")) as tx:
        drawer_actions.pull(tx, serial, unit_code("pantoprazole"))
    for _ in range(2):
        with room.db.write(room.who("tina")) as tx:
            drawer_actions.pull(tx, serial, unit_code("metformin"))
    with pytest.raises(Refused, match="Nothing is to be taken out"), room.db.write(room.who("tina")) as tx:
        drawer_actions.pull(tx, serial, unit_code("metformin"))
    assert room.signed(fill) == [drawer.work_id]
    with room.db.read() as session:
        lines = [line for line in room.lines(fill) if line.packages]
        in_cart = session.scalar(select(Place.id).where(Place.name == "cart 7W"))
        come = session.scalar(select(func.count(Movement.id)).where(Movement.to_place_id == in_cart))
        gone = session.scalar(select(func.count(Movement.id)).where(Movement.from_place_id == in_cart))
    assert (come, gone, sum(line.put for line in lines)) == (3, 2, 1)


def test_a_nurse_may_not_pick_and_nobody_signs_an_unfinished_drawer(room: CartRoom) -> None:
    fill = two_drawers(room)
    with pytest.raises(Refused, match="may not pick"), room.db.write(room.who("nina")) as tx:
        pick_actions.start(tx, fill)
    room.picked(fill, most=1)
    with room.db.read() as session:
        drawer = drawer_standing(session, drawers_of(session, fill)[0].work_id)
    from unitdose.drawer_queries import drawer_sha256

    shown = {drawer.facts.work_id: drawer_sha256(drawer)}
    with pytest.raises(Refused, match="not put into it yet"), room.db.write(room.who("tina")) as tx:
        drawer_actions.finish(tx, fill, list(shown), room.proof("tina"), shown)
    with room.db.read() as session:
        assert where_am_i(session, room.people["tina"]) is not None
