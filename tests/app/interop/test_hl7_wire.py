"""HL7 over TCP on loopback: frames, order, answers only after the store, faults, and the sender."""

import asyncio
import ssl
import threading
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from app.interop.dispense_message import ack, answer_code
from app.interop.frames import Frames, TooLarge
from app.interop.hl7 import frame_key, parse
from app.interop.mllp import Answer, Line, send, serve
from tests.app.interop.samples import COLLECTED, NO_DATA, connection, own, read
from tests.own_loop import alone

NOW = datetime(2026, 12, 4, 20, 10, tzinfo=UTC)


class Shelf:
    """A store in memory that keeps what a database would: raw bytes, and the answer given under a frame's key."""

    def __init__(self, full_after: int | None = None):
        self.kept: list[bytes] = []
        self.answers: dict[tuple[str, ...], Answer] = {}
        self.full_after = full_after
        self.threads: set[str] = set()

    def __call__(self, raw: bytes, peer: str) -> Answer:
        self.threads.add(threading.current_thread().name)
        key = frame_key("ehr", raw)
        if key in self.answers:
            return self.answers[key]
        if self.full_after is not None and len(self.kept) >= self.full_after:
            raise OSError("no space left on device")
        message = parse(raw)
        self.kept.append(raw)
        number = f"L{len(self.kept)}"
        self.answers[key] = Answer(ack(message, answer_code(message.header), control_id=number, at=NOW))
        return self.answers[key]


def run(scene, store=None, **options):
    """Play a scene against a listener; returns the store and the alarms it raised."""
    shelf = store or Shelf()
    alarms: list[str] = []

    async def play():
        listener = await serve(
            "127.0.0.1", 0, shelf, connection(), now=lambda: NOW,
            alarm=lambda peer, sentence: alarms.append(sentence), **options,
        )  # fmt: skip
        try:
            async with asyncio.timeout(20):
                await scene(listener.port)
        finally:
            await listener.close()

    alone(play())
    return shelf, alarms


def frame(raw: bytes) -> bytes:
    return b"\x0b" + raw + b"\x1c\r"


