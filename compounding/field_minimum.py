"""The smallest mass that a balance in a running hood may be trusted with."""

from decimal import Decimal

from app.core.errors import Invalid


def least_mass(
    readability_g: Decimal, repeatability_g: Decimal, tolerance_percent: Decimal, *, tared_in_place: bool
) -> Decimal:
    """The smallest net mass in g to be judged at a tolerance in percent: 2·max(s, 0.41 d)/tolerance.

    Times √2 where before and after are two weighings (not `tared_in_place`). Raises Invalid for a readability or a
    tolerance that is not above zero and a repeatability below it. Source: USP ⟨41⟩, its sum with our tolerance in
    place of 0.10 %.
    """
    for name, value, least in (
        ("readability_g", readability_g, False),
        ("repeatability_g", repeatability_g, True),
        ("tolerance_percent", tolerance_percent, False),
    ):
        if not value.is_finite() or value < 0 or (value == 0 and not least):
            raise Invalid({name: f"{name} is {value}: it must be a number above zero."})
    mass = 2 * max(repeatability_g, readability_g * Decimal("0.41")) * 100 / tolerance_percent
    return mass if tared_in_place else mass * Decimal(2).sqrt()
