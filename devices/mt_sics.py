"""MT-SICS, levels 0 and 1: what is said to a balance and what its lines mean.

Source: Mettler-Toledo's MT-SICS reference manual; the places where real peers differ are marked in the tables.
The grammar is strict on purpose: one lost byte turns 123.45 into 13.45, and only the fixed width shows it.
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from devices.reading import GRAM_EXPONENT, Error, Reading, fault


@dataclass(frozen=True, slots=True)
class Command:
    """A command: the id that its answer carries, the seconds to wait for it, and what it does to zero or tare."""

    word: str
    level: int
    answer: str
    timeout: float
    moves_zero: bool = False


# SI, SIR, SR and SC answer with the id S; SC, TC and ZC take the milliseconds after which a moving pan is good enough
# (models differ; one that does not know them answers ES). S waits on the balance for its own stability time-out; `@` is
# listed as moving zero because makers disagree whether tare memory survives it.
COMMANDS: Final[dict[str, Command]] = {
    command.word: command
    for command in (
        Command("@", 0, "I4", 1.0, moves_zero=True),
        Command("I0", 0, "I0", 1.0),
        Command("I1", 0, "I1", 1.0),
        Command("I2", 0, "I2", 1.0),
        Command("I3", 0, "I3", 1.0),
        Command("I4", 0, "I4", 1.0),
        Command("I5", 0, "I5", 1.0),
        Command("S", 0, "S", 30.0),
        Command("SI", 0, "S", 1.0),
        Command("SIR", 0, "S", 1.0),
        Command("Z", 0, "Z", 3.0, moves_zero=True),
        Command("ZI", 0, "ZI", 3.0, moves_zero=True),
        Command("D", 1, "D", 1.0),
        Command("DW", 1, "DW", 1.0),
        Command("K", 1, "K", 1.0),
        Command("SR", 1, "S", 30.0),
        Command("T", 1, "T", 3.0, moves_zero=True),
        Command("TI", 1, "TI", 3.0, moves_zero=True),
        Command("TA", 1, "TA", 1.0, moves_zero=True),
        Command("TAC", 1, "TAC", 1.0, moves_zero=True),
        Command("C", 1, "C", 3.0),
        Command("SC", 1, "S", 30.0),
        Command("TC", 1, "TC", 30.0, moves_zero=True),
        Command("ZC", 1, "ZC", 30.0, moves_zero=True),
    )
}

# Which status letters a weight line may carry. SI as an id is a peer's habit (the manual answers SI with S);
# TA S is some models' spelling of TA A.
_WEIGHT_STATUS: Final[dict[bytes, bytes]] = {
    b"S": b"SD", b"SI": b"SD", b"T": b"S", b"TI": b"SD", b"TA": b"AS", b"TC": b"SD"
}  # fmt: skip

# Which status letters stand alone. "I" and "L" may answer any of these commands. ZI A is a peer's habit.
_BARE_STATUS: Final[dict[bytes, bytes]] = {
    b"S": b"IL+-", b"SI": b"IL+-", b"T": b"IL+-", b"TI": b"IL+-", b"TA": b"IL", b"TAC": b"AIL", b"TC": b"IL+-",
    b"Z": b"AIL+-", b"ZI": b"SDAIL+-", b"ZC": b"SDAIL+-", b"D": b"ARIL", b"DW": b"AIL", b"K": b"AIL",
    b"C": b"ABIL", b"C3": b"ABIL", b"M21": b"AIL",
    b"I0": b"IL", b"I1": b"IL", b"I2": b"IL", b"I3": b"IL", b"I4": b"IL", b"I5": b"IL",
}  # fmt: skip

# Questions that are answered with parameters. Those of level 2 are understood, never asked.
_TOLD: Final = frozenset(
    b"I0 I1 I2 I3 I4 I5 I10 I11 I14 I50 M01 M02 M28 WS DAT TIM RDB USTB UPD".split()
)  # fmt: skip

_LINE_ERROR: Final[dict[bytes, Error]] = {b"ES": "syntax", b"ET": "transmission", b"EL": "logical"}
_STATUS_ERROR: Final[dict[bytes, Error]] = {
    b"I": "not_executable", b"L": "bad_parameter", b"+": "overload", b"-": "underload",
}  # fmt: skip

_NUMBER: Final = re.compile(rb" *-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")
_WEIGHT: Final = re.compile(rb"([A-Z]+) ([SDA]) ([ 0-9.-]{10}) ([A-Za-z%]{1,5})")
_DEVICE_ERROR: Final = re.compile(rb"(?:S|SI|T|TI|TA|TC) [SDA] +Error [0-9]{1,3}[a-z]?")
_BARE: Final = re.compile(rb"([A-Z][A-Z0-9]*) ([SDABRIL+-])")
_TELLING: Final = re.compile(rb'([A-Z][A-Z0-9]*) [AB]((?: (?:[0-9A-Za-z.+-]+|"[ !#-~]*"))+)')
_ID: Final = re.compile(rb"[A-Z][A-Z0-9]*(?= |$)")
_TEXT: Final = re.compile(rb'"([ !#-~]*)"')


def parse_line(raw: bytes) -> Reading:
    """The reading that one line (without its terminator) stands for; whatever is not MT-SICS is a fault.

    Total: never raises. Weights need `ID status value unit` with a value field of exactly ten characters and a
    unit of mg, g or kg; another unit is `wrong_mode`. Source: MT-SICS manual, weight answers and error messages.
    """
    if not raw:
        return fault("empty", raw)
    if raw in _LINE_ERROR:
        return fault(_LINE_ERROR[raw], raw)
    if weight := _WEIGHT.fullmatch(raw):
        return _weight(weight, raw)
    if bare := _BARE.fullmatch(raw):
        return _bare(bare[1], bare[2], raw)
    if (telling := _TELLING.fullmatch(raw)) and telling[1] in _TOLD:
        return Reading("info", None, None, None, None, raw)
    # The status may say "stable" although the weight field holds an error code: this is never a weight.
    return fault("device_error" if _DEVICE_ERROR.fullmatch(raw) else "unparseable", raw)


def answer_id(raw: bytes) -> str | None:
    """The id at the head of a line (`S`, `I4`, `ES` …), or None if there is none."""
    head = _ID.match(raw)
    return head[0].decode("ascii") if head else None


def more_follows(raw: bytes) -> bool:
    """Whether the line's status is B: not finished, further lines belong to the same answer."""
    return raw.split(b" ", 2)[1:2] == [b"B"]


