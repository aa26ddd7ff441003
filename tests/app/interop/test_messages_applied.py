"""What a stored message changes: an order, a patient, or nothing with the reason in words. On both databases."""

import itertools
from datetime import timedelta

import hl7 as oracle
import pytest

from app.audit.queries import verify as verify_trail
from app.core.errors import Refused
from app.interop.actions import apply_waiting, decide_code, decide_route, dismiss, remember_frequency
from app.interop.hl7 import split_frame
from app.interop.models import Message
from app.interop.queries import exceptions, message_page
from app.interop.store_actions import store
from app.orders import actions as orders
from app.orders.models import Dose, OrderEvent, OrderVersion, Patient
from app.orders.queries import doses_of, newest_versions, patient_of, shown_sha256
from app.orders.schedule import Interval
from tests.app.interop.heard import EHR, Ehr, adt, message
from tests.app.interop.samples import COLLECTED, NO_DATA
from tests.conftest import NOW
from tests.hospital import Hospital

needs_data = pytest.mark.skipif(not COLLECTED, reason=NO_DATA)
HOUR = timedelta(hours=1)


@pytest.fixture
def ehr(house: Hospital) -> Ehr:
    return Ehr(house).knows()


def test_an_order_message_becomes_an_order_that_waits_for_verification(ehr: Ehr) -> None:
    assert ehr.send(message(NOW, start=NOW + HOUR)) == [("applied", "order 8801: version 1")]
    (order,) = ehr.orders()
    assert (order.patient.mrn, order.patient.name, order.place) == ("100245", "DOE, Jane", "7W-14-B")
    assert order.title == "vancomycin 1,000 mg in sodium chloride 0.9 % 250 mL"
    assert (order.route, order.frequency, order.rate) == ("IV", "Q12H", "125 mL/hr")
    assert order.schedule is not None and order.schedule.rhythm == Interval(timedelta(hours=12), order.start_at)
    assert order.patient.allergies == (("Penicillin", "Hives"),) and str(order.patient.weight_kg.normalize()) == "81.5"
    assert order.verified_by is None and order.state == "active"
    with ehr.house.db.read() as session:
        assert [o.version_id for o in newest_versions(session, verified=False)] == [order.version_id]
        assert verify_trail(session).broken is None
    assert ehr.count(Dose) == 0


def test_verification_of_what_was_shown_writes_the_doses(ehr: Ehr) -> None:
    ehr.send(message(NOW, start=NOW + HOUR))
    (order,) = ehr.orders()
    house = ehr.house
    with house.db.read() as session:
        shown = shown_sha256(session, order.version_id)
    with house.db.write(house.who("pablo")) as tx:
        orders.verify_as_shown(tx, order.version_id, house.proof("pablo"), shown)
    with house.db.read() as session:
        due = [dose.due_at for dose in doses_of(session, order.version_id)]
    assert due == [NOW + HOUR + n * 12 * HOUR for n in range(4)]


def test_what_has_changed_since_it_was_shown_can_not_be_verified(ehr: Ehr) -> None:
    ehr.send(message(NOW, start=NOW + HOUR))
    (order,) = ehr.orders()
    house = ehr.house
    with house.db.read() as session:
        shown = shown_sha256(session, order.version_id)
    ehr.send(adt(NOW, "A08", extra="AL1|1|DA|1^Vancomycin^L|SV|Anaphylaxis\r"))
    with house.db.write(house.who("pablo")) as tx, pytest.raises(Refused, match="allergies have changed"):
        orders.verify_as_shown(tx, order.version_id, house.proof("pablo"), shown)


def test_a_technician_can_not_verify_and_is_told_why(ehr: Ehr) -> None:
    ehr.send(message(NOW))
    house = ehr.house
    with house.db.write(house.who("tina")) as tx, pytest.raises(Refused, match="technician may not verify an order"):
        orders.verify_as_shown(tx, ehr.orders()[0].version_id, house.proof("tina"), "")


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"route": "XX^Some way"}, "The route 'XX / Some way' is not known here"),
        ({"route": "IV^Intrathecal"}, "may mean IV or intrathecal"),
        ({"dose": "500-1000"}, "ordered as a range"),
        ({"dose": "0"}, "amount of nothing"),
        ({"name": "D\u202eoe^Jane"}, "hidden characters"),
        ({"name": ""}, "names no patient"),
    ],
)
def test_what_is_not_certain_is_an_exception_in_words_and_no_order(ehr: Ehr, how: dict, words: str) -> None:
    ((outcome, reason),) = ehr.send(message(NOW, **how))
    assert outcome == "exception" and words in reason
    assert ehr.orders() == [] and ehr.count(Patient) == 0


