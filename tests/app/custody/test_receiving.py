"""What a scan of a label answers, and what the acts of a ward store, on both databases."""


import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from app.audit.queries import of_subject, verify
from app.core.errors import Missing, Refused
from app.custody.bag import Kind, must_come_out
from app.custody.models import CustodyEvent
from app.custody.pharmacy_queries import missed, ready
from app.custody.queries import beds_of, dose_awaited, named, occupied, ward_list
from app.custody.whereabouts import Stage, What
from app.inventory import actions as stock
from app.inventory.models import Movement
from app.orders import actions as orders
from compounding import check_actions
from tests.app.custody.conftest import Ward


def test_until_release_every_scan_answers_not_checked_do_not_give(ward: Ward) -> None:
    work_id, serial = ward.made()
    for answered in (ward.scan(serial), ward.look(serial), ward.look(serial, by="nina"), ward.look(serial, by="pablo")):
        assert (answered.kind, answered.title) == (Kind.UNCHECKED, "Not checked. Do not give.")
    assert "made, waits for its check" in ward.scan(serial).why
    with pytest.raises(Refused, match=r"^Not checked\. Do not give\."):
        ward.receive(serial)
    with pytest.raises(Refused, match=r"^Not checked\. Do not give\..*Keep it in the pharmacy"):
        ward.hand_over(serial)
    ward.house.release(work_id)
    assert ward.scan(serial).title == "Received."


def test_a_label_that_is_printed_while_the_dose_is_made_is_not_checked_either(ward: Ward) -> None:
    work_id = ward.house.claim(ward.house.dose(ward.house.order(number="RX2")))
    ward.house.until(work_id, "pair")
    answered = ward.look(ward.serial(work_id))
    assert answered.title == "Not checked. Do not give." and "being made" in answered.why


def test_the_scan_of_a_released_dose_receives_it_and_the_second_says_by_whom_and_when(ward: Ward) -> None:
    _, serial = ward.released()
    assert ward.scan(serial).kind is Kind.NOW_RECEIVED
    second = ward.scan(serial)
    assert second.kind is Kind.RECEIVED and second.why == "Received by Nina Nurse at 22-Nov-2026 09:05, 7 West."
    assert ward.receive(serial).kind is Kind.RECEIVED
    assert ward.receipts(serial) == 1


def test_the_database_too_lets_a_label_be_received_only_once(ward: Ward) -> None:
    _, serial = ward.released()
    ward.scan(serial)
    with pytest.raises(IntegrityError), ward.db.write(ward.house.who("nina")) as tx:
        row = {"serial": serial, "kind": "received", "place": "x", "person_id": ward.house.people["nina"]}
        tx.session.execute(insert(CustodyEvent).values(row | {"at": tx.now}))


def test_a_stopped_dose_refuses_receipt_and_says_when_it_was_stopped(ward: Ward) -> None:
    work_id, serial = ward.released()
    ward.stop(work_id)
    with pytest.raises(Refused, match=r"Do not give\. The order was stopped at 22-Nov-2026 09:05\. Take it out"):
        ward.receive(serial)
    assert ward.scan(serial).kind is Kind.DO_NOT_GIVE
    with pytest.raises(Refused, match="Keep it in the pharmacy"):
        ward.hand_over(serial)
    assert ward.receipts(serial) == 0


def test_a_dose_on_hold_and_one_whose_order_was_changed_are_not_received(ward: Ward) -> None:
    work_id, serial = ward.released()
    ward.hold(work_id)
    assert "The order is on hold" in ward.scan(serial).why
    other, second = ward.released(tray="TRAY-02", patient=1, number="RX7")
    changed = ward.house.stated("MFR-27", patient=1, number="RX7")
    ward.act("tina", lambda tx: orders.state(tx, changed))
    assert "The order was changed" in ward.scan(second).why
    assert ward.receipts(serial) + ward.receipts(second) == 0 and other


def test_a_withdrawn_dose_says_why_and_must_come_out_until_it_is_taken_out(ward: Ward) -> None:
    work_id, serial = ward.released()
    ward.scan(serial)
    ward.withdraw(work_id, "Particles seen")
    answered = ward.scan(serial)
    assert answered.kind is Kind.DO_NOT_GIVE and "withdrew it" in answered.why and "Particles seen" in answered.why
    assert "Take it out of the drawer" in answered.remedy
    assert must_come_out(ward.bag(serial), ward.db.clock())
    ward.note(serial, What.TAKEN_OUT)
    ward.note(serial, What.TAKEN_OUT)
    assert not must_come_out(ward.bag(serial), ward.db.clock())
    assert [fact.what for fact in ward.bag(serial).facts].count(What.TAKEN_OUT) == 1


