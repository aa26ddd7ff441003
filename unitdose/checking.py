"""How a pharmacist looks at a drawer: exceptions first, then what carries risk line by line, then the rest at a glance.

Every line of tier A is looked at; tier B are single packages of which every one was scanned with its lot.
Source: unit-dose reference §2.9 (risk tiers; checking by another person than the one who filled).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from unitdose.drawer_queries import DrawerStanding, PutFacts
from unitdose.plan import DUPLICATE
from unitdose.queries import LineFacts
from unitdose.routes import IN_WORDS, Reason

ADULT = 18
_HIGHLIGHTS = {
    "DST_SHIFTED": "its time does not exist that night: moved forward",
    "DST_REPEAT": "its hour comes twice that night: given the first time",
    "DST_MERGED": "two of its times fall together that night: one is given",
    "SHORT_GAP": "the clock change makes the time since the last dose short",
    "LONG_GAP": "the clock change makes the time since the last dose long",
}


@dataclass(frozen=True, slots=True)
class Seen:
    """One line as it is checked: what was planned, what was scanned, why it needs a look, and what is wrong with it."""

    line: LineFacts
    put: tuple[PutFacts, ...]
    why_a: tuple[str, ...]
    wrong: tuple[str, ...]

    @property
    def tier(self) -> str:
        return "A" if self.why_a else "B"


def seen_lines(standing: DrawerStanding, born: date | None, today: date) -> tuple[Seen, ...]:
    """Every line of a drawer as it is checked: what is wrong first, then tier A, then by time."""
    child = born is not None and _years(born, today) < ADULT
    found = [_seen(line, standing.put_for(line.line_id), child) for line in standing.lines]
    return tuple(sorted(found, key=lambda each: (not each.wrong, each.tier, each.line.due_at is None)))


def _years(born: date, today: date) -> int:
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


def _seen(line: LineFacts, put: tuple[PutFacts, ...], child: bool) -> Seen:
    return Seen(line, put, tuple(_why_a(line, put, child)), tuple(_wrong(line)))


def _why_a(line: LineFacts, put: tuple[PutFacts, ...], child: bool) -> Iterable[str]:
    package = line.package
    if package is None:
        return
    if line.order.high_alert or package.high_alert:
        yield "high alert"
    if child:
        yield "a child"
    if package.hazardous:
        yield "hazardous"
    if line.says:
        yield line.says
    if package.half_of_id is not None:
        yield "split by the pharmacy"
    if any(not each.coded for each in put):
        yield "lot read by eye"
    if line.due_at is None:
        yield "as needed"


def _wrong(line: LineFacts) -> Iterable[str]:
    if line.short:
        yield f"{line.short} short: {line.short_why}"
    if line.reason is Reason.ADC_OUT:
        yield IN_WORDS[Reason.ADC_OUT]
    for flag in line.flags:
        if flag == DUPLICATE:
            yield "another order gives the same drug at the same time"
        elif flag in _HIGHLIGHTS:
            yield _HIGHLIGHTS[flag]


def sentence(standing: DrawerStanding, lines: tuple[Seen, ...]) -> str:
    """One sentence that says what lies in a drawer and whether anything is unusual."""
    put = len(standing.put)
    doses = len(standing.lines)
    looks = sum(each.tier == "A" for each in lines)
    unusual = sum(bool(each.wrong) for each in lines) + len(standing.struck)
    told = f"{_of(doses, 'dose')} in {_of(put, 'package')}, every package scanned; "
    told += f"{_of(looks, 'dose')} to look at; " if looks else "nothing that needs a closer look; "
    return told + (f"{_of(unusual, 'exception')}." if unusual else "nothing unusual.")


def _of(count: int, what: str) -> str:
    return f"1 {what}" if count == 1 else f"{count} {what}s"
