"""`laminar hl7 ingest`: one line for each message, in words and without patient data."""

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli import app as command
from tests.app.interop.heard import adt, message
from tests.conftest import NOW


@pytest.fixture
def database(seeded_sqlite: tuple[Path, dict[str, int]], tmp_path: Path) -> str:
    shutil.copy(seeded_sqlite[0], tmp_path / "l.db")
    return f"sqlite:///{tmp_path / 'l.db'}"


def test_a_file_of_messages_is_taken_in_once_and_says_no_patient_data(database: str, tmp_path: Path) -> None:
    file = tmp_path / "day.hl7"
    file.write_bytes(adt(NOW, "A01") + message(NOW) + message(NOW, "DC", id="C2"))
    ran = CliRunner().invoke(command, ["hl7", "ingest", str(file), "--database", database])
    lines = ran.output.splitlines()
    assert ran.exit_code == 0, ran.output
    assert lines[0] == "day.hl7 1: ADT^A01 A1: taken over (ADT)"
    assert lines[1].startswith("day.hl7 2: RDE^O11 C1: exception: ") and "never decided here" in lines[1]
    assert lines[2] == "day.hl7 3: RDE^O11 C2: taken over (order)"
    assert "Doe" not in ran.output and "100245" not in ran.output
    again = CliRunner().invoke(command, ["hl7", "ingest", str(file), "--database", database])
    assert all(line.endswith("(was here before)") for line in again.output.splitlines())


def test_what_holds_no_message_fails_in_words(database: str, tmp_path: Path) -> None:
    file = tmp_path / "letter.txt"
    file.write_bytes(b"Dear pharmacy")
    ran = CliRunner().invoke(command, ["hl7", "ingest", str(file), str(tmp_path / "none"), "--database", database])
    assert ran.exit_code == 1
    assert "no MSH segment" in ran.output and "none: can not be read" in ran.output
