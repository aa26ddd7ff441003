"""The orders of the pretend hospital's day, and the electronic record that sends them as HL7."""

import itertools
import socket
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from app import demo
from app.formulary.actions import map_code
from app.formulary.queries import drug_by_code

SENDER = "EHR"
PATIENCE_S = 10


@dataclass(frozen=True)
class DayOrder:
    """One order of the day: amounts by drug code, the base with its volume in mL, which patient, how urgent."""

    drugs: dict[str, tuple[str, str]]
    base: tuple[str, str]
    patient: int
    priority: str

    @property
    def frequency(self) -> str:
        """A STAT dose is given once."""
        return "ONCE" if self.priority == "STAT" else "Q12H"


DAY = (
    DayOrder(demo.VANCOMYCIN, demo.SALINE_250, 0, "STAT"),
    DayOrder({"potassium-chloride": ("40", "mEq")}, demo.SALINE_1000, 1, "routine"),
    DayOrder({"vancomycin": ("750", "mg")}, demo.SALINE_250, 2, "routine"),
    DayOrder({"potassium-chloride": ("20", "mEq"), "magnesium-sulfate": ("2", "g")}, demo.SALINE_1000, 1, "routine"),
)
# What the pretend electronic record calls our drugs (RxNorm numbers), as a pharmacist has mapped them.
CODES = {
    "vancomycin": "11124",
    "potassium-chloride": "8591",
    "magnesium-sulfate": "6585",
    "nacl-0.9": "313002",
}


def map_codes(tx: Any) -> None:
    """Note what the sender's drug codes mean, as a pharmacist decides once."""
    for ours, theirs in CODES.items():
        drug = drug_by_code(tx.session, ours)
        assert drug is not None
        map_code(tx, SENDER, theirs, drug.name, drug.drug_id)


def message(each: DayOrder, names: dict[str, str], number: str, due: datetime, now: datetime) -> bytes:
    """The order as `RDE^O11`, version 2.5.1, in the bytes that go over the line."""
    patient = demo.PATIENTS[each.patient]
    visit, unit, room, bed = demo.PLACES[each.patient]
    local_now, local_due = (f"{demo.local(at):%Y%m%d%H%M%S%z}" for at in (now, due))
    born = f"{patient.born:%Y%m%d}" if patient.born else ""

    def coded(code: str) -> str:
        return f"{CODES[code]}^{names[code]}^RXNORM"

    first, (amount, unit_of) = next(iter(each.drugs.items()))
    urgent = "S^STAT^HL70485" if each.priority == "STAT" else "R^Routine^HL70485"
    lines = [
        f"MSH|^~\\&|{SENDER}|GENERAL|LAMINAR|PHARMACY|{local_now}||RDE^O11^RDE_O11|M{number}|P|2.5.1"
        "|||||||UNICODE UTF-8",
        f"PID|1||{patient.mrn}^^^GH^MR||{patient.family}^{patient.given}||{born}|{patient.sex}",
        f"PV1|1|I|{unit}^{room}^{bed}^GENERAL||||||||||||||||{visit}",
        *(f"AL1|{n}|DA|^{what}||{how or ''}" for n, (what, how) in enumerate(patient.allergies or (), start=1)),
        f"ORC|NW|{number}^{SENDER}|R{number}^RX||||||{local_now}",
        f"RXE||{coded(first)}|{amount}||{unit_of}|||||||||{number}",
        f"TQ1|1||{each.frequency}||||{local_due}||{urgent}||||120^min",
        "RXR|IV^Intravenous",
        f"RXC|B|{coded(each.base[0])}|{each.base[1]}|mL",
        *(f"RXC|A|{coded(code)}|{value}|{measure}" for code, (value, measure) in each.drugs.items()),
    ]
    if patient.weight_kg is not None:
        lines.append(f"OBX|1|NM|29463-7^Body weight^LN||{patient.weight_kg}|kg|||||F|||{local_now}")
    return ("\r".join(lines) + "\r").encode("utf-8")


def send(port: int, raw: bytes) -> str:
    """Send one message over MLLP on this host; the code of its acknowledgement (MSA-1). Raises OSError."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as line:
        line.sendall(b"\x0b" + raw + b"\x1c\r")
        heard = b""
        while not heard.endswith(b"\x1c\r"):
            more = line.recv(4096)
            if not more:
                raise ConnectionResetError("the line was closed before an answer came")
            heard += more
    found = next((part for part in heard.split(b"\r") if part.startswith(b"MSA|")), b"MSA||")
    return found.split(b"|")[1].decode("ascii", "replace")


def arriving(port: Callable[[], int | None], names: dict[str, str], clock: Callable[[], datetime]) -> Callable[[], str]:
    """`arriving(…)()`: one more order comes in as an HL7 message over the real port; says what was answered."""
    numbers = itertools.count(1)

    def arrive() -> str:
        to, now, nth = port(), clock(), next(numbers)
        if to is None:
            return "Nothing listens for orders now."
        each = DAY[(nth - 1) % len(DAY)]
        due = (now + timedelta(minutes=60)).replace(second=0, microsecond=0)
        code = send(to, message(each, names, f"RX{now:%y%m%d%H%M%S}{nth:02}", due, now))
        family = demo.PATIENTS[each.patient].family
        return f"An order for {family} was sent over port {to} and answered {code}. Verify it at the desk."

    return arrive
