"""The conversation with an MT-SICS balance, without input or output: lines and instants in, events out.

A conversation begins with `@`, asks who is there (I4, I2, once also I1 and I0), then has weights repeated (SIR, or
SI over and over where SIR is not known). After any silence it asks again who is there before it trusts a weight.
"""

from collections import deque
from collections.abc import MutableMapping
from contextlib import suppress
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Final

from devices.mt_sics import COMMANDS, Command, answer_id, more_follows, texts, wire
from devices.reading import GRAM_EXPONENT, Reading, fault, in_grams

SILENCE_S: Final = 1.0  # the slowest host output is two values a second
POLL_S: Final = 0.1  # Kern asks for at least this between two polls
RECHECK_S: Final = 2.0  # how often a wrong balance is asked again who it is
MISSES: Final = 3


class Phase(StrEnum):
    """How far the conversation is."""

    IDENTIFYING = "identifying"
    READY = "ready"
    SUSPECT = "suspect"
    WRONG_DEVICE = "wrong device"


@dataclass(frozen=True, slots=True)
class Identity:
    """What a balance says of itself. `capacity` and `readability` are grams, from its I2 answer, if it has one.

    `readability` is the place of the last digit; `commands` is the balance's own list (I0), empty if it has none.
    """

    serial: str | None = None
    model: str | None = None
    capacity: Decimal | None = None
    readability: Decimal | None = None
    levels: str | None = None
    commands: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Send:
    """These bytes are to be written."""

    wire: bytes


@dataclass(frozen=True, slots=True)
class Weighed:
    """A weight of the pan, or a fault in its place."""

    reading: Reading


@dataclass(frozen=True, slots=True)
class Voided:
    """Zero and tare may have changed: weights before and after cannot be compared."""

    restarted: bool = False


@dataclass(frozen=True, slots=True)
class Answered:
    """What came back to the command that was asked for; None is silence, and then nobody knows what it did."""

    reading: Reading | None


@dataclass(frozen=True, slots=True)
class Silent:
    """The balance missed its third answer: the line is to be closed."""


Event = Send | Weighed | Voided | Answered | Silent


@dataclass(frozen=True, slots=True)
class _Awaited:
    command: Command
    sent: bytes
    deadline: float
    misses: int = 0
    asked_for: bool = False


def identity_from_i2(text: str) -> tuple[str, Decimal | None, Decimal | None]:
    """Model, capacity and readability (grams) from the one text of I2, split from the right."""
    parts = text.rsplit(" ", 2)
    if len(parts) == 3 and parts[2] in GRAM_EXPONENT:
        with suppress(InvalidOperation, ValueError):
            shown = Decimal(parts[1])
            capacity = in_grams(shown, parts[2])
            return parts[0], capacity, in_grams(Decimal((0, (1,), int(shown.as_tuple().exponent))), parts[2])
    return text, None, None


