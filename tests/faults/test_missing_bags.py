"""A bag that a ward does not find: no other is made without a pharmacist, who says why it was missing."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from app import demo
from app.custody.pharmacy_queries import missed
from app.custody.queries import bag
from app.custody.whereabouts import What
from app.orders.queries import doses_of
from compounding.queries import is_served
from tests.faults.site import Site, site_of
from tests.faults.test_merges import label_of
from tests.hospital import Hospital
from unitdose.happened import CAUSES


@pytest.fixture
def site(house: Hospital, tmp_path: Path) -> Iterator[Site]:
    made = site_of(house, tmp_path)
    yield made
    made.close()


def test_a_missing_bag_is_made_anew_by_a_pharmacists_word_and_its_cause(site: Site) -> None:
    house = site.house
    version = house.order(due=house.db.clock() + timedelta(hours=2))
    work_id = house.claim(house.dose(version))
    while house.step(work_id):
        pass
    house.finish(work_id)
    house.release(work_id)
    serial = label_of(house, work_id)
    nina, tina, pablo = (site.signed_in(name) for name in ("nina", "tina", "pablo"))
    assert nina.post(f"/scan/{serial}/not-here").status_code == 303
    with house.db.read() as session:
        dose = doses_of(session, version)[0].id
        assert is_served(session, dose), "no second bag is offered to any hood while one is somewhere"
        assert [each.serial for each in missed(session, house.db.clock())] == [serial]
    assert "Withdraw it with the cause" in pablo.get("/desk").text

    page = pablo.get(f"/check/{work_id}").text
    offered = re.findall(r'<option value="Not found: ([^"]+)"', page)
    assert offered == list(CAUSES) and "Why it was missing" in page
    fields = {"badge": demo.BADGES["pablo"], "pin": demo.PIN, "shown": pablo.shown(f"/check/{work_id}", "withdrawal")}
    said = {"reason": "Not found: other unit", "waste": "To be discarded when it is found"}
    assert tina.post(f"/check/{work_id}/withdraw", **fields, **said).status_code == 409
    assert pablo.post(f"/check/{work_id}/withdraw", **fields, **said).status_code == 303
    with house.db.read() as session:
        assert not is_served(session, dose), "it is made anew"
        assert missed(session, house.db.clock()) == [], "and nobody looks for the first any more"
        withdrawn = next(fact for fact in bag(session, serial).facts if fact.what is What.WITHDRAW)
    assert withdrawn.note == "Not found: other unit"
    assert "A pharmacist withdrew it" in nina.get(f"/scan/{serial}").text


def test_a_bag_that_is_where_it_should_be_is_withdrawn_with_another_reason(site: Site) -> None:
    house = site.house
    work_id = house.made()
    house.finish(work_id)
    house.release(work_id)
    page = site.signed_in("pablo").get(f"/check/{work_id}").text
    assert "Not found: " not in page and "Particles, colour or leak" in page
