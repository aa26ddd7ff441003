"""What was said about an order, folded into its state: the same whatever the order in which the messages arrived."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

CONTENT = ("new", "change")
_RANK = {"new": 0, "change": 1, "hold": 2, "release": 3, "stop": 4}


@dataclass(frozen=True)
class Said:
    """One event of an order: what, when it happened, when its message was written, and its place of arrival."""

    what: str
    at: datetime
    sent_at: datetime
    number: int

    @property
    def place(self) -> tuple[datetime, datetime, int, int]:
        """Where the event stands among the others.

        By its own time, then by its message's; at the same instant a stop counts last. What holds or stops counts at
        the later of its two times: some senders repeat the order's own time in a stop, and a stop must not be lost.
        """
        at = max(self.at, self.sent_at) if self.what in ("hold", "stop") else self.at
        return (at, self.sent_at, _RANK[self.what], self.number)


def state_of(events: Iterable[Said]) -> str:
    """The state that an order's events leave it in: 'active', 'held' or 'stopped'.

    Once stopped an order stays so, unless it is ordered anew afterwards; a change neither holds nor releases.
    """
    state = "active"
    for event in sorted(events, key=lambda each: each.place):
        if event.what == "new":
            state = "active"
        elif event.what == "stop":
            state = "stopped"
        elif state != "stopped" and event.what in ("hold", "release"):
            state = "held" if event.what == "hold" else "active"
    return state


def newest_content(events: Iterable[Said]) -> Said | None:
    """The event whose drug, amount and times count: the last order or change."""
    return max((e for e in events if e.what in CONTENT), key=lambda each: each.place, default=None)
