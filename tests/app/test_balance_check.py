"""The daily check of a balance: known by what it weighs, said at hood and check when it is missing or failed."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from app import demo
from app.core.errors import Refused
from app.stations.actions import Weight
from app.stations.check_actions import check_balance
from app.stations.check_weights import SERIES, CheckWeight, allowed, nominal_of, why_not_checked
from compounding.queries import doubts_of_balance
from compounding.review import review
from devices.hub import Hub
from devices.simulators import SimulatedBalance
from devices.status import State
from tests.desk import words
from tests.devices.on_the_line import eventually
from tests.faults.site import Site, site_of
from tests.hospital import BALANCE, DESK, HOOD, Hospital

D = Decimal


def shown(nominal: str, value: str) -> CheckWeight:
    return CheckWeight(D(nominal), D(value), D("0.02"))


@pytest.mark.parametrize("nominal", SERIES)
def test_a_check_weight_is_known_by_what_it_weighs_and_nothing_further_off_than_a_hundredth(nominal: Decimal) -> None:
    for share in ("1", "0.99", "1.01"):
        assert nominal_of(nominal * D(share)) == nominal
    for share in ("0.985", "1.015"):
        assert nominal_of(nominal * D(share)) is None


def test_a_weight_may_be_two_standard_deviations_off_and_never_less_than_a_digit() -> None:
    assert allowed(D("0.01"), D("0.02")) == D("0.04")
    assert allowed(D("0.01"), D("0.001")) == D("0.01")
    assert allowed(D("0.01"), None) == D("0.02")
    assert shown("100", "100.02").good and shown("100", "99.98").good
    assert not shown("100", "100.03").good and not shown("100", "99.97").good


@pytest.mark.parametrize(
    ("weights", "why"),
    [
        ([], "was not checked with check weights on this day"),
        ([shown("100", "100.00")], "checked with 100 g only"),
        ([shown("50", "50.00"), shown("100", "100.00")], "checked with 50 g and 100 g only"),
        ([shown("5", "5.00"), shown("100", "100.05")], "failed its check: the 100 g weight read 100.05 g (allowed ±"),
        ([shown("5", "5.00"), shown("100", "100.05"), shown("100", "100.01")], None),
        ([shown("5", "5.00"), shown("100", "100.01"), shown("5", "4.90")], "the 5 g weight read 4.90 g"),
        ([shown("20", "20.00"), shown("100", "100.00")], None),
    ],
)  # fmt: skip
def test_two_weights_far_apart_the_newest_of_each_good_make_a_checked_balance(
    weights: list[CheckWeight], why: str | None
) -> None:
    found = why_not_checked(weights)
    assert found is None if why is None else why in (found or "")


def weigh(house: Hospital, grams: str, station: int = HOOD) -> CheckWeight:
    weight = Weight(D(grams), 5, BALANCE, 1, "mt-sics", f"0.000 1 1 S S {grams:>10} g\n".encode())
    with house.db.write(demo.who("tina", house.people, station)) as tx:
        return check_balance(tx, weight)


def test_a_dose_says_whether_its_balance_was_checked_that_day_before_it_was_weighed(house: Hospital, clock) -> None:  # type: ignore[no-untyped-def]
    def doubts(work_id: int) -> tuple[str, ...]:
        with house.db.read() as session:
            return doubts_of_balance(session, house.at(work_id))

    assert doubts(house.made(number="RX1")) == ()
    clock.forward(days=1)
    unchecked = house.made(tray="TRAY-02", number="RX2")
    assert doubts(unchecked) == ("the balance was not checked with check weights on this day",)
    at = house.at(unchecked)
    seen = review(at, None, (), doubts(unchecked))
    assert seen.unusual == ("The balance was not checked with check weights on this day.",)
    assert "1 unusual: see above" in seen.sentence
    clock.forward(minutes=1)
    weigh(house, "5.00")
    weigh(house, "100.07")
    failed = house.made(tray="TRAY-03", number="RX3")
    assert "failed its check: the 100 g weight read 100.07 g" in doubts(failed)[0]
    clock.forward(minutes=1)
    weigh(house, "100.01")
    assert doubts(house.made(tray="TRAY-04", number="RX4")) == ()
    # A check made later says nothing for what was weighed before it.
    assert doubts(unchecked) and doubts(failed)
    # The day is that of the wall: 23:59 in New York is the same day, one minute later is another.
    clock.at = clock.at.replace(hour=4, minute=59) + timedelta(days=1)
    assert doubts(house.made(tray="TRAY-05", number="RX5")) == ()
    clock.forward(minutes=1)
    assert doubts(house.made(tray="TRAY-06", number="RX6")) != ()


def test_what_is_no_check_weight_or_no_hood_is_refused_in_words(house: Hospital) -> None:
    with pytest.raises(Refused, match=r"0\.20 g is no check weight"):
        weigh(house, "0.20")
    with pytest.raises(Refused, match="276"):
        weigh(house, "276.40")
    with pytest.raises(Refused, match="at its own hood"):
        weigh(house, "100.00", DESK)
    with pytest.raises(Refused, match="may not prepare"), house.db.write(house.who("nina")) as tx:
        check_balance(tx, Weight(D(100), 5, BALANCE, 1, "mt-sics", b""))


@pytest.fixture
def pan() -> Iterator[SimulatedBalance]:
    with SimulatedBalance(BALANCE, rate_hz=20, settle_s=0.05, noise_g=D(0)) as simulated:
        yield simulated


@pytest.fixture
def site(house: Hospital, tmp_path: Path, pan: SimulatedBalance) -> Iterator[Site]:
    hub = Hub()
    hub.add("hood-1", pan.url, "mt-sics", BALANCE)
    with hub:
        made = site_of(house, tmp_path, hub)
        yield made
        made.close()


def test_at_the_hood_two_weights_on_the_real_line_make_the_balance_checked(
    site: Site, pan: SimulatedBalance, clock
) -> None:  # type: ignore[no-untyped-def]
    clock.forward(days=1)
    site.house.order()
    tina = site.signed_in("tina")
    eventually(lambda: site.parts.hub.balance("hood-1").status().state is State.READY)
    said = words(tina.get("/hood").text)
    assert "The balance was not checked with check weights on this day." in said and "Check the balance" in said

    def take() -> str:
        """Press the button until the pan stands still, as a person does."""
        found: list[str] = []

        def pressed() -> bool:
            answer = tina.post("/hood/balance")
            found.append("" if answer.status_code == 303 else words(answer.text))
            return "no still weight" not in found[-1]

        eventually(pressed)
        return found[-1]

    for grams in ("5", "100"):
        pan.lift()
        eventually(lambda: site.parts.hub.balance("hood-1").latest().reading.grams == 0)  # type: ignore[union-attr]
        pan.put(D(grams))
        eventually(lambda g=grams: site.parts.hub.balance("hood-1").latest().reading.grams == D(g))  # type: ignore[union-attr]
        assert take() == ""
    page = words(tina.get("/hood/balance").text)
    assert "The balance is checked for today." in page and "The 100 g weight read 100.00 g" in page
    assert "not checked" not in words(tina.get("/hood").text)
    assert "has not moved by a digit" in take(), "the weight that was taken still lies there"
    pan.put(D("200"))
    eventually(lambda: site.parts.hub.balance("hood-1").latest().reading.grams == 200)  # type: ignore[union-attr]
    assert "Lift everything off until the balance shows zero" in take(), "one weight was laid to the other"
