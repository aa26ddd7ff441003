"""Faults of the balance, through the real hub, page and a balance that speaks bytes: no weight out of nothing."""

import re
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from app.stations.models import BalanceCheck, Weighing
from app.web.weight_event import waiting, weight_event
from compounding import hood_actions
from compounding.gravimetry import settled
from devices.hub import Hub
from devices.simulators import SimulatedBalance
from devices.status import State
from tests.devices.on_the_line import eventually
from tests.faults.site import Browser, Site, site_of
from tests.hospital import BALANCE, MASSES, Hospital

BEFORE, AFTER = MASSES["MFR-01"]["bag-before"], MASSES["MFR-01"]["bag-after"]
READABILITY = Decimal("0.01")
# Each of these, sent over and over, looks to a careless reader like a pan that stands still at the bag's weight.
NO_WEIGHTS = {
    "garbage": b"\x00\xff?S276.40\r\n",
    "not a number": b"S S        NaN g\r\n",
    "infinity": b"S S        inf g\r\n",
    "underscores": b"S S     2_76.40 g\r\n",
    "full-width digits": "S S     ２７６.40 g\r\n".encode(),
    "overload": b"S +\r\n",
    "pounds": b"S S     276.40 lb\r\n",
    "moving": b"S D     276.40 g\r\n",
    "half a line": b"S S     276.40",
    "a coarser display": b"S S      276.4 g\r\n",
}


@pytest.fixture
def pan() -> Iterator[SimulatedBalance]:
    with a_pan() as simulated:
        yield simulated


def a_pan() -> SimulatedBalance:
    return SimulatedBalance(BALANCE, rate_hz=20, settle_s=0.05, noise_g=Decimal(0))


@pytest.fixture
def site(house: Hospital, tmp_path: Path, pan: SimulatedBalance) -> Iterator[Site]:
    with a_site(house, tmp_path, pan) as made:
        yield made


@contextmanager
def a_site(house: Hospital, folder: Path, pan: SimulatedBalance) -> Iterator[Site]:
    """The product with one balance at the hood."""
    hub = Hub()
    hub.add("hood-1", pan.url, "mt-sics", BALANCE)
    with hub:
        made = site_of(house, folder, hub)
        yield made
        made.close()


@pytest.fixture
def tina(site: Site) -> Browser:
    return site.signed_in("tina")


def ready(site: Site, state: State = State.READY) -> None:
    eventually(lambda: site.parts.hub.balance("hood-1").status().state is state)


def kept(house: Hospital) -> list[Decimal]:
    with house.db.read() as session:
        checks = select(BalanceCheck.weighing_id)
        return list(session.scalars(select(Weighing.value_g).where(Weighing.id.not_in(checks)).order_by(Weighing.id)))


def weigh(site: Site, tina: Browser, work_id: int, step: str) -> str | None:
    """Post the weight as the page does; None when it was taken, else the page's words."""
    answer = tina.post(f"/hood/{work_id}/weigh", step=step)
    return None if answer.status_code == 303 else re.sub(r"<[^>]+>|\s+", " ", answer.text.split("<main", 1)[-1])


def weigh_still(site: Site, tina: Browser, work_id: int, step: str) -> str | None:
    """Post a weight that stands still; a machine that is busy may need more than one look, as a page does."""
    words: list[str | None] = []

    def looked() -> bool:
        words.append(weigh(site, tina, work_id, step))
        return "no still weight" not in (words[-1] or "")

    eventually(looked)
    return words[-1]


def put(site: Site, pan: SimulatedBalance, grams: str) -> None:
    """Lay something on the pan and wait until it has stood still for as long as a weighing takes."""
    pan.put(Decimal(grams))
    balance = site.parts.hub.balance("hood-1")

    def still() -> bool:
        found = settled(balance.window(), 0.0, READABILITY)
        return found is not None and found.value_g == Decimal(grams) and found.last_at > time.monotonic() - 0.5

    eventually(still)


def weighed_before(site: Site, pan: SimulatedBalance, tina: Browser) -> int:
    work_id = site.house.claim(site.house.dose(site.house.order()))
    site.house.until(work_id, "bag-before")
    ready(site)
    put(site, pan, BEFORE)
    site.parts.last_act[work_id] = 0.0
    assert weigh_still(site, tina, work_id, "bag-before") is None
    site.house.until(work_id, "bag-after")
    return work_id


