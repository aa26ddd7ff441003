"""A label printer behind CUPS, through the `zebra` package, with what that package leaves out.

`zebra` 0.2.1 hands bytes to `lpr` and never looks at what becomes of them: a missing queue, a stopped one and a dead
scheduler all look like success. Here the queue is asked before, `lp` gives the job's id and its exit status counts, and
the job is followed until CUPS is done with it. "Completed" in CUPS only means that the bytes reached the printer.
"""

import os
import re
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from zebra import Zebra

from devices.printer import USUAL_MEDIA, Clock, PrinterState, PrinterTrouble, Sent, Since
from devices.printer_ipp import JobState, job_state

FOLLOW_SECONDS = 20.0
_PATIENCE = 10.0
_POLL = 0.1
_JOB = re.compile(r"request id is (\S+)")


class QueueZebra(Zebra):
    """`zebra.Zebra` whose Unix transport checks what it does; after `output`, `job` is the id that CUPS gave."""

    def __init__(self, queue: str, title: str = "label", environment: Mapping[str, str] | None = None):
        super().__init__(queue)  # type: ignore[no-untyped-call]
        self.title = title
        self.environment = dict(os.environ if environment is None else environment)
        self.job = ""

    def _output_unix(self, commands: bytes) -> None:
        answer = self._run(["lp", "-d", self.queue, "-o", "raw", "-t", self.title], commands)
        found = _JOB.search(answer.stdout)
        if answer.returncode != 0 or not found:
            why = _first_line(answer.stderr) or "lp gave no job number"
            raise PrinterTrouble(f"CUPS did not take the label for {self.queue}: {why}. Nothing was printed.", False)
        self.job = found[1]

    def _getqueues_unix(self) -> list[str]:
        # The package asks with an empty environment and so loses CUPS_SERVER.
        answer = self._run(["lpstat", "-p"])
        return re.findall(r"^printer (\S+)", answer.stdout, re.MULTILINE)

    def standing(self) -> PrinterState:
        """Whether the scheduler runs, and knows, accepts for and prints from this queue."""
        details = [("queue", self.queue)]
        if "is running" not in (answer := self._run(["lpstat", "-r"])).stdout or answer.returncode != 0:
            return PrinterState(
                False, "The print scheduler (CUPS) does not answer. Start it, then print again.", tuple(details)
            )
        accepting, printing = self._run(["lpstat", "-a", self.queue]), self._run(["lpstat", "-p", self.queue])
        details += [("accepting", accepting.stdout.strip()), ("printing", " ".join(printing.stdout.split()))]
        if accepting.returncode != 0 or printing.returncode != 0 or not printing.stdout.strip():
            words = f"CUPS has no queue named {self.queue}. Choose another printer for this station."
        elif " not accepting " in accepting.stdout:
            words = f"The queue {self.queue} refuses jobs. Let it accept again (cupsaccept {self.queue})."
        elif re.match(r"printer \S+ disabled", printing.stdout):
            why = printing.stdout.partition("\n")[2].strip()
            reason = f" ({why})" if why else ""
            words = f"The queue {self.queue} is stopped{reason}. Look at the printer, then start the queue."
        else:
            return PrinterState(True, f"The queue {self.queue} accepts and prints.", tuple(details))
        return PrinterState(False, words, tuple(details))

    def fate(self) -> JobState | None:
        """What has become of `job`; None when the scheduler does not say."""
        server = self._run(["lpstat", "-H"]).stdout.strip()
        try:
            return job_state(server, self.queue, int(self.job.rpartition("-")[2]), _PATIENCE)
        except (OSError, ValueError):
            return None

    def withdraw(self) -> bool:
        """Cancel `job`, so that it cannot print by itself later; True when CUPS agreed."""
        return self._run(["cancel", self.job]).returncode == 0

    def _run(self, command: list[str], given: bytes | None = None) -> "_Answer":
        environment = self.environment | {"LC_ALL": "C"}
        try:
            done = subprocess.run(
                command, input=given or b"", capture_output=True, env=environment, timeout=_PATIENCE, check=False
            )
        except FileNotFoundError:
            raise PrinterTrouble(
                f"This computer has no “{command[0]}” command. Install CUPS (cups-client), or print by tcp://.", False
            ) from None
        except subprocess.TimeoutExpired:
            # A submission that hangs may still be taken; a question that hangs prints nothing.
            raise PrinterTrouble(
                f"The print scheduler (CUPS) did not answer “{command[0]}” for {_PATIENCE:.0f} seconds. "
                "Look whether a label comes out before you print again.",
                command[0] == "lp",
            ) from None
        return _Answer(done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"))


@dataclass(frozen=True)
class _Answer:
    returncode: int
    stdout: str
    stderr: str


@dataclass
class CupsPrinter:
    """A printer that CUPS knows as `queue`; `server` as in CUPS_SERVER (a socket's path or host:port)."""

    queue: str
    server: str | None = None
    dots_per_mm: int = 8
    follow_seconds: float = FOLLOW_SECONDS
    clock: Clock | None = None
    media: str = USUAL_MEDIA
    url: str = field(init=False)

    def __post_init__(self) -> None:
        self.url = f"cups:{self.queue}"
        self._since = Since(self.clock)

    def send(self, job: bytes, title: str) -> Sent:
        """Hand `job` unchanged to CUPS and follow it; raises PrinterTrouble when it was not handed to the printer."""
        zebra = self._zebra(" ".join(title.split())[:120] or "label")
        standing = zebra.standing()
        if not standing.ok:
            raise PrinterTrouble(f"{standing.words} Nothing was printed.", False)
        zebra.output(job)  # type: ignore[no-untyped-call]
        try:
            return self._follow(zebra)
        except PrinterTrouble as trouble:
            raise PrinterTrouble(trouble.words, True) from None

    def status(self) -> PrinterState:
        """What CUPS says of the queue; it cannot know paper, lid or ribbon."""
        try:
            state = self._zebra("status").standing()
        except PrinterTrouble as trouble:
            state = PrinterState(False, trouble.words, (("queue", self.queue),))
        return self._since.stamp(state)

    def _follow(self, zebra: QueueZebra) -> Sent:
        deadline = time.monotonic() + self.follow_seconds
        while True:
            fate = zebra.fate()
            if fate and fate.state == "completed":
                return Sent(
                    "sent", zebra.job, f"CUPS handed {zebra.job} to the printer. Scan the label to prove that it came."
                )
            if fate and fate.state in ("aborted", "canceled"):
                raise PrinterTrouble(
                    f"CUPS gave up on {zebra.job} ({fate.why or fate.state}). Look whether a label came out, put the "
                    "printer right, then print again.",
                    True,
                )
            if (fate and fate.state in ("held", "stopped")) or time.monotonic() >= deadline:
                raise self._give_up(zebra, fate)
            time.sleep(_POLL)

    def _give_up(self, zebra: QueueZebra, fate: JobState | None) -> PrinterTrouble:
        # A job left in the queue would print by itself when the printer returns: a stale label.
        withdrawn = zebra.withdraw()
        state = f"is {fate.state}" if fate else "cannot be followed"
        why = f" ({fate.why})" if fate and fate.why else ""
        after = "It was withdrawn" if withdrawn else "It could NOT be withdrawn and may still print"
        return PrinterTrouble(
            f"The label {zebra.job} {state} in CUPS{why}. {after}. Look at the printer and whether a label came out, "
            "then print again.",
            True,
        )

    def _zebra(self, title: str) -> QueueZebra:
        environment = dict(os.environ)
        if self.server:
            environment["CUPS_SERVER"] = self.server
        return QueueZebra(self.queue, title, environment)


def _first_line(text: str) -> str:
    return (text.strip().splitlines() or [""])[0].removeprefix("lp: ").rstrip(".")
