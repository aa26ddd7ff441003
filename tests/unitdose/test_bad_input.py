"""What reaches a cart that is not right: a clear error or an exception, and nothing lost. On both databases."""

import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import func, select

from app.core.errors import Invalid, Refused
from app.core.quantity import Quantity
from app.db.session import SYSTEM
from app.demo_cart import unit_code
from app.formulary.models import Package, Product, UnitDose
from app.formulary.unit_dose_actions import UnitDoseStated, use_as_unit_dose
from app.interop.actions import apply_waiting
from app.interop.store_actions import store
from app.orders import actions as orders
from app.orders.dose_actions import top_up
from app.orders.models import Dose, Order
from app.stations.models import Unit
from app.stations.setup_actions import set_up_ward
from tests.app.interop.heard import EHR, Ehr, hl7_time, message
from tests.cart_room import WINDOW, CartRoom
from tests.conftest import NOW, SetClock
from tests.desk import Desk, words
from tests.hospital import Hospital
from tests.unitdose.on_the_way import OnTheWay
from tests.unitdose.test_cart_label_pages import at_desk, enter
from tests.unitdose.test_picking import begin
from unitdose import returns_actions, scheduler
from unitdose.board_queries import uncovered
from unitdose.cart_change_actions import change_cart
from unitdose.models import Allocation, Fill, FillLine, FillRun, Put
from unitdose.queries import fill_facts
from unitdose.returns import Condition
from unitdose.routes import Reason, Route
from unitdose.tick_scheduler import CartWatch
from unitdose.ward_models import LineEvent

__all__ = ["at_desk"]
DAY = timedelta(days=1)


def gaps(room: CartRoom, cart: str = "7W") -> list[tuple[datetime, datetime, datetime | None]]:
    with room.db.read() as session:
        found = uncovered(session, room.db.clock())
    return [(each.start_at, each.end_at, each.plan_at) for each in found if each.cart_id == room.carts[cart]]


# --- orders ---------------------------------------------------------------------------------------------------------


def test_an_unknown_frequency_is_no_dose_of_any_cart_until_a_pharmacist_chooses_its_times(room: CartRoom) -> None:
    with room.db.write(room.who("pablo")) as tx:
        stated = room.stated("metformin", ("500", "mg"))
        unread = "“DOSVID” cannot be read: choose when its doses are given."
        version = orders.state(tx, replace(stated, frequency="DOSVID", schedule=None, unread=unread))
        with pytest.raises(Refused, match="Choose the times first"):
            orders.verify(tx, version.id, room.proof("pablo"), "0" * 64, "unit dose")
        version_id = version.id
    assert [(line.reason, line.packages) for line in room.lines(room.planned())] == [(Reason.UNVERIFIED, 0)]
    with room.db.read() as session:
        assert session.scalar(select(func.count(Dose.id)).where(Dose.version_id == version_id)) == 0


def test_an_order_that_stops_before_it_starts_is_an_exception_and_no_order(house: Hospital) -> None:
    ehr = Ehr(house).knows()
    start = NOW + timedelta(hours=4)
    raw = message(NOW, start=start).replace(b"||R\r", f"|{hl7_time(NOW - timedelta(hours=1))}|R\r".encode())
    ((outcome, reason),) = ehr.send(raw)
    assert outcome == "exception" and "before" in reason and reason.endswith("."), reason
    assert ehr.orders() == []


def test_an_order_without_a_stop_is_planned_window_after_window(room: CartRoom) -> None:
    version = room.order("metformin", ("500", "mg"))
    assert len(room.of_order(room.planned(), version)) == 2
    assert len(room.of_order(room.planned(start=WINDOW + DAY), version)) == 2


# --- set-up ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("zone", ["", "  ", "EST5", "America/Nowhere"])
def test_a_unit_without_a_zone_or_with_one_that_does_not_exist_is_refused(house: Hospital, zone: str) -> None:
    with house.db.write(house.who("petra")) as tx, pytest.raises(Invalid) as wrong:
        set_up_ward(tx, "5N", "5 North", zone)
    assert "zone" in wrong.value.fields
    with house.db.read() as session:
        assert session.scalar(select(Unit.id).where(Unit.code == "5N")) is None


