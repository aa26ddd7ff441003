"""Numbers in the one form that screen, label and report share."""

from decimal import Decimal


def number(value: Decimal) -> str:
    """Write a number so that it cannot be misread: 1,000 and 0.5, never 1.0, .5 or 1E+3.

    Value: any finite Decimal; every digit that says something is kept, rounding is the caller's named act.
    Raises ValueError for NaN and infinity. Source: ISMP list of error-prone dose designations.
    """
    text = measured(value)
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def measured(value: Decimal) -> str:
    """Write a balance reading with exactly the decimals the balance sent (28.410), for readings, never doses.

    Raises ValueError for NaN and infinity.
    """
    if not value.is_finite():
        raise ValueError(f"{value} is not a number that can be shown.")
    text = format(value, ",f")
    return text[1:] if value.is_zero() and text.startswith("-") else text
