"""Labels and printers that fail: nothing is lost, nothing prints twice unnoticed, no label gets to another dose."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from app.core.errors import Refused
from app.core.workflow import State
from app.db.outbox import Outgoing
from app.db.session import SYSTEM
from app.labels.models import Label
from app.labels.printing_actions import claim_print
from app.settings import Settings
from app.worker import Worker
from compounding import hood_actions
from compounding.procedure import Pair, label_serial
from compounding.records import Stopped
from devices.printer import Printer, PrinterTrouble, Sent
from devices.printers import printer_from_url
from devices.simulated_printer import SimulatedPrinter
from tests.conftest import SetClock
from tests.faults.site import site_of
from tests.hospital import HOUSE, Hospital


@pytest.fixture
def zebra() -> Iterator[SimulatedPrinter]:
    with SimulatedPrinter() as printer:
        yield printer


def worker(house: Hospital, printer: Callable[[str], Printer]) -> Worker:
    return Worker(house.db, printer, house.db.clock, Settings(database=house.db.url))


def to_zebra(house: Hospital, zebra: SimulatedPrinter) -> Worker:
    return worker(house, lambda url: printer_from_url(zebra.url))


def tick(of: Worker) -> None:
    of.print_labels(of.clock())


def labelled(house: Hospital, tray: str = "TRAY-01", **how: object) -> int:
    """A dose that waits for its label to be scanned back."""
    work_id = house.claim(house.dose(house.order(**how)), tray)  # type: ignore[arg-type]
    house.until(work_id, Pair)
    return work_id


def serial(house: Hospital, work_id: int) -> str:
    found = label_serial(house.at(work_id).where)
    assert found is not None
    return found


def job(house: Hospital, serial: str) -> Outgoing:
    with house.db.read() as session:
        return session.scalars(select(Outgoing).where(Outgoing.identity == f"label {serial}")).one()


def valid(house: Hospital, work_id: int) -> list[str]:
    with house.db.read() as session:
        query = select(Label.serial).where(Label.work_id == work_id, Label.voided_at.is_(None))
        return list(session.scalars(query))


def printed(house: Hospital, zebra: SimulatedPrinter, serial: str) -> int:
    """How often the very bytes of a label came out."""
    with house.db.read() as session:
        wanted = session.get_one(Label, serial).job
    return sum(each in wanted for each in zebra.labels)


def test_a_label_waits_for_a_printer_that_is_off_and_comes_once_when_it_is_back(
    house: Hospital, clock: SetClock, zebra: SimulatedPrinter
) -> None:
    zebra.off()
    work_id, printing = labelled(house), to_zebra(house, zebra)
    number = serial(house, work_id)
    for _ in range(3):
        tick(printing)
        clock.forward(seconds=6)
    waits = job(house, number)
    assert waits.next_at is not None and waits.sent_at is None and waits.outcome
    assert house.at(work_id).state is State.MAKING and valid(house, work_id) == [number]
    zebra.on()
    for _ in range(3):
        tick(printing)
        clock.forward(seconds=6)
    assert zebra.wait_for_labels(1)
    assert [printed(house, zebra, number), len(zebra.labels)] == [1, 1]
    while house.step(work_id):
        pass
    house.finish(work_id)


def test_a_printer_that_stays_off_is_given_up_in_words_and_the_label_is_printed_anew_by_a_person(
    house: Hospital, clock: SetClock, zebra: SimulatedPrinter
) -> None:
    zebra.off()
    work_id, printing = labelled(house), to_zebra(house, zebra)
    first = serial(house, work_id)
    for _ in range(30):
        tick(printing)
        clock.forward(seconds=6)
    assert job(house, first).given_up_at is not None and job(house, first).outcome
    zebra.on()
    with house.db.write(house.who("tina")) as tx:
        hood_actions.reprint(tx, work_id, "the printer was off", HOUSE)
    tick(printing)
    assert zebra.wait_for_labels(1)
    second = serial(house, work_id)
    assert [printed(house, zebra, first), printed(house, zebra, second)] == [0, 1] and valid(house, work_id) == [second]


def test_half_a_label_may_have_printed_and_is_not_sent_again_by_itself(
    house: Hospital, clock: SetClock, zebra: SimulatedPrinter
) -> None:
    zebra.swallow()
    work_id, printing = labelled(house), to_zebra(house, zebra)
    number = serial(house, work_id)
    for _ in range(4):
        tick(printing)
        clock.forward(seconds=60)
    sent = job(house, number)
    assert sent.next_at is None and sent.sent_at is not None and sent.confirmed_at is None and sent.attempts == 1
    assert zebra.labels == []
    assert house.at(work_id).where.blockers


class Dies:
    """A printer during whose sending the product is killed: before or after the label came out."""

    url, dots_per_mm = "dies", 8

    def __init__(self, zebra: SimulatedPrinter, after: bool):
        self.zebra, self.after = zebra, after

    def send(self, data: bytes, title: str) -> Sent:
        if self.after:
            printer_from_url(self.zebra.url).send(data, title)
        raise KeyboardInterrupt

    def status(self):  # noqa: ANN201
        raise AssertionError("nobody asks")


@pytest.mark.parametrize("after", [False, True])
def test_a_worker_killed_while_sending_leaves_a_label_that_may_have_printed_and_never_two(
    house: Hospital, clock: SetClock, zebra: SimulatedPrinter, after: bool
) -> None:
    work_id = labelled(house)
    number = serial(house, work_id)
    with pytest.raises(KeyboardInterrupt):
        tick(worker(house, lambda url: Dies(zebra, after)))
    assert job(house, number).claimed_at is not None and job(house, number).sent_at is None
    again = to_zebra(house, zebra)
    for _ in range(3):
        tick(again)
        clock.forward(seconds=60)
    sent = job(house, number)
    assert "may have printed" in (sent.outcome or "") and sent.sent_at is not None and sent.next_at is None
    assert printed(house, zebra, number) == (1 if after else 0)
    with house.db.write(house.who("tina")) as tx:
        hood_actions.reprint(tx, work_id, "it did not come out", HOUSE)
    tick(again)
    assert zebra.wait_for_labels(2 if after else 1)
    second = serial(house, work_id)
    assert valid(house, work_id) == [second] and printed(house, zebra, second) == 1
    house.scan(work_id, number)
    stop = house.at(work_id).where.stop
    assert stop is not None and stop.what == "Label of another dose, or a void one"


def test_a_worker_that_could_not_note_what_became_of_a_label_says_so_at_its_next_turn(
    house: Hospital, clock: SetClock
) -> None:
    work_id = labelled(house)
    with house.db.write(SYSTEM) as tx:
        assert claim_print(tx) is not None
    tick(worker(house, lambda url: (_ for _ in ()).throw(AssertionError("nothing is sent"))))
    assert "may have printed" in (job(house, serial(house, work_id)).outcome or "")


def test_a_label_that_was_voided_before_it_was_sent_is_never_sent(
    house: Hospital, zebra: SimulatedPrinter
) -> None:
    work_id = labelled(house)
    first = serial(house, work_id)
    with house.db.write(house.who("tina")) as tx:
        hood_actions.reprint(tx, work_id, "smeared", HOUSE)
    tick(to_zebra(house, zebra))
    assert zebra.wait_for_labels(1)
    assert [printed(house, zebra, first), printed(house, zebra, serial(house, work_id)), len(zebra.labels)] == [0, 1, 1]
    assert job(house, first).given_up_at is not None


def test_no_trouble_of_a_printer_loses_a_label_whatever_it_says(house: Hospital, clock: SetClock) -> None:
    said = iter([PrinterTrouble("The lid is open.", False), PrinterTrouble("It broke off.", True)])

    class Troubled:
        url, dots_per_mm = "troubled", 8

        def send(self, data: bytes, title: str) -> Sent:
            raise next(said)

        def status(self):  # noqa: ANN202
            raise AssertionError("nobody asks")

    work_id = labelled(house)
    printing = worker(house, lambda url: Troubled())
    tick(printing)
    assert job(house, serial(house, work_id)).next_at is not None
    clock.forward(seconds=6)
    tick(printing)
    kept = job(house, serial(house, work_id))
    assert kept.next_at is None and kept.sent_at is not None and kept.outcome == "It broke off."
    assert json.loads(kept.facts)["serial"] == serial(house, work_id) and kept.first_bytes


def stopped(house: Hospital, work_id: int) -> Stopped:
    found = house.at(work_id).where.stop
    assert found is not None, "this is a hard stop"
    return found


def test_label_and_tray_of_two_doses_never_make_a_pair(house: Hospital) -> None:
    one, two = labelled(house), labelled(house, "TRAY-02", number="RX2", patient=1)
    house.scan(one, serial(house, two))
    assert (stopped(house, one).scanned, stopped(house, one).wanted) == (serial(house, two), serial(house, one))
    house.scan(one, "TRAY-02")
    assert stopped(house, one).what == "Tray of another dose"
    house.scan(two, serial(house, two))
    house.scan(two, "TRAY-01")
    assert stopped(house, two).what == "Tray of another dose"
    assert "pair" not in house.at(one).where.done and "pair" not in house.at(two).where.done
    for work_id in (one, two):
        with pytest.raises(Refused, match="label and tray are not scanned together"):
            house.finish(work_id)


def test_a_new_label_must_be_scanned_back_and_photographed_even_if_the_one_before_was(house: Hospital) -> None:
    work_id = house.made()
    with house.db.write(house.who("tina")) as tx:
        hood_actions.reprint(tx, work_id, "smeared while applying", HOUSE)
    assert isinstance(house.at(work_id).where.current, Pair)
    with pytest.raises(Refused, match="label and tray are not scanned together; the labelled bag is not photographed"):
        house.finish(work_id)
    while house.step(work_id):
        pass
    house.finish(work_id)
    house.release(work_id)


def test_half_a_pair_does_not_count_for_a_label_that_came_after_it(house: Hospital) -> None:
    work_id = labelled(house)
    house.scan(work_id, serial(house, work_id))
    with house.db.write(house.who("tina")) as tx:
        hood_actions.reprint(tx, work_id, "torn", HOUSE)
    house.scan(work_id, "TRAY-01")
    assert "pair" not in house.at(work_id).where.done
    house.scan(work_id, serial(house, work_id))
    assert "pair" in house.at(work_id).where.done


def test_the_tablet_says_that_the_label_did_not_come_out_and_what_to_do(
    house: Hospital, clock: SetClock, zebra: SimulatedPrinter, tmp_path: Path
) -> None:
    zebra.off()
    work_id, printing = labelled(house), to_zebra(house, zebra)
    site = site_of(house, tmp_path)
    tina = site.signed_in("tina")
    tick(printing)
    page = tina.get(f"/hood/{work_id}").text
    assert "It is kept and sent again by itself." in page
    for _ in range(30):
        clock.forward(seconds=6)
        tick(printing)
    assert "press Problem and print the label again" in tina.get(f"/hood/{work_id}").text
    assert "Print the label again" in tina.get(f"/hood/{work_id}/problem").text
    zebra.on()
    answer = tina.post(f"/hood/{work_id}/reprint", reason="Label did not come out or is not usable")
    assert answer.status_code == 303
    tick(printing)
    assert zebra.wait_for_labels(1)
    assert "sent again by itself" not in tina.get(f"/hood/{work_id}").text
    site.close()
