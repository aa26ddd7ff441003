"""The bedside's word (RAS) about bags of the IV room: what it closes, and what a person has to look at."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from app import demo
from app.audit.models import AuditEvent
from app.audit.queries import verify as verify_trail
from app.custody.bag import Kind
from app.custody.models import CustodyEvent
from app.custody.queries import dose_awaited
from app.custody.whereabouts import Fact, Stage, What
from app.interop.actions import apply_waiting
from app.interop.models import Message
from app.orders import actions as orders
from app.orders.models import Order
from tests.app.custody.conftest import Ward
from tests.app.interop.heard import Ehr, hl7_time
from tests.faults.site import site_of

PATIENT = demo.PATIENTS[0]
FORWARD = {"hours": 1}


@pytest.fixture
def ehr(ward: Ward) -> Ehr:
    return Ehr(ward.house)


def number_of(ward: Ward, serial: str) -> str:
    """The key of the order of a label, else of the only order."""
    with ward.db.read() as session:
        if serial:
            return f"demo^{ward.bag(serial).order.number}"
        return session.scalars(select(Order.key)).one()


def ras(
    ward: Ward, *, serial: str = "", minutes: int = -5, order: str = "", id: str = "G1", mrn: str = "",
    status: str = "CP",
) -> bytes:  # fmt: skip
    """A bedside record written now about something that was given some minutes before or after."""
    now = ward.db.clock()
    given = now + timedelta(minutes=minutes)
    label = f"OBX|1|ST|BAG^label||{serial}\r" if serial else ""
    return (
        f"MSH|^~\\&|EHR|GENERAL|LAMINAR|PHARMACY|{hl7_time(now)}||RAS^O17|{id}|P|2.5.1\r"
        f"PID|1||{mrn or PATIENT.mrn}^^^GH^MR||{PATIENT.family}^{PATIENT.given}\r"
        f"ORC|RE|{order or number_of(ward, serial)}\r"
        f"RXA|0|1|{hl7_time(given)}||11124^vancomycin|1000|mg|||N7^Nurse^Nina||||||||||{status}\r"
        f"{label}"
    ).encode()


def told(ehr: Ehr, raw: bytes) -> tuple[str, str]:
    return ehr.send(raw)[0]


def fact(ward: Ward, serial: str) -> Fact:
    return next(each for each in ward.bag(serial).facts if each.what is What.GIVEN)


def test_the_bag_that_the_bedside_names_is_given_with_when_where_and_by_whom(ward: Ward, ehr: Ehr) -> None:
    _, serial = ward.released()
    ward.pick("7W")
    ward.scan(serial)
    ward.db.clock.forward(**FORWARD)  # type: ignore[attr-defined]
    outcome, words = told(ehr, ras(ward, serial=serial))
    assert outcome == "applied" and f"bag {serial}, due" in words and "was given at 22-Nov-2026 10:00" in words
    bag = ward.bag(serial)
    assert bag.where.stage is Stage.GIVEN
    said = fact(ward, serial)
    assert (said.who, said.place, said.note) == ("the bedside record", "GENERAL", "by Nina Nurse (N7), 11124")
    answer = ward.scan(serial)
    assert answer.kind is Kind.DO_NOT_GIVE and "It was given at 22-Nov-2026 10:00" in answer.why
    with ward.db.read() as session:
        assert dose_awaited(session, bag.dose_id)[0].where.stage is Stage.GIVEN
        entry = session.scalars(select(AuditEvent).where(AuditEvent.subject == f"label {serial}")).all()[-1]
        assert (entry.action, entry.person_id) in (("given", None), ("scanned", entry.person_id))
        assert verify_trail(session).broken is None


def test_without_a_label_it_is_the_bag_of_the_dose_that_is_due_nearest(ward: Ward, ehr: Ehr) -> None:
    _, serial = ward.released()
    ward.db.clock.forward(**FORWARD)  # type: ignore[attr-defined]
    outcome, words = told(ehr, ras(ward))
    assert outcome == "applied", words
    assert ward.bag(serial).where.stage is Stage.GIVEN, "no scan had closed its custody; the bedside does"


def test_the_same_message_twice_is_one_and_so_is_the_same_word_in_another(ward: Ward, ehr: Ehr) -> None:
    _, serial = ward.released()
    ward.db.clock.forward(**FORWARD)  # type: ignore[attr-defined]
    raw = ras(ward, serial=serial)
    assert told(ehr, raw)[0] == told(ehr, raw)[0] == "applied"
    outcome, words = told(ehr, ras(ward, serial=serial, id="G2"))
    assert outcome == "applied" and "was noted as given at 22-Nov-2026 10:00 before" in words
    with ward.db.read() as session:
        assert len(session.scalars(select(CustodyEvent).where(CustodyEvent.kind == What.GIVEN)).all()) == 1


@pytest.mark.parametrize("named", [True, False])
def test_a_second_record_of_a_bag_is_looked_at_and_the_first_one_counts(ward: Ward, ehr: Ehr, named: bool) -> None:
    _, serial = ward.released()
    ward.db.clock.forward(**FORWARD)  # type: ignore[attr-defined]
    told(ehr, ras(ward, serial=serial if named else "", minutes=-30))
    outcome, words = told(ehr, ras(ward, serial=serial if named else "", id="G2"))
    assert outcome == "exception"
    assert f"bag {serial} was given at 22-Nov-2026 10:00. It was given at 22-Nov-2026 09:35 already." in words
    assert fact(ward, serial).at == ward.db.clock() - timedelta(minutes=30)


@pytest.mark.parametrize("named", [True, False])
def test_a_bag_that_was_never_released_is_looked_at(ward: Ward, ehr: Ehr, named: bool) -> None:
    _, serial = ward.made()
    ward.db.clock.forward(**FORWARD)  # type: ignore[attr-defined]
    outcome, words = told(ehr, ras(ward, serial=serial if named else "", order="demo^RX2001"))
    assert outcome == "exception"
    assert "It was never released: it is made, waits for its check. Call the ward now." in words
    assert ward.bag(serial).where.stage is Stage.MADE


def test_a_dose_that_nobody_has_made_is_looked_at(ward: Ward, ehr: Ehr) -> None:
    ward.house.order(number="RX3001")
    ward.db.clock.forward(**FORWARD)  # type: ignore[attr-defined]
    outcome, words = told(ehr, ras(ward, order="demo^RX3001"))
    assert outcome == "exception" and "no bag for the dose due" in words and "was made here" in words


def test_what_was_given_though_it_should_not_have_been_is_given_and_looked_at(ward: Ward, ehr: Ehr) -> None:
    """It stays an exception until a pharmacist settles it, however often the waiting messages are tried again."""
    work_id, serial = ward.released(number="RX4001")
    with ward.db.write(ward.house.who("pablo")) as tx:
        head = tx.session.scalars(select(Order).where(Order.number == "RX4001")).one()
        orders.stop(tx, head.id, reason="test")
    ward.db.clock.forward(**FORWARD)  # type: ignore[attr-defined]
    outcome, words = told(ehr, ras(ward, serial=serial, order="demo^RX4001"))
    assert outcome == "exception" and "although: The order was stopped at 22-Nov-2026 09:05." in words
    assert ward.bag(serial).where.stage is Stage.GIVEN
    with ward.db.write(ward.house.who("pablo")) as tx:
        tx.session.scalars(select(Message)).one().outcome = "waiting"
    apply_waiting(ward.db, ehr.connection)
    with ward.db.read() as session:
        again = session.scalars(select(Message)).one()
        assert (again.outcome, again.reason) == (outcome, words)


def test_what_was_given_before_its_release_is_looked_at(ward: Ward, ehr: Ehr) -> None:
    _, serial = ward.released(number="RX4001")
    outcome, words = told(ehr, ras(ward, serial=serial, order="demo^RX4001", minutes=-90))
    assert outcome == "exception" and "before it was released at 22-Nov-2026 09:05. Call the ward." in words
    assert ward.bag(serial).where.stage is Stage.GIVEN


def test_what_went_back_was_not_given(ward: Ward, ehr: Ehr) -> None:
    _, serial = ward.released()
    ward.pick("7W")
    ward.scan(serial)
    ward.note(serial, What.RETURNED)
    ward.db.clock.forward(**FORWARD)  # type: ignore[attr-defined]
    outcome, words = told(ehr, ras(ward, serial=serial))
    assert outcome == "exception" and "It is returned to the pharmacy, since 22-Nov-2026 09:05." in words
    assert ward.bag(serial).where.stage is Stage.RETURNED


def test_a_bag_stays_given_when_it_is_received_or_missed_by_a_later_scan(ward: Ward, ehr: Ehr) -> None:
    """The record of 14:05 comes at 14:20; in between a nurse received it, and another one did not find it."""
    _, serial = ward.released()
    ward.db.clock.forward(**FORWARD)  # type: ignore[attr-defined]
    ward.pick("7W")
    ward.scan(serial)
    ward.note(serial, What.NOT_HERE)
    told(ehr, ras(ward, serial=serial, minutes=-10))
    assert ward.bag(serial).where.stage is Stage.GIVEN


def test_another_order_another_patient_and_an_unknown_label_change_nothing(ward: Ward, ehr: Ehr) -> None:
    _, serial = ward.released(number="RX4001")
    ward.house.order(number="RX3001")
    ward.db.clock.forward(**FORWARD)  # type: ignore[attr-defined]
    for number, (raw, words) in enumerate(
        (
            (ras(ward, serial=serial, order="demo^RX3001", id="G1"), "which is of order RX4001"),
            (ras(ward, serial=serial, order="demo^RX4001", id="G2", mrn=demo.PATIENTS[1].mrn), "another patient"),
            (ras(ward, serial="L-0000000000", order="demo^RX4001", id="G3"), "which was not made here"),
            (ras(ward, serial=serial, order="demo^RX4001", id="G4", minutes=90), "later than now"),
        )
    ):
        outcome, reason = told(ehr, raw)
        assert (outcome, words in reason) == ("exception", True), (number, reason)
    assert ward.bag(serial).where.stage is Stage.RELEASED


def test_a_refused_dose_stays_where_it_is(ward: Ward, ehr: Ehr) -> None:
    _, serial = ward.released()
    ward.db.clock.forward(**FORWARD)  # type: ignore[attr-defined]
    outcome, words = told(ehr, ras(ward, serial=serial, status="RE"))
    assert outcome == "applied" and "was refused: it stays where it is" in words
    assert ward.bag(serial).where.stage is Stage.RELEASED


def test_the_history_of_the_dose_says_when_where_and_by_whom_it_was_given(
    ward: Ward, ehr: Ehr, tmp_path: Path
) -> None:
    _, serial = ward.released()
    ward.db.clock.forward(**FORWARD)  # type: ignore[attr-defined]
    told(ehr, ras(ward, serial=serial))
    site = site_of(ward.house, tmp_path)
    page = site.signed_in("nina").get(f"/ward/doses/{ward.bag(serial).dose_id}").text
    site.close()
    said = re.sub(r"<[^>]+>|\s+", " ", page)
    assert re.search(r"22-Nov-2026 10:00\s+given, GENERAL, the bedside record\s+by Nina Nurse \(N7\), 11124", said)
