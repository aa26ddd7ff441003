"""The dose calculation, worked out line by line as a pharmacist reads it."""

from datetime import timedelta
from decimal import Decimal

from app.core.quantity import Quantity
from compounding.dose import Ordered, dose_working, planned_draws
from tests.conftest import NOW


def ordered(**changes: object) -> Ordered:
    facts = {
        "doses": {"vancomycin": Quantity(Decimal(1000), "mg")},
        "base_volume": Quantity(Decimal(250), "mL"),
        "a_day": 2,
        "infuse_minutes": 120,
        "rate": None,
        "weight_kg": Decimal("71.5"),
        "weight_at": NOW,
    }
    return Ordered(**(facts | changes))  # type: ignore[arg-type]


def lines(**changes: object) -> list[tuple[str, str, bool]]:
    working = dose_working(ordered(**changes), {"vancomycin": "4 mg/mL"}, NOW)
    return [(line.how, line.result, line.caution) for line in working]


def test_a_dose_is_worked_out_for_the_weight_the_day_the_volume_and_the_time() -> None:
    assert lines() == [
        ("1,000 mg ÷ 71.5 kg", "14 mg/kg a dose", False),
        ("2 × 1,000 mg", "2,000 mg (28 mg/kg a day)", False),
        ("1,000 mg in 250 mL", "4 mg/mL", False),
        ("250 mL over 120 min", "125 mL/h", False),
    ]


def test_a_missing_weight_is_said_and_nothing_is_assumed() -> None:
    assert lines(weight_kg=None)[0] == ("the weight is not known", "can not be worked out", True)


def test_an_old_weight_is_marked() -> None:
    assert ("measured 31 days ago", "too old: ask for a new one", True) in lines(weight_at=NOW - timedelta(days=31))


def test_rate_and_time_that_contradict_each_other_are_marked() -> None:
    assert lines(rate="125 mL/hr")[-1] == ("250 mL ÷ 125 mL/h", "120 min", False)
    how, result, caution = lines(rate="1,000 mL/h")[-1]
    assert caution and result == "15 min, but the order says 120 min: clear this up"


def test_neither_rate_nor_time_is_said_to_be_missing() -> None:
    assert lines(infuse_minutes=None)[-1] == ("the order names neither rate nor time", "not stated", True)


def test_what_will_be_drawn_follows_from_label_and_displacement(house) -> None:  # type: ignore[no-untyped-def]
    work_id = house.claim(house.dose(house.order("MFR-01")))
    (draw,) = planned_draws(house.at(work_id).sheet)
    assert (draw.drug, str(draw.amount), draw.volume_ml) == ("vancomycin", "1,000 mg", Decimal("20.6"))
