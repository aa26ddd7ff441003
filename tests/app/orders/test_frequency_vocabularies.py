"""The frequencies that real hospitals write: how many are read where nobody had looked, and that no clock is wrong.

The eICU hospitals are split by a rule that nobody can lean on: a hospital was seen when the first byte of the SHA-256
of "eicu hospital <number>" is even. The grammar was written on the rows of the seen ones alone; of the others only the
share that was read, and the kinds and numbers of reasons, were looked at while it was written. What is read of them is
compared here with a second reader that knows nothing of the first: it looks for single signs and says how many doses
a month has and how far apart they are. Every distinct reading was also looked at by eye, once.
"""

import csv
import gzip
import hashlib
import os
import re
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest

from app.orders.due import doses_in
from app.orders.frequency import Meaning, Unread, read_frequency
from app.orders.schedule import AsNeeded, Continuous, Schedule, Window
from app.orders.times_table import DEFAULT

DATA = Path(os.environ.get("LAMINAR_DATA", Path(__file__).parents[4] / "shared" / "data"))
EICU, TERMS = DATA / "orders" / "eicu-demo-2.0.1", DATA / "terminology"
pytestmark = pytest.mark.skipif(not EICU.exists(), reason="the vocabularies (LAMINAR_DATA, eICU) are not here")

START = datetime(2026, 6, 1, tzinfo=UTC)  # a Monday
DAYS = 28
HOUR = timedelta(hours=1)


def seen(hospital: str) -> bool:
    return hashlib.sha256(f"eicu hospital {hospital}".encode()).digest()[0] % 2 == 0


