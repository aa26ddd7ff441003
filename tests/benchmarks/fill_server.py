"""The product as it is served, its clock at a cutoff: `python -m tests.benchmarks.fill_server URL PORT FOLDER`.

It serves pages until a line comes in; then it plans every cart that is due, as its worker does, while the pages go on,
says how long that took (seconds, and seconds of processor time of the whole process), and serves on until it is ended.
"""

import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import uvicorn

from app.cli.serve import listening, server_settings
from app.logs import set_up
from app.main import create_app, put_together
from app.settings import Settings
from app.web.at_the_door import dressed
from tests.benchmarks.large_hospital import CUTOFF
from unitdose.tick_scheduler import CartWatch

FILLED = "filled"


def main(url: str, port: int, folder: Path) -> None:
    """Serve until the process is ended."""
    log = (folder / f"served-{port}.log").open("w", encoding="utf-8")
    set_up(stream=log)
    settings = Settings(database=url, photos=folder / "photos", backups=folder / "backups", port=port, test=True)
    begun = datetime.now(UTC)

    def clock() -> datetime:
        return CUTOFF + (datetime.now(UTC) - begun)

    parts = put_together(settings, clock)
    # The one thing that the worker does here is asked for by the line; its other ticks would only add to it.
    pages = dressed(create_app(parts, worker=False), "")

    def fill() -> None:
        sys.stdin.readline()
        wall, used = time.perf_counter(), time.process_time()
        CartWatch(parts.db).plan_due(clock())
        print(FILLED, time.perf_counter() - wall, time.process_time() - used, flush=True)

    threading.Thread(target=fill, daemon=True).start()
    uvicorn.Server(server_settings(pages, settings)).run(sockets=[listening("127.0.0.1", port)])


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
