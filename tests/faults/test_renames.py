"""A patient gets another name (ADT A08) after a label was made: nobody gives it under the old one unasked."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from app import demo
from app.custody.beds import Bed, Beds
from app.custody.pharmacy_queries import wrongly_labelled
from app.custody.queries import named, ward_list
from app.interop.models import Message
from app.orders.models import PatientAlias
from app.orders.search_queries import search
from compounding import hood_actions
from compounding.procedure import Pair
from tests.app.interop.heard import EHR, Ehr, hl7_time
from tests.faults.drive import told
from tests.faults.site import Site, site_of
from tests.faults.test_merges import label_of
from tests.hospital import HOUSE, Hospital

PATIENT = demo.PATIENTS[0]
OLD, NEW = f"{PATIENT.family.upper()}, {PATIENT.given}", "WINTER, Mona"


def rename(house: Hospital, name: str = "Winter^Mona", born: str = f"{PATIENT.born:%Y%m%d}") -> tuple[str, str]:
    """The record says another name from now on; the outcome of the message and its reason."""
    at = hl7_time(house.db.clock())
    raw = (
        f"MSH|^~\\&|EHR|GENERAL|LAMINAR|PHARMACY|{at}||ADT^A08|N{name}{born}|P|2.5.1\rEVN|A08|{at}\r"
        f"PID|1||{PATIENT.mrn}^^^GH^MR||{name}||{born}|F\r"
    )
    return Ehr(house, EHR).send(raw.encode())[0]


@pytest.fixture
def site(house: Hospital, tmp_path: Path) -> Iterator[Site]:
    made = site_of(house, tmp_path)
    yield made
    made.close()


def test_at_the_hood_the_label_with_the_old_name_is_printed_anew(house: Hospital) -> None:
    work_id = house.made()
    assert rename(house)[0] == "applied"
    at = house.at(work_id)
    assert at.old_label is not None and at.old_label.what == "name" and OLD in at.old_label.shown
    assert f"it is labelled for {OLD}, born" in (told(lambda: house.finish(work_id)) or "")
    with house.db.write(house.who("tina")) as tx:
        hood_actions.reprint(tx, work_id, "the patient has another name", HOUSE)
    while house.step(work_id):
        pass
    assert house.at(work_id).old_label is None
    house.finish(work_id)
    house.release(work_id)


def test_before_its_label_is_made_a_new_name_stops_nothing(house: Hospital) -> None:
    work_id = house.claim(house.dose(house.order()))
    rename(house)
    house.until(work_id, Pair)
    while house.step(work_id):
        pass
    assert house.at(work_id).old_label is None
    house.finish(work_id)


def test_a_released_bag_under_the_old_name_is_flagged_on_the_ward_at_the_desk_and_at_its_scan(site: Site) -> None:
    house = site.house
    work_id = house.made(due=house.db.clock() + timedelta(hours=2))
    house.finish(work_id)
    house.release(work_id)
    serial = label_of(house, work_id)
    nina, pablo = site.signed_in("nina"), site.signed_in("pablo")
    assert "Do not give" not in nina.get(f"/scan/{serial}").text
    rename(house)
    now = house.db.clock()
    with house.db.read() as session:
        assert [each.serial for each in wrongly_labelled(session, now)] == [serial]
        (at_bed,) = (
            each
            for each in ward_list(session, Beds(frozenset({Bed("7W", None)}), now), now)
            if each.patient.mrn == PATIENT.mrn
        )
        assert [each.serial for each in at_bed.out] == [serial]
    answer = nina.get(f"/scan/{serial}").text
    for part in ("Do not give.", f"labelled for {OLD}, born", f"the patient is known as {NEW}", "Ask the pharmacy"):
        assert part in answer
    refused = nina.post(f"/scan/{serial}/receive")
    assert refused.status_code == 409 and OLD in refused.text
    kept = pablo.post("/handover", scan=serial)
    assert kept.status_code == 422 and "Keep it in the pharmacy." in kept.text
    assert "Old name on a label" in pablo.get("/desk").text
    assert "Withdraw it: it is made anew under the right name and number." in pablo.get(f"/check/{work_id}").text


@pytest.mark.parametrize("name", ["{0}^{1} Maria", "{2}^{1}"])
def test_another_spelling_or_a_further_given_name_flags_nothing(house: Hospital, name: str) -> None:
    work_id = house.made()
    said = name.format(PATIENT.family, PATIENT.given, PATIENT.family.upper())
    assert rename(house, said)[0] == "applied"
    assert house.at(work_id).old_label is None


def test_another_birth_date_alone_flags_the_label_too(house: Hospital) -> None:
    work_id = house.made()
    assert rename(house, f"{PATIENT.family}^{PATIENT.given}", "19510412")[0] == "applied"
    at = house.at(work_id)
    assert at.old_label is not None and at.old_label.what == "birth date"
    assert "born 12-Apr-1951" in at.old_label.now


def waiting(house: Hospital) -> int:
    """A message that names the patient anew, birth date and all, and waits: the number of it."""
    outcome, _ = rename(house, "Winter^Mona", "19510412")
    assert outcome == "exception"
    with house.db.read() as session:
        return session.scalars(select(Message.id).where(Message.outcome == "exception")).one()


def test_the_page_of_the_message_shows_both_and_what_is_labelled_and_a_signature_decides(site: Site) -> None:
    house = site.house
    work_id = house.made()
    house.finish(work_id)
    house.release(work_id)
    serial = label_of(house, work_id)
    waits = waiting(house)
    pablo, tina, nina = (site.signed_in(name) for name in ("pablo", "tina", "nina"))
    here = f"/messages/{waits}"
    page = pablo.get(here).text
    for part in ("Is it the same person?", OLD, NEW, "12-Apr-1951", "7W-12-A", "Labelled for this patient", serial):
        assert part in page
    shown = pablo.shown(here)
    fields = {"badge": demo.BADGES["pablo"], "pin": demo.PIN, "shown": shown, "reason": "other"}
    refused = tina.post(f"{here}/same-person", **fields, other="I know her")
    assert refused.status_code == 409 and "may not say that two names are one person" in refused.text
    unsaid = pablo.post(f"{here}/same-person", **fields)
    assert unsaid.status_code == 422 and "Say how you know" in unsaid.text and "Is it the same person?" in unsaid.text
    assert "Do not give" not in nina.get(f"/scan/{serial}").text
    done = pablo.post(f"{here}/same-person", **fields, other="Her daughter came")
    assert (done.status_code, done.headers["location"]) == (303, here)
    page = pablo.get(here).text
    assert "Labelled as before" in page and serial in page and "Her daughter came" in page
    assert "Is it the same person?" not in page
    answer = nina.get(f"/scan/{serial}").text
    assert "Do not give." in answer and f"labelled for {OLD}, born" in answer and "Ask the pharmacy" in answer


def test_whoever_reads_the_old_name_or_number_on_a_label_finds_the_patient(house: Hospital) -> None:
    house.order(number="RX1")
    rename(house)
    now = house.db.clock()
    with house.db.write(house.who("pablo")) as tx:
        tx.session.add(PatientAlias(mrn="900001", patient_id=1, at=now))
    with house.db.read() as session:
        for words in (PATIENT.family, "wint", "900001", PATIENT.mrn):
            assert [each.patient.name for each in named(session, words, now)] == [NEW], words
            assert [each.patient.name for each in search(session, words)] == [NEW], words
        assert named(session, "nobody", now) == [] and search(session, "nobody") == []
