"""A dose whose label could not be printed is told when it is verified and refused when it is claimed, not when made."""

from dataclasses import replace
from datetime import date

import pytest
from sqlalchemy import select, update

from app import demo
from app.core.errors import Refused
from app.orders.models import OrderVersion, Patient
from app.orders.queries import order_facts
from app.stations.models import Station
from app.work.models import WorkItem
from compounding.dose_queries import calculation
from tests.hospital import HOUSE, Hospital

JANE = demo.PATIENTS[0]


@pytest.mark.parametrize(
    ("patient", "rate", "words"),
    [
        ({"born": None}, None, "date of birth is not known"),
        ({"family": "王", "given": "小明"}, None, "Write it in Latin letters"),
        ({"family": "W" * 60}, None, "name is too long for 2 lines of the label"),
        ({}, "MSO4 2 mg/hr", "MSO4"),
        ({}, "x" * 90, "is too long for"),
    ],
)
def test_what_can_not_stand_on_a_label_is_told_before_anything_is_drawn_up(
    house: Hospital, patient: dict[str, object], rate: str | None, words: str
) -> None:
    stated = house.stated(patient=2)
    person = replace(stated.patient, mrn="NEW-1", **patient)  # type: ignore[arg-type]
    place = replace(stated.place, visit="V-NEW-1")
    stated = replace(stated, key="other^1", patient=person, place=place, rate=rate)
    version_id = demo.verified_order(house.db, house.people, stated)
    with house.db.read() as session:
        worked = calculation(session, order_facts(session, version_id), house.db.clock(), "order number")
        assert worked.recipe is not None and words in worked.why_not
    with pytest.raises(Refused, match="The label of this dose could not be printed") as refused:
        house.claim(house.dose(version_id))
    assert words in str(refused.value)
    with house.db.read() as session:
        assert session.scalars(select(WorkItem)).all() == []


def test_when_the_ward_has_sent_what_was_missing_the_dose_is_made(house: Hospital) -> None:
    version_id = house.order()
    with house.db.write(house.who("pablo")) as tx:
        tx.session.execute(update(Patient).values(born=None))
    with pytest.raises(Refused, match="date of birth"):
        house.claim(house.dose(version_id))
    with house.db.write(house.who("pablo")) as tx:
        tx.session.execute(update(Patient).values(born=date(1970, 4, 12)))
    work_id = house.claim(house.dose(version_id))
    while house.step(work_id):
        pass
    house.finish(work_id)


def test_an_order_number_that_the_ward_s_code_128_can_not_carry_is_told(house: Hospital) -> None:
    stated = replace(house.stated(), number="rx/77_b", key="other^2")
    version_id = demo.verified_order(house.db, house.people, stated)
    with house.db.read() as session:
        order = order_facts(session, version_id)
        assert calculation(session, order, house.db.clock(), "order number").why_not == ""
        assert "code128" in calculation(session, order, house.db.clock(), "order number, Code 128").why_not
    assert house.claim(house.dose(version_id)) and HOUSE.bedside == "order number"


def test_a_hood_without_a_printer_starts_no_dose(house: Hospital) -> None:
    version_id = house.order()
    with house.db.write(house.who("pablo")) as tx:
        tx.session.execute(update(Station).values(printer_url=None))
        assert tx.session.get_one(OrderVersion, version_id).state == "active"
    with pytest.raises(Refused, match="has no label printer"):
        house.claim(house.dose(version_id))
