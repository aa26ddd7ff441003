"""Many rows at once, as bare tuples: a hospital's doses and plans are tens of thousands of rows a day.

Preparing each row costs SQLAlchemy several times what writing it costs the database. Here the columns' own types still
check and convert every value, and every constraint and trigger holds as it does for a single row.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any

import psycopg
from sqlalchemy import Connection, func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app.db.base import Base, table

Row = tuple[Any, ...]


def write_rows(session: Session, model: type[Base], columns: Sequence[str], rows: Iterable[Row]) -> None:
    """Insert rows whose values stand in the order of `columns`: by COPY on PostgreSQL, by one statement on SQLite.

    Raises ValueError or TypeError for a value that its column's type refuses, and DBAPIError for one that the database
    refuses.
    """
    connection = session.connection()
    into = table(model)
    prepared = _prepared(connection, [into.c[name].type for name in columns], rows)
    names = ", ".join(columns)
    if connection.dialect.name == "sqlite":
        if prepared:
            marks = ", ".join("?" * len(columns))
            connection.exec_driver_sql(f"INSERT INTO {into.name} ({names}) VALUES ({marks})", prepared)
        return
    _copy(connection, f"COPY {into.name} ({names}) FROM STDIN", prepared)


def numbers(session: Session, model: type[Base], count: int) -> list[int]:
    """The numbers of so many rows that this transaction is going to write; nobody else gets them."""
    if session.get_bind().dialect.name == "sqlite":
        last = session.scalar(select(func.max(table(model).c.id))) or 0  # only one writes at a time
        return list(range(last + 1, last + 1 + count))
    taken = text("SELECT nextval(CAST(:sequence AS regclass)) FROM generate_series(1, :count)")
    return list(session.scalars(taken, {"sequence": f"{model.__tablename__}_id_seq", "count": count}))


def _prepared(connection: Connection, types: Sequence[Any], rows: Iterable[Row]) -> list[Row]:
    """The rows as the driver takes them."""
    dialect = connection.dialect
    converts = [(at, kind.dialect_impl(dialect).bind_processor(dialect)) for at, kind in enumerate(types)]
    # The same few instants and amounts stand in row after row.
    given: list[tuple[int, Callable[[Any], Any]]] = [
        (at, lru_cache(maxsize=1024, typed=True)(convert)) for at, convert in converts if convert
    ]
    if not given:
        return list(rows)
    found = []
    for row in rows:
        values = list(row)
        for at, convert in given:
            values[at] = convert(values[at])
        found.append(tuple(values))
    return found


def _copy(connection: Connection, statement: str, rows: Iterable[Row]) -> None:
    try:
        with connection.connection.cursor().copy(statement) as copy:
            for row in rows:
                copy.write_row(row)
    except psycopg.Error as fault:
        raise DBAPIError.instance(statement, None, fault, psycopg.Error, True, dialect=connection.dialect) from fault
