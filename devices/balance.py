"""One balance on one line: a reader thread, a bounded ring of readings, and what state the line is in."""

import logging
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from decimal import Decimal
from typing import Final

from devices.dialogue import Answered, Dialogue, Event, Identity, Send, Silent, Voided, Weighed
from devices.framing import Framer
from devices.mt_sics import COMMANDS, quoted
from devices.port import CHUNK, Line, Port, PortLost
from devices.protocols import protocol_named, reading_of
from devices.reading import Reading, Stamped
from devices.status import REFUSED, WORDS, Outcome, State, Status, in_words
from devices.wish import Wish

log = logging.getLogger("laminar.balance")

RING: Final = 1024  # 51 s at 20 readings a second; a weighing keeps at most the last 20 s
WAIT_S: Final = 0.05
AT_ONCE_S: Final = 0.001


Listener = Callable[[Stamped | Status], None]


class Balance:
    """A balance on `url` (a device path, `socket://host:port`, a pseudo-terminal).

    Between `start()` and `stop()` a thread keeps the line open, reopens it after 0.5, 1, 2, 5, 5 … s, and keeps the
    last readings of the present epoch with their raw bytes. A balance whose serial number is not `expected_serial`
    is `wrong device` and none of its weights is offered. Zeroing and taring are never repeated by the driver.
    """

    def __init__(
        self,
        url: str,
        protocol: str = "mt-sics",
        expected_serial: str | None = None,
        *,
        line: Line | None = None,
        reopen_after: Sequence[float] = (0.5, 1.0, 2.0, 5.0),
    ) -> None:
        """Nothing is opened yet. Raises ValueError for an unknown protocol."""
        self.url = url
        self._protocol = protocol_named(protocol)
        self._expected_serial = expected_serial
        self._line = line or Line()
        self._reopen_after = tuple(reopen_after)
        self._lock = threading.Lock()
        self._asking = threading.Lock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._listeners: list[Listener] = []
        self._known: dict[str, Identity] = {}
        self._ring: deque[Stamped] = deque(maxlen=RING)
        self._state = State.CLOSED
        self._since = time.monotonic()
        self._identity = Identity()
        # Nobody knows what became of a balance while nobody listened: epochs of two runs never meet.
        self._epoch = secrets.randbits(31) << 20
        self._restarts = 0
        self._seq = 0
        self._shown: tuple[Decimal | None, bool | None] | None = None
        self._moved: float | None = None
        self._detail = ""
        self._wish: Wish | None = None
        self._asked: Wish | None = None

    def start(self) -> None:
        """Begin to open, identify and listen; a balance that is already started stays as it is."""
        if self._thread is None:
            self._stopping.clear()
            self._thread = threading.Thread(target=self._run, name=f"balance {self.url}", daemon=True)
            self._thread.start()

    def ask_to_stop(self) -> None:
        """Have the line closed soon, without waiting for it."""
        self._stopping.set()

    def stop(self) -> None:
        """Close the line and wait until its thread has ended."""
        self.ask_to_stop()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def latest(self) -> Stamped | None:
        """The newest reading of this epoch, weight or fault; None if there is none."""
        with self._lock:
            return self._ring[-1] if self._ring else None

    def window(self, since: float | None = None) -> tuple[Stamped, ...]:
        """The readings of this epoch, oldest first, whose first byte came at or after the monotonic second `since`."""
        with self._lock:
            return tuple(stamped for stamped in self._ring if since is None or stamped.at >= since)

    def recent(self, seconds: float, at_least: int) -> tuple[Stamped, ...]:
        """The readings of this epoch in the last `seconds` up to the newest, oldest first.

        Never fewer than `at_least`, if there are as many: a balance that says little is looked at for longer.
        """
        with self._lock:
            found: list[Stamped] = []
            for stamped in reversed(self._ring):
                if len(found) >= at_least and found[0].at - stamped.at > seconds:
                    break
                found.append(stamped)
        return tuple(reversed(found))

    def status(self) -> Status:
        """What is known now."""
        with self._lock:
            return self._status()

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Have `listener` called from the reader thread with each reading and each changed status.

        Returns the function that ends this. A listener must return at once; RuntimeError, as an event loop raises it
        that has closed meanwhile, is logged.
        """
        with self._lock:
            self._listeners.append(listener)

        def unlisten() -> None:
            with self._lock, suppress(ValueError):
                self._listeners.remove(listener)

        return unlisten

    def zero(self) -> Outcome:
        """Zero when the pan is still. Waits up to 3 s; never repeated. Source: MT-SICS `Z`."""
        return self._ask("Z", (), "zeroed")

    def tare(self) -> Outcome:
        """Tare when the pan is still. Waits up to 3 s; never repeated. Source: MT-SICS `T`."""
        return self._ask("T", (), "tared")

    def show(self, text: str) -> Outcome:
        """Put a text on the balance's own display, or its weight again for an empty text. Source: `D`, `DW`."""
        return self._ask("D", (quoted(text),), "shown a text") if text else self._ask("DW", (), "reset")

    # Below here the reader thread works; the methods above only look at what it left under the lock.

    def _run(self) -> None:
        attempt = 0
        self._enter(State.OPENING)
        while not self._stopping.is_set():
            try:
                port = Port(self.url, self._line)
            except PortLost as lost:
                self._lose(str(lost))
            else:
                attempt = 0 if self._stay(port) else attempt
            self._stopping.wait(self._reopen_after[min(attempt, len(self._reopen_after) - 1)])
            attempt += 1
        self._enter(State.CLOSED)

    def _stay(self, port: Port) -> bool:
        """Converse until the line is lost or the balance is stopped; whether it ever was ready."""
        framer = Framer(skip_first=self._protocol.skip_first, xonxoff=self._line.xonxoff)
        dialogue = Dialogue(self._expected_serial, self._known)
        was_ready = False
        drained = began = time.monotonic()
        try:
            self._apply(port, dialogue, dialogue.begin(drained), drained)
            while not self._stopping.is_set():
                self._take_wish(port, dialogue)
                asked = time.monotonic()
                received = port.read(WAIT_S)
                now = time.monotonic()
                # Bytes that were there before we asked may be as old as the last time when none were left: a
                # process that stood still must not give old weights a new time.
                came = drained if received and now - asked < AT_ONCE_S else now
                began = began if framer.partial else came
                for frame in framer.feed(received):
                    self._apply(port, dialogue, dialogue.take(reading_of(frame, self._protocol), now), began)
                    began = came
                drained = now if len(received) < CHUNK else drained
                self._apply(port, dialogue, dialogue.tick(now), now)
                was_ready = was_ready or self._state is State.READY
            self._lose("stopped", tell=False)
        except PortLost as lost:
            for frame in framer.close():
                self._offer(reading_of(frame, self._protocol), began)
            self._lose(str(lost))
        finally:
            port.close()
        return was_ready

    def _apply(self, port: Port, dialogue: Dialogue, events: list[Event], at: float) -> None:
        with self._lock:
            self._identity = dialogue.identity
        for event in events:
            match event:
                case Send(wire):
                    port.write(wire)
                case Weighed(reading):
                    self._offer(reading, at)
                case Voided(restarted):
                    self._void(restarted)
                case Answered(reading):
                    self._answer(reading)
                case Silent():
                    raise PortLost("three questions without an answer")
        self._enter(State(dialogue.phase.value))

    def _offer(self, reading: Reading, at: float) -> None:
        with self._lock:
            self._seq += 1
            stamped = Stamped(reading, at, self._seq, self._epoch)
            self._ring.append(stamped)
            if reading.kind == "weight":
                before, self._shown = self._shown, (reading.value, reading.stable)
                if before is not None and before != self._shown:
                    self._moved = at
        self._tell(stamped)

    def _void(self, restarted: bool) -> None:
        with self._lock:
            self._epoch += 1
            self._restarts += restarted
            self._forget()
            status = self._status()
        self._tell(status)

    def _forget(self) -> None:
        """What was weighed belongs to another epoch now; the lock is held."""
        self._ring.clear()
        self._shown = self._moved = None

    def _enter(self, state: State) -> None:
        with self._lock:
            if state is self._state:
                return
            self._state, self._since = state, time.monotonic()
            if state is not State.OFFLINE:
                self._detail = ""
            status = self._status()
        log.info("balance %s: %s", self.url, state.value)
        self._tell(status)

    def _lose(self, detail: str, tell: bool = True) -> None:
        with self._lock:
            asked, wish = self._asked, self._wish
            self._asked = self._wish = None
            was_offline = self._state is State.OFFLINE
            self._detail = detail
            self._epoch += not was_offline
            self._forget()
            self._identity = Identity()
        if asked:
            asked.settle(asked.unknown())
        if wish:
            wish.settle(Outcome(False, f"The balance went offline and was not {wish.act}. {WORDS[State.OFFLINE]}"))
        if tell:
            self._enter(State.OFFLINE)

    def _tell(self, news: Stamped | Status) -> None:
        with self._lock:
            listeners = tuple(self._listeners)
        for listener in listeners:
            try:
                listener(news)
            except RuntimeError:  # The loop of a page that has closed meanwhile.
                log.exception("a listener of balance %s failed", self.url)

    def _status(self) -> Status:
        last = self._ring[-1] if self._ring else None
        who = self._identity
        return Status(
            state=self._state,
            words=in_words(self._state, who.serial, self._expected_serial),
            url=self.url,
            protocol=self._protocol.name,
            expected_serial=self._expected_serial,
            serial=who.serial,
            model=who.model,
            capacity=who.capacity,
            readability=who.readability,
            since=self._since,
            epoch=self._epoch,
            restarts=self._restarts,
            last_seq=self._seq,
            age=None if last is None else time.monotonic() - last.at,
            moved=self._moved,
            detail=self._detail,
        )

    def _ask(self, command: str, parameters: tuple[str, ...], act: str) -> Outcome:
        if threading.current_thread() is self._thread:
            raise RuntimeError("A listener cannot wait for the balance: it would wait for itself.")
        if not self._asking.acquire(blocking=False):
            return Outcome(False, f"The balance is busy with another command and was not {act}. Wait, then look.")
        try:
            wish = Wish(command, parameters, act)
            with self._lock:
                if self._state is not State.READY:
                    words = in_words(self._state, self._identity.serial, self._expected_serial)
                    return Outcome(False, f"The balance was not {act}. {words}")
                self._wish = wish
            # The reader thread settles every wish: by the answer, by its deadline, or when the line is lost.
            if not wish.settled.wait(COMMANDS[command].timeout + 2):
                with self._lock:
                    unsent = self._wish is wish
                    self._wish = None if unsent else self._wish
                if unsent:
                    return Outcome(False, f"The balance was not asked in time and was not {act}. Try again.")
                wish.settled.wait(COMMANDS[command].timeout + 2)
            return wish.outcome or wish.unknown()
        finally:
            self._asking.release()

    def _take_wish(self, port: Port, dialogue: Dialogue) -> None:
        if self._wish is None or not dialogue.free:
            return
        with self._lock:
            wish, self._wish = self._wish, None
            self._asked = wish
        if wish is not None:
            now = time.monotonic()
            self._apply(port, dialogue, dialogue.ask(wish.command, now, *wish.parameters), now)

    def _answer(self, reading: Reading | None) -> None:
        with self._lock:
            asked, self._asked = self._asked, None
        if asked is None:
            return
        if reading is None:
            asked.settle(asked.unknown())
        elif reading.kind == "fault":
            words = REFUSED.get(reading.error or "", "This balance cannot do that.")
            asked.settle(Outcome(False, f"The balance was not {asked.act}. {words}", reading=reading))
        else:
            asked.settle(Outcome(True, f"The balance was {asked.act}.", reading=reading))
