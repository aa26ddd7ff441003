"""The table of hazards names tests that exist, and every hazard of the analysis stands in it once."""

import ast
import re
from functools import cache
from pathlib import Path

TESTS = Path(__file__).parent.parent
TABLE = TESTS.parent / "docs" / "hazards.md"
NAMED = re.compile(r"`((?:\w+/)*test_\w+\.py)(?:::(test_\w+))?`")


@cache
def named_in(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def rows() -> list[str]:
    return [line for line in TABLE.read_text(encoding="utf-8").splitlines() if line.startswith("| FT")]


def test_every_test_that_is_named_exists() -> None:
    named = NAMED.findall(TABLE.read_text(encoding="utf-8"))
    assert len(named) > 120
    lost = [
        f"{file}::{test}"
        for file, test in named
        if not (TESTS / file).is_file() or (test and test not in named_in(TESTS / file))
    ]
    assert lost == []


def test_each_of_the_sixty_hazards_stands_there_once() -> None:
    ids = [row.split("|")[1].strip() for row in rows()]
    assert sorted(ids) == [f"FT{number:02}" for number in range(1, 61)]


def test_a_hazard_has_a_test_or_says_that_it_is_open() -> None:
    untold = [row[:8] for row in rows() if not NAMED.search(row) and len(row.split("|")[2].strip()) < 30]
    assert untold == []
