"""From the start of the process to the first byte of a page, and the memory it takes."""

from pathlib import Path

from tests.benchmarks.results import Limit, Row, spread
from tests.benchmarks.serving import served

SECONDS, MEGABYTES = 2.0, 200.0


def starts(database: str, folder: Path, times: int) -> tuple[list[float], float]:
    """Start the product several times; the seconds of each, and the idle process's highest memory in MB."""
    seconds, memory = [], 0.0
    for _ in range(times):
        with served(database, folder) as server:
            seconds.append(server.first_byte_s)
            memory = max(memory, server.memory_mb(peak=True))
    return seconds, memory


def rows(seconds: list[float], idle: float, worked: float) -> list[Row]:
    """The lines: the start's median, the memory idle and after the scans."""
    times = spread(seconds)
    return [
        Row("start to the first byte of a page", times, limit=Limit("", times.p50 / 1000, SECONDS, "s")),
        Row("highest memory, idle", limit=Limit("", idle, MEGABYTES, "MB")),
        Row("highest memory, after the scans of 8 stations", limit=Limit("", worked, MEGABYTES, "MB")),
    ]
