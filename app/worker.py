"""One loop of ticks: prints and messages that wait, doses to write ahead. Each tick is short and repeats itself."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from app.db.faults import DatabaseFault, words_of
from app.db.session import SYSTEM, Clock, Db
from app.labels.printing_actions import claim_print, note_broken_off, note_print
from app.orders.dose_actions import top_up
from app.settings import Settings
from devices.printer import Printer, PrinterTrouble

log = structlog.get_logger()

TICK = 0.25
TOP_UP = timedelta(minutes=10)
AT_ONCE = 200
Tick = Callable[[datetime], None]


class Worker:
    """The loop, in one thread of its own. `ticks` may be added before it starts."""

    def __init__(self, db: Db, printer: Callable[[str], Printer], clock: Clock, settings: Settings):
        self.db, self.printer, self.clock, self.settings = db, printer, clock, settings
        self.ticks: list[Tick] = [self.print_labels, self.write_doses]
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._topped_up: datetime | None = None
        self._noted = False  # Whether it is known what became of every label that was sent.

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="worker", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread:
            self._thread.join(timeout=10)

    def _run(self) -> None:
        while not self._stop.wait(TICK):
            now = self.clock()
            for tick in self.ticks:
                try:
                    tick(now)
                except DatabaseFault as error:
                    log.error("worker: database", tick=tick.__name__, words=words_of(error))
                except Exception as error:  # noqa: BLE001 - one tick's fault must not stop the others
                    log.error("worker: fault", tick=tick.__name__, kind=type(error).__name__, exc_info=error)

    def print_labels(self, now: datetime) -> None:
        """Send the labels that wait, each with its own identity, and note what became of it."""
        while not self._stop.is_set():
            with self.db.write(SYSTEM) as tx:
                if not self._noted:
                    note_broken_off(tx)
                job = claim_print(tx)
            self._noted = job is None
            if job is None:
                return
            try:
                sent = self.printer(job.printer).send(job.data, job.title)
                outcome, words, again = sent.outcome, sent.words, False
            except PrinterTrouble as trouble:
                outcome = "unconfirmed" if trouble.may_have_printed else "not printed"
                words, again = trouble.words, not trouble.may_have_printed
            with self.db.write(SYSTEM) as tx:
                note_print(tx, job.id, outcome, words, again=again)
            self._noted = True

    def write_doses(self, now: datetime) -> None:
        """Write the doses that have come within reach, every ten minutes."""
        # A clock that was set back must not hold up the doses until it has caught up again.
        if self._topped_up and timedelta(0) <= now - self._topped_up < TOP_UP:
            return
        looked_for = AT_ONCE
        while looked_for == AT_ONCE:  # In small transactions, so that no scan waits for a hospital's doses.
            with self.db.write(SYSTEM) as tx:
                looked_for = top_up(tx, most=AT_ONCE)
        self._topped_up = now
