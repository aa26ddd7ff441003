"""What tests of balances share: waiting for something to become true, and a balance that is stopped afterwards."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from devices.balance import Balance
from devices.reading import Stamped
from devices.status import State


def eventually(condition: Callable, patience: float = 20.0):
    """Wait until a condition holds and give its value; how long it takes is not what these tests judge."""
    end = time.monotonic() + patience
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, "it never came to be"
        time.sleep(0.005)


@contextmanager
def connected(url: str, until: State = State.READY, **options) -> Iterator[Balance]:
    """A balance on a URL that has reached the wanted state."""
    balance = Balance(url, reopen_after=(0.05, 0.1), **options)
    balance.start()
    try:
        eventually(lambda: balance.status().state is until)
        yield balance
    finally:
        balance.stop()


def grams(stamped: Stamped | None) -> str | None:
    """A reading as `S 12.34`, `D 12.31` or the name of its fault."""
    if stamped is None:
        return None
    reading = stamped.reading
    return reading.error or f"{'S' if reading.stable else 'D'} {reading.grams:f}"


def shows(balance: Balance, wanted: str) -> Callable[[], bool]:
    """Whether the balance's latest reading is this one."""
    return lambda: grams(balance.latest()) == wanted