def test_a_code_that_nobody_decided_is_settled_by_a_pharmacist_and_never_asked_again(house: Hospital) -> None:
    ehr = Ehr(house)
    first = ehr.send(message(NOW))
    second = ehr.send(message(NOW, id="C2", number="8802"))
    assert first[0][0] == second[0][0] == "exception"
    assert "'11124 vancomycin' (RXC-2) was never decided here" in first[0][1]
    with house.db.read() as session:
        waiting = [line.id for line in exceptions(session)]
        page = message_page(session, waiting[0], EHR)
    marked = [text for line in page.lines for text, here in line.pieces if here]
    assert marked == ["313002^sodium chloride 0.9 %^RXNORM", "11124^vancomycin^RXNORM"]
    assert [f.ask for f in page.findings] == ["code", "code"]
    with house.db.write(house.who("tina")) as tx, pytest.raises(Refused, match="may not decide what an unclear order"):
        decide_code(tx, waiting[0], "11124", "vancomycin", 1, EHR)
    for code, text, drug_id in (("11124", "vancomycin", 1), ("313002", "sodium chloride 0.9 %", 5)):
        with house.db.write(house.who("pablo")) as tx:
            outcome = decide_code(tx, waiting[0], code, text, drug_id, EHR)
    assert outcome == "applied"
    apply_waiting(house.db, EHR)
    assert [order.number for order in ehr.orders()] == ["8801", "8802"]


def test_a_route_is_decided_once_for_a_sender(ehr: Ehr) -> None:
    odd = {"route": "IVX^Special line"}
    ehr.send(message(NOW, **odd))
    house = ehr.house
    with house.db.write(house.who("pablo")) as tx:
        assert decide_route(tx, 1, "IVX / Special line", "IV", EHR) == "applied"
    assert ehr.send(message(NOW, id="C2", number="8802", **odd)) == [("applied", "order 8802: version 1")]
    assert {o.route for o in ehr.orders()} == {"IV"}


def test_a_frequency_is_remembered_for_a_sender_in_words_of_the_table(ehr: Ehr) -> None:
    house = ehr.house
    with house.db.write(house.who("tina")) as tx, pytest.raises(Refused, match="may not decide what an unclear order"):
        remember_frequency(tx, "EHR", "DOSVID", "Q12H")
    with house.db.write(house.who("pablo")) as tx:
        remember_frequency(tx, "EHR", "DOSVID", "Q12H")
    ehr.send(message(NOW, frequency="DOSVID"))
    (order,) = ehr.orders()
    assert (order.frequency, order.unread) == ("DOSVID", None)
    assert order.schedule is not None and order.schedule.rhythm == Interval(timedelta(hours=12), order.start_at)


def test_an_exception_is_laid_aside_with_a_reason(house: Hospital) -> None:
    ehr = Ehr(house)
    ehr.send(message(NOW))
    with house.db.write(house.who("pablo")) as tx:
        dismiss(tx, 1, "entered by hand")
    assert ehr.outcome(1)[0] == "settled"
    with house.db.write(house.who("pablo")) as tx, pytest.raises(Refused, match="settled already"):
        dismiss(tx, 1, "entered by hand")


