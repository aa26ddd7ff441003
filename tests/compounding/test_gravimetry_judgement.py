from decimal import Decimal as D
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from app.core.errors import Invalid, Refused
from app.core.quantity import Quantity
from compounding.field_minimum import least_mass
from compounding.gravimetry import (
    AmountMade,
    amount_made,
    difference_uncertainty,
    feasible,
    gain,
    judge,
    judge_mass,
    liquid,
    loss,
    planned_uncertainty,
    tolerance,
    tolerance_floor,
)

KCL = {
    "target_ml": D("18.00"), "density_g_per_ml": D("1.088"), "density_u": D("0.003"), "before_g": D("9.812"),
    "after_g": D("29.402"), "readability_g": D("0.001"), "repeatability_g": D("0.001"), "readings": 3,
    "tolerance_percent": D("5"), "floor_ml": D("0.1"),
}  # fmt: skip


def places(value: D, digits: int) -> D:
    return value.quantize(D(1).scaleb(-digits))


def exact(**changes):
    """A balance without uncertainty and a liquid of 1 g/mL: the deviation alone decides."""
    plain = {
        "density_g_per_ml": D(1), "density_u": D(0), "readability_g": D(0), "repeatability_g": D(0),
        "before_g": D(0), "target_ml": D(100), "tolerance_percent": D(5), "floor_ml": D(0), "readings": 1,
    }  # fmt: skip
    return judge(**plain | changes)


# --- worked numbers, compounding 3.3 and 3.4 ---


def test_3_3_potassium_chloride_weighs_in_at_its_own_density():
    judged = judge(**KCL)
    assert places(judged.volume_ml, 2) == D("18.01")
    assert places(judged.deviation_percent, 2) == D("0.03")
    assert judged.verdict == "within"


def test_3_3_a_correct_dose_is_rejected_when_water_is_assumed():
    judged = judge(**KCL | {"density_g_per_ml": D("0.998"), "density_u": D("0.001")})
    assert places(judged.volume_ml, 2) == D("19.63")
    assert places(judged.deviation_percent, 0) == D("9")
    assert judged.verdict == "over"


def test_3_4_saline_knows_its_own_uncertainty():
    volume, u = liquid(mass_g=D("4.980"), density_g_per_ml=D("1.0046"), density_u=D("0.005"),
                       readability_g=D("0.01"), repeatability_g=D("0.01"), readings=1)  # fmt: skip
    assert places(volume, 3) == D("4.957")
    assert places(u, 3) == D("0.038")
    assert places(u / 2 / volume * 100, 2) == D("0.39")
    assert places(u / volume * 100, 2) == D("0.77")


@pytest.mark.parametrize(
    ("d", "s", "u", "u_digits", "four_to_one", "one_to_one"),
    [
        ("0.1", "0.1", "0.294", 3, "23.6", "5.9"), ("0.01", "0.02", "0.057", 3, "4.6", "1.1"),
        ("0.01", "0.01", "0.029", 3, "2.4", "0.59"), ("0.001", "0.003", "0.0085", 4, "0.68", "0.17"),
        ("0.001", "0.001", "0.0029", 4, "0.24", "0.06"),
    ],
)  # fmt: skip
def test_3_4_the_table_of_balances(d, s, u, u_digits, four_to_one, one_to_one):
    expanded = difference_uncertainty(D(d), D(s), 1)
    assert places(expanded, u_digits) == D(u)
    for text, share in ((four_to_one, "0.0125"), (one_to_one, "0.05")):
        digits = -D(text).as_tuple().exponent
        assert abs(expanded / D(share) - D(text)) <= D(1).scaleb(-digits)


@pytest.mark.parametrize(
    ("d", "tight", "loose"),
    [("0.1", "82", "1.64"), ("0.01", "8.2", "0.164"), ("0.001", "0.82", "0.0164"), ("0.0001", "0.082", "0.00164")],
)
def test_devices_1_9_the_smallest_mass_that_may_be_trusted(d, tight, loose):
    assert least_mass(D(d), D(0), D("0.10"), tared_in_place=True) == D(tight)
    assert least_mass(D(d), D(0), D(5), tared_in_place=True) == D(loose)
    twice = least_mass(D(d), D(0), D(5), tared_in_place=False)
    assert places(twice**2 / D(loose) ** 2, 12) == 2
    assert least_mass(D(d), D(d) * 3, D(5), tared_in_place=True) == D(d) * 120