@contextmanager
def again_and_again(lines: dict[SimulatedBalance, bytes]) -> Iterator[None]:
    """Each of the balances sends nothing but its line, over and over, for longer than a weighing takes and until the
    end."""
    over = threading.Event()

    def send() -> None:
        while not over.wait(0.1):
            for pan, line in lines.items():
                pan.send_raw(line)

    for pan in lines:
        with pan._lock:
            for link in pan._links:
                link.peer.hush()
    sending = threading.Thread(target=send)
    sending.start()
    try:
        time.sleep(1.0)
        yield
    finally:
        over.set()
        sending.join()


def test_what_is_no_weight_never_becomes_one_in_the_database(house: Hospital, tmp_path: Path) -> None:
    work_id = house.claim(house.dose(house.order()))
    house.until(work_id, "bag-before")
    with ExitStack() as open_:
        pans = {what: open_.enter_context(a_pan()) for what in NO_WEIGHTS}
        sites = {what: open_.enter_context(a_site(house, tmp_path, pan)) for what, pan in pans.items()}
        for site in sites.values():
            ready(site)
            site.parts.last_act[work_id] = 0.0
        with again_and_again({pans[what]: line for what, line in NO_WEIGHTS.items()}):
            for what, site in sites.items():
                words = weigh(site, site.signed_in("tina"), work_id, "bag-before")
                assert words is not None, f"{what} was taken for a weight"
                assert "no still weight" in words or "no weight now" in words or "nothing new" in words, what
    assert kept(house) == []
    assert house.at(work_id).where.current.key == "bag-before"  # type: ignore[union-attr]


def test_a_good_weight_is_taken_once_and_a_second_tap_adds_none(
    site: Site, pan: SimulatedBalance, tina: Browser
) -> None:
    work_id = weighed_before(site, pan, tina)
    site.parts.last_act[work_id] = 0.0
    assert "no longer waited for" in (weigh_still(site, tina, work_id, "bag-before") or "")
    assert kept(site.house) == [Decimal(BEFORE)]


def test_a_weight_from_before_the_last_step_is_not_taken_again(
    site: Site, pan: SimulatedBalance, tina: Browser
) -> None:
    work_id = weighed_before(site, pan, tina)
    assert "no still weight" in (weigh(site, tina, work_id, "bag-after") or "")
    put(site, pan, AFTER)
    assert weigh_still(site, tina, work_id, "bag-after") is None
    assert kept(site.house) == [Decimal(BEFORE), Decimal(AFTER)]


def test_an_unplugged_balance_gives_nothing_and_the_two_weights_are_then_not_compared(
    site: Site, pan: SimulatedBalance, tina: Browser
) -> None:
    work_id = weighed_before(site, pan, tina)
    pan.unplug()
    ready(site, State.OFFLINE)
    assert "does not answer" in (weigh_still(site, tina, work_id, "bag-after") or "")
    pan.replug()
    ready(site)
    put(site, pan, AFTER)
    words = weigh_still(site, tina, work_id, "bag-after") or ""
    assert "restarted or unplugged since the first weight" in words and "can not be proved by weight" in words
    assert kept(site.house) == [Decimal(BEFORE)]
    assert site.house.at(work_id).where.blockers


def test_another_balance_on_the_same_cable_is_refused_by_its_serial_number(
    site: Site, pan: SimulatedBalance, tina: Browser
) -> None:
    work_id = weighed_before(site, pan, tina)
    pan.unplug()
    ready(site, State.OFFLINE)
    pan.put(Decimal(AFTER))
    pan.replug("SIM-0002")
    ready(site, State.WRONG_DEVICE)
    words = weigh_still(site, tina, work_id, "bag-after") or ""
    assert "Another balance is connected" in words and "SIM-0002" in words
    assert kept(site.house) == [Decimal(BEFORE)]


def test_a_balance_that_restarts_voids_what_was_weighed_before(
    site: Site, pan: SimulatedBalance, tina: Browser
) -> None:
    work_id = weighed_before(site, pan, tina)
    epoch = site.parts.hub.balance("hood-1").status().epoch
    pan.restart()
    eventually(lambda: site.parts.hub.balance("hood-1").status().epoch > epoch)
    pan.lift()
    put(site, pan, AFTER)
    assert "can not be compared" in (weigh_still(site, tina, work_id, "bag-after") or "")
    with site.house.db.write(site.house.who("tina")) as tx:
        hood_actions.redo(tx, work_id, "bag-before", "the balance was restarted")
    put(site, pan, BEFORE)
    assert weigh_still(site, tina, work_id, "bag-before") is None
    site.parts.last_act[work_id] = 0.0
    put(site, pan, AFTER)
    assert weigh_still(site, tina, work_id, "bag-after") is None