@needs_data
def test_every_collected_message_is_stored_as_it_came_acknowledged_and_in_words(ehr: Ehr) -> None:
    for path in COLLECTED:
        for raw in split_frame(path.read_bytes()):
            stored = ehr.store(raw)
            theirs = oracle.parse(raw.decode("utf-8", "replace").replace("\n", "\r"))
            answer = oracle.parse(stored.answer.decode())
            assert str(answer.segment("MSA")[1]) in ("AA", "CA")
            sent = str(theirs.segment("MSH")[10]).strip() if len(theirs.segment("MSH")) > 10 else ""
            assert "|".join(str(each) for each in answer.segment("MSA")[2:]) == sent
            with ehr.house.db.read() as session:
                assert session.get_one(Message, stored.message_id).raw == raw
            apply_waiting(ehr.house.db, EHR)
            outcome, reason = ehr.outcome(stored.message_id or 0)
            assert outcome in ("applied", "ignored", "exception") and len(reason.split()) > 2, path.name
            numbers = {
                str(r).split("^")[0] for s in theirs if str(s[0]) == "PID" for f in s[2:5] for r in str(f).split("~")
            }
            for order in ehr.orders():
                if order.message_id == stored.message_id:
                    assert order.patient.mrn in numbers


def test_the_same_message_a_hundred_times_is_stored_once_and_answered_the_same(ehr: Ehr) -> None:
    raw = message(NOW)
    first = ehr.store(raw)
    apply_waiting(ehr.house.db, EHR)
    for _ in range(100):
        again = ehr.store(raw)
        assert (again.message_id, again.answer, again.again) == (first.message_id, first.answer, True)
    apply_waiting(ehr.house.db, EHR)
    assert (ehr.count(Message), ehr.count(OrderVersion), ehr.count(OrderEvent)) == (1, 1, 1)


def test_the_same_order_under_another_message_number_adds_nothing(ehr: Ehr) -> None:
    ehr.send(message(NOW), message(NOW + HOUR, id="C2", said=NOW, start=NOW))
    assert (ehr.count(Message), ehr.count(OrderVersion)) == (2, 1)


def test_a_message_number_with_another_content_is_a_new_message_with_a_remark(ehr: Ehr) -> None:
    ehr.send(message(NOW), message(NOW, dose="1250"))
    (order,) = ehr.orders()
    assert order.version == 2 and str(order.doses["vancomycin"]) == "1,250 mg"
    assert any("same control id came before" in words for words in order.warnings)


def test_a_stop_that_comes_before_its_order_stops_it_when_it_arrives(ehr: Ehr) -> None:
    ((outcome, words),) = ehr.send(message(NOW + HOUR, "DC", id="C2"))
    assert outcome == "applied" and "not known here yet" in words
    ehr.send(message(NOW))
    (order,) = ehr.orders()
    assert order.state == "stopped" and any("before the order itself" in words for words in order.warnings)


EVENTS = (("NW", "1000"), ("XO", "1250"), ("HD", ""), ("RL", ""))


@pytest.mark.parametrize("last", ["DC", "HD", "RL"])
def test_events_in_any_order_of_arrival_end_in_the_same_order(ehr: Ehr, last: str) -> None:
    """All permutations of what may happen to an order (FT30), each with a number of its own."""
    chosen = {"DC": ("NW", "XO", "HD", "DC"), "HD": ("NW", "XO", "HD"), "RL": ("NW", "XO", "HD", "RL")}[last]
    ends = set()
    for run, order_of_arrival in enumerate(itertools.permutations(range(len(chosen)))):
        number = f"{last}{run}"
        for place in order_of_arrival:
            control = chosen[place]
            at = NOW + place * HOUR
            dose = {"NW": "1000", "XO": "1250"}.get(control, "")
            ehr.store(message(at, control, id=f"{number}-{place}", number=number, dose=dose, start=NOW + HOUR))
            apply_waiting(ehr.house.db, EHR)
    for order in ehr.orders():
        ends.add((order.state, str(order.doses["vancomycin"])))
    assert ends == {({"DC": "stopped", "HD": "held", "RL": "active"}[last], "1,250 mg")}
    with ehr.house.db.read() as session:
        assert exceptions(session) == []


def test_a_stop_that_repeats_the_time_of_its_order_is_not_lost(ehr: Ehr) -> None:
    ehr.send(message(NOW + HOUR, said=NOW), message(NOW + 2 * HOUR, "DC", id="C2", said=NOW - HOUR))
    assert ehr.orders()[0].state == "stopped"


