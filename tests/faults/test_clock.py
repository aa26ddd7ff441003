"""The server's clock jumps back two hours or 400 days ahead: what can not be trusted is refused in words."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.audit.queries import verify
from app.core.workflow import State
from app.db.outbox import Outgoing
from app.db.session import SYSTEM
from app.labels.printing_actions import claim_print
from app.orders.queries import doses_of
from app.settings import Settings
from app.worker import Worker
from compounding.labelling import beyond_use_of
from compounding.procedure import Pair
from tests.conftest import SetClock
from tests.faults.drive import told
from tests.faults.site import site_of
from tests.hospital import Hospital

BACK, AHEAD = timedelta(hours=-2), timedelta(days=400)


def test_a_clock_set_back_between_any_two_steps_is_named_at_the_signature(house: Hospital, clock: SetClock) -> None:
    start = clock.at
    for after in (1, 3, 5, 99):
        clock.at = start
        work_id = house.claim(house.dose(house.order(number=f"RX{after}")), f"TRAY-{after:02}")
        for _ in range(after):
            if not house.step(work_id):
                break
        clock.at = start + BACK
        while house.step(work_id):
            pass
        assert "the server's clock was set back" in (told(lambda w=work_id: house.finish(w)) or ""), after
        at = house.at(work_id)
        assert [r.number for r in at.records] == list(range(1, len(at.records) + 1))
        assert beyond_use_of(at.sheet, at.where).at <= start + timedelta(days=10)


def test_a_dose_signed_before_the_clock_was_set_back_is_not_released_until_time_has_caught_up(
    house: Hospital, clock: SetClock
) -> None:
    work_id = house.made()
    house.finish(work_id)
    clock.forward(hours=-2)
    assert "the server's clock was set back" in (told(lambda: house.release(work_id)) or "")
    clock.forward(hours=2, seconds=1)
    house.release(work_id)
    assert house.at(work_id).state is State.RELEASED


def test_a_small_correction_by_a_time_server_stops_nobody(house: Hospital, clock: SetClock) -> None:
    work_id = house.made()
    clock.forward(seconds=-1)
    house.finish(work_id)
    house.release(work_id)


def test_a_clock_that_ran_400_days_ahead_dates_no_dose(house: Hospital, clock: SetClock) -> None:
    """Scanned while it was ahead and signed when it was right again: its beyond-use date would be a year off."""
    from datetime import date

    from app import demo

    true = clock.at
    work_id = house.claim(house.dose(house.order()))
    clock.at = true + AHEAD
    for key in ("vial", "diluent", "bag"):
        house.scan(work_id, demo.barcode(key, expiry=date(2029, 1, 31), serial=f"F{key}"))
    clock.at = true + timedelta(minutes=5)
    while house.step(work_id):
        pass
    assert "the server's clock was set back" in (told(lambda: house.finish(work_id)) or "")


def test_a_clock_that_jumps_400_days_ahead_refuses_the_containers_and_the_signature(
    house: Hospital, clock: SetClock
) -> None:
    scanned = house.made()
    begun = house.claim(house.dose(house.order(number="RX2", patient=1)), "TRAY-02")
    clock.at += AHEAD
    assert "its beyond-use date has passed" in (told(lambda: house.finish(scanned)) or "")
    house.until(begun, "scan-vial")
    house.step(begun)
    stop = house.at(begun).where.stop
    assert stop is not None and "expired" in stop.remedy
    with house.db.read() as session:
        assert verify(session).broken is None


def test_a_proof_from_before_the_jump_signs_nothing(house: Hospital, clock: SetClock) -> None:
    from compounding import check_actions

    work_id = house.made()
    proven = house.proof("tina")
    for jump in (timedelta(hours=3), BACK):
        clock.at += jump

        def sign() -> None:
            with house.db.write(house.who("tina")) as tx:
                check_actions.finish(tx, work_id, proven)

        assert "Too much time passed" in (told(sign) or "") or "clock was set back" in (told(sign) or "")
    assert house.at(work_id).state is State.MAKING


def test_a_label_made_before_the_clock_was_set_back_is_still_printed(house: Hospital, clock: SetClock) -> None:
    work_id = house.claim(house.dose(house.order()))
    house.until(work_id, Pair)
    clock.forward(hours=-2)
    with house.db.write(SYSTEM) as tx:
        job = claim_print(tx)
        assert job is not None and tx.session.get_one(Outgoing, job.id).claimed_at == clock.at


def test_doses_are_written_ahead_again_after_the_clock_was_set_back(house: Hospital, clock: SetClock) -> None:
    worker = Worker(house.db, _nobody, house.db.clock, Settings(database=house.db.url))
    start = clock.at
    clock.at = start + AHEAD
    worker.write_doses(clock.at)
    clock.at = start
    version_id = house.order()
    worker.write_doses(clock.at)

    def doses() -> int:
        with house.db.read() as session:
            return len(doses_of(session, version_id))

    before = doses()
    clock.forward(days=1)
    worker.write_doses(clock.at)
    assert doses() > before


def _nobody(url: str):  # noqa: ANN202
    raise AssertionError("nothing is printed here")


@pytest.fixture
def at_the_hood(house: Hospital, tmp_path: Path) -> Iterator[Callable[[], int]]:
    site = site_of(house, tmp_path)
    tina = site.signed_in("tina")
    yield lambda: tina.get("/hood").status_code
    site.close()


def test_whoever_was_signed_in_400_days_ago_signs_in_again(
    at_the_hood: Callable[[], int], clock: SetClock
) -> None:
    assert at_the_hood() == 200
    clock.at += AHEAD
    assert at_the_hood() == 303


def test_an_instant_of_the_record_is_utc_whatever_the_wall_shows(house: Hospital, clock: SetClock) -> None:
    """A dose made in the hour that the clocks repeat: its records keep their order and their ten days are 240 hours."""
    clock.at = datetime(2026, 11, 1, 5, 50, tzinfo=UTC)  # 01:50 in New York, for the first time
    work_id = house.claim(house.dose(house.order()))
    house.until(work_id, "bag-before")
    first = house.at(work_id).records[0].at
    clock.forward(minutes=20)  # 01:10, for the second time
    while house.step(work_id):
        pass
    at = house.at(work_id)
    assert [r.at for r in at.records] == sorted(r.at for r in at.records)
    assert beyond_use_of(at.sheet, at.where).at == first + timedelta(hours=240)
    house.finish(work_id)
