"""In what state a balance is, and what became of a command, each with its sentence for the person in front of it."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final

from devices.reading import Reading


class State(StrEnum):
    """How far the line to a balance is; only `ready` gives weights that may be accepted."""

    CLOSED = "closed"
    OPENING = "opening"
    IDENTIFYING = "identifying"
    READY = "ready"
    SUSPECT = "suspect"
    OFFLINE = "offline"
    WRONG_DEVICE = "wrong device"


@dataclass(frozen=True, slots=True)
class Status:
    """What is known of a balance at one moment.

    `since` is the monotonic second at which the state began; `age` the seconds since the last reading's first byte
    (None before the first of this epoch); `capacity` and `readability` are grams. `epoch` changes whenever zero or
    tare may have changed; `restarts` counts only the balance's own. `moved` is the monotonic second of the last reading
    of this epoch that differed from the weight before it, by a digit or in its stillness (None: it has shown one and
    the same weight throughout). `detail` is the system's message, for the log.
    """

    state: State
    words: str
    url: str
    protocol: str
    expected_serial: str | None
    serial: str | None
    model: str | None
    capacity: Decimal | None
    readability: Decimal | None
    since: float
    epoch: int
    restarts: int
    last_seq: int
    age: float | None
    moved: float | None
    detail: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a command. `certain` is False if nobody knows whether the balance carried it out."""

    done: bool
    words: str
    certain: bool = True
    reading: Reading | None = None


WORDS: Final[dict[State, str]] = {
    State.CLOSED: "The balance is switched off in Laminar.",
    State.OPENING: "Opening the line to the balance.",
    State.IDENTIFYING: "Asking the balance who it is.",
    State.READY: "The balance is ready.",
    State.SUSPECT: "The balance has missed an answer. Wait a moment.",
    State.OFFLINE: "The balance does not answer. Check its power and its cable; the line is tried again by itself.",
}

REFUSED: Final[dict[str, str]] = {
    "not_executable": "It did not come to rest in time. Let it rest, then press again.",
    "overload": "There is too much on the pan. Clear the pan, then press again.",
    "underload": "The load is below its range. Check that the pan is in place, then press again.",
    "device_error": "It reports a fault of its own. Take it out of use and call service.",
    "transmission": "It received damaged bytes. Check the cable, then press again.",
}


def in_words(state: State, serial: str | None, expected: str | None) -> str:
    """What a state means, for the person in front of the balance."""
    if state is not State.WRONG_DEVICE:
        return WORDS[state]
    found = f"serial number {serial}" if serial else "a balance that does not tell its serial number"
    return f"Another balance is connected: {found}, not {expected}. Connect {expected}, or have this one enrolled."
