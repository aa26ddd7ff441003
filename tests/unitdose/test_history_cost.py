"""The history of a dose costs the same however many doses there are: every query of it goes by an index."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, select, text
from sqlalchemy.orm import Session

from app.orders.models import Dose
from tests.cart_room import WINDOW, CartRoom
from tests.conftest import Act
from tests.unitdose.on_the_way import WARD, OnTheWay
from unitdose import missing_actions
from unitdose.history_queries import dose_history
from unitdose.missing_queries import look_for

GROWS = (
    "dose", "medication_order", "order_version", "order_component", "verification", "work_item", "work_move", "label",
    "custody_event", "fill", "fill_run", "fill_line", "allocation", "drawer", "put", "pull", "short_pick", "line_event",
    "missing_dose", "movement", "patient", "stay", "allergy", "tote_load", "tote_trip",
)  # fmt: skip


def missed_and_sent_again(room: CartRoom) -> None:
    """Three patients' cart accepted on the ward; one dose is not found there and was sent again."""
    way = OnTheWay(room)
    for patient in range(3):
        room.order("metformin", ("500", "mg"), number=f"A{patient}", patient=patient)
        room.order("metoprolol tartrate", ("25", "mg"), number=f"B{patient}", patient=patient)
    fill = room.checked()
    for drawer in way.delivered(fill):
        way.accept(drawer)
    line = next(line for line in room.lines(fill) if line.put)
    report = way.act("nina", lambda tx: missing_actions.not_here(tx, line.line_id, WARD))
    way.act("tina", lambda tx: missing_actions.replace(tx, report))  # type: ignore[arg-type]


@pytest.fixture
def way(room_after: Callable[[Act], tuple[CartRoom, None]]) -> OnTheWay:
    return OnTheWay(room_after(missed_and_sent_again)[0])


def a_dose(session: Session) -> int:
    return session.scalars(select(Dose.id).where(Dose.due_at >= WINDOW).order_by(Dose.id)).first() or 0


def asked(way: OnTheWay, ask: Callable[[Session], object]) -> list[tuple[str, Any]]:
    """The statements, with their parameters, that a question sends to the database."""
    found: list[tuple[str, Any]] = []

    def heard(conn: Any, cursor: Any, statement: str, parameters: Any, *rest: Any) -> None:
        if statement.lstrip().upper().startswith("SELECT"):
            found.append((statement, parameters))

    event.listen(way.room.db.reader, "before_cursor_execute", heard)
    with way.room.db.read() as session:
        ask(session)
    event.remove(way.room.db.reader, "before_cursor_execute", heard)
    return found


def scanned(way: OnTheWay, statement: str, parameters: Any) -> list[str]:
    """The growing tables that a statement would read from beginning to end."""
    with way.room.db.reader.connect() as connection:
        if way.room.db.is_sqlite:
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
            plan = "\n".join(row[-1] for row in rows)
            read = re.findall(r"SCAN (\w+)", plan)
        else:
            # A small table is read whole because that is cheap; forbidden to, the planner shows whether it must.
            connection.execute(text("SET LOCAL enable_seqscan = off"))
            rows = connection.exec_driver_sql(f"EXPLAIN {statement}", parameters).all()
            plan = "\n".join(row[0] for row in rows)
            read = re.findall(r"Seq Scan on (\w+)", plan)
        connection.rollback()
    return [name for name in read if name in GROWS]


def test_every_query_of_a_doses_history_goes_by_an_index(way: OnTheWay) -> None:
    def ask(session: Session) -> None:
        dose_history(session, a_dose_id)

    with way.room.db.read() as session:
        a_dose_id = a_dose(session)
    statements = asked(way, ask)
    assert 10 <= len(statements) <= 24
    for statement, parameters in statements:
        assert scanned(way, statement, parameters) == [], statement


def test_so_does_every_query_of_where_to_look(way: OnTheWay) -> None:
    with way.room.db.read() as session:
        a_dose_id = a_dose(session)

    def ask(session: Session) -> None:
        look_for(session, dose_history(session, a_dose_id), way.room.db.clock())

    for statement, parameters in asked(way, ask):
        assert scanned(way, statement, parameters) == [], statement


def test_the_search_for_scans_finds_one(way: OnTheWay) -> None:
    assert scanned(way, "SELECT id FROM dose WHERE made_at < '2000-01-01'", ()) == ["dose"]


def test_more_doses_ask_no_more_questions(way: OnTheWay) -> None:
    with way.room.db.read() as session:
        a_dose_id = a_dose(session)

    def ask(session: Session) -> None:
        dose_history(session, a_dose_id)

    few = len(asked(way, ask))
    for nth in range(4):
        way.room.order("metformin", ("500", "mg"), number=f"C{nth}", patient=nth)
    way.room.planned(start=WINDOW + timedelta(days=1))
    assert len(asked(way, ask)) == few
