"""Statements are compiled once a session. SQLAlchemy keeps what it compiled by engine and by dialect, and nearly every
test has engines of its own: compiling the product's statements anew was two fifths of a test's work.
"""

from typing import Any

from sqlalchemy import Connection, Dialect, Engine, event

_dialects: dict[str, Dialect] = {}
_compiled: dict[Any, Any] = {}


def compile_once() -> None:
    """From now on let every engine of a kind use what another has compiled."""
    event.listen(Engine, "engine_connect", _share)


def _share(connection: Connection) -> None:
    connection.dialect = _dialects.setdefault(connection.dialect.name, connection.dialect)
    connection.execution_options(compiled_cache=_compiled)
