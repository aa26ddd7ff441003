"""What a nurse sees of her beds: what must come out, how and when each dose comes, what came; and 'not here'."""

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import event, select

from app.core.errors import Refused
from app.custody.beds import Bed, Beds
from app.custody.given_actions import AtBedside
from app.custody.whereabouts import Stage, What
from app.db.session import Tx
from app.demo_cart import unit_code
from app.inventory import actions as stock
from app.orders import actions as orders
from app.orders.models import Dose, Patient, Stay
from app.orders.patient_actions import discharge
from tests.cart_room import WINDOW, CartRoom
from tests.unitdose.on_the_way import WARD, OnTheWay
from unitdose import cart_actions, missing_actions, receipt_actions, returns_actions, scheduler, ward_actions
from unitdose.arrival_queries import arrivals, late
from unitdose.bedside_actions import given_at_bedside
from unitdose.delivery_queries import in_drawers, left_of
from unitdose.happened import CAUSES, Happened
from unitdose.history import DoseHistory
from unitdose.history_queries import dose_history
from unitdose.missing_queries import open_reports
from unitdose.models import FillLine, Put
from unitdose.returns import Condition
from unitdose.ward_models import MissingDose
from unitdose.ward_queries import AtWard, WardDose, ward

BEFORE_NINE = WINDOW + timedelta(hours=16)
"""23-Nov-2026 07:00 on the ward: the doses of 09:00 are due in two hours."""


@pytest.fixture
def way(room: CartRoom) -> OnTheWay:
    return OnTheWay(room)


def seen(way: OnTheWay, *units: str) -> list[AtWard]:
    now = way.room.db.clock()
    beds = Beds(frozenset(Bed(unit, None) for unit in units or ("7W",)), now + timedelta(hours=12))
    with way.room.db.read() as session:
        return ward(session, beds, now)


def doses(way: OnTheWay) -> list[WardDose]:
    return [each for at in seen(way) for each in (*at.soon, *at.later)]


def dose_of(way: OnTheWay, version_id: int, nth: int = 0) -> DoseHistory:
    with way.room.db.read() as session:
        query = select(Dose.id).where(Dose.version_id == version_id, Dose.due_at >= WINDOW).order_by(Dose.due_at)
        return dose_history(session, session.scalars(query).all()[nth])


def tell(way: OnTheWay, line_id: int, by: str = "nina") -> int:
    return way.act(by, lambda tx: missing_actions.not_here(tx, line_id, WARD))  # type: ignore[return-value]


# --- how and when each dose comes -----------------------------------------------------------------------------------


def test_every_way_is_one_sentence_with_why_and_when(way: OnTheWay) -> None:
    room = way.room
    room.order("metformin", ("500", "mg"), number="Z1")
    room.order("docusate", ("100", "mg"), number="Z2")
    room.order("oxycodone", ("5", "mg"), number="Z3")
    room.order("vancomycin oral", ("125", "mg"), number="Z4")
    room.order("albuterol", ("2", "puff"), number="Z5")
    own = room.order("pantoprazole", ("40", "mg"), number="Z6")
    room.order("prednisone", ("7", "mg"), number="Z7")
    with room.db.write(room.who("pablo")) as tx:
        order_id = tx.session.scalars(select(Dose.order_id).where(Dose.version_id == own)).first()
        cart_actions.use_own(tx, order_id or 0)
    before = {each.order.title: each.coming.sentence for each in doses(way) if each.coming}  # type: ignore[union-attr]
    assert set(before.values()) == {"Cart 7 West brings it at 22-Nov-2026 14:00; it is planned at 11:00."}
    fill = room.checked()
    first = {}
    for each in doses(way):
        if each.coming is not None and each.due_at is not None and each.due_at >= WINDOW:
            first.setdefault(each.order.title.split(" ")[0], each.coming)
    told = {drug: come.sentence for drug, come in first.items()}
    assert told["docusate"] == "Take it from this ward's cabinet."
    assert told["oxycodone"] == "Take it from this ward's cabinet. It is controlled: count it there."
    assert told["pantoprazole"] == "The patient's own medication is used. It lies with the patient's things."
    assert told["prednisone"].startswith("Not brought: no product makes this dose exactly")
    assert told["metformin"] == "Checked and ready since 09:05. Cart 7 West brings it at 14:00."
    assert [first[drug].word for drug in ("docusate", "oxycodone", "pantoprazole", "prednisone", "metformin")] == [
        "Cabinet", "Cabinet", "Own", "Not brought", "Ready",
    ]  # fmt: skip
    way.delivered(fill)
    later = [each for each in doses(way) if each.due_at and each.due_at >= WINDOW]
    after = {each.order.title.split(" ")[0]: each.coming for each in later}
    assert after["metformin"].sentence == "In drawer 1 since 09:05."  # type: ignore[union-attr]
    assert after["vancomycin"].word == "In refrigerator"  # type: ignore[union-attr]
    assert after["vancomycin"].sentence.startswith("In the medication refrigerator, in a bag of its own")  # type: ignore[union-attr]


