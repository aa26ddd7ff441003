"""A balance over a real line: identified, unplugged, exchanged, restarted, flooded. The other end speaks bytes."""

import threading
import time
from decimal import Decimal

import pytest

from devices.balance import Balance
from devices.port import Line, Port, PortLost
from devices.reading import Stamped
from devices.simulators import SimulatedBalance
from devices.status import State, Status
from tests.devices.on_the_line import connected, eventually, grams, shows

QUIET = {"noise_g": Decimal(0), "settle_s": 0.05, "rate_hz": 50}


@pytest.fixture(params=[False, True], ids=["tcp", "pty"])
def simulated(request):
    with SimulatedBalance(pty=request.param, **QUIET) as balance:
        yield balance


def test_it_says_who_it_is_and_what_lies_on_the_pan(simulated):
    with connected(simulated.url, expected_serial="SIM-0001") as balance:
        simulated.put(Decimal("12.34"))
        eventually(shows(balance, "S 12.34"))
        status = balance.status()
        assert (status.serial, status.model, status.capacity, status.readability) == (
            "SIM-0001", "SIM6002", Decimal("6200.00"), Decimal("0.01"),
        )  # fmt: skip
        assert status.words == "The balance is ready."
        assert status.age is not None and status.age >= 0
        assert balance.latest().reading.raw == b"S S      12.34 g"
    assert balance.status().state is State.CLOSED
    assert balance.latest() is None


def test_what_moves_is_never_called_stable():
    with (
        SimulatedBalance(noise_g=Decimal(0), settle_s=0.4, rate_hz=50) as simulated,
        connected(simulated.url) as balance,
    ):
        eventually(shows(balance, "S 0.00"))
        simulated.put(Decimal("250"))
        eventually(shows(balance, "S 250.00"))
        run = [grams(stamped) for stamped in balance.window()]
    moving = [shown for shown in run if shown.startswith("D")]
    assert len(moving) > 5
    assert {shown for shown in run if shown.startswith("S")} == {"S 0.00", "S 250.00"}


def test_too_much_and_a_missing_pan_are_faults_not_weights(simulated):
    with connected(simulated.url) as balance:
        simulated.put(Decimal("6201"))
        eventually(shows(balance, "overload"))
        simulated.put(Decimal("-100"))
        eventually(shows(balance, "underload"))
        simulated.lift()
        eventually(shows(balance, "S 0.00"))


def test_damaged_lines_stand_as_faults_with_their_bytes_and_the_next_weight_is_read(simulated):
    garbage = [
        b"S S     13.45 g", b"\x00S S     123.45 g", b"S S        NaN g", b"S S     123,45 g", b"S S     100.00 lb",
        b"S S     12S S     123.45 g", b"S S     12\xb3.45 g", b"U" * 300,
    ]  # fmt: skip
    with connected(simulated.url) as balance:
        seen: list[Stamped | Status] = []
        balance.listen(seen.append)
        for line in garbage:
            simulated.send_raw(line + b"\r\n")
        faults = eventually(lambda: [s for s in seen if isinstance(s, Stamped) and s.reading.error][len(garbage) - 1 :])
        assert faults
        errors = [(s.reading.error, s.reading.raw) for s in seen if isinstance(s, Stamped) and s.reading.error]
        assert errors[:-1] == [
            ("wrong_mode" if line.endswith(b"lb") else "unparseable", line) for line in garbage[:-1]
        ]  # fmt: skip
        assert errors[-1] == ("overlong", b"U" * 128)
        simulated.put(Decimal("7"))
        eventually(shows(balance, "S 7.00"))


def test_unplugged_in_the_middle_of_a_line_nothing_half_is_a_weight(simulated):
    with connected(simulated.url) as balance:
        seen: list[Stamped | Status] = []
        balance.listen(seen.append)
        before = balance.status().epoch
        simulated.send_raw(b"S S     999.99 g")
        simulated.unplug()
        eventually(lambda: balance.status().state is State.OFFLINE)
        assert balance.latest() is None and balance.window() == ()
        assert "cable" in balance.status().words
        assert all(s.reading.grams != Decimal("999.99") for s in seen if isinstance(s, Stamped))
        simulated.replug()
        if simulated.url == balance.url:  # a pseudo-terminal may come back under another name
            eventually(lambda: balance.status().state is State.READY)
            assert balance.status().epoch > before
            eventually(shows(balance, "S 0.00"))


