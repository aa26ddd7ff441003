"""A dose that would have run out when it is due is not begun, and is pointed out at the check."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import update

from app.core.errors import Refused
from app.stations.models import Station
from compounding.review import review
from tests.conftest import NOW
from tests.hospital import Hospital


def test_a_category_1_dose_is_begun_only_when_it_lasts_until_it_is_due(house: Hospital) -> None:
    version_id = house.order(due=NOW + timedelta(hours=30))
    with house.db.write(house.who("petra")) as tx:
        tx.session.execute(update(Station).values(room_certified_until=None))
    with pytest.raises(Refused, match="Too early: made now, this dose must be begun by 23-Nov-2026 09:05"):
        house.claim(house.dose(version_id))
    house.db.clock.forward(hours=6, minutes=1)  # type: ignore[attr-defined]
    assert house.claim(house.dose(version_id))


def test_a_bag_that_runs_out_before_it_is_due_is_unusual(house: Hospital) -> None:
    work_id = house.made()
    at = house.at(work_id)
    assert review(at, None, ()).unusual == ()
    late = review(replace(at, due_at=NOW + timedelta(days=11)), None, ())
    assert late.unusual == ("It is due 03-Dec-2026 09:05, when it may not be used any more.",)
