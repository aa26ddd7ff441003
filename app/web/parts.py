"""What the pages work with: the parts that `app.main` puts together once."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from app.db.session import Clock, Db
from app.labels.house import House
from app.settings import Settings
from app.stations.photos import PhotoStore
from app.web.news import News
from devices.hub import Hub
from devices.printer import Printer
from devices.status import Status


@dataclass
class Parts:
    """The database, the devices, the stores and the clock of one running product.

    `last_act` notes, in monotonic seconds, when each preparation last went a step: a weight counts only if it is newer.
    `weighed` notes by the code of its station when a balance's last accepted weight was read.
    """

    db: Db
    settings: Settings
    house: House
    hub: Hub
    printer: Callable[[str], Printer]
    photos: PhotoStore
    news: News
    clock: Clock
    build: str
    last_act: dict[int, float] = field(default_factory=dict)
    weighed: dict[str, float] = field(default_factory=dict)
    monotonic: Callable[[], float] = time.monotonic

    def acted(self, work_id: int) -> None:
        """Note that a preparation went a step just now."""
        self.last_act[work_id] = self.monotonic()

    def stands_frozen(self, station_code: str, status: Status) -> bool:
        """Tell whether a balance has not changed by a digit since its last accepted weight, or since it was connected.

        Between two weights something is lifted off: a number that has not moved says nothing of what lies there (FT03).
        """
        return status.moved is None or status.moved <= self.weighed.get(station_code, float("-inf"))

    def since(self, work_id: int) -> float:
        """When a preparation last went a step; a product that was just started counts from its first question."""
        return self.last_act.setdefault(work_id, self.monotonic())
