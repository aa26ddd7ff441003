"""A recipe document is read whole, or everything that is wrong with it is said, each fault under its place."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.core.errors import Invalid
from compounding.recipe import Recipe
from compounding.recipe_document import read_recipe

FOLDER = Path(__file__).parents[2] / "compounding" / "recipes"
DOCUMENTS = {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}


def read(document: Any) -> Recipe:
    return read_recipe(json.dumps(document))


def faults(change: Callable[[dict[str, Any]], object], of: str = "MFR-01") -> dict[str, str]:
    document = copy.deepcopy(DOCUMENTS[of])
    change(document)
    with pytest.raises(Invalid) as invalid:
        read(document)
    return invalid.value.fields


@pytest.mark.parametrize("code", DOCUMENTS)
def test_a_shipped_recipe_is_read_and_its_canonical_text_reads_back_equal(code: str) -> None:
    recipe = read(DOCUMENTS[code])
    assert recipe.code == code
    assert read_recipe(recipe.text) == recipe


@pytest.mark.parametrize("code", DOCUMENTS)
def test_every_top_level_part_is_needed(code: str) -> None:
    for part in DOCUMENTS[code]:
        found = faults(lambda d, part=part: d.pop(part), code)
        assert found, part


@pytest.mark.parametrize(
    ("change", "place", "words"),
    [
        (lambda d: d.update(format=2), "format", "reads recipe format 1"),
        (lambda d: d.update(version=0), "version", "whole number from 1"),
        (lambda d: d.update(version=True), "version", "whole number from 1"),
        (lambda d: d.update(proof="volumetric"), "proof", "not one of"),
        (lambda d: d.update(tolerance_percent="11"), "tolerance_percent", "wider than the hard limit"),
        (lambda d: d.update(tolerance_percent="50"), "tolerance_percent", "between"),
        (lambda d: d.update(tolerance_percent="NaN"), "tolerance_percent", "not a number"),
        (lambda d: d["serves"].update(base_volume="250 mg"), "serves.base_volume", "not a volume"),
        (lambda d: d["serves"].update(base_volume="250"), "serves.base_volume", "unit"),
        (lambda d: d["containers"][0].update(content="0 mg"), "containers.1.content", "above zero"),
        (lambda d: d["containers"][0].update(container="jar"), "containers.1.container", "not one of"),
        (lambda d: d["beyond_use"].update(category="4"), "beyond_use.category", "not one of"),
        (lambda d: d["beyond_use"].update(sterile_start="yes"), "beyond_use.sterile_start", "true or false"),
        (lambda d: d["record"].pop("quality_control"), "record.quality_control", "must be filled in"),
        (lambda d: d["steps"].append({"kind": "shake"}), "steps.10.kind", "not a step"),
        (lambda d: d["steps"].pop(), "steps", "inspection"),
        (lambda d: d["steps"].pop(0), "steps", "never scanned"),
        (lambda d: d["steps"].insert(0, d["steps"].pop(2)), "steps.1", "used before it is scanned"),
        (lambda d: d["steps"].pop(7), "steps", "exactly one weighing"),
        (lambda d: d["steps"].pop(6), "steps", "never injected"),
        (lambda d: d["steps"][7]["judges"].update(by="loss"), "steps.8", "needs the gain of the bag"),
        (lambda d: d["steps"][7].update(state="port open"), "steps.8", "same object in the same state"),
        (lambda d: d["steps"][7]["judges"].update(since="nothing"), "steps.8", "must come before"),
        (lambda d: d["containers"].append(dict(d["containers"][0])), "containers", "same key"),
        (lambda d: d["containers"][2].update(volume="500 mL"), "containers", "base volume that is served"),
        (lambda d: d["serves"]["additives"][0].update(drug="cefazolin"), "containers", "exactly the drugs"),
    ],
)
def test_what_is_wrong_is_said_under_its_place(change: Callable[[Any], object], place: str, words: str) -> None:
    found = faults(change)
    assert words in found.get(place, ""), found


def test_all_faults_are_said_at_once() -> None:
    def spoil(d: dict[str, Any]) -> None:
        d.update(proof="guess", tolerance_percent="x", version=-1)
        d["record"].clear()

    found = faults(spoil)
    assert {"proof", "tolerance_percent", "version"} <= found.keys()


def test_a_number_that_is_not_exact_is_refused() -> None:
    with pytest.raises(Invalid, match="text in quotes"):
        read_recipe('{"format": 1, "tolerance_percent": 5.1}')


@pytest.mark.parametrize("text", ["", "[]", "null", "{", '"recipe"', "1"])
def test_what_is_no_document_is_refused_in_words(text: str) -> None:
    with pytest.raises(Invalid):
        read_recipe(text)


def test_over_injection_can_not_be_undone_so_a_syringe_is_judged_before_it_is_injected() -> None:
    def inject_first(d: dict[str, Any]) -> None:
        d["steps"].insert(4, d["steps"].pop(5))

    assert "cannot be undone" in str(faults(inject_first, "MFR-06"))


def test_a_vinca_alkaloid_can_not_be_written_into_anything_but_a_bag() -> None:
    def vinca(d: dict[str, Any]) -> None:
        d["serves"]["additives"][0]["drug"] = d["containers"][0]["drug"] = "vincristine"
        d["containers"][2]["container"] = "bottle"

    assert "a bag only" in str(faults(vinca))


def test_one_addition_a_weighing() -> None:
    def both_at_once(d: dict[str, Any]) -> None:
        d["proof"] = "bag-gain"
        for step in d["steps"]:
            if step["kind"] == "weigh":
                step["object"], step["state"] = "bag", "port closed"
        del d["steps"][4:9]

    assert faults(both_at_once, "MFR-28")