def test_a_product_that_was_down_between_two_weights_does_not_compare_them(
    site: Site, pan: SimulatedBalance, tina: Browser, house: Hospital, tmp_path: Path
) -> None:
    work_id = weighed_before(site, pan, tina)
    site.parts.hub.remove("hood-1")
    # What the process remembered is gone with it, and what happened to the balance meanwhile nobody knows.
    site.parts.hub.add("hood-1", pan.url, "mt-sics", BALANCE)
    ready(site)
    site.parts.last_act.clear()
    site.parts.last_act[work_id] = 0.0
    put(site, pan, AFTER)
    assert "can not be compared" in (weigh_still(site, tina, work_id, "bag-after") or "")
    assert kept(house) == [Decimal(BEFORE)]


def test_an_empty_pan_a_wrong_bag_and_a_hood_without_a_balance_are_told_apart(
    site: Site, pan: SimulatedBalance, tina: Browser
) -> None:
    work_id = site.house.claim(site.house.dose(site.house.order()))
    site.house.until(work_id, "bag-before")
    ready(site)
    site.parts.last_act[work_id] = 0.0
    put(site, pan, "0.00")
    assert "nothing on the pan" in (weigh_still(site, tina, work_id, "bag-before") or "")
    put(site, pan, "120.00")
    assert "Is it the right one" in (weigh_still(site, tina, work_id, "bag-before") or "")
    site.parts.hub.remove("hood-1")
    assert "no balance" in (weigh_still(site, tina, work_id, "bag-before") or "")
    assert kept(site.house) == []


def repeat(pan: SimulatedBalance, line: bytes, seconds: float) -> None:
    """A balance that has frozen: it goes on sending one old line, whatever lies on the pan."""
    with pan._lock:
        for link in pan._links:
            link.peer.hush()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pan.send_raw(line)
        time.sleep(0.05)


def test_a_frozen_balance_is_taken_for_no_weight_of_the_next_dose(
    site: Site, pan: SimulatedBalance, tina: Browser
) -> None:
    """It froze at the weight of the bag before: the next bag is laid on, and the number does not move by a digit."""
    weighed_before(site, pan, tina)
    next_one = site.house.claim(site.house.dose(site.house.order(number="RX9")), "TRAY-09")
    site.house.until(next_one, "bag-before")
    site.parts.last_act[next_one] = 0.0
    frozen = f"S S {BEFORE:>10} g\r\n".encode()
    repeat(pan, frozen, 1.2)
    words = weigh(site, tina, next_one, "bag-before") or ""
    assert "has not moved by a digit since its last weight" in words and "Lift everything off" in words
    assert kept(site.house) == [Decimal(BEFORE)]
    # The page does not offer it either.
    event = shown(site, next_one)
    assert event["settled"] and not event["accept"]
    assert event["words"] == "Has not moved: lift everything off, then put it back"
    # A live one is taken as soon as the number was seen to go away and to come back.
    repeat(pan, b"S S       0.00 g\r\n", 0.3)
    repeat(pan, frozen, 1.2)
    assert shown(site, next_one)["accept"]
    assert weigh_still(site, tina, next_one, "bag-before") is None
    assert kept(site.house) == [Decimal(BEFORE)] * 2


def test_a_balance_that_shows_one_number_since_it_was_connected_weighs_nothing(
    site: Site, pan: SimulatedBalance, tina: Browser
) -> None:
    pan.put(Decimal(BEFORE))
    time.sleep(0.2)
    site.parts.hub.remove("hood-1")
    site.parts.hub.add("hood-1", pan.url, "mt-sics", BALANCE)
    work_id = site.house.claim(site.house.dose(site.house.order()))
    site.house.until(work_id, "bag-before")
    ready(site)
    site.parts.last_act[work_id] = 0.0
    assert "has not moved by a digit" in (weigh_still(site, tina, work_id, "bag-before") or "")
    put(site, pan, "0.00")
    put(site, pan, BEFORE)
    assert weigh_still(site, tina, work_id, "bag-before") is None


def test_old_lines_that_come_all_at_once_are_no_still_weight(
    site: Site, pan: SimulatedBalance, tina: Browser
) -> None:
    """A converter that held lines back and delivers them in a burst: they came at one moment and are no still pan."""
    work_id = site.house.claim(site.house.dose(site.house.order()))
    site.house.until(work_id, "bag-before")
    ready(site)
    site.parts.last_act[work_id] = 0.0
    pan.send_raw(f"S S {BEFORE:>10} g\r\n".encode() * 50)
    for _ in range(20):
        assert weigh(site, tina, work_id, "bag-before") is not None
    assert kept(site.house) == []


def shown(site: Site, work_id: int) -> dict[str, Any]:
    """What the tablet is told of the newest reading."""
    balance = site.parts.hub.balance("hood-1")
    return weight_event(site.parts, balance, balance.latest(), waiting(site.parts, work_id))
