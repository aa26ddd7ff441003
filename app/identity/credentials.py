"""What a person knows and carries: rules for PINs and passwords, hashing, badge codes, tokens and one-time codes.

Nothing here reads a clock or a database, and random bytes are an argument. Secrets are hashed with argon2id at
19 MiB, two passes, one lane: about 20 ms, and at most four at once, so that a burst of sign-ins at a change of shift
can not exhaust a small server. Sources: NIST SP 800-63B-4 §3.1.1 (length, block list, no composition rules), OWASP
password storage (argon2id profile), 21 CFR 11.300.
"""

import base64
import hashlib
import re
import threading
import unicodedata
from collections.abc import Iterable

from argon2 import PasswordHasher, Type
from argon2.exceptions import VerifyMismatchError

from app.core.codes import read_code
from app.core.errors import Invalid

AT_ONCE = 4
PIN_DIGITS = range(6, 13)
PASSWORD_MIN = 15
PASSWORD_MAX = 256
BADGE_RANDOM = 10
CODE_RANDOM = 15
TOKEN_RANDOM = 32

_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1, hash_len=32, salt_len=16, type=Type.ID)
_seats = threading.BoundedSemaphore(AT_ONCE)
_PIN = re.compile(r"[0-9]+", re.ASCII)
_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: no I, L, O, U to misread.

# A hash that nothing matches, of the same cost as a real one: an unknown badge takes the time of a wrong PIN.
_NOBODY = "$argon2id$v=19$m=19456,t=2,p=1$" + "A" * 22 + "$" + "A" * 43

# Words that a guesser of hospital passwords tries first; a password is refused when little else remains of it.
_SITE_WORDS = tuple("laminar pharmacy hospital compounding technician pharmacist nurse manager".split())
_COMMON_WORDS = tuple(
    "password passwort passphrase letmein welcome qwertyuiop qwerty asdfghjkl iloveyou administrator admin changeme "
    "secret abcdefghijklmnopqrstuvwxyz abc "
    "correcthorsebatterystaple 1234567890 123456789 12345678 1234567 123456 12345 1234 123".split()
)
_LEAST_REMAINDER = 6


def pin_fault(pin: str) -> str | None:
    """Say what is wrong with a PIN, or None: 6 to 12 digits, not all equal, not a run up or down."""
    if not _PIN.fullmatch(pin) or len(pin) not in PIN_DIGITS:
        return "A PIN has 6 to 12 digits and nothing else."
    steps = {(int(b) - int(a)) % 10 for a, b in zip(pin, pin[1:], strict=False)}
    if steps == {0}:
        return "A PIN of one repeated digit is guessed first. Choose another."
    if steps in ({1}, {9}):
        return "A PIN that counts up or down is guessed first. Choose another."
    return None


def password_fault(password: str, *, username: str = "", names: Iterable[str] = ()) -> str | None:
    """Say what is wrong with a password, or None: 15 to 256 characters, any of them, and not a guessable phrase.

    Guessable means: once common words, words of a hospital, the user name and the person's own `names` are taken
    out, fewer than six different characters remain. Source: NIST SP 800-63B-4 §3.1.1.2.
    """
    plain = _normal(password)
    if len(plain) < PASSWORD_MIN:
        return f"A password has at least {PASSWORD_MIN} characters. Four or five words make a good one."
    if len(plain) > PASSWORD_MAX:
        return f"A password has at most {PASSWORD_MAX} characters."
    own = [word for name in (username, *names) for word in re.split(r"\W+", _normal(name).casefold())]
    rest = plain.casefold()
    for word in sorted((*_COMMON_WORDS, *_SITE_WORDS, *own), key=len, reverse=True):
        if len(word) >= 3:
            rest = rest.replace(word, "")
    if len(set(rest)) < _LEAST_REMAINDER:
        return "This password is easily guessed. Use words that have nothing to do with you or with this hospital."
    return None


def hash_secret(secret: str) -> str:
    """Hash a PIN or a password with argon2id; the text carries salt and cost. Takes 20 ms: never inside a transaction.

    Raises Invalid for a secret too long to be one.
    """
    text = _bytes(secret)
    with _seats:
        return _hasher.hash(text)


def matches(secret: str, hashed: str | None) -> bool:
    """Tell whether a secret is the one that was hashed; None (nobody) takes the same time and is never right.

    Raises Invalid for a secret too long to be one.
    """
    text = _bytes(secret)
    with _seats:
        try:
            return _hasher.verify(hashed or _NOBODY, text) and hashed is not None
        except VerifyMismatchError:
            return False


def badge_sha256(scan: str) -> str:
    """Hash a badge's code as scanned or typed (capitals, scanner prefix and blanks do not matter).

    Raises Invalid for a code that is no badge.
    """
    code = read_code(scan.strip().upper())
    if code is None or code.kind != "badge":
        raise Invalid({"badge": "That code is not a badge. Scan the badge that was printed for you."})
    return _sha256(code.text)


def badge_code(random: bytes) -> str:
    """Make the code of a new badge from 10 random bytes: BADGE- and 16 letters and digits (80 bits)."""
    return "BADGE-" + _written(random, BADGE_RANDOM)


def one_time_code(random: bytes) -> str:
    """Make a one-time code from 15 random bytes: six groups of four, to be read aloud or typed (120 bits)."""
    text = _written(random, CODE_RANDOM)
    return "-".join(text[i : i + 4] for i in range(0, len(text), 4))


def code_sha256(code: str) -> str:
    """Hash a one-time code as somebody typed it: blanks, small letters and O for 0, I or L for 1 are forgiven."""
    letters = re.sub(r"[\s-]", "", code).upper().translate(str.maketrans("OIL", "011"))
    return _sha256(letters)


def session_token(random: bytes) -> str:
    """Make a session token from 32 random bytes, for a cookie."""
    if len(random) != TOKEN_RANDOM:
        raise ValueError(f"A session token is made of {TOKEN_RANDOM} random bytes, not {len(random)}.")
    return base64.urlsafe_b64encode(random).rstrip(b"=").decode()


def token_sha256(token: str) -> str:
    """Hash a session token for its table, so that a copy of the table opens nothing."""
    return _sha256(token)


def _written(random: bytes, size: int) -> str:
    if len(random) != size:
        raise ValueError(f"This code is made of {size} random bytes, not {len(random)}.")
    number = int.from_bytes(random, "big")
    return "".join(_LETTERS[number >> shift & 31] for shift in range(8 * size - 5, -1, -5))


def _normal(text: str) -> str:
    # The same words typed on two keyboards can be different characters; NFKC makes them one.
    return unicodedata.normalize("NFKC", text)


def _bytes(secret: str) -> bytes:
    text = _normal(secret).encode("utf-8", "surrogatepass")
    if len(text) > 4 * PASSWORD_MAX:
        raise Invalid({"password": f"A password has at most {PASSWORD_MAX} characters."})
    return text


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