def test_what_is_short_is_named_with_its_reason(way: OnTheWay) -> None:
    from app.demo_cart import EXPIRY
    from app.formulary.models import Package
    from app.inventory.models import Location

    version = way.room.order("metformin", ("500", "mg"))
    with way.room.db.write(way.room.who("tina")) as tx:
        package = tx.session.scalars(select(Package.id).where(Package.ndc == "0904-6326-61")).one()
        place = tx.session.scalars(select(Location.place_id).where(Location.code == "LOC-A1-2-1-01")).one()
        lot = stock.lot_for(tx, package_id=package, number="MF2210", expiry=EXPIRY)
        stock.count(tx, place, lot.id, Decimal(1))
    way.room.planned()
    found = [each for each in doses(way) if each.order.version_id == version and each.due_at and each.due_at >= WINDOW]
    assert [each.coming.word for each in found if each.coming] == ["Planned", "Short"]
    assert found[1].coming.sentence == "Short: 0 of 1 in stock and in date. The pharmacy looks for more."  # type: ignore[union-attr]


def test_the_history_of_a_dose_has_every_instant(way: OnTheWay) -> None:
    clock = way.room.db.clock
    version = way.room.order("metformin", ("500", "mg"))
    fill = way.room.planned()
    clock.forward(minutes=10)  # type: ignore[attr-defined]
    way.room.picked(fill)
    way.room.signed(fill)
    clock.forward(minutes=10)  # type: ignore[attr-defined]
    way.room.released(fill)
    clock.forward(minutes=10)  # type: ignore[attr-defined]
    (drawer,) = way.delivered(fill)
    clock.forward(minutes=10)  # type: ignore[attr-defined]
    way.accept(drawer)
    told = dose_of(way, version)
    assert [fact.what for fact in told.facts] == [
        What.ORDERED, What.VERIFIED, What.PLANNED, What.PUT, What.FILLED, What.RELEASE, What.PACKED, What.HANDED_OVER,
        What.ARRIVED, What.RECEIVED,
    ]  # fmt: skip
    assert told.where.stage is Stage.RECEIVED and told.where.who == "Nina Nurse"
    assert told.facts[2].note == "for the cart of 14:00"
    assert told.where.last is not None and told.where.last.place == WARD


# --- what must come out ---------------------------------------------------------------------------------------------


def delivered(way: OnTheWay) -> tuple[dict[str, int], int, list[int]]:
    versions = {
        "metformin": way.room.order("metformin", ("500", "mg"), number="Y1"),
        "metoprolol": way.room.order("metoprolol tartrate", ("25", "mg"), number="Y2"),
    }
    fill = way.room.checked()
    drawers = way.delivered(fill)
    for drawer in drawers:
        way.accept(drawer)
    return versions, fill, drawers


