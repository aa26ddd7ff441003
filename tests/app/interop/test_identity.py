"""Who a record number is: what a newer message says of it, what an older one cannot say any more. On both databases."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select

from app.audit.models import AuditEvent
from app.orders.models import FormerIdentity, Patient
from app.orders.queries import patient_of
from tests.app.interop.heard import Ehr, adt, hl7_time, message
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
