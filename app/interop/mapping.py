"""One frame of bytes to what it means: orders, ADT, messages that ask nothing, and exceptions with their reason.

Positions are read tolerantly and judged by our own list of required fields, never by the HL7 grammar; nothing is
guessed and nothing is dropped. Source: house interoperability notes on intake.
"""

import re
from collections.abc import Sequence
from datetime import datetime

from app.core.errors import Invalid
from app.interop.adt import read_adt
from app.interop.given import read_given
from app.interop.hl7 import Segment, batch_warnings, body, parse, split_frame
from app.interop.orders_in import read_orders, read_shared
from app.interop.stamps import sender_clock
from app.interop.understood import AdtMessage, OrderMessage, Other, Understood, Unmappable
from app.interop.values import Connection, Source

__all__ = ["AdtMessage", "Connection", "OrderMessage", "Other", "Understood", "Unmappable", "read_message"]

_ORDERS = frozenset({"RDE", "OMP", "ORM"})
_NOT_ORDERS = {
    "RGV": "It says what is to be given at the bedside; it orders nothing new.",
    "RDS": "It reports what another pharmacy system dispensed; it orders nothing.",
    "ORU": "It carries results; it orders nothing.",
    "ACK": "It acknowledges a message of ours.",
    "RRE": "It acknowledges an order.",
    "RRD": "It acknowledges a dispense.",
    "ORR": "It acknowledges an order.",
    "ORP": "It acknowledges an order.",
    "DFT": "It carries charges.",
}
_DRUG_SEGMENTS = frozenset({"RXE", "RXO", "RXC", "RXR"})


def read_message(raw: bytes, *, connection: Connection, received: datetime) -> tuple[Understood, ...]:
    """Read a frame: one value for every ADT message, order group, ignored message or exception in it, in order.

    `received` is an aware instant. Never raises for any bytes; what cannot be read is an Unmappable in words,
    with the bytes to mark as offsets in `raw`.
    """
    results: list[Understood] = []
    offset = 0
    for piece in split_frame(raw):
        results += _read_one(piece, offset, connection, received)
        offset += len(piece)
    results += _batch_counts(raw)
    return tuple(results)


def _read_one(piece: bytes, offset: int, connection: Connection, received: datetime) -> list[Understood]:
    try:
        message = parse(piece, connection.charset, offset)
    except Invalid as invalid:
        return [Unmappable(str(invalid), "MSH", (offset, offset + len(piece)))]
    warnings = list(message.warnings)
    header = message.header
    clock, sent = sender_clock(header.time, connection, received, warnings)
    source = Source(
        header.sending_application, header.sending_facility, header.control_id, header.kind, header.event, sent,
        header.version, header.processing, message.charset,
    )  # fmt: skip
    results: list[Understood] = [
        Unmappable(remark, "MSH", message.segments[0].span(), source) for remark in batch_warnings(message)
    ]
    segments = body(message)
    kind = header.kind
    if connection.processing is not None and header.processing not in connection.processing:
        why = f"MSH-11 is '{header.processing}': a test message on a connection that takes real ones only."
        return [*results, Other(source, kind, why, alert=True)]
    if kind == "RDE" and header.event == "O25":
        return [*results, Other(source, "RDE O25", "It asks for a refill authorization; it orders nothing.")]
    if kind in _NOT_ORDERS:
        return [*results, Other(source, f"{kind} {header.event}".strip(), _NOT_ORDERS[kind])]
    if kind == "RAS":
        return [*results, *read_given(segments, connection, source, clock, warnings)]
    carries_drugs = any(segment.name in _DRUG_SEGMENTS for segment in segments)
    if kind not in _ORDERS and kind != "ADT":
        if carries_drugs or not kind:
            said = f"'{header.kind}' is not a message type that we read" if kind else "MSH-9 names no message type"
            return [*results, Unmappable(f"{said}: ask the sender.", "MSH-9", message.msh.span(9), source)]
        return [*results, Other(source, f"{kind} {header.event}".strip(), "It is not a message that we use.")]
    fault = _fault(segments, kind)
    if fault:
        reason, where, span = fault
        return [*results, Unmappable(reason, where, span, source, warnings=tuple(dict.fromkeys(warnings)))]
    if kind == "ADT":
        return [*results, read_adt(segments, connection, source, clock, warnings)]
    return [*results, *read_orders(segments, read_shared(segments, connection, source, clock, warnings))]


def _fault(segments: Sequence[Segment], kind: str) -> tuple[str, str, tuple[int, int]] | None:
    """What makes a whole message unusable, whoever it is about: reason, place, bytes."""
    for segment in segments[1:]:
        if segment.text.startswith("MSH"):
            return (
                "A second message with other separators begins inside this one: neither was read. Ask the sender.",
                "MSH", segment.span(),
            )  # fmt: skip
    orders = kind in _ORDERS
    first = next((at for at, segment in enumerate(segments) if segment.name == "ORC"), None)
    head = segments if first is None or not orders else segments[:first]
    before = ""
    for segment in head:
        if not segment.name and before != "NTE":
            return (
                f"The line '{segment.text[:40]}' is no segment: the message was broken on its way.",
                before or "MSH", segment.span(),
            )  # fmt: skip
        before = segment.name or before
    if not orders:
        return None
    pids = [segment for segment in segments if segment.name == "PID"]
    if len({pid.text for pid in pids}) > 1:
        return (
            "The message is about two patients: it is not certain whose order this is. Ask the sender.",
            "PID", pids[1].span(),
        )  # fmt: skip
    if first is None:
        return ("The message holds no order (no ORC segment).", "ORC", segments[0].span())
    loose = next((segment for segment in segments[:first] if segment.name in _DRUG_SEGMENTS), None)
    if loose:
        return (f"{loose.name} stands before any order: it belongs to none.", loose.name, loose.span())
    return None


def _batch_counts(raw: bytes) -> list[Unmappable]:
    """An exception for each batch whose trailer (BTS-1) counts other messages than were found in it."""
    found: list[Unmappable] = []
    held = 0
    for match in re.finditer(rb"(?:^|[\r\n])(MSH|BHS|BTS[^A-Za-z0-9\r\n](\d{1,9}))", raw):
        said = match.group(2)
        if match.group(1) == b"MSH":
            held += 1
            continue
        if said and int(said) != held:
            reason = f"The batch says that it holds {int(said)} messages, but {held} were found."
            found.append(Unmappable(f"{reason} Ask the sender for the rest.", "BTS-1", match.span(2)))
        held = 0
    return found
