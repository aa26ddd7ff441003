import operator
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import Invalid
from app.core.quantity import COUNTS, UNITS, Quantity, Ratio, parse, parse_number, parse_unit
from app.core.wording import number

LADDERS = [
    ("nanogram", "mcg", "mg", "g", "kg"),
    ("mcL", "mL", "L"),
    ("mcmol", "mmol", "mol"),
    ("milliunit", "unit"),
]
# A kilogram is 10^12 nanograms: the sum of two of these stays below the 10^21 that a quantity may be, in any unit.
VALUES = st.decimals(min_value=-(4 * 10**8), max_value=4 * 10**8, places=6)
ANY_UNIT = st.sampled_from(sorted(UNITS))
LADDER_UNITS = st.sampled_from([(a, b) for ladder in LADDERS for a in ladder for b in ladder])
DIMENSIONS = {unit: Quantity(1, unit).dimension for unit in UNITS}


def q(value: str, unit: str) -> Quantity:
    return Quantity(Decimal(value), unit)


# --- what may be a quantity ---


@pytest.mark.parametrize("value", [1.5, float("nan"), True, False, "1", None, Decimal("NaN"), Decimal("sNaN"),
                                   Decimal("Infinity"), Decimal("-Infinity"), Decimal("1E+999999"),
                                   Decimal("1E-999999"), Decimal("0E+500")])  # fmt: skip
def test_what_is_not_an_exact_number_is_refused_at_the_door(value):
    with pytest.raises(ValueError):
        Quantity(value, "mg")


@pytest.mark.parametrize("unit", ["", "MG", "gm", "U", "IU", "µg", "cc", "grain", "mg/mL", "%", None])
def test_only_the_pharmacys_own_units_exist(unit):
    with pytest.raises(ValueError, match="not a unit of this pharmacy"):
        Quantity(Decimal(1), unit)


def test_a_whole_number_may_be_given_as_one():
    assert Quantity(5, "mg") == q("5", "mg")
    assert isinstance(Quantity(5, "mg").value, Decimal)


def test_minus_nothing_is_nothing():
    assert str(q("-0.0", "mL")) == "0 mL"


def test_a_quantity_cannot_be_changed():
    with pytest.raises(AttributeError):
        q("1", "mg").value = Decimal(2)


# --- one dimension at a time: every pair of units is tried ---


@pytest.mark.parametrize("left", sorted(UNITS))
def test_dimensions_never_mix(left):
    for right in sorted(UNITS):
        one, other = Quantity(1, left), Quantity(1, right)
        if DIMENSIONS[left] == DIMENSIONS[right]:
            assert (one < other) or (one > other) or (one == other)
            continue
        assert one != other
        for act in (operator.add, operator.sub, operator.lt, operator.le, operator.gt, operator.ge, Quantity.over):
            with pytest.raises(ValueError, match="mix only through a ratio"):
                act(one, other)
        with pytest.raises(ValueError, match="cannot be said in"):
            one.to(right)


@pytest.mark.parametrize(("left", "right"), [("mEq", "mmol"), ("unit", "mg"), ("mL", "mg"), ("tablet", "vial")])
def test_the_pairs_that_have_hurt_patients_are_two_dimensions(left, right):
    assert DIMENSIONS[left] != DIMENSIONS[right]


@pytest.mark.parametrize("ladder", LADDERS)
def test_each_rung_is_a_thousand_of_the_one_below(ladder):
    for small, large in zip(ladder, ladder[1:], strict=False):
        assert Quantity(1, large).to(small) == Quantity(1000, small)
        assert Quantity(1, large).to(small).value == 1000
        assert Quantity(1, small).to(large).value == Decimal("0.001")


def test_time_is_exact_or_refused():
    assert q("2", "hour").to("min").value == 120
    assert q("10", "day").to("hour").value == 240
    assert q("30", "min").to("hour").value == Decimal("0.5")
    with pytest.raises(ValueError, match="no exact decimal number of hour"):
        q("20", "min").to("hour")


