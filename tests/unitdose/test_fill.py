"""A cart's window opened, planned and planned again after every change, on both databases."""

import threading
import time
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import func, select

from app.core.errors import Invalid, Refused
from app.core.workflow import State
from app.db.session import SYSTEM, Tx
from app.demo_cart import EXPIRY
from app.formulary.models import Package
from app.inventory import actions as stock
from app.inventory.models import Location
from app.orders import actions as orders
from app.orders.models import OrderVersion
from tests.cart_room import WINDOW, CartRoom
from tests.conftest import SetClock
from unitdose import scheduler
from unitdose.models import Allocation, FillRun
from unitdose.plan_actions import write_lines
from unitdose.queries import drawers_of, fill_facts
from unitdose.routes import Reason, Route
from unitdose.run_actions import beat, begin_run
from unitdose.stock_queries import free_stock
from unitdose.tick_scheduler import CartWatch


def test_a_window_is_planned_with_a_reason_for_every_dose(room: CartRoom) -> None:
    metoprolol = room.order("metoprolol tartrate", ("25", "mg"), number="A1")
    docusate = room.order("docusate", ("100", "mg"), number="A2")
    oxycodone = room.order("oxycodone", ("5", "mg"), number="A3", frequency="Q6H")
    other_ward = room.order("metformin", ("500", "mg"), number="A4", patient=4)
    fill = room.planned()
    lines = room.of_order(fill, metoprolol)
    assert [(line.wall, line.route, line.reason, line.packages, line.put) for line in lines] == [
        ("2026-11-22T21:00", Route.CART, Reason.CART, 1, 0),
        ("2026-11-23T09:00", Route.CART, Reason.CART, 1, 0),
    ]
    assert all(len(line.set_aside) == 1 and line.set_aside[0].lot == "MT4471" for line in lines)
    assert {(line.route, line.reason, line.packages) for line in room.of_order(fill, docusate)} == {
        (Route.CABINET, Reason.ADC, 0)
    }
    controlled = room.of_order(fill, oxycodone)
    assert len(controlled) == 4
    assert {(line.route, line.reason) for line in controlled} == {(Route.CABINET, Reason.CS_ROUTE)}
    assert room.of_order(fill, other_ward) == []


def test_every_patient_with_something_to_pick_has_a_drawer_in_the_order_of_the_beds(room: CartRoom) -> None:
    for patient, number in ((3, "B1"), (0, "B2"), (2, "B3")):
        room.order("metformin", ("500", "mg"), number=number, patient=patient)
    fill = room.planned()
    with room.db.read() as session:
        drawers = drawers_of(session, fill)
        beds = {line.patient_id: line.bed for line in room.lines(fill)}
    assert [beds[each.patient_id] for each in drawers] == ["2-A", "10-A", "10-B"]
    assert {each.state for each in drawers} == {State.QUEUED}
    assert [each.number for each in drawers] == [1, 2, 3]


def test_a_window_is_opened_and_planned_once_however_often_it_is_asked_for(room: CartRoom) -> None:
    room.order("metformin", ("500", "mg"))
    fill = room.planned()
    assert room.open() == fill
    before = room.lines(fill)
    assert scheduler.run(room.db, fill, room.who("tina"), "by hand again") == 1
    assert room.lines(fill) == before


def test_a_window_begins_at_no_other_time_than_the_carts(room: CartRoom) -> None:
    room.planned()
    with pytest.raises(Invalid, match="they begin at 15:00"), room.db.write(room.who("tina")) as tx:
        scheduler.open_fill(tx, room.carts["7W"], WINDOW + timedelta(hours=1))


def test_a_nurse_may_not_plan_a_cart(room: CartRoom) -> None:
    with pytest.raises(Refused, match="may not plan a cart"), room.db.write(room.who("nina")) as tx:
        scheduler.open_fill(tx, room.carts["7W"], WINDOW)


