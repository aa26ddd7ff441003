"""Who a record number is: what a newer message says of it, what an older one cannot say any more. On both databases."""

import threading
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select

from app.audit.models import AuditEvent
from app.audit.queries import verify as verify_trail
from app.core.errors import Invalid, Refused
from app.identity.models import Signature
from app.interop.actions import apply_one, apply_waiting, same_person
from app.interop.identity_queries import two_names
from app.interop.models import Message
from app.orders.models import FormerIdentity, Patient, Stay
from app.orders.queries import patient_of
from tests.app.interop.heard import EHR, Ehr, adt, hl7_time, message
from tests.conftest import NOW
from tests.hospital import Hospital

HOUR = timedelta(hours=1)
MRN = "100245"


@pytest.fixture
def ehr(house: Hospital) -> Ehr:
    return Ehr(house).knows()


def known(ehr: Ehr) -> Patient:
    with ehr.house.db.read() as session:
        found = patient_of(session, MRN)
        assert found is not None
        return found


def formers(ehr: Ehr) -> list[tuple[str, str, date | None]]:
    with ehr.house.db.read() as session:
        rows = session.scalars(select(FormerIdentity).order_by(FormerIdentity.id))
        return [(each.family, each.given, each.born) for each in rows]


def test_a_late_message_does_not_bring_back_an_older_name(ehr: Ehr) -> None:
    ehr.send(adt(NOW - 3 * HOUR, "A04", name="Doe^Jane"))
    ehr.send(adt(NOW - HOUR, "A08", id="A2", name="Miller^Jane"))
    ((outcome, reason),) = ehr.send(adt(NOW - 2 * HOUR, "A08", id="A3", name="Doe^Jane"))
    assert outcome == "applied" and "named as before a newer message: that name was left out" in reason
    assert known(ehr).family == "Miller"
    assert formers(ehr) == [("Doe", "Jane", date(1970, 4, 12))]


@pytest.mark.parametrize("said", ["event", "header"])
def test_how_late_a_message_is_its_event_says_else_its_header(ehr: Ehr, said: str) -> None:
    """An engine that sends the night's queue again writes new headers; another writes no event segment at all."""
    ehr.send(adt(NOW - HOUR, "A08", name="Miller^Jane"))
    late = adt(NOW - 2 * HOUR, "A08", id="A2", name="Doe^Jane").decode()
    if said == "event":
        late = late.replace(f"PHARMACY|{hl7_time(NOW - 2 * HOUR)}", f"PHARMACY|{hl7_time(NOW)}")
    else:
        late = "".join(line + "\r" for line in late.split("\r") if line and not line.startswith("EVN"))
    ehr.send(late.encode())
    assert known(ehr).family == "Miller"


def test_a_late_message_fills_what_nobody_knew_and_moves_nobody_back(ehr: Ehr) -> None:
    ehr.send(adt(NOW - HOUR, "A08", name="Miller^Jane", birth="", place="7W^15^A"))
    ehr.send(adt(NOW - 2 * HOUR, "A01", id="A2", name="Doe^Jane", birth="19700412", place="7W^14^B"))
    at = known(ehr)
    assert (at.family, at.born, at.confirmed_by_adt) == ("Miller", date(1970, 4, 12), True)


def test_messages_of_one_instant_count_in_the_order_in_which_they_came(ehr: Ehr) -> None:
    ehr.send(adt(NOW, "A01"), adt(NOW, "A08", id="A2", name="Miller^Jane"))
    assert known(ehr).family == "Miller"


def test_a_clock_that_goes_ahead_does_not_hold_a_name_for_years(ehr: Ehr) -> None:
    ehr.send(adt(NOW + timedelta(days=700), "A01"))
    ehr.house.db.clock.forward(hours=1)  # type: ignore[attr-defined]
    ehr.send(adt(NOW + HOUR, "A08", id="A2", name="Miller^Jane"))
    assert known(ehr).family == "Miller"


