"""An order that stops, is held or changes while its dose is under the hood: told at once, and nothing goes further."""

import dataclasses
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from app import demo
from app.core.workflow import State
from app.db.session import Tx
from app.orders import actions as orders
from app.orders.queries import doses_of
from app.stations.actions import Weight
from compounding import check_actions, hood_actions, scan_actions
from compounding.queries import worklist
from compounding.recipe import Scan
from tests.faults.drive import at_once, done, told
from tests.faults.site import Site, site_of
from tests.hospital import BALANCE, HOUSE, PICTURE, Hospital

WEIGHT = Weight(Decimal("276.40"), 5, BALANCE, 1, "mt-sics", b"S S     276.40 g\r\n")
STEPS: dict[str, Callable[[Tx, int], object]] = {
    "scan": lambda tx, work: scan_actions.scan(tx, work, demo.barcode("vial", serial="Z1"), HOUSE),
    "tray": lambda tx, work: scan_actions.scan(tx, work, "TRAY-01", HOUSE),
    "card": lambda tx, work: scan_actions.scan(tx, work, "CARD-NEXT", HOUSE),
    "weigh": lambda tx, work: hood_actions.weigh(tx, work, "bag-before", WEIGHT, HOUSE),
    "confirm": lambda tx, work: hood_actions.confirm(tx, work, "inspect", HOUSE),
    "photograph": lambda tx, work: hood_actions.photograph(tx, work, PICTURE),
    "redo": lambda tx, work: hood_actions.redo(tx, work, "scan-vial", "again"),
    "reprint": lambda tx, work: hood_actions.reprint(tx, work, "smeared", HOUSE),
}
HAPPENS = {"discontinue": "the order was stopped", "hold": "the order is on hold", "change": "the order was changed"}


def happens(house: Hospital, work_id: int, what: str) -> None:
    order_id = house.at(work_id).order.order_id
    with house.db.write(house.who("petra")) as tx:
        if what == "change":
            stated = house.stated(number=house.at(work_id).order.number)
            orders.state(tx, dataclasses.replace(stated, control="change", infuse_minutes=61))
        else:
            (orders.stop if what == "discontinue" else orders.hold)(tx, order_id, reason="seen at the bed")


def act(house: Hospital, name: str, what: Callable[[Tx, int], object], work_id: int) -> str | None:
    def write() -> None:
        with house.db.write(house.who(name)) as tx:
            what(tx, work_id)

    return told(write)


@pytest.mark.parametrize("what", sorted(HAPPENS))
def test_after_it_every_act_at_the_hood_is_refused_in_words_at_every_step(house: Hospital, what: str) -> None:
    for after in (0, 4, 99):
        work_id = house.claim(house.dose(house.order(number=f"RX{after}")), f"TRAY-{after:02}")
        for _ in range(after):
            if not house.step(work_id):
                break
        records = len(house.at(work_id).records)
        happens(house, work_id, what)
        for name, step in STEPS.items():
            words = act(house, "tina", step, work_id) or ""
            assert HAPPENS[what] in words and "Reject this preparation" in words, f"{name} after {after} steps: {words}"
        assert HAPPENS[what] in (told(lambda w=work_id: house.finish(w)) or "")
        assert len(house.at(work_id).records) == records
        reject = lambda tx, work: check_actions.drop(tx, work, "Order stopped or changed")  # noqa: E731
        assert act(house, "tina", reject, work_id) is None
        assert house.at(work_id).state is State.DROPPED


@pytest.mark.parametrize("what", sorted(HAPPENS))
def test_a_dose_that_waits_for_its_check_is_not_released_and_can_be_refused(house: Hospital, what: str) -> None:
    work_id = house.made(number="RX7")
    house.finish(work_id)
    happens(house, work_id, what)
    assert HAPPENS[what] in (told(lambda: house.release(work_id)) or "")
    refuse = lambda tx, work: check_actions.refuse(tx, work, house.proof("pablo"), "stopped", "discarded")  # noqa: E731
    assert act(house, "pablo", refuse, work_id) is None


def test_no_dose_of_it_can_be_started_any_more(house: Hospital) -> None:
    version_id = house.order()
    work_id = house.claim(house.dose(version_id))
    with house.db.read() as session:
        others = [dose.id for dose in doses_of(session, version_id)][1:]
    happens(house, work_id, "discontinue")
    for dose_id in others:
        assert "the order was stopped" in (told(lambda d=dose_id: house.claim(d, "TRAY-05")) or "")
    with house.db.read() as session:
        waiting = [line.dose_id for line in worklist(session, house.db.clock()) if line.state is State.QUEUED]
    assert not set(others) & set(waiting)


def test_changes_and_a_stop_at_once_leave_versions_one_after_the_other_and_never_an_active_stopped_order(
    house: Hospital,
) -> None:
    work_id = house.claim(house.dose(house.order(number="RX9")))
    stated = house.stated(number="RX9")

    def change(minutes: int) -> None:
        with house.db.write(house.who("pablo")) as tx:
            orders.state(tx, dataclasses.replace(stated, control="change", infuse_minutes=minutes))

    answers = at_once(*(lambda m=m: change(m) for m in range(130, 136)), lambda: happens(house, work_id, "discontinue"))
    assert done(answers) == len(answers), answers
    assert house.at(work_id).order.newest >= 2
    assert "the order was" in (act(house, "tina", STEPS["scan"], work_id) or "")


@pytest.fixture
def site(house: Hospital, tmp_path: Path) -> Iterator[Site]:
    made = site_of(house, tmp_path)
    yield made
    made.close()


def test_the_tablet_says_stop_above_everything_and_its_stream_is_told(site: Site) -> None:
    house = site.house
    work_id = house.claim(house.dose(house.order()))
    house.until(work_id, Scan)
    tina = site.signed_in("tina")
    assert "Stop:" not in tina.get(f"/hood/{work_id}").text
    heard: list[str] = []
    house.db.publish = heard.append
    happens(house, work_id, "discontinue")
    page = tina.get(f"/hood/{work_id}").text
    assert "Stop: the order was stopped." in page and "Do not go on" in page
    topic = f"order:{house.at(work_id).order.order_id}"
    assert topic in heard and topic in page, "the page listens to the topic that is told after the commit"
    answer = tina.post(f"/hood/{work_id}/scan", scan=demo.barcode("vial", serial="Z1"))
    assert answer.status_code == 409 and "the order was stopped" in answer.text
    assert house.at(work_id).records == ()
