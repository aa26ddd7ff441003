"""The concentration on a label: of what was ordered, exact or said to be about, and never a misread zero."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.quantity import Quantity
from compounding.labelling import concentration

D = Decimal


@pytest.mark.parametrize(
    ("dose", "unit", "base", "base_unit", "written"),
    [
        ("1000", "mg", "250", "mL", "4 mg/mL"),
        ("20", "mEq", "1000", "mL", "0.02 mEq/mL"),
        ("20", "mEq", "1", "L", "0.02 mEq/mL"),
        ("2", "g", "1000", "mL", "2 mg/mL"),
        ("4", "mg", "250", "mL", "16 mcg/mL"),
        ("25000", "unit", "250", "mL", "100 units/mL"),
        ("100", "unit", "100", "mL", "1 unit/mL"),
        ("750", "mg", "250", "mL", "3 mg/mL"),
        ("1250", "mg", "250", "mL", "5 mg/mL"),
        ("25", "mEq", "1000", "mL", "0.025 mEq/mL"),
        ("1000", "mg", "300", "mL", "about 3.33 mg/mL"),
        ("40", "mEq", "1500", "mL", "about 0.0267 mEq/mL"),
        ("2", "g", "300", "mL", "about 6.67 mg/mL"),
        ("1234567", "unit", "1000", "mL", "about 1,235 units/mL"),
        ("2999", "mg", "3000", "mL", "about 1 mg/mL"),
        ("10", "mL", "250", "mL", ""),
        ("0", "mg", "250", "mL", ""),
    ],
)
def test_a_concentration_is_written_so(dose, unit, base, base_unit, written):
    assert concentration(Quantity(D(dose), unit), Quantity(D(base), base_unit)) == written


def test_an_order_without_a_volume_has_no_concentration():
    assert concentration(Quantity(D(5), "mg"), None) == ""


@given(
    st.decimals("0.001", "100000", places=3),
    st.decimals("1", "3000", places=1),
    st.sampled_from(["mg", "g", "mEq", "mmol", "unit", "mcg"]),
)
def test_what_is_written_is_exact_or_about_to_half_a_per_cent(dose, volume, unit):
    written = concentration(Quantity(dose, unit), Quantity(volume, "mL"))
    about = written.startswith("about ")
    figure, said = written.removeprefix("about ").removesuffix("/mL").split(" ")
    read = Quantity(D(figure.replace(",", "")), said.removesuffix("s"))
    ordered = Quantity(dose, unit) / volume
    assert (read != ordered) == about
    assert abs(read.over(ordered) - 1) <= D("0.005")