@pytest.mark.parametrize("zone", ["", "Mars/Base"])
def test_a_cart_whose_ward_group_has_no_zone_is_planned_by_nobody_and_holds_up_no_other(
    room: CartRoom, zone: str
) -> None:
    from unitdose.windows import cart_times

    with pytest.raises(Invalid) as wrong:
        cart_times(zone, "15:00", 240, 90, 60)
    assert "zone" in wrong.value.fields


@pytest.mark.parametrize("content", ["0", "-500"])
def test_a_product_without_its_strength_is_not_taken_into_use(room: CartRoom, content: str) -> None:
    with room.db.read() as session:
        taken = session.scalars(select(UnitDose).order_by(UnitDose.package_id)).first()
        assert taken is not None
        package, before = taken.package_id, taken.content
        product = session.get_one(Product, session.get_one(Package, package).product_id)
        assert product.drug_id is not None
    stated = UnitDoseStated("tablet", Quantity(Decimal(content), "mg"))
    with room.db.write(room.who("pablo")) as tx, pytest.raises(Invalid, match="without its strength no dose") as wrong:
        use_as_unit_dose(tx, package, product.drug_id, stated)
    assert "content" in wrong.value.fields
    with room.db.read() as session:
        assert session.get_one(UnitDose, package).content == before


def test_an_order_for_a_drug_that_has_no_unit_dose_is_an_exception_of_its_cart(room: CartRoom) -> None:
    version = room.order("metformin", ("333", "mg"))
    fill = room.planned()
    assert {(line.route, line.reason, line.packages) for line in room.of_order(fill, version)} == {
        (Route.NONE, Reason.EXC_PRODUCT, 0)
    }


# --- windows --------------------------------------------------------------------------------------------------------


def test_two_windows_of_a_cart_never_overlap(room: CartRoom) -> None:
    room.planned()
    with room.db.write(room.who("pablo")) as tx:
        change_cart(tx, room.carts["7W"], "Cart 7 West", "22:00", cutoff=240, leaves=90, exchange=60, units=["7W"])
    at_22 = WINDOW + timedelta(hours=7)
    with room.db.write(room.who("tina")) as tx, pytest.raises(Refused, match="two windows may not overlap"):
        scheduler.open_fill(tx, room.carts["7W"], at_22)
    with room.db.read() as session:
        assert session.scalar(select(func.count(Fill.id))) == 1


def test_a_gap_between_windows_is_told_and_can_be_planned(at_desk: Desk, room: CartRoom) -> None:
    version = room.order("metformin", ("500", "mg"))
    room.planned()
    room.planned(start=WINDOW + 2 * DAY)
    assert gaps(room) == [(WINDOW + DAY, WINDOW + 2 * DAY, WINDOW + DAY)]
    enter(at_desk, "tina")
    page = at_desk.get("/fills")
    assert "No cart covers 23-Nov-2026 15:00 to 24-Nov-2026 15:00 for Cart 7 West" in words(page)
    to = at_desk.done("/fills/open", cart=str(room.carts["7W"]), start=(WINDOW + DAY).isoformat())
    fill = int(to.rsplit("/", 1)[1])
    scheduler.run(room.db, fill)
    assert len(room.of_order(fill, version)) == 2 and gaps(room) == []
    assert "No cart covers" not in words(at_desk.get("/fills"))


def test_what_is_due_in_a_gap_goes_as_first_doses(room: CartRoom, clock: SetClock) -> None:
    version = room.order("metformin", ("500", "mg"))
    fill = room.checked()
    room.planned(start=WINDOW + 2 * DAY)
    clock.at = WINDOW
    OnTheWay(room).delivered(fill)
    first = scheduler.first_doses(room.db, room.carts["7W"])
    assert first is not None
    assert {line.due_at for line in room.of_order(first, version)} == {
        WINDOW + DAY + timedelta(hours=6), WINDOW + DAY + timedelta(hours=18),
    }  # fmt: skip


