"""The worked cases of the plan (unit-dose reference §2.10, under their numbers) and the laws that every plan keeps."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.quantity import Quantity
from app.formulary.unit_dose import UnitDoseFacts
from app.inventory.fefo import Held, Want, set_aside
from app.orders.due import doses_in
from app.orders.schedule import Due, Schedule, Window
from app.orders.times_table import DEFAULT
from unitdose.delta import Change, Standing, delta
from unitdose.plan import Container, Line, Order, Patient, Shelf, Wanted, plan
from unitdose.routes import Reason, Route
from unitdose.units import instruction, made_from, ways

ZONE = "America/New_York"
W = Window(datetime(2026, 6, 9, 19, tzinfo=UTC), datetime(2026, 6, 10, 19, tzinfo=UTC))
"""The window of the worked cases: Tue 09-Jun 15:00 to Wed 15:00 in New York."""
START = datetime(2026, 6, 1, 13, tzinfo=UTC)
DRUG, UNIT = 7, 4
BEDDED = Patient(1, UNIT, "12-A")


def q(value: str, unit: str = "mg") -> Quantity:
    return Quantity(Decimal(value), unit)


def package(number: int, content: str, form: str = "tablet", unit: str = "mg", **how: object) -> UnitDoseFacts:
    return UnitDoseFacts(number, number, DRUG, "drug", form, q(content, unit), **how)  # type: ignore[arg-type]


TABLET = package(1, "25")


def due(code: str, window: Window = W, **how: object) -> tuple[Due, ...]:
    row = DEFAULT.row(code)
    assert row is not None
    return doses_in(Schedule(row.rhythm, START, **how), window, ZONE)  # type: ignore[arg-type]


def lines(
    doses: Sequence[Due | None] = (),
    shelf: Shelf | None = None,
    patient: Patient = BEDDED,
    **order: object,
) -> tuple[Line, ...]:
    """The plan of one order with some doses; 25 mg of a 25 mg tablet unless told otherwise."""
    known = {"dose": q("25")} | order
    this = Order(1, 1, patient.patient_id, DRUG, "content", **known)  # type: ignore[arg-type]
    shelf = shelf or Shelf(packages={DRUG: (TABLET,)})
    return plan([Wanted(this, each, nth) for nth, each in enumerate(doses)], {patient.patient_id: patient}, shelf, ZONE)


def counted(found: Sequence[Line]) -> tuple[int, set[Reason]]:
    return sum(line.packages for line in found), {line.reason for line in found}


def shelf(*packages: UnitDoseFacts, **how: object) -> Shelf:
    return Shelf(packages={DRUG: packages}, **how)  # type: ignore[arg-type]


def test_u23_as_needed_is_for_the_cabinet_or_for_nobody() -> None:
    stocked = shelf(TABLET, stock={(UNIT, 1): True})
    assert counted(lines([None], stocked, rhythm="as needed")) == (0, {Reason.ADC})
    assert counted(lines([None], rhythm="as needed")) == (0, {Reason.PRN})


def test_u24_as_needed_is_topped_up_to_the_par() -> None:
    par = shelf(TABLET, pars={(UNIT, DRUG): 2})
    assert counted(lines([None], par, rhythm="as needed", on_unit=1)) == (1, {Reason.PRN})
    assert counted(lines([None], par, rhythm="as needed", on_unit=0, most=1)) == (1, {Reason.PRN})
    assert counted(lines([None], par, rhythm="as needed", on_unit=5)) == (0, {Reason.PRN})


def test_u25_a_held_order_brings_nothing() -> None:
    assert counted(lines(due("BID"), state="held")) == (0, {Reason.HELD})
    assert counted(lines(due("BID")[1:])) == (1, {Reason.CART})


def test_u26_what_stops_after_the_snapshot_is_removed_and_free_again() -> None:
    before = lines(due("BID"))
    after = lines(due("BID"), state="stopped")
    assert counted(before) == (2, {Reason.CART})
    difference = delta(standing(before), after)
    assert [how for _, how, _ in difference.ended] == [Change.REMOVE] * 2
    assert sum(line.packages for line, _ in difference.added) == 0


def test_u27_the_cabinet_serves_until_it_is_flagged_empty() -> None:
    assert counted(lines(due("BID"), shelf(TABLET, stock={(UNIT, 1): True}))) == (0, {Reason.ADC})
    assert counted(lines(due("BID"), shelf(TABLET, stock={(UNIT, 1): False}))) == (2, {Reason.ADC_OUT})


def test_u28_own_medication_is_not_brought() -> None:
    found = lines(due("BID"), own=True)
    assert counted(found) == (0, {Reason.OWN_MED})
    assert {line.route for line in found} == {Route.OWN}


def test_u29_intravenous_doses_and_infusions_go_to_the_iv_room() -> None:
    assert counted(lines(due("Q8H"), sterile=True)) == (0, {Reason.IV_ROUTE})
    assert counted(lines([None], rhythm="continuous", sterile=True)) == (0, {Reason.IV_ROUTE})


def test_u30_a_controlled_substance_never_lies_in_the_open_drawer() -> None:
    found = lines(due("BID"), shelf(replace(TABLET, schedule="CII")))
    assert [(line.route, line.reason, line.packages) for line in found] == [(Route.CONTROLLED, Reason.CS_ROUTE, 0)] * 2
    cabinet = lines(due("BID"), shelf(replace(TABLET, schedule="CII"), stock={(UNIT, 1): True}))
    assert {line.route for line in cabinet} == {Route.CABINET}


def test_u31_halves_come_from_half_packs_or_as_whole_tablets_said_in_words() -> None:
    scored, half = package(1, "25", step=Decimal("0.5")), package(2, "12.5", "half tablet", half_of_id=1)
    with_packs = lines(due("BID"), shelf(scored, half, on_hand=frozenset({1, 2})), dose=q("12.5"))
    assert [(line.package, line.packages) for line in with_packs] == [(half, 1)] * 2
    without = lines(due("BID"), shelf(scored, half, on_hand=frozenset({1})), dose=q("12.5"))
    assert [(line.package, line.units, line.packages) for line in without] == [(scored, Decimal("0.5"), 1)] * 2
    made = made_from(q("12.5"), scored)
    assert made is not None
    assert instruction(made, q("12.5")) == "half tablet (12.5 mg)"


def test_u32_no_dose_is_rounded_to_the_strength_there_is() -> None:
    assert counted(lines(due("DAILY"), shelf(package(1, "60")), dose=q("30"))) == (0, {Reason.EXC_PRODUCT})


def test_u33_a_pharmacist_makes_75_of_50_and_25() -> None:
    fifty, twenty_five = package(1, "50"), package(2, "25")
    chosen = ((fifty, Decimal(1)), (twenty_five, Decimal(1)))
    found = lines(due("BID"), shelf(fifty, twenty_five), dose=q("75"), chosen=chosen)
    assert sorted((line.package.package_id, line.packages) for line in found if line.package) == [
        (1, 1), (1, 1), (2, 1), (2, 1),
    ]  # fmt: skip
    wrong = lines(due("BID"), shelf(fifty, twenty_five), dose=q("80"), chosen=chosen)
    assert counted(wrong) == (0, {Reason.EXC_PRODUCT}), "what the pharmacist chose makes 75, the order says 80"


def test_u34_a_liquid_is_a_made_syringe_or_cups_to_draw_from() -> None:
    syringe = package(1, "75", "oral syringe", volume_ml=Decimal("7.5"))
    cup = package(2, "50", "cup", volume_ml=Decimal(5))
    made = lines(due("TID"), shelf(syringe, cup, on_hand=frozenset({1, 2})), dose=q("7.5", "mL"))
    assert [(line.package, line.packages) for line in made] == [(syringe, 1)] * 3
    cups = lines(due("TID"), shelf(cup), dose=q("7.5", "mL"))
    assert counted(cups) == (6, {Reason.CART})
    drawn = made_from(q("7.5", "mL"), cup)
    assert drawn is not None
    assert instruction(drawn, q("7.5", "mL")) == "draw 7.5 mL"


@pytest.mark.parametrize(("left", "brought"), [("40", 0), ("6", 1)])
def test_u35_an_inhaler_comes_when_the_opened_one_does_not_last(left: str, brought: int) -> None:
    inhaler = package(1, "90", "inhaler", "mcg", uses=Decimal(200))
    opened = (Container(1, date(2026, 6, 1), Decimal(left)),)
    found = lines(due("QID"), shelf(inhaler), dose=q("2", "puff"), containers=opened)
    assert sum(line.packages for line in found) == brought
    assert {line.reason for line in found} == {Reason.BULK}
    assert len(found) == 4


def test_u36_a_pen_is_replaced_on_the_day_its_use_ends() -> None:
    pen = package(1, "300", "pen", "unit", uses=Decimal(100), in_use_days=28)
    opened = (Container(1, date(2026, 5, 14), None),)
    assert counted(lines(due("DAILY"), shelf(pen), dose=q("1", "dose"), containers=opened))[0] == 0
    later = Window(W.start + timedelta(days=2), W.end + timedelta(days=2))
    assert counted(lines(due("DAILY", later), shelf(pen), dose=q("1", "dose"), containers=opened))[0] == 1


def test_u37_nothing_is_brought_for_a_patient_on_pass() -> None:
    away = (datetime(2026, 6, 10, 0, tzinfo=UTC), datetime(2026, 6, 10, 12, tzinfo=UTC))
    found = lines(due("BID"), patient=replace(BEDDED, leaves=(away,)))
    assert [(line.reason, line.packages) for line in found] == [(Reason.LOA, 0), (Reason.CART, 1)]


def test_u52_a_dose_is_made_of_the_fewest_packages() -> None:
    ten, twenty = package(1, "10"), package(2, "20")
    found = lines(due("DAILY"), shelf(ten, twenty), dose=q("40"))
    assert [(line.package, line.packages) for line in found] == [(twenty, 2)]


def test_u54_a_patient_who_moves_takes_the_picked_doses_along_or_gets_them_from_the_cabinet() -> None:
    before = lines(due("TID"))
    moved = replace(BEDDED, unit_id=9, bed="3-B")
    same_way = delta(standing(before), lines(due("TID"), patient=moved))
    assert (len(same_way.moved), same_way.ended, same_way.added) == (3, (), ())
    stocked = lines(due("TID"), shelf(TABLET, stock={(9, 1): True}), patient=moved)
    other_way = delta(standing(before), stocked)
    assert [how for _, how, _ in other_way.ended] == [Change.REROUTE] * 3
    assert {line.reason for line, _ in other_way.added} == {Reason.ADC}


def test_u55_an_expected_discharge_trims_only_where_the_cart_does_so() -> None:
    goes = replace(BEDDED, leaves_for_good_at=datetime(2026, 6, 10, 14, tzinfo=UTC))
    assert counted(lines(due("TID"), patient=goes))[0] == 3
    assert counted(lines(due("TID"), shelf(TABLET, trims_discharges=True), patient=goes))[0] == 2


def test_u56_an_order_that_nobody_verified_brings_nothing() -> None:
    assert counted(lines(due("BID"), verified=False)) == (0, {Reason.UNVERIFIED})


def test_u57_what_is_short_is_said_and_the_rest_comes_from_the_first_to_expire() -> None:
    until = W.end
    stocks = (Held(1, 1, "LATE", date(2027, 1, 1), 5), Held(2, 1, "SOON", date(2026, 7, 1), 2))
    found = set_aside([Want(nth, 1, until) for nth in range(10)], stocks, ZONE)
    assert [each.parts for each in found][:3] == [((2, 1, 1),), ((2, 1, 1),), ((1, 1, 1),)]
    assert sum(each.short for each in found) == 3
    assert {each.why for each in found if each.short} == {"0 of 1 in stock and in date"}


def test_u58_two_orders_of_one_drug_at_one_time_are_both_planned_and_marked() -> None:
    orders = [Order(n, n, 1, DRUG, "content", q("25")) for n in (1, 2)]
    wanted = [Wanted(order, each, 1) for order in orders for each in due("BID")]
    found = plan(wanted, {1: BEDDED}, shelf(TABLET), ZONE)
    assert [line.packages for line in found] == [1, 1, 1, 1]
    assert all("DUPLICATE" in line.flags for line in found)


def test_the_first_reason_in_the_order_of_the_reference_counts() -> None:
    """Each fact of §2.2 added to the facts before it hides all later reasons."""
    stocked_controlled = shelf(replace(TABLET, schedule="CII"), stock={(UNIT, 1): True})
    at = due("BID")[:1]
    away = replace(BEDDED, leaves=((START, None),))
    nowhere = replace(away, unit_id=None)
    ladder = [
        (lines(at, shelf(replace(TABLET, stored="refrigerator", hazardous=True))), Reason.FRIDGE),
        (lines(at, shelf(replace(TABLET, uses=Decimal(9), form="pen")), dose=q("1", "dose")), Reason.BULK),
        (lines(at, stocked_controlled), Reason.CS_ROUTE),
        (lines(at, stocked_controlled, sterile=True), Reason.IV_ROUTE),
        (lines(at, stocked_controlled, sterile=True, own=True), Reason.OWN_MED),
        (lines(at, stocked_controlled, away, sterile=True, own=True), Reason.LOA),
        (lines(at, stocked_controlled, away, sterile=True, own=True, state="held"), Reason.HELD),
        (lines(at, stocked_controlled, away, sterile=True, own=True, state="stopped"), Reason.STOPPED),
        (lines(at, stocked_controlled, away, own=True, state="stopped", verified=False), Reason.UNVERIFIED),
        (lines(at, stocked_controlled, nowhere, own=True, state="stopped", verified=False), Reason.NOT_ON_UNIT),
    ]
    assert [{line.reason for line in found} for found, _ in ladder] == [{reason} for _, reason in ladder]


def standing(found: Sequence[Line]) -> list[Standing]:
    return [
        Standing(
            nth, line.order_id, line.content, line.at, line.package.package_id if line.package else None, line.units,
            line.packages, line.route, line.reason, line.patient_id, line.unit_id, tuple(str(f) for f in line.flags),
        )
        for nth, line in enumerate(found)
    ]  # fmt: skip


# --- laws -----------------------------------------------------------------------------------------------------------

DOSES = st.integers(min_value=1, max_value=4000).map(lambda n: q(str(Decimal(n) / 4)))
CONTENTS = st.sampled_from(["2.5", "5", "10", "12.5", "20", "25", "40", "50", "60", "100", "250", "500"])


@given(DOSES, st.lists(CONTENTS, min_size=1, max_size=4, unique=True), st.booleans())
def test_packages_make_exactly_the_dose_or_none_is_offered(dose: Quantity, contents: list[str], splits: bool) -> None:
    step = Decimal("0.5") if splits else Decimal(1)
    for made in ways(dose, [package(n, each, step=step) for n, each in enumerate(contents)]):
        assert made.units * made.package.content.value == dose.value
        assert made.units % step == 0
        assert made.packages - 1 < made.units <= made.packages


@given(
    st.lists(st.integers(min_value=1, max_value=5), max_size=12),
    st.lists(
        st.tuples(
            st.integers(min_value=1, max_value=4),
            st.integers(min_value=-10, max_value=90),
            st.integers(min_value=0, max_value=9),
            st.booleans(),
        ),
        max_size=6,
        unique_by=lambda each: each[0],
    ),
)
def test_nothing_is_set_aside_that_is_not_there_out_of_date_or_recalled(
    quantities: list[int], lots: list[tuple[int, int, int, bool]]
) -> None:
    stocks = [
        Held(lot, 1, f"L{lot}", W.end.date() + timedelta(days=days), free, recalled)
        for lot, days, free, recalled in lots
    ]
    found = set_aside([Want(nth, each, W.end) for nth, each in enumerate(quantities)], stocks, ZONE)
    taken: dict[int, int] = {}
    for each, wanted in zip(found, quantities, strict=True):
        assert sum(part for _, _, part in each.parts) + each.short == wanted
        assert (each.short == 0) == (each.why == "")
        for lot, _, part in each.parts:
            taken[lot] = taken.get(lot, 0) + part
    by_lot = {each.lot_id: each for each in stocks}
    for lot, count in taken.items():
        assert count <= by_lot[lot].free
        assert not by_lot[lot].recalled
        assert by_lot[lot].expiry >= W.end.astimezone(UTC).date()
    usable = sum(each.free for each in stocks if not each.recalled and each.expiry >= W.end.date())
    assert sum(taken.values()) == min(usable, sum(quantities))


@given(st.sets(st.integers(0, 23)), st.sets(st.integers(0, 23)), st.sampled_from(["active", "held", "stopped"]))
def test_a_delta_keeps_ends_or_adds_every_line_and_once_applied_finds_nothing_more(
    before_hours: set[int], after_hours: set[int], state: str
) -> None:
    at = {hour: Due(W.start + timedelta(hours=hour), datetime(2026, 6, 9)) for hour in range(24)}
    before = lines([at[each] for each in sorted(before_hours)])
    after = lines([at[each] for each in sorted(after_hours)], state=state)
    difference = delta(standing(before), after)
    assert difference.kept + len(difference.ended) == len(before)
    assert difference.kept + len(difference.added) == len(after)
    ended = {each.line_id for each, _, _ in difference.ended}
    applied = [each for each in standing(before) if each.line_id not in ended]
    applied += standing([line for line, _ in difference.added])
    assert delta(applied, after).is_empty
