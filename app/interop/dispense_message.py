"""What we send: the dispense of one made dose (RDS^O13) and acknowledgements.

Sources: HL7 v2.5.1 chapters 2 (MSH, MSA, ERR, 2.9 acknowledgement modes), 4 (ORC) and 4A (RDS, RXD, RXC), tables
0357 and 0484; house interoperability notes on what we send.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal
from zoneinfo import ZoneInfo

from app.core.errors import Invalid
from app.core.quantity import Quantity
from app.interop.escapes import escape
from app.interop.hl7 import Header, Message, Segment, parse
from app.interop.values import Code, Location

AckCode = Literal["AA", "AE", "AR", "CA", "CE", "CR"]
_ECHO = 200
_ERRORS = {
    0: "Message accepted", 100: "Segment sequence error", 101: "Required field missing", 102: "Data type error",
    103: "Table value not found", 200: "Unsupported message type", 201: "Unsupported event code",
    202: "Unsupported processing id", 203: "Unsupported version id", 204: "Unknown key identifier",
    205: "Duplicate key identifier", 206: "Application record locked", 207: "Application internal error",
}  # fmt: skip
# UCUM names where they mean exactly ours. UCUM's "U" is the enzyme unit, so units go out under our own name.
_UCUM = {
    "mcg": "ug", "mg": "mg", "g": "g", "kg": "kg", "mcL": "uL", "mL": "mL", "L": "L", "mmol": "mmol",
    "mcmol": "umol", "mol": "mol", "mEq": "meq", "nanogram": "ng",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class UsedLot:
    """One lot of a product that went into the bag; what is not known is empty."""

    lot: str
    expiry: date | None = None
    manufacturer: str = ""
    ndc: str = ""
    gtin: str = ""
    serial: str = ""


@dataclass(frozen=True, slots=True)
class MadeComponent:
    """One component with its actual amount; `drawn` is the volume drawn, `weighed_g` the weighed difference in g."""

    kind: Literal["base", "additive"]
    product: Code
    amount: Quantity
    lots: tuple[UsedLot, ...] = ()
    drawn: Quantity | None = None
    weighed_g: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Actor:
    """A person as other systems know her: id, family and given name."""

    id: str
    family: str = ""
    given: str = ""


@dataclass(frozen=True, slots=True)
class Dispense:
    """The facts of one released dose. Instants are aware; `zone` (IANA) is the one they are written in.

    `placer_parts` is the sender's order number as it came; `dose_id` is ours; `barcode` is what the ward will scan.
    `amount` is what the bag holds of `drug`. `finished` tells a dose that is ready (CM) from one in work (IP).
    """

    control_id: str
    sent_at: datetime
    zone: str
    receiving_application: str
    receiving_facility: str
    placer_parts: tuple[str, ...]
    dose_id: str
    mrn: str
    authority: str
    family: str
    given: str
    birth: date | None
    sex: str
    drug: Code
    amount: Quantity
    dispensed_at: datetime
    beyond_use: datetime
    barcode: str
    csp_lot: str
    made_by: Actor
    verified_by: Actor
    components: tuple[MadeComponent, ...] = ()
    route: Code = Code()
    account: str = ""
    visit: str = ""
    patient_class: str = "I"
    location: Location = Location()
    form: Code = Code()
    prescription: str = ""
    counter: int = 1
    instructions: str = ""
    image_ids: tuple[str, ...] = ()
    sending_application: str = "LAMINAR"
    sending_facility: str = ""
    processing: Literal["P", "T"] = "P"
    finished: bool = True


def rds_o13(facts: Dispense) -> bytes:
    """Write the dispense message of one dose: MSH PID PV1 ORC RXE RXD RXR RXC* OBX*, in UTF-8, version 2.5.1.

    RXC has no lot: component lots stand as repetitions of RXD-18 to 20 in RXC order, and again in OBX whose OBX-4
    is the component's number (with several lots "1.1", "1.2"). The beyond-use time stands in an OBX of its own.
    """
    made, unit = _number(facts.amount.value), _unit(facts.amount.unit)
    at = _time(facts.dispensed_at, facts.zone)
    verifier = _person(facts.verified_by)
    prescription = facts.prescription or facts.dose_id
    lots = [lot for component in facts.components for lot in component.lots]
    segments = [
        _msh(facts),
        _segment(
            "PID", "1", "", _joined(facts.mrn, "", "", facts.authority, "MR"), "",
            _joined(facts.family, facts.given, "", "", "", "", "L"), "",
            f"{facts.birth:%Y%m%d}" if facts.birth else "", escape(facts.sex), *[""] * 9, escape(facts.account),
        ),
        _segment("PV1", "1", escape(facts.patient_class), _place(facts.location), *[""] * 15, escape(facts.visit)),
        _segment(
            "ORC", "RE", _joined(*facts.placer_parts), _joined(facts.dose_id, facts.sending_application), "",
            "CM" if facts.finished else "IP", "", "", "", at, _person(facts.made_by), verifier,
        ),
        _segment(
            "RXE", "", _coded(facts.drug), made, "", unit, _coded(facts.form), "", "", "", "1", "", "", "",
            verifier, escape(prescription),
        ),
        _segment(
            "RXD", str(facts.counter), _coded(facts.drug), at, made, unit, _coded(facts.form),
            escape(prescription), "", "", verifier, "", "", _place(facts.location), "",
            escape(facts.instructions), "", "", "~".join(escape(lot.lot) for lot in lots),
            "~".join(f"{lot.expiry:%Y%m%d}" if lot.expiry else "" for lot in lots),
            "~".join(_joined("", lot.manufacturer) if lot.manufacturer else "" for lot in lots),
            *[""] * 12, "N",
        ),
    ]  # fmt: skip
    if facts.route:
        segments.append(_segment("RXR", _coded(facts.route)))
    segments += [
        _segment(
            "RXC", "B" if component.kind == "base" else "A", _coded(component.product),
            _number(component.amount.value), _unit(component.amount.unit),
        )
        for component in facts.components
    ]  # fmt: skip
    segments += _observations(facts)
    return "".join(segment + "\r" for segment in segments).encode("utf-8")


def ack(
    received: Message | bytes, code: AckCode, *, control_id: str, at: datetime, text: str = "", error: int = 0
) -> bytes:
    """Write the acknowledgement of a message (parsed or raw): sender and receiver swapped, its MSH-10 in MSA-2.

    `control_id` is our own, `at` an aware instant, `error` a code of table 0357 and `text` a sentence without
    patient data, both for E and R only. Echoed fields are re-encoded with the usual separators and capped at 200
    characters. Raises Invalid when raw bytes hold no header.
    """
    message = received if isinstance(received, Message) else parse(received)
    msh = message.msh
    event = message.header.event
    version = _echo(msh, 12) or "2.5.1"
    failed = code[1] in "ER"
    old = bool(re.match(r"2\.[0-4]", version))
    head = "|".join(
        [
            r"MSH|^~\&", _echo(msh, 5) or "LAMINAR", _echo(msh, 6), _echo(msh, 3), _echo(msh, 4),
            at.strftime("%Y%m%d%H%M%S%z"), "", _capped(["ACK", event, "ACK"] if event else ["ACK"]),
            _capped([control_id]), _echo(msh, 11) or "P", version,
        ]
    )  # fmt: skip
    said = _segment("MSA", code, _capped([message.header.control_id]), _capped([text]) if failed and old else "")
    segments = [head, said]
    if failed and not old:
        meaning = _joined(str(error), _ERRORS.get(error, ""), "HL70357")
        segments.append(_segment("ERR", "", "", meaning, "E", "", "", "", _capped([text])))
    written = "\r".join(segments)
    if not written.isascii():
        segments[0] += "|" * 6 + "UNICODE UTF-8"
        written = "\r".join(segments)
    return f"{written}\r".encode()


def answer_code(header: Header, outcome: Literal["A", "E", "R"] = "A") -> AckCode:
    """AA, AE or AR; in enhanced mode (MSH-15 or MSH-16 filled) CA, CE or CR."""
    codes: dict[tuple[bool, str], AckCode] = {
        (False, "A"): "AA", (False, "E"): "AE", (False, "R"): "AR",
        (True, "A"): "CA", (True, "E"): "CE", (True, "R"): "CR",
    }  # fmt: skip
    return codes[bool(header.accept_condition or header.application_condition), outcome]


def salvaged_reject(raw: bytes, *, control_id: str, at: datetime) -> bytes | None:
    """An AR for bytes that are no message, if a header's control id can be read in them; else None."""
    found = re.search(rb"MSH[^A-Za-z0-9\s][^\r\n]*", raw)
    if not found:
        return None
    try:
        message = parse(found.group(0))
    except Invalid:
        return None
    if not message.header.control_id:
        return None
    text = "The message does not begin with an MSH segment."
    return ack(message, answer_code(message.header, "R"), control_id=control_id, at=at, text=text, error=100)


