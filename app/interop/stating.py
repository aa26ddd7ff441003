"""An order message to what it states in our own terms: drugs of the formulary, routes and times of our lists.

What is not certain becomes a finding in words, for a pharmacist to decide; nothing is guessed.
Source: house interoperability notes on timing, the drug, order control and identity.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal, Protocol

from app.core.quantity import Quantity
from app.formulary.product import DrugFacts
from app.interop.agreement import against_title
from app.interop.clock_times import Site, dosing
from app.interop.text import hides_something, tidy
from app.interop.understood import Component, OrderMessage
from app.interop.values import Allergies, Code, Connection, Location, Measurement, Patient
from app.orders.routes import route_named
from app.orders.stated import StatedComponent, StatedOrder, StatedPatient, StatedPlace

PRIORITIES = {"": "routine", "routine": "routine", "STAT": "STAT", "ASAP": "ASAP"}
_KG = {"kg": Decimal(1), "g": Decimal("0.001"), "lb": Decimal("0.45359237"), "oz": Decimal("0.028349523125")}
_CM = {"cm": Decimal(1), "m": Decimal(100), "mm": Decimal("0.1"), "in": Decimal("2.54")}
Ask = Literal["", "code", "route"]


@dataclass(frozen=True)
class Finding:
    """Why a message, or one order of it, waits for a person: the reason, the place, the bytes to mark.

    `ask` names the decision that would settle it; `code` and `text` are what the sender wrote.
    """

    reason: str
    where: str
    span: tuple[int, int]
    ask: Ask = ""
    code: str = ""
    text: str = ""


class Meanings(Protocol):
    """What was decided before about a sender's codes and words."""

    def drug(self, code: str, text: str) -> DrugFacts | None:
        """The drug of a code with its text."""
        ...

    def word(self, kind: Literal["frequency", "route"], text: str) -> str | None:
        """The meaning of a frequency, in words of the table ('Q12H', 'ONCE'), or of a route."""
        ...

    def site(self, unit: str, route: str, drug_ids: list[int]) -> Site:
        """What a frequency is read by for an order of a unit, a route and drugs."""
        ...


Span = Callable[[str, int], tuple[int, int]]


def stated_order(
    order: OrderMessage, meanings: Meanings, connection: Connection, received: datetime, span: Span
) -> StatedOrder | tuple[Finding, ...]:
    """State an order that starts, changes or replaces one, or say everything that is not certain about it.

    `span(where, nth)` gives the bytes of a field ("RXC-2") in the order's nth such segment. Instants are UTC; amounts
    are exact. `received` is an aware instant.
    """
    found = [*_shape(order), *_identity(order)]
    warnings = [tidy(each) for each in order.warnings]
    components, wrong = _components(order, meanings, span, warnings)
    found += wrong
    route, wrong = _route(order, meanings, span)
    found += wrong
    here = meanings.site(order.location.unit, route, [component.drug_id for component in components])
    timing = dosing(order, here, received)
    if timing.reason:
        found.append(Finding(timing.reason, timing.where, span(timing.where, 1)))
    if found:
        return tuple(found)
    sent = order.source.sent.instant if order.source.sent else received
    priority = order.timing.priority
    if priority not in (*PRIORITIES, "timing critical"):
        warnings.append(f"The priority '{tidy(priority)[:20]}' was read as routine.")
    if order.replaces:
        warnings.append(f"It replaces order {order.replaces.split('^')[0]}, which was stopped.")
    return StatedOrder(
        key=order.key,
        number=_number(order),
        sender=connection.name,
        control=order.control,
        stated_at=order.event_time.instant if order.event_time else sent,
        sent_at=sent,
        patient=stated_patient(order.patient, order.allergies, order.measurements, sent),
        place=stated_place(order.patient, order.location),
        title=_title(order, components),
        components=tuple(components),
        route=route,
        frequency=timing.text,
        priority=PRIORITIES.get(priority, "routine"),
        start_at=timing.start,
        end_at=timing.end,
        schedule=timing.schedule,
        unread=timing.unread,
        zone=here.zone,
        rate=_rate(order) or None,
        infuse_minutes=timing.infuse_minutes,
        notes=tuple(tidy(note.text) for note in order.notes if tidy(note.text)),
        warnings=tuple(dict.fromkeys([*warnings, *timing.warnings])),
    )