def test_a_refused_and_a_dropped_dose_say_do_not_give(ward: Ward) -> None:
    work_id, serial = ward.made()
    proof = ward.house.proof("pablo")
    ward.act("pablo", lambda tx: check_actions.refuse(tx, work_id, proof, "Cloudy", "Discarded"))
    assert "refused it" in ward.scan(serial).why and "Cloudy" in ward.scan(serial).why
    dropped = ward.house.claim(ward.house.dose(ward.house.order(number="RX2")), "TRAY-02")
    ward.house.until(dropped, "pair")
    label = ward.serial(dropped)
    ward.act("tina", lambda tx: check_actions.drop(tx, dropped, "Spilled"))
    answered = ward.scan(label)
    assert answered.kind is Kind.DO_NOT_GIVE and "rejected at the hood" in answered.why
    assert not must_come_out(ward.bag(label), ward.db.clock()), "it never left the hood"


def test_a_dose_past_its_beyond_use_date_is_not_received(ward: Ward) -> None:
    _, serial = ward.released()
    ward.db.clock.at = ward.bag(serial).beyond_use  # type: ignore[attr-defined]
    answered = ward.scan(serial)
    assert answered.kind is Kind.DO_NOT_GIVE and "beyond-use date has passed: 02-Dec-2026 09:05 EST" in answered.why


def test_a_dose_with_a_recalled_lot_is_not_received(ward: Ward) -> None:
    work_id, serial = ward.released()
    with ward.db.read() as session:
        lot = session.scalars(select(Movement.lot_id).where(Movement.cause == f"preparation {work_id}")).first()
    assert lot is not None
    ward.act("pablo", lambda tx: stock.recall(tx, lot, "glass particles"))
    answered = ward.scan(serial)
    assert answered.kind is Kind.DO_NOT_GIVE and "recalled (glass particles)" in answered.why
    assert must_come_out(ward.bag(serial), ward.db.clock())


def test_a_dose_for_another_bed_says_whose_it_is_and_is_received_with_one_tap(ward: Ward) -> None:
    ward.pick("7W-14-B")
    _, serial = ward.released()
    answered = ward.scan(serial)
    assert answered.kind is Kind.ELSEWHERE and "ÅNGSTRÖM, Zoë in 7W-12-A" in answered.why
    assert ward.receipts(serial) == 0
    assert ward.receive(serial).kind is Kind.NOW_RECEIVED


def test_a_nurse_without_beds_receives_for_everybody(ward: Ward) -> None:
    _, serial = ward.released(patient=2)
    assert ward.scan(serial).kind is Kind.NOW_RECEIVED


@pytest.mark.parametrize("by", ["tina", "pablo"])
def test_only_a_nurse_receives_and_the_server_says_who_may(ward: Ward, by: str) -> None:
    _, serial = ward.released()
    with pytest.raises(Refused, match="may not receive a dose on the ward"):
        ward.scan(serial, by=by)
    with pytest.raises(Refused, match="may not receive a dose on the ward"):
        ward.note(serial, What.NOT_HERE, by=by)
    with pytest.raises(Refused, match="A nurse may not hand doses over to a ward"):
        ward.hand_over(serial, by="nina")
    assert ward.receipts(serial) == 0


def test_a_label_that_was_not_made_here_is_said_to_be_missing(ward: Ward) -> None:
    with pytest.raises(Missing, match="L-0000000000"):
        ward.scan("L-0000000000")


def test_not_here_calls_the_desk_with_the_last_scan_until_it_is_found(ward: Ward) -> None:
    _, serial = ward.released()
    ward.hand_over(serial)
    ward.note(serial, What.NOT_HERE)
    ward.note(serial, What.NOT_HERE)
    with ward.db.read() as session:
        calls = missed(session, ward.db.clock())
    assert [call.serial for call in calls] == [serial]
    last = calls[0].where.last
    assert last is not None and (last.what, last.who, last.place) == (What.HANDED_OVER, "Tina Technician", DESK_NAME)
    ward.note(serial, What.FOUND)
    with ward.db.read() as session:
        assert missed(session, ward.db.clock()) == []
    assert ward.scan(serial).kind is Kind.NOW_RECEIVED


DESK_NAME = "Pharmacy desk"


def test_scanning_a_missing_dose_that_was_received_finds_it(ward: Ward) -> None:
    _, serial = ward.released()
    ward.scan(serial)
    ward.note(serial, What.NOT_HERE)
    assert ward.scan(serial).kind is Kind.RECEIVED
    assert ward.bag(serial).where.stage is Stage.RECEIVED and ward.receipts(serial) == 1


def test_what_is_handed_over_twice_is_handed_over_once(ward: Ward) -> None:
    _, serial = ward.released()
    with ward.db.read() as session:
        assert [bag.serial for bag in ready(session, ward.db.clock())[0]] == [serial]
    ward.hand_over(serial)
    ward.hand_over(serial, by="pablo")
    assert [fact.what for fact in ward.bag(serial).facts].count(What.HANDED_OVER) == 1
    with ward.db.read() as session:
        waiting, gone = ready(session, ward.db.clock())
    assert waiting == [] and [bag.serial for bag in gone] == [serial]


@pytest.mark.parametrize("gone", [What.RETURNED, What.DAMAGED, What.TAKEN_OUT])
def test_what_is_gone_is_not_received_any_more(ward: Ward, gone: What) -> None:
    _, serial = ward.released()
    ward.note(serial, gone)
    assert ward.scan(serial).kind is Kind.DO_NOT_GIVE
    with pytest.raises(Refused):
        ward.note(serial, What.NOT_HERE)


