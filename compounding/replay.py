"""Every verdict over again, from the bytes that the balance sent: by someone who does not trust this product."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_EVEN, Decimal

from app.core.wording import number
from compounding.gravimetry import settled
from compounding.procedure import Standing, standing, steps_of
from compounding.recipe import Weigh
from compounding.records import Record, Weighed
from compounding.weighing import judge_weight
from compounding.worksheet import Worksheet
from devices.reading import Stamped

ReadWindow = Callable[[bytes], tuple[Stamped, ...]]
KEPT = Decimal("0.000001")  # a volume is kept, and compared, in whole millionths of a millilitre


@dataclass(frozen=True)
class Kept:
    """One stored weighing: what was accepted, on what balance, and the raw window before the acceptance."""

    value_g: Decimal
    readings: int
    readability_g: Decimal
    balance: str
    epoch: int
    window: bytes


def with_verdict(sheet: Worksheet, where: Standing, step: Weigh, weight: Weighed) -> Weighed:
    """The weight with the verdict and the volume (mL, six places half-even) that it decides about, where it does."""
    judged = judge_weight(sheet, where, step, weight)
    if judged is None:
        return weight
    volume = judged.volume_ml.quantize(KEPT, ROUND_HALF_EVEN)
    return replace(weight, verdict=judged.verdict, volume_ml=volume)


def weight_differences(kept: Kept, read: ReadWindow) -> list[str]:
    """Settle a stored window again and say, in words, how the result differs from what was accepted; empty: it agrees.

    The readings that were averaged are the newest of the window, as many as were stored; whether older ones stood
    still too depends on when the technician acted, which is not part of the weight.
    """
    try:
        stamped = read(kept.window)
    except ValueError as wrong:
        return [f"the stored bytes can not be read: {wrong}"]
    if len(stamped) < kept.readings:
        return [f"{kept.readings} readings were averaged, but only {len(stamped)} are stored"]
    newest = stamped[-kept.readings :]
    before_all = newest[0].at - 1
    again = settled(newest, before_all, kept.readability_g)
    if again is None:
        return ["the stored readings never stood still"]
    found = []
    if again.value_g != kept.value_g:
        found.append(f"the stored bytes say {again.value_g} g, the record says {number(kept.value_g)} g")
    if again.n != kept.readings:
        found.append(f"{again.n} of the stored readings stood still, the record says {kept.readings}")
    if again.epoch != kept.epoch:
        found.append(f"the bytes are of start {again.epoch} of the balance, the record says {kept.epoch}")
    return found


def verdict_differences(
    sheet: Worksheet, records: Sequence[Record], kept: Mapping[int, Kept]
) -> Iterator[tuple[Record, str]]:
    """Fold the records again, one by one, and yield each weight whose verdict, volume or weighing is not as stored."""
    steps = {step.key: step for step in steps_of(sheet.recipe)}
    for at, each in enumerate(records):
        weight = each.facts
        if not isinstance(weight, Weighed):
            continue
        yield from ((each, words) for words in _not_as_weighed(sheet, weight, kept.get(each.weighing_id or 0)))
        step = steps.get(each.step)
        if not isinstance(step, Weigh):
            yield each, "the worksheet has no such weighing"
            continue
        again = with_verdict(sheet, standing(sheet, records[:at]), step, replace(weight, verdict=None, volume_ml=None))
        if again.verdict != weight.verdict:
            yield each, f"the verdict is {_said(again.verdict)}, but {_said(weight.verdict)} was shown"
        if again.volume_ml != weight.volume_ml:
            yield each, f"the volume is {_ml(again.volume_ml)}, but {_ml(weight.volume_ml)} was kept"


def _not_as_weighed(sheet: Worksheet, weight: Weighed, kept: Kept | None) -> list[str]:
    if kept is None:
        return ["its raw weighing is missing"]
    found = []
    if (weight.value_g, weight.readings) != (kept.value_g, kept.readings):
        found.append(
            f"the step says {weight.value_g} g of {weight.readings} readings, "
            f"its weighing {number(kept.value_g)} g of {kept.readings}"
        )
    if (weight.balance, weight.epoch) != (kept.balance, kept.epoch):
        found.append("the step names another balance, or another start of it, than its weighing")
    if sheet.balance.readability_g != kept.readability_g:
        found.append("the worksheet was planned for another readability than the balance had")
    return found


def _said(verdict: str | None) -> str:
    return f"'{verdict.replace('_', ' ')}'" if verdict else "none"


def _ml(volume: Decimal | None) -> str:
    return "none" if volume is None else f"{number(volume)} mL"
