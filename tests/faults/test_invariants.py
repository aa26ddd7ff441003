"""The check that every other test of faults relies on: it is silent on a good day and finds what was tampered with."""

import pytest
from sqlalchemy import text

from app.db.session import SYSTEM
from compounding.invariant_queries import broken_promises
from tests.hospital import ORDERS, Hospital

TAMPERED = {
    "an unconfirmed label": ("UPDATE label SET confirmed_at = NULL, confirmed_by = NULL", "was not scanned back"),
    "a state without a move": ("UPDATE work_item SET state = 'made'", "moves lead to released"),
    "a tray that is not free": ("UPDATE preparation SET tray_free_at = NULL", "still holds its tray"),
    "a label nobody prints": ("DELETE FROM outgoing", "nobody was asked to print it"),
    "a void label": ("UPDATE label SET voided_at = made_at", "the valid label is not the one of its record"),
    "a version": ("UPDATE work_item SET version = version + 1", "moves lead to"),
}


def released(house: Hospital, recipe: str = "MFR-01") -> int:
    work_id = house.made(recipe)
    house.finish(work_id)
    house.release(work_id)
    return work_id


@pytest.mark.parametrize("recipe", sorted(ORDERS))
def test_nothing_is_broken_after_a_dose_of_any_recipe_was_released(house: Hospital, recipe: str) -> None:
    released(house, recipe)
    with house.db.read() as session:
        assert broken_promises(session) == []


@pytest.mark.parametrize("what", sorted(TAMPERED))
def test_what_somebody_tampered_with_is_found(house: Hospital, what: str) -> None:
    statement, words = TAMPERED[what]
    released(house)
    with house.db.write(SYSTEM) as tx:
        tx.session.execute(text(statement))
        tx.session.flush()
        assert words in " ".join(broken_promises(tx.session))
        tx.session.rollback()
        tx.last.clear()