class Dialogue:
    """One conversation on one open line.

    `known` remembers by serial number what a balance has told about itself, so that the long list is asked once.
    Every method takes the monotonic second and returns the events in order.
    """

    def __init__(self, expected_serial: str | None, known: MutableMapping[str, Identity]) -> None:
        self.phase = Phase.IDENTIFYING
        self.identity = Identity()
        self._expected_serial = expected_serial
        self._known = known
        self._awaited: _Awaited | None = None
        self._questions: deque[str] = deque()
        self._polling = False
        self._quiet_since = 0.0
        self._next_poll = 0.0
        self._unit: str | None = None
        self._listed: set[str] = set()

    @property
    def free(self) -> bool:
        """Whether a command may be asked now."""
        return self.phase is Phase.READY and self._awaited is None

    def begin(self, now: float) -> list[Event]:
        """Start, or start over: cancel whatever the balance was doing and ask who it is."""
        self.phase = Phase.IDENTIFYING
        self.identity = Identity()
        self._unit = None
        self._questions = deque(("I4", "I2"))
        return self._say("@", now)

    def ask(self, command: str, now: float, *parameters: str) -> list[Event]:
        """Send one command on somebody's behalf, once: it is never repeated. Only while `free`."""
        if not self.free:
            raise RuntimeError("The conversation is not free for a command.")
        sent = wire(command, *parameters)
        known = COMMANDS[command]
        self._awaited = _Awaited(known, sent, now + known.timeout, asked_for=True)
        return [Send(sent)]

    def take(self, reading: Reading, now: float) -> list[Event]:
        """What one line means at this point of the conversation."""
        word = answer_id(reading.raw)
        awaited = self._awaited
        # A damaged answer is no answer: a question is then repeated, a command's effect is unknown.
        if awaited and reading.error != "unparseable" and self._is_answer(word, awaited.command):
            return self._answer(awaited, reading, now)
        if self.phase in (Phase.IDENTIFYING, Phase.WRONG_DEVICE):
            return []  # Leftovers from before `@`: nothing counts until the balance has said who it is.
        # Damaged or not, a line with I4 that nobody asked for is a balance that was switched on again.
        if word == "I4" or b"I4 A" in reading.raw:
            answered: list[Event] = [Answered(None)] if awaited and awaited.asked_for else []
            return [Voided(restarted=True), *answered, *self.begin(now)]
        if self.phase is Phase.SUSPECT:
            return []  # Whoever speaks now has not yet said who it is.
        if word in ("S", "SI"):
            self._quiet_since = now
            return [Weighed(self._in_steady_unit(reading))] if reading.kind in ("weight", "fault") else []
        if word in COMMANDS and COMMANDS[word].moves_zero and reading.kind in ("ack", "weight"):
            return [Voided()]  # A late answer, or a key pressed on the balance.
        damaged = reading.kind == "fault" and (word not in COMMANDS or reading.error == "unparseable")
        return [Weighed(reading)] if damaged else []

    def tick(self, now: float) -> list[Event]:
        """What the passing of time asks for: a repeated question, the next poll, the end of patience."""
        awaited = self._awaited
        if awaited is not None:
            return self._missed(awaited, now) if now >= awaited.deadline else []
        if self.phase is Phase.WRONG_DEVICE:
            return self._say("I4", now) if now >= self._next_poll else []
        if self.phase is Phase.READY and self._polling:
            return self._say("SI", now) if now >= self._next_poll else []
        if self.phase is Phase.READY and now - self._quiet_since >= SILENCE_S:
            return self._doubt(now)
        return []

    def _say(self, word: str, now: float, misses: int = 0) -> list[Event]:
        command = COMMANDS[word]
        self._awaited = _Awaited(command, wire(word), now + command.timeout, misses)
        return [Send(wire(word))]

    @staticmethod
    def _is_answer(word: str | None, command: Command) -> bool:
        # ES, ET and EL carry no id; SI is the id with which some peers answer SI.
        return word in (command.answer, "ES", "ET", "EL") or (word == "SI" and command.answer == "S")

    def _answer(self, awaited: _Awaited, reading: Reading, now: float) -> list[Event]:
        word = awaited.command.word
        self._quiet_since = now
        if reading.kind == "pending" or more_follows(reading.raw):
            self._awaited = replace(awaited, deadline=now + awaited.command.timeout)
            self._list(reading)
            return []
        self._awaited = None
        if awaited.asked_for:
            moved = reading.kind in ("ack", "weight") or reading.error == "device_error"
            voided: list[Event] = [Voided()] if moved and awaited.command.moves_zero else []
            return [*voided, Answered(reading), *self._weights(now)]
        if word in ("SIR", "SI"):
            return self._first_weight(word, reading, now)
        before = self.identity.serial
        self._learn(word, reading)
        if word == "I4" and self._wrong_serial():
            self._next_poll = now + RECHECK_S
            entered, self.phase = self.phase is not Phase.WRONG_DEVICE, Phase.WRONG_DEVICE
            return [Voided()] if entered else []
        if self.phase is Phase.WRONG_DEVICE:
            return self.begin(now)  # The right balance is back.
        if self.phase is Phase.SUSPECT and self.identity.serial != before:
            return [Voided(), *self.begin(now)]  # Behind a converter the line stays open while balances change.
        return self._next_question(now)

    def _next_question(self, now: float) -> list[Event]:
        if self._questions:
            return self._say(self._questions.popleft(), now)
        if self.identity.serial is not None:
            self._known[self.identity.serial] = self.identity
        self.phase = Phase.READY
        commands = self.identity.commands
        self._polling = bool(commands) and "SIR" not in commands
        return self._weights(now)

    def _weights(self, now: float) -> list[Event]:
        self._quiet_since = now
        if not self._polling:
            return self._say("SIR", now)
        self._next_poll = now + POLL_S
        return []

    def _first_weight(self, word: str, reading: Reading, now: float) -> list[Event]:
        self._next_poll = now + POLL_S
        if word == "SIR" and reading.error in ("syntax", "logical", "bad_parameter"):
            self._polling = True
            return []
        return [Weighed(self._in_steady_unit(reading))] if reading.kind in ("weight", "fault") else []

    def _missed(self, awaited: _Awaited, now: float) -> list[Event]:
        if awaited.asked_for:
            if not awaited.command.moves_zero:
                return [Answered(None), *self._doubt(now)]
            # Zero and tare are never repeated: the first may still be carried out. Cancel it, and trust nothing.
            return [Voided(), Answered(None), *self.begin(now)]
        if awaited.command.word in ("I1", "I0"):
            return self._next_question(now)  # Wanted, not needed.
        if self.phase is Phase.READY:
            return self._doubt(now)
        misses = awaited.misses + 1
        if misses >= MISSES:
            return [Silent()]
        self._awaited = replace(awaited, misses=misses, deadline=now + awaited.command.timeout)
        return [Send(awaited.sent)]

    def _doubt(self, now: float) -> list[Event]:
        # I2 first: its answer cannot be taken for the line that a restarted balance sends by itself. The fault
        # stands between the weights before and after, so that nobody takes them for one steady run.
        self.phase = Phase.SUSPECT
        self._questions = deque(("I4",))
        return [Weighed(fault("no_weight", b"")), *self._say("I2", now, misses=1)]

    def _learn(self, word: str, reading: Reading) -> None:
        told = texts(reading.raw) if reading.kind == "info" else ()
        if word == "I4":
            self.identity = replace(self.identity, serial=told[0] if told and told[0] else None)
            known = self._known.get(self.identity.serial or "")
            if known is not None:
                self.identity = replace(known, serial=self.identity.serial)
            elif self.phase is Phase.IDENTIFYING:
                self._questions.extend(("I1", "I0"))
                self._listed = set()
        elif word == "I2" and told:
            model, capacity, readability = identity_from_i2(told[0])
            self.identity = replace(self.identity, model=model, capacity=capacity, readability=readability)
        elif word == "I1" and told:
            self.identity = replace(self.identity, levels=told[0])
        elif word == "I0":
            self._list(reading)
            self.identity = replace(self.identity, commands=frozenset(self._listed))

    def _list(self, reading: Reading) -> None:
        # A line of the list is a level and one name; a peer that answers with other texts has no list.
        told = texts(reading.raw)
        if answer_id(reading.raw) == "I0" and len(told) == 1 and reading.raw.count(b" ") == 3:
            self._listed.add(told[0])

    def _wrong_serial(self) -> bool:
        return self._expected_serial is not None and self.identity.serial != self._expected_serial

    def _in_steady_unit(self, reading: Reading) -> Reading:
        # kg with its k lost is a faultless line in g, a thousand times too light. A weight whose unit is not that
        # of the weight before is refused; a balance really set to another unit is believed from its second line.
        if reading.kind != "weight":
            return reading
        before, self._unit = self._unit, reading.unit
        return reading if before in (None, reading.unit) else fault("wrong_mode", reading.raw)
