"""News for open pages: which topics changed. A slow page hears the latest once, never a backlog."""

import asyncio
import threading
from collections.abc import Iterable


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

    def _note(self, topic: str, number: int) -> None:
        self.changed[topic] = number
        self.woken.set()


class News:
    """Publishing from any thread to every page that shows a topic."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: set[Listener] = set()
        self._number = 0
        self.closing = threading.Event()

    def publish(self, topic: str) -> None:
        """Tell every page that shows `topic` to look again."""
        with self._lock:
            self._number += 1
            number = self._number
            interested = [each for each in self._listeners if topic in each.topics]
        for each in interested:
            self._call(each, topic, number)

    def _call(self, listener: Listener, topic: str, number: int) -> None:
        try:
            listener.loop.call_soon_threadsafe(listener._note, topic, number)
        except RuntimeError:  # The loop of a stopping server is closed; nobody is left to hear.
            self.leave(listener)

    def join(self, topics: Iterable[str]) -> Listener:
        """Begin to listen; called in the loop."""
        listener = Listener(topics, asyncio.get_running_loop())
        with self._lock:
            self._listeners.add(listener)
        return listener

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
