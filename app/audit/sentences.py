"""What the trail says, as sentences: an entry's action becomes a verb, its facts a table of plain words."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from typing import Any, Protocol

from app.core.wording import day, instant

# Actions that people word noun first, or without a subject; {} is the subject in words.
_VERBS = {
    "accepted an invitation": "accepted an invitation and chose a PIN",
    "allergies stated": "took down the allergies of {}",
    "audit trail exported": "exported the audit trail",
    "audit trail read": "read the audit trail",
    "arrived": "brought {} to its ward",
    "as-needed par": "set how many as-needed doses a drawer holds at {}",
    "balance checked": "checked the balance at {} with a check weight",
    "balance not zeroed": "could not zero the balance at {}",
    "balance zero asked for": "asked to zero the balance at {}",
    "balance zeroed": "zeroed the balance at {}",
    "beyond-use date set": "set the beyond-use date of {}",
    "brought back": "brought {} back to the pharmacy undelivered",
    "came along": "took {} in with its patient",
    "came back": "noted that {} is back",
    "certified": "noted the certifications of {}",
    "changed own PIN": "chose a new PIN",
    "changed own password": "chose a new password",
    "density withdrawn": "withdrew a density of {} that nobody had approved",
    "dispense message asked for": "asked to tell the order's sender of {}",
    "doses written": "wrote the doses that fall due",
    "dropped": "rejected {}",
    "enrolment made": "made an enrolment address for {}",
    "found": "noted {} as found",
    "imported": "imported a drug directory",
    "label confirmed": "scanned label and tray of {} together",
    "label made": "had a label made for {}",
    "label not printed": "could not print the label of {}",
    "label printed": "printed the label of {}",
    "label sent": "sent the label of {} to the printer",
    "label unconfirmed": "sent the label of {} and got no proof that it was printed",
    "locked": "locked the station",
    "made a set-up code": "made a set-up code for this installation",
    "mapped": "decided the meaning of {}",
    "not here": "noted that {} is not here",
    "not stocked on the unit": "noted that {} stocks a package no more",
    "order change": "took in a change of {}",
    "order hold": "took in that {} is held",
    "order new": "took in {}",
    "order resume": "took in that {} goes on",
    "order stop": "took in that {} is stopped",
    "packed": "packed {} for its ward",
    "patient added": "added {}",
    "pocket filled": "noted that a pocket is filled again at {}",
    "pocket out": "noted that a pocket is empty at {}",
    "recipe approved": "approved {}",
    "recipe written": "wrote {}",
    "record read": "read the record of {}",
    "refused a wrong proof": "refused a wrong badge, PIN or password for {}",
    "refused another person's badge": "showed another person's badge and was refused",
    "refused another person's user name": "gave another person's user name and was refused",
    "renamed": "took in another name of {}",
    "same person": "said that {} is the person whom a message names",
    "sent on": "sent {} on with its patient",
    "sent back": "sent back {}",
    "sent": "left the pharmacy with {}",
    "serves": "let {} serve a ward",
    "serves no more": "took a ward away from {}",
    "set up": "set up {}",
    "signed": "signed {}",
    "signed in": "signed in",
    "signed out": "signed out",
    "station added": "set up {}",
    "station changed": "changed {}",
    "station retired": "retired {}",
    "stopped at the wrong ward": "was stopped with {} at the wrong ward",
    "step asked": "was asked about the lot in hand for {}",
    "step confirmed": "confirmed a step of {}",
    "step half": "scanned the label or the tray of {}",
    "step helped": "called for help, or needed it no longer, with {}",
    "step labelled": "came to the label of {}",
    "step photographed": "photographed {}",
    "step redone": "went back to an earlier step of {}",
    "step scanned": "scanned a container for {}",
    "step stopped": "was stopped at {}",
    "step weighed": "weighed for {}",
    "stocked on the unit": "noted that {} stocks a package",
    "taken away": "took {} away from its hood",
    "taken back": "took back {}",
    "taken into use": "took {} into use",
    "taken out": "took {} out of use on the ward",
    "taken over": "took over {}",
    "test label asked for": "asked for a test label at {}",
    "unpacked": "took {} out of its tote",
    "unit added": "set up {}",
    "unlocked": "unlocked the station",
    "used as a unit dose": "took {} into use as a unit dose",
    "withdrawn": "withdrew {}",
}

# Of these the person is the subject, whoever's process wrote the entry.
_OWN = frozenset({"signed in", "signed out", "locked", "unlocked", "accepted an invitation"})

# What only a program can use; it stays in the record and in the export.
_NOT_FOR_PEOPLE = frozenset(
    "sign_in signature weighing window worksheet photo lots version_id entered_by shown".split()
)  # fmt: skip

_WORDS = {
    "from": "before",
    "to": "after",
    "sha256": "hash",
    "px_per_mm": "pixels per millimetre",
    "wrong_in_a_row": "wrong attempts in a row",
    "slowed_until": "must wait until",
    "g_per_ml": "density in g/mL",
    "u_g_per_ml": "its uncertainty in g/mL",
    "station_id": "station",
    "product_id": "product",
    "package_id": "container",
    "place_id": "place",
    "unit_id": "ward",
    "drug_id": "drug",
    "lot_id": "lot",
}


class Entry(Protocol):
    """What is needed of an entry of the trail to say it in words."""

    @property
    def seq(self) -> int: ...

    @property
    def at(self) -> datetime: ...

    @property
    def person(self) -> str: ...

    @property
    def station_id(self) -> int | None: ...

    @property
    def action(self) -> str: ...

    @property
    def subject(self) -> str: ...

    @property
    def facts(self) -> dict[str, Any]: ...


@dataclass(frozen=True)
class Told:
    """One entry as it is read aloud: number, instant (UTC), who, what they did, and its facts as (what, words)."""

    seq: int
    at: datetime
    who: str
    words: str
    facts: tuple[tuple[str, str], ...]


def tell(entry: Entry, names: Mapping[str, str], zone: str | tzinfo) -> Told:
    """Turn an entry into a sentence and a table; `names` says what subjects such as 'lot 4' are called.

    Nothing is left out silently but the numbers by which the product links its own rows; a subject without a name is
    called by its kind ('a lot').
    """
    subject = name_of(entry.subject, names)
    own = entry.action in _OWN and entry.subject in names
    pattern = _VERBS.get(entry.action)
    words = pattern.format(subject) if pattern else _plainly(entry, subject)
    if entry.station_id is not None and (station := names.get(f"station {entry.station_id}")):
        words += f" at {station}" if subject != station else ""
    facts = tuple(_plain(entry.facts, names, zone))
    return Told(entry.seq, entry.at, subject if own else entry.person, words, facts)


def _plainly(entry: Entry, subject: str) -> str:
    """An action without a verb of its own: a past participle stands before its subject, a noun behind it."""
    kind = entry.subject.rpartition(" ")[0] or entry.subject
    noun, _, rest = entry.action.partition(" ")
    if rest and noun in (kind, kind.rstrip("s")):
        return f"noted about {subject}: {rest}"
    return f"{entry.action} {subject}"


def name_of(subject: str, names: Mapping[str, str]) -> str:
    """What a subject is called: its name, or its kind alone, never a number that means nothing to people."""
    if subject in names:
        return names[subject]
    kind, _, rest = subject.rpartition(" ")
    if kind == "person" and rest == "unknown":
        return "somebody who is not known here"
    if kind and " " not in kind and rest.isdigit():
        return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"
    return "this installation" if subject == "installation" else subject


def mentioned(entry: Entry) -> Iterator[str]:
    """Name the subjects that a sentence about this entry may need to call by name."""
    yield entry.subject
    if entry.station_id is not None:
        yield f"station {entry.station_id}"
    yield from _mentioned(entry.facts)


def _mentioned(facts: Mapping[str, Any]) -> Iterator[str]:
    for key, value in facts.items():
        if isinstance(value, dict):
            yield from _mentioned(value)
        elif (kind := _kind_of(key, value)) is not None:
            yield f"{kind} {value}"


def _kind_of(key: str, value: Any) -> str | None:
    """The kind of thing that a number among the facts stands for."""
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    if key in ("from", "to"):
        return "place"
    if key.endswith("_id"):
        return key.removesuffix("_id")
    return key if key in ("lot", "person", "station") else None


def _plain(
    facts: Mapping[str, Any], names: Mapping[str, str], zone: str | tzinfo, where: str = ""
) -> Iterator[tuple[str, str]]:
    for key, value in facts.items():
        if value in (None, "", [], {}) or key in _NOT_FOR_PEOPLE:
            continue
        what = where + _WORDS.get(key, key.replace("_", " "))
        if isinstance(value, dict):
            yield from _plain(value, names, zone, what + ": ")
        elif (kind := _kind_of(key, value)) is not None:
            yield what, name_of(f"{kind} {value}", names)
        else:
            yield what, _word(value, zone)


def _word(value: Any, zone: str | tzinfo) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(_word(each, zone) for each in value if each is not None)
    if isinstance(value, dict):
        return "; ".join(f"{key} {_word(each, zone)}" for key, each in value.items() if each is not None)
    text = str(value)
    if isinstance(value, str) and len(text) >= 10 and text[4:5] == "-":
        return _dated(text, zone)
    return text


def _dated(text: str, zone: str | tzinfo) -> str:
    try:
        if len(text) == 10:
            return day(date.fromisoformat(text))
        return instant(datetime.fromisoformat(text), zone, seconds=True)
    except ValueError:
        return text
