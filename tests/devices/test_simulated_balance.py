"""The simulated balance speaks the sheet's grammar: every answer of levels 0 and 1, read by the strict parser."""

import socket
from decimal import Decimal

import pytest

from devices.mt_sics import COMMANDS, answer_id, parse_line
from devices.pan import Pan
from devices.sics_peer import Nameplate, SicsPeer
from devices.simulators import SimulatedBalance

NOW = 500.0


def peer(load="0", *, settle_s=1.0, moved_at=0.0, seed=1, noise="0", readability="0.01"):
    pan = Pan(Decimal(6200), Decimal(readability), Decimal(noise), seed, settle_s)
    pan.put(Decimal(load), moved_at)
    return SicsPeer(pan, Nameplate("SIM-0001", "SIM6002"), rate_hz=10, stability_timeout_s=2.5)


@pytest.mark.parametrize("load, command, answer", [
    ("100", b"S", ["S S     100.00 g"]),
    ("100", b"SI", ["S S     100.00 g"]),
    ("6300", b"SI", ["S +"]),
    ("-50", b"SI", ["S -"]),
    ("100", b"Z", ["Z A"]),
    ("500", b"Z", ["Z +"]),
    ("1", b"ZI", ["ZI S"]),
    ("45.67", b"T", ["T S      45.67 g"]),
    ("45.67", b"TI", ["TI S      45.67 g"]),
    ("6300", b"T", ["T +"]),
    ("0", b"TA", ["TA A       0.00 g"]),
    ("0", b"TA 12.5 g", ["TA A      12.50 g"]),
    ("0", b"TA 0.0125 kg", ["TA A      12.50 g"]),
    ("0", b"TA 99999 g", ["TA L"]),
    ("0", b"TA 1 lb", ["TA L"]),
    ("0", b"TAC", ["TAC A"]),
    ("0", b'D "ADD 5 mL NS"', ["D A"]),
    ("0", b'D "A TEXT THAT IS LONGER THAN IT"', ["D R"]),
    ("0", b"D ADD", ["D L"]),
    ("0", b"DW", ["DW A"]),
    ("0", b"K 1", ["K A"]),
    ("0", b"K 9", ["K L"]),
    ("0", b"SR 1 ml", ["S L"]),
    ("0", b"SR", ["S S       0.00 g"]),
    ("0", b"@", ['I4 A "SIM-0001"']),
    ("0", b"I2", ['I2 A "SIM6002 6200.00 g"']),
    ("0", b"I4", ['I4 A "SIM-0001"']),
    ("0", b"C", ["C B", "C A"]),
    ("0", b"SIX9", ["ES"]),
    ("0", b"si", ["ES"]),
    ("0", b"S 1", ["ES"]),
    ("0", b"\xb3", ["ET"]),
])  # fmt: skip
def test_each_command_is_answered_as_the_sheet_says(load, command, answer):
    assert peer(load).hear(command, NOW) == answer


def test_every_command_it_lists_is_answered_in_words_that_the_parser_knows():
    listed = [line.split('"')[1] for line in peer().hear(b"I0", NOW)]
    assert set(listed) == set(COMMANDS)
    for word in listed:
        for line in peer().hear(word.encode(), NOW):
            reading = parse_line(line.encode())
            assert reading.error in (None, "bad_parameter"), line
            assert answer_id(line.encode()) == COMMANDS[word].answer


def test_a_moving_load_is_dynamic_and_waited_for():
    moving = peer("100", moved_at=NOW)
    assert moving.hear(b"SI", NOW + 0.1)[0].startswith("S D")
    assert moving.hear(b"S", NOW + 0.2) == []
    assert moving.tick(NOW + 0.9) == []
    assert moving.tick(NOW + 1.0) == ["S S     100.00 g"]
    for command in (b"S", b"T", b"Z"):
        restless = peer("100", settle_s=3600, moved_at=NOW)
        restless.hear(command, NOW + 1)
        assert restless.tick(NOW + 3.4) == []
        assert restless.tick(NOW + 3.5) == [command.decode() + " I"]
    assert peer("100", settle_s=9, moved_at=NOW).hear(b"TI", NOW + 1)[0].startswith("TI D")


