"""A preparation is a fold: the worksheet and the records so far say what is done, what is next and what is in the way.

The hood's screen, the pharmacist's review and the replay all use this one fold.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from app.core.quantity import Quantity, Ratio
from app.core.wording import number
from compounding.gravimetry import (
    AmountMade,
    Judgement,
    amount_made,
    gain,
    judge_mass,
    loss,
    tolerance_floor,
)
from compounding.recipe import Draw, Inject, Inspect, Mix, Recipe, Reconstitute, Scan, Step, Weigh
from compounding.reconstitution import Reconstituted, reconstituted
from compounding.records import Asked, Half, Helped, Labelled, Photographed, Record, Redone, Scanned, Stopped, Weighed
from compounding.syringe import graduation
from compounding.worksheet import Candidate, Worksheet, density_for


@dataclass(frozen=True)
class Label:
    """The dispensing label is made; nobody does this, it follows the last verified step."""

    key: str = "label"


@dataclass(frozen=True)
class Pair:
    """Label and tray are scanned together."""

    key: str = "pair"


@dataclass(frozen=True)
class Shot:
    """The labelled bag is photographed."""

    key: str = "photo"


Evidence = Scan | Weigh | Inspect | Label | Pair | Shot
Act = Reconstitute | Draw | Inject | Mix
AnyStep = Step | Label | Pair | Shot
TAIL: tuple[Label | Pair | Shot, ...] = (Label(), Pair(), Shot())


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


@dataclass(frozen=True)
class Standing:
    """Where a preparation stands.

    `passed` names the acts that are done, because NEXT was said or what follows them is there.
    `current` is the step that waits for evidence (None: only the signature is missing); `acts` are the instructions
    to carry out before it; `done` holds the valid records by step; `set_aside` what a correction replaced.
    """

    done: Mapping[str, Record]
    current: Evidence | None
    acts: tuple[Act, ...]
    passed: frozenset[str]
    bound: Mapping[str, Candidate]
    drawn: Mapping[str, Drawn]
    vials: Mapping[str, Reconstituted]
    added: Mapping[str, Judgement]
    stops: tuple[Record, ...]
    redone: tuple[Record, ...]
    set_aside: tuple[Record, ...]
    question: Asked | None
    stop: Stopped | None
    half: Half | None
    help: Helped | None
    blockers: tuple[str, ...]


def steps_of(recipe: Recipe) -> tuple[AnyStep, ...]:
    """All steps of a preparation: the recipe's, then label, pair and photo."""
    return (*recipe.steps, *TAIL)


def standing(sheet: Worksheet, records: Sequence[Record]) -> Standing:
    """Fold the records of a preparation, in their order, over its worksheet."""
    steps = steps_of(sheet.recipe)
    order = {step.key: i for i, step in enumerate(steps)}
    done: dict[str, Record] = {}
    halves: dict[str, Record] = {}
    stops, redone, set_aside = [], [], []
    question: Asked | None = None
    stop: Stopped | None = None
    call: Helped | None = None
    for record in records:
        match record.facts:
            case Stopped() as facts:
                stops.append(record)
                stop, question = facts, None
                continue
            case Asked() as facts:
                question, stop = facts, None
                continue
            case Helped() as facts:
                call = facts if facts.words else None
                continue
            case Redone():
                redone.append(record)
                gone = [key for key in done if order[key] >= order[record.step]]
                set_aside += [done.pop(key) for key in gone]
                halves.clear()
            case Half() as facts:
                halves[facts.of] = record
                if len(halves) == 2:
                    done["pair"] = record
            case _:
                if record.step in done:
                    set_aside.append(done[record.step])
                done[record.step] = record
        question, stop = None, None
    current, acts = _current(steps, done)
    bound = _bound(sheet, done)
    vials, added = _vials(sheet, done, bound)
    drawn = _drawn(sheet, done, bound, vials)
    return Standing(
        done=done,
        current=current,
        acts=acts,
        passed=_passed(steps, current, acts),
        bound=bound,
        drawn=drawn,
        vials=vials,
        added=added,
        stops=tuple(stops),
        redone=tuple(redone),
        set_aside=tuple(set_aside),
        question=question,
        stop=stop,
        half=next((r.facts for r in halves.values() if isinstance(r.facts, Half)), None) if len(halves) == 1 else None,
        help=call,
        blockers=_blockers(steps, done, drawn),
    )


