"""`laminar printer test`: what a person at the terminal is told, and the exit status."""

import pytest
from typer.testing import CliRunner

from app.cli.printer import printer
from app.labels.media import ALL
from devices.simulated_printer import SimulatedPrinter
from tests.app.labels.bench import picture, scanned, written


def run(*arguments: str):
    return CliRunner().invoke(printer, ["test", *arguments])


def test_a_ready_printer_prints_a_trial_label_that_scans():
    with SimulatedPrinter() as zebra:
        result = run(zebra.url)
        assert result.exit_code == 0, result.output
        assert "is ready" in result.output
        assert "printed" in result.output
        (job,) = zebra.labels
        read = {code.data.decode() for code in scanned(picture(job))}
        assert "TEST-0000" in read
        assert any(code in result.output for code in read if code.startswith("L-"))


def test_a_300_dpi_printer_gets_its_own_size():
    with SimulatedPrinter(dots_per_mm=12) as zebra:
        assert run(zebra.url).exit_code == 0
        assert b"^PW1200" in zebra.labels[0]


def test_a_printer_without_labels_gets_nothing_and_exit_status_1():
    with SimulatedPrinter() as zebra:
        zebra.paper_out = True
        result = run(zebra.url)
        assert result.exit_code == 1
        assert "needs attention" in result.output
        zebra.paper_out = False
        assert zebra.labels == []


def test_asking_only_prints_nothing():
    with SimulatedPrinter() as zebra:
        assert run(zebra.url, "--status-only").exit_code == 0
        assert zebra.labels == []


def test_a_folder_takes_the_label(tmp_path):
    result = run(f"folder:{tmp_path}")
    assert result.exit_code == 0
    assert (tmp_path / "0001.zpl").exists()


def test_a_wrong_address_is_told_in_words():
    result = run("lpt1:")
    assert result.exit_code == 1
    assert "is not a printer's address" in result.output


@pytest.mark.parametrize("media", ALL)
@pytest.mark.parametrize("dots", [8, 12])
def test_a_printer_is_tried_with_labels_of_the_size_in_it(media, dots, tmp_path):
    """The codes are read, and TEST stands on every size."""
    assert run(f"folder:{tmp_path}?media={media}&dots={dots}").exit_code == 0
    job = (tmp_path / "0001.zpl").read_bytes()
    assert any("TEST" in text for text in written(job))
    assert any(code.data.startswith(b"L-") for code in scanned(picture(job, dots, ALL[media])))


def test_a_size_that_no_label_has_is_told_in_words(tmp_path):
    result = run(f"folder:{tmp_path}?media=9x9")
    assert result.exit_code == 1
    assert "No label is 9x9 inch." in result.output
