"""Syringes: which sizes there are, how finely each can be read, and how far a plunger may be wrong."""

from decimal import ROUND_HALF_EVEN, Context, Decimal

from app.core.errors import Invalid
from app.core.wording import number

# Size in mL → what its scale can be read to, in mL.
GRADUATIONS: dict[Decimal, Decimal] = {
    Decimal(size): Decimal(step)
    for size, step in {
        "0.5": "0.01", "1": "0.01", "3": "0.1", "5": "0.2", "10": "0.2", "20": "1", "30": "1", "50": "1", "60": "1",
    }.items()
}  # fmt: skip
HAZARDOUS_FILL = Decimal("0.75")  # a hazardous drug fills a syringe to three quarters, so that the plunger stays in


def graduation(size_ml: Decimal) -> Decimal:
    """The finest mark in mL on a syringe of `size_ml`. Raises Invalid for a size that is not stocked.

    Source: common disposable syringes; ISO 7886-1 table 1 allows them.
    """
    if size_ml not in GRADUATIONS:
        sizes = ", ".join(number(size) for size in GRADUATIONS)
        raise Invalid({"size_ml": f"There is no {number(size_ml)} mL syringe: choose one of {sizes} mL."})
    return GRADUATIONS[size_ml]


def to_graduation(volume_ml: Decimal, size_ml: Decimal) -> Decimal:
    """The volume rounded to the nearest mark of a syringe of `size_ml`, half to the even mark: a named act.

    Raises Invalid where the syringe is too small, not stocked, or the volume lies below its first mark.
    """
    step = graduation(size_ml)
    if not 0 < volume_ml <= size_ml:
        raise Invalid({"volume_ml": f"{number(volume_ml)} mL does not fit a {number(size_ml)} mL syringe."})
    marks = (volume_ml / step).quantize(Decimal(1), ROUND_HALF_EVEN, Context(prec=60))
    if marks == 0:
        raise Invalid(
            {"volume_ml": f"{number(volume_ml)} mL is below the first mark of a {number(size_ml)} mL syringe: "
             "use a smaller one or dilute first."}
        )  # fmt: skip
    return marks * step


def smallest_syringe(volume_ml: Decimal, fill: Decimal = Decimal(1)) -> Decimal:
    """The size in mL of the smallest syringe that holds the volume at a `fill` of at most this share.

    Raises Invalid where none does: the volume is then drawn in parts. Source: compounding 3.1.
    """
    if not (volume_ml.is_finite() and volume_ml > 0 and 0 < fill <= 1):
        raise Invalid({"volume_ml": "The volume to draw must be above zero."})
    for size in sorted(GRADUATIONS):
        if volume_ml <= size * fill:
            return size
    raise Invalid({"volume_ml": f"No syringe holds {number(volume_ml)} mL: draw it in parts."})


def permitted_error(volume_ml: Decimal, size_ml: Decimal) -> Decimal:
    """How far in mL a syringe of this size may deliver wrongly when read rightly: ISO 7886-1 table 1.

    From half the capacity: 5 % of the volume below 5 mL size, else 4 %; below half: 1.5 % of the capacity plus 2 %
    (below 5 mL size) or 1 % of the volume. Raises Invalid as `to_graduation` does.
    """
    graduation(size_ml)
    if not 0 < volume_ml <= size_ml:
        raise Invalid({"volume_ml": f"{number(volume_ml)} mL does not fit a {number(size_ml)} mL syringe."})
    small = size_ml < 5
    if volume_ml * 2 >= size_ml:
        return volume_ml * (Decimal("0.05") if small else Decimal("0.04"))
    return size_ml * Decimal("0.015") + volume_ml * (Decimal("0.02") if small else Decimal("0.01"))