@pytest.mark.parametrize("wrong", [("0", "0", "5"), ("-1", "0", "5"), ("0.1", "-1", "5"), ("0.1", "0", "0"),
                                   ("NaN", "0", "5")])  # fmt: skip
def test_a_smallest_mass_of_nonsense_is_refused(wrong):
    with pytest.raises(Invalid):
        least_mass(*map(D, wrong), tared_in_place=True)


# --- the verdict at its edges ---


@pytest.mark.parametrize(
    ("after", "verdict"),
    [("100", "within"), ("105", "within"), ("95", "within"), ("105.000000000000000000001", "over"),
     ("94.999999999999999999999", "under"), ("0", "under"), ("-100", "under"), ("1000", "over")],
)  # fmt: skip
def test_without_uncertainty_the_tolerance_itself_is_still_within(after, verdict):
    assert exact(after_g=D(after)).verdict == verdict


@pytest.mark.parametrize(
    ("after", "verdict"),
    [("100", "within"), ("103", "within"), ("103.0000001", "cannot_tell"), ("107", "cannot_tell"),
     ("107.0000001", "over"), ("97", "within"), ("96.9999999", "cannot_tell"), ("93", "cannot_tell"),
     ("92.9999999", "under")],
)  # fmt: skip
def test_with_an_uncertainty_of_two_the_edges_move_by_exactly_two(after, verdict):
    """Two readings with s = 1 g: u² = 2·(1/2) = 1, so U = 2 mL beside T = 5 mL."""
    judged = exact(after_g=D(after), repeatability_g=D(1), readings=2)
    assert judged.expanded_uncertainty_ml == 2
    assert judged.verdict == verdict


def test_a_scale_too_coarse_for_the_dose_says_that_it_cannot_tell():
    """Compounding 0, fact 2: 0.3 mL on a 0.01 g balance is no pass and no fail."""
    judged = exact(target_ml=D("0.3"), after_g=D("0.30"), readability_g=D("0.01"), repeatability_g=D("0.01"))
    assert judged.deviation_ml == 0
    assert judged.verdict == "cannot_tell"


def test_uncertainty_is_never_counted_as_tolerance():
    """|D| inside T, U pushing beyond: a pass here would be the oldest mistake of gravimetry."""
    judged = exact(after_g=D("104.9"), repeatability_g=D("0.1"), readings=1)
    assert judged.deviation_ml < judged.tolerance_ml
    assert judged.verdict == "cannot_tell"


def test_the_floor_widens_a_small_tolerance_only():
    assert exact(target_ml=D(1), after_g=D("1.1"), floor_ml=D("0.1")).verdict == "within"
    assert exact(target_ml=D(1), after_g=D("1.1"), floor_ml=D("0.05")).verdict == "over"
    assert exact(after_g=D("104"), floor_ml=D("0.1")).tolerance_ml == 5


def test_a_loss_is_never_a_gain():
    assert gain(D("20"), D("30")) == 10 and gain(D("30"), D("20")) == -10
    assert loss(D("30"), D("20")) == 10 and loss(D("20"), D("30")) == -10
    swapped = judge(**KCL | {"before_g": KCL["after_g"], "after_g": KCL["before_g"]})
    assert swapped.volume_ml < 0
    assert swapped.verdict == "under"


def test_a_vials_loss_is_judged_by_its_own_sign():
    facts = {name: value for name, value in KCL.items() if name not in ("before_g", "after_g")}
    drawn = judge_mass(mass_g=loss(D("29.402"), D("9.812")), **facts)
    assert drawn == judge(**KCL)


# --- properties ---