def test_a_worker_that_was_away_for_days_plans_no_window_that_has_passed(room: CartRoom, clock: SetClock) -> None:
    """It plans the next one; what is still due before it goes as first doses, and the board says what nobody covers."""
    version = room.order("metformin", ("500", "mg"))
    room.planned()
    opened = room.open(start=WINDOW + DAY)
    clock.at = WINDOW + 3 * DAY + timedelta(hours=17)
    with room.db.write(SYSTEM) as tx:
        top_up(tx)
    watch = CartWatch(room.db)
    for _ in range(3):
        watch.look(clock.forward(seconds=30))
    with room.db.read() as session:
        fills = session.scalars(select(Fill).where(Fill.kind == "cart").order_by(Fill.start_at)).all()
        mine = [each for each in fills if each.cart_id == room.carts["7W"]]
        assert [each.start_at for each in mine] == [WINDOW, WINDOW + DAY]
        assert session.get_one(Fill, opened).dropped_why == "it had passed before it was planned"
        first = session.scalars(select(Fill.id).where(Fill.kind == "first dose")).one()
    assert [line.due_at for line in room.of_order(first, version)] == [WINDOW + 3 * DAY + timedelta(hours=18)]
    assert gaps(room)[0][:2] == (WINDOW + DAY, WINDOW + 4 * DAY)
    clock.at = WINDOW + 3 * DAY + timedelta(hours=21)
    watch.look(clock())
    with room.db.read() as session:
        newest = session.scalars(select(Fill.start_at).where(Fill.cart_id == room.carts["7W"])).all()
    assert WINDOW + 4 * DAY in newest


# --- two at once, and one that dies ---------------------------------------------------------------------------------

_KILLED = """
import os, signal, sys
from datetime import UTC, datetime
from app.db.session import Db
from unitdose import returns_actions, scheduler
written, real = [], scheduler.write_lines
def write_lines(*args):
    if written:
        os.kill(os.getpid(), signal.SIGKILL)
    written.append(args)
    return real(*args)
scheduler.write_lines = write_lines
scheduler.run(Db(sys.argv[1], lambda: datetime.fromisoformat(sys.argv[3])), int(sys.argv[2]), chunk=2)
"""


