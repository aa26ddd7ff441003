"""Unsafe settings refuse the start and are named; what should only be better is a warning."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from app.core.errors import Refused
from app.db import host
from app.db.grants import grant
from app.db.only_one import OnlyOne
from app.db.safety import (
    WANTED,
    Finding,
    PostgresqlFacts,
    SqliteFacts,
    findings,
    has_lost_write_fault,
    judge_disk,
    judge_postgresql,
    judge_sqlite,
    read_postgresql,
    schema_fault,
    why_not_reachable,
    why_not_writable,
)
from app.db.session import Db
from app.tables import metadata
from tests.conftest import NOW
from tests.devices.on_the_line import eventually

PRAGMAS = {
    "journal_mode": "wal",
    "synchronous": "2",
    "foreign_keys": "1",
    "recursive_triggers": "1",
    "trusted_schema": "0",
    "mmap_size": "0",
    "busy_timeout": "5000",
    "query_only": "0",
    "wal_autocheckpoint": "1000",
}
READER = PRAGMAS | {"query_only": "1", "wal_autocheckpoint": "0"}
SAFE = SqliteFacts((3, 51, 3), 1, PRAGMAS, READER, "ext4", 50, "ok")
SETTINGS = {
    "server_version_num": "180004",
    "server_version": "18.4",
    "fsync": "on",
    "full_page_writes": "on",
    "data_checksums": "on",
    "synchronous_commit": "on",
    "server_encoding": "UTF8",
    "TimeZone": "UTC",
    "lock_timeout": "3000",
    "statement_timeout": "15000",
    "idle_in_transaction_session_timeout": "30000",
}
SERVER = PostgresqlFacts(SETTINGS, False, False, "laminar_app", True, False, NOW)


def words(found: list[Finding], level: str = "unsafe") -> str:
    return " ".join(each.words for each in found if each.level == level)


def test_a_safe_database_has_no_finding() -> None:
    assert list(judge_sqlite(SAFE)) == []
    assert list(judge_postgresql(SERVER, NOW)) == []


@pytest.mark.parametrize("name", [name for name in WANTED if name != "mmap_size"])
def test_every_wrong_setting_of_an_embedded_database_is_named(name: str) -> None:
    for facts in (replace(SAFE, writer=PRAGMAS | {name: "7"}), replace(SAFE, reader=READER | {name: "7"})):
        assert f"({name} = 7)" in words(list(judge_sqlite(facts)))


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"writer": PRAGMAS | {"busy_timeout": "100"}}, "gives up on a busy database"),
        ({"writer": PRAGMAS | {"mmap_size": "65536"}}, "mapped into memory"),
        ({"file_system": "nfs4"}, "network file system (nfs4)"),
        ({"percent_free": 2}, "has 2 % free"),
        ({"check": "row 12 missing from index"}, "The database is damaged (row 12"),
        ({"version": (3, 40, 1), "writers": 2}, "SQLite 3.40.1 can corrupt the database"),
        ({"version": (3, 40, 1), "reader": PRAGMAS}, "more than one does"),
    ],
)
def test_every_other_danger_of_an_embedded_database_is_named(other: dict[str, object], said: str) -> None:
    assert said in words(list(judge_sqlite(replace(SAFE, **other))))  # type: ignore[arg-type]


def test_a_faulty_sqlite_with_one_writing_connection_is_only_noted() -> None:
    found = list(judge_sqlite(replace(SAFE, version=(3, 40, 1))))
    assert [each.level for each in found] == ["note"]
    assert "writes through one only" in found[0].words


@pytest.mark.parametrize(
    ("version", "faulty"),
    [((3, 6, 23), False), ((3, 7, 0), True), ((3, 40, 1), True), ((3, 44, 5), True), ((3, 44, 6), False),
     ((3, 50, 6), True), ((3, 50, 7), False), ((3, 51, 2), True), ((3, 51, 3), False), ((3, 53, 4), False)],
)  # fmt: skip
def test_which_versions_have_the_fault(version: tuple[int, ...], faulty: bool) -> None:
    assert has_lost_write_fault(version) is faulty


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"server_version_num": "140011", "server_version": "14.11"}, "PostgreSQL 14.11 is too old"),
        ({"fsync": "off"}, "fsync is off"),
        ({"full_page_writes": "off"}, "full_page_writes is off"),
        ({"data_checksums": "off"}, "data_checksums is off"),
        ({"synchronous_commit": "off"}, "synchronous_commit is not on"),
        ({"synchronous_commit": "local"}, "synchronous_commit is not on"),
        ({"server_encoding": "SQL_ASCII"}, "must be UTF8"),
        ({"TimeZone": "Europe/Oslo"}, "must be UTC"),
        ({"lock_timeout": "0"}, "lock_timeout is not set to 3 s"),
        ({"statement_timeout": "60000"}, "statement_timeout is not set to 15 s"),
        ({"idle_in_transaction_session_timeout": "0"}, "idle_in_transaction_session_timeout is not set"),
    ],
)
def test_every_wrong_setting_of_a_server_is_named(other: dict[str, str], said: str) -> None:
    assert said in words(list(judge_postgresql(replace(SERVER, settings=SETTINGS | other), NOW)))


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"superuser": True}, "is a superuser"),
        ({"owner": True}, "owns the tables"),
        ({"local": False}, "crosses a network in the clear"),
    ],
)
def test_a_role_that_may_too_much_and_a_line_in_the_clear_are_refused(other: dict[str, bool], said: str) -> None:
    assert said in words(list(judge_postgresql(replace(SERVER, **other), NOW)))  # type: ignore[arg-type]


def test_a_far_server_with_tls_is_safe() -> None:
    assert list(judge_postgresql(replace(SERVER, local=False, tls=True), NOW)) == []


def test_clocks_that_differ_are_a_warning() -> None:
    found = list(judge_postgresql(replace(SERVER, clock=NOW + timedelta(seconds=2)), NOW))
    assert [each.level for each in found] == ["warning"]


@pytest.mark.parametrize(
    ("percent", "level"), [(0, "unsafe"), (2, "unsafe"), (3, "warning"), (9, "warning"), (10, None)]
)
def test_a_disk_refuses_at_two_percent_and_warns_below_ten(percent: int, level: str | None) -> None:
    assert [each.level for each in judge_disk(percent)] == ([level] if level else [])


def test_our_own_connections_are_safe_and_an_owner_is_not(db: Db) -> None:
    db.clock = lambda: datetime.now(UTC)
    unsafe = words(findings(db))
    assert ("owns the tables" in unsafe) is not db.is_sqlite
    assert not db.is_sqlite or unsafe == ""


def test_a_migrated_database_has_no_schema_fault_and_takes_records(db: Db) -> None:
    assert schema_fault(db) is None
    assert why_not_writable(db) is None
    assert why_not_reachable(db) is None


def test_trying_whether_records_are_taken_leaves_none(db: Db) -> None:
    before = Path(db.url.removeprefix("sqlite:///")).stat().st_size if db.is_sqlite else 0
    assert why_not_writable(db) is None
    with db.read() as session:
        from app.db.models import Once

        assert session.query(Once).count() == 0
    assert not db.is_sqlite or Path(db.url.removeprefix("sqlite:///")).stat().st_size == before


def test_a_second_process_does_not_start(db: Db) -> None:
    other = Db(db.url, db.clock)
    with OnlyOne(db), pytest.raises(Refused, match="already running on this database"), OnlyOne(other):
        pass

    def starts() -> bool:
        try:
            with OnlyOne(other):
                return True
        except Refused:
            return False

    eventually(starts)  # a database server lets go of the lock when it has noticed that the first one is gone
    other.close()


def test_a_database_that_is_not_there_is_told_without_its_password() -> None:
    db = Db("postgresql://laminar:s3cret@127.0.0.1:1/laminar", lambda: NOW)
    told = why_not_reachable(db)
    assert told is not None
    assert "can not be opened" in told
    assert "s3cret" not in told


@pytest.fixture
def served(postgresql: Callable[[str], str], request: pytest.FixtureRequest) -> str:
    """The URL of a migrated database for a role that owns nothing, as `laminar migrate --app-role` leaves it."""
    role = request.node.name.removeprefix("test_the_role_that_serves_")
    owner = postgresql(f"of_{role}")
    with psycopg.connect(owner.replace("//laminar", "//postgres", 1), autocommit=True) as admin:
        admin.execute(f'CREATE ROLE "{role}" LOGIN')
    db = Db(owner, lambda: NOW)
    grant(db, role, metadata)
    db.close()
    return owner.replace("//laminar", f"//{role}", 1)


@pytest.mark.postgres
def test_the_role_that_serves_is_safe_and_can_change_no_record(served: str) -> None:
    db = Db(served, lambda: datetime.now(UTC))
    facts = read_postgresql(db)
    assert (facts.superuser, facts.owner, facts.local) == (False, False, True)
    # The server of the tests does without fsync; a hospital's must not, and the start says so.
    kept = facts.settings | {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
    durable = replace(facts, settings=kept)
    assert words(list(judge_postgresql(durable, db.clock()))) == ""
    assert why_not_writable(db) is None
    with psycopg.connect(served, autocommit=True) as plain:
        for statement in ("UPDATE audit_event SET action = ''", "DELETE FROM signature", "TRUNCATE weighing",
                          "ALTER TABLE audit_event DISABLE TRIGGER ALL"):  # fmt: skip
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                plain.execute(statement)  # type: ignore[call-overload]
    db.close()


@pytest.mark.postgres
def test_the_role_that_serves_can_do_everything_the_product_does(served: str) -> None:
    from tests.hospital import hospital

    db = Db(served, lambda: NOW)
    house = hospital(db)
    work_id = house.made()
    house.finish(work_id)
    house.release(work_id)
    db.close()


MOUNTS = """\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:25 / /srv rw - nfs4 files:/srv rw
31 30 0:26 / /srv/with\\040space rw - tmpfs tmpfs rw
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/var/lib/laminar.db", "ext4"), ("/srv/laminar.db", "nfs4"), ("/srv/with space/x", "tmpfs"), ("/srvx/a", "ext4")],
)
def test_the_file_system_is_that_of_the_deepest_mount(path: str, kind: str) -> None:
    assert host.file_system_of(Path(path), MOUNTS) == kind


def test_zones_are_known_by_their_name_only() -> None:
    assert host.zone_known("America/New_York")
    assert not host.zone_known("Mars/Olympus")
    assert not host.zone_known("../etc/passwd")


