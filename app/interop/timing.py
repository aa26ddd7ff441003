"""When doses are due, as a message says it: TQ1, RXE-1 and ORC-7 read into one shape, in order of precedence.

The sender's frequency word is kept, not interpreted: what clock it means belongs to the order's schedule.
Sources: HL7 v2.5.1 chapter 4 (TQ, TQ1, RPT) and table 0335; v2.3 chapter 4 (TQ, RI).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import time

from app.interop.amounts import read_span
from app.interop.hl7 import Segment
from app.interop.stamps import SenderClock, read_stamp, read_time
from app.interop.understood import Timing

_PRIORITIES = {
    "S": "STAT", "STAT": "STAT", "A": "ASAP", "ASAP": "ASAP", "R": "routine", "ROU": "routine",
    "ROUTINE": "routine", "P": "preop", "C": "callback", "T": "timing critical", "TS": "timing critical",
    "TM": "timing critical", "TH": "timing critical", "TD": "timing critical", "PRN": "PRN",
}  # fmt: skip
_PATTERN = re.compile(
    r"\.?(Q\d+[SMHDWLJ][\dM]*|Q(AM|PM|HS|OD|SHIFT|DAY)|[BTQX\d]ID|C|CONT\w*|ONCE|DAILY|NOW|STAT|HS|PRN\w*)"
    r"([@&][\d,]+)?",
    re.IGNORECASE,
)
_PRN = re.compile(r"(^|[^A-Z])PRN", re.IGNORECASE)


def read_timings(
    encoded: Sequence[Segment], ordered: Sequence[Segment], rxe: Segment | None, orc: Segment | None,
    clock: SenderClock, warnings: list[str],
) -> tuple[Timing, ...]:  # fmt: skip
    """Read all timings of one order: TQ1 after RXE, else TQ1 after ORC, else RXE-1, else ORC-7.

    What the first source leaves empty is filled from the next; where two speak and disagree, the first is taken
    and remarked.
    """
    sources = [
        [timing for tq1 in encoded for timing in _from_tq1(tq1, "TQ1 after RXE", clock, warnings)],
        [timing for tq1 in ordered for timing in _from_tq1(tq1, "TQ1 after ORC", clock, warnings)],
        _from_tq(rxe, 1, clock, warnings) if rxe and not is_text(rxe) else [],
        _from_tq(orc, 7, clock, warnings) if orc else [],
    ]
    spoken = [source for source in sources if source]
    if not spoken:
        return ()
    chosen = spoken[0]
    for lower in spoken[1:]:
        for what in _disagreements(chosen, lower):
            warnings.append(
                f"{chosen[0].read_from} and {lower[0].read_from} disagree on the {what}: "
                f"{chosen[0].read_from} was taken. Compare with the prescriber's order."
            )
        if len(chosen) == 1 and len(lower) == 1:
            chosen = [_filled(chosen[0], lower[0])]
    return tuple(chosen)


def is_text(rxe: Segment) -> bool:
    """Whether RXE-1 holds an instruction instead of a timing: no component separator and no known pattern."""
    text = rxe.raw(1).strip()
    return bool(text) and rxe.delimiters.component not in text and not _PATTERN.fullmatch(text)


def same_pattern(one: Timing, other: Timing) -> bool:
    """Whether two timings name the same frequency and times, however they spell them (`DAILY&0900`, `DAILY@0900`)."""
    return _normal(one) == _normal(other)


def _from_tq1(tq1: Segment, where: str, clock: SenderClock, warnings: list[str]) -> list[Timing]:
    priorities = [tq1.part(text, 1).upper() for text in tq1.repetitions(9)]
    base = Timing(
        explicit_times=_times([tq1.part(text) for text in tq1.repetitions(4)], warnings),
        start=read_stamp(tq1.get(7), clock, "the start (TQ1-7)", warnings),
        end=read_stamp(tq1.get(8), clock, "the end (TQ1-8)", warnings),
        duration=read_span(_quantity(tq1, 6)),
        priority=next((_priority(text) for text in priorities if text and text != "PRN"), ""),
        prn="PRN" in priorities,
        condition=tq1.get(10, 0, 0),
        instruction=tq1.get(11, 0, 0),
        conjunction=tq1.get(12).upper(),
        infusion=read_span(_quantity(tq1, 13)),
        occurrences=_count(tq1.get(14), warnings),
        quantity=_quantity(tq1, 2),
        read_from=where,
    )
    sent = {"start": tq1.get(7), "end": tq1.get(8), "number of doses": tq1.get(14)}
    base = _marked(base, sent, [tq1.part(text) for text in tq1.repetitions(4)])
    found = []
    for text in tq1.repetitions(3):
        pattern, words = tq1.part(text, 1, 1), tq1.part(text, 1, 2)
        every, unit = tq1.part(text, 5), tq1.part(text, 6)
        if not pattern and every:
            words = words or f"every {every} {unit}".strip()
        if pattern or words:
            found.append(_with_pattern(base, pattern, words, warnings))
    return found or ([] if base == Timing(read_from=where) else [base])


def _from_tq(segment: Segment, field: int, clock: SenderClock, warnings: list[str]) -> list[Timing]:
    where = f"{segment.name}-{field}"
    found = []
    for text in segment.repetitions(field):
        bare = segment.delimiters.component not in text
        # A sender that fills only the first component with a known pattern means the interval.
        pattern = segment.part(text, 1) if bare and _PATTERN.fullmatch(text.strip()) else segment.part(text, 2)
        priority = segment.part(text, 6).upper()
        timing = Timing(
            explicit_times=_times(re.split(r"[,\s]+", segment.part(text, 2, 2)), warnings),
            start=read_stamp(segment.part(text, 4), clock, f"the start ({where})", warnings),
            end=read_stamp(segment.part(text, 5), clock, f"the end ({where})", warnings),
            duration=read_span(segment.part(text, 3)),
            priority="" if priority == "PRN" else _priority(priority),
            prn=priority == "PRN",
            condition=segment.part(text, 7, 0),
            instruction=segment.part(text, 8, 0),
            conjunction=segment.part(text, 9).upper(),
            infusion=read_span(segment.part(text, 11)),
            occurrences=_count(segment.part(text, 12), warnings),
            quantity="" if bare and pattern else _joined(segment, text, 1),
            read_from=where,
        )
        sent = {"start": segment.part(text, 4), "end": segment.part(text, 5), "number of doses": segment.part(text, 12)}
        timing = _marked(timing, sent, re.split(r"[,\s]+", segment.part(text, 2, 2)))
        if pattern or timing != Timing(read_from=where):
            found.append(_with_pattern(timing, pattern, "", warnings))
    return found


def _marked(timing: Timing, sent: Mapping[str, str], times: Sequence[str]) -> Timing:
    """Note what was sent and not read: a dose is not planned around it as if nothing had been said."""
    read = {"start": timing.start, "end": timing.end, "number of doses": timing.occurrences}
    unread = [name for name, text in sent.items() if text and read[name] is None]
    if len(timing.explicit_times) < len([text for text in times if text]):
        unread.append("times")
    return replace(timing, unread=tuple(unread))


def _with_pattern(timing: Timing, pattern: str, words: str, warnings: list[str]) -> Timing:
    times = timing.explicit_times
    inside = re.fullmatch(r"(.*?)[@&]([\d,:]+)", pattern)
    unread = timing.unread
    if inside and not times:
        written = [text for text in inside.group(2).split(",") if text]
        times = _times(written, warnings)
        unread += ("times",) if len(times) < len(written) else ()
    elif not inside and re.search(r"[@&].", pattern):
        unread += ("times",)
    prn = timing.prn or bool(_PRN.search(pattern))
    return replace(timing, pattern=pattern, pattern_text=words, explicit_times=times, prn=prn, unread=unread)


def _filled(high: Timing, low: Timing) -> Timing:
    empty = Timing()
    names = [
        "start", "end", "duration", "priority", "condition", "instruction", "occurrences", "infusion",
        "quantity", "prn",
    ]  # fmt: skip
    # A frequency and its times are one statement and are never put together from two sources.
    if not high.pattern and not high.explicit_times and not high.pattern_text:
        names += ["pattern", "pattern_text", "explicit_times"]
    taken = {
        name: getattr(low, name)
        for name in names
        if getattr(high, name) == getattr(empty, name) and getattr(low, name) != getattr(empty, name)
    }
    if not taken:
        return high
    return replace(high, **taken, read_from=f"{high.read_from}, {low.read_from}")


def _disagreements(high: list[Timing], low: list[Timing]) -> list[str]:
    found = []
    if len(high) != len(low):
        return ["number of timings"]
    for one, other in zip(high, low, strict=True):
        if one.pattern and other.pattern and not same_pattern(one, other):
            found.append(f"frequency or its times ('{one.pattern}', '{other.pattern}')")
        for name in ("start", "end"):
            a, b = getattr(one, name), getattr(other, name)
            if a and b and a.instant != b.instant:
                found.append(f"{name} ('{a.text}', '{b.text}')")
        if one.priority and other.priority and one.priority != other.priority:
            found.append(f"priority ('{one.priority}', '{other.priority}')")
    return found


def _normal(timing: Timing) -> tuple[str, tuple[time, ...]]:
    word = re.split(r"[@&]", timing.pattern)[0]
    return re.sub(r"[^A-Z0-9/-]", "", word.upper()), tuple(sorted(timing.explicit_times))


def _priority(text: str) -> str:
    return _PRIORITIES.get(text, text)


def _times(texts: Sequence[str], warnings: list[str]) -> tuple[time, ...]:
    found = []
    for text in texts:
        if not text:
            continue
        at = read_time(text)
        if at is None:
            warnings.append(f"'{text[:20]}' is not a time of day: enter the times by hand.")
        else:
            found.append(at)
    return tuple(found)


def _count(text: str, warnings: list[str]) -> int | None:
    if not text:
        return None
    if re.fullmatch(r"\d{1,6}", text, re.ASCII):
        return int(text)
    warnings.append(f"'{text[:20]}' is not a number of doses: check how many were ordered.")
    return None


def _quantity(segment: Segment, field: int) -> str:
    text = next(iter(segment.repetitions(field)), "")
    return " ".join(part for part in (segment.part(text, 1), segment.part(text, 2)) if part)


def _joined(segment: Segment, text: str, component: int) -> str:
    return " ".join(part for part in (segment.part(text, component, 1), segment.part(text, component, 2)) if part)