def test_a_stopped_order_comes_first_and_one_tap_takes_all_of_it_out(way: OnTheWay) -> None:
    versions, fill, _ = delivered(way)
    assert [at.take_out for at in seen(way)] == [()]
    order_id = way.room.stop(versions["metformin"])
    (at,) = seen(way)
    (out,) = at.take_out
    assert (out.packages, out.shown, out.drawers, out.why) == (
        2, "metFORMIN 500 mg tablet", ("drawer 1",), "the order was stopped",
    )  # fmt: skip
    assert len(out.dues) == 2 and out.since == way.room.db.clock()
    scheduler.change_orders(way.room.db, fill, [order_id])
    (out,) = seen(way)[0].take_out
    way.act("nina", lambda tx: ward_actions.take_out(tx, out.line_ids, WARD))
    assert way.act("nina", lambda tx: ward_actions.take_out(tx, out.line_ids, WARD)) == 0
    assert [at.take_out for at in seen(way)] == [()]
    with way.room.db.read() as session:
        left = left_of(session, out.line_ids)
    assert {each.in_drawer for each in left.values()} == {0} and {each.on_unit for each in left.values()} == {1}
    keeps = [line.line_id for line in way.room.of_order(fill, versions["metoprolol"])]
    with pytest.raises(Refused, match="is to be given as planned. It stays in the drawer"):
        way.act("nina", lambda tx: ward_actions.take_out(tx, keeps, WARD))
    with pytest.raises(Refused, match="may not receive a dose"):
        way.act("tina", lambda tx: ward_actions.take_out(tx, out.line_ids, WARD))


def test_a_held_order_and_a_recalled_lot_must_come_out_too(way: OnTheWay) -> None:
    versions, fill, drawers = delivered(way)
    with way.room.db.write(way.room.who("pablo")) as tx:
        order_id = way.room.of_order(fill, versions["metformin"])[0].order.order_id
        orders.hold(tx, order_id, "test")
    with way.room.db.read() as session:
        lots = {each.line_id: each.lot_id for each in in_drawers(session, Put.work_id.in_(drawers))}
    line = way.room.of_order(fill, versions["metoprolol"])[0].line_id
    with way.room.db.write(way.room.who("petra")) as tx:
        stock.recall(tx, lots[line], "wrong imprint")
    (at,) = seen(way)
    assert [out.why for out in at.take_out] == [
        "the order is on hold", "lot MT4471 was recalled (wrong imprint)",
    ]  # fmt: skip
    for out in at.take_out:
        way.act("nina", lambda tx, ids=out.line_ids: ward_actions.take_out(tx, ids, WARD))
    assert seen(way)[0].take_out == ()


def test_what_was_due_long_before_its_order_stopped_is_not_looked_for(way: OnTheWay) -> None:
    versions, _, _ = delivered(way)
    way.room.db.clock.at = WINDOW + timedelta(hours=20)  # type: ignore[attr-defined]
    way.room.stop(versions["metformin"])
    (out,) = seen(way)[0].take_out
    assert len(out.dues) == 1, "21:00 was fourteen hours ago"


