"""What the hood says: one instruction a screen, verb first, in the language of the syringe."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from app.core.wording import day, number
from compounding.procedure import (
    Act,
    AnyStep,
    Evidence,
    Label,
    Pair,
    Shot,
    Standing,
    steps_of,
)
from compounding.recipe import Draw, Inject, Inspect, Mix, Recipe, Reconstitute, Scan, Weigh
from compounding.records import Scanned, Weighed
from compounding.weighing import syringe_words
from compounding.worksheet import Worksheet

_TENTH = Decimal("0.1")

Kind = Literal["scan", "weigh", "inspect", "label", "pair", "photo", "sign"]


@dataclass(frozen=True)
class Line:
    """One line of the list of steps: its words, whether it is done, and what is known of it."""

    words: str
    state: Literal["done", "now", "next"]
    known: str


@dataclass(frozen=True)
class Instruction:
    """The screen's one instruction: what to do (`does`, verb first), then what shows that it is done (`then`).

    `step` is the evidence that is waited for, `act` the first pending instruction that NEXT would confirm.
    """

    kind: Kind
    step: str
    does: tuple[str, ...]
    then: str
    name: str
    act: str | None


def instruction(sheet: Worksheet, where: Standing) -> Instruction:
    """Say what is to be done now."""
    does = sentences(sheet, where, where.acts)
    step = where.current
    act = where.acts[0].key if where.acts else None
    then, name = _evidence(sheet, step)
    return Instruction(kind_of(step), step.key if step else "sign", does, then, name, act)


def kind_of(step: Evidence | None) -> Kind:
    match step:
        case Scan():
            return "scan"
        case Weigh():
            return "weigh"
        case Inspect():
            return "inspect"
        case Label():
            return "label"
        case Pair():
            return "pair"
        case Shot():
            return "photo"
        case None:
            return "sign"


def sentences(sheet: Worksheet, where: Standing, acts: Sequence[Act]) -> tuple[str, ...]:
    """The pending acts as sentences; a draw and its injection are one when nothing lies between them."""
    found: list[str] = []
    for i, act in enumerate(acts):
        before = acts[i - 1] if i else None
        match act:
            case Reconstitute(slot=slot, vehicle=vehicle, volume=volume, say=say):
                found.append(f"Add {volume} of {drug_of(sheet, vehicle)} to the {slot}. {say}")
            case Draw():
                found.append(_draw(sheet, where, act))
            case Inject(into=into) if isinstance(before, Draw):
                found[-1] = found[-1].rstrip(".") + f" and inject it into the {into}."
            case Inject(into=into):
                found.append(f"Inject the syringe into the {into}.")
            case Mix(say=say):
                found.append(say)
    return tuple(found)


def _draw(sheet: Worksheet, where: Standing, act: Draw) -> str:
    drawn = where.drawn.get(act.key)
    name = drug_of(sheet, act.slot)
    if act.amount == "all":
        about = f" (about {number(drawn.target_ml.quantize(_TENTH))} mL)" if drawn else ""
        return f"Withdraw all{about} from the {act.slot}."
    if drawn is None:
        return f"Draw {name} from the {act.slot}."
    return f"Draw {syringe_words(act, drawn.target_ml)} of {name}."


def drug_of(sheet: Worksheet, slot: str) -> str:
    """The name of what is in a slot, without its size."""
    label = sheet.labels[slot]
    container = sheet.recipe.slot(slot)
    size = container.content or container.volume
    name = label.removesuffix(f" {container.container}")
    return name.removesuffix(f" {size}") if size else name


def _evidence(sheet: Worksheet, step: Evidence | None) -> tuple[str, str]:
    match step:
        case Scan(slot=slot):
            return f"Scan the {slot}", sheet.labels[slot]
        case Weigh(object=thing, state=state):
            return f"Put the {thing} on the pan", state
        case Inspect(say=say):
            return "Look at the bag", say
        case Label():
            return "The label is being made", ""
        case Pair():
            return "Apply the label. Scan label and tray", "in either order"
        case Shot():
            return "Photograph the labelled bag", "label readable, whole bag in the picture"
        case None:
            return "Sign as prepared", ""


def lines(sheet: Worksheet, where: Standing) -> tuple[Line, ...]:
    """The list of steps at the side: what is done with its lot or weight, what is now, what comes."""
    found = []
    for step in steps_of(sheet.recipe):
        if isinstance(step, (Inject, Mix, Label)):
            continue
        found.append(Line(short(sheet.recipe, step), _state(where, step), _known(where, step)))
    found.append(Line("Sign", "now" if where.current is None else "next", ""))
    return tuple(found)


def short(recipe: Recipe, step: AnyStep) -> str:
    """A step in two or three words."""
    match step:
        case Scan(slot=slot):
            return f"Scan {slot}"
        case Reconstitute(slot=slot):
            return f"Mix {slot}"
        case Draw(slot=slot):
            return f"Draw from {slot}"
        case Weigh(object=thing, judges=judges):
            return f"Weigh {thing}" + (" again" if judges else "")
        case Inspect():
            return "Inspect"
        case Pair():
            return "Label and tray"
        case Shot():
            return "Photo"
        case _:
            return step.key


def _state(where: Standing, step: AnyStep) -> Literal["done", "now", "next"]:
    if step.key in where.done or step.key in where.passed:
        return "done"
    if any(act.key == step.key for act in where.acts):
        return "now"
    return "now" if where.current is not None and where.current.key == step.key and not where.acts else "next"


def _known(where: Standing, step: AnyStep) -> str:
    record = where.done.get(step.key)
    if record is None:
        return ""
    match record.facts:
        case Scanned(lot=lot, expiry=expiry):
            return f"lot {lot}, exp {day(expiry)}"
        case Weighed(value_g=value):
            return f"{value} g"
        case _:
            return ""
