"""The page of figures: docs/performance.md is a text written by hand, with the last run between two marks."""

from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.results import HEAD, Row, cells

PAGE = Path(__file__).parents[2] / "docs" / "performance.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


def written(when: str, facts: Sequence[tuple[str, str]], parts: Sequence[tuple[str, Sequence[Row]]]) -> str:
    """One run as Markdown: the machine, then a table for each part."""
    lines = [f"Run of {when}.", "", *_table(("machine", ""), facts)]
    for title, rows in parts:
        lines += ["", f"### {title}", "", *_table(HEAD, [cells(row) for row in rows])]
    return "\n".join(lines) + "\n"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return ["| " + " | ".join(each) + " |" for each in (head, ["---"] * len(head), *rows)]


def put(text: str, path: Path = PAGE) -> None:
    """Replace what stands between the marks of the page. Raises ValueError when a mark is missing."""
    page = path.read_text(encoding="utf-8")
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{path} has lost its marks '{BEGIN}' and '{END}'.")
    path.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}", encoding="utf-8")
