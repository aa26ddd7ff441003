"""Administration times at the desk: the table, what a frequency yields, a change proposed and signed; times chosen."""

import re

from app.orders.models import OrderVersion
from app.orders.queries import newest_versions
from tests.app.interop.heard import Ehr, message
from tests.conftest import NOW
from tests.desk import Desk, words


def shown(page: str) -> str:
    found = re.search(r'name="shown" value="([0-9a-f]{64})"', page)
    assert found
    return found[1]


def test_the_table_says_when_each_code_is_given_and_for_whom(desk: Desk) -> None:
    said = words(desk.get("/times"))
    assert "BID every day at 09:00 and 21:00 Change" in said
    assert "BID every day at 09:00 and 15:00 class diuretic" in said
    assert "Q8H every 8 hours from its first dose route IV" in said


def test_a_frequency_shows_its_next_doses_and_those_across_the_clock_change(desk: Desk) -> None:
    said = words(desk.get("/times?how=q4h"))
    assert "q4h: every day at 02:00, 06:00" in said
    assert "Sun 22-Nov-2026 10:00 EST , 14:00 EST" in said
    assert "The clocks go forward on Sun 14-Mar-2027 01:59 EST" in said
    assert "03:00 EDT (moved forward, 02:00 does not exist that day)" in said


def test_a_frequency_that_cannot_be_read_says_why(desk: Desk) -> None:
    assert "“DOSVID” cannot be read. It is not known here" in words(desk.get("/times?how=DOSVID"))
    assert "Nothing is planned in the next three days" in words(desk.get("/times?how=q6h+prn"))


def test_a_change_is_proposed_looked_at_and_signed(desk: Desk) -> None:
    desk.enter("pablo")
    begun = desk.get("/times/new?code=BID&whom=drug+class%3Adiuretic")
    assert "Now: every day at 09:00 and 15:00, for class diuretic." in words(begun)
    change = desk.done("/times/new", what="row", code="BID", whom="unit:7W", how="0800 2000", other="Rounds")
    page = words(desk.get(change))
    for each in ("BID for ward 7W", "every day at 08:00 and 20:00", "The pharmacy manager signs it"):
        assert each in page
    assert "Waiting for the pharmacy manager: 1" in words(desk.get("/times"))
    desk.enter("petra")
    answer = desk.post(f"{change}/sign", shown="0" * 64, **desk.sign())
    assert answer.status_code == 422 and "not the one that was shown" in words(answer.text)
    desk.done(f"{change}/sign", shown=shown(desk.get(change)), **desk.sign())
    said = words(desk.get("/times"))
    assert "BID every day at 08:00 and 20:00 ward 7W" in said and "Changes until now: 1" in said
    assert "Signed" in words(desk.get(change))


def test_a_proposal_with_faults_keeps_what_was_typed(desk: Desk) -> None:
    row = {"what": "row", "code": "BID", "whom": "unit:7W", "how": "sometimes", "other": "Rounds"}
    for day in ("soon", "11/22/2026", "Nov-2026"):
        assert "Enter the day" in words(desk.post("/times/new", **row, starts=day).text)
    answer = desk.post("/times/new", **row)
    assert "“sometimes” cannot be read" in words(answer.text) and 'value="sometimes"' in answer.text
    answer = desk.post("/times/new", what="class", drug="", drug_class="diuretic", other="Rounds")
    assert "Choose the drug" in words(answer.text)


def test_a_change_counts_from_a_day_that_is_written_as_everywhere(desk: Desk) -> None:
    row = {"what": "row", "code": "BID", "whom": "unit:7W", "how": "0800 2000", "other": "Rounds"}
    page = words(desk.get(desk.done("/times/new", **row, starts="30-Nov-2026")))
    assert "given now every day at 09:00 and 21:00 proposed every day at 08:00 and 20:00" in page
    assert "counts from 30-Nov-2026 00:00" in page
    assert "Sun 14-Mar-2027" in page


def test_a_class_of_drugs_is_proposed_and_a_proposal_is_taken_back(desk: Desk) -> None:
    desk.enter("pablo")
    change = desk.done("/times/new", what="class", drug="1", drug_class="Diuretic", reason="The drug asks for it")
    assert "class now none proposed diuretic" in words(desk.get(change))
    desk.done(f"{change}/decline", other="A slip")
    assert "Declined" in words(desk.get(change))


def test_a_technician_reads_the_table_and_changes_nothing(desk: Desk) -> None:
    desk.enter("tina")
    page = desk.get("/times")
    assert "/times/new" not in page
    for address in ("/times/new", "/times/2/sign", "/times/2/decline"):
        assert desk.post(address).status_code == 409, address


def test_the_pharmacist_chooses_the_times_of_an_order_nobody_can_read(desk: Desk) -> None:
    Ehr(desk.house).knows().send(message(NOW, frequency="DOSVID", start=NOW))
    assert "Times to choose" in words(desk.get("/orders"))
    with desk.house.db.read() as session:
        order = newest_versions(session, verified=False)[0].version_id
    page = desk.get(f"/orders/{order}")
    assert "Nobody knows yet when its doses are given." in words(page) and "Verify" not in words(page)
    shown_doses = desk.get(f"/orders/{order}/times?how=q+12+h")
    assert "Mon 23-Nov-2026 09:05 EST , 21:05 EST" in words(shown_doses) and 'value="q 12 h"' in shown_doses
    wrong = desk.post(f"/orders/{order}/times", how="whenever")
    assert wrong.status_code == 422 and "“whenever” cannot be read" in words(wrong.text)
    there = desk.done(f"/orders/{order}/times", how="q 12 h", remember="yes")
    chosen = words(desk.get(there))
    assert "DOSVID: every 12 hours from 22-Nov-2026 09:05 , chosen by Petra" in chosen and "Verify" in chosen
    assert "times The frequency “DOSVID” cannot be read" in chosen
    Ehr(desk.house).send(message(NOW, id="C2", number="8802", frequency="DOSVID", start=NOW))
    with desk.house.db.read() as session:
        assert {each.unread for each in newest_versions(session, verified=False)} == {None}


def test_a_technician_sees_that_the_times_are_a_pharmacists_to_choose(desk: Desk) -> None:
    Ehr(desk.house).knows().send(message(NOW, frequency="DOSVID", start=NOW))
    with desk.house.db.read() as session:
        order = newest_versions(session, verified=False)[0].version_id
    desk.enter("tina")
    page = desk.get(f"/orders/{order}")
    assert "Nobody knows yet" in words(page) and "/times" not in page.split("<main")[1]
    assert desk.client.get(f"/orders/{order}/times?how=BID").status_code == 409
    assert desk.post(f"/orders/{order}/times", how="BID").status_code == 409
    with desk.house.db.read() as session:
        assert session.query(OrderVersion).count() == 1
