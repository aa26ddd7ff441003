"""Admissions, transfers, discharges, updates and merges to one value.

Sources: HL7 v2.5.1 chapter 3 (ADT events, EVN, PV1, MRG); house interoperability notes on ADT.
"""

from collections.abc import Sequence

from app.interop.amounts import Unreadable
from app.interop.hl7 import Segment
from app.interop.patient import (
    read_allergies,
    read_location,
    read_measurements,
    read_numbers,
    read_patient,
    record_number,
)
from app.interop.stamps import SenderClock, read_stamp
from app.interop.understood import AdtMessage, Merge, Other, Understood, Unmappable
from app.interop.values import Connection, Location, Number, Source

_UPDATES = frozenset("A01 A02 A03 A04 A05 A06 A07 A08 A11 A12 A13 A28 A31 A60".split())
_PATIENT_MERGES = frozenset({"A34", "A36", "A40"})
_ACCOUNT_MERGES = frozenset({"A35", "A36", "A41"})
_VISIT_MERGES = frozenset({"A42", "A50"})
_MOVES = frozenset({"A44", "A45"})
_MERGES = _PATIENT_MERGES | _ACCOUNT_MERGES | _VISIT_MERGES | _MOVES | {"A47"}


def read_adt(
    segments: Sequence[Segment], connection: Connection, source: Source, clock: SenderClock, warnings: list[str]
) -> Understood:
    """Read one ADT message. The event is MSH-9's; EVN-1 only stands in where MSH-9 has none.

    PID names the survivor of a merge and MRG what is retired; several PID/MRG pairs are kept in order. A message
    whose patient is not certain is an Unmappable.
    """
    evn = next((segment for segment in segments if segment.name == "EVN"), None)
    said = evn.get(1).upper() if evn else ""
    event = source.event or said
    if said and said != event:
        warnings.append(f"The header says {event}, the event segment {said}: {event} was taken.")
    if event not in _UPDATES | _MERGES:
        return Other(source, f"ADT {event}".strip(), f"The event '{event}' asks nothing of the pharmacy.")
    mrn = ""
    try:
        pids = [segment for segment in segments if segment.name == "PID"]
        if not pids:
            raise Unreadable("The message has no PID: it is about nobody.", "PID", segments[0].span())
        if event not in _MERGES and len({pid.text for pid in pids}) > 1:
            raise Unreadable(
                "The message is about two patients: neither was changed. Ask the sender.", "PID", pids[1].span()
            )
        pv1 = next((segment for segment in segments if segment.name == "PV1"), None)
        patient = read_patient(pids[0], pv1, connection, clock, warnings)
        mrn = patient.mrn
        merges = _merges(event, segments, connection, warnings) if event in _MERGES else ()
    except Unreadable as unreadable:
        return Unmappable(
            unreadable.reason, unreadable.where, unreadable.span, source, mrn=mrn,
            warnings=tuple(dict.fromkeys(warnings)),
        )  # fmt: skip
    at = (evn.get(6) or evn.get(2)) if evn else ""
    return AdtMessage(
        source=source,
        event=event,
        patient=patient,
        location=read_location(pv1, 3) if pv1 else Location(),
        prior_location=read_location(pv1, 6) if pv1 else Location(),
        event_time=read_stamp(at, clock, "the time of the event (EVN)", warnings),
        recorded=read_stamp(evn.get(2), clock, "the time of the event (EVN)", warnings) if evn else None,
        admitted=read_stamp(pv1.get(44), clock, "the admission (PV1-44)", warnings) if pv1 else None,
        discharged=read_stamp(pv1.get(45), clock, "the discharge (PV1-45)", warnings) if pv1 else None,
        merges=merges,
        allergies=read_allergies(segments, warnings),
        measurements=read_measurements(segments, clock, warnings),
        cleared=_cleared(segments),
        warnings=tuple(dict.fromkeys(warnings)),
    )


def _merges(event: str, segments: Sequence[Segment], connection: Connection, warnings: list[str]) -> tuple[Merge, ...]:
    found: list[Merge] = []
    pid: Segment | None = None
    for at, segment in enumerate(segments):
        if segment.name == "PID":
            pid = segment
        elif segment.name == "MRG":
            if pid is None:
                raise Unreadable("A merge names no survivor (MRG before PID).", "MRG", segment.span())
            pv1 = next((later for later in _own(segments[at + 1 :]) if later.name == "PV1"), None)
            pv1 = pv1 or next((earlier for earlier in segments[:at] if earlier.name == "PV1"), None)
            found += _pair(event, pid, segment, pv1, connection, warnings)
            pid = None if event in _PATIENT_MERGES else pid
    if not found:
        raise Unreadable(f"{event} says that something is merged, but not what (no MRG).", "MRG", segments[0].span())
    return tuple(found)


def _own(segments: Sequence[Segment]) -> list[Segment]:
    end = next((at for at, segment in enumerate(segments) if segment.name == "PID"), len(segments))
    return list(segments[:end])


def _pair(
    event: str, pid: Segment, mrg: Segment, pv1: Segment | None, connection: Connection, warnings: list[str]
) -> list[Merge]:
    found = []
    moves = event in _MOVES
    prior = read_numbers(mrg, 1) or read_numbers(mrg, 4)
    if event in _PATIENT_MERGES or event == "A47" or (moves and prior):
        survivor = record_number(pid, connection, warnings)
        retired = record_number(mrg, connection, warnings, (1, 4))
        if survivor.authority and retired.authority and survivor.authority != retired.authority:
            raise Unreadable(
                f"The merge joins numbers of two authorities ({survivor.authority}, {retired.authority}): "
                "a pharmacist decides.", "MRG-1", mrg.span(1),
            )  # fmt: skip
        if (survivor.id, survivor.authority) == (retired.id, retired.authority) and not moves:
            raise Unreadable("The merge names the same patient number twice.", "MRG-1", mrg.span(1))
        found.append(Merge("identifier" if event == "A47" else "patient", survivor, retired, moves))
    account = _numbers_of(pid, 18, mrg, 3)
    if account and event in _ACCOUNT_MERGES | _MOVES:
        found.append(Merge("account", *account, moves))
    visit = _numbers_of(pv1, 19, mrg, 5) if pv1 else None
    if visit and event in _VISIT_MERGES | _MOVES:
        found.append(Merge("visit", *visit, moves))
    if not found:
        raise Unreadable(
            f"{event} does not name both what stays and what is retired: a pharmacist decides.", "MRG", mrg.span()
        )
    return found


def _numbers_of(kept: Segment, kept_field: int, gone: Segment, gone_field: int) -> tuple[Number, Number] | None:
    survivor, retired = read_numbers(kept, kept_field), read_numbers(gone, gone_field)
    if not survivor or not retired:
        return None
    return survivor[0], retired[0]


def _cleared(segments: Sequence[Segment]) -> tuple[str, ...]:
    return tuple(
        f"{segment.name}-{field}"
        for segment in segments
        if segment.name in ("PID", "PV1")
        for field in range(1, len(segment.fields))
        if segment.deleted(field)
    )
