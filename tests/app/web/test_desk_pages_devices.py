"""Stations and their devices at the desk: set up, certified, enrolled, tried out, retired."""

import re
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from fastapi.testclient import TestClient

from app import demo
from app.identity.actions import Given
from app.identity.limits import Where
from app.identity.sign_in_actions import sign_in
from app.main import create_app
from app.web.devices import certificate_ending, ending
from app.web.parts import Parts
from devices.folder_printer import FolderPrinter
from devices.printer import PrinterState, Sent
from devices.simulators import SimulatedBalance
from tests.conftest import NOW
from tests.desk import Desk, desk_parts, print_waiting, words
from tests.devices.on_the_line import eventually
from tests.hospital import HOOD, Hospital

HOOD_2 = {
    "kind": "hood", "name": "Hood 2", "host": "hood-2.localhost", "px_per_mm": "5.9",
    "balance_url": "socket://127.0.0.1:2", "balance_serial": "B4711", "printer_url": "tcp://127.0.0.1:9100",
}  # fmt: skip


def test_a_new_hood_has_its_balance_connected_at_once(desk: Desk) -> None:
    assert desk.done("/devices/new", **HOOD_2) == "/devices/hood-2"
    assert desk.parts.hub.statuses()["hood-2"].expected_serial == "B4711"
    assert "Hood 2" in words(desk.get("/devices"))


def test_what_can_not_be_is_said_at_its_field_and_nothing_is_stored(desk: Desk) -> None:
    wrong = {
        "kind": "", "name": "", "host": "http://x", "px_per_mm": "900", "balance_url": "socket://h:1",
        "balance_serial": "", "printer_url": "", "balance_readability_g": "fine",
    }  # fmt: skip
    answer = desk.post("/devices/new", **wrong)
    assert answer.status_code == 422
    for sentence in (
        "Choose what stands there", "Give the station a name", "without http", "from 2 to 20 pixels per millimetre",
        "Only a hood has a balance", "Give the serial number", "from 0.0001 to 1 g",
    ):  # fmt: skip
        assert sentence in words(answer.text)
    assert 'value="http://x"' in answer.text, "what was typed stays"


def test_one_line_one_balance_one_host_name_one_station(desk: Desk) -> None:
    taken = HOOD_2 | {"host": "hood.localhost", "balance_url": "SOCKET://127.0.0.1:1", "name": "hood 1"}
    said = words(desk.post("/devices/new", **taken).text)
    assert "Hood 1 comes in under this host name" in said
    assert "This is the line of the balance at Hood 1" in said
    assert "There is a station of this name already" in said


def test_an_address_that_is_no_printer_is_refused_in_words(desk: Desk) -> None:
    answer = desk.post("/devices/new", **(HOOD_2 | {"printer_url": "lpt1"}))
    assert answer.status_code == 422
    assert "is not a printer's address" in words(answer.text)


def test_a_changed_balance_is_connected_and_the_old_line_let_go(desk: Desk) -> None:
    desk.done("/devices/new", **HOOD_2)
    with SimulatedBalance(serial="B4712", settle_s=0.1) as balance:
        desk.done("/devices/hood-2", **(HOOD_2 | {"balance_url": balance.url, "balance_serial": "B4712"}))
        status = eventually(lambda: (s := desk.parts.hub.statuses()["hood-2"]).state == "ready" and s)
        assert (status.url, status.serial) == (balance.url, "B4712")
        assert "B4712" in words(desk.get("/devices"))


def test_a_balance_with_another_serial_number_is_refused_in_words(desk: Desk) -> None:
    with SimulatedBalance(serial="STRANGER", settle_s=0.1) as balance:
        desk.done("/devices/new", **(HOOD_2 | {"balance_url": balance.url}))
        eventually(lambda: desk.parts.hub.statuses()["hood-2"].state == "wrong device")
        said = words(desk.get("/devices"))
    assert "Another balance is connected: serial number STRANGER, not B4711." in said
    assert "expected B4711" in said


