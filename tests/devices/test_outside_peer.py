"""An MT-SICS peer that this project did not write, over TCP: `mt-sics-emulator`, with its own load control.

It answers SI with the id SI, ZI with ZI A, I2 with its serial number, and knows no D: real peers differ like that.
"""

import json
import socket
import subprocess
import sys
import urllib.request
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from devices.status import State
from tests.devices.on_the_line import connected, eventually, grams, shows

PROGRAM = Path(sys.executable).with_name("mtsics-tcp")


def free_ports(count):
    doors = [socket.socket() for _ in range(count)]
    for door in doors:
        door.bind(("127.0.0.1", 0))
    ports = [door.getsockname()[1] for door in doors]
    for door in doors:
        door.close()
    return ports


class Peer:
    def __init__(self):
        self.port, self.control = free_ports(2)
        self.url = f"socket://127.0.0.1:{self.port}"
        self.process = None

    def on(self, profile="mt-ms3002s"):
        self.process = subprocess.Popen(
            [PROGRAM, "--host", "127.0.0.1", "--port", str(self.port), "--profile", profile,
             "--control-port", str(self.control)],
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        eventually(self.state)

    def off(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def state(self):
        try:
            return self.call("/state")
        except OSError:
            return None

    def put(self, value):
        return self.call("/weight", {"value": value, "snap": True})

    def call(self, path, body=None):
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.control}{path}", None if body is None else json.dumps(body).encode()
        )
        with urllib.request.urlopen(request, timeout=5) as answer:
            return json.load(answer)


@contextmanager
def switched_on():
    peer = Peer()
    try:
        peer.on()
        yield peer
    finally:
        peer.off()


@pytest.fixture(scope="module")
def peer():
    with switched_on() as on:
        yield on


def near(balance, target, stable=True):
    """Whether the latest weight is this one, give or take the peer's noise of a division."""

    def there():
        stamped = balance.latest()
        if stamped is None or stamped.reading.grams is None:
            return False
        return abs(stamped.reading.grams - target) <= Decimal("0.02") and stamped.reading.stable is stable

    return there


def test_it_is_identified_streamed_and_followed_when_the_load_changes(peer):
    with connected(peer.url) as balance:
        assert balance.status().serial == peer.state()["serial_number"]
        for load in ("12.34", "250.00", "0.00"):
            peer.put(float(load))
            eventually(near(balance, Decimal(load)))
        run = balance.window()
        assert [stamped.seq for stamped in run] == list(range(run[0].seq, run[-1].seq + 1))
        assert all(stamped.reading.raw.startswith(b"S ") for stamped in run)


def test_its_settling_curve_is_moving_until_it_is_stable(peer):
    with connected(peer.url) as balance:
        peer.put(0.0)
        eventually(near(balance, Decimal(0)))
        peer.call("/weight", {"target": 500.0})
        eventually(lambda: (grams(balance.latest()) or "").startswith("D"))
        eventually(near(balance, Decimal(500)))


def test_its_overload_is_a_fault_and_ends(peer):
    with connected(peer.url) as balance:
        peer.put(99_999.0)
        eventually(shows(balance, "overload"))
        peer.put(5.0)
        eventually(near(balance, Decimal(5)))


def test_it_is_zeroed_and_tared_and_refuses_a_text(peer):
    with connected(peer.url) as balance:
        peer.put(100.0)
        eventually(near(balance, Decimal(100)))
        tared = balance.tare()
        assert tared.done and abs(tared.reading.grams - 100) <= Decimal("0.02")
        eventually(near(balance, Decimal(0)))
        text = balance.show("ADD 5 mL")
        assert not text.done and text.reading.error == "syntax"
        eventually(near(balance, Decimal(0)))


def test_switched_off_it_is_offline_and_back_it_counts_as_new():
    with switched_on() as peer, connected(peer.url, expected_serial=peer.state()["serial_number"]) as balance:
        eventually(balance.latest)
        before = balance.status().epoch
        peer.off()
        eventually(lambda: balance.status().state is State.OFFLINE)
        assert balance.latest() is None
        peer.on()
        eventually(lambda: balance.status().state is State.READY)
        assert balance.status().epoch > before
        eventually(balance.latest)
        peer.off()
        peer.on("mt-xs204")  # another balance at the same port
        eventually(lambda: balance.status().state is State.WRONG_DEVICE)
        assert balance.latest() is None