def test_a_discharged_patients_drawer_goes_back_and_a_moved_ones_goes_along(way: OnTheWay) -> None:
    way.room.order("metformin", ("500", "mg"), number="X1", patient=0)
    way.room.order("metformin", ("500", "mg"), number="X2", patient=1)
    way.room.order("metformin", ("500", "mg"), number="X3", patient=2)
    fill = way.room.checked()
    first, second, third = way.delivered(fill)
    now = way.room.db.clock()
    with way.room.db.write(way.room.who("pablo")) as tx:
        stay = tx.session.scalars(select(Stay).where(Stay.patient_id == way.drawer(first).patient_id)).one()
        discharge(tx, stay, tx.now)
    way.move(way.drawer(second).patient_id, "6E", "4", "A")
    with way.room.db.read() as session:
        came, astray = arrivals(session, [way.unit("7W")], now)
    assert {each.drawer.work_id for each in came} == {first, second, third}
    told = {each.drawer.work_id: each.to.place if each.to else None for each in astray}
    assert told == {first: None, second: "6E-4-A"}
    way.act("nina", lambda tx: receipt_actions.send_on(tx, second, WARD))
    with way.room.db.read() as session:
        east = arrivals(session, [way.unit("6E")], now)[1]
    assert [(each.drawer.work_id, each.coming) for each in east] == [(second, True)]
    with pytest.raises(Refused, match="has left the hospital. Send the drawer back"):
        way.act("nina", lambda tx: receipt_actions.send_on(tx, first, WARD))


def test_a_delivered_dose_of_a_moved_patient_is_neither_struck_nor_planned_twice(way: OnTheWay) -> None:
    version = way.room.order("metformin", ("500", "mg"))
    assert scheduler.first_doses(way.room.db, way.room.carts["7W"]) is not None, "today's 09:00"
    fill = way.room.checked()
    (drawer,) = way.delivered(fill)
    way.accept(drawer)
    way.move(way.drawer(drawer).patient_id, "6E", "4", "A")
    order_id = way.room.of_order(fill, version)[0].order.order_id
    east = way.room.planned("6E")
    scheduler.change_orders(way.room.db, fill, [order_id])
    scheduler.change_orders(way.room.db, east, [order_id])
    assert scheduler.first_doses(way.room.db, way.room.carts["6E"]) is None
    assert [line.packages for line in way.room.of_order(fill, version)] == [1, 1]
    assert sum(line.packages for line in way.room.of_order(east, version)) == 0
    way.act("nina", lambda tx: receipt_actions.send_on(tx, drawer, WARD))
    way.act("nina", lambda tx: receipt_actions.come_along(tx, drawer, "6 East"))
    (at,) = seen(way, "6E")
    assert at.take_out == () and {each.where.stage for each in at.later} == {Stage.RECEIVED}


# --- what came, and what nobody accepted ----------------------------------------------------------------------------


def test_a_nurse_sees_what_came_what_is_short_and_what_comes_another_way(way: OnTheWay) -> None:
    way.room.order("metformin", ("500", "mg"), number="V1")
    way.room.order("docusate", ("100", "mg"), number="V2")
    fill = way.room.checked()
    way.delivered(fill)
    with way.room.db.read() as session:
        (came,), astray = arrivals(session, [way.unit("7W")], way.room.db.clock())
    assert (came.contents.packages, came.contents.doses, came.contents.short, came.contents.struck) == (2, 2, 0, 0)
    assert came.contents.elsewhere == (("from the cabinet", 2),) and astray == ()
    assert came.patient.name == "ALDER, Mona" and came.lying is not None and came.lying.place == "7W-2-A"


def test_what_nobody_accepts_in_thirty_minutes_is_late_until_somebody_does(way: OnTheWay) -> None:
    way.room.order("metformin", ("500", "mg"), number="U1", patient=0)
    way.room.order("metformin", ("500", "mg"), number="U2", patient=1)
    fill = way.room.checked()
    first, second = way.delivered(fill)

    def told() -> list[tuple[str, int]]:
        with way.room.db.read() as session:
            return [(each.unit, each.count) for each in late(session, way.room.db.clock())]

    way.room.db.clock.forward(minutes=29)  # type: ignore[attr-defined]
    assert told() == []
    way.room.db.clock.forward(minutes=1)  # type: ignore[attr-defined]
    assert told() == [("7 West, medicine", 2)]
    way.accept(first)
    assert told() == [("7 West, medicine", 1)]
    way.act("nina", lambda tx: receipt_actions.reject(tx, second, "Damaged", WARD))
    assert told() == []


# --- not here -------------------------------------------------------------------------------------------------------


