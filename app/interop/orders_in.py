"""Order messages to values: each ORC opens an order, the segments that follow belong to the detail in force.

Sources: HL7 v2.5.1 chapters 4 (ORC, table 0119) and 4A (RDE, OMP); house interoperability notes on grouping,
order control and order identity.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from app.interop.agreement import asked_and_encoded
from app.interop.amounts import Unreadable, read_code, read_span
from app.interop.hl7 import Segment
from app.interop.order_groups import (
    ASKS_NOTHING,
    CONTROLS,
    DETAILS,
    Group,
    check_all_is_read,
    check_shape,
    group_by_orc,
    order_key,
    read_ei,
)
from app.interop.order_notes import read_note, read_notes, read_person, read_routes
from app.interop.patient import read_allergies, read_location, read_measurements, read_patient
from app.interop.recipe import (
    Listed,
    attempt,
    detail_of,
    dose_and_volume,
    read_components,
    read_drug,
    read_given,
    read_rate,
    volume_remarks,
)
from app.interop.stamps import SenderClock, read_stamp
from app.interop.timing import read_timings
from app.interop.understood import (
    STARTS,
    Amount,
    Component,
    Note,
    OrderMessage,
    Other,
    Span,
    Timing,
    Understood,
    Unmappable,
)
from app.interop.values import Allergies, Code, Connection, Measurement, Patient, Source

# A transfer of a whole stay has dozens; thousands are a fault of the sender, and reading them would stop the line.
MOST_ORDERS = 500
_LISTS: dict[str, Listed] = {
    "RXE": "encoded", "RXO": "requested", "RXD": "dispensed", "RXA": "dispensed", "RXG": "dispensed"
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reading:
    """What all order groups of one message share, read once; `patient` is the reason where she is not certain."""

    connection: Connection
    source: Source
    clock: SenderClock
    patient: Patient | Unreadable
    pv1: Segment | None
    allergies: Allergies
    measurements: tuple[Measurement, ...]
    notes: tuple[Note, ...]
    cleared: tuple[str, ...]
    warnings: tuple[str, ...]


def read_shared(
    segments: Sequence[Segment], connection: Connection, source: Source, clock: SenderClock, warnings: list[str]
) -> Reading:
    """Read what stands before the first ORC, and the patient and allergies wherever they stand."""
    first = next(at for at, segment in enumerate(segments) if segment.name == "ORC")
    head = segments[:first]
    visits = [segment for segment in segments if segment.name == "PV1"]
    if len({visit.text for visit in visits}) > 1:
        warnings.append("The message names two visits: the first was taken. Check where the patient lies.")
    pid = next((segment for segment in segments if segment.name == "PID"), None)
    pv1 = visits[0] if visits else None
    patient: Patient | Unreadable
    if pid is None:
        patient = Unreadable("The message has no PID: the order belongs to nobody.", "PID", segments[0].span())
    else:
        try:
            patient = read_patient(pid, pv1, connection, clock, warnings)
        except Unreadable as unreadable:
            patient = unreadable
    return Reading(
        connection=connection,
        source=source,
        clock=clock,
        patient=patient,
        pv1=pv1,
        allergies=read_allergies(segments, warnings),
        measurements=read_measurements(head, clock, warnings),
        notes=tuple(read_note(segment, "NTE") for segment in head if segment.name == "NTE"),
        cleared=_deleted([segment for segment in (pid, pv1) if segment]),
        warnings=tuple(dict.fromkeys(warnings)),
    )


def read_orders(segments: Sequence[Segment], reading: Reading) -> tuple[Understood, ...]:
    """Read every order group. Each is an order, an Other, or an Unmappable with its reason; none is dropped."""
    groups = group_by_orc(segments)
    if len(groups) > MOST_ORDERS:
        reason = f"The message holds {len(groups):,} orders, more than {MOST_ORDERS}: it was not read."
        return (Unmappable(reason, "ORC", groups[0].orc.span(), reading.source),)
    results: list[Understood] = []
    replaced = ""
    for group in groups:
        result = _read_group(group, reading, replaced)
        results.append(result)
        replaced = result.key if isinstance(result, OrderMessage) and result.control == "replaced" else ""
    return _bags_of_one_order(results)


def _read_group(group: Group, reading: Reading, replaced: str) -> Understood:
    code = group.orc.get(1).upper()
    key = mrn = ""
    warnings = list(reading.warnings)
    try:
        if code in ASKS_NOTHING:
            key = _key_or_nothing(group.orc, reading)
            return Other(
                reading.source, f"ORC {code}", f"ORC-1 is {code}, {ASKS_NOTHING[code]}: nothing to do here.", code,
                key, alert=code == "DE",
            )  # fmt: skip
        key, dose_number = order_key(group.orc, reading.source, reading.connection)
        if code != "PA" and code not in CONTROLS:
            raise Unreadable(
                f"ORC-1 is '{code}', which is no order control code that we know." if code
                else "ORC-1 is empty: it is not said whether the order starts, changes or stops.",
                "ORC-1", group.orc.span(1),
            )  # fmt: skip
        if code == "PA":
            raise Unreadable(
                "A parent order with its series of bags cannot be taken over by itself: enter it by hand.",
                "ORC-1", group.orc.span(1),
            )  # fmt: skip
        if not group.named("RXE") and not group.named("RXO") and group.named("OBR"):
            return Other(reading.source, f"ORC {code}", "The order asks for a test, not for a drug.", code, key)
        patient = reading.patient
        if isinstance(patient, Unreadable):
            raise patient
        mrn = patient.mrn
        check_shape(group)
        if CONTROLS[code] in STARTS:
            check_all_is_read(group, warnings)
        return _order(group, reading, patient, key, dose_number, replaced, warnings)
    except Unreadable as unreadable:
        return Unmappable(
            unreadable.reason, unreadable.where, unreadable.span, reading.source, key, code, mrn,
            tuple(dict.fromkeys(warnings)),
        )  # fmt: skip


def _order(
    group: Group, reading: Reading, patient: Patient, key: str, dose_number: str, replaced: str,
    warnings: list[str],
) -> OrderMessage:  # fmt: skip
    orc, source, clock = group.orc, reading.source, reading.clock
    code = orc.get(1).upper()
    control = CONTROLS[code]
    strict = control in STARTS
    rxe = next(iter(group.named("RXE")), None)
    rxo = next(iter(group.named("RXO")), None)
    if strict and rxe is None and (rxo is None or source.kind == "RDE"):
        raise Unreadable("The order names no drug (no RXE segment).", "RXE", orc.span())
    detail = detail_of(rxe or rxo or orc) if (rxe or rxo) else None
    drug = attempt(lambda: read_drug(detail), Code(), strict, warnings) if detail else Code()
    given = attempt(lambda: read_given(detail), None, strict, warnings) if detail else None
    no_rate: tuple[Amount | None, str] = (None, "")
    rate, rate_text = attempt(lambda: read_rate(detail, warnings), no_rate, strict, warnings) if detail else no_rate
    used, unused = _component_lists(group, drug, strict, warnings)
    recipe = [component for component in used if not component.repeats_title]
    if strict and detail and not drug and not recipe:
        raise Unreadable("The order names neither a drug nor components.", f"{detail.segment.name}-{detail.drug}",
                         detail.segment.span(detail.drug))  # fmt: skip
    if strict and detail and given is None and not recipe:
        raise Unreadable("The order says no amount.", f"{detail.segment.name}-{detail.least}",
                         detail.segment.span(detail.least))  # fmt: skip
    dose, total = dose_and_volume(given, recipe)
    timings = read_timings(
        group.named("TQ1", "RXE"), group.named("TQ1", "ORC") + group.named("TQ1", "RXO"), rxe, orc, clock, warnings
    )
    asked_and_encoded(rxo, rxe, warnings)
    give_per = _give_per(detail.segment.get(detail.give_per, 1, 0)) if detail else None
    first = timings[0] if timings else Timing()
    warnings += volume_remarks(recipe, total, rate, give_per, first, reading.connection.overfill)
    if recipe and all(component.kind == "additive" for component in recipe) and strict:
        warnings.append("No component is marked as the base: decide which one is.")
    if code == "RO" and not replaced:
        warnings.append("The order replaces another one that the message does not name: look for it by hand.")
    return OrderMessage(
        source=source,
        control=control,
        control_code=code,
        stage="encoded" if rxe or source.kind == "RDE" else "prescribed",
        key=key,
        placer=read_ei(orc, 2),
        placer_parts=tuple(orc.get(2, part, 0) for part in range(1, 5)) if orc.raw(2) else (),
        filler=read_ei(orc, 3),
        group=orc.get(4),
        parent=orc.get(8, 1, 1),
        dose_number=dose_number,
        replaces=replaced if code == "RO" else "",
        bag=None,
        order_status=orc.get(5).upper(),
        reason=read_code(orc, 16).name,
        event_time=read_stamp(orc.get(9), clock, "the time of the order (ORC-9)", warnings),
        effective=read_stamp(orc.get(15), clock, "the time it takes effect (ORC-15)", warnings),
        patient=patient,
        location=read_location(reading.pv1, 3) if reading.pv1 else read_location(orc, 13),
        allergies=reading.allergies,
        measurements=reading.measurements + read_measurements(group.segments, clock, warnings),
        drug=drug,
        given=given,
        dose=dose,
        total_volume=total,
        form=read_code(detail.segment, detail.form) if detail else Code(),
        components=used,
        other_components=unused,
        routes=read_routes(group, warnings),
        rate=rate,
        rate_text=rate_text,
        give_per=give_per,
        timings=timings,
        notes=read_notes(group, reading.notes),
        indication=read_code(detail.segment, detail.indication).name if detail else "",
        dispense_amount=_dispense(rxe) if rxe else "",
        package_method=rxe.get(30).upper() if rxe else "",
        controlled_schedule=rxe.get(35) if rxe else "",
        prescription=rxe.get(15) if rxe else "",
        prescriber=read_person(orc, 12),
        verified_by=read_person(rxe, 14) if rxe else "",
        cleared=reading.cleared + _deleted(group.segments) if control == "change" else (),
        content_hash=_content_hash(group),
        span=(orc.start, group.segments[-1].end),
        warnings=tuple(dict.fromkeys(warnings)),
    )


def _component_lists(
    group: Group, title: Code, strict: bool, warnings: list[str]
) -> tuple[tuple[Component, ...], tuple[Component, ...]]:
    owner = "RXE" if group.named("RXE") else "RXO"
    lists = {
        name: read_components(
            group.named("RXC", "ORC") * (name == owner) + group.named("RXC", name),
            _LISTS[name], title, strict and name == owner, warnings,
        )
        for name in DETAILS
    }  # fmt: skip
    # The list after RXO is what was asked for, the one after RXE what the pharmacy made of it: never their sum.
    used = lists["RXE"] or lists["RXO"]
    unused = tuple(c for name in DETAILS for c in lists[name] if lists[name] is not used)
    return used, unused


def _give_per(text: str) -> Span | None:
    span = read_span(text)
    # A bare number in "give per" is hours, as chemotherapy systems send it ("48.00").
    if span and span.minutes is None and re.fullmatch(r"\d+(\.\d*)?", span.text, re.ASCII):
        return replace(span, minutes=Decimal(span.text) * 60)
    return span


def _dispense(rxe: Segment) -> str:
    return f"{rxe.get(10)} {rxe.get(11, 2) or rxe.get(11)}".strip() if rxe.get(10) else ""


def _deleted(segments: Sequence[Segment]) -> tuple[str, ...]:
    return tuple(
        f"{segment.name}-{field}"
        for segment in segments
        if segment.name in ("PID", "PV1", "ORC", "RXE", "RXO", "RXR", "TQ1")
        for field in range(1, len(segment.fields))
        if segment.deleted(field)
    )


def _content_hash(group: Group) -> str:
    said = [s.text for s in group.segments if s.name[:2] == "RX" or s.name in ("TQ1", "TQ2", "NTE")]
    return hashlib.sha256("\r".join([group.orc.raw(7), *said]).encode("utf-8", "replace")).hexdigest()


def _key_or_nothing(orc: Segment, reading: Reading) -> str:
    try:
        return order_key(orc, reading.source, reading.connection)[0]
    except Unreadable:
        return ""


def _bags_of_one_order(results: list[Understood]) -> tuple[Understood, ...]:
    """Number the bags of one order; two groups with one number that are neither bags nor the same are refused."""
    by_key: dict[str, list[int]] = {}
    for at, result in enumerate(results):
        if isinstance(result, OrderMessage) and result.control in STARTS:
            by_key.setdefault(result.key, []).append(at)
    for places in by_key.values():
        orders = [results[at] for at in places]
        if len(orders) < 2:
            continue
        marks = [_instance(order) for order in orders if isinstance(order, OrderMessage)]
        apart = len(set(marks)) == len(marks)
        for count, at in enumerate(places, 1):
            order = results[at]
            if not isinstance(order, OrderMessage):
                continue
            if apart:
                results[at] = replace(order, bag=count)
            else:
                results[at] = Unmappable(
                    f"Two orders in the message have the same number {order.key}, and nothing tells them apart: "
                    "ask the sender.", "ORC-2", order.span, order.source, order.key, order.control_code,
                    order.patient.mrn, order.warnings,
                )  # fmt: skip
    return tuple(results)


def _instance(order: OrderMessage) -> tuple[str, str, str]:
    start = order.timing.start
    return (order.group, start.text if start else "", order.dose_number)
