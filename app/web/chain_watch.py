"""How far the trail has been proved: followed in pieces, kept between pages, begun anew every hour."""

import threading
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from fastapi import Request

from app.audit.trail_queries import Checked, follow, head
from app.db.faults import DATABASE_AWAY
from app.web.parts import Parts
from app.web.session import parts_of

log = structlog.get_logger()
ANEW = timedelta(hours=1)
TOPIC = "audit chain"


@dataclass(frozen=True)
class Proved:
    """What is proved now: the trail as far as `checked`, of `head` entries, at an instant; since when in one go."""

    checked: Checked
    head: int
    at: datetime
    begun: datetime

    @property
    def whole(self) -> bool:
        return self.checked.broken is None and self.checked.seq >= self.head


class ChainWatch:
    """Follows the chain a piece at a page, and the rest in the background, so that no page waits for all of it."""

    def __init__(self, parts: Parts):
        self._parts = parts
        self._lock = threading.Lock()
        self._known = Checked()
        self._begun: datetime | None = None
        self._busy = False

    def look(self, *, anew: bool = False) -> Proved:
        """Follow one piece more and say how far the trail is proved; what is left is followed in the background."""
        with self._lock:
            now = self._parts.clock()
            if anew or self._begun is None or now - self._begun >= ANEW:
                # An entry that was changed after it was proved shows only when the chain is followed from the start.
                self._known, self._begun = Checked(), now
            proved = self._piece()
            if not proved.whole and proved.checked.broken is None and not self._busy:
                self._busy = True
                threading.Thread(target=self._rest, name="chain watch", daemon=True).start()
            return proved

    def _piece(self) -> Proved:
        with self._parts.db.read() as session:
            self._known = follow(session, self._known)
            newest = head(session)
        now = self._parts.clock()
        return Proved(self._known, newest, now, self._begun or now)

    def _rest(self) -> None:
        try:
            while not self._parts.news.closing.is_set():
                with self._lock:
                    proved = self._piece()
                if proved.whole or proved.checked.broken is not None:
                    break
        except DATABASE_AWAY as error:  # The next page tries again; no page depends on this thread.
            log.error("chain watch", kind=type(error).__name__)
        finally:
            self._busy = False
        self._parts.news.publish(TOPIC)


_making = threading.Lock()


def chain_of(request: Request) -> ChainWatch:
    """The one watch of this product."""
    with _making:
        state = request.app.state
        if not hasattr(state, "chain_watch"):
            state.chain_watch = ChainWatch(parts_of(request))
        watch: ChainWatch = state.chain_watch
    return watch
