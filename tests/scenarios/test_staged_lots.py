"""Containers whose code says no lot or expiry: asked about what was staged, never against what the code does say."""

from datetime import date
from decimal import Decimal

import pytest

from app import demo
from app.inventory.actions import stage
from compounding.records import Asked, Scanned, Stopped
from tests.hospital import HOOD, Hospital

VIAL = 1  # the first package of the pretend pharmacy is the vial of vancomycin
GTIN = demo.good("vial").gtin
EARLY, LATE = date(2027, 3, 31), date(2027, 9, 30)


@pytest.fixture
def work_id(house: Hospital) -> int:
    for number, expiry in (("LATE9", LATE), ("EARLY3", EARLY)):
        with house.db.write(house.who("tina")) as tx:
            stage(tx, HOOD, package_id=VIAL, number=number, expiry=expiry, quantity=Decimal(10))
    return house.claim(house.dose(house.order()))


def asked(house: Hospital, work_id: int) -> tuple[str, date] | None:
    question = house.at(work_id).where.question
    assert question is None or isinstance(question, Asked)
    return question and (question.lot, question.expiry)


def stopped(house: Hospital, work_id: int) -> Stopped:
    stop = house.at(work_id).where.stop
    assert stop is not None
    return stop


def test_a_bare_code_is_asked_about_the_lot_that_expires_first_and_yes_takes_it(house: Hospital, work_id: int) -> None:
    house.scan(work_id, GTIN)
    assert asked(house, work_id) == ("EARLY3", EARLY)
    house.scan(work_id, "CARD-YES")
    taken = house.at(work_id).where.done["scan-vial"].facts
    assert isinstance(taken, Scanned) and (taken.lot, taken.expiry, taken.how) == ("EARLY3", EARLY, "staged")


def test_no_to_a_lot_leads_to_the_next_one_and_round_again(house: Hospital, work_id: int) -> None:
    found = []
    for _ in range(3):
        house.scan(work_id, GTIN)
        found.append(asked(house, work_id))
        house.scan(work_id, "CARD-REJECT")
        assert stopped(house, work_id).what == "Not this lot" and asked(house, work_id) is None
    assert found == [("EARLY3", EARLY), ("LATE9", LATE), ("EARLY3", EARLY)]


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("10LATE9", ("LATE9", LATE)),
        ("17270930", ("LATE9", LATE)),
        ("17270930" + "21S77", ("LATE9", LATE)),
        ("10RECALLED", "lot RECALLED"),
        ("17261231", "expires 31-Dec-2026"),
    ],
)
def test_what_the_code_does_say_is_never_asked_away(
    house: Hospital, work_id: int, said: str, answer: tuple[str, date] | str
) -> None:
    house.scan(work_id, f"]d201{GTIN}{said}")
    if isinstance(answer, tuple):
        assert asked(house, work_id) == answer
        return
    stop = stopped(house, work_id)
    assert (stop.what, stop.scanned) == ("Not a lot that was staged here", answer) and "staged" in stop.remedy
    assert asked(house, work_id) is None


def test_nothing_staged_is_a_stop(house: Hospital) -> None:
    work_id = house.claim(house.dose(house.order()))
    house.scan(work_id, GTIN)
    assert stopped(house, work_id).what == "Lot and expiry are not known"
