"""Readings as values, and the way to grams."""

from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.reading import ERRORS, WORDS, Reading, in_grams


@pytest.mark.parametrize("value, unit, grams", [
    ("1.25000", "kg", "1250.00"), ("1250.0", "mg", "1.2500"), ("-12.34", "g", "-12.34"), ("5", "kg", "5000"),
    ("0.000", "kg", "0"), ("0.00", "g", "0.00"),
])  # fmt: skip
def test_grams_keep_the_places_that_were_weighed(value, unit, grams):
    assert format(in_grams(Decimal(value), unit), "f") == grams


@given(st.decimals(allow_nan=False, allow_infinity=False, places=5), st.sampled_from(["g", "kg", "mg"]))
def test_the_way_to_grams_is_exact_even_where_decimal_would_round(value, unit):
    with localcontext() as context:
        context.prec = 3
        grams = in_grams(value, unit)
    with localcontext() as context:
        context.prec = 60
        assert grams == value * {"g": 1, "kg": 1000, "mg": Decimal("0.001")}[unit]


@pytest.mark.parametrize("unit", ["lb", "oz", "pcs", "KG", "", "µg"])
def test_a_unit_other_than_mg_g_kg_is_refused_with_what_to_do(unit):
    with pytest.raises(ValueError, match="Set it to grams"):
        in_grams(Decimal("1"), unit)


def test_floats_nan_and_infinity_are_no_mass():
    with pytest.raises(TypeError):
        in_grams(1.0, "g")
    for word in ("NaN", "Infinity", "-Infinity"):
        with pytest.raises(ValueError, match="not a number"):
            in_grams(Decimal(word), "g")


@pytest.mark.parametrize("parts", [
    ("weight", True, None, "g", None), ("weight", True, Decimal("NaN"), "g", None),
    ("weight", True, Decimal(1), None, None), ("weight", True, Decimal(1), "g", "overload"),
    ("fault", None, None, None, None), ("fault", None, None, None, "tired"), ("ack", None, Decimal(1), "g", None),
    ("guess", None, None, None, None),
])  # fmt: skip
def test_a_reading_outside_the_closed_set_cannot_exist(parts):
    with pytest.raises(ValueError, match=r"\.$"):
        Reading(*parts, b"")


def test_only_a_weight_has_grams_and_every_error_has_words():
    assert Reading("weight", True, Decimal("1.5"), "kg", None, b"").grams == Decimal(1500)
    assert Reading("fault", None, None, None, "overload", b"").grams is None
    assert set(WORDS) == ERRORS