@given(VALUES, LADDER_UNITS)
def test_a_conversion_there_and_back_changes_nothing(value, units):
    there, back = units
    start = Quantity(value, there)
    assert start.to(back).to(there).value == value
    assert start.to(back) == start
    assert hash(start.to(back)) == hash(start)


@given(VALUES, VALUES, LADDER_UNITS)
def test_sums_are_exact_whatever_the_units(a, b, units):
    left, right = Quantity(a, units[0]), Quantity(b, units[1])
    assert (left + right) - right == left
    assert left + right == right + left
    assert (left + right).unit == units[0]
    assert (left - right) == -(right - left)
    assert (left < right) == ((left - right).value < 0)
    assert (left <= right) == (not left > right)


def test_a_sum_with_nothing_that_has_a_unit_is_refused():
    with pytest.raises(ValueError, match="has no unit"):
        q("1", "mg") + Decimal(1)
    assert q("1", "mg") != Decimal(1)


@given(VALUES, st.integers(min_value=-1000, max_value=1000))
def test_times_a_whole_number_is_repeated_addition(value, times):
    assert (Quantity(value, "mg") * times).value == value * times
    assert times * Quantity(value, "mg") == Quantity(value, "mg") * times


@pytest.mark.parametrize("factor", [1.5, True, "2", None, Decimal("NaN"), Decimal("Infinity"), Quantity(1, "mg")])
def test_only_a_plain_exact_number_multiplies_or_divides(factor):
    for act in (operator.mul, operator.truediv):
        with pytest.raises(ValueError, match="use a whole or a decimal number"):
            act(q("1", "mg"), factor)


def test_a_share_is_a_quotient():
    assert q("1000", "mg") / 4 == q("0.25", "g")
    assert q("1", "g").over(q("250", "mg")) == 4
    with pytest.raises(ValueError, match="divided by zero"):
        q("1", "mg") / 0
    with pytest.raises(ValueError, match="divided by zero"):
        q("1", "mg").over(q("0", "g"))


def test_digits_that_cannot_be_kept_are_refused_not_rounded():
    many = Quantity(Decimal("1." + "1" * 79), "mg")
    with pytest.raises(ValueError):
        _ = many * Decimal("1." + "1" * 150)


def test_rounding_is_asked_for_by_name():
    assert str(q("1.9384", "mL").rounded(2)) == "1.94 mL"
    assert q("0.125", "mL").rounded(2).value == Decimal("0.12")


# --- read aloud ---


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        ("1.0", "mg", "1 mg"), (".5", "mL", "0.5 mL"), ("1000", "mg", "1,000 mg"), ("25000", "unit", "25,000 units"),
        ("1", "unit", "1 unit"), ("0.5", "unit", "0.5 units"), ("0", "unit", "0 units"), ("500", "mcg", "500 mcg"),
        ("1E+3", "mL", "1,000 mL"), ("20", "mEq", "20 mEq"), ("5", "milliunit", "5 milliunits"),
        ("2", "nanogram", "2 nanograms"), ("1", "tablet", "1 tablet"), ("2", "tablet", "2 tablets"),
        ("0.5", "tablet", "half tablet"), ("1.50", "tablet", "1 and a half tablets"), ("2", "patch", "2 patches"),
        ("0.25", "tablet", "0.25 tablets"), ("2", "suppository", "2 suppositories"), ("3", "each", "3 each"),
        ("12", "hour", "12 hours"), ("1", "hour", "1 hour"), ("30", "min", "30 min"), ("-2.50", "mL", "-2.5 mL"),
    ],
)  # fmt: skip
def test_a_quantity_reads_as_a_pharmacist_says_it(value, unit, text):
    assert str(q(value, unit)) == text


@given(VALUES, ANY_UNIT)
def test_the_text_of_a_quantity_is_safe(value, unit):
    text = str(Quantity(value, unit))
    assert "µ" not in text and "μ" not in text and "E" not in text.replace("mEq", "")
    assert not text.startswith(".") and not text.endswith(".") and " " in text
    if unit != "tablet":
        assert text.split(" ")[0] == number(value)


