"""The two guards between a text and the printer's command language: what goes in is data, what goes out is one label.

Sources: ZPL II programming guide (^FH, ^FD, ^FB, control character substitutes for ^XA, ^XZ and ^FS); Unicode NFC.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

LONGEST_FIELD = 200

PERMITTED = frozenset(
    {"XA", "XZ", "CI", "PW", "LL", "LH", "LS", "PO", "PQ"}  # the label: begin, end, encoding, size, origin, one copy
    | {"FO", "FT", "FB", "TB", "FR", "FH", "FD", "FS", "FX"}  # its fields
    | {"A", "GB", "GD", "GF", "BY", "BC", "BX"}  # type, lines, pictures, barcodes
)
"""Every command that one of our labels may hold. Darkness, media and saved settings are no label's affair."""

_NEVER = {
    "J": "would cancel, calibrate or save settings of the printer",
    "D": "would store something in the printer",
    "ID": "would delete something from the printer",
    "CC": "would change the command character",
    "CT": "would change the command character",
    "CD": "would change the delimiter",
    "KP": "would set the printer's password",
}
_SETTING = re.compile(rb"! ?U1? ", re.IGNORECASE)


@dataclass(frozen=True)
class Command:
    """One command of a job: its prefix (^ or ~), its name in capitals, its parameters and where it begins."""

    prefix: str
    name: str
    rest: bytes
    offset: int


def visible(text: str) -> str:
    """`text` in NFC without anything that cannot be seen.

    Line breaks and tabs become a blank, so that no two words run together; other control characters and format
    characters (bidirectional marks, zero-width joiners, lone surrogates) are dropped, for they only mislead a reader.
    """
    kept = (" " if letter in "\t\n\v\f\r\x85\u2028\u2029" else letter for letter in unicodedata.normalize("NFC", text))
    return "".join(letter for letter in kept if unicodedata.category(letter) not in ("Cc", "Cf", "Cs"))


def field_data(text: str, block: bool = False) -> str:
    """`text` as the data of `^FH_^FD…^FS` under `^CI28`: pure ASCII in which nothing is a command any more.

    ^ ~ _ ! (which begins a setting, `! U1`) and every byte beyond ASCII are written as `_XX`. In a `block` (^FB) a
    backslash stays a command even after hexadecimal decoding, so it becomes a slash there. Raises ValueError above
    LONGEST_FIELD characters.
    """
    shown = visible(text)
    if len(shown) > LONGEST_FIELD:
        raise ValueError(f"A field of {len(shown)} characters is too long for a label; {LONGEST_FIELD} are allowed.")
    if block:
        shown = shown.replace("\\", "/")
    return "".join(chr(byte) if _plain(byte) else f"_{byte:02X}" for byte in shown.encode("utf-8"))


def audit_job(job: bytes) -> None:
    """Let pass only a job that is exactly one label made of permitted commands; raise ValueError in words otherwise.

    This is the last look before the bytes leave: it trusts neither the template nor the escaping.
    """
    if control := re.search(rb"[\x00-\x09\x0b\x0c\x0e-\x1f\x7f]", job):
        raise ValueError(
            f"The job holds the control byte {control[0].hex().upper()} at {control.start()}: printers take some of "
            "these for commands."
        )
    try:
        job.decode("utf-8")
    except UnicodeDecodeError as wrong:
        raise ValueError(f"The job is not UTF-8 at byte {wrong.start}.") from None
    if setting := _SETTING.search(job):
        raise ValueError(f"The job would change a setting of the printer at byte {setting.start()} (! U1).")
    found = list(commands(job))
    for command in found:
        _refuse_forbidden(command)
    names = [command.name for command in found]
    if not names:
        raise ValueError("The job holds no label.")
    if names.count("XA") != 1 or names.count("XZ") != 1 or names[0] != "XA" or names[-1] != "XZ":
        raise ValueError(
            f"The job must be exactly one label, ^XA to ^XZ; it has {names.count('XA')} beginnings and "
            f"{names.count('XZ')} ends."
        )
    if job[: found[0].offset].strip() or found[-1].rest.strip():
        raise ValueError("The job has text outside of its label.")


def commands(job: bytes) -> Iterator[Command]:
    """The commands of `job` in order, as a printer with the usual command characters reads them."""
    starts = [match.start() for match in re.finditer(rb"[\^~]", job)]
    for start, end in pairwise([*starts, len(job)]):
        text = job[start + 1 : end]
        letters = text[:2].decode("latin-1").upper()
        # ^A is the one command of one letter; what follows is the font's name.
        name = "A" if letters[:1] == "A" and job[start : start + 1] == b"^" else letters
        yield Command(chr(job[start]), name, text[len(name) :], start)


def _plain(byte: int) -> bool:
    return 0x20 <= byte < 0x7F and byte not in b"^~_!"


def _refuse_forbidden(command: Command) -> None:
    shown = command.prefix + command.name
    for beginning, harm in _NEVER.items():
        if command.name.startswith(beginning) and (beginning != "D" or command.prefix == "~" or command.name == "DF"):
            raise ValueError(f"The job holds {shown} at byte {command.offset}, which {harm}.")
    if command.prefix == "~" or command.name not in PERMITTED:
        raise ValueError(f"The job holds {shown} at byte {command.offset}, which no label of ours needs.")
    if command.name == "FH" and command.rest.strip() != b"_":
        raise ValueError(f"The job changes the escape character at byte {command.offset}; it must be _.")
    if command.name == "PQ" and command.rest.split(b",")[0].strip() != b"1":
        raise ValueError(f"The job asks for several copies at byte {command.offset}; each label has its own serial.")
