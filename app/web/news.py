"""News for open pages: which topics changed. A slow page hears the latest once, never a backlog.

All that is told is counted. A page carries the count at which it was drawn, so it never fetches again what it shows
already, and a stream that opens late or anew is told what it missed.
"""

import asyncio
import secrets
import threading
from collections.abc import Iterable

REMEMBERED = 4000  # topics; of those told longest ago only the count is kept below which they lie


class Listener:
    """One open page: the topics it shows, and those that changed since it last looked."""

    def __init__(self, topics: Iterable[str], loop: asyncio.AbstractEventLoop):
        self.topics = frozenset(topics)
        self.loop = loop
        self.woken = asyncio.Event()
        self.changed: dict[str, int] = {}

    def take(self) -> dict[str, int]:
        """Take what changed; called in the loop."""
        self.woken.clear()
        taken, self.changed = self.changed, {}
        return taken

    def note(self, topic: str, number: int) -> None:
        """Note that a topic changed; called in the loop."""
        self.changed[topic] = number
        self.woken.set()


class News:
    """Publishing from any thread to every page that shows a topic."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: set[Listener] = set()
        self._run = secrets.token_hex(4)  # a product that was started anew counts anew
        self._number = 0
        self._last: dict[str, int] = {}
        self._forgotten = 0
        self.closing = threading.Event()

    def publish(self, topic: str) -> None:
        """Tell every page that shows `topic` to look again."""
        with self._lock:
            self._number += 1
            number = self._number
            self._last.pop(topic, None)  # so that the topics stand in the order in which they were told
            self._last[topic] = number
            if len(self._last) > REMEMBERED:
                self._forgotten = self._last.pop(next(iter(self._last)))
            interested = [each for each in self._listeners if topic in each.topics]
        for each in interested:
            self._call(each, topic, number)

    def _call(self, listener: Listener, topic: str, number: int) -> None:
        try:
            listener.loop.call_soon_threadsafe(listener.note, topic, number)
        except RuntimeError:  # The loop of a stopping server is closed; nobody is left to hear.
            self.leave(listener)

    def mark(self, number: int | None = None) -> str:
        """What a page carries that is drawn from what it reads after this call; or the mark of one piece of news."""
        return f"{self._run}.{self._number if number is None else number}"

    def join(self, topics: Iterable[str], drawn: str = "") -> Listener:
        """Begin to listen, with all that changed since the mark `drawn` noted; called in the loop."""
        listener = Listener(topics, asyncio.get_running_loop())
        with self._lock:
            self._listeners.add(listener)
            missed = self._missed(listener.topics, drawn)
        for topic, number in missed.items():
            listener.note(topic, number)
        return listener

    def _missed(self, topics: frozenset[str], drawn: str) -> dict[str, int]:
        run, _, count = drawn.partition(".")
        if not drawn:
            return {}
        if run != self._run or not count.isdecimal():
            return dict.fromkeys(topics, self._number)
        last = {topic: self._last.get(topic, self._forgotten) for topic in topics}
        return {topic: number for topic, number in last.items() if number > int(count)}

    def leave(self, listener: Listener) -> None:
        with self._lock:
            self._listeners.discard(listener)

    def close(self) -> None:
        """Let every stream end, because the server stops."""
        self.closing.set()
        with self._lock:
            listeners = list(self._listeners)
        for each in listeners:
            self._call(each, "", 0)
