"""What somebody wants of a balance, once: a command that is settled by its answer, its deadline or the line's loss."""

import threading
from dataclasses import dataclass, field

from devices.status import Outcome


@dataclass(slots=True, eq=False)
class Wish:
    """A command with its parameters; `act` says in the past what it would have done ('zeroed')."""

    command: str
    parameters: tuple[str, ...]
    act: str
    outcome: Outcome | None = None
    settled: threading.Event = field(default_factory=threading.Event)

    def settle(self, outcome: Outcome) -> None:
        """Give the outcome to whoever waits for it."""
        self.outcome = outcome
        self.settled.set()

    def unknown(self) -> Outcome:
        """The outcome when nobody answered: it may have been done or not."""
        return Outcome(
            False,
            f"The balance did not answer, so nobody knows whether it was {self.act}. "
            "Start again from the first weighing.",
            certain=False,
        )
