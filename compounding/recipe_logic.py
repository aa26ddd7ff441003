"""What does not hang together in a recipe whose parts are each well formed."""

from collections.abc import Iterator

from compounding.recipe import Draw, Inject, Inspect, Recipe, Reconstitute, Scan, Slot, Step, Weigh

BAG_ONLY = ("vincristine", "vinblastine", "vinorelbine", "vindesine")
"""Vinca alkaloids are fatal by any route but the vein; a syringe invites the wrong one."""


def inconsistencies(recipe: Recipe) -> Iterator[tuple[str, str]]:
    """Find what does not hang together in a document whose parts are each well formed."""
    keys = [s.key for s in recipe.steps]
    slots = {s.key: s for s in recipe.slots}
    if len(set(keys)) != len(keys):
        yield "steps", "Two steps have the same key."
    if len(slots) != len(recipe.slots):
        yield "containers", "Two containers have the same key."
    served, additives = {a.drug for a in recipe.additives}, {s.drug for s in recipe.slots if s.role == "additive"}
    if served != additives:
        yield "containers", "The additive containers must hold exactly the drugs that the recipe serves."
    bases = [s for s in recipe.slots if s.role == "base"]
    if len(bases) != 1 or bases[0].drug != recipe.base:
        yield "containers", "There must be exactly one base container, and it must hold the base that is served."
    elif bases[0].volume != recipe.base_volume:
        yield "containers", "The base container must hold the base volume that is served."
    for slot in recipe.slots:
        if slot.role == "additive" and slot.content is None:
            yield "containers", f"The content of '{slot.key}' is missing."
        if slot.container == "liquid vial" and slot.volume is None:
            yield "containers", f"The volume of '{slot.key}' is missing."
    vinca = [a.drug for a in recipe.additives if a.drug in BAG_ONLY]
    if vinca and bases and bases[0].container != "bag":
        yield "containers", f"{vinca[0]} may be made in a bag only (ISMP; FDA 2020)."
    yield from _step_inconsistencies(recipe, slots)


def _step_inconsistencies(recipe: Recipe, slots: dict[str, Slot]) -> Iterator[tuple[str, str]]:
    position = {step.key: i for i, step in enumerate(recipe.steps)}
    scanned = {s.slot: position[s.key] for s in recipe.steps if isinstance(s, Scan)}
    acts = {s.key: s for s in recipe.steps if isinstance(s, (Draw, Reconstitute))}
    injected = {s.draw: position[s.key] for s in recipe.steps if isinstance(s, Inject)}
    for key in slots.keys() - scanned.keys():
        yield "steps", f"'{key}' is never scanned."
    for step in recipe.steps:
        here, where = position[step.key], f"steps.{position[step.key] + 1}"
        for key in _containers_of(step):
            if key not in slots:
                yield where, f"There is no container '{key}'."
            elif scanned.get(key, here + 1) > here:
                yield where, f"'{key}' is used before it is scanned."
        if isinstance(step, Inject) and (step.draw not in acts or position[step.draw] > here):
            yield where, "It injects something that was not drawn before."
        if isinstance(step, Weigh) and step.judges:
            yield from _judged_wrongly(recipe, step, position, acts, injected, where)
    for key, act in acts.items():
        judges = [s for s in recipe.steps if isinstance(s, Weigh) and s.judges and s.judges.act == key]
        if isinstance(act, Draw) and len(judges) != 1:
            yield "steps", f"The draw '{key}' must be proved by exactly one weighing."
        if isinstance(act, Draw) and key not in injected:
            yield "steps", f"What '{key}' draws is never injected."
    if not isinstance(recipe.steps[-1], Inspect):
        yield "steps", "The last step must be the inspection."


def _judged_wrongly(
    recipe: Recipe,
    weigh: Weigh,
    position: dict[str, int],
    acts: dict[str, Draw | Reconstitute],
    injected: dict[str, int],
    where: str,
) -> Iterator[tuple[str, str]]:
    judged = weigh.judges
    assert judged is not None
    here = position[weigh.key]
    before = next((s for s in recipe.steps if isinstance(s, Weigh) and s.key == judged.since), None)
    act = acts.get(judged.act)
    if act is None or position[judged.act] > here:
        yield where, "It judges an act that was not done before."
        return
    if before is None or position[before.key] >= position[judged.act]:
        yield where, "The weighing it starts from must come before the act."
        return
    if (before.object, before.state) != (weigh.object, weigh.state):
        yield where, "Both weighings of a difference must name the same object in the same state."
    between = [a for a in acts if position[before.key] < position[a] < here]
    if isinstance(act, Reconstitute):
        if judged.sense != "gain" or weigh.object != act.slot:
            yield where, "A reconstitution is judged by what its vial gains."
        return
    base = next(slot.key for slot in recipe.slots if slot.role == "base")
    wanted = {"bag-gain": ("gain", base), "vial-loss": ("loss", act.slot), "syringe": ("gain", "syringe")}
    sense, thing = wanted[recipe.proof]
    if judged.sense != sense or weigh.object != thing:
        yield where, f"The proof '{recipe.proof}' needs the {sense} of the {thing}."
    if recipe.proof == "bag-gain":
        if not position[judged.act] < injected.get(judged.act, -1) < here:
            yield where, "A bag's gain is weighed after the injection."
        if [a for a in between if isinstance(acts[a], Draw)] != [judged.act]:
            yield where, "One addition a weighing: another draw lies between the two weights."
    elif injected.get(judged.act, here + 1) < here:
        yield where, "This draw must be judged before it is injected: it cannot be undone afterwards."


def _containers_of(step: Step) -> tuple[str, ...]:
    match step:
        case Scan(slot=slot) | Draw(slot=slot):
            return (slot,)
        case Reconstitute(slot=slot, vehicle=vehicle):
            return (slot, vehicle)
        case Inject(into=into):
            return (into,)
        case _:
            return ()