GRAMS = st.decimals(min_value=-500, max_value=500, places=3)
SPREAD = st.decimals(min_value=0, max_value=1, places=4)
CASES = st.fixed_dictionaries({
    "target_ml": st.decimals(min_value="0.01", max_value=500, places=2),
    "density_g_per_ml": st.decimals(min_value="0.6", max_value="1.9", places=3),
    "density_u": st.decimals(min_value=0, max_value="0.1", places=4),
    "before_g": GRAMS, "after_g": GRAMS, "readability_g": SPREAD, "repeatability_g": SPREAD,
    "readings": st.integers(min_value=1, max_value=50),
    "tolerance_percent": st.decimals(min_value=0, max_value=100, places=1), "floor_ml": SPREAD,
})  # fmt: skip


@given(CASES)
def test_the_verdict_follows_from_the_printed_numbers(case):
    """A person with a calculator comes to the same verdict, unless the numbers touch in the last of fifty digits."""
    judged = judge(**case)
    d, u, t = judged.deviation_ml, judged.expanded_uncertainty_ml, judged.tolerance_ml
    assume(abs(abs(abs(d) - t) - u) > D("1e-40"))
    assert judged.verdict == (
        "within" if abs(d) + u <= t else "over" if d - u > t else "under" if d + u < -t else "cannot_tell"
    )


@given(CASES)
def test_the_formulas_are_those_of_the_house(case):
    judged = judge(**case)
    f = {name: Fraction(value) for name, value in case.items()}
    dm, rho = f["after_g"] - f["before_g"], f["density_g_per_ml"]
    u_dm_squared = 2 * (f["repeatability_g"] ** 2 / f["readings"] + f["readability_g"] ** 2 / 12)
    u_squared = 4 * (u_dm_squared / rho**2 + (dm * f["density_u"] / 2 / rho**2) ** 2)
    assert abs(Fraction(judged.expanded_uncertainty_ml) ** 2 - u_squared) <= max(u_squared, 1) / 10**40
    assert abs(Fraction(judged.volume_ml) * rho - dm) <= Fraction(1, 10**40)
    assert abs(Fraction(judged.deviation_ml) - (dm / rho - f["target_ml"])) <= Fraction(1, 10**40)


@given(CASES, st.integers(min_value=1, max_value=50))
def test_more_readings_never_turn_a_known_answer_round(case, more):
    first, second = judge(**case), judge(**case | {"readings": case["readings"] + more})
    assert second.expanded_uncertainty_ml <= first.expanded_uncertainty_ml
    if first.verdict != "cannot_tell":
        assert second.verdict == first.verdict


@given(CASES)
def test_a_worse_balance_never_says_within_where_a_better_one_did_not(case):
    worse = judge(**case | {"repeatability_g": case["repeatability_g"] + D("0.05")})
    if worse.verdict != "cannot_tell":
        assert judge(**case).verdict == worse.verdict


# --- what cannot be ---


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("density_g_per_ml", "0.599"), ("density_g_per_ml", "1.901"), ("density_g_per_ml", "0"),
        ("density_g_per_ml", "-1"), ("density_g_per_ml", "NaN"), ("density_u", "-0.001"), ("density_u", "1.088"),
        ("density_u", "Infinity"), ("before_g", "NaN"), ("before_g", "1E+10"), ("after_g", "-Infinity"),
        ("after_g", "1E-999999"), ("readability_g", "-0.001"), ("readability_g", "NaN"), ("repeatability_g", "-1"),
        ("repeatability_g", "sNaN"), ("tolerance_percent", "-5"), ("tolerance_percent", "101"), ("floor_ml", "-0.1"),
        ("target_ml", "0"), ("target_ml", "-1"), ("target_ml", "NaN"), ("target_ml", "1E+999999"),
    ],
)  # fmt: skip
def test_a_number_that_cannot_be_is_refused_under_its_own_name(name, value):
    with pytest.raises(Invalid) as refused:
        judge(**KCL | {name: D(value)})
    assert list(refused.value.fields) == [name]


@pytest.mark.parametrize("readings", [0, -1, True, 1.5, D(3), "3"])
def test_without_a_whole_number_of_readings_nothing_is_judged(readings):
    with pytest.raises(Invalid, match="At least one reading"):
        judge(**KCL | {"readings": readings})


