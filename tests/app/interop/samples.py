"""Messages for the tests of the HL7 rooms: our own small ones, and the collected ones where they are at hand."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app.interop.mapping import Connection, Understood, read_message

OWN = Path(__file__).parent / "messages"
DATA = Path(os.environ.get("LAMINAR_DATA", Path(__file__).parents[4] / "shared" / "data")) / "hl7v2"
COLLECTED = sorted(DATA.glob("*/*.hl7"))
NO_DATA = "the collected HL7 messages are not here (LAMINAR_DATA names their folder)"
RECEIVED = datetime(2026, 12, 4, 20, 0, tzinfo=UTC)
HEAD = b"MSH|^~\\&|EHR|GENERAL|LAMINAR|PHARMACY|20261204090000-0600||RDE^O11|X1|P|2.5.1\r"
PID = b"PID|1||100245^^^GH^MR||Doe^Jane\r"


def connection(**changes: Any) -> Connection:
    return Connection(**({"name": "ehr", "zone": "America/Chicago"} | changes))


def own(name: str) -> bytes:
    return (OWN / f"{name}.hl7").read_bytes()


def read(raw: bytes, **changes: Any) -> tuple[Understood, ...]:
    return read_message(raw, connection=connection(**changes), received=RECEIVED)


def only(raw: bytes, **changes: Any) -> Any:
    (understood,) = read(raw, **changes)
    return understood


def order(*segments: bytes, head: bytes = HEAD, pid: bytes = PID) -> bytes:
    return head + pid + b"".join(segment + b"\r" for segment in segments)
