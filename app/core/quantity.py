"""A number and its unit as one value, so that milligrams, millilitres and units can never be mixed by accident."""

import re
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal, DecimalException, DivisionByZero, Inexact, InvalidOperation

from app.core.errors import Invalid
from app.core.wording import number

# Sums, products and conversions are exact or they are refused. Only a quotient may be rounded, at 34 digits.
EXACT = Context(prec=200, traps=[Inexact, InvalidOperation, DivisionByZero])
QUOTIENT = Context(prec=34, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation, DivisionByZero])

_SCALES = {
    "mass": {"nanogram": "0.001", "mcg": "1", "mg": "1e3", "g": "1e6", "kg": "1e9"},
    "volume": {"mcL": "1", "mL": "1e3", "L": "1e6"},
    "amount of substance": {"mcmol": "1", "mmol": "1e3", "mol": "1e6"},
    "equivalents": {"mEq": "1"},
    "activity": {"milliunit": "1", "unit": "1e3"},
    "time": {"s": "1", "min": "60", "hour": "3600", "day": "86400"},
    "area": {"m2": "1"},
}
COUNTS = (
    "each", "tablet", "capsule", "vial", "ampule", "bag", "syringe", "bottle", "packet",
    "patch", "suppository", "lozenge", "puff", "spray", "drop", "application", "dose",
)  # fmt: skip
# A count of tablets is not a count of vials: every counted thing is a dimension of its own.
_TABLE: dict[str, tuple[str, Decimal]] = {
    unit: (dimension, Decimal(scale)) for dimension, units in _SCALES.items() for unit, scale in units.items()
} | {unit: (f"count ({unit})", Decimal(1)) for unit in COUNTS}
UNITS = frozenset(_TABLE)

_PLURALS = {unit: unit + "s" for unit in ("unit", "milliunit", "nanogram", "hour", "day", *COUNTS)} | {
    "each": "each", "patch": "patches", "suppository": "suppositories",
}  # fmt: skip

# What orders, messages and labels write. Case never decides; what it would have to decide has two meanings.
_ALIASES = {
    "nanogram": "ng",
    "mcg": "ug μg microgram micrograms",
    "mg": "mgs milligram milligrams",
    "g": "gm gms gram grams",
    "kg": "kgs kilo kilogram kilograms",
    "mcL": "ul μl microliter microliters microlitre microlitres",
    "mL": "mls cc milliliter milliliters millilitre millilitres",
    "L": "liter liters litre litres",
    "mcmol": "umol μmol micromol micromole micromoles",
    "mmol": "mmols millimol millimole millimoles",
    "mol": "mole moles",
    "mEq": "meqs milliequivalent milliequivalents",
    "unit": "u unt iu [iu] [usp'u]",
    "s": "sec secs second seconds",
    "min": "mins minute minutes",
    "hour": "h hr hrs",
    "day": "d",
    "m2": "m² m^2",
    "each": "ea",
    "tablet": "tab tabs tablet(s) {tbl}",
    "capsule": "cap caps capsule(s)",
    "ampule": "amp amps ampul ampuls ampoule ampoules",
    "suppository": "supp supps",
    "drop": "gtt gtts",
}
_READ_AS = {
    name.casefold(): unit
    for unit in _TABLE
    for name in (unit, _PLURALS.get(unit, unit), *_ALIASES.get(unit, "").split())
}
_TWO_MEANINGS = {
    "mu": "million units or milliunits", "m[iu]": "million units or milliunits", "gr": "grains or grams",
    "m": "minutes, months or metres",
}  # fmt: skip
_ASCII_DECIMAL = re.compile(r"\+?(?=\.?[0-9])(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]*)(?:\.[0-9]*)?")


