"""`laminar rule NAME`: one rule, JSON lines in, JSON lines out, so that a hospital can try its own cases."""

import json
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal, DecimalException
from typing import Annotated, Any, BinaryIO
from zoneinfo import ZoneInfo

import typer

from app.cli.rule_fields import Case, decimal_of, instant_of, refuse, text_of, texts_of, whole_of, yes_no_of
from app.cli.rule_schemas import SCHEMAS
from app.cli.schedule_rule import schedule
from app.core.errors import Invalid, Refused
from app.formulary.barcode import read_barcode
from compounding.beyond_use import beyond_use
from compounding.gravimetry import judge
from devices.protocols import scale_results

LONGEST_LINE = 1_000_000  # bytes; one case, not a file
_SIX_PLACES = Decimal("0.000001")
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|(.?))", re.DOTALL)
_ESCAPED = {"r": "\r", "n": "\n", "\\": "\\"}
# What a line can do to a rule: words it does not know, numbers that are none, shapes that it does not have.
WRONG = (Invalid, Refused, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, OSError)
_REMARKS = frozenset({"id", "note"})  # a case may carry its own name; the rules do not look at it


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: how a case is answered, and whether a word that is not of its input is refused."""

    answer: Callable[[Case, date], dict[str, Any]]
    strict: bool


def scale_line(case: Case, today: date) -> dict[str, Any]:
    """The readings in a recorded line or stream of a balance."""
    return {"results": scale_results(case)}


def barcode(case: Case, today: date) -> dict[str, Any]:
    """What one scan says; two-digit years are read as of `today`."""
    code = read_barcode(_unescaped(text_of(case, "scan")), today=today)
    answer: dict[str, Any] = {
        "kind": code.kind,
        "error": code.error,
        "gtin14": code.gtin14,
        "ndc10": code.ndc10,
        "lot": code.lot,
        "expiry": code.expiry.isoformat() if code.expiry else None,
        "serial": code.serial,
        "count": code.count,
        "ais": dict(code.ais),
    }
    return answer if code.text is None else answer | {"text": code.text}


def verdict(case: Case, today: date) -> dict[str, Any]:
    """What two weighings say about a volume, at six places half-even."""
    judged = judge(
        target_ml=decimal_of(case, "target_ml"),
        density_g_per_ml=decimal_of(case, "density_g_per_ml"),
        density_u=decimal_of(case, "density_u"),
        before_g=decimal_of(case, "before_g"),
        after_g=decimal_of(case, "after_g"),
        readability_g=decimal_of(case, "readability_g"),
        repeatability_g=decimal_of(case, "repeatability_g"),
        readings=whole_of(case, "readings"),
        tolerance_percent=decimal_of(case, "tolerance_percent"),
        floor_ml=decimal_of(case, "floor_ml"),
    )
    return {
        "volume_ml": _six_places(judged.volume_ml),
        "deviation_ml": _six_places(judged.deviation_ml),
        "deviation_percent": _six_places(judged.deviation_percent),
        "expanded_uncertainty_ml": _six_places(judged.expanded_uncertainty_ml),
        "verdict": judged.verdict,
    }


def bud(case: Case, today: date) -> dict[str, Any]:
    """Until when a preparation may be begun on a patient, in the wall time of its zone, and the clock that governs."""
    zone = text_of(case, "zone")
    stability = case.get("stability_hours")
    dated = beyond_use(
        start=instant_of(text_of(case, "start"), "start"),
        zone=zone,
        category=text_of(case, "category"),  # type: ignore[arg-type]  # the rule refuses other words
        process=text_of(case, "process"),  # type: ignore[arg-type]
        sterile_start=yes_no_of(case, "sterile_start"),
        tested=yes_no_of(case, "tested"),
        storage=text_of(case, "storage"),  # type: ignore[arg-type]
        stability_hours=stability if stability is None else decimal_of(case, "stability_hours", fraction=True),
        expiries=texts_of(case, "expiries"),
        components=[instant_of(text, "components") for text in texts_of(case, "components")],
    )
    return {"beyond_use": dated.at.astimezone(ZoneInfo(zone)).isoformat(), "governed_by": dated.governed_by}


RULES: dict[str, Rule] = {
    "scale-line": Rule(scale_line, strict=False),
    "barcode": Rule(barcode, strict=False),
    "verdict": Rule(verdict, strict=True),
    "bud": Rule(bud, strict=True),
    "schedule": Rule(schedule, strict=True),
}

app = typer.Typer(add_completion=False)


@app.command()
def rule(
    name: Annotated[str, typer.Argument(help=f"The rule: {', '.join(RULES)}.")],
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON schemas of its lines and stop.")] = False,
) -> None:
    """Answer one rule for every JSON line on standard input, one JSON line each; a bad line answers {"error": …}."""
    if name not in RULES:
        raise typer.BadParameter(f"there is no rule '{name}': use one of {', '.join(RULES)}.", param_hint="NAME")
    if schema:
        typer.echo(json.dumps(SCHEMAS[name], indent=2))
        return
    try:
        answer_lines(name, typer.get_binary_stream("stdin"), typer.get_binary_stream("stdout"), _today())
    except BrokenPipeError:  # the reader has seen enough
        sys.stderr.close()


def answer_lines(name: str, questions: BinaryIO, answers: BinaryIO, today: date) -> None:
    """Answer every line of `questions` by the rule of that name with one line, at once, in their order.

    Blank lines are passed over. Nothing that a line holds stops the stream.
    """
    for line in _lines(questions):
        if line.strip():
            text = json.dumps(answer(name, line, today), ensure_ascii=False)
            # A lone surrogate from the input has no UTF-8; its escape is still JSON.
            answers.write(text.encode("utf-8", "backslashreplace") + b"\n")
            answers.flush()


def answer(name: str, line: bytes, today: date) -> dict[str, Any]:
    """Answer one JSON line by the rule of that name; whatever is wrong with it becomes {"error": sentence}."""
    try:
        return RULES[name].answer(_case(name, line), today)
    except RecursionError:
        return {"error": "This line is nested too deeply to be a case."}
    except WRONG as wrong:  # A validation run goes on, whatever one line holds.
        return {"error": str(wrong) or f"This line could not be judged ({type(wrong).__name__})."}


def _case(rule_name: str, line: bytes) -> Case:
    if len(line) > LONGEST_LINE:
        refuse("line", f"This line is longer than {LONGEST_LINE:,} bytes: write one case a line.")
    try:
        case = json.loads(
            line.decode("utf-8-sig"), parse_float=_number, parse_constant=_number, object_pairs_hook=_once
        )
    except UnicodeDecodeError:
        refuse("line", "This line is not UTF-8 text.")
    except json.JSONDecodeError as broken:
        refuse("line", f"This line is not JSON: {broken.msg} at character {broken.pos + 1}.")
    if not isinstance(case, dict):
        refuse("line", "A case is a JSON object in braces.")
    known = [name for name in SCHEMAS[rule_name]["input"]["properties"] if name not in _REMARKS]
    for name in case:
        if RULES[rule_name].strict and name not in known and name not in _REMARKS:
            refuse(name, f"'{name}' is not part of this rule: use {', '.join(known)}.")
    return case


def _today() -> date:
    return datetime.now(UTC).date()


def _lines(stream: BinaryIO) -> Iterator[bytes]:
    while line := stream.readline(LONGEST_LINE + 2):
        yield line
        while len(line) > LONGEST_LINE and not line.endswith(b"\n"):  # pass over the rest of a line that was refused
            line = stream.readline(LONGEST_LINE + 2)


def _number(text: str) -> Decimal:
    try:
        value = Decimal(text)
    except DecimalException:
        value = Decimal("NaN")
    return value if value.is_finite() else refuse("line", f"{text[:40]} is not a number.")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    case = dict(pairs)
    if len(case) != len(pairs):
        refuse("line", "The same name stands twice in this case.")
    return case


def _six_places(value: Decimal) -> str:
    rounded = value.quantize(_SIX_PLACES, ROUND_HALF_EVEN, Context(prec=100))
    return format(rounded.copy_abs() if rounded.is_zero() else rounded, "f")


def _unescaped(text: str) -> str:
    def character(found: re.Match[str]) -> str:
        if found[1]:
            return chr(int(found[1], 16))
        if found[2] in _ESCAPED:
            return _ESCAPED[found[2]]
        return refuse("scan", r"A backslash in 'scan' begins \xNN, \r, \n or \\.")

    return _ESCAPE.sub(character, text)


if __name__ == "__main__":
    app()
