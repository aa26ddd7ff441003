"""Orders from a file: a mapping document says where each fact stands, and every row is an order or a reason in words.

Nothing here knows any one file. A mapping (TOML) names the fields of a row, dotted where they lie deeper, and says what
the file's own words mean; a word that it does not name is not guessed. Described in docs/order-files.md.
"""

import csv
import gzip
import io
import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from app.core.errors import Invalid
from app.core.quantity import Quantity, parse
from app.core.wording import time_zone

FORMATS = ("jsonl", "csv")
WANTED = ("number", "patient", "start", "route", "frequency")
KNOWN = (*WANTED, "visit", "unit", "room", "bed", "stop", "entered", "title", "priority", "family", "given", "born",
         "sex", "own", "skip")  # fmt: skip
OF_A_COMPONENT = ("drug", "code", "role", "amount", "unit", "ndc", "strength", "form", "packages")
LONGEST = 100_000  # characters of one row; an order comes nowhere near it


@dataclass(frozen=True)
class FileMapping:
    """How a file's rows are read: its format, zone and sender, where each fact stands, and what its words mean.

    `fields` and `parts` map our names to theirs; a value that begins with '=' is meant as it stands. `words` map a
    fact's texts to ours; `skips` are values of the field `skip` whose rows are no orders for a dose.
    """

    format: str
    zone: str
    sender: str
    fields: Mapping[str, str]
    parts: Mapping[str, str]
    components: str
    words: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    skips: frozenset[str] = frozenset()


@dataclass(frozen=True)
class FileComponent:
    """One ingredient as a row names it. `amount` None: the row gives no single amount, and `why` says so.

    `ndc`, `strength`, `form` and `packages` (how many of the form make the amount) describe what was dispensed.
    """

    role: str
    code: str
    drug: str
    amount: Quantity | None
    why: str
    ndc: str
    strength: str
    form: str
    packages: str


@dataclass(frozen=True)
class FileOrder:
    """One row as an order: instants in UTC, texts as they stand, and what could not be read of it in `unread`."""

    line: int
    raw: str
    number: str
    patient: str
    family: str
    given: str
    born: str
    sex: str
    visit: str
    unit: str
    room: str
    bed: str
    start: datetime
    stop: datetime | None
    entered: datetime
    route: str
    frequency: str
    priority: str
    title: str
    own: bool
    components: tuple[FileComponent, ...]
    unread: tuple[str, ...]


@dataclass(frozen=True)
class NoOrder:
    """A row that is no order here, and why, in words. `skipped` rows are meant to be left out."""

    line: int
    why: str
    raw: str
    skipped: bool = False


def read_mapping(text: str) -> FileMapping:
    """Read a mapping document. Raises Invalid with everything that is wrong in it."""
    try:
        told = tomllib.loads(text)
    except tomllib.TOMLDecodeError as wrong:
        raise Invalid({"mapping": f"This is no TOML document: {wrong}."}) from None
    about, fields, parts = (told.get(name, {}) for name in ("file", "order", "component"))
    wrong_ones: dict[str, str] = {}
    if about.get("format") not in FORMATS:
        wrong_ones["format"] = f"The format is one of {', '.join(FORMATS)}."
    for name in WANTED:
        if not fields.get(name):
            wrong_ones[name] = f"[order] does not say where '{name}' stands."
    for name in set(fields) - set(KNOWN):
        wrong_ones[name] = f"[order] names '{name}', which an order does not have."
    for name in set(parts) - set(OF_A_COMPONENT) - {"list"}:
        wrong_ones[name] = f"[component] names '{name}', which an ingredient does not have."
    for name in ("drug", "amount", "unit"):
        if not parts.get(name):
            wrong_ones[name] = f"[component] does not say where '{name}' stands."
    try:
        time_zone(str(about.get("zone", "")))
    except ValueError as unknown:
        wrong_ones["zone"] = str(unknown)
    if wrong_ones:
        raise Invalid(wrong_ones)
    return FileMapping(
        format=about["format"],
        zone=about["zone"],
        sender=str(about.get("sender", "file")),
        fields={str(k): str(v) for k, v in fields.items()},
        parts={str(k): str(v) for k, v in parts.items() if k != "list"},
        components=str(parts.get("list", "")),
        words={str(k): {str(a): str(b) for a, b in v.items()} for k, v in told.get("words", {}).items()},
        skips=frozenset(str(each) for each in about.get("skip", ())),
    )


def rows(path: Path, mapping: FileMapping) -> Iterator[tuple[int, str, Any]]:
    """Every row of a file, '.gz' unpacked: its line, its text as it stands, and its facts (None: not readable)."""
    with _opened(path) as lines:
        if mapping.format == "csv":
            for number, facts in enumerate(csv.DictReader(lines), 2):
                yield number, json.dumps(facts, ensure_ascii=False), facts
            return
        for number, line in enumerate(lines, 1):
            text = line.rstrip("\n")
            if not text.strip():
                continue
            try:
                facts = json.loads(text) if len(text) <= LONGEST else None
            except ValueError:
                facts = None
            yield number, text, facts if isinstance(facts, dict) else None


