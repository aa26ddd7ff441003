"""How many packages make a dose: exact decimals, halves only where a pharmacist allows them, and never rounded.

Source: unit-dose reference §2.6; ISMP on split tablets (print 'half tablet', never a fraction).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from app.core.quantity import EXACT, Quantity
from app.core.wording import number
from app.formulary.unit_dose import UnitDoseFacts

MOST_PACKAGES = 10
"""More packages than this for one dose is nobody's intention until a pharmacist says so."""
_WHOLE = Decimal(1)


@dataclass(frozen=True, slots=True)
class Made:
    """A way to make a dose of one package: `units` of it are given, `packages` of it go into the drawer.

    For a container that holds many doses `units` are its uses in one dose, and no package goes with each dose.
    """

    package: UnitDoseFacts
    units: Decimal
    packages: int


def made_from(dose: Quantity, package: UnitDoseFacts) -> Made | None:
    """How a dose is made of a package, or None where it cannot be: not a multiple of its step, or another dimension."""
    units = _units(dose, package)
    if units is None or units <= 0:
        return None
    if package.uses is not None:
        return Made(package, units, 0)
    packages = int(units.to_integral_value(ROUND_CEILING))
    if packages > MOST_PACKAGES:
        return None
    drawn = package.volume_ml is not None and package.form in ("cup", "bottle")
    if units % package.step != 0 and not drawn:
        return None
    return Made(package, units, packages)


def _units(dose: Quantity, package: UnitDoseFacts) -> Decimal | None:
    if package.uses is not None or dose.unit == package.counted_as:
        if dose.unit != package.counted_as:
            return None
        half = Decimal("0.5") if package.form == "half tablet" else _WHOLE
        return _quotient(dose.value, half)
    if dose.dimension == package.content.dimension:
        return _quotient(dose.value, package.content.to(dose.unit).value)
    if package.volume_ml is not None and dose.dimension == "volume":
        return _quotient(dose.to("mL").value, package.volume_ml)
    return None


def _quotient(dose: Decimal, content: Decimal) -> Decimal | None:
    """How often the content is in the dose, where that is an exact number of millionths (as it is stored)."""
    units = (dose / content).quantize(Decimal("0.000001"))
    return units.normalize() if EXACT.multiply(units, content) == dose else None


def ways(dose: Quantity, packages: Collection[UnitDoseFacts], stocked: Collection[int] = ()) -> tuple[Made, ...]:
    """Every way to make a dose of one package, the one to take first.

    What is in stock before what is not; one whole package before several, several before halves, an exact syringe
    before cups to draw from; then by name, so that the same question always has the same answer.
    """
    found = [made for each in packages if (made := made_from(dose, each)) is not None]
    return tuple(sorted(found, key=lambda made: _preference(made, stocked)))


def _preference(made: Made, stocked: Collection[int]) -> tuple[bool, bool, int, str, int]:
    package = made.package
    return (
        package.package_id not in stocked,
        made.units % _WHOLE != 0,
        made.packages,
        package.name,
        package.package_id,
    )


def instruction(made: Made, dose: Quantity) -> str:
    """What a nurse must know to give the dose of its packages; '' where a package is the dose.

    'half tablet (12.5 mg)', 'draw 7.5 mL', '2 tablets (40 mg)'.
    """
    package, units = made.package, made.units
    if package.uses is not None or (units == 1 and package.form != "half tablet"):
        return ""
    if package.form in ("tablet", "half tablet"):
        halves = units if package.form == "tablet" else units / 2
        counted = Quantity(halves, "tablet")
        return f"{counted} ({dose})" if dose.unit != "tablet" else str(counted)
    if package.volume_ml is not None and units % _WHOLE != 0:
        return f"draw {Quantity(EXACT.multiply(units, package.volume_ml).normalize(), 'mL')}"
    return f"{number(units)} × {package.form} ({dose})"


def uses_left(in_container: Decimal | None, a_dose: Decimal, doses_since: int) -> Decimal | None:
    """Administrations left in a container after the doses since it was counted; None where they are not counted."""
    return None if in_container is None else max(Decimal(0), in_container - a_dose * doses_since)


def enough(left: Decimal | None, a_dose: Decimal, doses: int) -> bool:
    """Whether what is left in a container lasts for so many doses; where uses are not counted, days alone decide."""
    return left is None or left >= a_dose * doses


def split(dose: Quantity, chosen: Sequence[tuple[UnitDoseFacts, Decimal]]) -> tuple[Made, ...]:
    """The packages that a pharmacist chose for a dose ('75 mg as 50 + 25').

    Raises ValueError when they do not make exactly the dose.
    """
    parts = []
    for package, units in chosen:
        packages = int(units.to_integral_value(ROUND_CEILING))
        parts.append(Made(package, units, 0 if package.uses is not None else packages))
    if len(parts) == 1 and parts[0].package.content.dimension != dose.dimension:
        return tuple(parts)  # The pharmacist's own word: '1 packet' for a dose that the packet does not state.
    total = sum(
        (EXACT.multiply(units, package.content.to(dose.unit).value) for package, units in chosen), start=Decimal(0)
    )
    if total != dose.value:
        raise ValueError(f"These packages make {Quantity(total, dose.unit)}, not {dose}.")
    return tuple(parts)
