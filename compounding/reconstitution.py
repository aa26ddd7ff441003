"""Powder and diluent: what a vial holds after mixing, by its label and by the diluent that was really added."""

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal

from app.core.errors import Invalid
from app.core.quantity import Quantity, Ratio
from app.core.wording import number
from compounding.gravimetry import gain, liquid, not_negative

_FINE = Context(prec=50, rounding=ROUND_HALF_EVEN)


@dataclass(frozen=True, slots=True)
class Reconstituted:
    """A vial after mixing: its true concentration, its volume in mL, and U of both (k = 2) in percent and mL."""

    concentration: Ratio
    volume_ml: Decimal
    expanded_uncertainty_ml: Decimal
    uncertainty_percent: Decimal

    def volume_to_draw(self, amount: Quantity) -> Decimal:
        """The volume in mL that carries `amount`, unrounded. Raises Invalid when the vial does not hold so much."""
        volume = self.concentration.volume_of(amount).to("mL").value
        if volume > self.volume_ml:
            raise Invalid({"amount": f"The vial holds {self.concentration.numerator}, not {amount}: use another vial."})
        return volume

    def draw_uncertainty_ml(self, amount: Quantity) -> Decimal:
        """How far in mL (k = 2) the right volume for `amount` may lie off because the concentration is uncertain."""
        return self.volume_to_draw(amount) * self.uncertainty_percent / 100


def displacement(content: Quantity, diluent_ml: Decimal, labelled: Ratio) -> Decimal:
    """The volume in mL that the dry powder takes up: content/C − diluent, from the label's own figures.

    Raises Invalid where the label cannot be right (the powder would take up less than nothing).
    """
    powder = labelled.volume_of(content).to("mL").value - diluent_ml
    if powder < 0:
        raise Invalid({"diluent_ml": f"{number(diluent_ml)} mL is more than the mixed vial holds: check the label."})
    return powder


def diluent_for(content: Quantity, wanted: Ratio, displacement_ml: Decimal) -> Decimal:
    """The diluent in mL that brings a vial to the wanted concentration: content/C − displacement.

    Raises Invalid where the powder alone takes up more than that volume.
    """
    diluent = wanted.volume_of(content).to("mL").value - displacement_ml
    if diluent <= 0:
        raise Invalid({"wanted": f"{wanted} cannot be reached: the powder alone takes {number(displacement_ml)} mL."})
    return diluent


def reconstituted(
    *,
    content: Quantity,
    before_g: Decimal,
    after_g: Decimal,
    density_g_per_ml: Decimal,
    density_u: Decimal,
    displacement_ml: Decimal,
    displacement_u: Decimal,
    readability_g: Decimal,
    repeatability_g: Decimal,
    readings: int,
    source: str,
) -> Reconstituted:
    """The true concentration of a vial from the weight of diluent it gained: C = content/(Δm/ρ + displacement).

    Masses in g, volumes in mL, both `_u` expanded (k = 2); the vial's content is taken as labelled. Raises Invalid
    as `gravimetry.judge_mass` does, and where the vial did not gain. Source: compounding 3.2, JCGM 100.
    """
    not_negative(displacement_ml=displacement_ml, displacement_u=displacement_u)
    added_g = gain(before_g, after_g)
    if added_g <= 0:
        raise Invalid({"after_g": "The vial did not gain any diluent: weigh it again after adding."})
    added_ml, added_u = liquid(
        mass_g=added_g, density_g_per_ml=density_g_per_ml, density_u=density_u, readability_g=readability_g,
        repeatability_g=repeatability_g, readings=readings,
    )  # fmt: skip
    volume = _FINE.add(added_ml, displacement_ml)
    uncertainty = _FINE.sqrt(_FINE.add(added_u * added_u, displacement_u * displacement_u))
    return Reconstituted(
        concentration=Ratio(content, Quantity(volume, "mL"), source),
        volume_ml=volume,
        expanded_uncertainty_ml=uncertainty,
        uncertainty_percent=_FINE.divide(uncertainty * 100, volume),
    )
