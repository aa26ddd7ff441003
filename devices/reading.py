"""What a balance said, as a value: one reading for one line, and the moment at which it came."""

from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Final, Literal, get_args

Kind = Literal["weight", "ack", "pending", "info", "fault"]
Error = Literal[
    "overload", "underload", "not_executable", "bad_parameter", "syntax", "transmission", "logical",
    "timeout_stability", "device_error", "adjusting", "no_weight", "wrong_mode", "off_scale", "checksum",
    "unparseable", "incomplete", "overlong", "empty",
]  # fmt: skip

KINDS: Final[frozenset[str]] = frozenset(get_args(Kind))
ERRORS: Final[frozenset[str]] = frozenset(get_args(Error))

# Powers of ten from the unit on the wire to the gram. Units that are not here are refused: a balance that was
# toggled to pounds, ounces or pieces must stop the step, not be converted behind the technician's back.
GRAM_EXPONENT: Final[dict[str, int]] = {"mg": -3, "g": 0, "kg": 3}

WORDS: Final[dict[Error, str]] = {
    "overload": "too much on the pan",
    "underload": "below range: is the pan in place?",
    "not_executable": "busy, or not still in time",
    "bad_parameter": "the balance refused a parameter",
    "syntax": "the balance does not know the command",
    "transmission": "the balance received damaged bytes",
    "logical": "the balance cannot carry out the command",
    "timeout_stability": "not still in time",
    "device_error": "hardware fault reported by the balance",
    "adjusting": "the balance is adjusting itself",
    "no_weight": "no weight sent",
    "wrong_mode": "the balance does not show g, kg or mg",
    "off_scale": "outside the weighing range",
    "checksum": "damaged line",
    "unparseable": "damaged or unknown line",
    "incomplete": "the line broke off",
    "overlong": "a line without an end: check the baud rate",
    "empty": "empty line",
}


@dataclass(frozen=True)
class Reading:
    """One line of a balance, judged: a weight, an acknowledgement, an information or a fault, with its raw bytes.

    `value` keeps the trailing zeros that were sent, because they carry the readability; `unit` is as sent;
    `stable` is the balance's own claim (None where stability does not apply). Raises ValueError for a combination
    outside the closed set: a weight without a number, a fault without an error, an unknown word.
    """

    kind: Kind
    stable: bool | None
    value: Decimal | None
    unit: str | None
    error: Error | None
    raw: bytes

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"{self.kind!r} is no kind of reading.")
        if (self.error is not None) != (self.kind == "fault"):
            raise ValueError("A fault, and only a fault, has an error.")
        if self.error is not None and self.error not in ERRORS:
            raise ValueError(f"{self.error!r} is no error that a balance can have.")
        if self.kind == "weight":
            if self.value is None or self.unit is None or not self.value.is_finite():
                raise ValueError("A weight has a finite value and a unit.")
        elif self.value is not None or self.unit is not None:
            raise ValueError("Only a weight has a value and a unit.")

    @cached_property
    def grams(self) -> Decimal | None:
        """The weight in grams, exactly; None for what is no weight. Raises ValueError as `in_grams` does."""
        return None if self.value is None or self.unit is None else in_grams(self.value, self.unit)


@dataclass(frozen=True, slots=True)
class Stamped:
    """A reading and when it came.

    `at` is the monotonic second at which the first byte of the line was received; `seq` counts the readings of
    one balance from 1 without gaps; two readings may be subtracted only if their `epoch` is the same (the epoch
    changes whenever zero or tare may have changed: restart, lost link, zeroing, taring).
    """

    reading: Reading
    at: float
    seq: int
    epoch: int = 0


def fault(error: Error, raw: bytes) -> Reading:
    """A fault reading that keeps the bytes it was made from."""
    return Reading("fault", None, None, None, error, raw)


def in_grams(value: Decimal, unit: str) -> Decimal:
    """The same mass in grams, exactly and with the same number of significant places.

    Raises TypeError for anything but a Decimal; ValueError for NaN, infinity, and every unit but mg, g and kg.
    """
    if not isinstance(value, Decimal):
        raise TypeError("A mass is a Decimal, never a float.")
    if not value.is_finite():
        raise ValueError("This is not a number that a balance can show.")
    if unit not in GRAM_EXPONENT:
        raise ValueError(f"The balance shows {unit!r}. Set it to grams and weigh again.")
    sign, digits, exponent = value.as_tuple()
    shifted = int(exponent) + GRAM_EXPONENT[unit]
    if shifted > 0:  # 5 kg is 5000 g, not 5E+3 g
        digits, shifted = digits + (0,) * shifted, 0
    return Decimal((sign, digits, shifted))
