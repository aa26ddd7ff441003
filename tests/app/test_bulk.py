"""Many rows written at once are held to the same types and constraints as a single one, on both databases."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from app.db.bulk import numbers, write_rows
from app.db.session import SYSTEM, Db
from app.orders.models import Leave, Patient

COLUMNS = ("patient_id", "kind", "from_at", "until_at", "told_at", "changed_at")
AT = datetime(2026, 11, 22, 14, 5, 0, 123456, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def patient_id(db: Db) -> int:
    with db.write(SYSTEM) as tx:
        patient = Patient(mrn="1", family="Alder", given="Mona\tor \\N\n'she'")
        tx.session.add(patient)
        tx.session.flush()
        return patient.id


def leave(patient_id: int, hours: int, until: datetime | None = None) -> tuple[object, ...]:
    return (patient_id, "on leave", AT + hours * HOUR, until, AT, AT)


def test_rows_come_back_as_they_were_given_and_in_their_order(db: Db, patient_id: int) -> None:
    with db.write(SYSTEM) as tx:
        write_rows(tx.session, Leave, COLUMNS, (leave(patient_id, nth) for nth in (3, 1, 2)))
        write_rows(tx.session, Leave, COLUMNS, [leave(patient_id, 4, AT + 5 * HOUR)])
        write_rows(tx.session, Leave, COLUMNS, [])
    with db.read() as session:
        rows = session.scalars(select(Leave).order_by(Leave.id)).all()
    assert [row.from_at for row in rows] == [AT + nth * HOUR for nth in (3, 1, 2, 4)]
    assert [row.until_at for row in rows] == [None, None, None, AT + 5 * HOUR]
    assert {(row.kind, row.told_at) for row in rows} == {("on leave", AT)}


def test_text_that_means_something_to_the_wire_stays_text(db: Db) -> None:
    odd = "\\N\t\\.\n;--'\"\\"
    with db.write(SYSTEM) as tx:
        row = ("2", odd, "Zoë Ångström-Łukasiewicz", False, False)
        write_rows(tx.session, Patient, ("mrn", "family", "given", "allergies_reviewed", "confirmed_by_adt"), [row])
    with db.read() as session:
        found = session.execute(select(Patient.family, Patient.given, Patient.allergies_reviewed)).one()
    assert tuple(found) == (odd, "Zoë Ångström-Łukasiewicz", False)


def test_numbers_are_given_to_one_only(db: Db) -> None:
    columns = ("id", "mrn", "family", "given", "allergies_reviewed", "confirmed_by_adt")
    with db.write(SYSTEM) as tx:
        first = numbers(tx.session, Patient, 2)
        write_rows(tx.session, Patient, columns, [(n, str(n), "Birch", "Otto", False, False) for n in first])
        tx.session.add(Patient(mrn="next", family="Cedar", given="Ruth"))
        tx.session.flush()
        second = numbers(tx.session, Patient, 3)
        assert numbers(tx.session, Patient, 0) == []
        write_rows(tx.session, Patient, columns, [(n, str(n), "Fir", "Noel", False, False) for n in second])
    with db.read() as session:
        found = session.execute(select(Patient.id, Patient.family).order_by(Patient.id)).all()
    assert [name for _, name in found] == ["Birch"] * 2 + ["Cedar"] + ["Fir"] * 3
    assert [number for number, name in found if name != "Cedar"] == first + second


def test_a_time_without_a_zone_is_refused(db: Db, patient_id: int) -> None:
    row = (patient_id, "on leave", AT.replace(tzinfo=None), None, AT, AT)
    with pytest.raises(ValueError, match="needs a zone"), db.write(SYSTEM) as tx:
        write_rows(tx.session, Leave, COLUMNS, [row])


@pytest.mark.parametrize("what", ["kind", "until", "patient"])
def test_what_a_constraint_refuses_undoes_all_of_it(db: Db, patient_id: int, what: str) -> None:
    bad = {
        "kind": (patient_id, "at the sea", AT, None, AT, AT),
        "until": leave(patient_id, 1, AT),
        "patient": leave(patient_id + 99, 1),
    }[what]
    with pytest.raises(DBAPIError, match="(?i)constraint"), db.write(SYSTEM) as tx:
        write_rows(tx.session, Leave, COLUMNS, [leave(patient_id, 0), bad])
    with db.read() as session:
        assert session.scalars(select(Leave)).all() == []
