"""`laminar orders import`: a file by its mapping; what is no order is a reason, and a second run doubles nothing."""

import json
import os
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli import app as command
from app.core.errors import Invalid
from app.interop.order_file import FileOrder, NoOrder, read_mapping, read_row

MAPPING = """
[file]
format = "jsonl"
zone = "America/New_York"
sender = "FILE"
skip = ["Charge"]
[order]
number = "id"
patient = "mrn"
start = "from"
stop = "to"
route = "route"
frequency = "how_often"
unit = "ward"
skip = "kind"
[component]
list = "parts"
drug = "drug"
amount = "dose"
unit = "unit"
ndc = "ndc"
form = "form"
packages = "many"
[words.route]
"by mouth" = "PO"
"""
GOOD = {
    "id": "1", "mrn": "900001", "from": "2026-11-22 08:00", "to": "2026-11-25 08:00", "route": "by mouth",
    "how_often": "BID", "ward": "9N", "kind": "Dose",
    "parts": [{"drug": "Metformin", "dose": "500", "unit": "mg", "ndc": "00093104801", "form": "tablet", "many": "1"}],
}  # fmt: skip
BAD = (
    ({"id": "2", "to": "2026-11-21 08:00"}, "stops before it starts"),
    ({"id": "3", "from": "tomorrow"}, "is no date and time"),
    ({"id": "4", "parts": []}, "names no drug"),
    ({"id": "5", "parts": [{"drug": "Metformin", "dose": "500-1000", "unit": "mg"}]}, "is not one amount"),
    ({"id": "6", "mrn": ""}, "does not say the patient"),
    ({"id": "7", "route": "by owl"}, "is not known here"),
)


@pytest.fixture
def database(seeded_sqlite: tuple[Path, dict[str, int]], tmp_path: Path) -> str:
    shutil.copy(seeded_sqlite[0], tmp_path / "l.db")
    return f"sqlite:///{tmp_path / 'l.db'}"


def run(tmp_path: Path, database: str, *more: str, test: bool = True) -> tuple[int, str]:
    (tmp_path / "m.toml").write_text(MAPPING, encoding="utf-8")
    lines = [GOOD, *(GOOD | change for change, _ in BAD), GOOD | {"id": "8", "kind": "Charge"}]
    text = "".join(json.dumps(each) + "\n" for each in lines) + "not JSON\n"
    (tmp_path / "orders.jsonl").write_text(text, encoding="utf-8")
    told = ["orders", "import", str(tmp_path / "orders.jsonl"), "--mapping", str(tmp_path / "m.toml"), "--as", "petra"]
    env = {**os.environ, "LAMINAR_TEST": "1" if test else "0"}
    ran = CliRunner().invoke(command, [*told, "--database", database, *more], env=env)
    return ran.exit_code, ran.output


def test_a_file_is_taken_over_once_and_every_row_that_is_no_order_says_why(database: str, tmp_path: Path) -> None:
    rejects = tmp_path / "rejects.txt"
    code, output = run(tmp_path, database, "--trial", "--rejects", str(rejects))
    assert code == 0, output
    assert "1 orders taken over" in output and "1 rows left out" in output and "7 rows not taken" in output
    kept = rejects.read_text(encoding="utf-8").splitlines()
    assert len(kept) == 7
    for words in (*(words for _, words in BAD), "not readable"):
        assert any(words in line for line in kept), words
    code, output = run(tmp_path, database)
    assert code == 0 and "0 orders taken over" in output and "1 known already" in output


def test_units_and_drugs_are_never_set_up_from_a_file_where_patients_are(database: str, tmp_path: Path) -> None:
    code, output = run(tmp_path, database, "--trial", test=False)
    assert code == 1 and "on a TEST instance only" in output


def test_an_unknown_person_or_unit_is_said(database: str, tmp_path: Path) -> None:
    code, output = run(tmp_path, database)
    assert code == 0 and "There is no unit" in output
    ran = CliRunner().invoke(
        command,
        ["orders", "import", str(tmp_path / "orders.jsonl"), "--mapping", str(tmp_path / "m.toml"), "--as", "nobody",
         "--database", database],
    )  # fmt: skip
    assert ran.exit_code == 1 and "no person with the user name 'nobody'" in ran.output


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (('format = "jsonl"', 'format = "xml"'), "The format is one of"),
        (('zone = "America/New_York"', 'zone = "Mars/Olympus"'), "Mars/Olympus"),
        (('number = "id"', 'numbr = "id"'), "does not say where 'number' stands"),
        (('drug = "drug"', ""), "does not say where 'drug' stands"),
        (("[file]", "[file"), "no TOML document"),
    ],
)
def test_a_wrong_mapping_says_everything_that_is_wrong(change: tuple[str, str], words: str) -> None:
    with pytest.raises(Invalid) as no:
        read_mapping(MAPPING.replace(*change))
    assert any(words in each for each in no.value.fields.values())


def test_a_row_says_what_the_mapping_makes_of_it() -> None:
    mapping = read_mapping(MAPPING)
    order = read_row(1, "", GOOD, mapping)
    assert isinstance(order, FileOrder)
    assert (order.number, order.route, order.frequency, order.unread) == ("1", "PO", "BID", ())
    assert order.start.isoformat() == "2026-11-22T13:00:00+00:00"
    assert isinstance(read_row(2, "", GOOD | {"kind": "Charge"}, mapping), NoOrder)
