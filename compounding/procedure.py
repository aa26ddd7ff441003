"""A preparation is a fold: the worksheet and the records so far say what is done, what is next and what is in the way.

The hood's screen, the pharmacist's review and the replay all use this one fold.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from app.core.wording import number
from compounding.amounts import Drawn, drawn_of, vials_of
from compounding.gravimetry import Judgement
from compounding.recipe import Draw, Inject, Inspect, Mix, Recipe, Reconstitute, Scan, Step, Weigh
from compounding.reconstitution import Reconstituted
from compounding.records import Asked, Half, Helped, Labelled, Photographed, Record, Redone, Scanned, Stopped
from compounding.worksheet import Candidate, Worksheet


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
            case Labelled():
                # Another label: what was scanned back and photographed with the one before proves nothing any more.
                set_aside += [done.pop(key) for key in ("label", "pair", "photo") if key in done]
                halves.clear()
                done["label"] = record
            case _:
                if record.step in done:
                    set_aside.append(done[record.step])
                done[record.step] = record
        question, stop = None, None
    current, acts = _current(steps, done)
    bound = _bound(sheet, done)
    vials, added = vials_of(sheet, done, bound)
    drawn = drawn_of(sheet, done, bound, vials)
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
            candidate = sheet.candidate(step.slot, record.facts.package_id)
            if candidate:
                found[step.slot] = candidate
    return found


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
