"""From a fill's facts to its labels: which doses need one, and what stands on it.

A dose in its maker's package is not labelled over; a label is for what the package does not say: half tablets, what is
drawn up, what is made of several packages, and what travels in a bag of its own. Source: unit-dose reference §2.6, §6.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from app.core.error_prone import in_safe_words
from app.core.errors import Refused
from app.core.quantity import EXACT, Quantity
from app.core.wording import day, tall_man, unmistakable
from app.formulary.unit_dose import UnitDoseFacts
from app.labels import dose as forms
from app.labels.bedside import Source, dose_code
from app.labels.content import AS_NEEDED, EACH_DOSE, DoseLabel, DrawerLabel, ToteLabel
from app.labels.house import House
from app.labels.problems import problems
from app.orders.wall_clock import place
from unitdose.label_words import Lines, contents_of, counted, how_given, made_of, volume_of
from unitdose.queries import DrawerFacts, FillFacts, LineFacts
from unitdose.routes import Route

_HALF = Decimal("0.5")
_STORED = {"room": "Room temperature", "refrigerator": "Refrigerate 2 to 8 °C"}
_BANNERS = {"REFRIGERATE": "in the refrigerator", "HAZARDOUS": "in a hazardous bag", "LARGE ITEM": "too large for it"}
_OTHER_WAY = {
    Route.CABINET: "from the cabinet", Route.FIRST_DOSE: "sent as a first dose", Route.CONTROLLED: "delivered locked",
    Route.IV: "from the IV room", Route.OWN: "of the patient's own", Route.BULK: "from a container on the unit",
}  # fmt: skip


@dataclass(frozen=True)
class Taken:
    """What a dose was taken from, or is set aside to be: lot and expiry of every package, and the source's GTIN."""

    lots: tuple[tuple[str, date], ...]
    gtin14: str | None


# --- which doses need a label ---------------------------------------------------------------------------------------


def forms_of(dose: Lines, fill: FillFacts) -> tuple[str, ...]:
    """The labels that a dose needs; none for most, whose package says it all.

    An oral syringe that is not given whole gets a flag as well: its graduations must stay in sight.
    """
    first = dose[0]
    if any(_banner(made_of(line)[0]) for line in dose):
        return (forms.BAG,)
    if len(dose) > 1:
        return (forms.ORAL_BAG,)
    package, units = made_of(first)
    if package.form == "oral syringe":
        return (forms.ORAL_SYRINGE, forms.SYRINGE_FLAG) if units % 1 else (forms.ORAL_SYRINGE,)
    if package.form == "half tablet" or (package.form == "tablet" and units % 1 == _HALF):
        return (forms.HALF_TABLET,)
    needs_words = units != 1 or package.uses is not None or fill.kind == "first dose"
    return (forms.ORAL_BAG,) if needs_words else ()


def thing_of(dose: Lines, form: str) -> str:
    """What a dose's label is of, as the record names it: 'line 12', and 'flag of line 12' beside it."""
    line_id = dose[0].line_id
    return f"flag of line {line_id}" if form == forms.SYRINGE_FLAG else f"line {line_id}"


# --- what stands on them --------------------------------------------------------------------------------------------


def dose_label(
    dose: Lines, form: str, taken: Taken, house: House, *, prepared_by: str, now: datetime, serial: str
) -> DoseLabel:
    """The label of one dose. Raises Refused where it could not be right, in words that say what to do."""
    first = dose[0]
    order, package = first.order, made_of(first)[0]
    born = _born(first)
    if order.verified_by is None:
        raise Refused("This order is not verified by a pharmacist. Its label is printed when it is.")
    if len(order.doses) != 1:
        raise Refused("This dose is of several drugs, and a unit dose is of one. Ask a pharmacist.")
    if not taken.lots:
        raise Refused("Nothing is set aside for this dose, so its expiry is not known. Pick it, then print its label.")
    ordered = next(iter(order.doses.values()))
    _refuse_another_amount(dose, ordered)
    expiry = min(expires for _, expires in taken.lots)
    lot = taken.lots[0][0] if len(set(taken.lots)) == 1 else ""
    source = Source(taken.gtin14, expiry if lot else None, lot) if taken.gtin14 and len(dose) == 1 else None
    code, kind = dose_code(house.bedside, order.number, source)
    return DoseLabel(
        form=form,
        hospital=house.name,
        patient_name=order.patient.name,
        mrn=order.patient.mrn,
        birth_date=born,
        unit_bed=order.place,
        drug=tall_man(in_safe_words(package.name)),
        dose=str(ordered),
        volume=volume_of(dose, ordered),
        give=how_given(dose),
        route=in_safe_words(order.route),
        due=_due(first),
        use_by=day(expiry),
        prepared_by=prepared_by,
        made_at=unmistakable(now, order.zone),
        serial=serial,
        order_number=order.number,
        product=", ".join(text for text in (f"NDC {package.ndc}" if package.ndc else "", lot and f"lot {lot}") if text),
        banner=_banner(package) if form == forms.BAG else "",
        storage=_STORED[package.stored],
        auxiliary=tuple(_auxiliary(package)),
        high_alert=order.high_alert or package.high_alert,
        bedside_code=code,
        bedside_kind=kind,
        test=house.test,
    )


def use_by_instant(taken: Taken, zone: str) -> datetime:
    """Until when a dose may be given: its first lot to expire is good through that whole day, where the patient is."""
    expiry = min(expires for _, expires in taken.lots)
    return place(datetime.combine(expiry + timedelta(days=1), datetime.min.time()), zone).at


