"""Tables that benchmarks write into the docs, between two marks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

PAGE = Path(__file__).parent.parent / "docs" / "aggregation.md"
END = "<!-- end -->"


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def write(script: str, text: str, page: Path = PAGE) -> None:
    """Put text between a script's marks on a page."""
    start = f"<!-- {script} -->\n"
    before, rest = page.read_text("utf-8").split(start)
    after = rest.split(END, 1)[1]
    page.write_text(before + start + text + END + after, "utf-8")