# --- ratios ---


def test_a_concentration_leads_from_amount_to_volume_and_back():
    strength = Ratio(q("1000", "mg"), q("20", "mL"), "MFR-01, label of the vial")
    assert strength.volume_of(q("0.6", "g")) == q("12", "mL")
    assert strength.amount_in(q("0.012", "L")) == q("600", "mg")
    assert str(strength) == "1,000 mg per 20 mL"
    assert str(Ratio(q("50", "mg"), q("1", "mL"), "label")) == "50 mg per mL"


def test_a_dose_by_weight_is_a_ratio_too():
    """Compounding 3.1: gentamicin 2.5 mg/kg for 3.2 kg at 10 mg/mL."""
    dose = Ratio(q("2.5", "mg"), q("1", "kg"), "order").amount_in(q("3.2", "kg"))
    assert dose == q("8", "mg")
    assert Ratio(q("10", "mg"), q("1", "mL"), "label").volume_of(dose) == q("0.8", "mL")


def test_electrolytes_cross_by_the_products_own_factor():
    """Compounding 3.7: 20 mEq = 10 mL of 2 mEq/mL; magnesium sulfate 1 g = 8.12 mEq."""
    assert Ratio(q("2", "mEq"), q("1", "mL"), "label").volume_of(q("20", "mEq")) == q("10", "mL")
    assert Ratio(q("8.12", "mEq"), q("1", "g"), "label").amount_in(q("2000", "mg")) == q("16.24", "mEq")


@pytest.mark.parametrize("source", ["", "  "])
def test_a_ratio_without_a_source_is_refused(source):
    with pytest.raises(ValueError, match="carries no source"):
        Ratio(q("1", "mg"), q("1", "mL"), source)


@pytest.mark.parametrize(("top", "bottom"), [("1", "0"), ("1", "-1"), ("-1", "1")])
def test_a_ratio_that_no_bottle_can_have_is_refused(top, bottom):
    with pytest.raises(ValueError, match="is no ratio"):
        Ratio(q(top, "mg"), q(bottom, "mL"), "label")


def test_a_ratio_takes_only_what_it_was_made_for():
    strength = Ratio(q("50", "mg"), q("1", "mL"), "label")
    with pytest.raises(ValueError, match="volume is needed, not mass"):
        strength.amount_in(q("1", "mg"))
    with pytest.raises(ValueError, match="mass is needed, not activity"):
        strength.volume_of(q("1", "unit"))
    with pytest.raises(ValueError, match="No volume holds"):
        Ratio(q("0", "mg"), q("1", "mL"), "label").volume_of(q("1", "mg"))


@given(
    st.decimals(min_value="0.001", max_value=100000, places=3),
    st.decimals(min_value="0.001", max_value=1000, places=3),
    st.decimals(min_value="0.001", max_value=1000, places=3),
)
def test_amount_and_volume_are_each_others_inverse(amount, volume, wanted):
    strength = Ratio(Quantity(amount, "mg"), Quantity(volume, "mL"), "label")
    back = strength.volume_of(strength.amount_in(Quantity(wanted, "mL")))
    assert back.rounded(20) == Quantity(wanted, "mL")


# --- storage ---


@given(st.integers(min_value=-(2**63) + 1, max_value=2**63 - 1), ANY_UNIT)
def test_storage_is_exact_there_and_back(count, unit):
    assert Quantity.from_millionths(count, unit).millionths() == count


def test_what_is_finer_than_a_millionth_is_not_stored():
    assert q("0.000001", "mL").millionths() == 1
    with pytest.raises(ValueError, match="round it before it is stored"):
        q("0.0000001", "mL").millionths()
    with pytest.raises(ValueError, match="too large"):
        q("1E+15", "mL").millionths()
    for wrong in (1.0, True, "1", Decimal(1)):
        with pytest.raises(ValueError):
            Quantity.from_millionths(wrong, "mL")