def test_a_pharmacists_stop_holds_even_when_the_senders_clock_is_ahead(ehr: Ehr) -> None:
    ehr.send(message(NOW + 5 * HOUR))
    (order,) = ehr.orders()
    with ehr.house.db.write(ehr.house.who("pablo")) as tx:
        orders.stop(tx, order.order_id, reason="ordered twice")
    assert ehr.orders()[0].state == "stopped"


def test_an_order_number_that_belongs_to_another_patient_changes_nobody(ehr: Ehr) -> None:
    ehr.send(message(NOW))
    for raw in (
        message(NOW + HOUR, "XO", id="C2", mrn="777", dose="2000"),
        message(NOW + HOUR, "DC", id="C3", mrn="777"),
    ):
        ((outcome, reason),) = ehr.send(raw)
        assert outcome == "exception" and "belongs to another patient" in reason
    (order,) = ehr.orders()
    assert (order.state, order.version, order.patient.mrn) == ("active", 1, "100245")
    assert ehr.count(Patient) == 1


def test_a_stop_ahead_of_another_patients_order_is_an_exception(ehr: Ehr) -> None:
    ehr.send(message(NOW, "DC", mrn="777"))
    ((outcome, reason),) = ehr.send(message(NOW, id="C2"))
    assert outcome == "exception" and "belongs to another patient" in reason


def test_what_was_stored_before_a_crash_is_applied_after_it(ehr: Ehr) -> None:
    ehr.store(message(NOW))
    ehr.store(message(NOW + HOUR, "DC", id="C2"))
    assert ehr.orders() == []
    assert apply_waiting(ehr.house.db, EHR) == 2
    assert ehr.orders()[0].state == "stopped"
    assert apply_waiting(ehr.house.db, EHR) == 0


def test_a_merge_moves_orders_and_the_retired_number_still_finds_them(ehr: Ehr) -> None:
    ehr.send(message(NOW, mrn="OLD1"))
    ehr.send(adt(NOW, "A40", id="A1", mrn="NEW1", extra="MRG|OLD1^^^GH^MR\r"))
    (order,) = ehr.orders()
    assert order.patient.mrn == "NEW1" and order.version == 2 and order.verified_by is None
    assert "OLD1 was merged" in order.warnings[0]
    ehr.send(adt(NOW, "A40", id="A2", mrn="NEWER", extra="MRG|NEW1^^^GH^MR\r"))
    ehr.send(message(NOW + HOUR, "DC", id="C9", mrn="OLD1"))
    (order,) = ehr.orders()
    assert (order.patient.mrn, order.state) == ("NEWER", "stopped")
    with ehr.house.db.read() as session:
        assert {found.mrn for mrn in ("OLD1", "NEW1", "NEWER") if (found := patient_of(session, mrn))} == {"NEWER"}
        assert verify_trail(session).broken is None


def test_a_move_a_discharge_and_its_undoing_follow_the_patient(ehr: Ehr) -> None:
    ehr.send(message(NOW))
    ehr.send(adt(NOW + HOUR, "A02", place="ICU^3^1"))
    assert ehr.orders()[0].place == "ICU-3-1"
    ehr.send(adt(NOW, "A08", id="A0", place="7W^14^B"))
    assert ehr.orders()[0].place == "ICU-3-1", "an older message moves nobody back"
    ehr.send(adt(NOW + 2 * HOUR, "A03", id="A2", place="ICU^3^1"))
    assert ehr.orders()[0].state == "held"
    ehr.send(adt(NOW + 3 * HOUR, "A13", id="A3", place="ICU^3^1"))
    assert ehr.orders()[0].state == "active"


def test_a_single_allergy_is_added_and_taken_away(ehr: Ehr) -> None:
    ehr.send(message(NOW))
    ehr.send(adt(NOW, "A60", extra="IAM|1|DA|9^Latex^L|MO|Rash|A\rIAM|2|DA|70618^Penicillin^RXNORM||Hives|D\r"))
    assert ehr.orders()[0].patient.allergies == (("Latex", "Rash"),)


