"""The audit trail at the desk: sentences, filters, pages, proof and export."""

import csv
import io
import re
from datetime import UTC, datetime

from sqlalchemy import text

from app.audit.queries import PAGE, Entry
from app.audit.sentences import tell
from app.audit.trail_queries import Asked, Checked, follow, head, trail
from app.core.chain import GENESIS, Link, broken_at
from app.web.audit import _line
from tests.desk import Desk, words

AT = datetime(2026, 11, 22, 14, 5, 21, tzinfo=UTC)


def entry(action: str, subject: str, station: int | None = 1, **facts: object) -> Entry:
    return Entry(7, AT, "Tina Technician", station, action, subject, facts)


NAMES = {"lot 4": "lot 7G123 of Vancomycin", "station 1": "Hood 1", "person 3": "Tina Technician", "product 2": "Water"}


def test_an_entry_becomes_a_sentence_and_a_table_of_plain_words() -> None:
    facts = {"product_id": 2, "expiry": "2027-03-31", "quantity": "10", "recalled": False, "x": None}
    told = tell(entry("staged", "lot 4", **facts), NAMES, "UTC")
    assert (told.who, told.words) == ("Tina Technician", "staged lot 7G123 of Vancomycin at Hood 1")
    assert told.facts == (("product", "Water"), ("expiry", "31-Mar-2027"), ("quantity", "10"), ("recalled", "no"))


def test_no_number_of_the_product_own_reaches_a_reader() -> None:
    told = tell(entry("signed", "recipe 9", None, signature=41, meaning="approved", station_id=77), NAMES, "UTC")
    assert told.words == "signed a recipe"
    assert told.facts == (("meaning", "approved"), ("station", "a station"))
    named = tell(entry("signed", "recipe MFR-01 version 2", None), NAMES, "UTC")
    assert named.words == "signed recipe MFR-01 version 2"


def test_whoever_signs_in_is_the_one_who_did_it() -> None:
    told = tell(entry("signed out", "person 3", why="12 hours are over"), NAMES, "UTC")
    assert (told.who, told.words) == ("Tina Technician", "signed out at Hood 1")


def test_an_action_of_tomorrow_is_still_a_sentence() -> None:
    assert tell(entry("polished", "lot 4", None), NAMES, "UTC").words == "polished lot 7G123 of Vancomycin"
    assert tell(entry("lot weighed twice", "lot 4", None), NAMES, "UTC").words == (
        "noted about lot 7G123 of Vancomycin: weighed twice"
    )


def test_facts_within_facts_and_instants_are_told() -> None:
    facts = {"from": {"name": "Hood 1"}, "until": "2026-11-22T14:05:21.000000+00:00", "roles": ["admin", "nurse"]}
    assert tell(entry("station changed", "station 1", **facts), NAMES, "America/New_York").facts == (
        ("before: name", "Hood 1"), ("until", "22-Nov-2026 09:05:21"), ("roles", "admin, nurse"),
    )  # fmt: skip


def test_the_trail_is_found_by_person_subject_and_day(desk: Desk) -> None:
    work_id = desk.house.made()
    desk.house.finish(work_id)
    by_patient = words(desk.get(f"/audit?about={desk.house.at(work_id).order.patient.mrn}"))
    assert "Tina Technician prepared vancomycin 1,000 mg" in by_patient and "received lot" not in by_patient
    assert "received lot 7G123 of Vancomycin Hydrochloride" in words(desk.get("/audit?about=7g123"))
    serial = desk.house.at(work_id).where.done["label"].facts.serial  # type: ignore[union-attr]
    assert "had a label made for" in words(desk.get(f"/audit?about={serial}"))
    tinas = desk.get("/audit?person=3")
    assert "Tina Technician" in tinas and "<strong>Pablo Pharmacist</strong>" not in tinas
    assert "Nothing was found" in words(desk.get("/audit?since=23-Nov-2026"))
    assert "Nothing was found" not in words(desk.get("/audit?until=22-Nov-2026"))


def test_what_can_not_be_looked_for_is_said_at_its_field(desk: Desk) -> None:
    answer = desk.client.get("/audit?about=Xyzzy&since=yesterday")
    assert answer.status_code == 422
    assert "Nothing here is known as “Xyzzy”" in words(answer.text) and "“yesterday” is not a day" in words(answer.text)


def test_reading_the_trail_is_itself_on_it(desk: Desk) -> None:
    desk.get("/audit?about=7G123")
    assert "Petra Pharmacist read the audit trail" in words(desk.get("/audit"))


def test_pages_follow_each_other_without_gap_or_repeat(desk: Desk) -> None:
    for _ in range(PAGE // 5):
        desk.enter("petra").get("/audit")
    with desk.parts.db.read() as session:
        seen, before = [], None
        while page := trail(session, Asked(), before):
            assert len(page) <= PAGE
            seen += [each.seq for each in page]
            before = page[-1].seq
        assert seen == list(range(head(session), 0, -1))
    page = desk.get("/audit")
    older = re.search(r'href="(/audit\?before=\d+)"', page)
    assert older and "Older" in words(page)
    assert "Laminar made a set-up code for this installation" in words(desk.get(older[1]))


def test_the_page_says_how_far_the_chain_is_proved(desk: Desk) -> None:
    with desk.parts.db.read() as session:
        entries = session.execute(text("SELECT count(*) FROM audit_event")).scalar_one()
    assert f"Verified to entry {entries + 1}" in words(desk.get("/audit"))
    assert "Verified to entry" in words(desk.get("/audit/chain"))


def test_a_long_chain_is_proved_piece_by_piece(desk: Desk) -> None:
    with desk.parts.db.read() as session:
        known = Checked()
        for _ in range(500):
            further = follow(session, known, limit=3)
            assert further.broken is None
            if further == known:
                break
            assert further.seq - known.seq <= 3
            known = further
        assert follow(session, Checked(), limit=100_000) == known


def test_an_entry_that_somebody_changed_is_named(desk: Desk) -> None:
    desk.get("/audit")
    with desk.parts.db.writer.begin() as connection:
        guards = text("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit_event'")
        for trigger in connection.execute(guards).all():
            connection.execute(text(f"DROP TRIGGER {trigger.name}"))
        connection.execute(text("UPDATE audit_event SET text = replace(text, 'Tina', 'Tony') WHERE subject = 'lot 1'"))
    assert "Verified to entry" in words(desk.get("/audit")), "what was proved is kept for a while"
    said = words(desk.get("/audit/chain?anew=true"))
    assert "The trail is broken: entry" in said and "was changed after it was written" in said


def test_the_export_proves_itself_to_others(desk: Desk) -> None:
    answer = desk.client.get("/audit/trail.csv")
    assert answer.headers["content-disposition"].startswith("attachment")
    rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    links = [Link(int(r["entry"]), r["previous hash"], r["text"], r["hash"]) for r in rows]
    assert links[0].prev == GENESIS and broken_at(links) is None
    assert any(r["who"] == "Tina Technician" and r["what"].startswith("received lot 7G123") for r in rows)
    assert "exported the audit trail" in words(desk.get("/audit"))


def test_no_cell_of_the_export_is_a_formula() -> None:
    assert _line(("=1+1", "@x", "plain")) == "'=1+1,'@x,plain\r\n"