def _msh(facts: Dispense) -> str:
    parties = (
        facts.sending_application, facts.sending_facility, facts.receiving_application, facts.receiving_facility
    )  # fmt: skip
    return "|".join(
        [
            r"MSH|^~\&", *map(escape, parties), _time(facts.sent_at, facts.zone), "", "RDS^O13^RDS_O13",
            escape(facts.control_id), facts.processing, "2.5.1", "", "", "", "", "", "UNICODE UTF-8",
        ]
    )  # fmt: skip


def _observations(facts: Dispense) -> list[str]:
    rows: list[tuple[str, str, str, str, str]] = [
        ("TS", "BUD", "", _time(facts.beyond_use, facts.zone), ""),
        ("ST", "BARCODE", "", escape(facts.barcode), ""),
        ("ST", "CSP-LOT", "", escape(facts.csp_lot), ""),
        ("XCN", "VERIFIED-BY", "", _person(facts.verified_by), ""),
    ]
    for count, component in enumerate(facts.components, 1):
        many = len(component.lots) > 1
        for place, lot in enumerate(component.lots, 1):
            sub = f"{count}.{place}" if many else str(count)
            expiry = f"{lot.expiry:%Y%m%d}" if lot.expiry else ""
            rows += [
                ("ST", "LOT", sub, escape(lot.lot), ""), ("DT", "EXP", sub, expiry, ""),
                ("ST", "NDC", sub, escape(lot.ndc), ""), ("ST", "GTIN", sub, escape(lot.gtin), ""),
                ("ST", "SERIAL", sub, escape(lot.serial), ""),
            ]  # fmt: skip
        if component.drawn is not None:
            drawn = component.drawn
            rows.append(("NM", "VOLUME-DRAWN", str(count), _number(drawn.value), _unit(drawn.unit)))
        if component.weighed_g is not None:
            rows.append(("NM", "WEIGHT", str(count), _number(component.weighed_g), _unit("g")))
    rows += [("ST", "IMAGE-ID", "", escape(image), "") for image in facts.image_ids]
    return [
        _segment("OBX", str(at), kind, f"{code}^{code}^L", sub, value, unit, "", "", "", "", "F")
        for at, (kind, code, sub, value, unit) in enumerate((row for row in rows if row[3]), 1)
    ]


