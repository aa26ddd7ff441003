"""Messages of one order and the acts that a listener does with them, for tests without a socket."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from app import demo
from app.formulary.actions import map_code
from app.formulary.queries import drug_by_code
from app.interop.actions import apply_waiting
from app.interop.hl7 import split_frame
from app.interop.models import Message
from app.interop.store_actions import Stored, store
from app.interop.values import Connection
from app.orders.facts import OrderFacts
from app.orders.models import Order, OrderVersion
from app.orders.queries import order_facts
from tests.hospital import Hospital

EHR = Connection("EHR", demo.ZONE, processing=frozenset({"P", ""}))
CODES = (("11124", "vancomycin", "vancomycin"), ("313002", "sodium chloride 0.9 %", "nacl-0.9"))


def hl7_time(at: datetime) -> str:
    return at.astimezone(ZoneInfo(demo.ZONE)).strftime("%Y%m%d%H%M%S%z")


def message(
    at: datetime, control: str = "NW", *, id: str = "C1", number: str = "8801", mrn: str = "100245",
    said: datetime | None = None, name: str = "Doe^Jane", dose: str = "1000", frequency: str = "Q12H",
    route: str = "IV^Intravenous", extra: str = "", start: datetime | None = None, processing: str = "P",
    priority: str = "R", patient: str = "19700412|F",
) -> bytes:  # fmt: skip
    """An order message sent at `at` about something that happened at `said` (the same if not given)."""
    happened = said or at
    head = (
        f"MSH|^~\\&|EHR|GENERAL|LAMINAR|PHARMACY|{hl7_time(at)}||RDE^O11^RDE_O11|{id}|{processing}|2.5.1\r"
        f"PID|1||{mrn}^^^GH^MR||{name}||{patient}\r"
        "PV1|1|I|7W^14^B||||||||||||||||V5501\r"
    )
    orc = f"ORC|{control}|{number}^EHR|R5501^RX||||||{hl7_time(happened)}\r"
    if control not in ("NW", "XO", "RO"):
        return (head + orc + extra).encode()
    return (
        f"{head}AL1|1|DA|70618^Penicillin^RXNORM|SV|Hives\r{orc}"
        f"RXE||11124^vancomycin^RXNORM|{dose}||mg||||||||||||||||||125|mL/hr\r"
        f"TQ1|1||{frequency}||||{hl7_time(start or happened)}||{priority}\r"
        f"RXR|{route}\r"
        "RXC|B|313002^sodium chloride 0.9 %^RXNORM|250|mL\r"
        f"RXC|A|11124^vancomycin^RXNORM|{dose}|mg\r"
        f"OBX|1|NM|29463-7^Body weight^LN||81.5|kg|||||F|||{hl7_time(at)}\r{extra}"
    ).encode()


def adt(
    at: datetime, event: str, *, id: str = "A1", mrn: str = "100245", name: str = "Doe^Jane", place: str = "7W^14^B",
    extra: str = "", birth: str = "19700412",
) -> bytes:  # fmt: skip
    """A message about a patient."""
    return (
        f"MSH|^~\\&|EHR|GENERAL|LAMINAR|PHARMACY|{hl7_time(at)}||ADT^{event}|{id}|P|2.5.1\r"
        f"EVN|{event}|{hl7_time(at)}\rPID|1||{mrn}^^^GH^MR||{name}||{birth}|F\r"
        f"PV1|1|I|{place}||||||||||||||||V5501\r{extra}"
    ).encode()


@dataclass
class Ehr:
    """One sender: what it sends is stored and, unless told otherwise, applied."""

    house: Hospital
    connection: Connection = EHR

    def knows(self) -> "Ehr":
        """Have a pharmacist decide what this sender's codes mean."""
        with self.house.db.write(self.house.who("pablo")) as tx:
            for code, text, drug in CODES:
                found = drug_by_code(tx.session, drug)
                assert found is not None
                map_code(tx, "EHR", code, text, found.drug_id)
        return self

    def store(self, raw: bytes) -> Stored:
        return store(self.house.db, self.connection, raw)

    def send(self, *raws: bytes) -> list[tuple[str, str]]:
        """Send messages one after the other, each applied; their outcomes and reasons."""
        numbers = [self.store(piece).message_id for raw in raws for piece in split_frame(raw)]
        apply_waiting(self.house.db, self.connection)
        return [self.outcome(number or 0) for number in numbers]

    def outcome(self, message_id: int) -> tuple[str, str]:
        with self.house.db.read() as session:
            found = session.get_one(Message, message_id)
            return found.outcome, found.reason or ""

    def orders(self) -> list[OrderFacts]:
        """The newest version of every order."""
        with self.house.db.read() as session:
            newest = (Order.id == OrderVersion.order_id) & (Order.newest == OrderVersion.number)
            query = select(OrderVersion.id).join(Order, newest).order_by(OrderVersion.order_id)
            return [order_facts(session, number) for number in session.scalars(query)]

    def count(self, table: type) -> int:
        with self.house.db.read() as session:
            return session.scalar(select(func.count()).select_from(table)) or 0