def test_an_allergy_list_that_was_held_up_replaces_no_newer_one(ehr: Ehr) -> None:
    newer, older = "AL1|1|DA|1^Latex^L|SV|Rash\r", "AL1|1|DA|2^Aspirin^L|SV|Wheeze\r"
    ehr.send(adt(NOW + HOUR, "A08", extra=newer))
    ehr.send(adt(NOW, "A08", id="A2", extra=older), message(NOW, start=NOW + HOUR))
    assert ehr.orders()[0].patient.allergies == (("Latex", "Rash"),)
    ehr.send(adt(NOW, "A60", id="A3", extra="IAM|1|DA|2^Aspirin^L|SV|Wheeze|A\rIAM|2|DA|1^Latex^L|SV|Rash|D\r"))
    assert ehr.orders()[0].patient.allergies == (("Aspirin", "Wheeze"), ("Latex", "Rash")), "added, not taken away"


def test_a_discharge_holds_the_orders_that_name_no_visit_and_is_no_secret_without_one(ehr: Ehr) -> None:
    unnamed = b"PV1|1|I|7W^14^B||||||||||||||||"
    ehr.send(adt(NOW, "A01"), message(NOW).replace(unnamed + b"V5501", unnamed))
    ((outcome, reason),) = ehr.send(adt(NOW + HOUR, "A03", id="A2").replace(unnamed + b"V5501", unnamed))
    assert outcome == "exception" and "names no visit" in reason
    assert ehr.orders()[0].state == "active"
    ehr.send(adt(NOW + HOUR, "A03", id="A3"))
    assert ehr.orders()[0].state == "held"
    ehr.send(adt(NOW + 2 * HOUR, "A13", id="A4"))
    assert ehr.orders()[0].state == "active"


def test_a_record_number_with_another_name_and_birth_date_renames_nobody(ehr: Ehr) -> None:
    ehr.send(adt(NOW, "A01"))
    ((outcome, reason),) = ehr.send(adt(NOW, "A08", id="A2", name="Other^Person", birth="19990101"))
    assert outcome == "exception" and "another family name and given name and birth date" in reason
    with ehr.house.db.read() as session:
        known = patient_of(session, "100245")
        assert known is not None and known.family == "Doe"


def test_a_weight_far_from_the_known_one_is_pointed_out(ehr: Ehr) -> None:
    ehr.send(message(NOW))
    later = message(NOW + HOUR, id="C2", number="8802").replace(b"81.5|kg", b"179.7|kg")
    ehr.send(later)
    assert any("differs by more than 10 %" in words for words in ehr.orders()[1].warnings)


def test_a_pound_is_not_a_kilogram(ehr: Ehr) -> None:
    ehr.send(message(NOW).replace(b"81.5|kg", b"179.7|[lb_av]"))
    weight = ehr.orders()[0].patient.weight_kg
    assert weight is not None and str(weight.normalize()) == "81.511"


def test_a_test_message_on_a_real_port_is_kept_counted_and_changes_nothing(ehr: Ehr) -> None:
    ((outcome, reason),) = ehr.send(message(NOW, processing="T"))
    assert outcome == "ignored" and "test message" in reason and ehr.orders() == []


@pytest.mark.parametrize("processing", ["P", ""])
def test_a_test_system_refuses_real_messages_and_keeps_nothing_of_them(ehr: Ehr, processing: str) -> None:
    stored = store(ehr.house.db, EHR, message(NOW, processing=processing), test=True)
    assert stored.message_id is None and b"MSA|AR|C1" in stored.answer and b"202^" in stored.answer
    assert ehr.count(Message) == 0


def test_one_message_that_can_not_be_applied_holds_up_no_other(ehr: Ehr) -> None:
    bad = message(NOW, id="C0", number="88\x0001")
    outcomes = [outcome for outcome, _ in ehr.send(bad, message(NOW, id="C1", number="8802"))]
    assert outcomes[1] == "applied"
    assert outcomes[0] in ("applied", "exception")


def test_two_orders_in_one_message_are_two_decisions(ehr: Ehr) -> None:
    whole = message(NOW)
    second = message(NOW, number="8802", route="XX^Odd way")
    ((outcome, reason),) = ehr.send(whole + second[second.index(b"ORC|") :])
    assert outcome == "exception" and "'XX / Odd way'" in reason
    assert [order.number for order in ehr.orders()] == ["8801"]