def test_another_balance_plugged_in_is_refused_until_the_right_one_is_back():
    with SimulatedBalance(**QUIET) as simulated, connected(simulated.url, expected_serial="SIM-0001") as balance:
        eventually(balance.latest)
        simulated.unplug()
        eventually(lambda: balance.status().state is State.OFFLINE)
        seen: list[Stamped | Status] = []
        balance.listen(seen.append)
        simulated.replug("SIM-0002")
        eventually(lambda: balance.status().state is State.WRONG_DEVICE)
        words = balance.status().words
        assert "SIM-0002" in words and "SIM-0001" in words
        simulated.send_raw(b"S S      50.00 g\r\n")
        refused = balance.zero()
        assert not refused.done and "SIM-0002" in refused.words
        assert balance.latest() is None and balance.window() == ()
        assert not [s for s in seen if isinstance(s, Stamped)]
        simulated.replug("SIM-0001")  # exchanged behind a converter: the line itself stays open
        eventually(lambda: balance.status().state is State.READY)
        eventually(balance.latest)


def test_a_restart_voids_zero_and_tare_and_what_was_weighed(simulated):
    with connected(simulated.url) as balance:
        simulated.put(Decimal("300"))
        eventually(shows(balance, "S 300.00"))
        assert balance.tare().done
        eventually(shows(balance, "S 0.00"))
        before = balance.status()
        simulated.restart()
        eventually(lambda: balance.status().restarts == before.restarts + 1)
        eventually(shows(balance, "S 300.00"))
        after = balance.status()
        assert after.epoch > before.epoch
        assert {stamped.epoch for stamped in balance.window()} == {after.epoch}


def test_zero_tare_and_text_say_what_became_of_them(simulated):
    with connected(simulated.url) as balance:
        epoch = balance.status().epoch
        assert balance.show("ADD 5 mL NS").done and balance.show("").done
        assert balance.status().epoch == epoch
        simulated.put(Decimal("50"))
        eventually(shows(balance, "S 50.00"))
        tared = balance.tare()
        assert tared.done and tared.reading.grams == Decimal("50.00")
        assert balance.status().epoch == epoch + 1
        simulated.put(Decimal("500"))
        eventually(shows(balance, "S 450.00"))
        refused = balance.zero()
        assert not refused.done and refused.certain and "Clear the pan" in refused.words
        assert balance.status().epoch == epoch + 1
        simulated.lift()
        eventually(shows(balance, "S -50.00"))
        assert balance.zero().done
        eventually(shows(balance, "S 0.00"))


def test_it_is_known_since_when_the_number_has_not_moved_by_a_digit(simulated):
    with connected(simulated.url) as balance:
        eventually(lambda: balance.status().last_seq > 5)
        assert balance.status().moved is None, "it has shown one and the same weight since it was connected"
        put_at = time.monotonic()
        simulated.put(Decimal("12.34"))
        eventually(shows(balance, "S 12.34"))
        time.sleep(0.1)
        moved = balance.status().moved
        assert moved is not None and moved >= put_at
        time.sleep(0.3)
        assert balance.status().moved == moved
        simulated.send_raw(b"garbage\r\n")
        simulated.send_raw(b"S S      12.34 g\r\n")
        time.sleep(0.1)
        assert balance.status().moved == moved, "damage on the line is no movement of the pan"
        simulated.restart()
        eventually(lambda: balance.status().restarts == 1 and balance.status().last_seq > 0)
        assert (balance.status().moved or time.monotonic()) > moved, "what moved before the restart says nothing now"


def test_a_pan_that_never_rests_is_not_zeroed():
    with SimulatedBalance(settle_s=3600, stability_timeout_s=0.1) as simulated, connected(simulated.url) as balance:
        simulated.put(Decimal("1"))
        outcome = balance.zero()
        assert not outcome.done and outcome.certain and "rest" in outcome.words


def test_a_command_whose_answer_never_comes_is_uncertain_and_voids():
    with SimulatedBalance(settle_s=3600, stability_timeout_s=3600) as simulated, connected(simulated.url) as balance:
        simulated.put(Decimal("1"))
        before = balance.status().epoch
        outcome = balance.tare()
        assert not outcome.done and not outcome.certain
        assert balance.status().epoch > before


def test_unplugged_during_a_command_nobody_waits_for_ever():
    outcomes = []
    with SimulatedBalance(settle_s=3600, stability_timeout_s=3600) as slow, connected(slow.url) as balance:
        slow.put(Decimal("1"))
        waiting = threading.Thread(target=lambda: outcomes.append(balance.zero()))
        waiting.start()
        eventually(lambda: balance._asked)
        busy = balance.tare()
        assert not busy.done and "busy" in busy.words
        slow.unplug()
        waiting.join()
    assert not outcomes[0].done and not outcomes[0].certain


def test_the_second_opener_of_a_terminal_is_refused():
    with SimulatedBalance(pty=True, **QUIET) as simulated, connected(simulated.url) as balance:
        with pytest.raises(PortLost, match="lock"):
            Port(simulated.url, Line())
        with connected(simulated.url, until=State.OFFLINE) as second:
            assert second.latest() is None
        assert balance.status().state is State.READY