async def talk(port: int, *pieces: bytes, answers: int, pause: float = 0) -> list[bytes]:
    """Write the pieces, then read that many answers and whether the connection was closed after them."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
        if pause:
            await asyncio.sleep(pause)
    found = [await reader.readuntil(b"\x1c\r") for _ in range(answers)]
    writer.close()
    return [parse(raw).segments[1].get(2, 0) + parse(raw).segments[1].get(1) for raw in found]


async def closed_without_answer(port: int, *pieces: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for piece in pieces:
        writer.write(piece)
    assert await reader.read() == b""
    writer.close()


FRAMINGS = [b"\x0b%b\x1c\r", b"\x0b\x0b%b\x1c\r\x1c\r", b"\r\n \x0b%b\x1c", b"noise\x0b%b\x1c\r\n"]
A, B = own("vancomycin-new"), own("potassium-new")


@given(st.lists(st.sampled_from([A, B, b"MSH|^~\\&|x"]), max_size=5), st.lists(st.integers(1, 400), max_size=30),
       st.sampled_from(FRAMINGS))  # fmt: skip
def test_frames_are_the_same_however_the_network_cuts_them(messages, cuts, framing):
    stream = b"".join(framing % message for message in messages)
    frames, found, at = Frames(), [], 0
    for size in [*cuts, len(stream)]:
        found += frames.feed(stream[at : at + size])
        at += size
    assert found == messages and not frames.partial and frames.torn == 0


def test_a_message_that_the_next_one_tears_is_dropped_and_never_half_read():
    frames = Frames()
    assert frames.feed(b"\x0b" + A[:200] + frame(B)) == [B]
    assert frames.torn == 1


def test_a_frame_without_its_first_byte_is_taken_only_where_that_is_agreed():
    assert Frames().feed(A + b"\x1c\r") == []
    bare = Frames(bare=True)
    assert bare.feed(b"\r\nM") + bare.feed(A[1:] + b"\x1c\r" + frame(B)) == [A, B]


def test_a_frame_without_end_stops_at_the_limit():
    frames = Frames(limit=1000)
    assert frames.feed(b"\x0b" + b"x" * 900) == []
    with pytest.raises(TooLarge):
        frames.feed(b"x" * 200)
    with pytest.raises(TooLarge):
        Frames(limit=10).feed(frame(b"x" * 11))


def test_messages_are_stored_byte_exact_in_order_and_each_is_answered():
    async def scene(port):
        assert await talk(port, frame(A) + frame(B) + frame(own("transfer")), answers=3) == [
            "C000001AA", "C000003AA", "A000001AA"
        ]  # fmt: skip

    shelf, alarms = run(scene)
    assert shelf.kept == [A, B, own("transfer")] and alarms == [] and len(shelf.threads) == 1


def test_several_messages_in_one_frame_are_stored_and_answered_one_by_one():
    async def scene(port):
        assert await talk(port, frame(A + B), answers=2) == ["C000001AA", "C000003AA"]

    assert run(scene)[0].kept == [A, B]


def test_a_repeated_message_gets_the_stored_answer_and_is_not_kept_twice():
    async def scene(port):
        for _ in range(100):
            assert await talk(port, frame(A), answers=1) == ["C000001AA"]
        assert await talk(port, frame(A.replace(b"1,000", b"1,250")), answers=1) == ["C000001AA"]

    assert len(run(scene)[0].kept) == 2


def test_one_byte_at_a_time_and_any_line_end_is_still_one_message():
    lines = own("vancomycin-stop").replace(b"\r", b"\r\n")

    async def scene(port):
        assert await talk(port, *[bytes([b]) for b in frame(lines)], answers=1) == ["C000002AA"]

    assert run(scene)[0].kept == [lines]


def test_a_store_that_fails_gives_no_answer_and_the_sender_keeps_its_message():
    shelf = Shelf(full_after=1)

    async def scene(port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(frame(A) + frame(B) + frame(own("transfer")))
        assert (await reader.read()).count(b"MSA|AA|") == 1
        writer.close()
        shelf.full_after = None
        assert await talk(port, frame(B), answers=1) == ["C000003AA"]

    _, alarms = run(scene, shelf)
    assert shelf.kept == [A, B] and "its sender keeps it" in alarms[0]


def test_a_coroutine_may_be_the_store():
    kept = []

    async def store(raw, peer):
        kept.append((raw, peer))
        return Answer(ack(raw, "AA", control_id="L1", at=NOW))

    async def scene(port):
        assert await talk(port, frame(A), answers=1) == ["C000001AA"]

    run(scene, store)
    assert kept == [(A, "127.0.0.1")]


def test_a_frame_without_header_is_rejected_by_its_id_or_closed():
    async def scene(port):
        assert await talk(port, frame(b"junk " + A), answers=1) == ["C000001AR"]
        await closed_without_answer(port, frame(b"PID|1||2"))
        assert await talk(port, frame(b"  \r\n") + frame(A), answers=1) == ["C000001AA"]

    shelf, alarms = run(scene)
    assert shelf.kept == [A] and len(alarms) == 2


def test_an_oversized_message_closes_the_connection_and_the_next_one_is_fine():
    async def scene(port):
        await closed_without_answer(port, b"\x0b" + A + b"NTE|1||" + b"x" * 4000)
        assert await talk(port, frame(A), answers=1) == ["C000001AA"]

    shelf, alarms = run(scene, limit=4000)
    assert shelf.kept == [A] and "4,000 bytes" in alarms[0]


def test_an_unfinished_message_is_never_stored_and_the_line_does_not_wait_for_ever():
    async def scene(port):
        await closed_without_answer(port, b"\x0b" + A[:300])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"\x0b" + A[:-1])
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        assert await talk(port, frame(B), answers=1) == ["C000003AA"]

    shelf, alarms = run(scene, partial_seconds=0.2)
    assert shelf.kept == [B] and any("unfinished" in alarm for alarm in alarms)


def test_an_idle_line_stays_open():
    async def scene(port):
        assert await talk(port, frame(A), b"\r\n", frame(B), answers=2, pause=0.3) == ["C000001AA", "C000003AA"]

    run(scene, partial_seconds=0.1)


def test_only_as_many_connections_as_agreed_and_only_from_known_addresses():
    async def scene(port):
        first = await asyncio.open_connection("127.0.0.1", port)
        first[1].write(frame(A))
        await first[0].readuntil(b"\x1c\r")
        await closed_without_answer(port)
        first[1].close()

    assert "More than 1 connections" in run(scene, most_connections=1)[1][0]

    async def stranger(port):
        await closed_without_answer(port)

    assert "not on the list" in run(stranger, peers={"192.0.2.1"})[1][0]


def test_release_2_commits_before_it_answers():
    async def scene(port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(frame(A))
        assert await reader.readexactly(4) == b"\x0b\x06\x1c\r"
        assert b"MSA|AA|" in await reader.readuntil(b"\x1c\r")
        writer.close()

    run(scene, release_2=True)


def receiver(*answers):
    """A receiver that answers each message with the next of the given byte strings (None: not at all)."""
    seen: list[bytes] = []
    queue = list(answers)

    async def accept(reader, writer):
        frames = Frames()
        try:
            while received := await reader.read(1 << 16):
                for raw in frames.feed(received):
                    seen.append(raw)
                    reply = queue.pop(0) if queue else None
                    if reply == b"close":
                        return
                    if reply:
                        writer.write(reply)
        finally:
            writer.close()

    return accept, seen


def sending(*answers, times: int = 1, timeout: float = 5):
    async def play():
        accept, seen = receiver(*answers)
        server = await asyncio.start_server(accept, "127.0.0.1", 0)
        line = Line("127.0.0.1", server.sockets[0].getsockname()[1])
        found = [await line.send(A, timeout) for _ in range(times)]
        await line.close()
        server.close()
        return found, seen

    return alone(play())


def reply(code: str, raw: bytes = A) -> bytes:
    return frame(ack(raw, code, control_id="R1", at=NOW, text="Order is unknown.", error=204))


@pytest.mark.parametrize(("code", "outcome"), [("AA", "delivered"), ("CA", "delivered"), ("AE", "refused"),
                                               ("AR", "refused"), ("CR", "refused"), ("CE", "again")])  # fmt: skip
def test_the_sender_tells_delivered_from_refused_from_to_be_sent_again(code, outcome):
    (found,), seen = sending(reply(code))
    assert (found.outcome, found.code, seen) == (outcome, code, [A])
    assert found.text == ("Order is unknown." if outcome != "delivered" else "")


def test_a_late_answer_to_another_message_is_never_taken_for_ours():
    (found,), _ = sending(reply("AA", B) + frame(b"junk") + b"\x0b\x06\x1c\r" + reply("AE"))
    assert (found.outcome, found.code) == ("refused", "AE")
    (silent,), _ = sending(reply("AA", B), timeout=0.3)
    assert (silent.outcome, silent.code) == ("again", "time-out")


def test_after_a_time_out_or_a_closed_line_the_same_bytes_go_out_again():
    found, seen = sending(None, b"close", reply("AA"), times=3, timeout=0.3)
    assert [(f.outcome, f.code) for f in found] == [("again", "time-out"), ("again", "closed"), ("delivered", "AA")]
    assert seen == [A, A, A]


def test_a_receiver_that_is_not_there_is_said_so():
    async def play():
        server = await asyncio.start_server(lambda r, w: None, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        server.close()
        await server.wait_closed()
        return await send("127.0.0.1", port, A, 2)

    found = alone(play())
    assert (found.outcome, found.code) == ("again", "unreachable")


def test_a_transport_level_refusal_means_send_again():
    (found,), _ = sending(b"\x0b\x15\x1c\r")
    assert (found.outcome, found.code) == ("again", "not committed")


def test_our_sender_and_our_listener_understand_each_other_over_tls(tmp_path):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    begin = datetime.now(UTC) - timedelta(hours=1)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(begin).not_valid_after(begin + timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), False)
        .add_extension(x509.BasicConstraints(True, None), True).sign(key, hashes.SHA256())
    )  # fmt: skip
    pem = tmp_path / "host.pem"
    pem.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pem)
    client = ssl.create_default_context(cafile=str(pem))

    async def scene(port):
        line = Line("localhost", port, client)
        assert [(await line.send(raw)).code for raw in (A, B)] == ["AA", "AA"]
        await line.close()
        assert (await send("localhost", port, A, 5, tls=ssl.create_default_context())).outcome == "again"

    assert run(scene, tls=server)[0].kept == [A, B]


@pytest.mark.skipif(not COLLECTED, reason=NO_DATA)
def test_every_collected_message_is_stored_byte_exact_and_accepted_over_the_wire():
    async def scene(port):
        line = Line("127.0.0.1", port)
        for path in COLLECTED:
            raw = path.read_bytes()
            if not parse(raw).header.control_id:
                continue
            found = await line.send(raw)
            assert (found.outcome, found.code) == ("delivered", answer_code(parse(raw).header)), path.name
        await line.close()

    shelf, alarms = run(scene)
    sent = {path.read_bytes() for path in COLLECTED if parse(path.read_bytes()).header.control_id}
    assert set(shelf.kept) == sent and alarms == []
    by_key = {order.key: order for raw in shelf.kept for order in read(raw) if hasattr(order, "key")}
    assert by_key["1163422591^EPC"].drug.original.startswith("niCARdipine")
    cancel = by_key["31320845^HNAM_ORDERID"]
    assert (cancel.control, cancel.reason, cancel.patient.mrn) == ("cancel", "Course completed", "1516070")
