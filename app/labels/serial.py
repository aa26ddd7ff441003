"""The serial that makes every printed label its own."""

import re
from functools import reduce

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: no I, L, O, U
_SERIAL = re.compile(rf"L-[{_ALPHABET}]{{10}}", re.ASCII)


def new_serial(random_bytes: bytes) -> str:
    """The serial `L-` and ten characters of Crockford's base 32, from at least 6 random bytes (45 bits are used).

    The last character is a check character over the field of 32 elements: any one wrong character, and any two
    neighbours swapped, are noticed. Raises ValueError for fewer than 6 bytes.
    """
    if len(random_bytes) < 6:
        raise ValueError("A label serial needs at least 6 random bytes.")
    number = int.from_bytes(random_bytes[:6], "big") & (1 << 45) - 1
    body = [number >> shift & 31 for shift in range(40, -1, -5)]
    return "L-" + "".join(_ALPHABET[value] for value in (*body, _check(body)))


def is_serial(text: str) -> bool:
    """True when `text` is a label serial whose check character is right."""
    if not _SERIAL.fullmatch(text):
        return False
    values = [_ALPHABET.index(letter) for letter in text[2:]]
    return _check(values[:-1]) == values[-1]


def typed_serial(text: str) -> str | None:
    """The serial that a person typed, small letters, blanks and the look-alikes I, L and O forgiven; else None."""
    body = re.sub(r"[\s-]", "", text.upper())
    body = body.removeprefix("L") if len(body) == 11 else body
    serial = "L-" + body.translate(str.maketrans("ILO", "110"))
    return serial if is_serial(serial) else None


def _check(values: list[int]) -> int:
    """Horner's rule over GF(32), polynomial x^5 + x^2 + 1: every place has its own weight."""
    return reduce(lambda total, value: _double(total ^ value), values, 0)


def _double(value: int) -> int:
    return (value << 1) ^ (0b100101 if value & 0b10000 else 0)