def test_not_here_is_one_report_and_its_packages_are_unaccounted_for(way: OnTheWay) -> None:
    versions, fill, _ = delivered(way)
    line = way.room.of_order(fill, versions["metformin"])[1].line_id
    report = tell(way, line)
    assert tell(way, line) == report
    assert (way.books("patient"), way.books("unaccounted")) == (3, 1)
    told = dose_of(way, versions["metformin"], 1)
    assert told.where.stage is Stage.MISSING and told.report is not None and told.report.who == "Nina Nurse"
    assert told.where.last is not None and told.where.last.what is What.RECEIVED, "the last that was seen of it"
    for _ in range(2):
        way.act("nina", lambda tx: missing_actions.found(tx, report, "Linen cupboard"))
    assert (way.books("patient"), way.books("unaccounted")) == (4, 0)
    again = dose_of(way, versions["metformin"], 1)
    assert again.where.stage is Stage.RECEIVED and again.where.place == "Linen cupboard"
    way.act("tina", lambda tx: missing_actions.resolve(tx, report, "wrong drawer", "Desk"))
    with way.room.db.read() as session:
        assert session.get_one(MissingDose, report).cause == "wrong drawer"
    with pytest.raises(Refused, match="This report is settled"):
        way.act("nina", lambda tx: missing_actions.found(tx, report, WARD))
    assert tell(way, line) != report, "missing again is a new report"


def test_the_first_replacement_is_a_technicians_the_second_a_pharmacists(way: OnTheWay) -> None:
    versions, fill, _ = delivered(way)
    line = way.room.of_order(fill, versions["metformin"])[0].line_id
    report = tell(way, line)
    with pytest.raises(Refused, match="A nurse may not say why a dose was missing"):
        way.act("nina", lambda tx: missing_actions.replace(tx, report))
    new = way.act("tina", lambda tx: missing_actions.replace(tx, report))
    with pytest.raises(Refused, match="was replaced before. Two of it may be on the ward: only a pharmacist"):
        way.act("tina", lambda tx: missing_actions.replace(tx, report))
    with way.room.db.read() as session:
        row = session.get_one(FillLine, new)
        second_fill = row.fill_id
        assert (row.route, row.packages, row.due_at) == ("first dose", 1, session.get_one(FillLine, line).due_at)
    told = dose_of(way, versions["metformin"])
    assert told.where.stage is Stage.PLANNED and told.replaced
    scheduler.change_orders(way.room.db, second_fill, None)
    assert dose_of(way, versions["metformin"]).where.stage is Stage.PLANNED, "a later look keeps it"
    way.room.label(second_fill)
    way.room.picked(second_fill)
    way.room.signed(second_fill)
    way.room.released(second_fill)
    (bag,) = way.delivered(second_fill)
    way.accept(bag)
    lost = tell(way, new)  # type: ignore[arg-type]
    with pytest.raises(Refused, match="only a pharmacist"):
        way.act("lena", lambda tx: missing_actions.replace(tx, lost))
    way.act("pablo", lambda tx: missing_actions.replace(tx, lost))


def test_nothing_is_sent_for_what_was_found_stopped_or_never_came_with_a_cart(way: OnTheWay) -> None:
    versions, fill, _ = delivered(way)
    first, second = (line.line_id for line in way.room.of_order(fill, versions["metformin"]))
    found = tell(way, first)
    way.act("nina", lambda tx: missing_actions.found(tx, found, WARD))
    with pytest.raises(Refused, match="was found again. Nothing is sent"):
        way.act("tina", lambda tx: missing_actions.replace(tx, found))
    stopped = tell(way, second)
    way.room.stop(versions["metformin"])
    with pytest.raises(Refused, match="Nothing is sent: the order was stopped"):
        way.act("tina", lambda tx: missing_actions.replace(tx, stopped))