def test_what_was_transcribed_names_nobody_for_long(ehr: Ehr) -> None:
    """A typed name gives way to any message; a message's order names until ADT speaks, and not against newer ADT."""
    ehr.house.order(number="RX1")
    with ehr.house.db.read() as session:
        assert session.scalars(select(Patient)).first().named_at is None  # type: ignore[union-attr]
    ehr.send(message(NOW, mrn=MRN))
    assert known(ehr).named_at == NOW


def test_a_late_message_may_name_a_patient_as_they_were_but_not_as_somebody_else(ehr: Ehr) -> None:
    ehr.send(adt(NOW - 3 * HOUR, "A04", name="Unknown^Unknown", birth=""))
    ehr.send(adt(NOW - HOUR, "A08", id="A2", name="Miller^Jane", birth="19700412"))
    late = adt(NOW - 2 * HOUR, "A02", id="A3", name="Unknown^Unknown", birth="", place="7W^15^A")
    assert [outcome for outcome, _ in ehr.send(late)] == ["applied"]
    stranger = adt(NOW - 2 * HOUR, "A02", id="A4", name="Other^Person", birth="19990101")
    assert [outcome for outcome, _ in ehr.send(stranger)] == ["exception"]
    assert known(ehr).family == "Miller"


def test_an_order_under_the_name_of_before_is_the_patients(ehr: Ehr) -> None:
    """The order system is often the last to hear of a name; it renames nobody."""
    ehr.send(adt(NOW - 2 * HOUR, "A04", name="Unknown^Unknown", birth=""))
    ehr.send(adt(NOW - HOUR, "A08", id="A2", name="Doe^Jane"))
    ((outcome, reason),) = ehr.send(message(NOW, name="Unknown^Unknown", patient="|U"))
    assert outcome == "applied", reason
    (order,) = ehr.orders()
    assert order.patient.name == "DOE, Jane"
    assert any("another family name and given name than is known here: compare" in each for each in order.warnings)


def test_a_renaming_is_on_record_with_both_names(ehr: Ehr) -> None:
    ehr.send(adt(NOW - HOUR, "A01"), adt(NOW, "A08", id="A2", name="Miller^Jane"))
    with ehr.house.db.read() as session:
        entries = session.scalars(select(AuditEvent).where(AuditEvent.action == "renamed")).all()
    assert ["Doe, Jane, 1970-04-12" in each.text and "Miller, Jane, 1970-04-12" in each.text for each in entries] == [
        True
    ]


def test_a_merge_keeps_the_name_under_which_the_retired_number_was_known(ehr: Ehr) -> None:
    ehr.send(adt(NOW - 3 * HOUR, "A04", mrn="900001", name="Unknown^Unknown", birth=""))
    ehr.send(adt(NOW - 2 * HOUR, "A04", id="A2"))
    merge = adt(NOW - HOUR, "A40", id="A3", extra="MRG|900001^^^GH^MR\r")
    assert [outcome for outcome, _ in ehr.send(merge)] == ["applied"]
    assert formers(ehr) == [("Unknown", "Unknown", None)]
    ((outcome, _),) = ehr.send(message(NOW, mrn="900001", name="Unknown^Unknown", patient="|U"))
    assert outcome == "applied" and ehr.orders()[0].patient.mrn == MRN


def test_the_instants_of_naming_are_kept_in_utc(ehr: Ehr) -> None:
    ehr.send(adt(NOW, "A01"))
    assert known(ehr).named_at == datetime(2026, 11, 22, 14, 5, tzinfo=UTC)


def shown(ehr: Ehr, message_id: int) -> str:
    with ehr.house.db.read() as session:
        found = two_names(session, session.get_one(Message, message_id), EHR)
    assert found is not None
    return found.shown_sha256


def decide(ehr: Ehr, message_id: int, by: str = "pablo", reason: str = "Named by the family", sha: str = "") -> str:
    house = ehr.house
    sha = sha or shown(ehr, message_id)
    with house.db.write(house.who(by)) as tx:
        return same_person(tx, message_id, house.proof(by), sha, reason, EHR)


