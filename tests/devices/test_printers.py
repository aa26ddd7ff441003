"""Printers on TCP 9100, in a folder, and by address: what is proved, what is not, and what is said."""

import socket
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from devices.folder_printer import FolderPrinter
from devices.printers import PrinterTrouble, printer_from_url
from devices.simulated_printer import SimulatedPrinter
from devices.tcp_printer import TcpPrinter, read_host_status, read_identity
from devices.zebra_printer import CupsPrinter

pytest_plugins = ("tests.devices.cups_fixture",)
JOB = b"^XA^CI28^FX 8 dots/mm ^FS^FO20,20^A0N,30,30^FDx^FS^XZ"
# The example answers of the ZPL II programming guide.
STATUS = ["030,0,0,0609,000,0,0,0,000,0,0,0", "001,0,0,0,1,2,4,0,00000000,1,000", "1234,0"]


def quick(printer: SimulatedPrinter, **more: float) -> TcpPrinter:
    return TcpPrinter("127.0.0.1", printer.port, answer_seconds=0.3, done_seconds=more.pop("done_seconds", 1.0), **more)


# --- the printed label ---------------------------------------------------------------------------------------------


def test_a_label_that_the_printer_counted_is_printed(zebra):
    sent = quick(zebra).send(JOB, "t")
    assert sent.outcome == "printed"
    assert zebra.labels == [JOB]


def test_the_bytes_arrive_unchanged_with_nul_and_ff(zebra):
    job = b"^XA^GFA,1,1,1," + bytes(range(256)) + b"^FS^XZ"
    quick(zebra).send(job, "t")
    assert zebra.labels == [job]


def test_a_printer_that_does_not_count_leaves_the_proof_to_a_scan():
    with SimulatedPrinter(counts_labels=False) as zebra:
        sent = quick(zebra).send(JOB, "t")
        assert sent.outcome == "unconfirmed"
        assert "Scan the label" in sent.words
        assert zebra.labels == [JOB]


def test_half_a_label_is_unconfirmed_and_never_printed(zebra):
    zebra.swallow()
    try:
        assert quick(zebra).send(JOB, "t").outcome == "unconfirmed"
    except PrinterTrouble as trouble:
        assert trouble.may_have_printed
    assert zebra.labels == []


def test_identity_is_asked_once_an_hour_and_status_each_time(zebra):
    printer = quick(zebra)
    printer.send(JOB, "t")
    printer.send(JOB, "t")
    assert zebra.questions.count(b"~HI") == 1
    assert zebra.questions.count(b"~HS") >= 4


# --- what stands in the way -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("trouble", ["paper_out", "head_open"])
def test_silence_is_never_taken_for_ready(zebra, trouble):
    setattr(zebra, trouble, True)
    printer = quick(zebra)
    state = printer.status()
    assert state.ok is False
    assert "needs attention" in state.words
    with pytest.raises(PrinterTrouble, match="needs attention") as raised:
        printer.send(JOB, "t")
    assert not raised.value.may_have_printed
    setattr(zebra, trouble, False)
    assert zebra.labels == []


@pytest.mark.parametrize(
    ("trouble", "words"), [("paper_out", "out of labels"), ("head_open", "head is open"), ("paused", "paused")]
)
def test_a_flag_stops_the_label_before_it_is_sent(trouble, words):
    with SimulatedPrinter(silent_in_trouble=False) as zebra:
        setattr(zebra, trouble, True)
        with pytest.raises(PrinterTrouble, match=words) as raised:
            quick(zebra).send(JOB, "t")
        assert not raised.value.may_have_printed
        setattr(zebra, trouble, False)
        assert zebra.labels == []


@pytest.mark.parametrize("silent", [True, False])
def test_labels_that_run_out_under_way_leave_it_unconfirmed(silent):
    with SimulatedPrinter(silent_in_trouble=silent) as zebra:
        take = zebra._take

        def run_out(job: bytes) -> None:
            zebra.paper_out = True
            take(job)

        zebra._take = run_out  # type: ignore[method-assign]
        sent = quick(zebra).send(JOB, "t")
        assert sent.outcome == "unconfirmed"
        assert "may still print" in sent.words
        zebra.paper_out = False
        assert zebra.labels == [JOB]


