"""One dose of each recipe from order to release, on both databases, without a browser."""

import pytest

from app.audit.queries import verify
from app.core.errors import Refused
from app.core.workflow import State
from compounding.invariant_queries import broken_promises
from compounding.queries import check_queue, worklist
from compounding.replay_queries import replay
from compounding.review import review
from tests.hospital import ORDERS, Hospital


@pytest.mark.parametrize("recipe", sorted(ORDERS))
def test_a_dose_of_every_recipe_goes_from_order_to_release(house: Hospital, recipe: str) -> None:
    work_id = house.made(recipe)
    at = house.at(work_id)
    assert at.where.blockers == ()
    assert all(d.judgement and d.judgement.verdict == "within" for d in at.where.drawn.values())
    house.finish(work_id)
    with house.db.read() as session:
        assert [line.work_id for line in check_queue(session)] == [work_id]
    house.release(work_id)
    assert house.at(work_id).state is State.RELEASED
    with house.db.read() as session:
        assert verify(session).broken is None
        assert broken_promises(session) == []
        replayed = list(replay(session))
    assert [(r.work_id, r.differences) for r in replayed] == [(work_id, ())]
    assert replayed[0].verdicts >= 1


def test_the_check_opens_with_one_sentence(house: Hospital) -> None:
    work_id = house.made()
    house.finish(work_id)
    seen = review(house.at(work_id), None, ())
    assert seen.sentence == (
        "vancomycin 1,000 mg in sodium chloride 0.9 % 250 mL; made 1,004 mg (+0.4 % ± 0.6 %); right products, in date; "
        "use by 02-Dec-2026 09:05 (USP 10 days); nothing unusual."
    )


def test_the_maker_can_not_release_and_the_server_says_why(house: Hospital) -> None:
    work_id = house.made()
    house.finish(work_id)
    with pytest.raises(Refused, match="A technician may not check a preparation"):
        house.release(work_id, by="tina")


def test_a_claimed_dose_leaves_the_worklist_of_doses_to_claim(house: Hospital) -> None:
    dose_id = house.dose(house.order())
    house.claim(dose_id)
    with house.db.read() as session:
        lines = worklist(session, house.db.clock())
    assert [line.state for line in lines if line.dose_id == dose_id] == [State.MAKING]