UNKNOWN = {"name": "Unknown^Unknown", "birth": "19000101"}


def unknown_then_named(ehr: Ehr) -> int:
    """A patient who came without a name and is named an hour later: the message that waits."""
    ehr.send(adt(NOW - 2 * HOUR, "A04", **UNKNOWN))
    ((outcome, _),) = ehr.send(adt(NOW - HOUR, "A08", id="A2", name="Doe^Jane", place="7W^15^A"))
    assert outcome == "exception"
    with ehr.house.db.read() as session:
        return session.scalars(select(Message.id).where(Message.control_id == "A2")).one()


def test_a_pharmacist_says_that_it_is_the_same_person_and_the_message_is_taken_over(ehr: Ehr) -> None:
    waits = unknown_then_named(ehr)
    assert decide(ehr, waits) == "applied"
    at = known(ehr)
    assert (at.family, at.given, at.born, at.named_at) == ("Doe", "Jane", date(1970, 4, 12), NOW - HOUR)
    assert formers(ehr) == [("Unknown", "Unknown", date(1900, 1, 1))]
    with ehr.house.db.read() as session:
        message_ = session.get_one(Message, waits)
        assert message_.outcome == "applied"
        assert "the same person as record number 100245, UNKNOWN, Unknown: Named by the family" in (
            message_.settled_how or ""
        )
        stay = session.scalars(select(Stay)).one()
        assert (stay.room, stay.bed) == ("15", "A")
        signed = session.scalars(select(Signature).where(Signature.subject == f"patient {at.id}")).one()
        assert signed.meaning == "verified"
        said = session.scalars(select(AuditEvent).where(AuditEvent.action == "same person")).one()
        assert all(part in said.text for part in ("UNKNOWN, Unknown", "DOE, Jane", "Named by the family"))
        assert verify_trail(session).broken is None


def test_a_technician_does_not_say_it(ehr: Ehr) -> None:
    waits = unknown_then_named(ehr)
    with pytest.raises(Refused, match=r"A technician may not say that two names are one person. This is for a pharm"):
        decide(ehr, waits, by="tina")
    assert known(ehr).family == "Unknown"


def test_it_is_said_with_a_reason_and_about_what_was_shown(ehr: Ehr) -> None:
    waits = unknown_then_named(ehr)
    with pytest.raises(Invalid):
        decide(ehr, waits, reason=" ")
    before = shown(ehr, waits)
    ehr.send(adt(NOW, "A02", id="A3", place="6E^4^A", **UNKNOWN))
    with pytest.raises(Refused, match="has changed since you opened this"):
        decide(ehr, waits, sha=before)
    assert known(ehr).family == "Unknown"


def test_what_cannot_be_applied_names_nobody_either(ehr: Ehr) -> None:
    """One transaction: the name is taken with the message or not at all."""
    ehr.send(adt(NOW - 2 * HOUR, "A04", **UNKNOWN))
    ehr.send(adt(NOW - 2 * HOUR, "A04", id="A9", mrn="900009", name="Other^Person").replace(b"V5501", b"V9"))
    theirs = adt(NOW - HOUR, "A08", id="A2").replace(b"V5501", b"V9")
    ((outcome, _),) = ehr.send(theirs)
    assert outcome == "exception"
    with ehr.house.db.read() as session:
        waits = session.scalars(select(Message.id).where(Message.control_id == "A2")).one()
    with pytest.raises(Refused, match="Visit V9 is another patient's"):
        decide(ehr, waits)
    assert known(ehr).family == "Unknown" and formers(ehr) == []
    assert ehr.outcome(waits)[0] == "exception"


