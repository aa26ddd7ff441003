"""The product as it is served: `laminar serve` in a process of its own, on loopback, and what that process costs."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app import demo

ROOT = Path(__file__).parents[2]
SERVE = "from app.cli import main; main()"
PATIENCE = 30.0


@dataclass(frozen=True)
class Served:
    """A server that answers: its port, its process, and the seconds from its start to the first byte of a page."""

    port: int
    pid: int
    first_byte_s: float
    mllp_port: int | None = None

    def cpu_s(self) -> float:
        """Seconds of processor time that the process has used."""
        used = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(used[11]) + int(used[12])) / os.sysconf("SC_CLK_TCK")

    def memory_mb(self, peak: bool = False) -> float:
        """Resident memory of the process now, or at its highest, in MB."""
        wanted = "VmHWM:" if peak else "VmRSS:"
        lines = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(wanted))


@contextmanager
def served(database: str, folder: Path, *, hl7: bool = False) -> Iterator[Served]:
    """Serve a migrated database as `laminar serve` does, until the block ends. Raises RuntimeError with its words."""
    port, mllp_port = free_port(), free_port() if hl7 else None
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LAMINAR_")} | {
        "LAMINAR_DATABASE": database,
        "LAMINAR_PHOTOS": str(folder / "photos"),
        "LAMINAR_BACKUPS": str(folder / "backups"),
        "LAMINAR_ZONE": demo.ZONE,
        "LAMINAR_TEST": "true",  # the pretend hospital's people are refused on a real instance
    }
    if mllp_port:
        environment["LAMINAR_MLLP_PORT"] = str(mllp_port)
    said = folder / f"served-{port}.log"
    with said.open("wb") as log:
        begun = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-c", SERVE, "serve", "--port", str(port)],
            cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        took = _first_byte(port, process, said) - begun
        yield Served(port, process.pid, took, mllp_port)
    finally:
        end(process)


def _first_byte(port: int, process: "subprocess.Popen[bytes]", said: Path) -> float:
    """The moment at which the sign-in page begins to arrive."""
    until = time.perf_counter() + PATIENCE
    while time.perf_counter() < until:
        if process.poll() is not None:
            raise RuntimeError(f"The server did not start:\n{said.read_text(errors='replace')}")
        try:
            line = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
            line.request("GET", "/sign-in")
            answer = line.getresponse()
            arrived = time.perf_counter()
            answer.read()
            line.close()
        except OSError:
            time.sleep(0.01)
            continue
        if answer.status != 200:
            raise RuntimeError(f"The sign-in page answered {answer.status}:\n{said.read_text(errors='replace')}")
        return arrived
    raise RuntimeError(f"The server did not answer in {PATIENCE:g} s:\n{said.read_text(errors='replace')}")


def free_port() -> int:
    """A loopback port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
        return number


def end(process: "subprocess.Popen[bytes]") -> None:
    """Ask a process of ours to end, and end it if it does not."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
