from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compounding.gravimetry import settled
from devices.reading import Reading, Stamped, fault

MILLIGRAM = D("0.001")


def mass(value: str, *, stable: bool | None = True, unit: str = "g") -> Reading:
    return Reading("weight", stable, D(value), unit, None, b"")


def stream(*readings: Reading, every: float = 0.4, start: float = 10.0, epoch: int = 0) -> list[Stamped]:
    return [Stamped(reading, start + every * i, i + 1, epoch) for i, reading in enumerate(readings)]


STILL = [mass("28.410"), mass("28.411"), mass("28.410")]
BREAKS = [
    mass("28.410", stable=False),
    mass("28.410", stable=None),
    mass("28.410", unit="lb"),
    mass("28410.000", unit="pcs"),
    mass("28.41"),
    mass("0.028", unit="kg"),
    mass("28.420"),
    Reading("ack", None, None, None, None, b"Z A"),
    Reading("pending", None, None, None, None, b"Z B"),
    Reading("info", None, None, None, None, b'I4 A "1"'),
    fault("overload", b"S +"),
    fault("unparseable", b"\xff"),
    fault("incomplete", b"S S"),
]


def test_three_still_readings_over_eight_tenths_of_a_second_are_a_weight():
    found = settled(stream(*STILL), since=9.9, readability=MILLIGRAM)
    assert found is not None
    assert (str(found.value_g), found.n, found.spread_g) == ("28.410", 3, D("0.001"))
    assert (found.first_at, found.last_at, found.epoch) == (10.0, 10.8, 0)


@pytest.mark.parametrize("readings", [[], STILL[:1], STILL[:2]])
def test_fewer_than_three_are_none(readings):
    assert settled(stream(*readings, every=1.0), since=0, readability=MILLIGRAM) is None


def test_three_within_a_blink_are_none():
    assert settled(stream(*STILL, every=0.39), since=0, readability=MILLIGRAM) is None
    assert settled(stream(*STILL * 3, every=0.1), since=0, readability=MILLIGRAM).n == 9


@pytest.mark.parametrize("broken", BREAKS, ids=lambda reading: f"{reading.kind} {reading.error or reading.value}")
@pytest.mark.parametrize("place", [1, 2, 3])
def test_whatever_breaks_the_window_starts_it_anew(broken, place):
    readings = [*STILL[:place], broken, *STILL[place:]]
    assert settled(stream(*readings), since=0, readability=MILLIGRAM) is None
    again = settled(stream(*readings, *STILL), since=0, readability=MILLIGRAM)
    assert again is not None
    assert again.n == 3 + (3 - place)


def test_a_reading_from_before_the_act_never_counts():
    readings = stream(*STILL)
    assert settled(readings, since=10.0, readability=MILLIGRAM) is None
    assert settled(readings, since=9.999, readability=MILLIGRAM) is not None


def test_a_lost_reading_a_restart_and_a_silence_each_break_the_window():
    one, two, three = stream(*STILL)
    assert settled([one, two, Stamped(three.reading, three.at, 4)], since=0, readability=MILLIGRAM) is None
    assert settled([one, two, Stamped(three.reading, three.at, 3, epoch=1)], since=0, readability=MILLIGRAM) is None
    assert settled([one, two, Stamped(three.reading, two.at + 2.1, 3)], since=0, readability=MILLIGRAM) is None
    assert settled([one, two, Stamped(three.reading, two.at + 2.0, 3)], since=0, readability=MILLIGRAM) is not None
    assert settled([one, two, Stamped(three.reading, one.at, 3)], since=0, readability=MILLIGRAM) is None


def test_a_slow_drift_is_not_still_however_small_its_steps():
    creeping = [mass(str(D("28.410") + MILLIGRAM * i)) for i in range(10)]
    assert settled(stream(*creeping), since=0, readability=MILLIGRAM) is None


def test_after_a_move_the_new_place_counts_and_the_old_does_not():
    found = settled(stream(*STILL * 4, *[mass("9.812")] * 3), since=0, readability=MILLIGRAM)
    assert found is not None
    assert (found.value_g, found.n) == (D("9.812"), 3)


def test_another_metric_display_is_the_same_mass_with_its_decimals():
    milligrams = settled(stream(*[mass("28410", unit="mg")] * 3), since=0, readability=MILLIGRAM)
    kilograms = settled(stream(*[mass("0.028410", unit="kg")] * 3), since=0, readability=MILLIGRAM)
    assert milligrams is not None and kilograms is not None
    assert str(milligrams.value_g) == "28.410"
    assert str(kilograms.value_g) == "28.410"


def test_zero_and_below_zero_are_weights_too():
    assert settled(stream(*[mass("0.000")] * 3), since=0, readability=MILLIGRAM).value_g == 0
    assert str(settled(stream(*[mass("-3.100")] * 3), since=0, readability=MILLIGRAM).value_g) == "-3.100"


@pytest.mark.parametrize("readability", ["0", "-0.001", "NaN", "Infinity"])
def test_a_balance_has_a_readability(readability):
    with pytest.raises(ValueError, match="above zero"):
        settled(stream(*STILL), since=0, readability=D(readability))


@given(st.lists(st.sampled_from([mass(f"28.41{i}") for i in range(4)] + BREAKS), max_size=14), st.floats(0.05, 2.5))
def test_a_settled_weight_always_keeps_every_promise(readings, every):
    line = stream(*readings, every=every)
    found = settled(line, since=0, readability=MILLIGRAM)
    if found is None:
        return
    window = line[-found.n :]
    assert found.n >= 3
    assert found.last_at - found.first_at >= 0.8
    assert all(one.reading.kind == "weight" and one.reading.stable for one in window)
    masses = [one.reading.grams for one in window]
    assert max(masses) - min(masses) == found.spread_g <= MILLIGRAM
    assert min(masses) <= found.value_g <= max(masses)
    assert found.value_g.as_tuple().exponent == -3
