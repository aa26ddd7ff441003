"""One process serves a database: whoever comes second is told so and does not start."""

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import IO

from sqlalchemy import Connection, text

from app.core.errors import Refused
from app.db.safety import sqlite_path
from app.db.session import Db

_APP_LOCK = 7_411_000  # PostgreSQL's advisory lock number of the one application process.
_TAKEN = "Laminar is already running on this database. Stop that one first; two at once would not see each other."


class OnlyOne:
    """The right to be the one process, held while the `with` block lasts. Raises Refused when another one holds it."""

    def __init__(self, db: Db):
        self._db = db
        self._file: IO[str] | None = None
        self._connection: Connection | None = None

    def __enter__(self) -> "OnlyOne":
        path = sqlite_path(self._db.url)
        if path:
            self._take_file(Path(f"{path}.lock"))
        elif not self._db.is_sqlite:
            self._take_advisory()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._file:
            self._file.close()
        if self._connection:
            self._connection.close()

    def _take_file(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a+", encoding="ascii")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.close()
            self._file = None
            raise Refused(_TAKEN) from None
        self._file.truncate(0)
        self._file.write(f"{os.getpid()}\n")
        self._file.flush()

    def _take_advisory(self) -> None:
        # A connection of its own, outside the pool and outside any transaction: it lives as long as the process.
        connection = self._db.writer.connect().execution_options(isolation_level="AUTOCOMMIT")
        connection.detach()
        if not connection.scalar(text("SELECT pg_try_advisory_lock(:n)"), {"n": _APP_LOCK}):
            connection.close()
            raise Refused(_TAKEN)
        self._connection = connection
