"""A patient's record number is merged away (ADT A40) after a label was made: nobody gives it under the old number."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from app import demo
from app.core.workflow import State
from app.custody.beds import Bed, Beds
from app.custody.pharmacy_queries import wrongly_labelled
from app.custody.queries import ward_list
from app.orders import actions as orders
from app.orders.queries import doses_of
from compounding import check_actions, hood_actions
from compounding.queries import is_served
from tests.app.interop.heard import EHR, Ehr, hl7_time
from tests.faults.drive import told
from tests.faults.site import Site, site_of
from tests.hospital import HOUSE, Hospital

OLD, NEW = demo.PATIENTS[0].mrn, "700999"
SHOWS = f"record number {OLD}; since 22-Nov-2026 09:05 the patient's number is {NEW}"


def merge(house: Hospital, new: str = NEW, old: str = OLD) -> None:
    """The number is retired, and a pharmacist verifies the orders again, as the merge demands."""
    family, given = demo.PATIENTS[0].family, demo.PATIENTS[0].given
    born = f"{demo.PATIENTS[0].born:%Y%m%d}"
    at = hl7_time(house.db.clock())
    raw = (
        f"MSH|^~\\&|EHR|GENERAL|LAMINAR|PHARMACY|{at}||ADT^A40^ADT_A39|A{new}|P|2.5.1\rEVN|A40|{at}\r"
        f"PID|1||{new}^^^GH^MR||{family}^{given}||{born}|F\rMRG|{old}^^^GH^MR\r"
    )
    ((outcome, reason),) = Ehr(house, EHR).send(raw.encode())
    assert outcome == "applied", reason


def verify(house: Hospital, work_id: int) -> None:
    order = house.at(work_id).order
    with house.db.write(house.who("pablo")) as tx:
        newest = orders.lock_head(tx.session, order.order_id)
        version = orders.version_of(tx.session, order.order_id, newest.newest)
        orders.verify(tx, version.id, house.proof("pablo"), "0" * 64)


def label_of(house: Hospital, work_id: int) -> str:
    return house.at(work_id).where.done["label"].facts.serial  # type: ignore[union-attr]


def test_a_label_made_before_the_merge_is_signed_and_released_by_nobody_until_it_is_printed_anew(
    house: Hospital,
) -> None:
    """At each step: before the label the new number is printed by itself, after it the label must be made anew."""
    for after in range(12):
        work_id = house.claim(house.dose(house.order(number=f"RX{after}")), f"TRAY-{after:02}")
        old = house.at(work_id).order.patient.mrn
        for _ in range(after):
            if not house.step(work_id):
                break
        labelled = "label" in house.at(work_id).where.done
        new = f"7009{after:02}"
        merge(house, new, old)
        verify(house, work_id)
        while house.step(work_id):
            pass
        at = house.at(work_id)
        if labelled:
            assert at.old_label is not None and (at.old_label.shown, at.old_label.now) == (old, new)
            assert f"the label shows the record number {old}" in (told(lambda w=work_id: house.finish(w)) or "")
            with house.db.write(house.who("tina")) as tx:
                hood_actions.reprint(tx, work_id, "the number is retired", HOUSE)
            while house.step(work_id):
                pass
        assert house.at(work_id).old_label is None
        house.finish(work_id)
        house.release(work_id)
    assert labelled


def test_what_waits_for_its_check_is_sent_back_and_labelled_anew(house: Hospital) -> None:
    work_id = house.made()
    house.finish(work_id)
    merge(house)
    verify(house, work_id)
    assert SHOWS in (told(lambda: house.release(work_id)) or "")
    with house.db.write(house.who("pablo")) as tx:
        check_actions.send_back(tx, work_id, "pair", "the label shows an old number")
    first = label_of(house, work_id)
    with house.db.write(house.who("tina")) as tx:
        hood_actions.reprint(tx, work_id, "the number is retired", HOUSE)
    while house.step(work_id):
        pass
    assert label_of(house, work_id) != first
    house.finish(work_id)
    house.release(work_id)
    assert house.at(work_id).state is State.RELEASED


@pytest.fixture
def site(house: Hospital, tmp_path: Path) -> Iterator[Site]:
    made = site_of(house, tmp_path)
    yield made
    made.close()


def test_a_released_bag_is_flagged_to_the_ward_the_desk_and_at_its_scan_and_is_made_anew(site: Site) -> None:
    house = site.house
    due = house.db.clock() + timedelta(hours=2)
    work_id = house.made(due=due)
    house.finish(work_id)
    house.release(work_id)
    serial = label_of(house, work_id)
    nina, pablo = site.signed_in("nina"), site.signed_in("pablo")
    assert "Do not give" not in nina.get(f"/scan/{serial}").text
    merge(house)
    verify(house, work_id)

    now = house.db.clock()
    with house.db.read() as session:
        assert [each.serial for each in wrongly_labelled(session, now)] == [serial]
        beds = Beds(frozenset({Bed("7W", None)}), now)
        (at_bed,) = (each for each in ward_list(session, beds, now) if each.patient.mrn == NEW)
        assert [each.serial for each in at_bed.out] == [serial]
    answer = nina.get(f"/scan/{serial}").text
    assert "Do not give." in answer and "send it back to the pharmacy, which makes it anew" in answer
    for part in (OLD, NEW, "22-Nov-2026"):
        assert part in answer
    refused = nina.post(f"/scan/{serial}/receive")
    assert refused.status_code == 409 and OLD in refused.text
    kept = pablo.post("/handover", scan=serial)
    assert kept.status_code == 422 and "Keep it in the pharmacy." in kept.text
    assert "Old record number on a label" in pablo.get("/desk").text
    page = pablo.get(f"/check/{work_id}").text
    assert "Do not give: the label shows" in page
    assert "Withdraw it: it is made anew under the right name and number." in page

    shown = pablo.shown(f"/check/{work_id}", "withdrawal")
    done = pablo.post(
        f"/check/{work_id}/withdraw", badge=demo.BADGES["pablo"], pin=demo.PIN, shown=shown,
        reason="Wrong label text", waste="Discarded in pharmaceutical waste",
    )  # fmt: skip
    assert done.status_code == 303, done.text
    with house.db.read() as session:
        assert wrongly_labelled(session, now) == []
        newest = house.at(work_id).order
        version = orders.version_of(session, newest.order_id, newest.newest)
        again = next(dose for dose in doses_of(session, version.id) if dose.due_at == due)
        assert not is_served(session, again.id)
    anew = house.claim(again.id, "TRAY-09")
    while house.step(anew):
        pass
    assert house.at(anew).old_label is None
    house.finish(anew)
    house.release(anew)
    assert "Do not give" not in nina.get(f"/scan/{label_of(house, anew)}").text
