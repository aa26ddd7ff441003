"""The pretend weighing cell of a simulated balance: what lies on the pan, how it settles, what the display shows.

Not a clinical quantity: the physics may be floats, what the display shows is a Decimal again.
"""

import math
import random
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

_UNDERLOAD_DIVISIONS: Final = 20
_OVERLOAD_DIVISIONS: Final = 9  # the customary margin above the capacity


class Pan:
    """A load that settles: it approaches its weight along an exponential and is still after `settle_s` seconds.

    `noise_g` is the standard deviation of one reading (grams); by default a quarter of the readability. The same
    seed and the same questions give the same readings. Times are monotonic seconds, handed in.
    """

    def __init__(
        self, capacity: Decimal, readability: Decimal, noise_g: Decimal | None, seed: int, settle_s: float
    ) -> None:
        self.capacity = capacity
        self.readability = readability
        self.load = Decimal(0)
        self.zero_point = Decimal(0)
        self.tared = Decimal(0)
        self._noise = float(readability) / 4 if noise_g is None else float(noise_g)
        self._random = random.Random(seed)
        self._settle_s = settle_s
        self._from = 0.0
        self._moved_at = -math.inf

    def put(self, grams: Decimal, now: float) -> None:
        """Make the total on the pan this weight, from now on; below zero stands for a pan that was taken off."""
        self._from = self._settling(now)
        self.load = grams
        self._moved_at = now

    def still(self, now: float) -> bool:
        """Whether the last movement has settled."""
        return now - self._moved_at >= self._settle_s

    def range_fault(self, now: float) -> str | None:
        """`+` above the capacity, `-` below the pan's own weight, None inside the range."""
        gross = self._settling(now)
        if gross > float(self.capacity + _OVERLOAD_DIVISIONS * self.readability):
            return "+"
        return "-" if gross < float(-_UNDERLOAD_DIVISIONS * self.readability) else None

    def net(self, now: float) -> Decimal:
        """One noisy reading, less zero point and tare, on the balance's divisions."""
        noisy = Decimal(str(self._settling(now) + self._random.gauss(0.0, self._noise)))
        return self.rounded(noisy - self.zero_point - self.tared)

    def rounded(self, grams: Decimal) -> Decimal:
        """A weight on the balance's divisions, with the places of the readability."""
        divisions = (grams / self.readability).quantize(Decimal(1), ROUND_HALF_EVEN)
        return (divisions * self.readability).quantize(self.readability) + Decimal(0)  # no minus before a zero

    def zero(self, now: float) -> str:
        """Zero here and clear the tare: `A`, or `+` / `-` outside 2 % of the capacity."""
        gross = self.net(now) + self.tared + self.zero_point
        if abs(gross) > self.capacity / 50:
            return "+" if gross > 0 else "-"
        self.zero_point, self.tared = gross, Decimal(0)
        return "A"

    def tare(self, now: float) -> str | None:
        """Tare here: None if it was done, `-` for a load below zero."""
        gross = self.net(now) + self.tared
        if gross < 0:
            return "-"
        self.tared = gross
        return None

    def power_cycle(self, now: float) -> None:
        """Forget the tare and take whatever lies there as zero, as a balance does that starts loaded within range."""
        self.tared = self.zero_point = Decimal(0)
        self.zero(now)

    def _settling(self, now: float) -> float:
        target = float(self.load)
        if self.still(now):
            return target
        # Seven time constants: what is left at the end is a thousandth of the step.
        return target + (self._from - target) * math.exp(-7 * (now - self._moved_at) / self._settle_s)