def texts(raw: bytes) -> tuple[str, ...]:
    """The quoted texts of an answer, in order."""
    return tuple(text.decode("ascii") for text in _TEXT.findall(raw))


def wire(word: str, *parameters: str) -> bytes:
    """The bytes of a command. Raises ValueError for an unknown command or a parameter that could end the line."""
    if word not in COMMANDS:
        raise ValueError(f"{word!r} is no MT-SICS command of level 0 or 1.")
    for parameter in parameters:
        if not parameter or not all(" " <= character <= "~" for character in parameter):
            raise ValueError("A parameter to the balance is printable ASCII.")
    return " ".join((word, *parameters)).encode("ascii") + b"\r\n"


def quoted(text: str) -> str:
    """A text as a parameter: what the balance cannot show becomes `?`, a quotation mark an apostrophe."""
    shown = "".join(character if " " <= character <= "~" else "?" for character in text)
    return '"' + shown.replace('"', "'") + '"'


def render_weight(word: str, status: str, value: Decimal, unit: str) -> bytes:
    """A weight line without its terminator. Raises ValueError if the value does not fit in ten characters."""
    field = format(value, "f")
    if len(field) > 10:
        raise ValueError(f"{field} is wider than ten characters.")
    return f"{word} {status} {field:>10} {unit}".encode("ascii")


def _weight(line: re.Match[bytes], raw: bytes) -> Reading:
    word, status, field, unit = line.groups()
    if status not in _WEIGHT_STATUS.get(word, b"") or not _NUMBER.fullmatch(field):
        return fault("unparseable", raw)
    if unit.decode("ascii") not in GRAM_EXPONENT:
        return fault("wrong_mode", raw)
    value = Decimal(field.strip().decode("ascii"))
    stable = None if word == b"TA" else status == b"S"
    return Reading("weight", stable, value if value else value.copy_abs(), unit.decode("ascii"), None, raw)


def _bare(word: bytes, status: bytes, raw: bytes) -> Reading:
    if status not in _BARE_STATUS.get(word, b""):
        return fault("unparseable", raw)
    if status in _STATUS_ERROR:
        return fault(_STATUS_ERROR[status], raw)
    if status == b"B":
        return Reading("pending", None, None, None, None, raw)
    return Reading("ack", {b"S": True, b"D": False}.get(status), None, None, None, raw)
