"""Who the patient is, where she lies, what she is allergic to and what she weighs, as a message says it.

Sources: HL7 v2.5.1 chapter 3 (PID, PV1, AL1, IAM, MRG) and 7 (OBX), tables 0203, 0127, 0206; LOINC for weight
and height.
"""

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Literal

from app.core.errors import Invalid
from app.interop.amounts import Unreadable, read_code, read_number
from app.interop.hl7 import Segment
from app.interop.stamps import SenderClock, read_birth, read_stamp
from app.interop.values import Allergies, Allergy, Connection, Location, Measurement, Number, Patient

_RECORD = frozenset({"MR", "MRN"})
# Kinds that are never a hospital's medical record number: insurance, national, licence, account, visit, staff.
_NEVER = frozenset(
    "SS SN DL AN ANON VN VS NH NHS NI NNUSA PPN MA MC BC MB EI EN PRN DN NPI HC JHN TAX CC BR ACSN".split()
)
_NONE_KNOWN = re.compile(r"NKA|NKDA|NKFA|NO KNOWN (DRUG |MEDICATION |FOOD )?ALLERG(Y|IES)|NONE KNOWN|NO ALLERGIES")
_WEIGHT_CODES = frozenset({"29463-7", "3141-9", "3142-7", "8335-2", "8350-1"})
_HEIGHT_CODES = frozenset({"8302-2", "3137-7", "3138-5", "8301-4", "8308-9"})
_BODY_UNITS = {
    "kg": "kg", "kgs": "kg", "kilogram": "kg", "kilograms": "kg", "g": "g", "gm": "g", "gram": "g", "grams": "g",
    "lb": "lb", "lbs": "lb", "[lb_av]": "lb", "oz": "oz", "[oz_av]": "oz",
    "cm": "cm", "m": "m", "mm": "mm", "in": "in", "[in_i]": "in", "inch": "in", "inches": "in",
}  # fmt: skip
_OF_KIND = {"weight": frozenset({"kg", "g", "lb", "oz"}), "height": frozenset({"cm", "m", "mm", "in"})}


def read_patient(
    pid: Segment, pv1: Segment | None, connection: Connection, clock: SenderClock, warnings: list[str]
) -> Patient:
    """Read PID and PV1. Raises Unreadable when our medical record number is missing or not certain."""
    mrn = record_number(pid, connection, warnings)
    name = _legal_name(pid)
    account = pid.get(18)
    visit = account if connection.visit_is == "PID-18" else (pv1.get(19) if pv1 else "")
    return Patient(
        mrn=mrn.id,
        authority=mrn.authority,
        family=pid.part(name, 1),
        given=pid.part(name, 2),
        middle=pid.part(name, 3),
        suffix=pid.part(name, 4),
        birth=read_birth(pid.get(7), warnings),
        sex=pid.get(8).upper(),
        account=account,
        visit=visit,
        patient_class=pv1.get(2).upper() if pv1 else "",
        numbers=tuple(read_numbers(pid, 3)),
    )


def record_number(
    segment: Segment, connection: Connection, warnings: list[str], fields: Sequence[int] = (3, 2, 4)
) -> Number:
    """Choose the medical record number: type MR of our authority in PID-3, else PID-2, else PID-4 (old feeds).

    A number without authority is given the connection's. `fields` are others for MRG. Raises Unreadable when none
    or more than one fits.
    """
    where = f"{segment.name}-{fields[0]}"
    numbers: list[Number] = []
    for field in fields:
        numbers = numbers or read_numbers(segment, field)
    chosen = _fitting(numbers, connection)
    distinct = {(number.id, number.authority) for number in chosen}
    if not distinct:
        seen = ", ".join(sorted({f"{n.kind or 'no type'} of {n.authority or 'nobody'}" for n in numbers}))
        wanted = f" of {connection.mrn_authority}" if connection.mrn_authority else ""
        raise Unreadable(
            f"The message names no medical record number{wanted} for its patient"
            f"{' (it sends: ' + seen + ')' if seen else ''}: find the patient by hand.",
            where, segment.span(fields[0]),
        )  # fmt: skip
    if len(distinct) > 1:
        raise Unreadable(
            "The message names more than one medical record number for its patient: set which authority's "
            "numbers are ours for this connection.", where, segment.span(fields[0]),
        )  # fmt: skip
    number = chosen[0]
    if "\ufffd" in f"{number.id}{number.authority}":
        raise Unreadable(
            "The medical record number holds a character that was lost on the way: ask the sender.",
            where, segment.span(fields[0]),
        )  # fmt: skip
    if number.kind and number.kind not in _RECORD:
        warnings.append(f"The only patient number has type '{number.kind}': it was read as the record number.")
    return Number(number.id, number.authority or connection.mrn_authority or "", number.kind)