def test_a_worker_killed_in_the_middle_of_a_run_leaves_a_cart_that_the_next_one_plans(
    room: CartRoom, clock: SetClock
) -> None:
    for nth in range(4):
        room.order("metformin", ("500", "mg"), number=f"K{nth}", patient=nth)
    fill = room.open()
    done = subprocess.run(
        [sys.executable, "-c", _KILLED, room.db.url, str(fill), clock().isoformat()], env={**os.environ}, timeout=120,
        check=False, capture_output=True,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()[-800:]
    with room.db.read() as session:
        assert session.scalar(select(func.count(FillLine.id))) == 2, "half of its plan was written"
    assert room.lines(fill) == (), "and nobody reads it"
    clock.forward(minutes=2)
    CartWatch(room.db).plan_due(WINDOW)
    assert len(room.lines(fill)) == 8
    with room.db.read() as session:
        runs = session.scalars(select(FillRun).where(FillRun.fill_id == fill).order_by(FillRun.id)).all()
        assert [(each.failed_why, each.under_way) for each in runs] == [("its server stopped", None), (None, None)]
        assert session.scalar(select(func.count(FillLine.id)).where(FillLine.fill_id == fill)) == 8
        assert session.scalar(select(func.sum(Allocation.quantity))) == 8


def test_two_deltas_at_once_are_one_after_the_other_and_set_nothing_aside_twice(room: CartRoom) -> None:
    stopped = room.order("metformin", ("500", "mg"), number="D1")
    fill = room.planned()
    added = room.order("furosemide", ("40", "mg"), number="D2", patient=1)
    room.stop(stopped)
    told: list[str] = []
    gate = threading.Barrier(4)

    def follow() -> None:
        gate.wait()
        try:
            scheduler.change_orders(room.db, fill, None, room.who("tina"))
        except Refused as refused:
            told.append(str(refused))

    threads = [threading.Thread(target=follow) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(timeout=60)
    assert told == [] and not any(each.is_alive() for each in threads)
    with room.db.read() as session:
        assert fill_facts(session, fill).version == 2, "the first wrote what had changed, the others found nothing"
        mine = session.scalars(select(FillLine).where(FillLine.fill_id == fill, FillLine.packages > 0)).all()
        assert sorted((each.ended_as or "") for each in mine) == ["", "", "REMOVE", "REMOVE"]
        live = [each.id for each in mine if each.ended_as is None]
        aside = select(func.sum(Allocation.quantity)).where(Allocation.line_id.in_(live))
        assert session.scalar(aside) == 2
    assert len([line for line in room.of_order(fill, added) if line.packages]) == 2


# --- scans ----------------------------------------------------------------------------------------------------------


def test_a_bin_scanned_twice_is_scanned_once_with_a_package_in_the_hand_or_without(room: CartRoom) -> None:
    _, stop, to = begin(room)
    for _ in range(2):
        assert room.scan(stop.spot.code) is None
    room.scan(unit_code("metformin"))
    for _ in range(2):
        assert room.scan(stop.spot.code) is None
    with room.db.read() as session:
        assert session.scalar(select(func.count(Put.id))) == 0
    assert room.scan(room.serial(to.work_id)) is None, "the package is still in the hand"
    with room.db.read() as session:
        assert session.scalar(select(func.count(Put.id))) == 1


# --- what changes on the way ----------------------------------------------------------------------------------------


def test_an_order_that_a_message_stops_after_release_is_struck(room: CartRoom) -> None:
    """By the wire as by hand."""
    version = room.order("metformin", ("500", "mg"))
    fill = room.checked()
    with room.db.read() as session:
        head = session.scalars(select(Order)).one()
        key, before = head.key, head.newest
    stop = (
        f"MSH|^~\\&|EHR|LGH|LAMINAR|LGH|{hl7_time(NOW)}||RDE^O11|X1|P|2.5\r"
        f"PID|1||700201^^^LGH^MR||Alder^Mona||19500412|F\rORC|DC|{key}\r"
    )
    assert store(room.db, EHR, stop.encode()).message_id
    apply_waiting(room.db, EHR)
    with room.db.read() as session:
        assert session.scalars(select(Order)).one().newest == before + 1
    scheduler.change_orders(room.db, fill, None)
    assert {line.reason for line in room.of_order(fill, version)} == {Reason.STOPPED}
    with room.db.read() as session:
        ended = session.scalars(select(FillLine.ended_as).where(FillLine.fill_id == fill, FillLine.packages > 0)).all()
    assert ended == ["REMOVE", "REMOVE"]


def test_a_package_of_one_patient_is_not_taken_back_from_another_ones_drawer(room: CartRoom) -> None:
    room.order("metformin", ("500", "mg"), number="B1", patient=0)
    room.order("furosemide", ("40", "mg"), number="B2", patient=1)
    fill = room.checked()
    first, second = OnTheWay(room).delivered(fill)
    for drawer, package in ((first, "furosemide"), (second, "metformin")):
        with room.db.write(room.who("tina")) as tx, pytest.raises(Refused, match="This drawer was never given"):
            returns_actions.take_back(tx, room.serial(drawer), unit_code(package), Condition.SEALED)
    with room.db.read() as session:
        assert session.scalar(select(func.count(LineEvent.id))) == 0
    with room.db.write(room.who("tina")) as tx:
        back = returns_actions.take_back(tx, room.serial(first), unit_code("metformin"), Condition.SEALED)
    assert back.line.order.number == "B1"