def _opened(path: Path) -> IO[str]:
    return gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8")


def read_row(line: int, raw: str, facts: Any, mapping: FileMapping) -> FileOrder | NoOrder:
    """One row as an order, or why it is none. Nothing is guessed; what is doubtful of an order stands in `unread`."""
    if facts is None:
        return NoOrder(line, "This row is not readable: it is no JSON object, or too long.", raw)
    said = {name: _text(_at(facts, where)) for name, where in mapping.fields.items()}
    if said.get("skip") in mapping.skips:
        return NoOrder(line, f"Left out as the mapping says: {said['skip']}.", raw, skipped=True)
    missing = [name for name in ("number", "patient", "start", "route") if not said.get(name)]
    if missing:
        return NoOrder(line, f"The row does not say the {' and the '.join(missing)} of the order.", raw)
    try:
        start, stop = _instant(said["start"], mapping.zone), _instant_or_none(said.get("stop", ""), mapping.zone)
        entered = _instant_or_none(said.get("entered", ""), mapping.zone) or start
    except ValueError as wrong:
        return NoOrder(line, str(wrong), raw)
    if stop is not None and stop < start:
        return NoOrder(line, "The order stops before it starts: ask the prescriber which of the two is wrong.", raw)
    listed = _at(facts, mapping.components) if mapping.components else [facts]
    components = tuple(_component(each, mapping) for each in listed or () if isinstance(each, dict))
    if not components:
        return NoOrder(line, "The row names no drug.", raw)
    return FileOrder(
        line=line,
        raw=raw,
        number=said["number"],
        patient=said["patient"],
        family=said.get("family") or f"Record {said['patient']}",
        given=said.get("given", ""),
        born=said.get("born", ""),
        sex=said.get("sex", ""),
        visit=said.get("visit") or f"{said['patient']}-1",
        unit=_meant("unit", said.get("unit", ""), mapping)[0],
        room=said.get("room", ""),
        bed=said.get("bed", ""),
        start=start,
        stop=stop,
        entered=entered,
        route=_meant("route", said["route"], mapping)[0],
        frequency=said.get("frequency", ""),
        priority=_meant("priority", said.get("priority", ""), mapping)[0] or "routine",
        title=said.get("title", ""),
        own=_meant("own", said.get("own", ""), mapping)[0] == "own",
        components=components,
        unread=tuple(each.why for each in components if each.why),
    )


def _component(facts: Mapping[str, Any], mapping: FileMapping) -> FileComponent:
    said = {name: _text(_at(facts, where)) for name, where in mapping.parts.items()}
    role, known = _meant("role", said.get("role", ""), mapping)
    unit = _meant("unit_of_dose", said["unit"], mapping)[0]
    amount, why = None, ""
    try:
        amount = parse(said["amount"], unit)
    except Invalid as wrong:
        why = f"The amount '{said['amount']} {said['unit']}' of {said['drug']} is not one amount: {wrong}"
    return FileComponent(
        role=role if known else "additive",
        code=said.get("code") or said["drug"],
        drug=said["drug"],
        amount=amount,
        why=why,
        ndc=said.get("ndc", ""),
        strength=said.get("strength", ""),
        form=_meant("form", said.get("form", ""), mapping)[0],
        packages=said.get("packages", ""),
    )


def _at(facts: Any, where: str) -> Any:
    """What stands at a dotted place; a place that begins with '=' says it itself."""
    if where.startswith("="):
        return where[1:]
    for name in where.split("."):
        facts = facts.get(name) if isinstance(facts, Mapping) else None
    return facts


def _text(value: Any) -> str:
    return "" if value is None or isinstance(value, (dict, list)) else str(value).strip()


def _meant(what: str, text: str, mapping: FileMapping) -> tuple[str, bool]:
    """What a word of the file means here, and whether the mapping says so; else the word as it stands."""
    known = mapping.words.get(what, {})
    return (known[text], True) if text in known else (text, False)


def _instant_or_none(text: str, zone: str) -> datetime | None:
    return _instant(text, zone) if text else None


def _instant(text: str, zone: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"'{text[:30]}' is no date and time: they are written as 2026-11-22 14:05.") from None
    return (at if at.tzinfo else at.replace(tzinfo=time_zone(zone))).astimezone(UTC)


def written(found: NoOrder) -> str:
    """A row that was not taken, with its reason, as one JSON line; its text is kept as it came."""
    out = io.StringIO()
    json.dump({"line": found.line, "why": found.why, "row": found.raw}, out, ensure_ascii=False)
    return out.getvalue()
