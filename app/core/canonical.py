"""One way to write facts down so that they can be hashed: the text is stored, hashed and never written again."""

import hashlib
import json
from dataclasses import asdict, is_dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any


def canonical(facts: Any) -> str:
    """Write facts as canonical JSON: sorted keys, no blanks, decimals as text, instants in UTC to the microsecond.

    A float is refused, because its text is not its value. Raises TypeError, ValueError (naive time).
    """
    return json.dumps(_plain(facts), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def sha256(text: str | bytes) -> str:
    """Hash text (as UTF-8) or bytes; 64 lower-case hexadecimal digits."""
    return hashlib.sha256(text.encode() if isinstance(text, str) else text).hexdigest()


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return _plain({k: v for k, v in asdict(value).items()})
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, frozenset, set)):
        items = [_plain(v) for v in value]
        return sorted(items) if isinstance(value, (set, frozenset)) else items
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError(f"An instant without a zone cannot be recorded: {value!r}")
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, bool) or value is None or isinstance(value, (str, int)):
        return value
    raise TypeError(f"{type(value).__name__} has no canonical form: {value!r}")