@dataclass(frozen=True, eq=False, slots=True)
class Quantity:
    """A decimal number of one pharmacy unit, as it may be ordered, drawn, weighed or given.

    Equal and ordered by size inside one dimension (1 g == 1,000 mg). `+ - <` across dimensions, and any float,
    NaN, infinity, bool or unknown unit, raise ValueError in words. Source: house rule "Quantity".
    """

    value: Decimal
    unit: str

    def __post_init__(self) -> None:
        if isinstance(self.value, int) and not isinstance(self.value, bool):
            object.__setattr__(self, "value", Decimal(self.value))
        if self.unit not in _TABLE:
            raise ValueError(f"'{self.unit}' is not a unit of this pharmacy.")
        _admit(self.value, self.unit)
        if self.value.is_zero():
            object.__setattr__(self, "value", self.value.copy_abs())

    @property
    def dimension(self) -> str:
        """The kind of thing that is measured: mass, volume, activity, count (tablet) …"""
        return _TABLE[self.unit][0]

    def to(self, unit: str) -> "Quantity":
        """The same quantity in another unit of its dimension, exactly.

        Raises ValueError across dimensions, for an unknown unit, and where no exact decimal exists (20 min in hours).
        """
        if unit not in _TABLE:
            raise ValueError(f"'{unit}' is not a unit of this pharmacy.")
        if _TABLE[unit][0] != self.dimension:
            raise ValueError(f"{self} cannot be said in {unit}: {self.dimension} is not {_TABLE[unit][0]}.")
        if unit == self.unit:
            return self
        try:
            return Quantity(EXACT.divide(self._base(), _TABLE[unit][1]), unit)
        except DecimalException:
            raise ValueError(f"{self} is no exact decimal number of {unit}.") from None

    def rounded(self, places: int, rounding: str = ROUND_HALF_EVEN) -> "Quantity":
        """The quantity rounded to `places` decimals: a named act, done only where it is printed."""
        step = Decimal(1).scaleb(-places)
        return Quantity(self.value.quantize(step, rounding, Context(prec=200)), self.unit)

    def millionths(self) -> int:
        """The value as a whole number of millionths of its unit, for exact storage in a BIGINT.

        Raises ValueError when the value is finer than a millionth or does not fit 64 bits.
        """
        scaled = EXACT.multiply(self.value, Decimal(1_000_000))
        if scaled != scaled.to_integral_value():
            raise ValueError(f"{self} is finer than a millionth of a {self.unit}: round it before it is stored.")
        if abs(scaled) > 2**63 - 1:
            raise ValueError(f"{self} is too large to be stored.")
        return int(scaled)

    @staticmethod
    def from_millionths(count: int, unit: str) -> "Quantity":
        """The quantity that `millionths()` stored."""
        if not isinstance(count, int) or isinstance(count, bool):
            raise ValueError("Stored quantities are whole millionths.")
        return Quantity(EXACT.divide(Decimal(count), Decimal(1_000_000)), unit)

    def __str__(self) -> str:
        """The quantity as it may be read aloud: "25,000 units", "0.5 mL", "half tablet"."""
        if self.unit == "tablet" and self.value % 1 == Decimal("0.5") and self.value > 0:
            whole = int(self.value)
            return "half tablet" if whole == 0 else f"{number(Decimal(whole))} and a half tablets"
        name = self.unit if abs(self.value) == 1 else _PLURALS.get(self.unit, self.unit)
        return f"{number(self.value)} {name}"

    def __add__(self, other: "Quantity") -> "Quantity":
        return self._combined(other, "added", 1)

    def __sub__(self, other: "Quantity") -> "Quantity":
        return self._combined(other, "subtracted", -1)

    def __neg__(self) -> "Quantity":
        return Quantity(self.value.copy_negate(), self.unit)

    def __mul__(self, factor: Decimal | int) -> "Quantity":
        """The quantity `factor` times, exactly."""
        return Quantity(_exactly("multiply", self.value, _plain(factor)), self.unit)

    __rmul__ = __mul__

    def __truediv__(self, divisor: Decimal | int) -> "Quantity":
        """One part of `divisor` equal parts, to 34 digits."""
        by = _plain(divisor)
        if by.is_zero():
            raise ValueError(f"{self} cannot be divided by zero.")
        return Quantity(QUOTIENT.divide(self.value, by), self.unit)

    def over(self, other: "Quantity") -> Decimal:
        """How many times `other` goes into this quantity of the same dimension, to 34 digits."""
        self._same_kind(other, "compared")
        if other.value.is_zero():
            raise ValueError(f"{self} cannot be divided by zero.")
        return QUOTIENT.divide(self._base(), other._base())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Quantity):
            return NotImplemented
        return self.dimension == other.dimension and self._base() == other._base()

    def __hash__(self) -> int:
        return hash((self.dimension, self._base()))

    def __lt__(self, other: "Quantity") -> bool:
        self._same_kind(other, "compared")
        return self._base() < other._base()

    def __le__(self, other: "Quantity") -> bool:
        self._same_kind(other, "compared")
        return self._base() <= other._base()

    def __gt__(self, other: "Quantity") -> bool:
        return other < self

    def __ge__(self, other: "Quantity") -> bool:
        return other <= self

    def _base(self) -> Decimal:
        return _exactly("multiply", self.value, _TABLE[self.unit][1])

    def _same_kind(self, other: "Quantity", verb: str) -> None:
        if not isinstance(other, Quantity):
            raise ValueError(f"{self} and {other!r} cannot be {verb}: the second has no unit.")
        if self.dimension != other.dimension:
            raise ValueError(
                f"{self} and {other} cannot be {verb}: {self.dimension} and {other.dimension} mix only through "
                "a ratio of the product."
            )

    def _combined(self, other: "Quantity", verb: str, sign: int) -> "Quantity":
        self._same_kind(other, verb)
        term = other.to(self.unit).value
        return Quantity(_exactly("add" if sign > 0 else "subtract", self.value, term), self.unit)


