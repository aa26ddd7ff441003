"""Both directions over real sockets: what is heard becomes an order, what is released is told until it is taken."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import select

from app.core.errors import Refused
from app.db.outbox import Outgoing, of_identity
from app.interop.dispense_message import Dispense, ack
from app.interop.dispense_queries import dispense_of
from app.interop.frames import CR, END, START, Frames
from app.interop.hl7 import parse
from app.interop.listening import wire_of
from app.interop.mllp import Line
from app.interop.models import Message
from app.interop.queries import sent_trouble
from app.interop.sending import receiver
from app.interop.sending_actions import lay_aside, send_again
from app.interop.wire_actions import Wire, open_wire
from app.orders import actions as orders
from app.orders.queries import doses_of
from app.settings import Settings
from compounding import check_actions
from compounding.procedure import label_serial
from tests.app.interop.heard import Ehr, adt, message
from tests.app.interop.samples import COLLECTED, DATA, NO_DATA
from tests.conftest import NOW
from tests.hospital import Hospital

ZONE = "America/New_York"
CANCEL = "google-rde-o01-ex1"


def eventually(true: Callable[[], object], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


class Emar:
    """A receiver on a real socket: answers each message with what `answers` gives, or nothing; keeps what it heard."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.answers: Callable[[bytes, int], list[bytes]] = lambda raw, n: [ack(raw, "AA", control_id=f"E{n}", at=NOW)]
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._ready.wait(5)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._server = self._loop.run_until_complete(asyncio.start_server(self._talk, "127.0.0.1", 0))
        self.port = self._server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        frames = Frames()
        while received := await reader.read(65536):
            for raw in frames.feed(received):
                self.heard.append(raw)
                for answer in self.answers(raw, len(self.heard)):
                    writer.write(START + answer + END + CR)
                await writer.drain()

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)


@pytest.fixture
def emar() -> Iterator[Emar]:
    peer = Emar()
    yield peer
    peer.close()


class Running:
    """The wire of a hospital, running in a loop of its own."""

    def __init__(self, house: Hospital, patience: float = 1, **settings: object):
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        chosen = Settings(zone=ZONE, **settings)  # type: ignore[arg-type]
        self.wire: Wire = self.do(open_wire(house.db, chosen, patience))

    def do(self, coroutine):  # type: ignore[no-untyped-def]
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(30)

    def send(self, *raws: bytes) -> list[str]:
        line = Line("127.0.0.1", self.wire.port or 0)

        async def talk() -> list[str]:
            codes = [(await line.send(raw, 10)).code for raw in raws]
            await line.close()
            return codes

        return self.do(talk())

    def close(self) -> None:
        self.do(self.wire.close())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(5)


@pytest.fixture
def running(house: Hospital) -> Iterator[Callable[..., Running]]:
    opened: list[Running] = []

    def start(**how: object) -> Running:
        opened.append(Running(house, **how))  # type: ignore[arg-type]
        return opened[-1]

    yield start
    for each in opened:
        each.close()


def released(house: Hospital) -> tuple[int, str]:
    """A dose whose order came by message, made and released: the preparation and its label's serial."""
    ehr = Ehr(house).knows()
    ehr.send(message(NOW, start=NOW))
    order = ehr.orders()[0]
    with house.db.write(house.who("pablo")) as tx:
        orders.verify(tx, order.version_id, house.proof("pablo"), "0" * 64)
    work_id = house.claim(house.dose(order.version_id))
    while house.step(work_id):
        pass
    house.finish(work_id)
    house.release(work_id)
    return work_id, label_serial(house.at(work_id).where) or ""


def letter(house: Hospital, serial: str) -> Outgoing:
    with house.db.read() as session:
        found = of_identity(session, f"dispense {serial}")
        assert found is not None
        return found


def test_an_order_over_a_real_socket_is_acknowledged_and_becomes_doses(
    house: Hospital, running: Callable[..., Running]
) -> None:
    ehr = Ehr(house).knows()
    wire = running(mllp_port=0)
    assert wire.send(message(NOW, start=NOW), message(NOW, start=NOW), message(NOW, id="C2", number="2")) == ["AA"] * 3
    eventually(lambda: len(ehr.orders()) == 2)
    assert ehr.count(Message) == 2
    version = ehr.orders()[0].version_id
    with house.db.write(house.who("pablo")) as tx:
        orders.verify(tx, version, house.proof("pablo"), "0" * 64)
    assert house.dose(version)


