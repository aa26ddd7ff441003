"""On what was measured: the machine, the versions, and how busy it was with other things."""

import os
import platform
import sqlite3
from pathlib import Path

import psycopg

from app.db.host import file_system_of


def facts(folder: Path, postgresql: str, load: tuple[float, float, float]) -> list[tuple[str, str]]:
    """What a reader must know to compare: `folder` holds the databases, `load` is the load average at the start."""
    with psycopg.connect(postgresql) as connection:
        version = connection.info.server_version
        fsync = connection.execute("SHOW fsync").fetchone()
    assert fsync is not None
    return [
        ("cores", str(os.cpu_count())),
        ("processor", processor()),
        ("memory", f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GB"),
        ("system", f"{platform.system()} {platform.release()}, {platform.machine()}"),
        ("file system of the databases", file_system_of(folder) or "not known"),
        ("Python", platform.python_version()),
        ("SQLite", f"{sqlite3.sqlite_version}, write-ahead log, synchronous=FULL"),
        ("PostgreSQL", f"{version // 10000}.{version % 10000}, its own server on this machine, fsync={fsync[0]}"),
        ("load average at the start", " / ".join(f"{each:.2f}" for each in load)),
    ]


def processor() -> str:
    """The processor's own name where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "not known"
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "not known")
