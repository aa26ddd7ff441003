"""HL7 orders over MLLP to the served product: how many a second are durable before their AA."""

import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from app.db.session import Db, Who
from app.formulary.actions import map_code
from app.formulary.queries import drug_by_code
from app.interop.frames import CR, END, START
from app.interop.queries import counts
from tests.benchmarks.results import Limit, Row, spread

A_SECOND = 300.0
PATIENCE = 30.0
CODES = (("11124", "vancomycin", "vancomycin"), ("313002", "sodium chloride 0.9 %", "nacl-0.9"))


def knows(db: Db, petra: Who) -> None:
    """Have a pharmacist decide what the sender's codes mean, so that its orders are applied."""
    with db.write(petra) as tx:
        for code, text, drug in CODES:
            found = drug_by_code(tx.session, drug)
            assert found is not None
            map_code(tx, "EHR", code, text, found.drug_id)


def order(identity: str, at: datetime) -> bytes:
    """A new order for vancomycin as an electronic health record sends it, marked as a test message."""
    when = at.strftime("%Y%m%d%H%M%S+0000")
    segments = (
        f"MSH|^~\\&|EHR|GENERAL|LAMINAR|PHARMACY|{when}||RDE^O11^RDE_O11|{identity}|T|2.5.1",
        "PID|1||700101^^^GH^MR||Ångström^Zoë||19610203|F",
        "PV1|1|I|7W^12^A||||||||||||||||V9001",
        "AL1|1|DA|70618^Penicillin^RXNORM|SV|Hives",
        f"ORC|NW|{identity}^EHR|R{identity}^RX||||||{when}",
        "RXE||11124^vancomycin^RXNORM|1000||mg||||||||||||||||||125|mL/hr",
        f"TQ1|1||Q12H||||{when}||R",
        "RXR|IV^Intravenous",
        "RXC|B|313002^sodium chloride 0.9 %^RXNORM|250|mL",
        "RXC|A|11124^vancomycin^RXNORM|1000|mg",
        f"OBX|1|NM|29463-7^Body weight^LN||71.5|kg|||||F|||{when}",
    )
    return "".join(segment + "\r" for segment in segments).encode("utf-8")


def send(port: int, connections: int, each: int, name: str, most_s: float) -> tuple[list[float], float]:
    """Send `each` messages over every connection, one in flight on each.

    After `most_s` seconds nothing more is sent. Returns the seconds from the first byte of each message to the last
    of its AA, and messages a second in all.
    Raises RuntimeError for any other answer.
    """
    seconds: list[float] = []
    faults: list[Exception] = []
    line = threading.Barrier(connections + 1)
    until = time.perf_counter() + most_s

    def talk(number: int) -> None:
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as wire:
            wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            line.wait()
            try:
                for count in range(each):
                    if time.perf_counter() > until:
                        return
                    seconds.append(_exchange(wire, f"{name}{number}-{count}"))
            except Exception as fault:  # noqa: BLE001 - it is raised again where the measurement is asked for
                faults.append(fault)

    threads = [threading.Thread(target=talk, args=(number,)) for number in range(connections)]
    for thread in threads:
        thread.start()
    line.wait()
    begun = time.perf_counter()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - begun
    if faults:
        raise faults[0]
    return seconds, len(seconds) / took


def _exchange(wire: socket.socket, identity: str) -> float:
    frame = START + order(identity, datetime.now(UTC)) + END + CR
    begun = time.perf_counter()
    wire.sendall(frame)
    heard = b""
    while not heard.endswith(END + CR):
        received = wire.recv(1 << 16)
        if not received:
            raise RuntimeError(f"The listener closed the connection at message {identity}.")
        heard += received
    took = time.perf_counter() - begun
    if b"MSA|AA|" + identity.encode("ascii") not in heard:
        raise RuntimeError(f"Message {identity} was answered: {heard!r}")
    return took


@dataclass(frozen=True)
class Applied:
    """What became of the messages, and how many seconds after the last AA; None: not within the time given."""

    seconds: float | None
    outcomes: dict[str, int]


def applied_after(db: Db, limit: float) -> Applied:
    """Wait until no message waits to be applied, at most `limit` seconds."""
    begun = time.perf_counter()
    while True:
        with db.read() as session:
            found = counts(session)
        took = time.perf_counter() - begun
        if not found.get("waiting"):
            return Applied(took, found)
        if took > limit:
            return Applied(None, found)
        time.sleep(0.1)


def rows(database: str, found: Sequence[tuple[int, list[float], float]], applied: Applied) -> list[Row]:
    """The lines: one for each number of connections, and when the last of the orders stood in the queue."""
    lines = []
    for connections, seconds, rate in found:
        what = f"HL7 order durable before its AA, {connections} connection{'s' if connections > 1 else ''}, {database}"
        lines.append(Row(what, spread(seconds), limit=Limit("", rate, A_SECOND, "/s", least=True)))
    said = f"{applied.seconds:.1f} s after the last AA" if applied.seconds is not None else "some still wait"
    outcomes = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(applied.outcomes.items()))
    return [*lines, Row(f"HL7 orders applied, {database}", figure=f"{said} ({outcomes})")]