@dataclass(frozen=True, slots=True)
class Ratio:
    """So much of one thing in so much of another (1,000 mg per 20 mL), with the source that says so.

    The only bridge between dimensions. Raises ValueError for a denominator that is not positive, a negative
    numerator or a missing source.
    """

    numerator: Quantity
    denominator: Quantity
    source: str

    def __post_init__(self) -> None:
        if self.denominator.value <= 0:
            raise ValueError(f"{self.numerator} per {self.denominator} is no ratio: the second must be above zero.")
        if self.numerator.value < 0:
            raise ValueError(f"{self.numerator} per {self.denominator} is no ratio: the first is below zero.")
        if not self.source.strip():
            raise ValueError(f"{self.numerator} per {self.denominator} carries no source: say where it was read.")

    def amount_in(self, volume: Quantity) -> Quantity:
        """How much of the numerator is in `volume` (any unit of the denominator's dimension), in its own unit."""
        self._accept(volume, self.denominator)
        return _share(self.numerator, volume, self.denominator)

    def volume_of(self, amount: Quantity) -> Quantity:
        """How much of the denominator holds `amount` (any unit of the numerator's dimension), in its own unit."""
        self._accept(amount, self.numerator)
        if self.numerator.value.is_zero():
            raise ValueError(f"No volume holds {amount}: the ratio is {self}.")
        return _share(self.denominator, amount, self.numerator)

    def __str__(self) -> str:
        """The ratio as it may be read aloud: "50 mg per mL", "1 mg per 10 mL"."""
        if self.denominator.value == 1:
            return f"{self.numerator} per {self.denominator.unit}"
        return f"{self.numerator} per {self.denominator}"

    def _accept(self, quantity: Quantity, wanted: Quantity) -> None:
        if quantity.dimension != wanted.dimension:
            raise ValueError(
                f"{quantity} does not fit {self} ({self.source}): {wanted.dimension} is needed, "
                f"not {quantity.dimension}."
            )


