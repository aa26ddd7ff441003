"""A label printer on raw TCP 9100: the only way that can ask the printer itself, before and after a label.

Sources: ZPL II programming guide, ~HS (host status return), ~HI (host identification); SGD odometer.total_label_count.
A Zebra does not answer ~HS while paper or ribbon is out or the head is open; silence therefore needs attention, and is
never taken for "ready".
"""

import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from devices.printer import USUAL_MEDIA, Clock, PrinterState, PrinterTrouble, Sent, Since

CONNECT_SECONDS = 2.0
ANSWER_SECONDS = 2.0
DONE_SECONDS = 15.0
IDENTITY_SECONDS = 3600.0
_POLL = 0.25
_SILENT = (
    "The printer at {place} takes the connection but does not answer. It needs attention: look for labels, ribbon, an "
    "open lid or a hot head."
)
_COUNT = b'! U1 getvar "odometer.total_label_count"\r\n'
_DOTS = re.compile(rb"\^FX (\d+) dots/mm \^FS")


@dataclass(frozen=True)
class HostStatus:
    """The answer to ~HS, field by field; `batch` labels left of the current job, `waiting` jobs not yet begun."""

    paper_out: bool
    paused: bool
    waiting: int
    buffer_full: bool
    partial: bool
    memory_lost: bool
    head_open: bool
    ribbon_out: bool
    peel: bool
    to_be_taken: bool
    batch: int

    def troubles(self) -> tuple[str, ...]:
        """What stands in the way of a label, in words."""
        said = {
            "out of labels": self.paper_out,
            "paused": self.paused,
            "its memory is full": self.buffer_full,
            "the head is open": self.head_open,
            "out of ribbon": self.ribbon_out,
            "it lost its memory and must be set up again": self.memory_lost,
        }
        return tuple(words for words, true in said.items() if true)

    @property
    def busy(self) -> bool:
        """True while something of a job is still inside."""
        return bool(self.waiting or self.batch or self.partial or (self.peel and self.to_be_taken))


@dataclass(frozen=True)
class Identity:
    """The answer to ~HI: model, firmware and resolution in dots per millimetre."""

    model: str
    firmware: str
    dots_per_mm: int


def read_host_status(lines: list[str]) -> HostStatus:
    """Read the three lines of ~HS. Raises ValueError for anything that is not exactly of that form.

    Source: ZPL II programming guide, ~HS; the second field of the second line is unused.
    """
    parts = [line.split(",") for line in lines]
    if [len(part) for part in parts] != [12, 11, 2] or not all(text.isdigit() for part in parts[:2] for text in part):
        raise ValueError(f"This is no host status: {lines!r}.")
    first, second = parts[0], parts[1]
    return HostStatus(
        paper_out=first[1] != "0",
        paused=first[2] != "0",
        waiting=int(first[4]),
        buffer_full=first[5] != "0",
        partial=first[7] != "0",
        memory_lost=first[9] != "0",
        head_open=second[2] != "0",
        ribbon_out=second[3] != "0",
        peel=second[5] == "1",
        to_be_taken=second[7] != "0",
        batch=int(second[8]),
    )


def read_identity(line: str) -> Identity:
    """Read the answer to ~HI (model, firmware, dots per millimetre, memory). Raises ValueError otherwise."""
    parts = [part.strip() for part in line.split(",")]
    if len(parts) < 3 or not re.fullmatch(r"\d{1,2}(\.\d+)?", parts[2]):
        raise ValueError(f"This is no host identification: {line!r}.")
    # 300 dpi is told as 12 by most firmware and as 11.8 by some.
    whole, _, fraction = parts[2].partition(".")
    return Identity(parts[0], parts[1], int(whole) + (1 if fraction[:1] >= "5" else 0))


