"""The fold: whatever the records, it says one next step, and it never loses or invents evidence."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.quantity import Quantity
from compounding.instructions import instruction, lines
from compounding.procedure import Label, Pair, Shot, may_redo, standing, steps_of
from compounding.recipe import Draw, Inject, Inspect, Mix, Reconstitute, Scan, Weigh
from compounding.recipe_document import read_recipe
from compounding.records import (
    Confirmed,
    Facts,
    Half,
    Labelled,
    Photographed,
    Record,
    Redone,
    Scanned,
    Stopped,
    Weighed,
    from_text,
    kind_of,
    to_text,
)
from compounding.worksheet import read_worksheet
from tests.compounding.sheets import MASSES, sheet_of

CODES = sorted(path.stem for path in (Path(__file__).parents[2] / "compounding" / "recipes").glob("*.json"))
START = datetime(2026, 11, 22, 14, 5, tzinfo=UTC)
INSTRUCTIONS = (Reconstitute, Draw, Inject, Mix)


def evidence(code: str, step: object) -> list[Facts]:
    """What rightly shows that a step is done."""
    match step:
        case Scan(slot=slot):
            return [sheet_of(code).scanned(slot)]
        case Weigh(key=key):
            return [Weighed(Decimal(MASSES[code][key]), 5, "SIM-0001", 1, False)]
        case Inspect():
            return [Confirmed("tap")]
        case Label():
            return [Labelled("L-0123456789")]
        case Pair():
            return [Half("tray", "TRAY-01"), Half("label", "L-0123456789")]
        case Shot():
            return [Photographed("a" * 64)]
    return []


def story(code: str) -> list[Record]:
    """A preparation that goes right, record by record."""
    found: list[Record] = []
    for step in steps_of(sheet_of(code).sheet.recipe):
        for facts in evidence(code, step):
            found.append(Record(len(found) + 1, step.key, facts, 3, START + timedelta(minutes=len(found))))
    return found


@pytest.mark.parametrize("code", CODES)
def test_each_right_record_brings_the_next_step_and_the_end_has_no_blockers(code: str) -> None:
    sheet, records = sheet_of(code).sheet, story(code)
    for n, record in enumerate(records):
        where = standing(sheet, records[:n])
        assert where.current is not None
        assert where.current.key == record.step
        assert where.blockers
        assert instruction(sheet, where).step == record.step
    done = standing(sheet, records)
    assert (done.current, done.blockers, done.acts) == (None, (), ())
    assert all(line.state == "done" for line in lines(sheet, done)[:-1])
    assert done.passed == {s.key for s in sheet.recipe.steps if isinstance(s, INSTRUCTIONS)}


@pytest.mark.parametrize("code", CODES)
def test_every_draw_is_within_and_its_amount_is_said(code: str) -> None:
    where = standing(sheet_of(code).sheet, story(code))
    assert where.drawn
    for drawn in where.drawn.values():
        assert drawn.judgement is not None
        assert drawn.judgement.verdict == "within"
        assert str(drawn.made).startswith("made ")


@pytest.mark.parametrize("code", CODES)
@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_stops_change_nothing_and_are_kept(code: str, data: st.DataObject) -> None:
    sheet, records = sheet_of(code).sheet, story(code)
    at = data.draw(st.integers(0, len(records)))
    stop = Record(99, "x", Stopped("Wrong product", "a", "b", "c"), 3, START)
    with_stop = standing(sheet, [*records[:at], stop, *records[at:]])
    without = standing(sheet, records)
    assert with_stop.current == without.current
    assert with_stop.done.keys() == without.done.keys()
    assert len(with_stop.stops) == 1
    assert standing(sheet, [*records[:at], stop]).stop is not None
    if at < len(records):
        assert with_stop.stop is None, "the next right scan clears it"


@pytest.mark.parametrize("code", CODES)
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_doing_a_step_again_sets_it_and_what_follows_aside_and_nothing_before(code: str, data: st.DataObject) -> None:
    sheet, records = sheet_of(code).sheet, story(code)
    upto = data.draw(st.integers(1, len(records)))
    where = standing(sheet, records[:upto])
    key = data.draw(st.sampled_from(sorted(where.done)))
    order = {step.key: i for i, step in enumerate(steps_of(sheet.recipe))}
    again = Record(100, key, Redone("not sure"), 3, START)
    after = standing(sheet, [*records[:upto], again])
    assert after.done.keys() == {k for k in where.done if order[k] < order[key]}
    assert {r.number for r in after.set_aside} >= {where.done[k].number for k in where.done if order[k] >= order[key]}
    assert after.current is not None
    assert order[after.current.key] <= order[key]


@pytest.mark.parametrize("code", CODES)
def test_nothing_can_be_done_again_across_an_act_that_can_not_be_undone(code: str) -> None:
    sheet, records = sheet_of(code).sheet, story(code)
    where = standing(sheet, records)
    steps = steps_of(sheet.recipe)
    last_act = max(i for i, s in enumerate(steps) if isinstance(s, (Reconstitute, Draw, Inject)))
    for i, step in enumerate(steps):
        if step.key in where.done and step.key != "label":
            assert may_redo(sheet, where, step.key) is (i > last_act), step.key
    assert not may_redo(sheet, where, "label")
    assert not may_redo(sheet, where, "no such step")


@pytest.mark.parametrize("code", CODES)
def test_a_missing_piece_of_evidence_is_a_blocker_wherever_it_is(code: str) -> None:
    sheet, records = sheet_of(code).sheet, story(code)
    for missing in range(len(records)):
        where = standing(sheet, records[:missing] + records[missing + 1 :])
        assert where.blockers


def test_too_much_in_the_bag_blocks_the_signature_in_words() -> None:
    sheet, records = sheet_of("MFR-01").sheet, story("MFR-01")
    heavy = [
        Record(r.number, r.step, Weighed(Decimal("299.90"), 5, "SIM-0001", 1, False), 3, r.at)
        if r.step == "bag-after"
        else r
        for r in records
    ]
    assert standing(sheet, heavy).blockers == ("vancomycin is 2.58 mL too much",)


def test_a_partly_used_vial_is_judged_by_its_measured_concentration() -> None:
    where = standing(sheet_of("MFR-27").sheet, story("MFR-27"))
    drawn = where.drawn["draw"]
    assert drawn.concentration.source.startswith("weighed")
    assert drawn.ordered == Quantity(Decimal(750), "mg")


@given(st.text(), st.dates(date(2000, 1, 1), date(2080, 1, 1)), st.none() | st.text())
def test_facts_read_back_equal(lot: str, expiry: date, serial: str | None) -> None:
    facts = sheet_of("MFR-01").scanned("vial", lot=lot, expiry=expiry, serial=serial)
    assert isinstance(facts, Scanned)
    assert from_text(kind_of(facts), to_text(facts)) == facts


@pytest.mark.parametrize("code", CODES)
def test_a_worksheet_reads_back_equal(code: str) -> None:
    sheet = sheet_of(code).sheet
    assert read_worksheet(sheet.to_text()) == sheet
    assert read_recipe(sheet.recipe.text) == sheet.recipe
