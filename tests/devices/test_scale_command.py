"""`laminar scale`: what a person sees on the terminal."""

import subprocess
import sys
from decimal import Decimal

import pytest
from typer.testing import CliRunner

from app.cli.scale import obey, scale
from devices.simulators import SimulatedBalance

runner = CliRunner()


def test_reading_shows_the_state_in_words_and_then_the_weights():
    with SimulatedBalance(noise_g=Decimal(0), settle_s=0, rate_hz=50) as simulated:
        simulated.put(Decimal("12.34"))
        shown = runner.invoke(scale, ["read", simulated.url, "--count", "3"])
    lines = shown.output.splitlines()
    assert shown.exit_code == 0
    assert "[ready] SIM6002, serial SIM-0001, 6200.00 g × 0.01 g" in lines
    assert lines[-3:] == ["12.34 g  stable"] * 3


@pytest.mark.parametrize("arguments, words", [
    (["socket://127.0.0.1:1", "--patience", "0.2"], "does not answer"),
    (["/dev/null", "--protocol", "morse"], "no balance protocol"),
])  # fmt: skip
def test_what_cannot_be_read_is_said_and_ends_with_an_error(arguments, words):
    shown = runner.invoke(scale, ["read", *arguments])
    assert shown.exit_code == 1 and words in shown.output


def test_another_serial_number_is_not_read():
    with SimulatedBalance() as simulated:
        shown = runner.invoke(scale, ["read", simulated.url, "--serial", "OTHER", "--patience", "0.5"])
    assert shown.exit_code == 1 and "SIM-0001, not OTHER" in shown.output


def test_the_simulator_obeys_its_standard_input():
    with SimulatedBalance() as simulated:
        assert obey(simulated, "put 12.3\n") == "On the pan: 12.3 g"
        assert obey(simulated, "add -2.3\n") == "On the pan: 10.0 g"
        assert obey(simulated, "lift\n") == "On the pan: 0 g"
        assert "refused" in obey(simulated, "unplug\n")
        assert "SIM-0002" in obey(simulated, "replug SIM-0002\n")
        assert "tare is gone" in obey(simulated, "restart\n")
        assert obey(simulated, "raw S S garbage\n") == "Sent as it is."
        for wrong in ("put", "put NaN", "put heavy", "dance"):
            assert obey(simulated, wrong).endswith((".", "quit"))


@pytest.mark.parametrize("kind", [[], ["--pty"]])
def test_the_simulated_balance_is_a_program_that_another_program_reads(kind):
    program = [sys.executable, "-c", "from app.cli.scale import scale; scale()"]
    with subprocess.Popen(
        [*program, "simulate", *kind, "--settle", "0", "--noise", "0"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
    ) as simulating:  # fmt: skip
        url = simulating.stdout.readline().split()[-1]
        simulating.stdin.write("put 7\n")
        while simulating.stdout.readline() != "On the pan: 7 g\n":
            pass
        shown = subprocess.run([*program, "read", url, "--count", "1"], capture_output=True, text=True, check=True)
        simulating.stdin.write("quit\n")
    assert shown.stdout.splitlines()[-1] == "7.00 g  stable"
    assert simulating.returncode == 0


def test_a_simulator_that_cannot_be_built_says_why():
    for arguments in (["--readability", "0"], ["--capacity", "lots"], ["--rate", "0"]):
        shown = runner.invoke(scale, ["simulate", *arguments])
        assert shown.exit_code == 1 and shown.output.strip()
