"""The balance's side of MT-SICS, levels 0 and 1, as lines in and lines out: what a simulated balance says."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from devices.mt_sics import COMMANDS, render_weight, texts
from devices.pan import Pan
from devices.reading import in_grams

LISTED: Final = tuple(sorted(COMMANDS, key=lambda word: (COMMANDS[word].level, word)))
_DISPLAY: Final = 20  # characters
_MILLISECONDS: Final = re.compile(r"[0-9]{1,5}")
_PRESET: Final = re.compile(r"(-?[0-9]+(?:\.[0-9]+)?) ([a-z]{1,2})")


@dataclass
class Nameplate:
    """What the balance says of itself."""

    serial: str
    model: str
    software: str = "1.00"


class SicsPeer:
    """One connection to a simulated balance: `hear` a command, `tick` as time passes; both return lines to send.

    As on the real thing one command runs at a time: a new one ends SIR and SR and whatever waits for stillness.
    `stability_timeout_s` is how long S, Z and T wait for stillness before they answer I.
    """

    def __init__(self, pan: Pan, plate: Nameplate, rate_hz: float, stability_timeout_s: float) -> None:
        self._pan = pan
        self._plate = plate
        self._period = 1 / rate_hz
        self._patience = stability_timeout_s
        self._waiting: Callable[[float], list[str]] | None = None
        self._give_up = 0.0
        self._otherwise: Callable[[float], list[str]] = lambda then: []
        self._repeat: Callable[[float], list[str]] | None = None
        self._next = 0.0
        self._reported: Decimal | None = None
        self._step = Decimal(0)

    def hush(self) -> None:
        """Drop whatever was going on."""
        self._waiting = self._repeat = None

    def greeting(self) -> str:
        """The line that a balance sends by itself when it is switched on, and as the answer to `@` and I4."""
        return f'I4 A "{self._plate.serial}"'

    def hear(self, line: bytes, now: float) -> list[str]:
        """The answer to one command line, as far as it can be given at once."""
        try:
            word, _, rest = line.decode("ascii").partition(" ")
        except UnicodeDecodeError:
            return ["ET"]
        if word not in LISTED:
            return ["ES"]
        self.hush()
        return self._answer(word, rest, now)

    def tick(self, now: float) -> list[str]:
        """What is due by now: the end of a wait for stillness, or the next of repeated weights."""
        if self._waiting is not None:
            if self._pan.still(now):
                waiting, self._waiting = self._waiting, None
                return waiting(now)
            if now >= self._give_up:
                self._waiting = None
                return self._otherwise(now)
        if self._repeat is not None and now >= self._next:
            # Late ticks are not made up for: a balance shows now, not what it missed.
            self._next = max(self._next + self._period, now)
            return self._repeat(now)
        return []

    def _answer(self, word: str, rest: str, now: float) -> list[str]:
        if rest and word not in ("D", "K", "SR", "TA", "SC", "TC", "ZC"):
            return ["ES"]
        match word:
            case "@" | "I4":
                return [self.greeting()]
            case "I0":
                last = len(LISTED) - 1
                return [f'I0 {"BA"[i == last]} {COMMANDS[name].level} "{name}"' for i, name in enumerate(LISTED)]
            case "I1":
                return ['I1 A "01" "2.30" "2.22" "" ""']
            case "I2":
                return [f'I2 A "{self._plate.model} {self._pan.rounded(self._pan.capacity)} g"']
            case "I3":
                return [f'I3 A "{self._plate.software}"']
            case "I5":
                return ['I5 A "00000001A"']
            case "S":
                return self._when_still("S", lambda then: [self._weight("S", then)], now)
            case "SI":
                return [self._weight("S", now)]
            case "SIR":
                self._repeat, self._next = lambda then: [self._weight("S", then)], now
                return self.tick(now)
            case "SR":
                return self._report_changes(rest, now)
            case "Z":
                return self._when_still("Z", lambda then: [f"Z {self._pan.zero(then)}"], now)
            case "ZI":
                done = self._pan.zero(now)
                return [f"ZI {self._status(now) if done == 'A' else done}"]
            case "T":
                return self._when_still("T", lambda then: [self._tare("T", "S", then)], now)
            case "TI":
                return [self._tare("TI", self._status(now), now)]
            case "TA":
                return [self._tare_memory(rest)]
            case "TAC":
                self._pan.tared = Decimal(0)
                return ["TAC A"]
            case "D":
                shown = texts(rest.encode("ascii"))
                return ["D L"] if len(shown) != 1 else ["D A" if len(shown[0]) <= _DISPLAY else "D R"]
            case "K":
                return ["K A" if rest in ("1", "2", "3", "4") else "K L"]
            case "C":
                return ["C B", "C A"]
            case "SC":
                return self._soon("S", rest, lambda then: [self._weight("S", then)], now)
            case "TC":
                return self._soon("TC", rest, lambda then: [self._tare("TC", self._status(then), then)], now)
            case "ZC":
                return self._soon("ZC", rest, self._zeroed, now)
        return [f"{word} A"]  # DW

    def _status(self, now: float) -> str:
        return "S" if self._pan.still(now) else "D"

    def _weight(self, word: str, now: float) -> str:
        outside = self._pan.range_fault(now)
        if outside:
            return f"{word} {outside}"
        return render_weight(word, self._status(now), self._pan.net(now), "g").decode("ascii")

    def _tare(self, word: str, status: str, now: float) -> str:
        refused = self._pan.range_fault(now) or self._pan.tare(now)
        return f"{word} {refused}" if refused else render_weight(word, status, self._pan.tared, "g").decode("ascii")

    def _tare_memory(self, rest: str) -> str:
        if rest:
            grams = self._grams(rest)
            if grams is None or not 0 <= grams <= self._pan.capacity:
                return "TA L"
            self._pan.tared = self._pan.rounded(grams)
        return render_weight("TA", "A", self._pan.rounded(self._pan.tared), "g").decode("ascii")

    @staticmethod
    def _grams(text: str) -> Decimal | None:
        preset = _PRESET.fullmatch(text)
        try:
            return in_grams(Decimal(preset[1]), preset[2]) if preset else None
        except ValueError:
            return None

    def _when_still(self, word: str, done: Callable[[float], list[str]], now: float) -> list[str]:
        self._waiting, self._give_up, self._otherwise = done, now + self._patience, lambda then: [f"{word} I"]
        return self.tick(now)

    def _soon(self, word: str, rest: str, done: Callable[[float], list[str]], now: float) -> list[str]:
        """Wait for stillness for so many milliseconds, then do it all the same."""
        if not _MILLISECONDS.fullmatch(rest):
            return [f"{word} L"]
        self._waiting, self._give_up, self._otherwise = done, now + int(rest) / 1000, done
        return self.tick(now)

    def _zeroed(self, now: float) -> list[str]:
        status, done = self._status(now), self._pan.zero(now)
        return [f"ZC {status if done == 'A' else done}"]

    def _report_changes(self, rest: str, now: float) -> list[str]:
        step = self._grams(rest) if rest else 30 * self._pan.readability
        if step is None or step <= 0:
            return ["S L"]
        self._step, self._reported = step, None
        self._repeat, self._next = self._changes, now
        return self.tick(now)

    def _changes(self, now: float) -> list[str]:
        # A stable weight first; after each change of at least the step one moving weight, then the next stable one.
        weight = self._pan.net(now)
        if self._reported is None:
            if not self._pan.still(now):
                return []
            self._reported = weight
        elif abs(weight - self._reported) >= self._step:
            self._reported = None
            outside = self._pan.range_fault(now)
            return [f"S {outside}" if outside else render_weight("S", "D", weight, "g").decode("ascii")]
        else:
            return []
        return [render_weight("S", "S", weight, "g").decode("ascii")]
