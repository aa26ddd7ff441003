"""A schedule as it is stored beside its order's start and stop, and read back as the same value."""

import json
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any

from app.core.canonical import canonical
from app.orders.schedule import DAYS, AsNeeded, Continuous, Interval, Once, Rhythm, Schedule, Times

KINDS = ("times", "interval", "once", "as needed", "continuous")
REPEATING = ("times", "interval")
_MINUTE = timedelta(minutes=1)


def kind_of(rhythm: Rhythm) -> str:
    """The word for a rhythm, one of KINDS."""
    match rhythm:
        case Times():
            return "times"
        case Interval():
            return "interval"
        case Once():
            return "once"
        case AsNeeded():
            return "as needed"
    return "continuous"


def rhythm_facts(rhythm: Rhythm) -> dict[str, Any]:
    """A rhythm as plain facts; what stands at its usual value is left out. Instants stay instants."""
    facts: dict[str, Any] = {"kind": kind_of(rhythm)}
    match rhythm:
        case Times():
            facts["at"] = [f"{each:%H:%M}" for each in rhythm.at]
            if rhythm.weekdays:
                facts["weekdays"] = [DAYS[day] for day in rhythm.weekdays]
            for name in ("every_days", "every_months"):
                if getattr(rhythm, name) > 1:
                    facts[name] = getattr(rhythm, name)
            facts |= {"month_day": rhythm.month_day, "anchor": rhythm.anchor}
        case Interval():
            facts |= {"minutes": rhythm.every // _MINUTE, "anchor": rhythm.anchor}
        case Once():
            facts["at"] = rhythm.at
        case AsNeeded():
            facts |= {"a_day": rhythm.a_day, "apart": rhythm.apart // _MINUTE if rhythm.apart else None}
            facts["when"] = rhythm.when or None
    return {name: value for name, value in facts.items() if value is not None}


def written_rhythm(rhythm: Rhythm) -> str:
    """A rhythm as canonical JSON."""
    return canonical(rhythm_facts(rhythm))


@lru_cache(maxsize=4096)
def read_rhythm(text: str) -> Rhythm:
    """The rhythm that `written_rhythm` wrote."""
    return _rhythm(json.loads(text))


def written_schedule(schedule: Schedule) -> str:
    """A schedule without its start and stop, as canonical JSON."""
    facts = {
        "rhythm": rhythm_facts(schedule.rhythm),
        "count": schedule.count,
        "first_dose": schedule.first_dose,
        "time_critical": schedule.time_critical or None,
    }
    return canonical({name: value for name, value in facts.items() if value is not None})


def read_schedule(text: str, start: datetime | None, stop: datetime | None) -> Schedule:
    """The schedule that `written_schedule` wrote, between its start and stop (UTC)."""
    rhythm, count, first_dose, time_critical = _read(text)
    return Schedule(rhythm, start, stop, count, first_dose, time_critical)


# Most orders of a hospital share a few dozen rhythms.
@lru_cache(maxsize=65536)
def _read(text: str) -> tuple[Rhythm, int | None, datetime | None, bool]:
    facts = json.loads(text)
    first = facts.get("first_dose")
    return _rhythm(facts["rhythm"]), facts.get("count"), _instant(first), facts.get("time_critical", False)


def _rhythm(facts: dict[str, Any]) -> Rhythm:
    match facts["kind"]:
        case "times":
            return Times(
                tuple(time.fromisoformat(each) for each in facts["at"]),
                tuple(DAYS.index(day) for day in facts.get("weekdays", ())),
                facts.get("every_days", 1),
                facts.get("month_day"),
                facts.get("every_months", 1),
                date.fromisoformat(facts["anchor"]) if "anchor" in facts else None,
            )
        case "interval":
            return Interval(facts["minutes"] * _MINUTE, _instant(facts.get("anchor")))
        case "once":
            return Once(_instant(facts.get("at")))
        case "as needed":
            apart = facts.get("apart")
            return AsNeeded(apart * _MINUTE if apart else None, facts.get("a_day"), facts.get("when", ""))
    return Continuous()


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).astimezone(UTC) if text else None