@cache
def rows() -> tuple[Counter[str], Counter[str]]:
    """Frequencies with their numbers of rows: of the hospitals seen, and of the others. Empty ones say nothing."""

    def table(name: str) -> list[dict[str, str]]:
        with gzip.open(EICU / f"{name}.csv.gz", "rt", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    hospital = {row["patientunitstayid"]: row["hospitalid"] for row in table("patient")}
    found: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
    for row in table("medication"):
        if row["frequency"].strip():
            found[0 if seen(hospital[row["patientunitstayid"]]) else 1][row["frequency"]] += 1
    return found


def terms(name: str, column: str) -> list[str]:
    with (TERMS / name).open(encoding="utf-8") as file:
        return [row[column] for row in csv.DictReader(file)]


def read(text: str) -> Meaning | Unread:
    return read_frequency(text, DEFAULT)


def share(texts: Counter[str]) -> float:
    return sum(n for text, n in texts.items() if isinstance(read(text), Meaning)) / texts.total()


def test_of_hospitals_that_nobody_looked_at_94_rows_of_100_are_read() -> None:
    known, unknown = rows()
    assert (known.total(), unknown.total()) == (26464, 24515)
    assert share(known) >= 0.96
    assert share(unknown) >= 0.94


def test_every_frequency_that_is_not_read_says_why() -> None:
    for text in (*rows()[0], *rows()[1], *terms("bidmc_frequency.csv", "code")):
        found = read(text)
        if isinstance(found, Unread):
            assert found.why.endswith(".") and len(found.why.split()) > 5, text


# --- the second reader ---

Judge = Callable[[list[datetime]], bool]


def nothing(doses: list[datetime]) -> bool:
    return not doses


def one(doses: list[datetime]) -> bool:
    return doses == [START] or len(doses) == 1


def a_day(n: int, gap: timedelta | None = None) -> Judge:
    """n doses on every day; `gap` apart where that was said."""

    def judge(doses: list[datetime]) -> bool:
        per_day = Counter(each.date() for each in doses)
        even = gap is None or {b - a for a, b in zip(doses, doses[1:], strict=False)} == {gap}
        return set(per_day.values()) == {n} and len(per_day) == DAYS and even

    return judge


def each(gap: timedelta) -> Judge:
    return lambda doses: len(doses) > 1 and {b - a for a, b in zip(doses, doses[1:], strict=False)} == {gap}


def exactly(*clock: str) -> Judge:
    return lambda doses: {f"{d:%H%M}" for d in doses} == set(clock) and a_day(len(clock))(doses)


def between(first: str, last: str, n: int) -> Judge:
    return lambda doses: a_day(n)(doses) and all(first <= f"{d:%H%M}" <= last for d in doses)


def on(days: set[int]) -> Judge:
    return lambda doses: {d.weekday() for d in doses} == days and len(doses) == 4 * len(days)


def expected(text: str) -> Judge | None:
    """What single signs of a text promise, by rules of their own; None where there is no sign."""
    t = re.sub(r"\s+", " ", text.upper()).strip()
    limit = re.search(r"(?<![\d])X ?(\d+)$", t)
    if re.search(r"PRN|NEEDED|CONT|INFUS|TITR|DRIP|CALL|PROC|PREOP|DIALYS|STK|PYXIS|USE ONLY", t):
        return nothing
    if re.search(r"DIRECTED|AS-DIR|^UD$|^\w+P$", t):
        return nothing
    if re.search(r"^(ONCE|ONE\b|ONETIME|OTO|STAT|NOW|1X(ONLY)?( |$)|X1)", t) and "PER DAY" not in t:
        return one
    if limit and int(limit[1]) > 0:
        whole = expected(t[: limit.start()].strip())
        count = int(limit[1])
        return (lambda doses: len(doses) == count) if whole else None
    if re.search(r"MON|MWF", t):
        return on({0, 2, 4})
    clock = re.findall(r"(?<!\d)([01]\d|2[0-3])([0-5]\d)(?!\d)", t)
    pairs = re.search(r"\(([\d ]+)\)", t)
    if clock:
        return exactly(*("".join(each) for each in clock))
    if pairs and re.fullmatch(r"\d\d( \d\d)+", pairs[1]):
        return exactly(*(f"{hour}00" for hour in pairs[1].split()))
    if hours := re.search(r"(?:^|Q|Q |EVERY ?)\.?(\d+) ?H", t) or re.search(r"Q ?(6|8|12)$", t):
        n = int(hours[1])
        return each(n * HOUR) if "INT" in t or 24 % n or n >= 24 else a_day(24 // n, n * HOUR)
    if minutes := re.search(r"Q(\d+) ?MIN", t):
        return each(int(minutes[1]) * timedelta(minutes=1))
    if re.search(r"OTHER DAY|Q2DAYS", t):
        return each(48 * HOUR)
    if "WEEKLY" in t:
        return each(timedelta(days=7))
    night = bool(re.search(r"HS\b|NIGHT|BEDTIME", t))
    meal = bool(re.search(r"\bAC|AC\b|MEAL|\bW[CM]|WM\b|BREAKFAST|DINNER|SUPPER|\bPC", t))
    times = 0
    for sign, n in (("BID|^2|TWICE", 2), ("TID|^3", 3), ("QID|^4", 4)):
        if re.search(sign, t):
            times = n
    if meal and night:
        return lambda doses: a_day(4)(doses) and max(f"{d:%H%M}" for d in doses) == "2100"
    if re.search("BREAKFAST|AM AC", t):
        return between("0700", "0930", 1)
    if re.search("DINNER|SUPPER", t):
        return between("1600", "1830", 1)
    if meal:
        return between("0700", "1830", times or 3)
    if times:
        return a_day(times)
    if night:
        return between("2000", "2200", 1)
    if re.search(r"PM|EVENING", t):
        return between("1700", "2100", 1)
    if re.search(r"AM|MORNING", t):
        return between("0600", "1000", 1)
    return a_day(1) if re.search(r"DAILY|DAY", t) else None


@pytest.mark.parametrize("which", ["seen", "not seen"])
def test_no_clock_is_wrong(which: str) -> None:
    window = Window(START, START + timedelta(days=DAYS))
    unjudged, wrong = [], []
    for text in rows()[which == "not seen"]:
        found = read(text)
        if isinstance(found, Unread):
            continue
        judge = expected(text)
        if judge is None:
            unjudged.append(text)
            continue
        rhythm = found.rhythm
        if isinstance(rhythm, (AsNeeded, Continuous)):
            doses = []
        else:
            doses = [due.at for due in doses_in(Schedule(rhythm, START, count=found.count), window, "UTC")]
        if not judge(doses):
            wrong.append(text)
    assert wrong == []
    assert unjudged == [], "every reading has a second opinion"


def test_the_teaching_hospitals_and_the_va_codes() -> None:
    codes = terms("bidmc_frequency.csv", "code")
    unread = {text for text in codes if isinstance(read(text), Unread)}
    assert len(codes) == 163 and len(unread) <= 40
    # What is not read names two orders, days without saying which, places, or instructions elsewhere.
    reasons = re.compile(r"MR|WEEK|MO$|/DAY|LUMEN|CHART|PROTOCOL|PRN|THEN|WA|MIN|\d$|&|BOLUS|DAYS|2X")
    assert all(reasons.search(text) for text in unread)
    va = terms("vista_51.1_administration_schedule.csv", "name")
    assert [text for text in va if isinstance(read(text), Unread)] == []
