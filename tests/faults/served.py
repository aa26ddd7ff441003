"""The real server in a process of its own, to be killed: forked from a warm one, so that a start costs little."""

import multiprocessing
import os
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from app.main import create_app, put_together
from app.settings import Settings

_WARM = multiprocessing.get_context("forkserver")
_WARM.set_forkserver_preload(["tests.faults.served", "uvicorn", "psycopg", "sqlalchemy.dialects.postgresql"])


def running_clock(start: datetime, since: float) -> Callable[[], datetime]:
    """A clock that goes on over the death of a process: `start` was at the monotonic second `since`."""
    return lambda: start + timedelta(seconds=time.monotonic() - since)


def _serve(url: str, folder: Path, start: datetime, since: float, tell: Connection) -> None:
    import uvicorn

    settings = Settings(database=url, photos=folder / "photos", hospital="Laminar General")
    app = create_app(put_together(settings, running_clock(start, since)))
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="on"))
    tell.send(listening.getsockname()[1])
    server.run(sockets=[listening])


@dataclass
class Served:
    """A running server: where it listens, and the process to kill."""

    port: int
    process: BaseProcess

    def kill(self) -> None:
        """Kill at once (-9), and wait until the process is no more."""
        assert self.process.pid is not None
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.join(timeout=30)
        assert self.process.exitcode == -signal.SIGKILL


def serve(url: str, folder: Path, start: datetime, since: float) -> Served:
    """Start the server over a database; it listens when this returns."""
    hear, tell = _WARM.Pipe(duplex=False)
    arguments: tuple[Any, ...] = (url, folder, start, since, tell)
    process = _WARM.Process(target=_serve, args=arguments, daemon=True)
    process.start()
    assert hear.poll(60), "the server did not start"
    return Served(hear.recv(), process)
