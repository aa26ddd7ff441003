"""What every table shares: named constraints, exact types, and one declarative base."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, TypeVarTuple

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    DateTime,
    Dialect,
    Integer,
    MetaData,
    Row,
    Select,
    Table,
    Text,
    any_,
    literal,
)
from sqlalchemy.orm import DeclarativeBase, InstrumentedAttribute, Session, mapped_column
from sqlalchemy.types import TypeDecorator

MILLION = 1_000_000

# Every constraint has a name, because SQLite's batch migrations silently drop those that have none.
NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Instant(TypeDecorator[datetime]):
    """An instant in UTC. A datetime without a zone is refused on the way in and never comes out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"An instant needs a zone: {value!r}")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Millionths(TypeDecorator[Decimal]):
    """An exact decimal, stored as whole millionths so that SQL sums and CHECKs are exact on both databases."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> int | None:
        if value is None:
            return None
        if isinstance(value, float) or not isinstance(value, (Decimal, int)):
            raise TypeError(f"An exact decimal is needed, not {value!r}")
        scaled = Decimal(value) * MILLION
        if not scaled.is_finite() or scaled != scaled.to_integral_value():
            raise ValueError(f"{value} is not a whole number of millionths")
        return int(scaled)

    def process_result_value(self, value: int | None, dialect: Dialect) -> Decimal | None:
        return None if value is None else Decimal(value) / MILLION


Columns = TypeVarTuple("Columns")
WholeNumber = BigInteger().with_variant(Integer, "sqlite")
Key = Annotated[int, mapped_column(WholeNumber, primary_key=True)]
Ref = Annotated[int, mapped_column(WholeNumber)]


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map: dict[Any, Any] = {
        int: WholeNumber,
        datetime: Instant(),
        Decimal: Millionths(),
        str: Text(),
    }


def table(model: type[Base]) -> Table:
    """The table of a model, for a row that is written without becoming an entity of the session."""
    return model.metadata.tables[model.__tablename__]


def fetched(session: Session, statement: Select[*Columns], **values: object) -> Sequence[Row[*Columns]]:
    """The rows of a query of columns that was built once, as values: read past the session, less than half the work.

    What the session has changed is written before, as for every other query.
    """
    if session.autoflush:
        session.flush()
    return session.connection().execute(statement, values).all()


def among(session: Session, column: InstrumentedAttribute[int], numbers: Collection[int]) -> ColumnElement[bool]:
    """The condition that a column holds one of many numbers.

    On PostgreSQL they are one array, so that a statement for hundreds is the same text as one for two, and is neither
    written, parsed nor planned anew each time.
    """
    if session.get_bind().dialect.name == "postgresql":
        return column == any_(literal(list(numbers), ARRAY(BigInteger)))
    return column.in_(numbers)


def one_of(column: str, values: Any) -> str:
    """The text of a CHECK that a column holds one of an enumeration's values."""
    quoted = ", ".join("'" + str(v).replace("'", "''") + "'" for v in values)
    return f"{column} IN ({quoted})"