def test_a_balance_is_not_changed_or_retired_under_a_dose(desk: Desk) -> None:
    desk.house.claim(desk.house.dose(desk.house.order()))
    page = desk.get("/devices/hood-1")
    assert "A dose is under way here." in words(page)
    changed = HOOD_2 | {"name": "Hood 1", "host": "hood.localhost", "printer_url": "", "balance_serial": "OTHER"}
    answer = desk.post("/devices/hood-1", **changed)
    assert answer.status_code == 409
    assert "Finish or pause it there, then change the balance" in words(answer.text)
    assert "Finish or reject it first" in words(desk.post("/devices/hood-1/retire", reason="old").text)
    assert "A dose is under way at Hood 1" in words(desk.post("/devices/hood-1/zero").text)


def test_zero_is_asked_of_the_balance_once_and_recorded(desk: Desk) -> None:
    with SimulatedBalance(serial="B4711", settle_s=0.1) as balance:
        desk.done("/devices/new", **(HOOD_2 | {"balance_url": balance.url}))
        eventually(lambda: desk.parts.hub.statuses()["hood-2"].state == "ready")
        before = desk.parts.hub.statuses()["hood-2"].epoch
        fields = {"once": "the-same-tap-twice"}
        for _ in range(2):
            answer = desk.client.post("/devices/hood-2/zero", data=fields)
            assert (answer.status_code, answer.headers["location"]) == (303, "/devices")
        assert desk.parts.hub.statuses()["hood-2"].epoch == before + 1
    trail = words(desk.get("/audit"))
    assert trail.count("zeroed the balance at Hood 2") == 1


def test_a_balance_that_is_away_is_not_zeroed_and_the_page_says_so(desk: Desk) -> None:
    answer = desk.post("/devices/hood-1/zero")
    assert answer.status_code == 409
    assert "was not zeroed" in words(answer.text)


def test_a_test_label_comes_out_and_is_for_nobody(desk: Desk, tmp_path: Path) -> None:
    desk.done("/devices/hood-1/test-label")
    label = eventually(lambda: next(iter((tmp_path / "labels").glob("*.zpl")), None))
    assert b"TEST" in label.read_bytes()
    eventually(lambda: "The label was written to" in words(desk.get("/devices")))


def test_a_label_that_nobody_scanned_back_is_named_with_what_to_do(desk: Desk) -> None:
    house = desk.house
    work_id = house.claim(house.dose(house.order()))
    house.until(work_id, "pair")
    assert "1 label waits" in words(desk.get("/devices"))
    print_waiting(desk.parts)
    serial = house.at(work_id).where.done["label"].facts.serial  # type: ignore[union-attr]
    assert f"Label {serial} was sent at 09:05 and not scanned back" in words(desk.get("/devices"))
    assert "scan it with its tray at the hood, or print it again" in words(desk.get("/devices"))
    house.scan(work_id, serial)
    house.scan(work_id, "TRAY-01")
    said = words(desk.get("/devices"))
    assert "not scanned back" not in said and "proved by scanning it back" in said


