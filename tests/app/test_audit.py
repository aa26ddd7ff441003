"""The record is written with the act, chained, and its changes are refused or found."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.audit.actions import record
from app.audit.queries import verify
from app.audit.tail_queries import tail_broken
from app.db.session import SYSTEM, Db, OnceKey, Replayed


def three_entries(db: Db) -> None:
    for n in range(3):
        with db.write(SYSTEM) as tx:
            record(tx, "counted", f"thing {n}", {"n": n})


def test_the_chain_of_an_untouched_record_holds(db: Db) -> None:
    three_entries(db)
    with db.read() as session:
        proof = verify(session)
    assert (proof.entries, proof.broken) == (3, None)


def test_an_act_that_fails_leaves_no_record(db: Db) -> None:
    with pytest.raises(RuntimeError), db.write(SYSTEM) as tx:
        record(tx, "counted", "thing", {})
        raise RuntimeError("power lost")
    with db.read() as session:
        assert verify(session).entries == 0


@pytest.mark.parametrize(
    "attack",
    [
        "UPDATE audit_event SET action = 'x' WHERE seq = 2",
        "DELETE FROM audit_event WHERE seq = 3",
        "INSERT INTO audit_event (seq, prev, hash, text, at, action, subject) "
        "VALUES (9, 'x', 'y', '{}', '2026-01-01', 'a', 'b')",
        "INSERT INTO audit_event (seq, prev, hash, text, at, action, subject) "
        "VALUES (-1, 'x', 'y', '{}', '2026-01-01', 'a', 'b')",
        "INSERT INTO audit_event (seq, prev, hash, text, at, action, subject) "
        "VALUES (4, 'not the head', 'y', '{}', '2026-01-01', 'a', 'b')",
    ],
)
def test_the_database_refuses_to_change_cut_or_fork_the_record(db: Db, attack: str) -> None:
    three_entries(db)
    with pytest.raises(DBAPIError), db.write(SYSTEM) as tx:
        tx.session.execute(text(attack))


def test_sqlite_refuses_a_replacing_insert(db: Db) -> None:
    three_entries(db)
    if not db.is_sqlite:
        with pytest.raises(DBAPIError), db.write(SYSTEM) as tx:
            tx.session.execute(text("TRUNCATE audit_event"))
        return
    with pytest.raises(DBAPIError), db.write(SYSTEM) as tx:
        tx.session.execute(
            text(
                "INSERT OR REPLACE INTO audit_event (seq, prev, hash, text, at, action, subject) "
                "SELECT seq, prev, hash, text, at, 'x', subject FROM audit_event WHERE seq = 3"
            )
        )


def disarm(db: Db) -> None:
    """What only the owner of the file or the tables can do."""
    with db.write(SYSTEM) as tx:
        if db.is_sqlite:
            for name in ("audit_event_no_update", "audit_event_no_delete", "audit_event_follows"):
                tx.session.execute(text(f"DROP TRIGGER {name}"))
        else:
            tx.session.execute(text("ALTER TABLE audit_event DISABLE TRIGGER ALL"))


@pytest.mark.parametrize("column", ["text", "action", "subject", "hash", "prev", "person_id"])
def test_one_changed_field_is_found(db: Db, column: str) -> None:
    three_entries(db)
    disarm(db)
    value = "7" if column == "person_id" else f"{column} || 'x'"
    with db.write(SYSTEM) as tx:
        tx.session.execute(text(f"UPDATE audit_event SET {column} = {value} WHERE seq = 2"))
    with db.read() as session:
        assert "entry" in str(verify(session).broken)


def test_one_changed_bit_anywhere_is_found_in_words_and_stops_the_start(db: Db) -> None:
    three_entries(db)
    disarm(db)
    with db.write(SYSTEM) as tx:
        tx.session.execute(text("UPDATE audit_event SET text = text"))
    with db.read() as session:
        assert verify(session).broken is None and tail_broken(session) is None
        columns = ("prev", "hash", "text", "at", "action", "subject", "person_id", "station_id", "seq")
        row = session.execute(text(f"SELECT {', '.join(columns)} FROM audit_event WHERE seq = 2")).one()
    for column, value in zip(columns, row, strict=True):
        for changed in changes(value, db.is_sqlite):
            with db.write(SYSTEM) as tx:
                as_text = "CAST(:value AS TEXT)" if isinstance(changed, bytes) else ":value"
                statement = text(f"UPDATE audit_event SET {column} = {as_text} WHERE seq = 2")
                tx.session.execute(statement, {"value": changed})
                for found in (verify(tx.session).broken, tail_broken(tx.session)):
                    assert found is not None and "entr" in found, (column, changed)
                tx.session.rollback()


def changes(value: object, bytes_too: bool) -> Iterator[object]:
    """The value with one bit changed: every bit of a text where the database takes any bytes, else of its letters."""
    if value is None or isinstance(value, int):
        yield 64 if value is None else value ^ 64
    elif isinstance(value, datetime):
        yield value + timedelta(microseconds=1)
    else:
        written = str(value).encode()
        for place in range(len(written)):
            for bit in range(8) if bytes_too else (1,):
                changed = bytearray(written)
                changed[place] ^= 1 << bit
                yield bytes(changed) if bytes_too else changed.decode()


def test_a_cut_off_tail_is_found_by_its_anchor(db: Db) -> None:
    three_entries(db)
    with db.read() as session:
        anchor = (3, verify(session).head)
    disarm(db)
    with db.write(SYSTEM) as tx:
        tx.session.execute(text("DELETE FROM audit_event WHERE seq = 3"))
    with db.read() as session:
        assert verify(session).broken is None
        assert "anchored" in str(verify(session, anchor).broken)


def test_the_same_tap_twice_leads_to_the_same_place_and_does_nothing_twice(db: Db) -> None:
    once = OnceKey("k1", "print")
    with db.write(SYSTEM, once) as tx:
        record(tx, "counted", "thing", {})
        tx.location = "/there"
    with pytest.raises(Replayed) as replay, db.write(SYSTEM, once, "/elsewhere") as tx:
        record(tx, "counted", "thing", {})
    assert replay.value.location == "/there"
    with db.read() as session:
        assert verify(session).entries == 1


def test_a_reader_can_not_write(db: Db) -> None:
    with pytest.raises(DBAPIError), db.read() as session:
        session.execute(text("INSERT INTO person_role (person_id, role) VALUES (1, 'nurse')"))
