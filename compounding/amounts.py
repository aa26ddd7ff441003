"""What was added and drawn, and what it should be: the arithmetic behind every verdict of a preparation."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from app.core.quantity import Quantity, Ratio
from compounding.gravimetry import AmountMade, Judgement, amount_made, gain, judge_mass, loss, tolerance_floor
from compounding.recipe import Draw, Reconstitute
from compounding.reconstitution import Reconstituted, reconstituted
from compounding.records import Record, Weighed
from compounding.syringe import graduation
from compounding.worksheet import Candidate, Worksheet, density_for


@dataclass(frozen=True)
class Drawn:
    """What a draw should be and, once weighed, what it was. `target_ml` follows the vial as it really is."""

    act: str
    drug: str
    ordered: Quantity
    target_ml: Decimal
    concentration: Ratio
    concentration_u_percent: Decimal
    judgement: Judgement | None
    made: AmountMade | None


def mass_moved(sheet: Worksheet, done: Mapping[str, Record], act: str) -> tuple[Decimal, int] | None:
    """The signed mass that an act moved, in g, and the fewer of the readings behind its two weights."""
    weigh = sheet.recipe.judge_of(act)
    if weigh is None or weigh.judges is None:
        return None
    before, after = done.get(weigh.judges.since), done.get(weigh.key)
    if not (before and after and isinstance(before.facts, Weighed) and isinstance(after.facts, Weighed)):
        return None
    difference = gain if weigh.judges.sense == "gain" else loss
    readings = min(before.facts.readings, after.facts.readings)
    return difference(before.facts.value_g, after.facts.value_g), readings


def vials_of(
    sheet: Worksheet, done: Mapping[str, Record], bound: Mapping[str, Candidate]
) -> tuple[dict[str, Reconstituted], dict[str, Judgement]]:
    """What each weighed vial holds after mixing, and the verdict on the diluent that was added."""
    vials, added = {}, {}
    for step in sheet.recipe.steps:
        if not isinstance(step, Reconstitute) or step.slot not in bound or step.vehicle not in bound:
            continue
        moved = mass_moved(sheet, done, step.key)
        vial = bound[step.slot]
        if moved is None or vial.content is None or vial.displacement_ml is None or vial.displacement_u_ml is None:
            continue
        density, balance = density_for(sheet.recipe, step, bound), sheet.balance
        added[step.key] = judge_act(sheet, step, step.volume.to("mL").value, moved[0], moved[1], bound)
        if moved[0] > 0:
            vials[step.slot] = reconstituted(
                content=vial.content,
                before_g=Decimal(0),
                after_g=moved[0],
                density_g_per_ml=density.g_per_ml,
                density_u=density.u,
                displacement_ml=vial.displacement_ml,
                displacement_u=vial.displacement_u_ml,
                readability_g=balance.readability_g,
                repeatability_g=balance.repeatability_g,
                readings=moved[1],
                source=f"weighed; displacement: {vial.displacement_source}",
            )
    return vials, added


def judge_act(
    sheet: Worksheet,
    act: Draw | Reconstitute,
    target_ml: Decimal,
    mass_g: Decimal,
    readings: int,
    bound: Mapping[str, Candidate],
) -> Judgement:
    """Judge the signed mass that an act moved against its target, by the recipe's tolerance and the syringe's marks."""
    recipe = sheet.recipe
    density = density_for(recipe, act, bound)
    size = act.syringe.to("mL").value if isinstance(act, Draw) else act.volume.to("mL").value
    floor = (
        tolerance_floor(target_ml, graduation(size), recipe.hard_limit_percent) if isinstance(act, Draw) else Decimal(0)
    )
    return judge_mass(
        target_ml=target_ml,
        density_g_per_ml=density.g_per_ml,
        density_u=density.u,
        mass_g=mass_g,
        readability_g=sheet.balance.readability_g,
        repeatability_g=sheet.balance.repeatability_g,
        readings=readings,
        tolerance_percent=recipe.tolerance_percent,
        floor_ml=floor,
    )


def drawn_of(
    sheet: Worksheet,
    done: Mapping[str, Record],
    bound: Mapping[str, Candidate],
    vials: Mapping[str, Reconstituted],
) -> dict[str, Drawn]:
    found = {}
    for step in sheet.recipe.steps:
        if not isinstance(step, Draw) or step.slot not in bound:
            continue
        target = target_of(sheet, step, bound, vials)
        if target is None:
            continue
        ordered, volume, concentration, u_percent = target
        moved = mass_moved(sheet, done, step.key)
        judgement = made = None
        if moved is not None:
            judgement = judge_act(sheet, step, volume, moved[0], moved[1], bound)
            made = amount_made(ordered, volume, judgement, u_percent)
        found[step.key] = Drawn(
            step.key, sheet.recipe.slot(step.slot).drug, ordered, volume, concentration, u_percent, judgement, made
        )
    return found


def target_of(
    sheet: Worksheet, draw: Draw, bound: Mapping[str, Candidate], vials: Mapping[str, Reconstituted]
) -> tuple[Quantity, Decimal, Ratio, Decimal] | None:
    """What to draw: the amount, its volume in mL, the concentration and that concentration's uncertainty in percent.

    A weighed vial counts as it was measured; an unweighed one as its label and displacement say. None while what is
    needed for it has not been weighed yet.
    """
    vial = bound[draw.slot]
    if vial.content is None:
        return None
    mixing = next((s for s in sheet.recipe.steps if isinstance(s, Reconstitute) and s.slot == draw.slot), None)
    u_percent = Decimal(0)
    if mixing and sheet.recipe.judge_of(mixing.key):
        if draw.slot not in vials:
            return None
        concentration, whole = vials[draw.slot].concentration, vials[draw.slot].volume_ml
        u_percent = vials[draw.slot].uncertainty_percent
    else:
        added = mixing.volume.to("mL").value + (vial.displacement_ml or Decimal(0)) if mixing else vial.volume_ml
        if added is None:
            return None
        whole = added
        source = f"label content; displacement: {vial.displacement_source}" if mixing else "label"
        concentration = Ratio(vial.content, Quantity(whole, "mL"), source)
    ordered = sheet.doses[sheet.recipe.slot(draw.slot).drug]
    if draw.amount == "all":
        return vial.content, whole, concentration, u_percent
    return ordered, concentration.volume_of(ordered).to("mL").value, concentration, u_percent


def planned_vials(sheet: Worksheet, bound: Mapping[str, Candidate]) -> dict[str, Reconstituted]:
    """What each vial should hold after mixing, for planning before anything is weighed."""
    found = {}
    for step in sheet.recipe.steps:
        if isinstance(step, Reconstitute):
            vial = bound[step.slot]
            if vial.content is not None and vial.displacement_ml is not None:
                volume = step.volume.to("mL").value + vial.displacement_ml
                ratio = Ratio(vial.content, Quantity(volume, "mL"), "planned")
                found[step.slot] = Reconstituted(ratio, volume, Decimal(0), Decimal(0))
    return found