def _segment(*fields: str) -> str:
    return "|".join(fields).rstrip("|")


def _joined(*parts: str) -> str:
    return "^".join(escape(part) for part in parts).rstrip("^")


def _coded(code: Code) -> str:
    return _joined(code.code, code.text or code.name, code.system)


def _person(actor: Actor) -> str:
    return _joined(actor.id, actor.family, actor.given)


def _place(location: Location) -> str:
    return _joined(location.unit, location.room, location.bed, location.facility)


def _unit(unit: str) -> str:
    ucum = _UCUM.get(unit)
    return _joined(ucum, unit, "UCUM") if ucum else _joined(unit, unit)


def _number(value: Decimal) -> str:
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _time(at: datetime, zone: str) -> str:
    return at.astimezone(ZoneInfo(zone)).strftime("%Y%m%d%H%M%S%z")


def _echo(msh: Segment, field: int) -> str:
    repetition = next(iter(msh.repetitions(field)), "")
    mark = msh.delimiters.component
    parts = repetition.split(mark) if mark else [repetition]
    return _capped([msh.part(repetition, place, 0) for place in range(1, len(parts) + 1)])


def _capped(parts: Sequence[str]) -> str:
    """The components escaped and joined, cut at 200 characters, never inside an escape."""
    out: list[str] = []
    size = 0
    for place, part in enumerate(parts):
        pieces = (["^"] if place else []) + [escape(character) for character in part]
        for piece in pieces:
            if size + len(piece) > _ECHO:
                return "".join(out)
            out.append(piece)
            size += len(piece)
    return "".join(out).rstrip("^")
