"""The daily check of a balance: a check weight is known by what it weighs; two of them say whether it is believed.

Source: house notes on gravimetric verification (balance daily check: two weights that bracket the use, within 2 s).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from app.core.wording import measured, number

# Check weights come in this series (OIML R 111); no two of them are nearer to each other than a factor of two.
SERIES = tuple(Decimal(each) for each in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000))
NEAR = Decimal("0.01")  # a share: further off, and it is no check weight, or the balance shows nonsense
APART = 5  # the two weights bracket the use: one is at least so many times as heavy as the other


@dataclass(frozen=True, slots=True)
class CheckWeight:
    """One check weight as a balance showed it, in grams, and how far off it may be."""

    nominal_g: Decimal
    value_g: Decimal
    allowed_g: Decimal

    @property
    def good(self) -> bool:
        return abs(self.value_g - self.nominal_g) <= self.allowed_g

    @property
    def words(self) -> str:
        """'the 100 g weight read 100.01 g (allowed ± 0.02 g)'."""
        # A reading keeps the balance's decimals; what comes out of the database has lost its last zeros.
        digits = min(int(each.as_tuple().exponent) for each in (self.value_g, self.allowed_g))
        read = measured(self.value_g.quantize(Decimal(1).scaleb(min(digits, 0))))
        return f"the {number(self.nominal_g)} g weight read {read} g (allowed ± {number(self.allowed_g)} g)"


def nominal_of(value_g: Decimal) -> Decimal | None:
    """The check weight that lies on the pan by what it weighs; None when nothing of the series is within 1 %."""
    return next((each for each in SERIES if abs(value_g - each) <= each * NEAR), None)


def allowed(readability_g: Decimal, repeatability_g: Decimal | None) -> Decimal:
    """How far a check weight may read off: two standard deviations, and never less than the last digit."""
    return max(2 * (repeatability_g or readability_g), readability_g)


def why_not_checked(weights: Iterable[CheckWeight]) -> str | None:
    """Why a balance does not count as checked by these weights, oldest first; None when it passed.

    The newest weighing of each weight counts.
    """
    newest = {each.nominal_g: each for each in weights}
    wrong = [each for each in newest.values() if not each.good]
    if wrong:
        return "the balance failed its check: " + "; ".join(each.words for each in wrong)
    if not newest:
        return "the balance was not checked with check weights on this day"
    if max(newest) < APART * min(newest):
        one = " and ".join(f"{number(each)} g" for each in sorted(newest))
        return f"the balance was checked with {one} only; a second weight, five times as light or heavy, is missing"
    return None
