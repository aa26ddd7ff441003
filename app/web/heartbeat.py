"""A sign of life of the worker: one beat a turn of its loop."""

import time
from datetime import datetime

PATIENCE = 60.0  # seconds; a printer that does not answer holds one turn for a while, and that is no fault


class Heartbeat:
    """Notes each turn of the worker's loop; it is one of the loop's own ticks."""

    __name__ = "heartbeat"

    def __init__(self) -> None:
        self._last: float | None = None

    def __call__(self, now: datetime) -> None:
        self._last = time.monotonic()

    def beats(self) -> bool:
        """Tell whether the loop has turned within the last minute."""
        return self._last is not None and time.monotonic() - self._last < PATIENCE
