"""Reading the fields of one case, each refused in words that name it."""

import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, NoReturn

from app.core.errors import Invalid

Case = Mapping[str, Any]

_DECIMAL = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?(?:Z|[+-][0-9]{2}:[0-9]{2})"
)


class CaseFault(Invalid):
    """The line itself is wrong, whatever the rule would say."""


def refuse(name: str, sentence: str) -> NoReturn:
    """Refuse the line because of one field. Raises CaseFault."""
    raise CaseFault({name: sentence})


def given(case: Case, name: str) -> Any:
    if name not in case:
        refuse(name, f"'{name}' is missing.")
    return case[name]


def text_of(case: Case, name: str) -> str:
    value = given(case, name)
    return value if isinstance(value, str) else refuse(name, f"'{name}' must be a text in quotes.")


def texts_of(case: Case, name: str) -> list[str]:
    value = case.get(name, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        refuse(name, f"'{name}' must be a list of texts.")
    return value


def yes_no_of(case: Case, name: str) -> bool:
    value = given(case, name)
    return value if isinstance(value, bool) else refuse(name, f"'{name}' must be true or false.")


def decimal_of(case: Case, name: str, *, fraction: bool = False) -> Decimal:
    """A decimal from its text; a JSON number only where it is whole, or where a `fraction` is asked for."""
    value = given(case, name)
    if isinstance(value, str) and len(value) <= 100 and _DECIMAL.fullmatch(value):
        return Decimal(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    if isinstance(value, Decimal) and fraction:
        return value
    refuse(name, f"'{name}' must be a decimal number in quotes, such as \"0.5\".")


def whole_of(case: Case, name: str) -> int:
    value = given(case, name)
    if isinstance(value, str) and re.fullmatch("[0-9]{1,9}", value):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    refuse(name, f"'{name}' must be a whole number.")


def instant_of(text: str, name: str) -> datetime:
    if not _INSTANT.fullmatch(text):
        refuse(name, f"'{text[:40]}' is not an instant: write it with its offset, as 2026-03-03T14:10:00-05:00.")
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        refuse(name, f"'{text}' is not in the calendar.")
