"""A label printer made of bytes: it listens on loopback and answers ~HI, ~HS, ~HQES and the counter as a Zebra does.

It serves the demo and the tests, directly or behind a CUPS raw queue. Source: ZPL II programming guide, as read for the
real driver; the layout of the answers is written out here a second time on purpose.
"""

import contextlib
import re
import socket
import threading
from collections.abc import Callable
from types import TracebackType

_KNOWN = re.compile(rb'\^XA|~HI|~HS|~HQES|! U1 getvar "([^"]*)"\r?\n', re.IGNORECASE)
_END = re.compile(rb"\^XZ", re.IGNORECASE)
_LONGEST_QUESTION = 80


class SimulatedPrinter:
    """A simulated Zebra. Set `paper_out`, `head_open`, `paused` or `silent` at any time; `labels` holds what came out.

    `silent_in_trouble` is the behaviour that the maker documents: no ~HS while paper is out or the head is open. A
    label sent meanwhile waits inside and comes out when the trouble is over, as in a real printer.
    """

    def __init__(
        self,
        port: int = 0,
        dots_per_mm: int = 8,
        silent_in_trouble: bool = True,
        counts_labels: bool = True,
        on_label: Callable[[bytes], None] | None = None,
    ):
        self.dots_per_mm = dots_per_mm
        self.silent_in_trouble = silent_in_trouble
        self.counts_labels = counts_labels
        self.labels: list[bytes] = []
        self.waiting: list[bytes] = []
        self.questions: list[bytes] = []
        self.silent = False
        self._on_label = on_label
        self._paper_out = self._head_open = self._paused = False
        self._swallow = False
        self._count = 1000
        self._lock = threading.RLock()
        self._arrived = threading.Condition(self._lock)
        self._port = port
        self._listener: socket.socket | None = None
        self._links: set[socket.socket] = set()
        self.on()

    @property
    def port(self) -> int:
        """The port it listens on; it stays the same over `off` and `on`."""
        return self._port

    @property
    def url(self) -> str:
        """The address for `printer_from_url`."""
        return f"tcp://127.0.0.1:{self._port}" + ("" if self.dots_per_mm == 8 else f"?dots={self.dots_per_mm}")

    @property
    def paper_out(self) -> bool:
        """True while there are no labels in it."""
        return self._paper_out

    @paper_out.setter
    def paper_out(self, out: bool) -> None:
        with self._lock:
            self._paper_out = out
            self._print_waiting()

    @property
    def head_open(self) -> bool:
        """True while its lid is open."""
        return self._head_open

    @head_open.setter
    def head_open(self, is_open: bool) -> None:
        with self._lock:
            self._head_open = is_open
            self._print_waiting()

    @property
    def paused(self) -> bool:
        """True while somebody has pressed PAUSE."""
        return self._paused

    @paused.setter
    def paused(self, paused: bool) -> None:
        with self._lock:
            self._paused = paused
            self._print_waiting()

    def swallow(self) -> None:
        """Of the next label accept only the first half, then break the connection."""
        self._swallow = True

    def on(self) -> None:
        """Switch on: listen. What a printer held when it was switched off is gone."""
        with self._lock:
            if self._listener is not None:
                return
            listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", self._port))
            listener.listen()
            self._port = listener.getsockname()[1]
            self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True, name="simulated printer").start()

    def off(self) -> None:
        """Switch off: drop every connection and all waiting labels, and listen no more."""
        with self._lock:
            listener, self._listener = self._listener, None
            links, self._links = self._links, set()
            self.waiting.clear()
        for open_socket in [*links, *([listener] if listener else [])]:
            # Closing alone does not wake a thread that waits in accept or recv.
            with contextlib.suppress(OSError):
                open_socket.shutdown(socket.SHUT_RDWR)
            open_socket.close()

    def wait_for_labels(self, count: int, seconds: float = 10.0) -> bool:
        """True as soon as `count` labels have come out, False when they have not within `seconds`."""
        with self._arrived:
            return self._arrived.wait_for(lambda: len(self.labels) >= count, seconds)

    def __enter__(self) -> "SimulatedPrinter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, wrong: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.off()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                link, _ = listener.accept()
            except OSError:
                return
            with self._lock:
                if self._listener is not listener:
                    link.close()
                    return
                self._links.add(link)
            threading.Thread(target=self._serve, args=(link,), daemon=True, name="simulated printer link").start()

    def _serve(self, link: socket.socket) -> None:
        unread = b""
        with link:
            while True:
                try:
                    more = link.recv(65536)
                    if not more:
                        break
                    unread = self._read(link, unread + more)
                except OSError:
                    break
        with self._lock:
            self._links.discard(link)

    def _read(self, link: socket.socket, unread: bytes) -> bytes:
        """Act on everything complete in `unread` and give back the rest."""
        while found := _KNOWN.search(unread):
            if found[0].upper() != b"^XA":
                unread = unread[found.end() :]
                self._answer(link, found[0], found[1])
                continue
            if self._swallow:
                self._swallow = False
                raise ConnectionAbortedError("half a label is enough")
            end = _END.search(unread, found.end())
            if end is None:
                return unread[found.start() :]
            self._take(unread[found.start() : end.end()])
            unread = unread[end.end() :]
        return unread[-_LONGEST_QUESTION:]

    def _take(self, job: bytes) -> None:
        with self._lock:
            self.waiting.append(job)
            self._print_waiting()

    def _print_waiting(self) -> None:
        if self._paper_out or self._head_open or self._paused:
            return
        with self._arrived:
            while self.waiting:
                job = self.waiting.pop(0)
                self.labels.append(job)
                self._count += 1
                if self._on_label:
                    self._on_label(job)
            self._arrived.notify_all()

    def _answer(self, link: socket.socket, question: bytes, variable: bytes | None) -> None:
        with self._lock:
            self.questions.append(question.strip())
            if self.silent:
                return
            if variable is not None:
                known = variable == b"odometer.total_label_count" and self.counts_labels
                answer = f'"{self._count}"' if known else '"?"'
            else:
                answer = {b"~HI": self._identity, b"~HS": self._status, b"~HQES": self._errors}[question.upper()]()
        link.sendall(answer.encode("ascii"))

    def _identity(self) -> str:
        model = "ZD421-203dpi" if self.dots_per_mm == 8 else "ZD421-300dpi"
        return f"\x02{model},V93.21.07Z,{self.dots_per_mm},8176KB\x03\r\n"

    def _status(self) -> str:
        if self.silent_in_trouble and (self._paper_out or self._head_open):
            return ""
        first = f"030,{self._paper_out:d},{self._paused:d},0609,{len(self.waiting):03d},0,0,0,000,0,0,0"
        second = f"001,0,{self._head_open:d},0,1,2,4,0,{len(self.waiting):08d},1,000"
        return "".join(f"\x02{line}\x03\r\n" for line in (first, second, "1234,0"))

    def _errors(self) -> str:
        bits = 1 * self._paper_out + 4 * self._head_open + 0x10000 * self._paused
        errors = f"ERRORS:   {bool(bits):d} 00000000 {bits:08X}"
        return f"\x02\r\nPRINTER STATUS\r\n {errors}\r\n WARNINGS: 0 00000000 00000000\r\n\x03"