def test_a_dose_from_the_cabinet_can_be_told_of_and_one_that_is_not_brought_can_not(way: OnTheWay) -> None:
    cabinet = way.room.order("docusate", ("100", "mg"), number="T1")
    never = way.room.order("prednisone", ("7", "mg"), number="T2")
    fill = way.room.planned()
    report = tell(way, way.room.of_order(fill, cabinet)[0].line_id)
    with pytest.raises(Refused, match="does not come with a cart: stocked in the unit's cabinet"):
        way.act("tina", lambda tx: missing_actions.replace(tx, report))
    with pytest.raises(Refused, match="The pharmacy does not bring this dose: no product makes this dose exactly"):
        tell(way, way.room.of_order(fill, never)[0].line_id)


@pytest.mark.parametrize("cause", CAUSES)
def test_every_cause_settles_a_report_and_only_what_was_given_is_given(way: OnTheWay, cause: str) -> None:
    versions, fill, _ = delivered(way)
    line = way.room.of_order(fill, versions["metformin"])[0].line_id
    report = tell(way, line)
    with pytest.raises(Refused, match="Choose why the dose was missing"):
        way.act("tina", lambda tx: missing_actions.resolve(tx, report, "", "Desk"))
    way.act("tina", lambda tx: missing_actions.resolve(tx, report, cause, "Desk"))
    with pytest.raises(Refused, match="settled"):
        way.act("tina", lambda tx: missing_actions.resolve(tx, report, cause, "Desk"))
    with way.room.db.read() as session:
        left = left_of(session, [line])[line]
    given = cause == "already given"
    assert (left.of(Happened.GIVEN), left.missing) == ((1, 0) if given else (0, 1))
    assert left.delivered == left.of(Happened.GIVEN) + left.missing + left.returned + left.on_unit


# --- merged, and how many questions the page asks -------------------------------------------------------------------


def test_the_drawer_of_a_patient_who_was_merged_is_shown_at_the_one_who_stays(way: OnTheWay) -> None:
    from app.orders.patient_actions import merge

    delivered(way)
    with way.room.db.write(way.room.who("pablo")) as tx:
        survivor = Patient(mrn="700999", family="Alder", given="Mona")
        tx.session.add(survivor)
        tx.session.flush()
        merge(tx, survivor, "700201")
        survivor_id = survivor.id
    (at,) = seen(way)
    assert at.patient.id == survivor_id
    assert {each.where.stage for each in at.later if each.due_at and each.due_at >= WINDOW} == {Stage.RECEIVED}


def test_the_page_asks_as_many_questions_for_four_patients_as_for_one(way: OnTheWay) -> None:
    def asked() -> int:
        count = []
        heard = lambda *args: count.append(1)  # noqa: E731
        event.listen(way.room.db.reader, "before_cursor_execute", heard)
        seen(way)
        event.remove(way.room.db.reader, "before_cursor_execute", heard)
        return len(count)

    way.room.order("metformin", ("500", "mg"), number="Q0", patient=0)
    way.room.planned()
    few = asked()
    for nth in range(1, 4):
        way.room.order("metformin", ("500", "mg"), number=f"Q{nth}", patient=nth)
        way.room.order("metoprolol tartrate", ("25", "mg"), number=f"R{nth}", patient=nth)
    assert asked() == few <= 32


def test_what_must_be_given_soonest_stands_first_among_what_is_not_found(way: OnTheWay) -> None:
    room = way.room
    room.order("furosemide", ("40", "mg"), number="M1", frequency="DAILY")
    room.order("metformin", ("500", "mg"), number="M2")
    fill = room.checked()
    way.delivered(fill)
    lines = {line.order.number: line for line in reversed(room.lines(fill))}
    for number in ("M1", "M2"):
        way.act("nina", lambda tx, line=lines[number]: missing_actions.not_here(tx, line.line_id, "7 West"))
    with room.db.read() as session:
        first, second = open_reports(session)
    assert (first.order.number, second.order.number) == ("M2", "M1"), "the first that was told can wait"
    assert first.order.late_after(lines["M2"].due_at) - lines["M2"].due_at == timedelta(hours=1)  # type: ignore[operator]
    assert second.order.late_after(lines["M1"].due_at) - lines["M1"].due_at == timedelta(hours=2)  # type: ignore[operator]
    assert not first.order.is_time_critical