def drawer_label(
    fill: FillFacts,
    drawer: DrawerFacts,
    lines: Sequence[LineFacts],
    house: House,
    *,
    tall: bool,
    now: datetime,
    serial: str,
) -> DrawerLabel:
    """The label of one drawer; `lines` are all live lines of its patient in this fill. Raises Refused."""
    if not lines:
        raise Refused("Nothing is planned for this drawer any more. It needs no label.")
    patient = lines[0].order.patient
    inside = [line for line in lines if line.work_id == drawer.work_id and _in_drawer(line)]
    count = len({(line.order.order_id, line.due_at) for line in inside})
    drugs = len({line.order.order_id for line in inside})
    return DrawerLabel(
        hospital=house.name,
        cart=fill.cart_name,
        drawer=f"{'Bag' if fill.kind == 'first dose' else 'Drawer'} {drawer.number}",
        part=_part(fill, drawer),
        patient_name=patient.name,
        mrn=patient.mrn,
        birth_date=_born(lines[0]),
        unit_bed=lines[0].order.place,
        from_=unmistakable(fill.start_at, fill.zone),
        until=unmistakable(fill.end_at, fill.zone),
        count=f"{counted(count, 'dose')} of {counted(drugs, 'drug')}",
        allergies=_allergies(lines[0]),
        planned=_planned(fill),
        made_at=unmistakable(now, fill.zone),
        serial=serial,
        elsewhere=tuple(_elsewhere(lines)) if drawer.sequence == 1 else (),
        contents=tuple(contents_of(inside, fill.zone)) if tall else (),
        tall=tall,
        test=house.test,
    )


def that_has_room(label: DrawerLabel) -> DrawerLabel:
    """The label itself, or without its list where the list has no room: then the label says so."""
    bare = replace(label, contents=())
    return bare if label.contents and problems(label) and not problems(bare) else label


def tote_label(
    fill: FillFacts,
    tote: str,
    ward: str,
    holds: Sequence[str],
    house: House,
    *,
    packed_by: str,
    now: datetime,
    serial: str,
) -> ToteLabel:
    """The label of a tote with what was packed into it."""
    return ToteLabel(
        hospital=house.name,
        tote=tote,
        to=ward,
        cart=fill.cart_name,
        from_=unmistakable(fill.start_at, fill.zone),
        until=unmistakable(fill.end_at, fill.zone),
        leaves=unmistakable(fill.leaves_at, fill.zone),
        holds=tuple(holds),
        packed_by=packed_by,
        made_at=unmistakable(now, fill.zone),
        serial=serial,
        test=house.test,
    )


# --- its words ------------------------------------------------------------------------------------------------------


def _born(line: LineFacts) -> date:
    if line.order.patient.born is None:
        raise Refused(
            f"The date of birth of {line.order.patient.name} is not known, and a label needs two identifiers. Ask the "
            "ward to send it."
        )
    return line.order.patient.born


def _due(line: LineFacts) -> str:
    if made_of(line)[0].uses is not None:
        return EACH_DOSE
    return unmistakable(line.due_at, line.order.zone) if line.due_at else AS_NEEDED


def _refuse_another_amount(dose: Lines, ordered: Quantity) -> None:
    """The packages of a dose make exactly what is ordered, wherever both are said in the same dimension."""
    made = [made_of(line) for line in dose]
    if any(package.uses is not None for package, _ in made):
        return
    if any(package.content.dimension != ordered.dimension for package, _ in made):
        return
    total = sum((EXACT.multiply(units, package.content.to(ordered.unit).value) for package, units in made), Decimal(0))
    if total != ordered.value:
        raise Refused(
            f"The packages of this dose make {Quantity(total, ordered.unit)}, and {ordered} is ordered. Do not use "
            "them; ask a pharmacist."
        )


def _banner(package: UnitDoseFacts) -> str:
    """What a bag of its own must shout; '' for a package that lies in the drawer."""
    said = (package.stored == "refrigerator", package.hazardous, package.oversize)
    return "   ".join(words for words, true in zip(_BANNERS, said, strict=True) if true)


def _auxiliary(package: UnitDoseFacts) -> Iterator[str]:
    if package.hazardous:
        yield "Wear gloves, do not crush"
    if not package.by_tube:
        yield "Do not send by tube"


def _in_drawer(line: LineFacts) -> bool:
    return line.packages > 0 and not _banner(made_of(line)[0])


def _part(fill: FillFacts, drawer: DrawerFacts) -> str:
    if drawer.sequence > 1:
        return f"Added later: bag {drawer.sequence}"
    return "First doses" if fill.kind == "first dose" else ""


def _allergies(line: LineFacts) -> str:
    patient = line.order.patient
    if patient.allergies:
        return f"{len(patient.allergies)} allerg{'y' if len(patient.allergies) == 1 else 'ies'} on record"
    return "No known allergies" if patient.allergies_reviewed else "Allergies not reviewed"


def _planned(fill: FillFacts) -> str:
    if fill.planned_at is None:
        return "not yet"
    return f"{unmistakable(fill.planned_at, fill.zone)}, version {fill.version}"


def _elsewhere(lines: Iterable[LineFacts]) -> Iterator[str]:
    """What reaches the patient another way in this window: '2 from the cabinet'."""
    ways: dict[str, int] = {}
    for line in lines:
        if line.packages:
            words = _BANNERS.get(_banner(made_of(line)[0]).split("   ")[0])
        else:
            words = _OTHER_WAY.get(line.route)
        if words:
            ways[words] = ways.get(words, 0) + 1
    for words, count in ways.items():
        yield f"{count} {words}"