@dataclass
class TcpPrinter:
    """A printer at host:port. Times are in seconds; one connection at a time, for many models take no second one."""

    host: str
    port: int = 9100
    dots_per_mm: int = 8
    clock: Clock | None = None
    connect_seconds: float = CONNECT_SECONDS
    answer_seconds: float = ANSWER_SECONDS
    done_seconds: float = DONE_SECONDS
    media: str = USUAL_MEDIA
    url: str = field(init=False)

    def __post_init__(self) -> None:
        self.url = f"tcp://{self._place}"
        self._since = Since(self.clock)
        self._identity: Identity | None = None
        self._identified = 0.0

    def send(self, job: bytes, title: str) -> Sent:
        """Ask, print, and ask again until the printer has counted the label; raises PrinterTrouble."""
        with self._connection() as wire:
            identity, status = self._ask_before(wire)
            self._refuse_wrong_resolution(job, identity)
            if wrong := status.troubles():
                raise PrinterTrouble(
                    f"The printer at {self._place} cannot print: {', '.join(wrong)}. Nothing was sent; put it right, "
                    "then print again.",
                    False,
                )
            before = wire.label_count()
            try:
                wire.send(job)
            except OSError as wrong_wire:
                raise PrinterTrouble(
                    f"The connection to the printer at {self._place} broke while the label was sent "
                    f"({wrong_wire.strerror or wrong_wire}). Look whether a label came out before you print again.",
                    True,
                ) from None
            return self._watch(wire, before, job.count(b"^XA"))

    def status(self) -> PrinterState:
        """Ask the printer how it is. `ok` is False when it cannot be reached, is silent, or says what is wrong."""
        try:
            with self._connection() as wire:
                identity, status = self._ask_before(wire)
        except PrinterTrouble as trouble:
            return self._since.stamp(PrinterState(False, trouble.words, (("place", self._place),)))
        details = (
            ("place", self._place),
            ("model", identity.model),
            ("firmware", identity.firmware),
            ("dots per mm", str(identity.dots_per_mm)),
        )
        wrong = status.troubles()
        words = f"The printer at {self._place} cannot print: {', '.join(wrong)}." if wrong else "Ready."
        if not wrong and identity.dots_per_mm != self.dots_per_mm:
            wrong = ("resolution",)
            words = (
                f"The printer at {self._place} has {identity.dots_per_mm} dots/mm, but this station lays its labels "
                f"out for {self.dots_per_mm}. Correct the printer's address (?dots={identity.dots_per_mm})."
            )
        return self._since.stamp(PrinterState(not wrong, words, details))

    def _ask_before(self, wire: "_Wire") -> tuple[Identity, HostStatus]:
        try:
            if self._identity is None or time.monotonic() - self._identified > IDENTITY_SECONDS:
                self._identity, self._identified = read_identity(wire.ask(b"~HI", 1)[0]), time.monotonic()
            return self._identity, read_host_status(wire.ask(b"~HS", 3))
        except TimeoutError:
            raise PrinterTrouble(_SILENT.format(place=self._place) + " Nothing was sent.", False) from None
        except (OSError, ValueError) as wrong:
            raise PrinterTrouble(
                f"The printer at {self._place} does not answer as a Zebra does ({wrong}). Nothing was sent; check the "
                "address and switch the printer off and on.",
                False,
            ) from None

    def _refuse_wrong_resolution(self, job: bytes, identity: Identity) -> None:
        told = _DOTS.search(job)
        wanted = int(told[1]) if told else self.dots_per_mm
        if wanted != identity.dots_per_mm:
            self._identity = None  # Somebody may just have exchanged the printer; ask again next time.
            raise PrinterTrouble(
                f"The label is laid out for {wanted} dots/mm, but the printer at {self._place} has "
                f"{identity.dots_per_mm}. Nothing was sent; correct the printer's address (?dots="
                f"{identity.dots_per_mm}), then print again.",
                False,
            )

    def _watch(self, wire: "_Wire", before: int | None, labels: int) -> Sent:
        deadline = time.monotonic() + self.done_seconds
        reason = "it was still busy"
        while time.monotonic() < deadline:
            try:
                status = read_host_status(wire.ask(b"~HS", 3))
            except TimeoutError:
                reason = "it stopped answering, as it does when labels or ribbon run out or the lid is open"
                break
            except (OSError, ValueError):
                reason = "the connection was lost"
                break
            if wrong := status.troubles():
                reason = f"it says: {', '.join(wrong)}"
                break
            if not status.busy:
                after = wire.label_count()
                if before is None or after is None:
                    reason = "it does not say how many labels it has printed"
                    break
                if after - before == labels:
                    return Sent("printed", None, f"The printer at {self._place} counted the label.")
                reason = f"it counted {after - before} instead of {labels}"
            time.sleep(_POLL)
        return Sent(
            "unconfirmed",
            None,
            f"The label went to the printer at {self._place}, but nothing proves that it came out: {reason}. Look at "
            "the printer: what is inside may still print. Scan the label if it is there.",
        )

    @property
    def _place(self) -> str:
        return f"{self.host}:{self.port}"

    @contextmanager
    def _connection(self) -> Iterator["_Wire"]:
        try:
            link = socket.create_connection((self.host, self.port), timeout=self.connect_seconds)
        except OSError as wrong:
            raise PrinterTrouble(
                f"The printer at {self._place} cannot be reached ({wrong.strerror or wrong}). Nothing was sent; see "
                "whether it is switched on and connected, then print again.",
                False,
            ) from None
        with link:
            yield _Wire(link, self.answer_seconds)


class _Wire:
    """Questions and answers over one connection."""

    def __init__(self, link: socket.socket, answer_seconds: float):
        self._link = link
        self._answer_seconds = answer_seconds
        self._unread = b""

    def send(self, job: bytes) -> None:
        self._link.settimeout(self._answer_seconds * 5)
        self._link.sendall(job)

    def ask(self, question: bytes, lines: int) -> list[str]:
        """The `lines` answered between STX and ETX. Raises TimeoutError for silence, OSError for a lost link."""
        self._ask(question)
        return [self._until(rb"\x02([^\x03]*)\x03(?:\r?\n)?") for _ in range(lines)]

    def label_count(self) -> int | None:
        """How many labels the printer has printed in its life; None when it does not say."""
        try:
            self._ask(_COUNT)
            counted = re.match(r"\d+", self._until(rb'"([^"]*)"').replace(",", ""))
        except OSError:
            return None
        return int(counted[0]) if counted else None

    def _ask(self, question: bytes) -> None:
        self._unread = b""
        self._link.settimeout(self._answer_seconds)
        self._link.sendall(question)

    def _until(self, pattern: bytes) -> str:
        deadline = time.monotonic() + self._answer_seconds
        while not (found := re.search(pattern, self._unread)):
            left = deadline - time.monotonic()
            if left <= 0 or len(self._unread) > 4096:
                raise TimeoutError("no answer")
            self._link.settimeout(left)
            more = self._link.recv(1024)
            if not more:
                raise ConnectionResetError("the printer closed the connection")
            self._unread += more
        self._unread = self._unread[found.end() :]
        return found[1].decode("latin-1")
