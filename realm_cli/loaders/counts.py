"""Labels without annotators: counts of votes, or lists of labels that name nobody. Refused.

Expertise is learned from who gave which label, so there is nothing here to learn it from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from realm_cli.loaders.any_table import open_table, sample, values_of
from realm_cli.loaders.base import LIKELY, NAMED, Claim, Export, Loader, Record, Request
from realm_cli.loaders.columns import NAMES, fold
from realm_cli.loaders.nested import parsed
from realm_cli.loaders.tables import long_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

TOTAL = ("count", "total", "ncount", "votes", "nvotes", "nannotations", "nlabels")
"""Folded names of a column that sums the votes."""


def detect(export: Export) -> Claim | None:
    """Lists or counts of labels, and nobody who gave them."""
    names, rows = sample(export)
    people = {fold(name) for rank in NAMES["annotator"] for name in rank}
    if any(fold(name).removesuffix("s") in people or fold(name) in people for name in names):
        return None
    summed = _summed(names, rows)
    found = _label_lists(names, rows) or _counters(names, rows)
    return Claim(summed, NAMED) if summed else Claim(found, LIKELY) if found else None


def read(export: Export, request: Request) -> Iterator[Record]:
    """The items alone; their labels cannot be used.

    Raises:
        InputError: Annotations are asked for.
    """
    if not request.labelled:
        yield from long_rows(open_table(export), request, export)
        return
    claim = detect(export)
    found = claim.evidence if claim else "labels or counts of labels"
    raise export.refuse(
        "no-column:annotator",
        f"this file holds {found}, and nobody's name with them; expertise is learned from who gave "
        "which label, so it cannot be learned here",
        hint="ask whoever made the file for the single answers with the annotators' ids",
    )


def _label_lists(names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str | None:
    for name in names:
        cells = [parsed(cell) for cell in values_of(rows, name)]
        lists = [cell for cell in cells if isinstance(cell, list)]
        if not lists or len(lists) < len(cells) or "option" in fold(name) or "choice" in fold(name):
            continue
        flat = [one for cell in lists for one in cell]
        plain = flat and all(isinstance(one, str | int) for one in flat)
        words = ("label", "annotation", "vote", "judg", "answer", "rating")
        if plain and any(word in fold(name) for word in words):
            return f"lists of labels in {name!r}"
    return None


def _counters(names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str | None:
    for name in names:
        cells = [parsed(cell) for cell in values_of(rows, name)]
        votes = [cell for cell in cells if isinstance(cell, dict) and cell]
        if len(votes) > 1 and len(votes) == len(cells) and all(map(_is_counter, votes)):
            return f"counts of labels in {name!r}"
    return None


def _is_counter(cell: Mapping[str, Any]) -> bool:
    """Label -> votes: small whole numbers, None where a data frame filled the gaps."""
    values = [value for value in cell.values() if value is not None]
    return bool(values) and all(type(value) is int and 0 <= value < 10_000 for value in values)


def _summed(names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str | None:
    """A column that is the sum of several others, row by row."""
    total = next((name for name in names if fold(name) in TOTAL), None)
    if total is None or not rows:
        return None
    start = names.index(total) + 1
    for end in range(len(names), start + 1, -1):
        parts = names[start:end]
        if all(_sums_up(row, total, parts) for row in rows):
            return f"counts of labels in the columns {', '.join(parts)}"
    return None


def _sums_up(row: Mapping[str, Any], total: str, parts: Sequence[str]) -> bool:
    try:
        return int(row[total]) == sum(int(row[part]) for part in parts)
    except (KeyError, TypeError, ValueError):
        return False


LOADER = Loader(
    name="counts",
    title="Votes without annotators (counts, or lists of labels)",
    detect=detect,
    read=read,
    reads="The items, where only items are wanted.",
    loses="Who gave which label is not in such files, so annotators cannot be judged: they are "
    "refused, with this reason.",
    example="counts.jsonl",
    reads_text=False,
    by_shape=True,
)
