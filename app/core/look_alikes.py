"""Drug names that are mistaken for one another: how they are written apart, and which may not lie side by side.

The sets are data (`data/look_alike_names.csv`), each with its source. Sources: FDA Name Differentiation Project;
ISMP list of look-alike drug names with recommended tall-man letters.
"""

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

SOURCES = ("fda", "ismp", "unchecked")
_FILE = Path(__file__).with_name("data") / "look_alike_names.csv"
NAME = re.compile(r"[A-Za-z]+(?:-[A-Za-z]+)*")
"""A word that may be a drug's name; its parts between hyphens may be names as well."""


@dataclass(frozen=True)
class LookAlikes:
    """Two names or more that are mistaken for one another, with their tall-man letters, and who says so."""

    source: str
    names: tuple[str, ...]


def _read(path: Path) -> Iterator[LookAlikes]:
    with path.open(encoding="utf-8", newline="") as file:
        lines = (line for line in file if not line.startswith("#"))
        for row in csv.DictReader(lines):
            yield LookAlikes(row["source"], tuple(row["names"].split()))


SETS = tuple(_read(_FILE))
TALL: Mapping[str, str] = {
    name.lower(): name for each in SETS for name in each.names if name != name.lower()
}  # a name without capitals of its own is left as it came
_OTHERS: dict[str, frozenset[str]] = {}
for _set in SETS:
    for _name in _set.names:
        _rest = frozenset(other.lower() for other in _set.names if other != _name)
        _OTHERS[_name.lower()] = _OTHERS.get(_name.lower(), frozenset()) | _rest


def look_alikes(name: str) -> frozenset[str]:
    """The names, in small letters, that have been mistaken for a drug of this name; none for most drugs.

    Of a name of several words ('metformin hydrochloride', 'glipizide-metformin') each word counts.
    """
    return frozenset().union(*(_OTHERS.get(word, frozenset()) for word in _words(name)))


def alike(one: str, other: str) -> bool:
    """Whether two drugs' names have been mistaken for one another, so that they may not lie side by side."""
    return not look_alikes(one).isdisjoint(_words(other))


def _words(name: str) -> frozenset[str]:
    whole = [found[0].lower() for found in NAME.finditer(name)]
    return frozenset(part for word in whole for part in (word, *word.split("-")))
