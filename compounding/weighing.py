"""Whether a settled weight may be accepted for the step that waits for it, and what the gauge shows meanwhile."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from app.core.errors import Refused
from app.core.wording import number
from compounding.amounts import judge_act, target_of
from compounding.gravimetry import Judgement
from compounding.procedure import Standing, standing
from compounding.recipe import Draw, Reconstitute, Weigh
from compounding.records import Record, Weighed
from compounding.syringe import to_graduation
from compounding.worksheet import Candidate, Density, Worksheet, density_for

LIGHTEST_G = Decimal("0.5")  # less than this on the pan is nothing, or a draught
SHOWN = Decimal("0.01")


@dataclass(frozen=True)
class Gauge:
    """What the tablet draws for a weighing, in grams on the pan: the accepted band, the target, and the scale around.

    `ml_per_g` signed: how many mL of the act one gram more on the pan is; `target_ml` what is wanted.
    """

    low_g: Decimal
    target_g: Decimal
    high_g: Decimal
    from_g: Decimal
    to_g: Decimal
    before_g: Decimal | None
    ml_per_g: Decimal
    target_ml: Decimal | None
    tolerance_ml: Decimal | None
    syringe: str


def judged_act(sheet: Worksheet, step: Weigh) -> Draw | Reconstitute | None:
    """The act whose volume a weighing decides about."""
    act = sheet.recipe.step(step.judges.act) if step.judges else None
    return act if isinstance(act, (Draw, Reconstitute)) else None


def judge_weight(sheet: Worksheet, where: Standing, step: Weigh, weight: Weighed) -> Judgement | None:
    """The verdict that a weight would get for its step; None for a weight that only starts a difference."""
    if step.judges is None:
        return None
    record = Record(10**9, step.key, weight, 0, datetime(2000, 1, 1, tzinfo=UTC))
    after = standing(sheet, [*sorted(where.done.values(), key=lambda r: r.number), record])
    drawn = after.drawn.get(step.judges.act)
    return drawn.judgement if drawn else after.added.get(step.judges.act)


def refuse_weight(sheet: Worksheet, where: Standing, step: Weigh, weight: Weighed) -> None:
    """Let a weight pass, or refuse it in words that say what to do. Over and under are never accepted.

    Both weights of a difference come from one balance that was not restarted in between. Raises Refused.
    """
    if weight.balance != sheet.balance.serial:
        raise Refused("This is not the balance that this dose was planned for. Weigh on the hood's own balance.")
    if step.judges is None:
        _refuse_implausible(sheet, where, step, weight.value_g)
        return
    before = where.done[step.judges.since].facts
    assert isinstance(before, Weighed)
    if (before.balance, before.epoch) != (weight.balance, weight.epoch):
        raise Refused(
            "The balance was restarted or unplugged since the first weight (or this system was), so the two can not be "
            "compared. If nothing was added yet, do the first weighing again. Otherwise ask a pharmacist: this dose "
            "can not be proved by weight any more."
        )
    verdict = judge_weight(sheet, where, step, weight)
    if verdict is None:
        raise Refused("There is nothing to compare this weight with. Ask a pharmacist.")
    if verdict.verdict in ("over", "under"):
        raise Refused(advice(sheet, step, verdict))
    if verdict.verdict == "cannot_tell" and not weight.insisted:
        raise Refused("This weight can not tell whether the amount is right. Let it stand still a little longer.")


def advice(sheet: Worksheet, step: Weigh, verdict: Judgement) -> str:
    """Say what to do about a volume that is out of tolerance."""
    act = judged_act(sheet, step)
    off = number(abs(verdict.deviation_ml).quantize(SHOWN))
    after_injection = sheet.recipe.proof == "bag-gain" and isinstance(act, Draw)
    if verdict.verdict == "over":
        if isinstance(act, Reconstitute) or after_injection:
            return f"{off} mL too much, and it can not be taken out again. Reject this dose."
        return f"{off} mL too much: expel it, then weigh again."
    if after_injection:
        return f"{off} mL too little: rinse the vial, inject the rest, then put the bag on the pan again."
    return f"{off} mL too little: " + ("add it" if isinstance(act, Reconstitute) else "draw it") + ", then weigh again."


def _refuse_implausible(sheet: Worksheet, where: Standing, step: Weigh, value_g: Decimal) -> None:
    if value_g < LIGHTEST_G:
        raise Refused(f"There is nothing on the pan. Put the {step.object} on it.")
    container = where.bound.get(step.object)
    if container is None or container.gross_min_g is None or container.gross_max_g is None:
        return
    if not container.gross_min_g <= value_g <= container.gross_max_g:
        raise Refused(
            f"A full {step.object} weighs between {number(container.gross_min_g)} g and "
            f"{number(container.gross_max_g)} g; this is {number(value_g)} g. Is it the right one, and alone?"
        )


def gauge(sheet: Worksheet, where: Standing, step: Weigh) -> Gauge | None:
    """Where the gauge's band lies for a weighing that decides, in grams on the pan; None for one that only starts.

    The band is where a settled weight of three readings would be 'within'.
    """
    act = judged_act(sheet, step)
    if act is None or step.judges is None or step.judges.since not in where.done:
        return None
    start = where.done[step.judges.since].facts
    assert isinstance(start, Weighed)
    target = act.volume.to("mL").value if isinstance(act, Reconstitute) else _target(sheet, where, act)
    if target is None:
        return None
    density = density_for(sheet.recipe, act, where.bound)
    sign = 1 if step.judges.sense == "gain" else -1
    room = _room(sheet, act, target, density, start.readings, where.bound)
    middle = start.value_g + sign * target * density.g_per_ml
    half = room * density.g_per_ml
    wide = max(half * 3, target * density.g_per_ml / 4)
    return Gauge(
        low_g=middle - half,
        target_g=middle,
        high_g=middle + half,
        from_g=middle - wide,
        to_g=middle + wide,
        before_g=start.value_g,
        ml_per_g=sign / density.g_per_ml,
        target_ml=target,
        tolerance_ml=room,
        syringe=syringe_words(act, target),
    )


def _target(sheet: Worksheet, where: Standing, act: Draw) -> Decimal | None:
    found = target_of(sheet, act, where.bound, where.vials)
    return found[1] if found else None


def _room(
    sheet: Worksheet,
    act: Draw | Reconstitute,
    target: Decimal,
    density: Density,
    readings: int,
    bound: Mapping[str, Candidate],
) -> Decimal:
    """How far the volume may lie off its target and still be 'within': T − U."""
    judged = judge_act(sheet, act, target, target * density.g_per_ml, min(readings, 3), bound)
    return max(judged.tolerance_ml - judged.expanded_uncertainty_ml, Decimal(0))


def syringe_words(act: Draw | Reconstitute, target_ml: Decimal) -> str:
    """Say a volume in the language of the syringe: '20.6 mL (30 mL syringe: to the 21 mL mark)'."""
    shown = number(target_ml.quantize(SHOWN))
    if isinstance(act, Reconstitute):
        return f"{shown} mL"
    size = act.syringe.to("mL").value
    if act.amount == "all":
        return f"all of it, about {shown} mL ({number(size)} mL syringe)"
    return f"{number(to_graduation(target_ml, size))} mL in a {number(size)} mL syringe"
