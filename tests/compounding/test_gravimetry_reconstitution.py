from decimal import Decimal as D

import pytest

from app.core.errors import Invalid
from app.core.quantity import Quantity, Ratio
from compounding.reconstitution import diluent_for, displacement, reconstituted
from compounding.syringe import (
    GRADUATIONS,
    HAZARDOUS_FILL,
    graduation,
    permitted_error,
    smallest_syringe,
    to_graduation,
)

WATER = {
    "content": Quantity(1, "g"), "before_g": D("40.000"), "after_g": D("42.695"), "density_g_per_ml": D("0.998"),
    "density_u": D("0.001"), "displacement_ml": D("0.53"), "displacement_u": D("0.05"), "readability_g": D("0.001"),
    "repeatability_g": D("0.001"), "readings": 3, "source": "weighed",
}  # fmt: skip


def places(value: D, digits: int) -> D:
    return value.quantize(D(1).scaleb(-digits))


def strength(amount: str, unit: str = "mg") -> Ratio:
    return Ratio(Quantity(D(amount), unit), Quantity(1, "mL"), "label")


@pytest.mark.parametrize(
    ("grams", "diluent", "label", "powder"),
    [("1", "2.5", "330", "0.53"), ("4.5", "20", "202.5", "2.22"), ("1", "3.5", "250", "0.50")],
    ids=["cefazolin", "piperacillin and tazobactam", "ampicillin"],
)
def test_3_2_the_powder_takes_its_room(grams, diluent, label, powder):
    content = Quantity(D(grams), "g")
    room = displacement(content, D(diluent), strength(label))
    assert places(room, 2) == D(powder)
    assert places(diluent_for(content, strength(label), room), 20) == D(diluent)


def test_3_2_the_labels_concentration_and_the_naive_one_differ_by_a_sixth():
    drawn = strength("330").volume_of(Quantity(600, "mg")).value
    assert places(drawn, 2) == D("1.82")
    naive = D("1.50")
    given = strength("330").amount_in(Quantity(naive, "mL")).value
    assert given == 495
    assert places((given - 600) / 6, 1) == D("-17.5")


def test_3_2_the_weighed_diluent_gives_the_true_concentration():
    vial = reconstituted(**WATER)
    per_ml = vial.concentration.amount_in(Quantity(1, "mL")).to("mg").value
    assert places(per_ml, 1) == D("309.6")
    assert places(vial.volume_to_draw(Quantity(600, "mg")), 2) == D("1.94")
    kept = vial.concentration.amount_in(Quantity(D("1.82"), "mL")).to("mg").value
    assert places(kept, 0) == D("563")
    assert places((kept - 600) / 6, 1) == D("-6.1")


def test_the_uncertainty_of_the_displacement_reaches_the_draw():
    vial = reconstituted(**WATER)
    assert places(vial.expanded_uncertainty_ml, 3) == D("0.050")
    assert places(vial.uncertainty_percent, 2) == D("1.55")
    amount = Quantity(600, "mg")
    assert vial.draw_uncertainty_ml(amount) == vial.volume_to_draw(amount) * vial.uncertainty_percent / 100
    surer = reconstituted(**WATER | {"displacement_u": D(0)})
    assert surer.uncertainty_percent < D("0.2")


def test_a_vial_gives_no_more_than_it_holds():
    vial = reconstituted(**WATER)
    assert vial.volume_to_draw(Quantity(1000, "mg")) == pytest.approx(vial.volume_ml)
    with pytest.raises(Invalid, match="The vial holds 1 g, not 1,001 mg"):
        vial.volume_to_draw(Quantity(1001, "mg"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"after_g": D("40.000")}, "did not gain any diluent"), ({"after_g": D("39")}, "did not gain any diluent"),
        ({"displacement_ml": D("-0.1")}, "cannot be below zero"),
        ({"displacement_u": D("-0.1")}, "cannot be below zero"),
        ({"density_g_per_ml": D("2")}, "No injectable liquid"), ({"readings": 0}, "At least one reading"),
        ({"before_g": D("NaN")}, "not a number"), ({"displacement_ml": D("NaN")}, "not a number"),
    ],
)  # fmt: skip
def test_a_mixture_that_cannot_be_is_refused(change, words):
    with pytest.raises(Invalid, match=words):
        reconstituted(**WATER | change)


def test_a_label_that_cannot_be_right_is_refused():
    with pytest.raises(Invalid, match="check the label"):
        displacement(Quantity(1, "g"), D("4.1"), strength("250"))
    with pytest.raises(Invalid, match="cannot be reached"):
        diluent_for(Quantity(1, "g"), strength("250"), D("4"))


# --- syringes, compounding 3.1 ---


def test_3_1_gentamicin_for_a_newborn():
    volume = strength("10").volume_of(Quantity(8, "mg")).value
    assert volume == D("0.8")
    assert smallest_syringe(volume) == 1
    assert permitted_error(volume, D(1)) == D("0.04")


@pytest.mark.parametrize(
    ("volume", "size", "error", "share"), [("0.30", "1", "0.021", "7.0"), ("4", "10", "0.19", "4.75")]
)
def test_3_1_below_half_its_capacity_a_syringe_is_a_poor_measure(volume, size, error, share):
    assert permitted_error(D(volume), D(size)) == D(error)
    assert D(error) / D(volume) * 100 == D(share)


@pytest.mark.parametrize(("volume", "size"), [("0.5", "0.5"), ("0.51", "1"), ("3", "3"), ("3.1", "5"), ("60", "60")])
def test_the_smallest_syringe_that_holds_it_is_chosen(volume, size):
    assert smallest_syringe(D(volume)) == D(size)


def test_a_hazardous_drug_leaves_a_quarter_free():
    assert smallest_syringe(D("7.5"), HAZARDOUS_FILL) == 10
    assert smallest_syringe(D("7.6"), HAZARDOUS_FILL) == 20


@pytest.mark.parametrize("volume", ["60.1", "0", "-1", "NaN"])
def test_no_syringe_holds_that(volume):
    with pytest.raises(Invalid):
        smallest_syringe(D(volume))


@pytest.mark.parametrize(
    ("volume", "size", "marked"),
    [("1.9384", "3", "1.9"), ("0.804", "1", "0.80"), ("12.5", "20", "12"), ("13.5", "20", "14"), ("3.3", "5", "3.2"),
     ("3.1", "10", "3.2"), ("59.9", "60", "60")],
)  # fmt: skip
def test_rounding_to_the_mark_is_a_named_act(volume, size, marked):
    assert to_graduation(D(volume), D(size)) == D(marked)


@pytest.mark.parametrize(("volume", "size"), [("0.04", "3"), ("0", "3"), ("-1", "3"), ("3.1", "3"), ("1", "4")])
def test_what_a_syringe_cannot_measure_is_refused(volume, size):
    with pytest.raises(Invalid):
        to_graduation(D(volume), D(size))


def test_every_stocked_syringe_has_whole_marks():
    for size, step in GRADUATIONS.items():
        assert graduation(size) == step
        assert size % step == 0