def test_a_weight_tare_or_zero_within_a_time_is_given_moving_or_not():
    for command, still, moving in (
        (b"SC 500", "S S     100.00 g", "S D"), (b"TC 500", "TC S     100.00 g", "TC D"), (b"ZC 500", "ZC S", "ZC D"),
    ):  # fmt: skip
        assert peer("100").hear(command, NOW) == [still]
        restless = peer("100", settle_s=3600, moved_at=NOW)
        assert restless.hear(command, NOW + 0.1) == [] and restless.tick(NOW + 0.5) == []
        (line,) = restless.tick(NOW + 0.6)
        assert line.startswith(moving)
        assert parse_line(line.encode()).stable is False
        assert peer("1").hear(command.split()[0], NOW) == [f"{'S' if command[:1] == b'S' else command[:2].decode()} L"]


def test_repeated_weights_end_with_any_other_command():
    for command in (b"SI", b"@", b"S", b"C"):
        streaming = peer("5")
        assert streaming.hear(b"SIR", NOW) == ["S S       5.00 g"]
        assert streaming.tick(NOW + 0.05) == []
        assert streaming.tick(NOW + 0.1) == ["S S       5.00 g"]
        streaming.hear(command, NOW + 0.15)
        assert streaming.tick(NOW + 5) == []


def test_changes_are_reported_moving_first_and_then_at_rest():
    pan = Pan(Decimal(6200), Decimal("0.01"), Decimal(0), 1, 1.0)
    reporting = SicsPeer(pan, Nameplate("X", "Y"), 10, 2.5)
    assert reporting.hear(b"SR 0.50 g", NOW) == ["S S       0.00 g"]
    pan.put(Decimal("0.4"), NOW + 1)
    assert [reporting.tick(NOW + 1 + n / 10) for n in range(15)] == [[]] * 15
    pan.put(Decimal("14.02"), NOW + 3)
    told = [line for n in range(20) for line in reporting.tick(NOW + 3 + n / 10)]
    assert [line[:3] for line in told] == ["S D", "S S"] and told[1] == "S S      14.02 g"


def test_equal_seeds_give_equal_noise_around_the_readability():
    def run(seed):
        noisy = peer("100", seed=seed, noise="0.004")
        return [noisy.hear(b"SI", NOW)[0] for _ in range(200)]

    assert run(1) == run(1) != run(2)
    values = {parse_line(line.encode()).value for line in run(1)}
    assert Decimal("100.00") in values and 1 < len(values) <= 5


def test_it_shows_its_own_divisions():
    assert peer("10.03", readability="0.05").hear(b"SI", NOW) == ["S S      10.05 g"]
    with pytest.raises(ValueError, match="above zero"):
        SimulatedBalance(readability="0")


def test_switching_it_off_and_on_forgets_the_tare():
    with SimulatedBalance(noise_g=Decimal(0), settle_s=0) as simulated:
        simulated.put(Decimal(300))
        host, port = simulated.url.removeprefix("socket://").split(":")
        with socket.create_connection((host, int(port))) as line, line.makefile("rwb", buffering=0) as wire:
            wire.write(b"T\r\n")
            assert wire.readline() == b"T S     300.00 g\r\n"
            simulated.restart()
            assert wire.readline() == b'I4 A "SIM-0001"\r\n'
            wire.write(b"SI\r\n")
            assert wire.readline() == b"S S     300.00 g\r\n"
            simulated.add(Decimal("-0.5"))
            wire.write(b"S\r\n")
            assert wire.readline() == b"S S     299.50 g\r\n"


def test_unplugged_it_refuses_and_keeps_its_address():
    with SimulatedBalance() as simulated:
        address = ("127.0.0.1", int(simulated.url.rsplit(":", 1)[1]))
        for _ in range(3):
            with socket.create_connection(address) as line:
                line.sendall(b"I4\r\n")
                assert line.recv(64).startswith(b"I4 A")
                simulated.unplug()
                assert line.recv(1) == b""
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(address)
            simulated.replug()
        assert simulated.replug("SIM-0002") is None and simulated.serial == "SIM-0002"


def test_a_host_that_does_not_read_does_not_stop_it():
    with SimulatedBalance(rate_hz=1000) as simulated:
        address = ("127.0.0.1", int(simulated.url.rsplit(":", 1)[1]))
        with socket.create_connection(address) as deaf:
            deaf.sendall(b"SIR\r\n")
            simulated.send_raw(b"x" * 10_000_000)
            with socket.create_connection(address) as line:
                line.settimeout(20)
                line.sendall(b"I4\r\n")
                assert line.recv(64).startswith(b"I4 A")
