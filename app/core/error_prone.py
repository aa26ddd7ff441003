"""Text that has been misread where a dose is read: what it is, how it is misread, and what to write instead.

Labels refuse it; a page warns whoever enters it; what came from outside is rewritten for output where it can mean only
one thing, and the original is kept. The list is data (`data/error_prone.toml`) with its sources: Joint Commission "Do
Not Use" list; ISMP list of error-prone abbreviations, symbols and dose designations (2024).
"""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SOURCES = ("jc", "ismp")
_PASSES = 3  # what one rewriting uncovers (.0 is 0.0 is 0) the next pass finds
_FILE = Path(__file__).with_name("data") / "error_prone.toml"


@dataclass(frozen=True)
class Problem:
    """One thing in a text that has been misread: what it says, how that is misread, what to write instead."""

    said: str
    harm: str
    write: str

    @property
    def words(self) -> str:
        """The problem as a sentence or two for whoever must mend it."""
        return f"“{self.said}” {self.harm}. Write {self.write}."


@dataclass(frozen=True)
class Entry:
    """One line of the list; `samples` are texts in which it is found, `certain` what it surely meant, if anything."""

    find: re.Pattern[str]
    samples: tuple[str, ...]
    harm: str
    write: str
    certain: tuple[tuple[re.Pattern[str], str], ...]
    source: str


def error_prone(text: str) -> tuple[Problem, ...]:
    """Everything in a text that has been misread, in the order in which it stands there; empty for a safe text."""
    found = sorted(
        ((match.start(), match[0].strip(), entry) for entry in ENTRIES for match in entry.find.finditer(text)),
        key=lambda each: each[0],
    )
    return tuple(dict.fromkeys(Problem(said, entry.harm, entry.write) for _, said, entry in found))


def in_safe_words(text: str) -> str:
    """The text as it may be printed, with what can mean only one thing written out; all else is left as it came.

    'Vancomycin 1.0g QD' becomes 'Vancomycin 1 g daily'. What `error_prone` still finds in it a person must decide.
    """
    for _ in range(_PASSES):
        for find, replacement in _REWRITES:
            text = find.sub(replacement, text)
        text = re.sub(" {2,}", " ", text).strip()
    return text


def _entries(rows: list[dict[str, Any]]) -> Iterator[Entry]:
    for row in rows:
        words, ignore = row.get("words", []), re.IGNORECASE if row.get("any_case") else re.NOFLAG
        alone = r"(?<!\w)(?:" + "|".join(map(re.escape, sorted(words, key=len, reverse=True))) + r")(?!\w)"
        find = re.compile(row.get("pattern", alone), ignore)
        meant = row.get("certain", [])
        yield Entry(
            find=find,
            samples=tuple(words) or (row["sample"],),
            harm=row["harm"],
            write=row["write"],
            certain=((find, meant),) if isinstance(meant, str) else tuple((re.compile(a), b) for a, b in meant),
            source=row["source"],
        )


_LIST = tomllib.loads(_FILE.read_text(encoding="utf-8"))
ENTRIES = tuple(_entries(_LIST["entry"]))
_HOUSE = tuple((re.compile(rf"(?<!\w){said}(?!\w)", re.IGNORECASE), words) for said, words in _LIST["house"].items())
_REWRITES = (*(rewrite for entry in ENTRIES for rewrite in entry.certain), *_HOUSE)