def test_a_stopped_order_leaves_the_plan_and_its_packages_are_free_again(room: CartRoom) -> None:
    keeps = room.order("metformin", ("500", "mg"), number="C1")
    stops = room.order("metoprolol tartrate", ("25", "mg"), number="C2")
    fill = room.planned()
    order_id = room.stop(stops)
    assert scheduler.change_orders(room.db, fill, [order_id]) == 2
    lines = room.of_order(fill, stops)
    assert {(line.route, line.reason, line.packages) for line in lines} == {(Route.NONE, Reason.STOPPED, 0)}
    assert [line.packages for line in room.of_order(fill, keeps)] == [1, 1]
    assert scheduler.change_orders(room.db, fill, [order_id]) is None, "nothing differs, nothing is written"
    with room.db.read() as session:
        assert fill_facts(session, fill).version == 2


def test_a_held_order_is_planned_again_once_it_is_resumed_and_verified(room: CartRoom) -> None:
    version = room.order("metformin", ("500", "mg"))
    fill = room.planned()
    with room.db.read() as session:
        order_id = session.get_one(OrderVersion, version).order_id
    with room.db.write(room.who("pablo")) as tx:
        orders.hold(tx, order_id, "test")
    scheduler.change_orders(room.db, fill, [order_id])
    assert {line.reason for line in room.of_order(fill, version)} == {Reason.HELD}
    with room.db.write(room.who("pablo")) as tx:
        resumed = orders.resume(tx, order_id, "test").id
    scheduler.change_orders(room.db, fill, [order_id])
    assert {line.reason for line in room.of_order(fill, version)} == {Reason.UNVERIFIED}
    with room.db.write(room.who("pablo")) as tx:
        orders.verify(tx, resumed, room.proof("pablo"), "0" * 64, "unit dose")
    scheduler.change_orders(room.db, fill, [order_id])
    assert [(line.reason, line.packages) for line in room.of_order(fill, version)] == [(Reason.CART, 1)] * 2


def test_an_order_that_comes_after_the_plan_joins_it(room: CartRoom) -> None:
    room.order("metformin", ("500", "mg"), number="D1")
    fill = room.planned()
    late = room.order("pantoprazole", ("40", "mg"), number="D2", frequency="DAILY")
    with room.db.read() as session:
        order_id = session.get_one(OrderVersion, late).order_id
        before = drawers_of(session, fill)
    scheduler.change_orders(room.db, fill, [order_id])
    assert [(line.route, line.packages) for line in room.of_order(fill, late)] == [(Route.CART, 1)]
    with room.db.read() as session:
        assert [each.work_id for each in drawers_of(session, fill)] == [each.work_id for each in before]


def test_what_is_short_is_named_with_its_reason_and_found_again_when_it_comes(room: CartRoom, clock: SetClock) -> None:
    versions = [
        room.order("albuterol", ("2", "puff"), number=f"E{nth}", patient=nth, frequency="QID")
        for nth in range(3)
    ]
    with room.db.write(room.who("tina")) as tx:
        package = tx.session.scalar(select(Package.id).where(Package.ndc == "0173-0682-20"))
        place = tx.session.scalar(select(Location.place_id).where(Location.code == "LOC-B1-3-1-01"))
        lot = stock.lot_for(tx, package_id=package, number="AL0682", expiry=EXPIRY)
        stock.count(tx, place, lot.id, Decimal(2))
        lot_id = lot.id
    fill = room.planned()
    lines = [line for version in versions for line in room.of_order(fill, version) if line.packages]
    assert [line.packages for line in lines] == [1, 1, 1]
    assert sorted(line.short for line in lines) == [0, 0, 1]
    assert [line.short_why for line in lines if line.short] == ["0 of 1 in stock and in date"]
    with room.db.write(room.who("tina")) as tx:
        stock.receive(tx, lot_id, Decimal(5), place)
    assert scheduler.find_short(room.db, fill) == 2
    assert {line.short for line in room.lines(fill)} == {0}
    assert scheduler.find_short(room.db, fill) is None


def test_two_fills_never_set_the_same_package_aside(room: CartRoom) -> None:
    room.order("metformin", ("500", "mg"), number="F1", patient=0)
    room.order("metformin", ("500", "mg"), number="F2", patient=4)
    with room.db.read() as session:
        free = {k: sum(h.free for h in v) for k, v in free_stock(session).items()}
    room.planned("7W")
    room.planned("6E")
    with room.db.read() as session:
        left = {k: sum(h.free for h in v) for k, v in free_stock(session).items()}
        aside = session.scalar(select(func.sum(Allocation.quantity)))
    assert aside == 4
    assert sum(free.values()) - sum(left.values()) == 4