@pytest.mark.parametrize("url", ["/dev/no-such-balance", "socket://127.0.0.1:1", "nonsense://x", "socket://nowhere"])
def test_a_line_that_cannot_be_opened_is_offline_and_says_so(url):
    with connected(url, until=State.OFFLINE) as balance:
        status = balance.status()
        assert status.detail and "does not answer" in status.words
        outcome = balance.zero()
        assert not outcome.done and "does not answer" in outcome.words


def test_a_fast_stream_loses_no_line_and_none_comes_twice(simulated):
    with connected(simulated.url) as balance:
        seen: list[Stamped] = []
        balance.listen(lambda news: seen.append(news) if isinstance(news, Stamped) else None)
        sent = [f"S D {n / 100:>10.2f} g".encode() for n in range(100_000, 100_200)]
        for line in sent:  # ten times 20 lines a second, among the balance's own
            simulated.send_raw(line + b"\r\n")
            time.sleep(0.005)
        eventually(lambda: any(stamped.reading.raw == sent[-1] for stamped in seen))
        own = [stamped for stamped in seen if stamped.reading.stable is False]
        assert [stamped.reading.raw for stamped in own] == sent
        numbers = [stamped.seq for stamped in seen]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        assert [s.at for s in seen] == sorted(s.at for s in seen)


def test_the_ring_is_bounded_and_a_window_begins_where_it_is_told():
    with SimulatedBalance(**QUIET) as simulated, connected(simulated.url) as balance:
        for _ in range(15):
            simulated.send_raw(b"S S       1.00 g\r\n" * 100)
            time.sleep(0.01)
        eventually(lambda: balance.status().last_seq >= 1500)
        whole = balance.window()
        assert len(whole) == 1024
        since = whole[-5].at
        assert balance.window(since) and all(stamped.at >= since for stamped in balance.window(since))
        assert balance.window(time.monotonic() + 60) == ()


def test_what_waited_while_nobody_read_is_not_called_new():
    with SimulatedBalance(**QUIET) as simulated, connected(simulated.url) as balance:
        eventually(balance.latest)
        gate, held = threading.Event(), threading.Event()
        seen: list[Stamped] = []

        def slow(news):
            if isinstance(news, Stamped):
                seen.append(news)
                if news.reading.grams == Decimal("1.11"):
                    held.set()
                    gate.wait(10)

        balance.listen(slow)
        simulated.send_raw(b"S S       1.11 g\r\n")
        held.wait(10)
        stood_still_at = time.monotonic()
        simulated.send_raw(b"S S       2.22 g\r\n")
        time.sleep(0.2)
        gate.set()
        old = eventually(lambda: [s for s in seen if s.reading.grams == Decimal("2.22")])[0]
        assert old.at <= stood_still_at


def test_a_listener_that_falls_does_not_stop_the_weights(simulated):
    with connected(simulated.url) as balance:
        calls = []

        def bad(news):
            calls.append(news)
            raise RuntimeError("a page closed")

        unlisten = balance.listen(bad)
        eventually(lambda: len(calls) > 3)
        unlisten()
        unlisten()
        assert balance.status().state is State.READY


def test_a_listener_cannot_wait_for_its_own_balance(simulated):
    with connected(simulated.url) as balance:
        said = []

        def zeroing(news):
            try:
                balance.zero()
            except RuntimeError as error:
                said.append(str(error))

        balance.listen(zeroing)
        assert "wait for itself" in eventually(lambda: said)[0]


def test_every_change_of_state_is_told_once_and_in_order(simulated):
    balance = Balance(simulated.url, reopen_after=(0.05,))
    states: list[State] = []
    balance.listen(lambda news: states.append(news.state) if isinstance(news, Status) else None)
    balance.start()
    balance.start()
    eventually(lambda: balance.status().state is State.READY)
    balance.stop()
    assert [state for i, state in enumerate(states) if state not in states[:i]] == [
        State.OPENING, State.IDENTIFYING, State.READY, State.CLOSED,
    ]  # fmt: skip


def test_an_unknown_protocol_is_refused_before_anything_is_opened():
    with pytest.raises(ValueError, match="no balance protocol"):
        Balance("/dev/null", "morse")


def test_a_port_without_a_descriptor_is_read_too():
    port = Port("loop://", Line())
    port.write(b"S S       1.00 g\r\n")
    received = b""
    while not received.endswith(b"\n"):
        received += port.read(0.5)
    assert received == b"S S       1.00 g\r\n"
    assert port.read(0.01) == b""
    port.close()
