"""The JSON schema of `laminar rule schedule`, which also says what it makes of every corner."""

from typing import Any, Final

KINDS: Final = ("times", "interval", "once", "as needed", "continuous")
_WALL = {
    "type": "string",
    "description": (
        "local wall time, 2026-06-09T15:00; in the hour that comes twice its first pass, out of the hour that does "
        "not exist moved forward by the gap, for windows, starts and stops as for doses; an offset after it decides"
    ),
}


def _told(schema: dict[str, Any], words: str, *, empty: bool = True) -> dict[str, Any]:
    kinds = {"type": [schema["type"], "null"]} if empty and "type" in schema else {}
    return {**schema, **kinds, "description": words}


_TEXT = {"type": "string"}
_TEXTS = {"type": "array", "items": _TEXT}
_WHOLE = {"type": "integer", "minimum": 1}

_ORDER: Final[dict[str, Any]] = {
    "frequency": _told(
        _TEXT,
        "as people write it (BID, q6h prn, QMWF, TID x 5 doses), read by the default table of administration times and "
        "the grammar; what cannot be read is refused. Either this or kind",
    ),
    "kind": {
        "enum": list(KINDS),
        "description": (
            "'times' needs times; 'interval' needs interval, and an anchor or a start; 'once' is due at its anchor, "
            "its start, or the next of its one time; 'as needed' (also PRN) and 'continuous' plan no doses"
        ),
    },
    "times": _told(
        _TEXTS,
        "times of day, 09:00 or 0900; 24:00 is 00:00 of the next date, and refused beside named days. Beside a "
        "frequency they stand for its times in the table and must be as many",
    ),
    "interval": _told(_TEXT, "ISO 8601 duration (PT36H) of elapsed time: the wall time drifts when the clocks change"),
    "anchor": _told(
        _TEXT,
        "the first dose, before which none is planned: a wall time, or for every_days its date. Without it, an "
        "interval counts from the start and every_days from the date of the first dose after the start",
    ),
    "start": _told(
        _WALL,
        "included. A single dose written for a time before the window (STAT) is not of the window: it belongs to the "
        "first-dose queue",
    ),
    "stop": _told(_WALL, "excluded. A stop before the start is refused; one at the start leaves no dose"),
    "count": _told(
        _WHOLE,
        "number of doses, counted from the first planned dose, in whichever window it falls; a first dose that was "
        "given counts",
    ),
    "first_given": _told(
        _WALL,
        "when the first dose was given off the table. It is not planned again; the table's next time is skipped when "
        "less than half of the gap that it fell into remains; an interval runs from it",
    ),
    "weekdays": _told(
        {"type": "array", "items": {"enum": ["MO", "TU", "WE", "TH", "FR", "SA", "SU"]}}, "none named: every day"
    ),
    "every_days": _told(_WHOLE, "2 is every other day"),
}
ORDER_FIELDS: Final = tuple(_ORDER)

SCHEDULE_INPUT: Final[dict[str, Any]] = {
    "zone": _told(_TEXT, "IANA name of the unit's zone, such as America/New_York", empty=False),
    "window": {
        "type": "array",
        "items": _WALL,
        "minItems": 2,
        "maxItems": 2,
        "description": "start (included) and end (excluded); windows in a row neither lose nor double a dose",
    },
    "snapshot": _told(
        _WALL,
        "when the orders were looked at. It takes no dose away: what falls due in the window is answered, also where "
        "the snapshot is later",
    ),
    "order": {"type": "object", "properties": _ORDER, "additionalProperties": False},
}

_FLAGS = (
    "DST_SHIFTED: moved out of the hour that does not exist. DST_REPEAT: its wall time comes twice, this is the first. "
    "DST_MERGED: another dose was moved onto it, one is kept. SHORT_GAP, LONG_GAP: the clock change leaves under 75 % "
    "or over 150 % of the usual time since the dose before, a pharmacist looks at it"
)
_DOSE: Final[dict[str, Any]] = {
    "at": {"type": "string", "format": "date-time", "description": "the instant, with the zone's offset at that time"},
    "wall": _told(_TEXT, "the wall time that was meant, before any shift", empty=False),
    "flags": {
        "type": "array",
        "items": {"enum": ["DST_MERGED", "DST_REPEAT", "DST_SHIFTED", "LONG_GAP", "SHORT_GAP"]},
        "description": _FLAGS,
    },
}
SCHEDULE_OUTPUT: Final[dict[str, Any]] = {
    "doses": {
        "type": "array",
        "items": {"type": "object", "properties": _DOSE, "required": list(_DOSE), "additionalProperties": False},
    },
    "refused": _told(_TEXT, "why an order that is well written cannot be scheduled, as a sentence; else null"),
}
