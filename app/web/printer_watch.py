"""What each printer last said of itself. A printer may take seconds to answer, so no page ever waits for one."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

import structlog
from fastapi import Request

from app.db.faults import DATABASE_AWAY
from app.labels.media import DPI
from app.stations.queries import stations
from app.web.parts import Parts
from app.web.session import parts_of
from devices.printer import PrinterState, PrinterTrouble

log = structlog.get_logger()
EVERY = 10.0
AT_ONCE = 4


@dataclass(frozen=True)
class Trial:
    """What became of a station's last test label: when it was known, in words, and whether it went out."""

    at: datetime
    words: str
    good: bool


class PrinterWatch:
    """Asks every station's printer how it is, every ten seconds from the first look at the device page on."""

    def __init__(self, parts: Parts):
        self._parts = parts
        self._lock = threading.Lock()
        self._states: dict[str, PrinterState] = {}
        self._trials: dict[str, Trial] = {}
        self._asking: set[str] = set()
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="printer")
        self._thread: threading.Thread | None = None

    def state(self, url: str) -> PrinterState | None:
        """What a printer last said; None until it has answered for the first time."""
        with self._lock:
            return self._states.get(url)

    def trial(self, url: str) -> Trial | None:
        """What became of the last test label."""
        with self._lock:
            return self._trials.get(url)

    def start(self) -> None:
        """Begin to ask; a watch that has begun goes on until the product stops."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="printer watch", daemon=True)
                self._thread.start()

    def try_out(self, url: str, job: bytes, title: str) -> None:
        """Send a test label in the background; the device page hears what became of it."""
        self._pool.submit(self._try_out, url, job, title)

    def look(self, url: str) -> None:
        """Ask one printer now and keep its answer; blocks for as long as the printer takes."""
        try:
            state = self._parts.printer(url).status()
        except ValueError as wrong:
            state = PrinterState(False, str(wrong))
        with self._lock:
            before = self._states.get(url)
            self._states[url] = state
            self._asking.discard(url)
        if before is None or (before.ok, before.words, before.details) != (state.ok, state.words, state.details):
            self._parts.news.publish("printers")

    def _run(self) -> None:
        closing = self._parts.news.closing
        while not closing.is_set():
            try:
                with self._parts.db.read() as session:
                    urls = {each.printer_url for each in stations(session) if each.printer_url}
            except DATABASE_AWAY as error:  # The watch outlives a database that is away for a moment.
                log.error("printer watch", kind=type(error).__name__)
                urls = set()
            for url in urls:
                # A printer that is still thinking about the last question is not asked another one.
                with self._lock:
                    ask = url not in self._asking
                    self._asking.add(url)
                if ask:
                    self._pool.submit(self._look_safely, url)
            closing.wait(EVERY)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _look_safely(self, url: str) -> None:
        try:
            self.look(url)
        except (OSError, PrinterTrouble) as error:
            log.error("printer watch", kind=type(error).__name__)
        finally:
            with self._lock:
                self._asking.discard(url)

    def _try_out(self, url: str, job: bytes, title: str) -> None:
        try:
            sent = self._parts.printer(url).send(job, title)
            words, good = sent.words, sent.outcome != "unconfirmed"
        except PrinterTrouble as trouble:
            words, good = trouble.words, False
        except ValueError as wrong:
            words, good = str(wrong), False
        with self._lock:
            self._trials[url] = Trial(self._parts.clock(), words, good)
        self._parts.news.publish("printers")


def dots_of(parts: Parts, url: str) -> int:
    """The dots per millimetre that a printer's labels are laid out for."""
    dots = parts.printer(url).dots_per_mm
    return dots if dots in DPI else 8


_making = threading.Lock()


def watch_of(request: Request) -> PrinterWatch:
    """The one watch of this product, made and started at the first look."""
    with _making:
        state = request.app.state
        if not hasattr(state, "printer_watch"):
            state.printer_watch = PrinterWatch(parts_of(request))
        watch: PrinterWatch = state.printer_watch
    watch.start()
    return watch