def _shape(order: OrderMessage) -> list[Finding]:
    if order.bag is not None:
        reason = "The message sends several bags of one order: enter them by hand, or ask the sender for single orders."
        return [Finding(reason, "ORC-2", order.span)]
    return []


def _identity(order: OrderMessage) -> list[Finding]:
    patient = order.patient
    texts = (patient.mrn, patient.family, patient.given)
    if any(hides_something(text) for text in texts):
        reason = "The patient's name or number holds hidden characters that change how it reads: ask the sender."
        return [Finding(reason, "PID-5", order.span)]
    if not patient.family and not patient.given:
        return [Finding("The message names no patient, only a number: ask the sender.", "PID-5", order.span)]
    return []


def _components(
    order: OrderMessage, meanings: Meanings, span: Span, warnings: list[str]
) -> tuple[list[StatedComponent], list[Finding]]:
    recipe = order.recipe
    if not recipe:
        only = Component("additive", order.drug, order.dose)
        recipe, segment = (only,), "RXE"
    else:
        segment = "RXC"
    stated: list[StatedComponent] = []
    found: list[Finding] = []
    for component in recipe:
        where = f"{segment}-2"
        place = span(where, component.place or 1)
        drug = _meaning(component.drug, meanings)
        if drug is None:
            code, text = code_and_text(component.drug)
            shown = f"{code} {text}".strip() if code != text else text
            reason = f"'{tidy(shown)[:80]}' ({where}) was never decided here: choose which drug it is."
            found.append(Finding(reason, where, place, "code", code, text))
            continue
        amount = component.amount
        why = f"{drug.name} has no amount: ask the sender." if amount is None else _unusable(component, drug)
        if why or amount is None:
            found.append(Finding(why, f"{segment}-3", place))
            continue
        role = _role(component, drug, warnings)
        stated.append(StatedComponent(role, drug.drug_id, drug.name, amount.quantity))
    bases = [c for c in stated if c.role == "base"]
    if len(bases) > 1:
        names = " and ".join(c.drug for c in bases)
        found.append(Finding(f"The order has more than one base ({names}): enter it by hand.", "RXC-1", order.span))
    drugs = [c.drug_id for c in stated]
    if len(set(drugs)) < len(drugs):
        found.append(Finding("The order names the same ingredient twice: ask the sender.", "RXC-2", order.span))
    if not found:
        wrong = against_title(order, stated, _meaning(order.drug, meanings) if order.drug else None, warnings)
        found += [Finding(each.reason, each.where, span(each.where, 1)) for each in wrong]
    if not found and stated and not any(c.role == "additive" for c in stated):
        warnings.append("The order adds nothing to its base.")
    return stated, found


def _unusable(component: Component, drug: DrugFacts) -> str:
    amount = component.amount
    assert amount is not None
    if amount.most is not None:
        return f"{drug.name} is ordered as a range ({amount.least} to {amount.most} {amount.unit}): choose the dose."
    if amount.per:
        return f"{drug.name} is ordered by {amount.unit} per {amount.per}, not as an amount: enter it by hand."
    if amount.least <= 0:
        return f"{drug.name} is ordered with an amount of nothing: ask the sender."
    try:
        Quantity(amount.least, amount.unit).millionths()
    except ValueError as wrong:
        return f"The amount of {drug.name} cannot be used: {wrong}"
    return ""


def _role(component: Component, drug: DrugFacts, warnings: list[str]) -> str:
    """Base or additive: as sent where it is said, by the formulary where it is not."""
    by_formulary = "base" if drug.kind == "diluent" else "additive"
    if component.kind == "unknown":
        warnings.append(f"The message does not say whether {drug.name} is base or additive: read as {by_formulary}.")
        return by_formulary
    if component.kind != by_formulary:
        warnings.append(f"The message calls {drug.name} {_said(component.kind)}, the formulary {_said(by_formulary)}.")
    return component.kind


def _said(role: str) -> str:
    return "the base" if role == "base" else "an additive"


