"""The `laminar` command: every command loads, refuses in sentences, and leads an installation through its life."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest
from sqlalchemy import text
from typer.testing import CliRunner, Result

from app.cli import COMMANDS, app, loaded
from app.cli.checks import wire_findings
from app.cli.opening import open_db, settings, writing_db
from app.cli.serve import listening, look, opened, server_settings
from app.core.errors import Refused
from app.db.only_one import OnlyOne
from app.db.session import Db
from app.identity.people_actions import use_set_up_code
from app.labels.bedside import PROFILES
from app.main import system_clock
from tests.hospital import hospital

ROOT = Path(__file__).parent.parent.parent.parent


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for an installation whose settings come from the environment."""
    for name in [name for name in os.environ if name.startswith("LAMINAR_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("LAMINAR_DATABASE", f"sqlite:///{tmp_path / 'laminar.db'}")
    monkeypatch.setenv("LAMINAR_PHOTOS", str(tmp_path / "photos"))
    monkeypatch.setenv("LAMINAR_BACKUPS", str(tmp_path / "backups"))
    return tmp_path


@pytest.fixture
def migrated(place: Path, sqlite_template: Path) -> Path:
    shutil.copy(sqlite_template, place / "laminar.db")
    return place


def run(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_of_the_table_loads(name: str) -> None:
    assert find_spec(COMMANDS[name][0].split(":")[0]) is not None
    assert loaded(name) is not None


def test_the_list_of_commands_needs_none_of_their_rooms() -> None:
    looked = "import sys, app.cli; print(sorted(set(sys.modules) & {'fastapi', 'sqlalchemy', 'numpy', 'app.main'}))"
    found = subprocess.run([sys.executable, "-c", looked], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
    assert all(name in run("--help").output for name in COMMANDS)


def test_a_typing_error_is_guessed() -> None:
    found = run("migrat")
    assert found.exit_code == 2
    assert "'migrate'" in found.output


@pytest.mark.parametrize("command", ["replay", "backup", "doctor"])
def test_without_a_database_every_command_says_what_to_do(place: Path, command: str) -> None:
    found = run(command)
    assert found.exit_code == 1
    assert "There is no database at" in found.output
    assert not (place / "laminar.db").exists(), "looking makes nothing"


def test_settings_that_can_not_be_are_told(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAMINAR_PORT", "eighty")
    with pytest.raises(Refused, match="port: Input should be a valid integer"):
        settings()
    found = run("replay")
    assert (found.exit_code, "LAMINAR_… variable" in found.output) == (1, True)


def test_an_installation_from_its_first_start_to_its_first_backup(place: Path) -> None:
    with opened(settings(port=0)) as parts:
        from app.identity.people_actions import make_set_up_code

        code = make_set_up_code(parts.db)
        assert code is not None
        use_set_up_code(parts.db, code, "Petra Pharmacist", "petra", "seven blue buckets", "271828")
        assert make_set_up_code(parts.db) is None, "there is somebody now"
    added = run("user", "add", "Tina Technician", "tina", "--role", "technician")
    assert (added.exit_code, "at /invitation within 72 hours" in added.output) == (0, True)
    badge = run("user", "badge", "tina")
    assert "Tina Technician has the badge BADGE-" in badge.output
    assert run("user", "reopen", "tina").output == "Tina Technician can sign in again.\n"
    assert run("user", "badge", "nobody").exit_code == 1
    assert [line.split()[0] for line in run("user", "list").output.splitlines()] == ["petra", "tina"]
    assert "There is no backup yet" in run("doctor").output
    made = run("backup")
    assert made.exit_code == 0
    examined = run("doctor")
    assert examined.exit_code == 0
    assert "There is no backup yet" not in examined.output
    folder = next((place / "backups").glob("20*"))
    whole = run("audit", "verify", "--anchor", str(folder))
    assert whole.output.startswith("The record is whole: ")
    assert run("replay").output == "0 preparations, 0 weights, 0 verdicts recomputed: all agree.\n"


def test_a_record_that_was_cut_off_is_shown_by_its_anchor_and_stops_the_start(migrated: Path) -> None:
    db = open_db()
    hospital(db)
    db.close()
    made = run("backup")
    anchor = made.output.split("elsewhere: ")[1].split()[0]
    db = open_db()
    with db.writer.begin() as connection:
        connection.execute(text("DROP TRIGGER audit_event_no_delete"))
        connection.execute(text("DELETE FROM audit_event WHERE seq = (SELECT max(seq) FROM audit_event)"))
    assert run("audit", "verify").exit_code == 0, "the chain alone can not show it"
    cut = run("audit", "verify", "--anchor", anchor)
    assert (cut.exit_code, "is not the one that was anchored" in cut.output) == (1, True)
    with db.writer.begin() as connection:
        connection.execute(text("DROP TRIGGER audit_event_no_update"))
        connection.execute(text("UPDATE audit_event SET text = replace(text, 'added', 'Added') WHERE action = 'added'"))
    found = [each.words for each in look(settings(test=True), db) if each.level == "unsafe"]
    db.close()
    assert len(found) == 1
    assert "was changed after it was written" in found[0]
    with pytest.raises(Refused, match="The record was touched"), opened(settings(test=True)):
        pass


def test_the_pretend_hospital_is_served_as_test_only(migrated: Path) -> None:
    db = open_db()
    hospital(db)
    db.close()
    with pytest.raises(Refused, match="everybody knows their PIN"), opened(settings()):
        pass
    with opened(settings(test=True)) as parts:
        assert parts.house.test, "labels of a TEST instance say so"


def test_everything_unsafe_is_named_at_once(migrated: Path) -> None:
    db = open_db()
    hospital(db)
    db.close()
    chosen = settings(host="0.0.0.0", zone="Mars/Olympus")
    with pytest.raises(Refused) as refused, opened(chosen):
        pass
    told = str(refused.value).splitlines()
    assert told[0] == "Laminar does not start, because records would not be safe:"
    assert [line.split()[1] for line in told[1:]] == ["Pages", "The", "There"]


def test_a_database_of_a_newer_version_is_left_alone(migrated: Path) -> None:
    db = open_db()
    with db.writer.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    db.close()
    for words in (("replay",), ("migrate",)):
        found = run(*words)
        assert found.exit_code == 1
        assert "used by a newer version" in found.output
    with pytest.raises(Refused, match="used by a newer version"), opened(settings()):
        pass


def test_a_server_is_migrated_by_command_only(postgresql: Callable[[str, str], str], place: Path) -> None:
    url = postgresql("unmigrated", "template0")
    with pytest.raises(Refused, match="The database is empty. Run: laminar migrate"), opened(settings(database=url)):
        pass
    done = run("migrate", "--database", url)
    assert done.exit_code == 0
    assert "No --app-role was given" in done.output
    with pytest.raises(Refused, match="The role 'laminar' owns the tables"), opened(settings(database=url)):
        pass


def test_a_command_that_changes_something_waits_until_the_product_is_stopped(migrated: Path) -> None:
    db = Db(settings().database, system_clock)
    with OnlyOne(db), pytest.raises(Refused, match="already running"), writing_db():
        pass
    with OnlyOne(db):
        assert "Note: The product is running." in run("doctor").output
        assert run("backup").exit_code == 0, "a backup is made while the product runs"
    db.close()


def test_a_port_that_is_taken_is_told(place: Path) -> None:
    with listening("127.0.0.1", 0) as first, pytest.raises(Refused, match=r"can not be had .* by LAMINAR_MLLP_PORT"):
        listening("127.0.0.1", first.getsockname()[1], "LAMINAR_MLLP_PORT")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("LAMINAR_PORT", "70000", "port: Input should be less than or equal to 65535"),
        ("LAMINAR_DATABASE", "mysql://server/x", "a database is sqlite:///PATH or postgresql://"),
        ("LAMINAR_TRUSTED_PROXY", "the proxy", "the proxy is named by its address"),
        ("LAMINAR_BEDSIDE_BARCODE", "order", "Input should be 'order number', 'order number, Code 128', "),
        ("LAMINAR_LOG_LEVEL", "loud", "Input should be 'debug', 'info', 'warning' or 'error'"),
        ("LAMINAR_CONFIG", "/nowhere/laminar.toml", "The settings file can not be read: No such file or directory"),
    ],
)
def test_a_setting_that_means_nothing_is_told_and_never_passed_over(
    place: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(Refused) as refused:
        settings()
    assert words in str(refused.value)


def test_every_profile_of_a_bedside_scanner_can_be_set(place: Path) -> None:
    assert [settings(bedside_barcode=profile).bedside_barcode for profile in PROFILES] == list(PROFILES)


def test_a_misspelt_setting_is_pointed_out(migrated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAMINAR_DATABSE", "postgresql://laminar@server/laminar")
    assert "LAMINAR_DATABSE is no setting of this product" in run("doctor").output


def test_a_settings_file_that_is_not_toml_is_told(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (place / "laminar.toml").write_text("port = \n")
    monkeypatch.setenv("LAMINAR_CONFIG", str(place / "laminar.toml"))
    with pytest.raises(Refused, match="is not TOML"):
        settings()


def test_a_folder_that_can_not_be_made_is_told(place: Path) -> None:
    (place / "file").write_text("")
    with pytest.raises(Refused, match="The folder .* can not be made"), opened(
        settings(database=f"sqlite:///{place}/file/laminar.db")
    ):
        pass


@pytest.mark.parametrize(
    ("chosen", "level", "words"),
    [
        ({"mllp_port": 2575, "mllp_host": "0.0.0.0"}, "unsafe", "HL7 would be heard on 0.0.0.0 without TLS"),
        ({"mllp_port": 2575, "mllp_host": "plain://10.1.2.3"}, "warning", "HL7 is heard on 10.1.2.3 in plain text"),
        ({"mllp_port": 2575}, "warning", "It is not set whose record numbers the HL7 sender means"),
        ({"dispense_to": "emar"}, "unsafe", "'emar' is not an address to send to"),
    ],
)
def test_a_wire_in_the_open_or_to_nowhere_is_named_before_the_start(
    place: Path, chosen: dict[str, object], level: str, words: str
) -> None:
    found = list(wire_findings(settings(**chosen)))
    assert [each.level for each in found if words in each.words] == [level]


def test_a_closed_wire_and_one_to_this_machine_have_no_finding(place: Path) -> None:
    assert list(wire_findings(settings(mllp_host="0.0.0.0"))) == []
    safe = settings(mllp_port=2575, mllp_authority="GH", dispense_to="emar.example:2575")
    assert list(wire_findings(safe)) == []


def test_the_server_says_nothing_of_itself_and_ends_its_streams(place: Path) -> None:
    async def app(scope: object, receive: object, send: object) -> None: ...

    config = server_settings(app, settings())
    assert (config.server_header, config.proxy_headers, config.access_log) == (False, False, False)
    assert config.timeout_graceful_shutdown == 2
