"""CUPS itself, a raw queue, and a printer at its end: what `zebra` alone would call success is told apart here."""

import os

import pytest

from devices.printers import PrinterTrouble, printer_from_url
from devices.simulated_printer import SimulatedPrinter
from devices.zebra_printer import CupsPrinter, QueueZebra

pytest_plugins = ("tests.devices.cups_fixture",)
pytestmark = pytest.mark.cups

EVERY_BYTE = b"^XA^FO20,20^GFA,256,256,16," + bytes(range(256)) + "Zoë ’ µ".encode() + b"^FS^XZ"


@pytest.fixture
def queue(cups, zebra, request) -> str:
    return cups.queue(f"q{abs(hash(request.node.name)) % 10**8}", zebra.port)


def the_printer(cups, queue: str, seconds: float = 8) -> CupsPrinter:
    return CupsPrinter(queue, server=cups.server, follow_seconds=seconds)


def test_the_bytes_arrive_unchanged_with_nul_and_ff(cups, zebra, queue):
    sent = the_printer(cups, queue).send(EVERY_BYTE, "Label L-0000000000")
    assert sent.outcome == "sent"
    assert sent.job and sent.job.startswith(f"{queue}-")
    assert zebra.wait_for_labels(1)
    assert zebra.labels == [EVERY_BYTE]


def test_the_socket_of_a_server_in_the_address_is_honoured(cups, zebra, queue):
    printer = printer_from_url(f"cups:{queue}?server={cups.socket}")
    assert printer.status().ok
    assert printer.send(b"^XA^FDx^FS^XZ", "one").outcome == "sent"


def test_the_server_of_the_environment_is_honoured(cups, zebra, queue, monkeypatch):
    monkeypatch.setenv("CUPS_SERVER", cups.server)
    assert CupsPrinter(queue).status().ok
    assert queue in QueueZebra(queue).getqueues()


def test_every_job_has_its_own_number(cups, zebra, queue):
    printer = the_printer(cups, queue)
    first, second = (printer.send(b"^XA^FD%d^FS^XZ" % number, "t") for number in (1, 2))
    assert first.job != second.job


def test_a_stopped_queue_is_noticed_before_anything_is_sent(cups, zebra, queue):
    cups.run("cupsdisable", "-r", "out of labels", queue)
    with pytest.raises(PrinterTrouble, match=r"stopped \(out of labels\).*Nothing was printed") as trouble:
        the_printer(cups, queue).send(EVERY_BYTE, "t")
    assert not trouble.value.may_have_printed
    assert the_printer(cups, queue).status().ok is False
    cups.run("cupsenable", queue)
    assert the_printer(cups, queue).status().ok is True
    assert zebra.labels == []


def test_a_queue_that_refuses_jobs_is_noticed(cups, zebra, queue):
    cups.run("cupsreject", queue)
    with pytest.raises(PrinterTrouble, match="refuses jobs") as trouble:
        the_printer(cups, queue).send(EVERY_BYTE, "t")
    assert not trouble.value.may_have_printed


def test_a_job_that_lp_refuses_is_noticed_even_when_nobody_asked_before(cups, zebra, queue):
    cups.run("cupsreject", queue)
    alone = QueueZebra(queue, "t", os.environ | {"CUPS_SERVER": cups.server})
    with pytest.raises(PrinterTrouble, match="not accepting jobs"):
        alone.output(EVERY_BYTE)


def test_an_unknown_queue_is_named(cups):
    with pytest.raises(PrinterTrouble, match="no queue named nowhere") as trouble:
        the_printer(cups, "nowhere").send(EVERY_BYTE, "t")
    assert not trouble.value.may_have_printed


def test_a_dead_scheduler_is_noticed(cups):
    printer = CupsPrinter("ivlabel", server=f"{cups.directory}/no-such.sock")
    with pytest.raises(PrinterTrouble, match="scheduler"):
        printer.send(EVERY_BYTE, "t")
    assert printer.status().ok is False


def test_a_missing_lp_is_noticed(cups, queue, monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(PrinterTrouble, match="cups-client"):
        the_printer(cups, queue).send(EVERY_BYTE, "t")


def test_a_printer_that_is_off_aborts_the_job_and_no_label_comes_later(cups, queue, zebra: SimulatedPrinter):
    zebra.off()
    with pytest.raises(PrinterTrouble, match="then print again") as trouble:
        the_printer(cups, queue, seconds=1).send(EVERY_BYTE, "t")
    assert trouble.value.may_have_printed
    zebra.on()
    assert cups.run("lpstat", "-W", "not-completed", "-o", queue).stdout == ""
    assert not zebra.wait_for_labels(1, seconds=1.5)


def test_a_job_held_in_the_queue_is_withdrawn(cups, queue, zebra):
    cups.run("lpadmin", "-p", queue, "-o", "job-hold-until-default=indefinite")
    with pytest.raises(PrinterTrouble, match="is held in CUPS.*It was withdrawn"):
        the_printer(cups, queue).send(EVERY_BYTE, "t")
    assert cups.run("lpstat", "-W", "not-completed", "-o", queue).stdout == ""
    assert zebra.labels == []


def test_cups_calls_a_job_done_while_the_printer_has_no_labels_and_so_do_not_we(cups, queue, zebra):
    zebra.paper_out = True
    sent = the_printer(cups, queue).send(EVERY_BYTE, "t")
    assert sent.outcome == "sent"
    assert "Scan the label" in sent.words
    assert zebra.labels == []


def test_a_title_never_becomes_an_option(cups, queue, zebra):
    assert the_printer(cups, queue).send(b"^XA^XZ", "-o landscape\n-d other").outcome == "sent"