def test_a_run_that_died_was_never_read_and_can_be_run_again(room: CartRoom, clock: SetClock) -> None:
    room.order("metformin", ("500", "mg"))
    fill = room.open()
    with room.db.write(room.who("tina")) as tx:
        begin_run(tx, fill, "cutoff")
    assert room.lines(fill) == ()
    with pytest.raises(Refused, match="being planned at this moment"):
        scheduler.run(room.db, fill, room.who("tina"))
    clock.forward(minutes=2)
    scheduler.run(room.db, fill, SYSTEM)
    assert len(room.lines(fill)) == 2
    with room.db.read() as session:
        runs = session.query(FillRun).order_by(FillRun.id).all()
        assert [(run.failed_why, run.under_way) for run in runs] == [("its server stopped", None), (None, None)]


def test_a_run_that_breaks_in_the_middle_leaves_nothing_behind(room: CartRoom, monkeypatch: pytest.MonkeyPatch) -> None:
    for nth in range(4):
        room.order("metformin", ("500", "mg"), number=f"G{nth}", patient=nth)
    fill = room.open()
    written = []

    def broken(*args: object) -> tuple[list[int], str]:
        if written:
            raise OSError("the disk is full")
        written.append(args)
        return write_lines(*args)

    monkeypatch.setattr(scheduler, "write_lines", broken)
    with pytest.raises(OSError, match="disk"):
        scheduler.run(room.db, fill, room.who("tina"), chunk=2)
    monkeypatch.undo()
    assert room.lines(fill) == ()
    scheduler.run(room.db, fill, room.who("tina"), chunk=3)
    assert len(room.lines(fill)) == 8
    with room.db.read() as session:
        assert len(drawers_of(session, fill)) == 4


def test_a_run_that_is_taken_for_dead_while_it_writes_leaves_nothing_behind(
    room: CartRoom, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = room.order("metformin", ("500", "mg"))
    fill = room.open()
    writing, refused = threading.Event(), []

    def slow_to_commit(tx: Tx, run_id: int, parts: int, total: int) -> None:
        beat(tx, run_id, parts, total)
        if parts and not writing.is_set():
            clock.forward(minutes=2)
            writing.set()
            time.sleep(0.3)

    def first() -> None:
        try:
            scheduler.run(room.db, fill)
        except Refused as why:
            refused.append(str(why))

    monkeypatch.setattr(scheduler, "beat", slow_to_commit)
    thread = threading.Thread(target=first)
    thread.start()
    assert writing.wait(20)
    scheduler.run(room.db, fill, room.who("tina"), "by hand")
    thread.join()
    assert refused == ["This planning run was taken for dead and given up. Plan the cart again."]
    assert len(room.of_order(fill, version)) == 2


def test_the_worker_plans_at_the_cutoff_and_follows_every_change(room: CartRoom, clock: SetClock) -> None:
    version = room.order("metformin", ("500", "mg"))
    watch = CartWatch(room.db)
    watch.look(clock())
    with room.db.read() as session:
        assert scheduler.due(session, clock()) == []
    clock.forward(hours=2)
    watch.look(clock())
    fill = room.open()
    assert len(room.of_order(fill, version)) == 2
    clock.forward(seconds=5)
    room.stop(version)
    clock.forward(seconds=5)
    watch.look(clock())
    assert {line.reason for line in room.of_order(fill, version)} == {Reason.STOPPED}


def test_a_stat_order_goes_as_a_first_dose_and_not_with_the_cart(room: CartRoom, clock: SetClock) -> None:
    fill = room.planned()
    stat = room.order("furosemide", ("40", "mg"), frequency="ONCE", priority="STAT", first=clock())
    found = scheduler.first_doses(room.db, room.carts["7W"])
    assert found is not None
    assert [(line.route, line.reason, line.packages) for line in room.of_order(found, stat)] == [
        (Route.FIRST_DOSE, Reason.FIRST_DOSE, 1)
    ]
    assert room.of_order(fill, stat) == []
    assert scheduler.first_doses(room.db, room.carts["7W"]) is None, "each dose once"