@pytest.mark.parametrize("name", [name for name in KCL if name != "readings"])
@pytest.mark.parametrize("value", [1.5, "18", None, True, 3])
def test_only_decimals_are_weighed(name, value):
    with pytest.raises(Invalid, match="is not a number"):
        judge(**KCL | {name: value})


# --- planning ---


def test_a_plan_knows_the_uncertainty_of_a_right_draw():
    names = ("density_g_per_ml", "density_u", "readability_g", "repeatability_g", "readings")
    facts = {name: KCL[name] for name in names}
    drawn = judge_mass(target_ml=D(18), mass_g=D(18) * D("1.088"), tolerance_percent=D(5), floor_ml=D(0), **facts)
    assert drawn.expanded_uncertainty_ml == planned_uncertainty(target_ml=D(18), **facts)
    assert drawn.deviation_ml == 0


def test_a_recipe_is_queued_only_where_the_balance_can_tell():
    feasible(D(10), D("0.125"), D("0.5"))
    with pytest.raises(Refused, match="cannot judge 10 mL.*0.13 mL.*dilute first"):
        feasible(D(10), D("0.125001"), D("0.5"))
    with pytest.raises(Refused, match="cannot judge 0.3 mL"):
        feasible(D("0.3"), D("0.029"), D("0.015"))


@pytest.mark.parametrize(
    ("target", "percent", "graduation", "hard", "floor", "allowed"),
    [
        ("18", "5", "1", "10", "0.5", "0.9"), ("4", "5", "0.2", "10", "0.1", "0.2"),
        ("1", "5", "0.2", "10", "0.1", "0.1"), ("0.5", "5", "0.2", "10", "0.05", "0.05"),
        ("0.3", "5", "0.01", "5", "0.005", "0.015"), ("2", "5", "1", "10", "0.2", "0.2"),
    ],
)  # fmt: skip
def test_the_floor_is_half_a_mark_and_never_above_the_hard_limit(target, percent, graduation, hard, floor, allowed):
    assert tolerance_floor(D(target), D(graduation), D(hard)) == D(floor)
    assert tolerance(D(target), D(percent), D(graduation), D(hard)) == D(allowed)


def test_a_tolerance_wider_than_the_hard_limit_is_refused():
    with pytest.raises(Invalid, match="lower it"):
        tolerance(D(1), D(15), D("0.1"), D(10))


POSITIVE = st.decimals(min_value="0.01", max_value=100, places=2)


@given(POSITIVE, POSITIVE, POSITIVE, POSITIVE)
def test_a_tolerance_stays_inside_the_hard_limit(target, percent, graduation, hard):
    assume(percent <= hard)
    allowed = tolerance(target, percent, graduation, hard)
    assert target * percent / 100 <= allowed <= target * hard / 100


# --- the sentence of the check desk ---


def test_the_amount_made_is_one_sentence():
    judged = exact(target_ml=D("20"), after_g=D("20.08"), repeatability_g=D("0.06"), readings=2)
    made = amount_made(Quantity(1000, "mg"), D(20), judged)
    assert made.amount == Quantity(1004, "mg")
    assert str(made) == "made 1,004 mg (+0.4 % ± 0.6 %)"


def test_the_uncertainty_of_a_measured_concentration_joins_in_quadrature():
    judged = exact(target_ml=D(10), after_g=D(10), repeatability_g=D("0.15"), readings=2)
    assert judged.expanded_uncertainty_ml == D("0.3")
    made = amount_made(Quantity(600, "mg"), D(10), judged, D(4))
    assert made.uncertainty_percent == 5
    assert str(made) == "made 600 mg (0 % ± 5 %)"


@pytest.mark.parametrize(
    ("amount", "unit", "text"),
    [("25130", "unit", "made 25,130 units"), ("8.03249", "mg", "made 8.032 mg"), ("0.500049", "mg", "made 0.5 mg"),
     ("0", "mg", "made 0 mg")],
)  # fmt: skip
def test_an_amount_made_is_shown_at_four_digits(amount, unit, text):
    assert str(AmountMade(Quantity(D(amount), unit), D(0), D(0))) == f"{text} (0 % ± 0 %)"