@pytest.mark.skipif(not COLLECTED, reason=NO_DATA)
def test_two_collected_messages_over_a_real_socket(house: Hospital, running: Callable[..., Running]) -> None:
    infusion, cancel = ((DATA / "pharmacy" / f"{name}.hl7").read_bytes() for name in ("ms-rde-o11-01", CANCEL))
    assert running(mllp_port=0).send(infusion, cancel) == ["AA", "AA"]
    eventually(lambda: all(outcome != "waiting" for _, outcome, _ in heard(house)))
    (first, told, why), (second, what, words) = heard(house)
    assert (first, second) == (infusion, cancel), "byte for byte"
    assert told == "exception" and "niCARdipine" not in why and len(why.split()) > 5
    assert (what, words) == ("applied", "order 31320845 is not known here yet: it will be cancelled when it arrives")


def test_an_order_that_was_cancelled_before_it_came_is_born_stopped(
    house: Hospital, running: Callable[..., Running]
) -> None:
    ehr = Ehr(house).knows()
    wire = running(mllp_port=0)
    assert wire.send(message(NOW, "CA", id="C9"), message(NOW, id="C10")) == ["AA", "AA"]
    eventually(lambda: all(outcome == "applied" for _, outcome, _ in heard(house)))
    (order,) = ehr.orders()
    assert order.state == "stopped" and "arrived before the order itself" in order.warnings[0]


def heard(house: Hospital) -> list[tuple[bytes, str, str]]:
    with house.db.read() as session:
        rows = session.scalars(select(Message).order_by(Message.id)).all()
        return [(row.raw, row.outcome, row.reason or "") for row in rows]


def test_what_was_stored_before_the_start_is_applied_first(house: Hospital, running: Callable[..., Running]) -> None:
    ehr = Ehr(house).knows()
    ehr.store(message(NOW))
    running()
    eventually(lambda: ehr.orders())


def test_emar_is_told_of_a_released_bag_with_what_is_in_it(
    house: Hospital, running: Callable[..., Running], emar: Emar
) -> None:
    work_id, serial = released(house)
    running(dispense_to=f"127.0.0.1:{emar.port}")
    eventually(lambda: letter(house, serial).confirmed_at)
    (raw,) = emar.heard
    assert raw == letter(house, serial).first_bytes
    told = parse(raw)
    (orc,), (rxd,) = told.named("ORC"), told.named("RXD")
    assert (orc.get(1), orc.get(2), orc.get(2, 2), orc.get(3)) == ("RE", "8801", "EHR", serial)
    assert rxd.raw(2) == "11124^vancomycin^RXNORM", "the drug goes back as eMAR knows it"
    assert (rxd.get(1), rxd.get(4), rxd.get(7), rxd.raw(18)) == ("1", "1000", "R5501", "P456789~7G123")
    assert told.named("RXR")[0].raw(1) == "IV^Intravenous"
    assert told.named("PID")[0].raw(3) == "100245^^^GH^MR"
    assert [(c.get(1), c.get(2), c.get(3)) for c in told.named("RXC")] == [
        ("B", "0338-0049", "250"),
        ("A", "0409-6533", "1004"),
    ]
    facts = {(o.get(3), o.get(4)): o.get(5) for o in told.named("OBX")}
    assert (facts["NDC", "2"], facts["GTIN", "2"]) == ("0409-6533-01", "00304096533016")
    assert facts["BARCODE", ""] == "8801", "what the ward will scan"
    assert (facts["VOLUME-DRAWN", "2"], facts["WEIGHT", "2"]) == ("20.68", "20.97")
    with house.db.read() as session:
        assert sent_trouble(session) == []


def told_of(house: Hospital, work_id: int) -> Dispense:
    with house.db.read() as session:
        serial = label_serial(house.at(work_id).where) or ""
        return dispense_of(session, house.at(work_id), serial, "L1", NOW, "P")


def test_two_orders_of_one_message_and_a_second_dose_are_told_apart(house: Hospital) -> None:
    ehr = Ehr(house).knows()
    first, second = message(NOW, start=NOW), message(NOW, start=NOW, number="8802")
    second = second[second.index(b"ORC|") :].replace(b"R5501", b"R5502").replace(b"8802^EHR", b"8802^EHR^1.2.3^ISO")
    assert ehr.send(first + second)[0][1] == "order 8801: version 1; order 8802: version 1"
    works = []
    for place, order in enumerate(ehr.orders(), 1):
        with house.db.write(house.who("pablo")) as tx:
            orders.verify(tx, order.version_id, house.proof("pablo"), "0" * 64)
        with house.db.read() as session:
            doses = [dose.id for dose in doses_of(session, order.version_id)][:2]
        for dose in doses:
            works.append(house.claim(dose, f"TRAY-0{place}"))
            while house.step(works[-1]):
                pass
            house.finish(works[-1])
            house.release(works[-1])
    told = [told_of(house, work_id) for work_id in works]
    assert [each.placer_parts[:2] for each in told] == [("8801", "EHR")] * 2 + [("8802", "EHR")] * 2
    assert [(each.prescription, each.counter) for each in told] == [
        ("R5501", 1), ("R5501", 2), ("R5502", 1), ("R5502", 2),
    ]  # fmt: skip
    assert told[2].placer_parts == ("8802", "EHR", "1.2.3", "ISO")


