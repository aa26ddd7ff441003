"""What every label printer promises: bytes go out once, and what became of them is said in words."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal, Protocol

Outcome = Literal["sent", "printed", "unconfirmed"]
USUAL_MEDIA = "4x3"
"""The labels in a printer that says nothing else: width and length in inches."""
Clock = Callable[[], datetime]


class PrinterTrouble(Exception):
    """A job did not go its way. `words` say what is wrong and what to do now.

    `may_have_printed` is False only when it is certain that no label came out and none will come by itself.
    """

    def __init__(self, words: str, may_have_printed: bool):
        super().__init__(words)
        self.words = words
        self.may_have_printed = may_have_printed


@dataclass(frozen=True)
class Sent:
    """What is known of a job: `sent` (handed over), `printed` (the printer counted a label) or `unconfirmed`.

    None of them proves which label came out; only scanning it does.
    """

    outcome: Outcome
    job: str | None
    words: str


@dataclass(frozen=True)
class PrinterState:
    """How a printer is: `ok` None when nobody can tell, and since when it has been so (None without a clock)."""

    ok: bool | None
    words: str
    details: tuple[tuple[str, str], ...] = ()
    since: datetime | None = None


class Printer(Protocol):
    """One label printer. `dots_per_mm` (8 or 12) and `media` ('4x3', in inches) are what labels are laid out for."""

    url: str
    dots_per_mm: int
    media: str

    def send(self, job: bytes, title: str) -> Sent:
        """Print one job once; raises PrinterTrouble. Blocks for some seconds: call it in a worker thread."""

    def status(self) -> PrinterState:
        """How the printer is now; never raises for a printer's trouble."""


@dataclass
class Since:
    """Remembers when a printer's state last changed; `clock` is the composition root's."""

    clock: Clock | None = None
    _last: PrinterState | None = field(default=None, repr=False)

    def stamp(self, state: PrinterState) -> PrinterState:
        """`state` with the instant since which it has read like this."""
        if self._last is not None and (self._last.ok, self._last.words) == (state.ok, state.words):
            since = self._last.since
        else:
            since = self.clock() if self.clock else None
        self._last = replace(state, since=since)
        return self._last
