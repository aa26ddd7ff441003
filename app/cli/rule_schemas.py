"""The JSON schemas of the lines that `laminar rule` reads and writes."""

from typing import Any, Final

from app.cli.schedule_schema import SCHEDULE_INPUT, SCHEDULE_OUTPUT

_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_TEXT = {"type": "string"}
_TEXT_OR_NULL = {"type": ["string", "null"]}
_FLAG = {"type": "boolean"}
_DECIMAL = {
    "type": ["string", "integer"],
    "pattern": r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?$",
    "description": "a decimal number in quotes",
}
_SIX_PLACES = {"type": "string", "pattern": r"^-?[0-9]+\.[0-9]{6}$"}
_INSTANT = {"type": "string", "format": "date-time", "description": "with its offset: 2026-03-03T14:10:00-05:00"}
_REMARKS = {"id": {"description": "your own name for the case"}, "note": {"description": "your own remark"}}
_ERROR = {
    "type": "object",
    "properties": {"error": {"type": "string", "description": "what is wrong with the input line"}},
    "required": ["error"],
    "additionalProperties": False,
}


def _case(properties: dict[str, Any], required: list[str], *, strict: bool) -> dict[str, Any]:
    return {
        "$schema": _DRAFT,
        "type": "object",
        "properties": properties | _REMARKS,
        "required": required,
        "additionalProperties": not strict,
    }


def _answer(properties: dict[str, Any], optional: tuple[str, ...] = ()) -> dict[str, Any]:
    answered = {
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in optional],
        "additionalProperties": False,
    }
    return {"$schema": _DRAFT, "oneOf": [answered, _ERROR]}


_VERDICT_DECIMALS = {
    "target_ml": "the volume that was wanted, mL",
    "density_g_per_ml": "density of the product, g/mL, 0.6 to 1.9",
    "density_u": "its expanded uncertainty (k = 2), g/mL",
    "before_g": "the container before, g",
    "after_g": "the container after, g; the volume is (after - before) / density, signed",
    "readability_g": "readability of the balance, g",
    "repeatability_g": "repeatability in the running hood as one standard deviation, g",
    "tolerance_percent": "tolerance in percent of the target",
    "floor_ml": "least tolerance, mL",
}

SCHEMAS: Final[dict[str, dict[str, Any]]] = {
    "scale-line": {
        "input": _case(
            {
                "protocol": _TEXT,
                "bytes": _TEXT | {"description": r"what the balance sent, with \r \n \\ \xNN escapes"},
                "chunks": {"type": "array", "items": _TEXT, "description": "fed in this order instead of bytes"},
                "skip_first": _FLAG | {"description": "just connected: the first line is a rest"},
                "closed": _FLAG | {"description": "the link ends after the last chunk"},
                "xonxoff": _FLAG,
            },
            ["protocol"],
            strict=False,
        ),
        "output": _answer(
            {
                "results": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {
                            "kind": {"enum": ["weight", "ack", "pending", "info", "fault"]},
                            "stable": {"type": ["boolean", "null"]},
                            "value": _TEXT_OR_NULL,
                            "unit": _TEXT_OR_NULL,
                            "error": _TEXT_OR_NULL,
                        },
                        "required": ["kind", "stable", "value", "unit", "error"],
                        "additionalProperties": False,
                    },
                }
            }
        ),
    },
    "barcode": {
        "input": _case(
            {"scan": _TEXT | {"description": r"what the scanner sent, with \r \n \\ \xNN escapes"}},
            ["scan"],
            strict=False,
        ),
        "output": _answer(
            {
                "kind": {"enum": ["gs1", "gtin", "other", "error"]},
                "error": {"enum": [None, "check_digit", "malformed", "bad_date", "conflict", "empty"]},
                "gtin14": _TEXT_OR_NULL,
                "ndc10": _TEXT_OR_NULL,
                "lot": _TEXT_OR_NULL,
                "expiry": {"type": ["string", "null"], "format": "date"},
                "serial": _TEXT_OR_NULL,
                "count": {"type": ["integer", "null"]},
                "ais": {"type": "object", "additionalProperties": _TEXT},
                "text": _TEXT | {"description": "the whole code, where it is one of our own"},
            },
            optional=("text",),
        ),
    },
    "verdict": {
        "input": _case(
            {name: _DECIMAL | {"description": words} for name, words in _VERDICT_DECIMALS.items()}
            | {"readings": {"type": ["integer", "string"], "description": "averaged in each weighing, from 1"}},
            [*_VERDICT_DECIMALS, "readings"],
            strict=True,
        ),
        "output": _answer(
            {
                "volume_ml": _SIX_PLACES,
                "deviation_ml": _SIX_PLACES,
                "deviation_percent": _SIX_PLACES,
                "expanded_uncertainty_ml": _SIX_PLACES,
                "verdict": {"enum": ["within", "under", "over", "cannot_tell"]},
            }
        ),
    },
    "bud": {
        "input": _case(
            {
                "start": _INSTANT,
                "zone": _TEXT | {"description": "IANA name, such as America/New_York"},
                "category": {"enum": ["immediate", "1", "2", "3"]},
                "process": {"enum": ["aseptic", "terminal"]},
                "sterile_start": _FLAG | {"description": "every starting component is sterile"},
                "tested": _FLAG | {"description": "a sterility test was passed"},
                "storage": {"enum": ["room", "refrigerator", "freezer"]},
                "stability_hours": {"type": ["number", "string", "null"], "exclusiveMinimum": 0},
                "expiries": {
                    "type": "array",
                    "items": {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}(-[0-9]{2})?$"},
                },
                "components": {"type": "array", "items": _INSTANT},
            },
            ["start", "zone", "category", "process", "sterile_start", "tested", "storage"],
            strict=True,
        ),
        "output": _answer(
            {"beyond_use": _INSTANT, "governed_by": {"enum": ["usp", "stability", "expiry", "component"]}}
        ),
    },
    "schedule": {
        "input": _case(SCHEDULE_INPUT, ["zone", "window", "order"], strict=True),
        "output": _answer(SCHEDULE_OUTPUT),
    },
}