def test_after_a_merge_the_order_still_goes_back_under_its_own_number(house: Hospital) -> None:
    work_id, _ = released(house)
    mrg = "MRG|100245^^^GH^MR\r"
    Ehr(house).send(adt(NOW, "A40", id="A40", mrn="900001", extra=mrg, place=""))
    told = told_of(house, work_id)
    assert (told.placer_parts[:2], told.mrn, told.authority) == (("8801", "EHR"), "900001", "GH")


def test_a_refusal_is_a_persons_and_the_same_bytes_go_out_again(
    house: Hospital, running: Callable[..., Running], emar: Emar
) -> None:
    _, serial = released(house)
    emar.answers = lambda raw, n: [ack(raw, "AE", control_id="E", at=NOW, text="Unknown order", error=204)]
    running(dispense_to=f"127.0.0.1:{emar.port}")
    eventually(lambda: letter(house, serial).given_up_at)
    with house.db.read() as session:
        (trouble,) = sent_trouble(session)
    assert trouble.state == "refused" and "eMAR refused it (AE): Unknown order" in trouble.words
    emar.answers = lambda raw, n: [ack(raw, "AA", control_id="E", at=NOW)]
    with house.db.write(house.who("tina")) as tx, pytest.raises(Refused):
        send_again(tx, trouble.id)
    with house.db.write(house.who("pablo")) as tx:
        send_again(tx, trouble.id)
    eventually(lambda: letter(house, serial).confirmed_at)
    assert len(emar.heard) == 2 and emar.heard[0] == emar.heard[1]


def test_a_late_answer_to_another_message_is_not_taken_for_ours(
    house: Hospital, running: Callable[..., Running], emar: Emar, clock
) -> None:
    _, serial = released(house)
    other = message(NOW, id="SOMEBODY-ELSE")
    emar.answers = lambda raw, n: [ack(other, "AA", control_id="E", at=NOW)]
    running(dispense_to=f"127.0.0.1:{emar.port}", patience=0.3)
    eventually(lambda: (letter(house, serial).outcome or "").startswith("tried 1 times"))
    assert letter(house, serial).confirmed_at is None
    emar.answers = lambda raw, n: [
        ack(other, "AA", control_id="E", at=NOW),
        ack(raw, "AA", control_id="E", at=NOW),
    ]
    clock.forward(seconds=10)
    eventually(lambda: letter(house, serial).confirmed_at)
    assert len(set(emar.heard)) == 1, "a repeat is the same bytes with the same number"


def test_nobody_answering_is_tried_again_and_said_in_words(house: Hospital, running: Callable[..., Running]) -> None:
    _, serial = released(house)
    running(dispense_to="127.0.0.1:9")
    eventually(lambda: letter(house, serial).outcome)
    assert letter(house, serial).given_up_at is None and letter(house, serial).next_at is not None


def test_a_bag_withdrawn_before_emar_was_told_is_never_announced(
    house: Hospital, running: Callable[..., Running], emar: Emar
) -> None:
    work_id, serial = released(house)
    with house.db.write(house.who("pablo")) as tx:
        check_actions.withdraw(tx, work_id, house.proof("pablo"), "Particles", "Discarded in pharmaceutical waste")
    running(dispense_to=f"127.0.0.1:{emar.port}")
    eventually(lambda: letter(house, serial).given_up_at)
    assert emar.heard == []


def test_a_bag_withdrawn_after_emar_knows_it_is_on_the_worklist_until_the_ward_is_told(
    house: Hospital, running: Callable[..., Running], emar: Emar
) -> None:
    work_id, serial = released(house)
    running(dispense_to=f"127.0.0.1:{emar.port}")
    eventually(lambda: letter(house, serial).confirmed_at)
    with house.db.write(house.who("pablo")) as tx:
        check_actions.withdraw(tx, work_id, house.proof("pablo"), "Particles", "Discarded in pharmaceutical waste")
    with house.db.read() as session:
        (trouble,) = sent_trouble(session)
    assert trouble.state == "withdrawn" and "tell the ward" in trouble.words
    with house.db.write(house.who("pablo")) as tx:
        lay_aside(tx, trouble.id, "called 7 West, nurse Nina")
    with house.db.read() as session:
        assert sent_trouble(session) == []


def test_plain_text_is_heard_on_this_host_only_unless_it_is_said_out_loud() -> None:
    assert wire_of(Settings(mllp_host="127.0.0.1")) == ("127.0.0.1", None)
    assert wire_of(Settings(mllp_host="plain://10.1.2.3")) == ("10.1.2.3", None)
    with pytest.raises(Refused, match="without TLS"):
        wire_of(Settings(mllp_host="0.0.0.0"))
    with pytest.raises(Refused, match="write host:port"):
        receiver("emar")