# --- reading ---


@pytest.mark.parametrize(
    ("text", "value"),
    [("25,000", "25000"), (".5", "0.5"), ("5.", "5"), ("+5", "5"), (" 1,234,567.250 ", "1234567.25"), ("007", "7"),
     ("0", "0"), ("1000", "1000"), ("1,000.5", "1000.5")],
)  # fmt: skip
def test_numbers_are_read_as_people_write_them(text, value):
    assert parse_number(text) == Decimal(value)


@pytest.mark.parametrize(
    "text",
    ["", " ", ".", "+", ",", "-5", "1_000", "１０", "٣", "NaN", "nan", "inf", "Infinity", "1e3", "1E3", "0x10", "1,00",
     "1,0000", "25,00", ",500", "1 000", "1.2.3", "1,000,", "½", "5 mg", "1,234,56", "--1", "1\n", "\x00", "9" * 16,
     "1" * 5000, "1.000,5"],
)  # fmt: skip
def test_a_number_that_could_be_misread_is_refused_in_words(text):
    with pytest.raises(Invalid) as refused:
        parse_number(text)
    assert list(refused.value.fields) == ["value"]
    assert len(refused.value.fields["value"]) < 150


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("gm", "g"), ("MG", "mg"), ("ML", "mL"), ("cc", "mL"), ("UNIT", "unit"), ("UNT", "unit"), ("meq", "mEq"),
        ("\u00b5g", "mcg"), ("\u03bcg", "mcg"), ("ug", "mcg"), ("MCG", "mcg"), ("IU", "unit"), ("[iU]", "unit"),
        ("Units", "unit"), ("U", "unit"), ("mg.", "mg"), (" mL ", "mL"), ("l", "L"), ("TAB", "tablet"),
        ("Tablets", "tablet"), ("EA", "each"), ("hr", "hour"), ("MMOL", "mmol"), ("\u03bcL", "mcL"), ("KG", "kg"),
    ],
)  # fmt: skip
def test_units_are_read_as_messages_write_them(text, unit):
    assert parse_unit(text) == unit


@pytest.mark.parametrize("unit", sorted(UNITS))
def test_every_unit_reads_itself_as_printed_and_in_capitals(unit):
    assert parse_unit(unit) == unit
    assert parse_unit(unit.upper()) == unit
    printed = str(Quantity(2, unit)).split(" ")[1]
    assert parse_unit(printed) == unit


@pytest.mark.parametrize("text", ["", "mg/mL", "%", "furlong", "x" * 500, "m g", "mgg", "１", "\x00"])
def test_an_unknown_unit_is_refused_in_words(text):
    with pytest.raises(Invalid) as refused:
        parse_unit(text)
    assert list(refused.value.fields) == ["unit"]
    assert len(refused.value.fields["unit"]) < 150


@pytest.mark.parametrize("text", ["MU", "mU", "gr", "M", "m[IU]", "M[IU]"])
def test_a_unit_with_two_meanings_is_never_guessed(text):
    with pytest.raises(Invalid, match="may mean .* write the unit in full"):
        parse_unit(text)


def test_number_and_unit_are_told_off_together():
    assert parse("25,000", "UNIT") == q("25000", "unit")
    with pytest.raises(Invalid) as refused:
        parse("one", "spoon")
    assert set(refused.value.fields) == {"value", "unit"}


@given(st.text(max_size=12), st.text(max_size=8))
def test_any_text_is_read_or_refused_never_anything_else(value, unit):
    try:
        parsed = parse(value, unit)
    except Invalid:
        return
    assert parsed.unit in UNITS
    assert parsed.value >= 0


@given(st.decimals(min_value=0, max_value=10**9, places=6), st.sampled_from(sorted(UNITS - set(COUNTS))))
def test_what_is_printed_can_be_read_back(value, unit):
    text, printed_unit = str(Quantity(value, unit)).split(" ")
    assert parse(text, printed_unit) == Quantity(value, unit)
