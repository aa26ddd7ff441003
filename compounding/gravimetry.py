"""What a weight proves: when the pan is still, how much liquid a difference of masses is, and whether that is right."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from functools import reduce
from typing import Literal

from app.core.errors import Invalid, Refused
from app.core.quantity import EXACT, Quantity
from app.core.wording import number, percent
from devices.reading import Stamped

STILL_READINGS = 3
STILL_SECONDS = 0.8
LONGEST_GAP_SECONDS = 2.0  # between two readings of one window: longer, and nobody knows what the pan did meanwhile
LIGHTEST, DENSEST = Decimal("0.6"), Decimal("1.9")  # g/mL; every injectable liquid lies between ether and syrup
_FINE = Context(prec=50, rounding=ROUND_HALF_EVEN)

Verdict = Literal["within", "under", "over", "cannot_tell"]


@dataclass(frozen=True, slots=True)
class Settled:
    """A weight that stood still: grams with the balance's decimals, how many readings, their spread, when."""

    value_g: Decimal
    n: int
    spread_g: Decimal
    first_at: float
    last_at: float
    epoch: int


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a difference of two masses says about a volume: mL and percent of the target, U at k = 2, the verdict."""

    volume_ml: Decimal
    deviation_ml: Decimal
    deviation_percent: Decimal
    expanded_uncertainty_ml: Decimal
    tolerance_ml: Decimal
    verdict: Verdict


def settled(readings: Sequence[Stamped], since: float, readability: Decimal) -> Settled | None:
    """The weight that the pan has come to rest at, or None while it has not.

    Readings: one balance's, oldest first; `since`: monotonic second of the operator's action; readability: grams.
    The newest readings count back without a break: each a mass, called stable by the balance itself, newer than
    `since`, in one epoch, no reading missing and no silence over 2 s between them, all within one readability. They
    must be at least 3 over at least 0.8 s. The value is their mean at the balance's decimals. Raises ValueError for
    a readability that is not positive. Source: house rules for scales (stability).
    """
    if not (readability.is_finite() and readability > 0):
        raise ValueError("The readability of a balance is a number of grams above zero.")
    # 10 to the power of a display's last place is above the readability when its exponent is above this one.
    coarsest = readability.adjusted()
    window: list[Stamped] = []
    masses: list[Decimal] = []
    low = high = Decimal(0)
    for stamped in reversed(readings):
        grams = _still_mass(stamped, since, coarsest)
        if grams is None or (window and not _follows(window[-1], stamped)):
            break
        low, high = (min(low, grams), max(high, grams)) if masses else (grams, grams)
        if high - low > readability:
            break
        window.append(stamped)
        masses.append(grams)
    if len(window) < STILL_READINGS or window[0].at - window[-1].at < STILL_SECONDS:
        return None
    mean = _FINE.divide(reduce(EXACT.add, masses), len(masses)).quantize(masses[0])
    spread, first, last = max(masses) - min(masses), window[-1], window[0]
    return Settled(mean, len(masses), spread, first.at, last.at, last.epoch)


def gain(before_g: Decimal, after_g: Decimal) -> Decimal:
    """What a bag or a syringe took up: after − before. Negative when it lost; the sign is never dropped."""
    finite(before_g=before_g, after_g=after_g)
    return EXACT.subtract(after_g, before_g)


def loss(before_g: Decimal, after_g: Decimal) -> Decimal:
    """What left a vial: before − after. Negative when it gained; the sign is never dropped."""
    finite(before_g=before_g, after_g=after_g)
    return EXACT.subtract(before_g, after_g)


def judge(
    target_ml: Decimal,
    density_g_per_ml: Decimal,
    density_u: Decimal,
    before_g: Decimal,
    after_g: Decimal,
    readability_g: Decimal,
    repeatability_g: Decimal,
    readings: int,
    tolerance_percent: Decimal,
    floor_ml: Decimal,
) -> Judgement:
    """Whether the container that was weighed before and after gained the target volume: after − before, signed.

    Masses in g, volumes in mL, density in g/mL with its expanded uncertainty (k = 2), repeatability as one standard
    deviation, readings averaged in each weighing, tolerance in percent of the target but at least `floor_ml`.
    A vial's loss is judged by `judge_mass(mass_g=loss(before, after), …)`. Raises Invalid as `judge_mass` does.
    """
    return judge_mass(
        target_ml=target_ml, density_g_per_ml=density_g_per_ml, density_u=density_u,
        mass_g=gain(before_g, after_g), readability_g=readability_g, repeatability_g=repeatability_g,
        readings=readings, tolerance_percent=tolerance_percent, floor_ml=floor_ml,
    )  # fmt: skip


def judge_mass(
    *,
    target_ml: Decimal,
    density_g_per_ml: Decimal,
    density_u: Decimal,
    mass_g: Decimal,
    readability_g: Decimal,
    repeatability_g: Decimal,
    readings: int,
    tolerance_percent: Decimal,
    floor_ml: Decimal,
) -> Judgement:
    """Whether a signed difference of two weighings is the target volume, with U never counted as tolerance.

    within: |D| + U ≤ T; over: D − U > T; under: D + U < −T; else cannot_tell, compared exactly and rounded never.
    Raises Invalid with a sentence for every number that cannot be: not finite, a density outside 0.6–1.9 g/mL, no
    readings, anything negative that measures a spread. Source: JCGM 100 (propagation); house rule "Gravimetry".
    """
    finite(mass_g=mass_g)
    positive(target_ml=target_ml)
    not_negative(tolerance_percent=tolerance_percent, floor_ml=floor_ml)
    if tolerance_percent > 100:
        raise Invalid({"tolerance_percent": "A tolerance above 100 % allows anything: enter a smaller one."})
    mass, target = Fraction(mass_g), Fraction(target_ml)
    squared = _squared_uncertainty(mass, density_g_per_ml, density_u, readability_g, repeatability_g, readings)
    volume = mass / Fraction(density_g_per_ml)
    deviation = volume - target
    allowed = max(target * Fraction(tolerance_percent) / 100, Fraction(floor_ml))
    return Judgement(
        volume_ml=_decimal(volume),
        deviation_ml=_decimal(deviation),
        deviation_percent=_decimal(deviation / target * 100),
        expanded_uncertainty_ml=_root(squared),
        tolerance_ml=_decimal(allowed),
        verdict=_verdict(deviation, allowed, squared),
    )


def liquid(
    *,
    mass_g: Decimal,
    density_g_per_ml: Decimal,
    density_u: Decimal,
    readability_g: Decimal,
    repeatability_g: Decimal,
    readings: int,
) -> tuple[Decimal, Decimal]:
    """The volume in mL of a signed difference of masses, and its expanded uncertainty (k = 2) in mL.

    Raises Invalid as `judge_mass` does.
    """
    finite(mass_g=mass_g)
    mass = Fraction(mass_g)
    squared = _squared_uncertainty(mass, density_g_per_ml, density_u, readability_g, repeatability_g, readings)
    return _decimal(mass / Fraction(density_g_per_ml)), _root(squared)


def difference_uncertainty(readability_g: Decimal, repeatability_g: Decimal, readings: int) -> Decimal:
    """Expanded uncertainty (k = 2) in grams of a difference of two weighings: 2·sqrt(2·(s²/n + d²/12))."""
    return _root(4 * _squared_difference(readability_g, repeatability_g, readings))


def planned_uncertainty(
    target_ml: Decimal,
    density_g_per_ml: Decimal,
    density_u: Decimal,
    readability_g: Decimal,
    repeatability_g: Decimal,
    readings: int,
) -> Decimal:
    """Expanded uncertainty (k = 2) in mL that a right draw of `target_ml` will have on this balance.

    Raises Invalid as `judge_mass` does.
    """
    positive(target_ml=target_ml, density_g_per_ml=density_g_per_ml)
    return liquid(
        mass_g=EXACT.multiply(target_ml, density_g_per_ml), density_g_per_ml=density_g_per_ml, density_u=density_u,
        readability_g=readability_g, repeatability_g=repeatability_g, readings=readings,
    )[1]  # fmt: skip


def feasible(target_ml: Decimal, uncertainty_ml: Decimal, tolerance_ml: Decimal) -> None:
    """Let a recipe be queued for weighing only where the balance can tell: U(target) ≤ T/4.

    Raises Refused with both numbers and what to do. Source: 4:1 rule of compounding 3.4.
    """
    if uncertainty_ml * 4 > tolerance_ml:
        raise Refused(
            f"This balance cannot judge {_ml(target_ml)}: it knows the volume to ± {_ml(uncertainty_ml)}, and a "
            f"tolerance of {_ml(tolerance_ml)} wants ± {_ml(tolerance_ml / 4)} or better. Use a finer balance, "
            "dilute first, or have the draw checked by picture."
        )


def tolerance_floor(target_ml: Decimal, graduation_ml: Decimal, hard_limit_percent: Decimal) -> Decimal:
    """The least tolerance in mL: half the syringe's graduation, never above the recipe's hard limit."""
    positive(target_ml=target_ml, graduation_ml=graduation_ml, hard_limit_percent=hard_limit_percent)
    return min(graduation_ml / 2, target_ml * hard_limit_percent / 100)


def tolerance(
    target_ml: Decimal, percent_of_target: Decimal, graduation_ml: Decimal, hard_limit_percent: Decimal
) -> Decimal:
    """The tolerance in mL: `percent_of_target`, at least half the syringe's graduation, never above the hard limit.

    Raises Invalid where the tolerance is wider than the hard limit.
    """
    not_negative(percent_of_target=percent_of_target)
    if percent_of_target > hard_limit_percent:
        raise Invalid({"percent_of_target": "The tolerance is wider than the recipe's hard limit: lower it."})
    return max(target_ml * percent_of_target / 100, tolerance_floor(target_ml, graduation_ml, hard_limit_percent))


@dataclass(frozen=True, slots=True)
class AmountMade:
    """What is in the bag: the amount, its deviation from the order and its expanded uncertainty, both in percent."""

    amount: Quantity
    deviation_percent: Decimal
    uncertainty_percent: Decimal

    def __str__(self) -> str:
        """The sentence of the check desk: "made 1,004 mg (+0.4 % ± 0.6 %)", the amount at four digits."""
        value = self.amount.value
        shown = self.amount.rounded(max(0, 3 - value.adjusted())) if value else self.amount
        deviation = percent(self.deviation_percent, direction=True)
        return f"made {shown} ({deviation} ± {percent(self.uncertainty_percent)})"


def amount_made(
    ordered: Quantity, target_ml: Decimal, judged: Judgement, concentration_u_percent: Decimal = Decimal(0)
) -> AmountMade:
    """The amount that the judged volume carries, where `target_ml` would have carried what was ordered.

    `concentration_u_percent`: expanded uncertainty of a measured concentration, added in quadrature.
    """
    positive(target_ml=target_ml)
    not_negative(concentration_u_percent=concentration_u_percent)
    share = Fraction(judged.volume_ml) / Fraction(target_ml)
    of_volume = Fraction(judged.expanded_uncertainty_ml) / Fraction(target_ml) * 100
    return AmountMade(
        amount=Quantity(_decimal(Fraction(ordered.value) * share), ordered.unit),
        deviation_percent=judged.deviation_percent,
        uncertainty_percent=_root(of_volume**2 + (share * Fraction(concentration_u_percent)) ** 2),
    )


def _still_mass(stamped: Stamped, since: float, coarsest: int) -> Decimal | None:
    reading = stamped.reading
    if reading.kind != "weight" or reading.stable is not True or not stamped.at > since:
        return None
    try:
        grams = reading.grams
    except ValueError:  # pounds or pieces: the balance was switched, nothing is converted behind anyone's back
        return None
    # A balance that was switched to a coarser display no longer shows what its qualification promised.
    if grams is None or int(grams.as_tuple().exponent) > coarsest:
        return None
    return grams


def _follows(newer: Stamped, older: Stamped) -> bool:
    return newer.seq == older.seq + 1 and newer.epoch == older.epoch and 0 <= newer.at - older.at <= LONGEST_GAP_SECONDS


def _verdict(deviation: Fraction, allowed: Fraction, squared: Fraction) -> Verdict:
    # U is a square root; comparing squares keeps the comparison exact.
    room = allowed - abs(deviation)
    if room >= 0 and squared <= room * room:
        return "within"
    if room < 0 and squared < room * room:
        return "over" if deviation > 0 else "under"
    return "cannot_tell"


def _squared_difference(readability_g: Decimal, repeatability_g: Decimal, readings: int) -> Fraction:
    not_negative(readability_g=readability_g, repeatability_g=repeatability_g)
    if not isinstance(readings, int) or isinstance(readings, bool) or readings < 1:
        raise Invalid({"readings": "At least one reading is needed: enter a whole number from 1."})
    return 2 * (Fraction(repeatability_g) ** 2 / readings + Fraction(readability_g) ** 2 / 12)


def _squared_uncertainty(
    mass: Fraction, density: Decimal, density_u: Decimal, readability: Decimal, repeatability: Decimal, n: int
) -> Fraction:
    finite(density_g_per_ml=density)
    if not LIGHTEST <= density <= DENSEST:
        said = f"No injectable liquid has a density of {number(density)} g/mL"
        raise Invalid({"density_g_per_ml": f"{said}: enter one from {LIGHTEST} to {DENSEST}."})
    not_negative(density_u=density_u)
    if density_u >= density:
        raise Invalid({"density_u": "The uncertainty of the density is as large as the density: measure it again."})
    rho, u_rho = Fraction(density), Fraction(density_u) / 2
    weighing = _squared_difference(readability, repeatability, n) / rho**2
    return 4 * (weighing + (mass * u_rho / rho**2) ** 2)


def finite(**numbers: Decimal) -> None:
    """Let only decimal numbers of a weighable size pass. Raises Invalid under the name of the first other one."""
    for name, value in numbers.items():
        if not isinstance(value, Decimal) or not value.is_finite():
            raise Invalid({name: f"{name} is not a number: enter it in digits."})
        if value.adjusted() > 9 or not -60 <= int(value.as_tuple().exponent) <= 9:
            raise Invalid({name: f"{name} is beyond anything that is weighed: check it."})


def positive(**numbers: Decimal) -> None:
    """Let only finite numbers above zero pass. Raises Invalid under the name of the first other one."""
    finite(**numbers)
    for name, value in numbers.items():
        if value <= 0:
            raise Invalid({name: f"{name} is {number(value)}: it must be above zero."})


def not_negative(**numbers: Decimal) -> None:
    """Let only finite numbers from zero upwards pass. Raises Invalid under the name of the first other one."""
    finite(**numbers)
    for name, value in numbers.items():
        if value < 0:
            raise Invalid({name: f"{name} is {number(value)}: it cannot be below zero."})


def _decimal(value: Fraction) -> Decimal:
    return _FINE.divide(Decimal(value.numerator), Decimal(value.denominator))


def _root(value: Fraction) -> Decimal:
    return _FINE.sqrt(_decimal(value))


def _ml(value: Decimal) -> str:
    """A volume in a sentence, at two meaningful digits."""
    return str(Quantity(value, "mL").rounded(max(1, 1 - value.adjusted()) if value else 1))