def _current(steps: Sequence[AnyStep], done: Mapping[str, Record]) -> tuple[Evidence | None, tuple[Act, ...]]:
    """The first step without its evidence, and the acts before it that nobody said NEXT to yet."""
    acts: list[Act] = []
    for step in steps:
        if isinstance(step, (Reconstitute, Draw, Inject, Mix)):
            if step.key not in done:
                acts.append(step)
        elif step.key in done:
            acts.clear()
        else:
            return step, tuple(acts)
    return None, ()


def _passed(steps: Sequence[AnyStep], current: Evidence | None, acts: Sequence[Act]) -> frozenset[str]:
    pending = {act.key for act in acts}
    found = set()
    for step in steps:
        if current is not None and step.key == current.key:
            break
        if isinstance(step, (Reconstitute, Draw, Inject, Mix)) and step.key not in pending:
            found.add(step.key)
    return frozenset(found)


def _bound(sheet: Worksheet, done: Mapping[str, Record]) -> dict[str, Candidate]:
    found = {}
    for step in sheet.recipe.steps:
        record = done.get(step.key)
        if isinstance(step, Scan) and record and isinstance(record.facts, Scanned):
            candidate = sheet.candidate(step.slot, record.facts.product_id)
            if candidate:
                found[step.slot] = candidate
    return found


def _mass(sheet: Worksheet, done: Mapping[str, Record], act: str) -> tuple[Decimal, int] | None:
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


def _vials(
    sheet: Worksheet, done: Mapping[str, Record], bound: Mapping[str, Candidate]
) -> tuple[dict[str, Reconstituted], dict[str, Judgement]]:
    """What each weighed vial holds after mixing, and the verdict on the diluent that was added."""
    vials, added = {}, {}
    for step in sheet.recipe.steps:
        if not isinstance(step, Reconstitute) or step.slot not in bound or step.vehicle not in bound:
            continue
        moved = _mass(sheet, done, step.key)
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


def _drawn(
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
        moved = _mass(sheet, done, step.key)
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


def may_redo(sheet: Worksheet, where: Standing, key: str) -> bool:
    """Tell whether a step can physically be done again: no act that cannot be undone lies between it and now."""
    steps = steps_of(sheet.recipe)
    order = {step.key: i for i, step in enumerate(steps)}
    if key not in order or key not in where.done or key == "label":
        return False
    reached = max((order[k] for k in where.done), default=-1)
    later = steps[order[key] + 1 : reached + 1]
    return not any(isinstance(step, (Reconstitute, Draw, Inject)) for step in later)


def missing(step: AnyStep) -> str:
    """Say what a step still lacks, as a blocker."""
    match step:
        case Scan(slot=slot):
            return f"the {slot} is not scanned"
        case Weigh(object=thing, state=state):
            return f"the {thing} is not weighed ({state})"
        case Inspect():
            return "the bag is not inspected"
        case Label():
            return "the label is not made"
        case Pair():
            return "label and tray are not scanned together"
        case Shot():
            return "the labelled bag is not photographed"
        case _:
            return f"{step.key} is not done"


def _blockers(steps: Sequence[AnyStep], done: Mapping[str, Record], drawn: Mapping[str, Drawn]) -> tuple[str, ...]:
    waiting = [
        missing(step)
        for step in steps
        if not isinstance(step, (Reconstitute, Draw, Inject, Mix)) and step.key not in done
    ]
    wrong = [
        f"{d.drug} is {number(abs(d.judgement.deviation_ml).quantize(Decimal('0.01')))} mL "
        f"{'too much' if d.judgement.verdict == 'over' else 'too little'}"
        for d in drawn.values()
        if d.judgement and d.judgement.verdict in ("over", "under")
    ]
    return (*waiting, *wrong)


def label_serial(where: Standing) -> str | None:
    """The serial of the label made for this preparation, if it was."""
    record = where.done.get("label")
    return record.facts.serial if record and isinstance(record.facts, Labelled) else None


def photo_sha256(where: Standing) -> str | None:
    """The photo of the labelled bag, if it was taken."""
    record = where.done.get("photo")
    return record.facts.sha256 if record and isinstance(record.facts, Photographed) else None
