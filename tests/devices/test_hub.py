"""The hub: one balance a station, one station a line."""

import os
from decimal import Decimal

import pytest

from devices.hub import Hub
from devices.simulators import SimulatedBalance
from devices.status import State
from tests.devices.on_the_line import eventually, shows

QUIET = {"noise_g": Decimal(0), "settle_s": 0.05, "rate_hz": 50}


def test_each_station_reads_its_own_balance_and_no_other():
    with SimulatedBalance("A", **QUIET) as a, SimulatedBalance("B", **QUIET) as b, Hub() as hub:
        hub.add("hood-1", a.url, expected_serial="A")
        hub.add("hood-2", b.url, expected_serial="B")
        a.put(Decimal("1.00"))
        b.put(Decimal("2.00"))
        eventually(shows(hub.balance("hood-1"), "S 1.00"))
        eventually(shows(hub.balance("hood-2"), "S 2.00"))
        assert {key: status.serial for key, status in hub.statuses().items()} == {"hood-1": "A", "hood-2": "B"}
        hub.remove("hood-1")
        assert set(hub.statuses()) == {"hood-2"}
        hub.add("hood-1", a.url)
    assert {status.state for status in hub.statuses().values()} == {State.CLOSED}


def test_balances_swapped_between_two_hoods_are_both_refused():
    with SimulatedBalance("A", **QUIET) as a, SimulatedBalance("B", **QUIET) as b, Hub() as hub:
        hub.add("hood-1", a.url, expected_serial="B")
        hub.add("hood-2", b.url, expected_serial="A")
        eventually(lambda: {status.state for status in hub.statuses().values()} == {State.WRONG_DEVICE})
        assert hub.balance("hood-1").latest() is None and hub.balance("hood-2").latest() is None


def test_one_line_never_serves_two_stations(tmp_path):
    hub = Hub()
    hub.add("hood-1", "socket://127.0.0.1:9")
    hub.add("hood-2", str(tmp_path / "ttyUSB0"))
    os.symlink(tmp_path / "ttyUSB0", tmp_path / "by-id")
    for url, owner in (("socket://127.0.0.1:9", "hood-1"), ("SOCKET://127.0.0.1:9", "hood-1"),
                       (str(tmp_path / "by-id"), "hood-2")):  # fmt: skip
        with pytest.raises(ValueError, match=f"already the balance of station {owner}"):
            hub.add("hood-3", url)
    with pytest.raises(ValueError, match="already has a balance"):
        hub.add("hood-1", "socket://127.0.0.1:10")
    assert set(hub.statuses()) == {"hood-1", "hood-2"}


def test_a_station_without_a_balance_is_named():
    hub = Hub()
    for missing in (hub.balance, hub.remove):
        with pytest.raises(LookupError, match="Station hood-9 has no balance"):
            missing("hood-9")
