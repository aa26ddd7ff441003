"""Error-prone text at the desk: whoever enters or verifies it is told; nothing is taken from their hands."""

import json
import re

from PIL import Image
from sqlalchemy import select

from app.core.error_prone import error_prone
from app.orders.models import OrderVersion
from compounding.recipe_document import read_recipe
from compounding.recipe_wording import label_doubts
from tests.desk import Desk, second_version, words

PAPER = {
    "mrn": "00123456", "family": "ARMSTRONG", "given": "Jane", "born": "1961-02-03", "visit": "V1", "unit": "7W",
    "room": "2", "bed": "A", "drug1": "1", "amount1": "1,000", "unit1": "mg", "route": "IV", "frequency": "Q12H",
    "priority": "routine", "start": "2026-11-22T10:00",
}  # fmt: skip


def picture(desk: Desk, tmp_path) -> str:
    path = tmp_path / "paper.png"
    Image.new("RGB", (600, 800), "white").save(path)
    with path.open("rb") as file:
        answer = desk.client.post("/orders/new", data={"once": "a-picture-of-it"}, files={"photo": file})
    assert answer.status_code == 303, answer.text
    return answer.headers["location"].rsplit("/", 1)[1]


def test_a_doubtful_note_is_told_once_and_can_be_mended_or_handed_over_as_it_stands(desk: Desk, tmp_path) -> None:
    where = f"/orders/new/{picture(desk, tmp_path)}"
    note = "Give QD with 10 U"
    answer = desk.post(where, **PAPER, note=note)
    assert answer.status_code == 422
    said = words(answer.text)
    assert "“QD” is read as QID, four times a day. Write daily." in said
    assert "“U” is read as 0, as 4 or as cc. Write units." in said
    assert f'name="warned" value="{note}"' in answer.text
    to = desk.done(where, **PAPER, note=note, warned=note)
    with desk.parts.db.read() as session:
        assert note in session.get_one(OrderVersion, int(to.rsplit("/", 1)[1])).notes, "the original is kept"
    page = words(desk.get(to))
    assert "“QD” is read as QID, four times a day. Write daily." in page, "and whoever verifies it is told too"


def test_a_well_written_note_goes_straight_through(desk: Desk, tmp_path) -> None:
    to = desk.done(f"/orders/new/{picture(desk, tmp_path)}", **PAPER, note="Give daily with 10 units")
    with desk.parts.db.read() as session:
        stored = session.scalars(select(OrderVersion.notes).where(OrderVersion.id == int(to.rsplit("/", 1)[1]))).one()
    assert error_prone(stored) == ()
    assert "is read as" not in words(desk.get(to))


def recipe_with(*texts: str, storage: str = "Refrigerate 2 to 8 °C") -> str:
    document = json.loads(second_version())
    document["label"] |= {"storage": storage, "texts": list(texts)}
    return json.dumps(document)


def test_a_recipe_says_what_becomes_of_error_prone_label_texts(desk: Desk) -> None:
    answer = desk.post("/recipes/read", text=recipe_with("Give SC", "MS only"))
    assert answer.status_code == 200
    said = words(answer.text)
    assert "“Give SC” is printed as “Give subcut”." in said
    assert "“MS only”: “MS” is read as morphine sulfate or as magnesium sulfate." in said
    assert "No label is printed with it." in said


def test_the_recipes_that_come_with_the_product_leave_no_doubt() -> None:
    from app.demo import RECIPES

    for path in RECIPES.glob("*.json"):
        assert label_doubts(read_recipe(path.read_text())) == (), path.name


def test_a_well_written_recipe_says_nothing_of_it(desk: Desk) -> None:
    answer = desk.post("/recipes/read", text=recipe_with("Protect from light"))
    assert answer.status_code == 200
    assert not re.search("is printed as|No label is printed", words(answer.text))