def code_and_text(code: Code) -> tuple[str, str]:
    """The code and the text under which a pharmacist's decision about it is kept."""
    return code.code or code.alt_code, code.text or code.alt_text or code.original or code.code


def _meaning(code: Code, meanings: Meanings) -> DrugFacts | None:
    return meanings.drug(*code_and_text(code))


def _route(order: OrderMessage, meanings: Meanings, span: Span) -> tuple[str, list[Finding]]:
    place = span("RXR-1", 1)
    if not order.routes:
        return "", [Finding("The order names no route: ask the sender.", "RXR", order.span)]
    if order.route is None:
        return "", [Finding("The order names more than one route: ask which one is meant.", "RXR-1", place)]
    route = order.route
    texts = [t for c in (route.route, route.method) for t in (c.code, c.text, c.alt_text, c.original) if t]
    whole = " / ".join(dict.fromkeys(texts))
    decided = meanings.word("route", whole)
    if decided:
        return decided, []
    means = {named for text in texts if (named := route_named(text))}
    # A piggyback or a push is a way of giving into a vein; anything else beside IV contradicts it.
    if means == {"IV", "IV push"}:
        means = {"IV push"}
    if len(means) == 1 and (route_named(route.route.code) or route_named(route.route.text) or not route.route):
        return means.pop(), []
    said = f"The route '{tidy(whole)[:60]}' " + (
        f"may mean {' or '.join(sorted(means))}" if len(means) > 1 else "is not known here"
    )
    return "", [Finding(f"{said}: choose the route.", "RXR-1", place, "route", "", whole)]


def _title(order: OrderMessage, components: list[StatedComponent]) -> str:
    additives = [c for c in components if c.role == "additive"]
    base = next((c for c in components if c.role == "base"), None)
    drugs = " + ".join(f"{c.drug} {c.amount}" for c in additives)
    return f"{drugs} in {base.drug} {base.amount}" if base and drugs else drugs or (base.drug if base else "")


def _rate(order: OrderMessage) -> str:
    """A rate as labels word it ('125 mL/hr' for '125.0' 'ML/HR'); one in words, or a range, stays as sent."""
    rate = order.rate
    if rate is None or rate.most is not None or not rate.per:
        return tidy(order.rate_text)
    return "/".join([str(rate.quantity), *("hr" if each == "hour" else each for each in rate.per.split())])


def _number(order: OrderMessage) -> str:
    number = order.placer or order.filler
    return number.id if number else order.key.split("^")[0]


def stated_patient(
    patient: Patient, allergies: Allergies, measurements: tuple[Measurement, ...], sent: datetime
) -> StatedPatient:
    """A patient in our terms: weight in kg, height in cm, the whole allergy list or None when nothing was said."""
    weight = next((m for m in reversed(measurements) if m.kind == "weight" and m.unit), None)
    height = next((m for m in reversed(measurements) if m.kind == "height" and m.unit), None)
    return StatedPatient(
        mrn=patient.mrn,
        family=tidy(" ".join(filter(None, [patient.family, patient.suffix]))),
        given=tidy(" ".join(filter(None, [patient.given, patient.middle]))),
        born=patient.birth,
        sex=patient.sex or None,
        allergies=None if allergies.said == "not sent" else allergy_list(allergies),
        weight_kg=(weight.value * _KG[weight.unit]).quantize(Decimal("0.001")) if weight else None,
        weight_at=(weight.at.instant if weight.at else sent) if weight else None,
        height_cm=(height.value * _CM[height.unit]).quantize(Decimal("0.1")) if height else None,
    )


def allergy_list(allergies: Allergies) -> tuple[tuple[str, str | None], ...]:
    """The allergies as (substance, reaction), without those that an update deletes."""
    pairs = [
        (tidy(each.substance.name), tidy(", ".join(each.reactions)) or None)
        for each in allergies.listed
        if each.action != "D"
    ]
    return tuple(dict.fromkeys(pairs))


def stated_place(patient: Patient, location: Location) -> StatedPlace:
    """Where a patient lies; the text is what a screen may show when the unit is not one of ours."""
    text = tidy(location.unit or location.facility or location.text.replace("^", " "))
    return StatedPlace(patient.visit, location.unit, location.room or None, location.bed or None, text)
