"""A checked cart goes to its ward: by tote, once, to the right one; and custody closes by whichever comes first."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select

from app.audit.queries import of_subject, verify
from app.core.errors import Missing, Refused
from app.custody import tote_actions as totes
from app.custody.beds import Bed, Beds
from app.custody.models import ReturnLotLabel
from app.custody.tote_actions import Came, Stopped
from app.custody.whereabouts import Stage, What
from app.demo_cart import unit_code
from app.labels.models import Label
from app.orders.models import OrderVersion, Patient, Stay
from app.orders.patient_actions import discharge, merge
from tests.cart_room import WINDOW, CartRoom
from tests.conftest import Act
from tests.unitdose.on_the_way import DESK, TOTE, WARD, OnTheWay
from unitdose import check_actions, delivery_actions, drawer_actions, exchange_actions, receipt_actions, scheduler
from unitdose.drawer_queries import drawer_sha256, drawer_standing
from unitdose.models import Fill
from unitdose.queries import has_left, lines_of
from unitdose.tote_queries import drawers_in
from unitdose.ward_models import DrawerReceipt
from unitdose.ward_queries import ward

DAY = timedelta(days=1)


@pytest.fixture
def way(room: CartRoom) -> OnTheWay:
    return OnTheWay(room)


@pytest.fixture
def cart(room_after: Callable[[Act], tuple[CartRoom, int]]) -> tuple[OnTheWay, int]:
    """A checked cart for two patients on 7 West and one on 6 East, and the number of its fill."""
    room, fill = room_after(checked)
    return OnTheWay(room), fill


def ordered(room: CartRoom) -> dict[str, int]:
    """Orders for two patients on 7 West and one on 6 East; their versions."""
    return {
        "metformin": room.order("metformin", ("500", "mg"), number="W1", patient=0),
        "metoprolol": room.order("metoprolol tartrate", ("25", "mg"), number="W2", patient=1),
        "east": room.order("metformin", ("500", "mg"), number="W3", patient=4),
    }


def checked(room: CartRoom) -> int:
    ordered(room)
    return room.checked()


def test_a_cart_goes_to_its_ward_and_every_package_moves_once_to_its_patient(cart: tuple[OnTheWay, int]) -> None:
    way, fill = cart
    assert (way.books("cart"), way.books("patient")) == (4, 0)
    assert way.load_all(fill) == 2
    way.leave()
    assert way.books("cart") == 4, "on its way it is still in the cart"
    came = way.arrive()
    assert isinstance(came, Came) and len(came.serials) == 2
    assert (way.books("cart"), way.books("patient")) == (0, 4)
    way.arrive()
    for drawer in way.drawers(fill):
        assert drawer.where.stage is Stage.ARRIVED
        way.accept(drawer.work_id)
        way.accept(drawer.work_id)
        assert way.stage(drawer.work_id) is Stage.RECEIVED
    assert (way.books("cart"), way.books("patient")) == (0, 4)
    with way.room.db.read() as session:
        assert session.query(DrawerReceipt).count() == 2
        assert verify(session).broken is None


def test_a_drawer_and_a_bag_share_a_tote_and_what_is_not_checked_stays(way: OnTheWay) -> None:
    ordered(way.room)
    fill = way.room.planned()
    way.room.picked(fill)
    way.room.signed(fill)
    first, second = (each.work_id for each in way.drawers(fill))
    with pytest.raises(Refused, match=r"^Not checked\. This drawer is made and waiting for its check\. It leaves when"):
        way.load(first)
    way.room.released(fill)
    way.load(first)
    way.load(first)
    assert way.stage(first) is Stage.PACKED and way.stage(second) is Stage.RELEASED
    with pytest.raises(Missing, match="L-0000000000"):
        way.act("tina", lambda tx: delivery_actions.load(tx, TOTE, "L-0000000000", DESK))


def test_at_the_wrong_ward_nothing_is_delivered_and_no_package_moves(cart: tuple[OnTheWay, int]) -> None:
    way, fill = cart
    way.load_all(fill)
    way.leave()
    said = way.arrive("6E")
    assert isinstance(said, Stopped) and "This is 6 East, medicine. Nothing was delivered." in said.words
    assert (way.books("cart"), way.books("patient")) == (4, 0)
    assert {way.stage(each.work_id) for each in way.drawers(fill)} == {Stage.ON_ITS_WAY}


def test_a_nurse_who_comes_first_closes_custody_and_so_does_one_bedside_record(cart: tuple[OnTheWay, int]) -> None:
    way, fill = cart
    first, second = (each.work_id for each in way.drawers(fill))
    way.accept(first)
    assert (way.books("cart"), way.books("patient")) == (2, 2), "carried by hand, no scan of a courier"
    line = next(line for line in way.room.lines(fill) if line.work_id == second)
    for _ in range(2):
        way.act("tina", lambda tx: delivery_actions.close_lines(tx, [line.line_id]))
    assert (way.books("cart"), way.books("patient")) == (1, 3)
    way.load(second)
    way.leave()
    way.arrive()
    assert (way.books("cart"), way.books("patient")) == (0, 4)


def test_a_tote_is_accepted_as_a_whole_and_what_was_rejected_stays_rejected(cart: tuple[OnTheWay, int]) -> None:
    way, fill = cart
    first, second = way.delivered(fill)
    way.act("nina", lambda tx: receipt_actions.reject(tx, first, "Damaged", WARD))
    way.act("nina", lambda tx: receipt_actions.reject(tx, first, "Damaged", WARD))
    with way.room.db.read() as session:
        inside = sorted(drawers_in(session, TOTE))
    assert inside == sorted([first, second])
    accepted, left = way.act("nina", lambda tx: receipt_actions.accept_all(tx, inside, WARD))  # type: ignore[misc]
    assert accepted == [second] and "was rejected: Damaged" in left[first]
    way.act("nina", lambda tx: receipt_actions.accept_all(tx, [second], WARD))
    assert way.stage(second) is Stage.RECEIVED
    with pytest.raises(Refused, match="was rejected: Damaged. It goes back"):
        way.accept(first)
    with pytest.raises(Refused, match="was accepted. Take out what is wrong"):
        way.act("nina", lambda tx: receipt_actions.reject(tx, second, "Damaged", WARD))
    with pytest.raises(Refused, match="Choose why"):
        way.act("nina", lambda tx: receipt_actions.reject(tx, second, " ", WARD))
    with way.room.db.read() as session:
        assert not drawers_in(session, "TOTE-9"), "what has not been sent has nothing to accept"


@pytest.mark.parametrize("by", ["tina", "lena", "pablo"])
def test_only_a_nurse_accepts_and_only_the_pharmacy_delivers(cart: tuple[OnTheWay, int], by: str) -> None:
    way, fill = cart
    drawer = way.drawers(fill)[0].work_id
    with pytest.raises(Refused, match="may not receive a dose on the ward"):
        way.accept(drawer, by=by)
    with pytest.raises(Refused, match="A nurse may not deliver a cart"):
        way.load(drawer, by="nina")
    assert way.books("patient") == 0


def test_a_drawer_that_is_not_checked_or_was_withdrawn_is_not_accepted(way: OnTheWay) -> None:
    ordered(way.room)
    fill = way.room.planned()
    way.room.picked(fill)
    way.room.signed(fill)
    drawer = way.drawers(fill)[0].work_id
    with pytest.raises(Refused, match=r"^Not checked\. Do not give\. This drawer is made and waiting"):
        way.accept(drawer)
    way.room.released(fill)
    with way.room.db.read() as session:
        shown = drawer_sha256(drawer_standing(session, drawer))
    proof = way.room.proof("petra")
    way.act("petra", lambda tx: check_actions.withdraw(tx, drawer, proof, "Wrong strength", "Discarded", shown))
    with pytest.raises(Refused, match=r"^Do not give\. A pharmacist withdrew this drawer"):
        way.accept(drawer)


def test_what_was_struck_after_the_check_comes_out_before_the_drawer_leaves(way: OnTheWay) -> None:
    versions = ordered(way.room)
    fill = way.room.checked()
    order_id = way.room.stop(versions["metformin"])
    scheduler.change_orders(way.room.db, fill, [order_id])
    first, second = (each.work_id for each in way.drawers(fill))
    with pytest.raises(Refused, match="Take 2 packages out first: the plan has changed"):
        way.load(first)
    assert way.load_all(fill) == 1, "the other one goes"
    assert way.stage(second) is Stage.PACKED


def test_a_drawer_that_stayed_behind_is_pulled_from_though_its_cart_has_left(way: OnTheWay) -> None:
    versions = ordered(way.room)
    fill = way.room.checked()
    order_id = way.room.stop(versions["metformin"])
    scheduler.change_orders(way.room.db, fill, [order_id])
    first, second = (each.work_id for each in way.drawers(fill))
    way.load(second)
    way.leave()
    code = unit_code("metformin")
    for _ in range(2):
        way.act("tina", lambda tx: drawer_actions.pull(tx, way.room.serial(first), code))
    assert (way.books("cart"), way.books("patient")) == (2, 0)
    with pytest.raises(Refused, match="This drawer has left"):
        way.act("tina", lambda tx: drawer_actions.pull(tx, way.room.serial(second), code))


def test_what_changes_on_the_way_is_taken_out_on_the_ward_and_sent_anew(way: OnTheWay) -> None:
    versions = ordered(way.room)
    fill = way.room.checked()
    way.load_all(fill)
    way.leave()
    changed = way.room.order("metformin", ("1000", "mg"), number="W1", patient=0, control="change")
    with way.room.db.read() as session:
        order_id = session.get_one(OrderVersion, changed).order_id
    scheduler.change_orders(way.room.db, fill, [order_id])
    way.arrive()
    now = way.room.db.clock()
    with way.room.db.read() as session:
        (at, *_) = ward(session, Beds(frozenset({Bed("7W", None)}), now + DAY), now)
    assert [(out.packages, out.why) for out in at.take_out] == [(2, "the order or its product has changed")]
    assert versions["metformin"] != changed
    first = scheduler.first_doses(way.room.db, way.room.carts["7W"])
    assert first is not None
    with way.room.db.read() as session:
        sent = [line for line in lines_of(session, first) if line.due_at and line.due_at >= WINDOW]
    assert [(line.units, line.packages) for line in sent] == [(2, 2), (2, 2)]


def patient_of(way: OnTheWay, work_id: int) -> int:
    return way.drawer(work_id).patient_id


def test_the_drawer_of_somebody_who_was_discharged_stays_in_the_pharmacy(cart: tuple[OnTheWay, int]) -> None:
    way, fill = cart
    first = way.drawers(fill)[0].work_id
    with way.room.db.write(way.room.who("pablo")) as tx:
        stay = tx.session.scalars(select(Stay).where(Stay.patient_id == patient_of(way, first))).one()
        discharge(tx, stay, tx.now)
    with pytest.raises(Refused, match=r"ALDER, Mona has left the hospital\. Keep the drawer: its packages go back"):
        way.load(first)
    assert way.load_all(fill) == 1


def test_the_drawer_of_a_moved_patient_goes_to_the_new_ward(cart: tuple[OnTheWay, int]) -> None:
    way, fill = cart
    first, second = (each.work_id for each in way.drawers(fill))
    way.move(patient_of(way, first), "6E", "4", "A")
    way.load(second)
    with pytest.raises(Refused, match="TOTE-7 goes to 7 West, medicine, this drawer to 6 East, medicine"):
        way.load(first)
    way.load(first, "TOTE-8")
    way.leave("TOTE-8")
    assert isinstance(way.arrive("6E", "TOTE-8"), Came)
    assert way.drawer(first).where.unit_id == way.unit("6E")


def test_the_drawer_of_a_merged_patient_is_labelled_anew_before_it_leaves(cart: tuple[OnTheWay, int]) -> None:
    way, fill = cart
    first = way.drawers(fill)[0].work_id
    with way.room.db.write(way.room.who("pablo")) as tx:
        survivor = Patient(mrn="700999", family="Alder", given="Mona")
        tx.session.add(survivor)
        tx.session.flush()
        merge(tx, survivor, "700201")
    with pytest.raises(Refused, match=r"The label shows the record number 700201; since .* the patient's number is 70"):
        way.load(first)
    assert way.load_all(fill) == 1


def test_a_patient_who_moves_after_delivery_takes_the_drawer_along_by_scan(cart: tuple[OnTheWay, int]) -> None:
    way, fill = cart
    first, _ = way.delivered(fill)
    way.accept(first)
    send = lambda tx: receipt_actions.send_on(tx, first, WARD)  # noqa: E731
    with pytest.raises(Refused, match="The patient lies here, in 7W-2-A. The drawer stays"):
        way.act("nina", send)
    way.move(patient_of(way, first), "6E", "4", "A")
    assert way.act("nina", send).place == "6E-4-A"  # type: ignore[attr-defined]
    way.act("nina", send)
    assert way.stage(first) is Stage.WITH_PATIENT
    for _ in range(2):
        way.act("nina", lambda tx: receipt_actions.come_along(tx, first, "6 East"))
    found = way.drawer(first)
    assert (found.where.stage, found.where.unit_id) == (Stage.RECEIVED, way.unit("6E"))
    assert [fact.what for fact in found.facts[-2:]] == [What.SENT_ON, What.CAME_ALONG]
    assert (way.books("cart"), way.books("patient")) == (0, 4), "the packages are the patient's on either ward"


def test_an_exchange_closes_the_new_window_and_takes_the_old_drawers_back_as_one_lot(
    cart: tuple[OnTheWay, int]
) -> None:
    way, fill = cart
    with pytest.raises(Refused, match="No cart has come here yet"):
        way.exchange()
    way.load(way.drawers(fill)[0].work_id)
    way.leave()
    way.arrive()
    assert way.exchange().closed == (), "a checked drawer still waits in the pharmacy"
    way.load_all(fill, tote="TOTE-8")
    way.leave("TOTE-8")
    way.arrive(tote="TOTE-8")
    done = way.exchange()
    assert (done.return_lot_id, done.drawers, done.closed) == (None, 0, (fill,))
    with way.room.db.read() as session:
        assert session.get_one(Fill, fill).closed_at is not None
    old = [each.work_id for each in way.drawers(fill)]
    way.room.db.clock.at = WINDOW + timedelta(hours=23)  # type: ignore[attr-defined]
    following = way.room.checked(start=WINDOW + DAY)
    way.delivered(following)
    done = way.exchange()
    assert done.drawers == 2 and done.closed == (following,)
    assert {way.stage(each) for each in old} == {Stage.RETURNED}
    assert way.exchange().drawers == 0, "taken back once"
    with way.room.db.read() as session:
        serials = set(session.scalars(select(ReturnLotLabel.serial)))
        assert serials == set(session.scalars(select(Label.serial).where(Label.work_id.in_(old))))
    for _ in range(2):
        way.act("tina", lambda tx: exchange_actions.came_back(tx, done.return_lot_id))  # type: ignore[arg-type]
    with way.room.db.read() as session:
        told = [each.action for each in of_subject(session, f"return lot {done.return_lot_id}")]
    assert told == ["taken back", "came back"]


def test_a_rejected_drawer_goes_back_with_the_next_exchange(cart: tuple[OnTheWay, int]) -> None:
    way, fill = cart
    first, _ = way.delivered(fill)
    way.act("nina", lambda tx: receipt_actions.reject(tx, first, "Damaged", WARD))
    assert way.exchange().drawers == 1
    assert way.stage(first) is Stage.RETURNED


def test_first_doses_are_closed_when_all_of_them_were_accepted_or_rejected(way: OnTheWay) -> None:
    soon = way.room.db.clock() + timedelta(hours=2)
    way.room.order("metformin", ("500", "mg"), number="S1", first=soon, priority="ASAP")
    way.room.order(
        "pantoprazole", ("40", "mg"), number="S2", patient=1, first=soon, frequency="DAILY", priority="ASAP"
    )
    fill = scheduler.first_doses(way.room.db, way.room.carts["7W"])
    assert fill is not None
    way.room.label(fill)
    way.room.picked(fill)
    way.room.signed(fill)
    way.room.released(fill)
    first, second = way.delivered(fill)
    way.accept(first)
    with way.room.db.read() as session:
        assert session.get_one(Fill, fill).closed_at is None
    way.act("nina", lambda tx: receipt_actions.reject(tx, second, "Damaged", WARD))
    with way.room.db.read() as session:
        assert session.get_one(Fill, fill).closed_at is not None


def test_a_tote_that_came_back_undelivered_is_ready_again_and_can_be_pulled_from(cart: tuple[OnTheWay, int]) -> None:
    way, fill = cart
    way.load_all(fill)
    way.leave()
    with way.room.db.read() as session:
        assert has_left(session, fill)
    way.act("tina", lambda tx: totes.bring_back(tx, TOTE, DESK))
    with way.room.db.read() as session:
        assert not has_left(session, fill)
    assert {way.stage(each.work_id) for each in way.drawers(fill)} == {Stage.RELEASED}
