"""What tests of devices share: waiting for something to become true, and a balance that is stopped afterwards."""

import time
from collections.abc import Callable

import pytest

from devices.balance import Balance
from devices.status import State


@pytest.fixture
def eventually() -> Callable:
    """Wait until a condition holds and give its value; how long it takes is not what these tests judge."""

    def wait(condition: Callable, patience: float = 15.0):
        end = time.monotonic() + patience
        while True:
            value = condition()
            if value:
                return value
            assert time.monotonic() < end, "it never came to be"
            time.sleep(0.005)

    return wait


@pytest.fixture
def connect(eventually):
    """Start a balance on a URL and wait until it is in the wanted state."""
    balances: list[Balance] = []

    def start(url: str, *, until: State = State.READY, **options) -> Balance:
        balance = Balance(url, reopen_after=(0.05, 0.1), **options)
        balances.append(balance)
        balance.start()
        eventually(lambda: balance.status().state is until)
        return balance

    yield start
    for balance in balances:
        balance.ask_to_stop()
    for balance in balances:
        balance.stop()