def test_a_printer_that_is_off_cannot_be_reached(zebra):
    zebra.off()
    printer = quick(zebra)
    assert "cannot be reached" in printer.status().words
    with pytest.raises(PrinterTrouble, match="cannot be reached") as raised:
        printer.send(JOB, "t")
    assert not raised.value.may_have_printed
    zebra.on()
    assert printer.send(JOB, "t").outcome == "printed"


def test_a_label_for_300_dpi_is_refused_by_a_203_dpi_printer(zebra):
    with pytest.raises(PrinterTrouble, match="12 dots/mm.*has 8"):
        quick(zebra).send(JOB.replace(b"^FX 8 ", b"^FX 12 "), "t")
    assert zebra.labels == []


def test_a_station_set_for_the_wrong_resolution_is_told():
    with SimulatedPrinter(dots_per_mm=12) as zebra:
        state = quick(zebra).status()
        assert state.ok is False
        assert "dots=12" in state.words


@pytest.mark.parametrize(
    "banner", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x02not,a,zebra\x03\r\n", b"\x02" * 5000, b""]
)
def test_something_else_on_the_port_is_never_a_printer(banner):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            link, _ = listener.accept()
            with link:
                link.recv(100)
                link.sendall(banner)

        thread = threading.Thread(target=answer)
        thread.start()
        printer = TcpPrinter("127.0.0.1", listener.getsockname()[1], answer_seconds=0.3)
        with pytest.raises(PrinterTrouble) as raised:
            printer.send(JOB, "t")
        thread.join()
        assert not raised.value.may_have_printed


# --- reading the answers ---------------------------------------------------------------------------------------------


def test_the_guides_example_is_a_ready_printer():
    status = read_host_status(STATUS)
    assert status.troubles() == ()
    assert not status.busy


@pytest.mark.parametrize(
    ("line", "place", "name"),
    [(0, 1, "paper_out"), (0, 2, "paused"), (0, 5, "buffer_full"), (0, 7, "partial"), (0, 9, "memory_lost"),
     (1, 2, "head_open"), (1, 3, "ribbon_out"), (1, 7, "to_be_taken")],
)  # fmt: skip
def test_each_flag_has_its_own_place(line, place, name):
    parts = STATUS[line].split(",")
    parts[place] = "1"
    status = read_host_status([*STATUS[:line], ",".join(parts), *STATUS[line + 1 :]])
    raised = [
        flag
        for flag in (
            "paper_out",
            "paused",
            "buffer_full",
            "partial",
            "memory_lost",
            "head_open",
            "ribbon_out",
            "to_be_taken",
        )
        if getattr(status, flag)
    ]
    assert raised == [name]


def test_the_unused_field_of_the_second_line_says_nothing():
    assert read_host_status([STATUS[0], "001,1,0,0,1,2,4,0,00000000,1,000", STATUS[2]]).troubles() == ()


def test_a_waiting_job_an_unfinished_batch_and_a_label_to_be_taken_are_busy():
    assert read_host_status(["030,0,0,0609,001,0,0,0,000,0,0,0", *STATUS[1:]]).busy
    assert read_host_status([STATUS[0], "001,0,0,0,1,2,4,0,00000003,1,000", STATUS[2]]).busy
    assert read_host_status([STATUS[0], "001,0,0,0,1,1,4,1,00000000,1,000", STATUS[2]]).busy
    assert not read_host_status([STATUS[0], "001,0,0,0,1,2,4,1,00000000,1,000", STATUS[2]]).busy


@pytest.mark.parametrize(
    "lines", [STATUS[:2], [*STATUS[:1], STATUS[1] + ",0", STATUS[2]], ["", "", ""], ["x" + STATUS[0], *STATUS[1:]]]
)
def test_a_status_of_another_shape_is_refused(lines):
    with pytest.raises(ValueError, match="no host status"):
        read_host_status(lines)