def test_nothing_is_noted_by_hand_that_a_scan_notes(ward: Ward) -> None:
    _, serial = ward.released()
    for what in (What.RECEIVED, What.HANDED_OVER, What.SCANNED, What.RELEASE):
        with pytest.raises(Refused, match="Scan it"):
            ward.note(serial, what)


def test_beds_last_twelve_hours_and_a_new_choice_replaces_the_old(ward: Ward) -> None:
    nina, clock = ward.house.people["nina"], ward.db.clock
    with ward.db.read() as session:
        assert beds_of(session, nina, clock()) is None
        assert [(each.bed.words, each.unit_name, each.patient) for each in occupied(session)] == [
            ("7W-12-A", "7 West, medicine", "ÅNGSTRÖM, Zoë")
        ]
    ward.pick("7W-12-A", "ICU")
    ward.pick("7W-14-B")
    clock.forward(hours=11, minutes=59)  # type: ignore[attr-defined]
    with ward.db.read() as session:
        mine = beds_of(session, nina, clock())
        assert mine is not None and mine.words == "7W-14-B" and not mine.cover("7W", "12-A")
    clock.forward(minutes=1)  # type: ignore[attr-defined]
    with ward.db.read() as session:
        assert beds_of(session, nina, clock()) is None
    with pytest.raises(Refused, match="No bed was picked"):
        ward.pick()
    with pytest.raises(Refused, match="may not receive a dose"):
        ward.pick("7W", by="tina")


def test_the_list_shows_first_what_must_come_out_then_what_is_due_then_the_rest(ward: Ward) -> None:
    ward.pick("7W")
    stopped, out = ward.released()
    ward.scan(out)
    ward.stop(stopped)
    ward.released(tray="TRAY-02", number="RX2")
    ward.house.order(number="RX3", patient=1)
    waiting = ward.house.stated("MFR-06", number="RX4", patient=1)
    ward.act("tina", lambda tx: orders.state(tx, waiting))
    ward.house.order(number="RX5", patient=2)
    with ward.db.read() as session:
        mine = beds_of(session, ward.house.people["nina"], ward.db.clock())
        assert mine is not None
        zoe, amos = ward_list(session, mine, ward.db.clock())
    assert [bag.serial for bag in zoe.out] == [out]
    assert [each.where.stage for each in zoe.soon] == [Stage.RELEASED]
    assert zoe.soon[0].where.ready_at == ward.db.clock() and zoe.soon[0].where.place == DESK_NAME
    assert {each.where.stage for each in zoe.later} == {Stage.VERIFIED}
    assert [each.where.stage for each in amos.soon] == [Stage.VERIFIED, Stage.ORDERED] and amos.place == "7W-14-B"
    ward.note(out, What.TAKEN_OUT)
    with ward.db.read() as session:
        assert ward_list(session, mine, ward.db.clock())[0].out == ()


def test_a_dose_that_was_given_long_before_its_order_stopped_is_not_looked_for(ward: Ward) -> None:
    work_id, serial = ward.released()
    ward.scan(serial)
    ward.db.clock.forward(hours=15)  # type: ignore[attr-defined]
    ward.stop(work_id)
    assert not must_come_out(ward.bag(serial), ward.db.clock())
    assert ward.scan(serial).kind is Kind.DO_NOT_GIVE, "a scan still says so"


def test_a_patient_is_found_without_accents_and_the_dose_tells_its_whole_way(ward: Ward) -> None:
    work_id, serial = ward.released()
    ward.hand_over(serial)
    ward.scan(serial)
    with ward.db.read() as session:
        for words in ("angs", "ZOE", "Ång", ward.house.at(work_id).order.patient.mrn):
            assert [each.patient.family for each in named(session, words, ward.db.clock())] == ["Ångström"], words
        assert named(session, "%", ward.db.clock()) == [] and named(session, " ", ward.db.clock()) == []
        dose, facts = dose_awaited(session, ward.bag(serial).dose_id)
    assert dose.where.stage is Stage.RECEIVED and dose.where.place == "7 West"
    assert [fact.what for fact in facts] == [
        What.ORDERED, What.VERIFIED, What.CLAIM, What.FINISH, What.RELEASE, What.HANDED_OVER, What.RECEIVED,
    ]  # fmt: skip


def test_every_act_is_in_the_trail_and_the_trail_is_whole(ward: Ward) -> None:
    ward.pick("7W")
    _, serial = ward.released()
    ward.look(serial)
    ward.hand_over(serial)
    ward.note(serial, What.NOT_HERE)
    ward.note(serial, What.FOUND)
    ward.scan(serial)
    ward.note(serial, What.DAMAGED)
    ward.note(serial, What.RETURNED, by="tina")
    with ward.db.read() as session:
        told = [entry.action for entry in of_subject(session, f"label {serial}")]
        assert sorted(told) == sorted(
            ["scanned", "handed over", "not here", "found", "received", "damaged", "returned"]
        )
        assert verify(session).broken is None