def parse(text_value: str, text_unit: str) -> Quantity:
    """Read a number and a unit as people and messages write them ("25,000" "UNIT", ".5" "gm") or say what is wrong.

    Raises Invalid with a sentence under `value` or `unit`, or both.
    """
    wrong: dict[str, str] = {}
    value, unit = Decimal(0), ""
    try:
        value = parse_number(text_value)
    except Invalid as invalid:
        wrong |= invalid.fields
    try:
        unit = parse_unit(text_unit)
    except Invalid as invalid:
        wrong |= invalid.fields
    if wrong:
        raise Invalid(wrong)
    return Quantity(value, unit)


def parse_number(text: str) -> Decimal:
    """Read a plain ASCII decimal without a minus sign: "25,000", ".5" and "5." but not "1_000" or "1e3".

    Raises Invalid with a sentence under `value`.
    """
    written = text.strip(" \t")
    if not written:
        raise Invalid({"value": "The number is missing: enter it in digits, such as 1,000 or 0.5."})
    if len(written) > 30 or not _ASCII_DECIMAL.fullmatch(written):
        shown = written if len(written) <= 30 else written[:30] + "…"
        raise Invalid({"value": f"'{shown}' is not a number: enter it in digits, such as 1,000 or 0.5."})
    value = Decimal(written.replace(",", ""))
    if value.adjusted() > 14:
        raise Invalid({"value": f"'{written}' is too large: check the number and its unit."})
    return value


def plain(value: Decimal) -> Decimal:
    """Drop the trailing zeros that storage in millionths adds."""
    return value.quantize(Decimal(1)) if value == value.to_integral_value() else value.normalize()


def parse_unit(text: str) -> str:
    """Read a unit as people and messages write it ("gm", "MG", "cc", "UNT", "µg") and return the pharmacy's own.

    Raises Invalid with a sentence under `unit`.
    """
    written = text.strip(" \t")
    if not written:
        raise Invalid({"unit": "The unit is missing: enter it, such as mg, mL or units."})
    folded = written.casefold().removesuffix(".")
    if folded in _READ_AS:
        return _READ_AS[folded]
    shown = written if len(written) <= 30 else written[:30] + "…"
    if folded in _TWO_MEANINGS:
        raise Invalid({"unit": f"'{shown}' may mean {_TWO_MEANINGS[folded]}: write the unit in full."})
    raise Invalid({"unit": f"'{shown}' is not a unit of this pharmacy: use one such as mcg, mg, g, mL, mEq or units."})


def _admit(value: object, unit: str) -> None:
    if not isinstance(value, Decimal):
        raise ValueError(f"{value!r} {unit} is not exact: quantities are decimal numbers, never float, bool or text.")
    if not value.is_finite():
        raise ValueError(f"{value} {unit} is not a quantity.")
    exponent = value.as_tuple().exponent
    if value.adjusted() > 20 or (isinstance(exponent, int) and not -80 <= exponent <= 20):
        raise ValueError(f"A quantity of {value} {unit} is beyond anything a pharmacy handles.")


def _plain(factor: object) -> Decimal:
    if isinstance(factor, int) and not isinstance(factor, bool):
        return Decimal(factor)
    if isinstance(factor, Decimal) and factor.is_finite():
        return factor
    raise ValueError(f"{factor!r} cannot multiply a quantity: use a whole or a decimal number.")


def _exactly(operation: str, left: Decimal, right: Decimal) -> Decimal:
    try:
        return Decimal(getattr(EXACT, operation)(left, right))
    except DecimalException:
        raise ValueError(f"{left} and {right} have too many digits to be computed exactly.") from None


def _share(whole: Quantity, part: Quantity, of: Quantity) -> Quantity:
    scaled = _exactly("multiply", whole.value, part._base())
    return Quantity(QUOTIENT.divide(scaled, of._base()), whole.unit)