class SlowPrinter(FolderPrinter):
    """A printer that answers when it is let."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.may_answer = threading.Event()

    def status(self) -> PrinterState:
        self.may_answer.wait(30)
        return PrinterState(False, "The paper is out. Load labels.")

    def send(self, job: bytes, title: str) -> Sent:
        raise AssertionError("nothing is printed here")


def test_a_printer_that_takes_its_time_holds_up_no_page(desk_house: Hospital, parts: Parts, tmp_path: Path) -> None:
    slow = SlowPrinter(tmp_path)
    parts.printer = lambda url: slow
    with TestClient(create_app(parts, worker=False), base_url="http://desk.localhost") as client:
        desk = Desk(client, parts, desk_house).enter("petra")
        assert "Asking the printer" in words(desk.get("/devices"))
        slow.may_answer.set()
        eventually(lambda: "The paper is out. Load labels." in words(desk.get("/devices")))


def test_the_hood_sees_before_a_dose_is_begun_that_its_printer_is_out_of_paper(
    desk_house: Hospital, parts: Parts, tmp_path: Path
) -> None:
    slow = SlowPrinter(tmp_path)
    parts.printer = lambda url: slow
    with TestClient(create_app(parts, worker=False), base_url="http://hood.localhost") as client:
        tina = sign_in(parts.db, Given(demo.BADGES["tina"], demo.PIN), Where(HOOD, "hood"))
        client.cookies.set("laminar", tina.token)
        page = client.get("/hood").text
        assert 'data-refresh="printers stations"' in page and "Printer:" not in words(page), "nobody waits for it"
        slow.may_answer.set()
        out = "Printer: The paper is out. Load labels."
        eventually(lambda: words(client.get("/hood?part=dots").text).endswith(out))


def test_certifications_are_noted_by_day_and_an_end_is_seen_coming(desk: Desk) -> None:
    desk.done("/devices/hood-1/certification", hood_until="1-Dec-2026", room_until="2026-10")
    said = words(desk.get("/devices"))
    assert "Hood certified until 01-Dec-2026 ends soon" in said
    assert "Room certified until 31-Oct-2026 over" in said
    answer = desk.post("/devices/hood-1/certification", hood_until="03/04/2027", room_until="")
    assert answer.status_code == 422
    assert "“03/04/2027” is not a day" in words(answer.text)


def test_an_enrolment_address_is_shown_once_and_makes_a_browser_the_station(desk: Desk) -> None:
    answer = desk.client.post("/devices/hood-1/enrolment", data={"once": "enrol-this-once"})
    address = re.search(r"http://hood\.localhost(/enrol/[0-9A-Z-]+)", answer.text)
    assert address
    again = desk.client.post("/devices/hood-1/enrolment", data={"once": "enrol-this-once"})
    assert again.status_code == 303 and again.headers["location"] == "/devices/hood-1"
    assert address[1] not in desk.get("/devices/hood-1")
    stranger = TestClient(desk.client.app, base_url="http://elsewhere.localhost", follow_redirects=False)
    assert "No station" in stranger.get("/sign-in").text
    stranger.get(address[1])
    assert "Hood 1" in stranger.get("/sign-in").text
    desk.post("/devices/hood-1/enrolment")
    assert "No station" in stranger.get("/sign-in").text, "a new address makes the one before it worthless"


def test_a_retired_station_is_let_go_and_its_records_keep_its_name(desk: Desk) -> None:
    desk.done("/devices/new", **HOOD_2)
    assert "Give a reason" in words(desk.post("/devices/hood-2/retire").text)
    assert desk.done("/devices/hood-2/retire", reason="replaced by a larger one") == "/devices"
    assert "hood-2" not in desk.parts.hub.statuses()
    assert "Hood 2" not in words(desk.get("/devices"))
    assert desk.client.get("/devices/hood-2").status_code == 404
    assert "retired Hood 2" in words(desk.get("/audit"))
    assert desk.done("/devices/new", **HOOD_2) == "/devices/hood-2-2"


def test_the_station_one_stands_at_is_not_retired(desk: Desk) -> None:
    assert "Retire it from another one" in words(desk.post("/devices/desk-1/retire", reason="x").text)


@pytest.mark.parametrize(("days", "state"), [(-1, "stop"), (0, "caution"), (30, "caution"), (31, "ok")])
def test_an_end_is_over_near_or_far(days: int, state: str) -> None:
    today = NOW.date()
    assert ending("x", today + timedelta(days=days), today).state == state
    assert ending("x", None, today).state == "stop"


def test_the_certificate_of_the_server_is_dated_where_there_is_one(
    desk_house: Hospital, tmp_path: Path, clock: object
) -> None:
    cert = tmp_path / "cert.pem"
    parts = desk_parts(desk_house, tmp_path, clock, tls_cert=cert)  # type: ignore[arg-type]
    assert certificate_ending(parts, NOW.date()).on is None  # type: ignore[union-attr]
    cert.write_bytes(_certificate())
    found = certificate_ending(parts, NOW.date())
    assert found is not None and str(found.on) == "2027-02-01" and found.state == "ok"


def _certificate() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
    made = made.not_valid_after(datetime(2027, 2, 2, 1, tzinfo=UTC))
    return made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def test_whoever_stands_at_a_hood_sees_the_devices_but_sets_nothing_up(desk: Desk) -> None:
    page = words(desk.enter("tina").get("/devices"))
    assert "Zero the balance" in page and "Set up" not in page and "New station" not in page