@pytest.mark.parametrize(
    ("text", "dots"),
    [("ZD421-203dpi,V93.21.07Z,8,8176KB", 8), ("ZD621-300dpi,V93,12,1KB", 12), ("GX430,V61,11.8,1KB", 12)],
)
def test_the_resolution_is_read_from_the_identity(text, dots):
    assert read_identity(text).dots_per_mm == dots


@pytest.mark.parametrize("text", ["", "ZD421", "a,b,c", "a,b,-8,c"])
def test_an_identity_of_another_shape_is_refused(text):
    with pytest.raises(ValueError, match="no host identification"):
        read_identity(text)


# --- states -----------------------------------------------------------------------------------------------------------


def test_a_state_says_since_when(zebra):
    now = [datetime(2026, 12, 4, 14, 0, tzinfo=UTC)]
    printer = quick(zebra, clock=lambda: now[0])  # type: ignore[arg-type]
    first = printer.status()
    assert first.ok is True
    now[0] += timedelta(minutes=5)
    assert printer.status().since == first.since
    zebra.off()
    assert printer.status().since == now[0]


def test_the_simulator_answers_hqes(zebra):
    zebra.head_open = True
    with socket.create_connection(("127.0.0.1", zebra.port)) as link:
        link.sendall(b"~HQES")
        assert b"ERRORS:   1 00000000 00000004" in link.recv(500)


# --- a folder ---------------------------------------------------------------------------------------------------------


def test_a_folder_numbers_its_labels(tmp_path):
    printer = FolderPrinter(tmp_path / "labels")
    assert printer.status().ok
    assert [printer.send(JOB, "t").job for _ in range(2)] == ["0001.zpl", "0002.zpl"]
    assert (tmp_path / "labels" / "0002.zpl").read_bytes() == JOB
    assert sorted(path.name for path in (tmp_path / "labels").iterdir()) == ["0001.zpl", "0002.zpl"]


def test_two_writers_of_one_folder_never_share_a_number(tmp_path):
    jobs = [b"^XA%d^XZ" % number for number in range(24)]
    threads = [threading.Thread(target=FolderPrinter(tmp_path).send, args=(job, "t")) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(path.read_bytes() for path in tmp_path.glob("*.zpl")) == sorted(jobs)


def test_a_folder_that_cannot_be_written_is_trouble(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(PrinterTrouble, match="could not be written"):
        FolderPrinter(tmp_path / "file").send(JOB, "t")


# --- addresses --------------------------------------------------------------------------------------------------------


def test_each_address_names_its_kind_of_printer():
    assert printer_from_url("cups:ivlabel") == CupsPrinter("ivlabel")
    assert printer_from_url("cups:ivlabel?server=/run/x.sock") == CupsPrinter("ivlabel", server="/run/x.sock")
    assert printer_from_url("cups:ivlabel?server=print:631&dots=12") == CupsPrinter("ivlabel", "print:631", 12)
    assert printer_from_url("tcp://10.0.0.7:9100") == TcpPrinter("10.0.0.7", 9100)
    assert printer_from_url("tcp://[::1]:9101?dots=12") == TcpPrinter("::1", 9101, 12)
    assert printer_from_url("tcp://zebra-1") == TcpPrinter("zebra-1", 9100)
    assert printer_from_url("folder:/var/labels") == FolderPrinter(Path("/var/labels"))
    assert printer_from_url("folder:/var/labels").media == "4x3"
    assert printer_from_url("tcp://zebra-2?dots=12&media=2.25x1.25") == TcpPrinter(
        "zebra-2", 9100, 12, media="2.25x1.25"
    )


@pytest.mark.parametrize(
    "url",
    ["", "cups:", "cups:a b", "cups:a/b", "cups:-d", "tcp://", "tcp://h:x", "tcp://h:70000", "tcp:h:9100", "folder:",
     "lpt1:", "tcp://h?media=big", "tcp://h?media=4x", "tcp://h?dots=9",
     "folder:/x?server=y", "cups:q?dts=8", "/dev/usb/lp0"],
)  # fmt: skip
def test_any_other_address_is_refused_in_words(url):
    with pytest.raises(ValueError, match=r"“.*”"):
        printer_from_url(url)