# --- one too many ---------------------------------------------------------------------------------------------------


def replaced_and_found(way: OnTheWay) -> tuple[int, int, int]:
    """A dose was missed, replaced by another, and found: its order's version, the line found, the line sent."""
    versions, fill, _ = delivered(way)
    line = way.room.of_order(fill, versions["metformin"])[0].line_id
    report = tell(way, line)
    sent: int = way.act("tina", lambda tx: missing_actions.replace(tx, report))  # type: ignore[assignment]
    with way.room.db.read() as session:
        second = session.get_one(FillLine, sent).fill_id
    way.room.label(second)
    way.room.picked(second)
    way.room.signed(second)
    way.room.released(second)
    (bag,) = way.delivered(second)
    way.accept(bag)
    way.act("nina", lambda tx: missing_actions.found(tx, report, WARD))
    return versions["metformin"], line, sent


def test_a_dose_that_is_found_after_another_was_sent_must_come_out(way: OnTheWay) -> None:
    """Two of one dose lie on the ward: the nurse is told to take the first one out, whatever is settled."""
    _, line, _ = replaced_and_found(way)
    (out,) = (each for at in seen(way) for each in at.take_out)
    assert (out.line_ids, out.why) == ((line,), "another one was sent in its place")
    way.act("nina", lambda tx: ward_actions.take_out(tx, [line], WARD))
    assert [each for at in seen(way) for each in at.take_out] == []


def test_one_bedside_record_gives_one_of_the_two_and_the_other_must_come_out(way: OnTheWay) -> None:
    version, line, sent = replaced_and_found(way)
    with way.room.db.read() as session:
        due, order = session.get_one(FillLine, sent).due_at, session.get_one(FillLine, sent).order_id
    assert due is not None
    way.act("nina", lambda tx: given_at_bedside(tx, order, AtBedside(7, due, "bedside")))
    with way.room.db.read() as session:
        left = left_of(session, [line, sent])
    assert (left[line].of(Happened.GIVEN), left[sent].of(Happened.GIVEN)) == (0, 1)
    (out,) = (each for at in seen(way) for each in at.take_out)
    assert (out.line_ids, out.why) == ((line,), "another one was sent in its place and given")
    noted = way.act("nina", lambda tx: given_at_bedside(tx, order, AtBedside(8, due, "bedside")))
    assert noted.look and "already" in noted.words  # type: ignore[attr-defined]


def test_what_comes_back_of_a_dose_that_another_package_served_was_not_missed(way: OnTheWay) -> None:
    _, line, sent = replaced_and_found(way)
    with way.room.db.read() as session:
        row = session.get_one(FillLine, sent)
        due, order, work = row.due_at, row.order_id, session.get_one(FillLine, line).work_id
    assert due is not None and work is not None
    way.act("nina", lambda tx: given_at_bedside(tx, order, AtBedside(7, due, "bedside")))
    way.act("nina", lambda tx: ward_actions.take_out(tx, [line], WARD))
    way.room.db.clock.forward(hours=30)  # type: ignore[attr-defined]
    serial = way.room.serial(work)

    def back(tx: Tx) -> returns_actions.TakenBack:
        return returns_actions.take_back(tx, serial, unit_code("metformin"), Condition.SEALED)

    found = [way.act("tina", back) for _ in range(2)]
    assert {(each.line.line_id == line, each.omission) for each in found} == {  # type: ignore[attr-defined]
        (True, False), (False, True),
    }  # fmt: skip