def read_numbers(segment: Segment, field: int) -> list[Number]:
    """Read an identifier list (CX): id, assigning authority, type; entries without an id are left out."""
    found = []
    for text in segment.repetitions(field):
        id_, authority, kind = segment.part(text, 1), segment.part(text, 4), segment.part(text, 5).upper()
        if id_:
            found.append(Number(id_, authority, kind))
    return found


def read_location(segment: Segment, field: int) -> Location:
    """Read a person location (PL): unit, room, bed, facility."""
    return Location(
        segment.get(field, 1), segment.get(field, 2), segment.get(field, 3), segment.get(field, 4),
        segment.get(field, 0),
    )  # fmt: skip


def read_allergies(segments: Sequence[Segment], warnings: list[str]) -> Allergies:
    """Read AL1 and IAM. "NKA" is the statement that none are known; no segment is no statement."""
    listed: list[Allergy] = []
    statements: list[str] = []
    for segment in segments:
        if segment.name not in ("AL1", "IAM"):
            continue
        substance = read_code(segment, 3)
        if not substance:
            continue
        words = (substance.code, substance.text, substance.alt_text, substance.original)
        said = next((w for w in words if _NONE_KNOWN.fullmatch(w.upper().strip(" ."))), "")
        if said:
            statements.append(said)
            continue
        action = segment.get(6).upper() if segment.name == "IAM" else ""
        reactions = tuple(segment.part(text, 2, 0) or segment.part(text, 1, 0) for text in segment.repetitions(5))
        listed.append(
            Allergy(
                segment.get(2, 2) or segment.get(2), substance, segment.get(4).upper(),
                tuple(r for r in reactions if r), action,
            )
        )  # fmt: skip
    if listed:
        if statements:
            warnings.append(f"The message lists allergies and also says '{statements[0]}': ask which is true.")
        return Allergies("listed", tuple(listed), statements[0] if statements else "")
    if statements:
        return Allergies("none known", (), statements[0])
    return Allergies()


def read_measurements(segments: Sequence[Segment], clock: SenderClock, warnings: list[str]) -> tuple[Measurement, ...]:
    """Read weights and heights from OBX; results marked as deleted, wrong or not obtained are left out."""
    found = []
    for obx in segments:
        if obx.name != "OBX" or obx.get(11).upper() in ("X", "D", "W"):
            continue
        kind = _kind(obx)
        text = obx.get(5, 1, 0)
        if kind is None or not text:
            continue
        label = read_code(obx, 3).name
        try:
            value, upper = read_number(text)
        except Invalid:
            value, upper = Decimal(0), None
        if value <= 0 or upper is not None:
            warnings.append(f"The {kind} '{text[:30]}' cannot be read: enter it by hand.")
            continue
        sent = [unit for unit in (obx.get(6, 1), obx.get(6, 2)) if unit]
        unit = next((_BODY_UNITS[u.lower()] for u in sent if u.lower() in _BODY_UNITS), "")
        if unit not in _OF_KIND[kind]:
            warnings.append(f"The {kind} {text} has the unit '{sent[-1] if sent else ''}': check it by hand.")
            unit = ""
        at = read_stamp(obx.get(14), clock, f"the time of the {kind} (OBX-14)", warnings)
        found.append(Measurement(kind, value, unit, sent[-1] if sent else "", at, label))
    return tuple(found)


def _kind(obx: Segment) -> Literal["weight", "height"] | None:
    codes = {obx.get(3, 1), obx.get(3, 4)}
    if codes & _WEIGHT_CODES:
        return "weight"
    if codes & _HEIGHT_CODES:
        return "height"
    words = f"{obx.get(3, 1)} {obx.get(3, 2)} {obx.get(3, 5)}".lower()
    # A birth, ideal or lost weight is not what a dose is calculated by.
    if re.search(r"birth|ideal|loss|gain|change|percentile|adjusted", words):
        return None
    if re.search(r"\b(body ?weight|weight|wt)\b", words):
        return "weight"
    return "height" if re.search(r"\b(height|ht)\b", words) else None


def _fitting(numbers: list[Number], connection: Connection) -> list[Number]:
    ours = connection.mrn_authority
    possible = [number for number in numbers if number.kind not in _NEVER]
    typed = [number for number in possible if number.kind in _RECORD]
    if ours:
        own = [number for number in typed if number.authority == ours]
        own = own or [number for number in possible if number.authority == ours]
        own = own or [number for number in typed if not number.authority]
        # A bare number is ours only where nothing stands beside it that it could be mistaken for.
        return own or [number for number in possible if not number.authority and len(numbers) == 1]
    return typed or possible


def _legal_name(pid: Segment) -> str:
    names = pid.repetitions(5)
    return next((name for name in names if pid.part(name, 7).upper() == "L"), names[0] if names else "")
