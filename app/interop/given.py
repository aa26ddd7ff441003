"""Bedside records (RAS) to values: of which order a dose was given, when, or why it was not.

RXA-3 start, 5 code, 10 who, 15 lot, 18 refusal, 20 completion status (HL7 table 0322: CP, PA, RE, NA); ORC-2 ties to
the order.
Source: HL7 v2.5.1 chapter 4A; house interoperability notes on RAS.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Literal

from app.interop.amounts import Unreadable
from app.interop.hl7 import Segment
from app.interop.order_groups import Group, group_by_orc, order_key
from app.interop.order_notes import read_person
from app.interop.patient import read_patient
from app.interop.stamps import SenderClock, read_stamp
from app.interop.understood import GivenMessage, Understood, Unmappable
from app.interop.values import Connection, Patient, Source

_STATUS: dict[str, Literal["given", "part", "refused", "not given"]] = {
    "": "given", "CP": "given", "PA": "part", "RE": "refused", "NA": "not given",
}  # fmt: skip
_SERIAL = re.compile(r"L-[0-9A-HJKMNP-TV-Z]{10}", re.ASCII)


def read_given(
    segments: Sequence[Segment], connection: Connection, source: Source, clock: SenderClock, warnings: list[str]
) -> list[Understood]:
    """Read one value for every RXA of every order in a bedside record; what is not certain is an Unmappable."""
    said = tuple(dict.fromkeys(warnings))
    try:
        patient = _patient(segments, connection, clock, warnings)
        groups = group_by_orc(segments)
        if not groups:
            raise Unreadable("The bedside record names no order (no ORC segment).", "ORC", segments[0].span())
    except Unreadable as wrong:
        return [Unmappable(wrong.reason, wrong.where, wrong.span, source, warnings=said)]
    found: list[Understood] = []
    for group in groups:
        try:
            found += _of_group(group, patient, connection, source, clock, warnings)
        except Unreadable as wrong:
            found.append(Unmappable(wrong.reason, wrong.where, wrong.span, source, mrn=patient.mrn, warnings=said))
    return found


def _patient(segments: Sequence[Segment], connection: Connection, clock: SenderClock, warnings: list[str]) -> Patient:
    pids = [segment for segment in segments if segment.name == "PID"]
    if not pids:
        raise Unreadable("The bedside record has no PID: it is about nobody.", "PID", segments[0].span())
    if len({pid.text for pid in pids}) > 1:
        raise Unreadable("The bedside record is about two patients. Ask the sender.", "PID", pids[1].span())
    pv1 = next((segment for segment in segments if segment.name == "PV1"), None)
    return read_patient(pids[0], pv1, connection, clock, warnings)


def _of_group(
    group: Group, patient: Patient, connection: Connection, source: Source, clock: SenderClock, warnings: list[str]
) -> Iterator[GivenMessage]:
    key, _ = order_key(group.orc, source, connection)
    given = group.named("RXA")
    if not given:
        raise Unreadable("The bedside record says nothing of its order (no RXA).", "ORC", group.orc.span())
    serials = tuple(dict.fromkeys(_SERIAL.findall(" ".join(segment.text for segment in group.segments))))
    for rxa in given:
        code = rxa.get(20).upper()
        if code not in _STATUS:
            raise Unreadable(f"RXA-20 is '{code}': it is not known whether the dose was given.", "RXA-20", rxa.span(20))
        at = read_stamp(rxa.get(3), clock, "the time of the dose (RXA-3)", warnings)
        if at is None or at.precision in ("year", "month", "day"):
            raise Unreadable("RXA-3 does not say when the dose was given.", "RXA-3", rxa.span(3))
        yield GivenMessage(
            source=source,
            key=key,
            patient=patient,
            at=at,
            status=_STATUS[code] if not (code == "" and rxa.get(18)) else "refused",
            code=rxa.get(5),
            serials=serials,
            span=rxa.span(),
            by=read_person(rxa, 10),
            warnings=tuple(dict.fromkeys(warnings)),
        )
