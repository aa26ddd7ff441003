"""The site's table of administration times: what a code means here, by unit, route and class of drug.

The table is data; this is the one that a hospital starts with. Source: unit-dose reference §2.3 (default table). Meal
times follow from its before-meal and after-meal rows: meals at 08:00, 12:00 and 17:00.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import time, timedelta
from enum import StrEnum

from app.core.errors import Invalid
from app.orders.schedule import AsNeeded, Interval, Once, Rhythm, Times


class Scope(StrEnum):
    """For whom a row counts; where several rows fit, the last one named here wins."""

    SITE = "site"
    UNIT = "unit"
    ROUTE = "route"
    DRUG_CLASS = "drug class"


_RISING = tuple(Scope)


@dataclass(frozen=True, slots=True)
class Where:
    """What an order says that may choose its row: unit code, route, class of drug; "" for not known."""

    unit: str = ""
    route: str = ""
    drug_class: str = ""


ANYWHERE = Where()


@dataclass(frozen=True, slots=True)
class Row:
    """One code, or a text that senders write, and the rhythm it stands for within its scope.

    `key` names the unit, route or class of drug. The rhythm has no anchor: that comes with the order. Raises Invalid.
    """

    code: str
    rhythm: Rhythm
    scope: Scope = Scope.SITE
    key: str = ""
    time_critical: bool = False

    def __post_init__(self) -> None:
        if self.code != tidied(self.code) or not self.code:
            raise Invalid({"code": "Write the code in capitals, with single blanks."})
        if (self.scope is Scope.SITE) != (not self.key):
            raise Invalid({"key": f"Name the {self.scope} that this row is for." if self.scope is not Scope.SITE
                          else "A row for the whole site names no unit, route or drug class."})  # fmt: skip
        match self.rhythm:
            case Times(anchor=anchor) | Interval(anchor=anchor) | Once(at=anchor):
                if anchor is not None:
                    raise Invalid({"anchor": "A row of the table has no first dose of its own."})


@dataclass(frozen=True, slots=True)
class TimesTable:
    """All rows in force. A code stands once in each scope and key."""

    rows: tuple[Row, ...]
    _by: dict[tuple[str, Scope, str], Row] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by = {(row.code, row.scope, row.key.casefold()): row for row in self.rows}
        if len(by) < len(self.rows):
            raise Invalid({"code": "A code stands twice for the same unit, route or drug class."})
        object.__setattr__(self, "_by", by)

    def row(self, code: str, where: Where = ANYWHERE) -> Row | None:
        """The row of a code that counts for an order: its drug class before its route, its unit, the site."""
        keys = {Scope.SITE: "", Scope.UNIT: where.unit, Scope.ROUTE: where.route, Scope.DRUG_CLASS: where.drug_class}
        for scope in reversed(_RISING):
            found = self._by.get((code, scope, keys[scope].casefold()))
            if found is not None and (scope is Scope.SITE or keys[scope]):
                return found
        return None

    def times(self, code: str, where: Where = ANYWHERE) -> tuple[time, ...]:
        """The times of day of a code, () when the table has none for it."""
        row = self.row(code, where)
        return row.rhythm.at if row is not None and isinstance(row.rhythm, Times) else ()


def tidied(text: str) -> str:
    """A text as the table knows it: capitals, single blanks."""
    return " ".join(text.upper().split())


def clock_times(text: str) -> tuple[time, ...]:
    """Times of day written as 0900 or 09:00 with blanks or commas between; 2400 is 00:00. Raises Invalid."""
    return tuple(sorted({clock_time(each) for each in text.replace(",", " ").split()}))


def clock_time(text: str) -> time:
    """A time of day written as 0900 or 09:00; 2400 is 00:00 of the next date. Raises Invalid."""
    digits = text.replace(":", "", 1)
    if len(digits) != 4 or not digits.isdecimal() or not digits.isascii() or int(digits[2:]) > 59 or digits > "2400":
        raise Invalid({"times": f"'{text[:20]}' is not a time of day: write it as 09:00."})
    return time(int(digits[:2]) % 24, int(digits[2:]))


def every(hours: int, first: int = 0) -> str:
    """The grid of times every so many hours, from the first hour on."""
    return " ".join(f"{hour:02}00" for hour in range(first, 24, hours))


def rows(written: Iterable[tuple[str, str]], scope: Scope = Scope.SITE, key: str = "") -> tuple[Row, ...]:
    """Rows of codes with their times as written."""
    return tuple(Row(code, Times(clock_times(times)), scope, key) for code, times in written)


_IV_HOURS = (1, 2, 3, 4, 6, 8, 12, 24, 48, 72)
_DOSES_A_DAY = {"DAILY": 1, "QD": 1, "QHS": 1, "HS": 1, "BID": 2, "TID": 3, "QID": 4}

DEFAULT = TimesTable(
    (
        *rows(
            {
                "DAILY": "0900", "Q24H": "0900", "QAM": "0900", "QPM": "1800", "QHS": "2100", "NOON": "1200",
                "BID": "0900 2100", "Q12H": "0900 2100", "TID": "0900 1400 2100", "QID": "0900 1300 1700 2100",
                "Q1H": every(1), "Q2H": every(2), "Q3H": every(3), "Q4H": every(4, 2), "Q6H": every(6),
                "Q8H": every(8, 6),
                "AC": "0730 1130 1630", "PC": "0900 1300 1800", "WITH MEALS": "0800 1200 1700",
                "ACHS": "0730 1130 1630 2100", "PCHS": "0900 1300 1800 2100", "WITH MEALS HS": "0800 1200 1700 2100",
                "AC BREAKFAST": "0730", "AC LUNCH": "1130", "AC DINNER": "1630",
                "PC BREAKFAST": "0900", "PC LUNCH": "1300", "PC DINNER": "1800",
                "BREAKFAST": "0800", "LUNCH": "1200", "DINNER": "1700",
                "BID AC": "0730 1630", "BID PC": "0900 1800", "BID WITH MEALS": "0800 1700",
            }.items()
        ),
        *rows([("BID", "0900 1500")], Scope.DRUG_CLASS, "diuretic"),
        # A bag runs from its first dose, which the prescriber's system names; a site that wants the grid says so.
        *(Row(f"Q{hours}H", Interval(timedelta(hours=hours)), Scope.ROUTE, "IV") for hours in _IV_HOURS),
        # A P at the end is a custom of some senders, not of the trade: read by the table, never by the grammar.
        *(Row(f"Q{hours}HP", AsNeeded(apart=timedelta(hours=hours))) for hours in (1, 2, 3, 4, 6, 8, 12)),
        *(Row(f"{code}P", AsNeeded(a_day=doses)) for code, doses in _DOSES_A_DAY.items()),
        Row("PRNP", AsNeeded()),
    )
)  # fmt: skip
