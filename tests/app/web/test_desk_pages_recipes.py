"""Recipes at the desk: read in words, handed in, signed twice, compared."""

import json
import re

from compounding.recipe_document import read_recipe
from compounding.recipe_wording import differences, sentences
from tests.desk import SECOND, Desk, second_version, words, written


def shown(page: str) -> str:
    found = re.search(r'name="shown" value="([0-9a-f]{64})"', page)
    assert found
    return found[1]


def test_a_recipe_reads_as_sentences() -> None:
    recipe = read_recipe(SECOND)
    assert sentences(recipe, {"water": "sterile water"}) == (
        "Scan the vial (vancomycin).",
        "Scan the diluent (sterile water).",
        "Add 20 mL of sterile water to the vial. Swirl until clear. Do not shake.",
        "Scan the bag (nacl-0.9).",
        "Weigh the bag (port closed).",
        "Withdraw all from the vial with a 30 mL syringe.",
        "Inject what was drawn from the vial into the bag.",
        "Weigh the bag again (port closed): its gain proves the draw from the vial.",
        "Look at the bag: Clear and colourless to light amber, no particles, no leak.",
    )


def test_a_version_says_what_it_changes_and_only_that() -> None:
    document = json.loads(second_version("4"))
    document["steps"][-1]["say"] = "Clear, no particles"
    found = differences(read_recipe(SECOND), read_recipe(json.dumps(document)), {})
    assert [(each.what, each.before[:20], each.after[:20]) for each in found] == [
        ("Tolerance", "± 5 % of the amount ", "± 4 % of the amount "),
        ("Step", "9. Look at the bag: ", "9. Look at the bag: "),
    ]
    assert differences(read_recipe(SECOND), read_recipe(SECOND), {}) == ()


def test_all_faults_of_a_document_stand_under_their_places(desk: Desk) -> None:
    document = json.loads(second_version())
    document["proof"] = "guess"
    document["steps"][0]["kind"] = "scam"
    del document["record"]["equipment"]
    answer = desk.post("/recipes/read", text=json.dumps(document))
    assert answer.status_code == 422
    said = words(answer.text)
    assert "3 things are wrong" in said
    assert "proof : 'guess' is not one of" in said and "steps.1.kind : 'scam' is not a step" in said
    assert "record.equipment : 'record.equipment' must be filled in" in said


def test_a_document_that_is_none_is_refused_in_words(desk: Desk) -> None:
    for text in ("", "not json", "[]", '{"format": 1, "x": NaN}', "[" * 50_000, '{"format": 1.0}'):
        answer = desk.post("/recipes/read", text=text)
        assert answer.status_code == 422, text[:20]
        assert "wrong with this document" in words(answer.text), text[:20]


def test_a_file_is_handed_in_as_well_as_text(desk: Desk) -> None:
    files = {"file": ("MFR-01.json", second_version().encode(), "application/json")}
    page = desk.client.post("/recipes/read", data={"once": "a-file-handed-in"}, files=files)
    assert "Nothing is stored yet" in words(page.text)
    files = {"file": ("MFR-01.json", b"\xff\xfe\x00", "application/json")}
    page = desk.client.post("/recipes/read", data={"once": "no-file-at-all"}, files=files)
    assert "This file is not text" in words(page.text)


def test_a_version_is_written_by_one_and_approved_by_another(desk: Desk) -> None:
    desk.enter("pablo")
    page = desk.post("/recipes/read", text=second_version()).text
    assert "Tolerance ± 5 % of the amount to draw ± 4 % of the amount to draw" in words(page)
    there = desk.done("/recipes", document=second_version(), shown=shown(page), **desk.sign("pablo"))
    assert "another pharmacist approves it" in words(desk.get(there))
    answer = desk.post(f"{there}/approve", shown=shown(page), pin="271828")
    assert answer.status_code == 422 and "another pharmacist must approve it" in words(answer.text)
    page = desk.enter("petra").get(there)
    assert desk.done(f"{there}/approve", shown=shown(page), **desk.sign()) == there
    said = words(desk.get("/recipes"))
    assert "MFR-01 version 2 Vancomycin 1,000 mg in sodium chloride 0.9 % 250 mL In use Pablo Pharmacist" in said
    assert "MFR-01 version 1 Vancomycin 1,000 mg in sodium chloride 0.9 % 250 mL Replaced" in said


def test_a_wrong_pin_stores_nothing_and_keeps_the_document(desk: Desk) -> None:
    page = desk.post("/recipes/read", text=second_version()).text
    wrong = desk.sign() | {"pin": "999999"}
    answer = desk.post("/recipes", document=second_version(), shown=shown(page), **wrong)
    assert answer.status_code == 422
    assert "do not belong together" in words(answer.text) and "tolerance_percent" in answer.text
    assert "version 2" not in words(desk.get("/recipes"))


def test_what_is_signed_is_what_was_shown(desk: Desk) -> None:
    page = desk.post("/recipes/read", text=second_version("4")).text
    answer = desk.post("/recipes", document=second_version("9"), shown=shown(page), **desk.sign())
    assert answer.status_code == 422 and "not the document that was shown" in words(answer.text)
    number = written(desk.house)
    answer = desk.post(f"/recipes/{number}/approve", shown="0" * 64, **desk.sign())
    assert answer.status_code == 422 and "not what was shown to you" in words(answer.text)


def test_a_version_out_of_its_turn_is_refused(desk: Desk) -> None:
    document = second_version().replace('"version": 2', '"version": 7')
    page = desk.post("/recipes/read", text=document).text
    answer = desk.post("/recipes", document=document, shown=shown(page), **desk.sign())
    assert "The next version of MFR-01 is 2, not 7" in words(answer.text)
