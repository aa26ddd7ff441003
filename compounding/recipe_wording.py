"""A recipe as a pharmacist reads it: its parts as rows of words, its steps as sentences, and what a version changed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher

from app.core.error_prone import error_prone, in_safe_words
from app.core.quantity import Quantity
from app.core.wording import number
from compounding.recipe import Draw, Inject, Inspect, Mix, Recipe, Reconstitute, Scan, Served, Slot, Step, Weigh

_PROOFS = {
    "bag-gain": "the bag is weighed before and after the injection; its gain proves the amount",
    "vial-loss": "the vial is weighed before and after the draw; its loss proves the amount, before the injection",
    "syringe": "the capped syringe is weighed empty and filled; its gain proves the amount, before the injection",
}
_CATEGORIES = {"immediate": "immediate use", "1": "Category 1", "2": "Category 2", "3": "Category 3"}
_STORAGES = {"room": "at room temperature", "refrigerator": "refrigerated", "freezer": "frozen"}
_RECORD = {
    "dosage_form": "Dosage form",
    "equipment": "Equipment",
    "physical_description": "Physical description",
    "quality_control": "Quality control",
    "sterilization": "Sterilization",
    "stability_reference": "Stability reference",
}


@dataclass(frozen=True)
class Row:
    """One fact of a recipe: what it is about, and what the recipe says."""

    what: str
    says: str


@dataclass(frozen=True)
class Difference:
    """What one version changed against another: where, what stood there before ("" nothing) and what stands now."""

    what: str
    before: str
    after: str


def rows(recipe: Recipe, names: Mapping[str, str]) -> tuple[Row, ...]:
    """All that a recipe says beside its steps, in reading order; `names` calls drugs by code."""
    return tuple(_rows(recipe, names))


def sentences(recipe: Recipe, names: Mapping[str, str]) -> tuple[str, ...]:
    """The steps of a recipe as sentences, verb first, in their order."""
    return tuple(_sentence(recipe, step, names) for step in recipe.steps)


def label_doubts(recipe: Recipe) -> tuple[str, ...]:
    """What is error-prone in the words that this recipe puts on its labels, and what becomes of it."""
    found = []
    for text in (recipe.label_storage, *recipe.label_texts):
        safe = in_safe_words(text)
        found += [f"“{text}”: {problem.words} No label is printed with it." for problem in error_prone(safe)]
        found += [f"“{text}” is printed as “{safe}”."] if safe != text else []
    return tuple(found)


def differences(before: Recipe, after: Recipe, names: Mapping[str, str]) -> tuple[Difference, ...]:
    """Everything that differs between two versions: facts by name, steps by their place in the order."""
    old = {row.what: row.says for row in rows(before, names)}
    new = {row.what: row.says for row in rows(after, names)}
    what = list(dict.fromkeys([*old, *new]))
    found = [Difference(each, old.get(each, ""), new.get(each, "")) for each in what if old.get(each) != new.get(each)]
    return (*found, *_steps_differ(sentences(before, names), sentences(after, names)))


def _steps_differ(before: tuple[str, ...], after: tuple[str, ...]) -> Iterator[Difference]:
    for how, a, b, c, d in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if how == "equal":
            continue
        for i in range(max(b - a, d - c)):
            old = f"{a + i + 1}. {before[a + i]}" if a + i < b else ""
            new = f"{c + i + 1}. {after[c + i]}" if c + i < d else ""
            yield Difference("Step", old, new)


def _rows(recipe: Recipe, names: Mapping[str, str]) -> Iterator[Row]:
    yield Row("Name", recipe.name)
    for each in recipe.additives:
        yield Row(f"Makes {_drug(each.drug, names)}", _served(each))
    yield Row("In", f"{_drug(recipe.base, names)} {recipe.base_volume}")
    yield Row("Route", ", ".join(recipe.routes))
    for slot in recipe.slots:
        yield Row(f"Container “{slot.key}”", _slot(slot, names))
    yield Row("Proof", _PROOFS.get(recipe.proof, recipe.proof))
    yield Row("Tolerance", f"± {number(recipe.tolerance_percent)} % of the amount to draw")
    yield Row("Hard limit", f"{number(recipe.hard_limit_percent)} %, never wider, whatever the syringe")
    dating = recipe.dating
    start = "from sterile components only" if dating.sterile_start else "not only from sterile components"
    tested = "sterility tested" if dating.tested else "not sterility tested"
    process = "aseptic processing" if dating.process == "aseptic" else "terminal sterilization"
    yield Row("Beyond use", f"USP <797> {_CATEGORIES[dating.category]}, {process}, {start}, {tested}")
    yield Row("Kept", _STORAGES[dating.storage])
    yield Row("Stable for", f"{number(dating.stability_hours)} hours ({dating.source})")
    yield Row("On the label", "; ".join((recipe.label_storage, *recipe.label_texts)))
    yield Row("High alert", "yes" if recipe.high_alert else "no")
    for key, words in recipe.record.items():
        yield Row(_RECORD.get(key, key.replace("_", " ").capitalize()), words)


def _served(each: Served) -> str:
    return str(each.least) if each.least == each.most else f"{each.least} to {each.most}"


def _slot(slot: Slot, names: Mapping[str, str]) -> str:
    size = _size(slot.content, slot.volume)
    return f"{slot.container} of {_drug(slot.drug, names)}{size} ({slot.role})"


def _size(content: Quantity | None, volume: Quantity | None) -> str:
    if content is not None and volume is not None:
        return f", {content} in {volume}"
    return f", {content or volume}" if content or volume else ""


def _drug(code: str, names: Mapping[str, str]) -> str:
    return names.get(code, code)


def _sentence(recipe: Recipe, step: Step, names: Mapping[str, str]) -> str:
    match step:
        case Scan(slot=slot):
            return f"Scan the {slot} ({_drug(recipe.slot(slot).drug, names)})."
        case Reconstitute(slot=slot, vehicle=vehicle, volume=volume, say=say):
            return f"Add {volume} of {_drug(recipe.slot(vehicle).drug, names)} to the {slot}. {say}"
        case Draw(slot=slot, amount=amount, syringe=syringe):
            what = "Withdraw all" if amount == "all" else "Draw the ordered dose"
            return f"{what} from the {slot} with a {syringe} syringe."
        case Inject(draw=draw, into=into):
            drawn = next((each.slot for each in recipe.steps if isinstance(each, Draw) and each.key == draw), "vial")
            return f"Inject what was drawn from the {drawn} into the {into}."
        case Mix(say=say):
            return say
        case Weigh(object=thing, state=state, judges=judges):
            return f"Weigh the {thing} ({state})." if judges is None else _judging(recipe, step, names)
        case Inspect(say=say):
            return f"Look at the bag: {say}."


def _judging(recipe: Recipe, step: Weigh, names: Mapping[str, str]) -> str:
    judged = step.judges
    assert judged is not None
    act = recipe.step(judged.act)
    what = f"the draw from the {act.slot}" if isinstance(act, Draw) else "the reconstitution"
    return f"Weigh the {step.object} again ({step.state}): its {judged.sense} proves {what}."
