"""What lies on the bench of a pretend hood: containers with their masses, what was done to them, and the next move.

Part of the trial installation only. The masses follow the recipe's own arithmetic; they reach the product as bytes of
the simulated balance, never in any other way.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

from compounding.instructions import instruction, sentences
from compounding.opened import Opened
from compounding.procedure import Act, Label, Pair, Shot, label_serial
from compounding.recipe import Draw, Inject, Inspect, Mix, Reconstitute, Scan, Weigh
from compounding.records import Weighed
from compounding.weighing import gauge
from compounding.worksheet import density_for

SYRINGE_G = Decimal("9.81")
UNKNOWN_G = Decimal(50)
MUG_G = Decimal("317.20")
SPILT_G = Decimal(3)
A_BIT_ML = Decimal("0.06")
WRONG_ML = Decimal(3)
NEAR_G = Decimal("0.05")


@dataclass(frozen=True)
class Move:
    """One thing a person at the bench does. `verb`: put, lift, act, right, scan, photo, order, wait or look.

    `what` is the object, the act or the code; `words` stand on the button or, for wait and look, as a sentence.
    """

    verb: str
    what: str
    words: str


@dataclass
class Table:
    """The things of one dose: grams by object, millilitres drawn by draw, and the acts that were carried out."""

    grams: dict[str, Decimal] = field(default_factory=dict)
    drawn: dict[str, Decimal] = field(default_factory=dict)
    acted: set[str] = field(default_factory=set)


def lay(at: Opened, table: Table) -> None:
    """See that everything the recipe names lies on the bench, and that nothing is lighter than its last weight.

    A table that was just laid for a dose under way (the trial was started again) takes the recorded weights.
    """
    fresh = not table.grams
    recipe = at.sheet.recipe
    for step in recipe.steps:
        names = {step.object} if isinstance(step, Weigh) else {step.slot} if isinstance(step, Scan) else set()
        for name in names - table.grams.keys():
            table.grams[name] = _full(at, name)
        record = at.where.done.get(step.key)
        if fresh and isinstance(step, Weigh) and record and isinstance(record.facts, Weighed):
            table.grams[step.object] = record.facts.value_g
    if fresh:
        table.acted |= at.where.passed


def _full(at: Opened, name: str) -> Decimal:
    """The pretend mass of a full container: the middle of what the product may weigh, a little different each time."""
    found = at.sheet.candidates.get(name, ())
    if not found:
        return SYRINGE_G
    low, high = found[0].gross_min_g, found[0].gross_max_g
    middle = (low + high) / 2 if low is not None and high is not None else UNKNOWN_G
    return middle + Decimal(at.item.id * 37 % 100 - 50) / 100


def perform(at: Opened, table: Table, key: str, off_ml: Decimal = A_BIT_ML) -> None:
    """Carry out one act of the recipe, `off_ml` beside what is wanted; an act that was done stays done."""
    act = next((each for each in at.where.acts if each.key == key), None)
    if act is None or key in table.acted:
        return
    recipe, bound, grams = at.sheet.recipe, at.where.bound, table.grams
    match act:
        case Reconstitute():
            volume = act.volume.to("mL").value + off_ml
            moved = volume * density_for(recipe, act, bound).g_per_ml
            grams[act.slot] = grams.get(act.slot, UNKNOWN_G) + moved
        case Draw():
            wanted = at.where.drawn.get(act.key)
            volume = (wanted.target_ml if wanted else Decimal(0)) + off_ml
            table.drawn[act.key] = volume
            moved = volume * density_for(recipe, act, bound).g_per_ml
            grams[act.slot] = grams.get(act.slot, UNKNOWN_G) - moved
            grams["syringe"] = grams.get("syringe", SYRINGE_G) + moved
        case Inject():
            draw = recipe.step(act.draw)
            moved = grams.get("syringe", SYRINGE_G) - SYRINGE_G
            if isinstance(draw, Draw) and draw.key in table.drawn:
                moved = table.drawn.pop(draw.key) * density_for(recipe, draw, bound).g_per_ml
            grams[act.into] = grams.get(act.into, UNKNOWN_G) + moved
            grams["syringe"] = grams.get("syringe", SYRINGE_G) - moved
    table.acted.add(key)


def put_right(at: Opened, table: Table) -> None:
    """Rinse, add or expel until the weighing that waits would be right."""
    step = at.where.current
    band = gauge(at.sheet, at.where, step) if isinstance(step, Weigh) else None
    if band and isinstance(step, Weigh):
        table.grams[step.object] = band.target_g + Decimal("0.03")


def pending(at: Opened, table: Table) -> tuple[Act, ...]:
    """The acts that the hood asks for and nobody has carried out yet."""
    return tuple(act for act in at.where.acts if act.key not in table.acted)


def words_of(at: Opened, act: Act) -> str:
    """An act as the words of a button: short, verb first."""
    match act:
        case Reconstitute(slot=slot, volume=volume):
            return f"Add {volume} to the {slot}"
        case Draw(slot=slot, amount=amount):
            return f"Withdraw all from the {slot}" if amount == "all" else f"Draw the dose from the {slot}"
        case Inject(into=into):
            return f"Inject into the {into}"
        case Mix():
            return "Mix"
    return " ".join(sentences(at.sheet, at.where, (act,)))


def hood_says(at: Opened) -> tuple[str, ...]:
    """What the hood's screen asks for now, as sentences."""
    now = instruction(at.sheet, at.where)
    return (*now.does, f"{now.then}: {now.name}" if now.name else now.then)


def next_move(at: Opened, table: Table, on_pan: str, code: Callable[[str], str]) -> Move:
    """The one sensible thing to do now; `code(slot)` is what a scanner reads from the right container."""
    step, where = at.where.current, at.where
    acts = pending(at, table)
    if isinstance(step, Weigh) and not acts:
        return _weighing(at, table, step, on_pan)
    if on_pan:
        return Move("lift", "", f"Lift the {on_pan} off the pan")
    if acts:
        return Move("act", acts[0].key, words_of(at, acts[0]))
    match step:
        case Scan() if where.question is not None:
            return Move("scan", "CARD-YES", "Scan the YES card: this lot")
        case Scan(slot=slot):
            return Move("scan", code(slot), f"Scan the {slot}")
        case Inspect():
            return Move("scan", "CARD-YES", "Look at the bag, then scan the YES card")
        case Label():
            return Move("wait", "", "The label is being made.")
        case Pair() if where.half is None or where.half.of != "label":
            return Move("scan", label_serial(where) or "", "Apply the label and scan it")
        case Pair():
            return Move("scan", at.preparation.tray, "Scan the tray")
        case Shot():
            return Move("photo", "", "Take the picture of the labelled bag")
    return Move("look", "", "Sign as prepared on the hood's page.")


def _weighing(at: Opened, table: Table, step: Weigh, on_pan: str) -> Move:
    if on_pan != step.object:
        if on_pan:
            return Move("lift", "", f"Lift the {on_pan} off the pan")
        return Move("put", step.object, f"Put the {step.object} on the pan")
    band = gauge(at.sheet, at.where, step)
    grams = table.grams[step.object]
    if band is None or band.low_g <= grams <= band.high_g:
        return Move("wait", "", "Wait: the hood takes a still weight by itself.")
    if band.before_g is not None and abs(grams - band.before_g) <= NEAR_G:
        return Move("lift", "", f"Lift the {on_pan} off the pan")
    return Move("right", "", "Put the amount right (rinse, add or expel)")