def test_an_order_that_names_the_patient_first_waits_and_is_taken_over_by_the_same_word(ehr: Ehr) -> None:
    ehr.send(adt(NOW - 2 * HOUR, "A04", **UNKNOWN))
    ((outcome, reason),) = ehr.send(message(NOW))
    assert outcome == "exception" and "another family name and given name and birth date" in reason
    with ehr.house.db.read() as session:
        waits = session.scalars(select(Message.id).where(Message.control_id == "C1")).one()
    assert decide(ehr, waits) == "applied"
    (order,) = ehr.orders()
    assert order.patient.name == "DOE, Jane"


def test_the_word_of_a_message_that_is_overtaken_leaves_the_newer_name(ehr: Ehr) -> None:
    waits = unknown_then_named(ehr)
    ehr.send(adt(NOW, "A08", id="A3", name="Nobody^Unknown", birth="19000101"))
    assert decide(ehr, waits) == "applied"
    assert known(ehr).family == "Nobody", "the message of an hour ago cannot rename who was named since"


def test_what_waited_for_the_same_word_is_tried_again(ehr: Ehr) -> None:
    waits = unknown_then_named(ehr)
    ehr.send(adt(NOW, "A02", id="A3", place="6E^4^A"), message(NOW))
    decide(ehr, waits)
    apply_waiting(ehr.house.db, EHR)
    with ehr.house.db.read() as session:
        rows = session.execute(select(Message.control_id, Message.outcome).order_by(Message.id)).all()
    assert [tuple(row) for row in rows[-2:]] == [("A3", "applied"), ("C1", "applied")]


def test_two_pharmacists_at_once_say_it_once(ehr: Ehr) -> None:
    waits = unknown_then_named(ehr)
    before = shown(ehr, waits)
    decide(ehr, waits)
    with pytest.raises(Refused, match="has been settled already"):
        decide(ehr, waits, by="petra", sha=before)


def test_another_persons_stay_is_no_question_of_a_name(ehr: Ehr) -> None:
    """A move of a stay to another chart is decided by looking at both charts, not by a name."""
    ehr.send(adt(NOW - HOUR, "A04", **UNKNOWN))
    ehr.send(adt(NOW, "A45", id="A2", extra="MRG|900001^^^GH^MR||||V9\r"))
    with ehr.house.db.read() as session:
        waits = session.scalars(select(Message).where(Message.control_id == "A2")).one()
        assert waits.outcome == "exception" and two_names(session, waits, EHR) is None


def test_a_newer_name_that_comes_at_the_very_moment_of_the_word_is_not_lost(ehr: Ehr) -> None:
    """Whoever is first holds the patient; the newest name stays, whichever of the two it was."""
    waits = unknown_then_named(ehr)
    house, sha = ehr.house, shown(ehr, waits)
    newer = ehr.store(adt(NOW, "A08", id="A3", name="Doe^Joan")).message_id
    assert newer is not None
    proof = house.proof("pablo")
    other = threading.Thread(target=lambda: apply_one(house.db, EHR, newer))
    with house.db.write(house.who("pablo")) as tx:
        assert same_person(tx, waits, proof, sha, "Named by the family", EHR) == "applied"
        other.start()
        other.join(timeout=0.3)
        assert other.is_alive(), "the second waits for the first"
    other.join(timeout=30)
    assert not other.is_alive()
    assert (known(ehr).given, known(ehr).named_at) == ("Joan", NOW)
    assert [each[1] for each in formers(ehr)] == ["Unknown", "Jane"]


def test_a_discharge_that_comes_after_its_cancellation_ends_no_stay(ehr: Ehr) -> None:
    """The cancellation overtook it: the patient is here, and a person looks."""
    ehr.send(adt(NOW - 3 * HOUR, "A01"), adt(NOW - HOUR, "A13", id="A2"))
    ((outcome, reason),) = ehr.send(adt(NOW - 2 * HOUR, "A03", id="A3"))
    assert outcome == "exception" and "This discharge was overtaken" in reason
    with ehr.house.db.read() as session:
        assert session.scalars(select(Stay)).one().ended_at is None
    ehr.send(adt(NOW, "A03", id="A4"))
    with ehr.house.db.read() as session:
        assert session.scalars(select(Stay)).one().ended_at == NOW
