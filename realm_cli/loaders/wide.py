"""A wide table: one row an item, one column an annotator, the cells their labels.

Columns named `annotator:ID`, as `realm convert` writes them, are read for sure. Otherwise columns
are taken for annotators where at least two of them share one small set of values and no column
could be the annotator of a long table.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from realm_cli.loaders.any_table import open_table, sample, values_of
from realm_cli.loaders.base import LIKELY, Claim, Dropped, Export, Loader, Record, Request
from realm_cli.loaders.columns import NAMES, fold
from realm_cli.loaders.csv_table import ANNOTATOR
from realm_cli.loaders.tables import Table, TableRecord, TableRow, long_rows
from realm_cli.loaders.values import is_missing
from realm_cli.schema import Issue, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

MOST_LABELS = 30
"""More different values than this are no labels that annotators share."""

NUMBERED = re.compile(r"(ann|anno|annot|annotator|worker|rater|coder|labell?er|user)[\W_]*\d+")
"""Folded names such as `ann_1` and `Rater 2`."""

EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


def detect(export: Export) -> Claim | None:
    """Columns that are annotators."""
    names, rows = sample(export)
    marked = [name for name in names if name.startswith(ANNOTATOR)]
    if marked:
        return Claim(f"{len(marked)} columns named {ANNOTATOR}ID")
    found = annotator_columns(names, rows)
    if not found:
        return None
    shown = ", ".join(found[:3]) + (", …" if len(found) > 3 else "")
    evidence = f"one row an item, and {len(found)} columns that share one set of labels: {shown}"
    return Claim(evidence, LIKELY)


def read(export: Export, request: Request) -> Iterator[Record]:
    """One row an item and annotator.

    Raises:
        InputError: No column is an annotator.
    """
    table = open_table(export)
    people = [name for name in table.names if name.startswith(ANNOTATOR)]
    people = people or annotator_columns(*sample(export))
    if not people and request.labelled:
        raise export.refuse(
            "no-column:annotator",
            "no two columns share one small set of labels, so none is taken for an annotator's",
            hint="give the annotators' columns names like annotator:ID",
        )
    names = [name for name in table.names if name not in people]
    if request.labelled and not all(map(_is_marked, people)):
        yield _by_shape(people, export)

    def rows() -> Iterator[TableRecord]:
        for row in table.rows():
            if isinstance(row, TableRow) and request.labelled:
                yield from _exploded(row, people)
            else:
                yield row

    said = [*names, "annotator_id", "label"] if request.labelled else names
    if not any(fold(name) in ITEM for name in names):
        rows, said = _numbered(rows, said)
    yield from long_rows(Table(said, rows), request, export)


ITEM = {fold(name) for role in ("item", "text") for rank in NAMES[role] for name in rank} | {"task"}


def annotator_columns(names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The columns that are annotators, as far as some rows show it; empty where there are none."""
    taken = {fold(name) for role, ranks in NAMES.items() for rank in ranks for name in rank
             if role != "annotator"}  # fmt: skip
    people = {fold(name) for rank in NAMES["annotator"] for name in rank}
    if len(rows) < 2 or any(fold(name) in people for name in names):
        return []
    free = [name for name in names if name.strip() and fold(name) not in taken]
    values = {name: {str(one) for one in values_of(rows, name)} for name in free}
    labels = {
        name: found
        for name, found in values.items()
        if found and len(found) <= min(MOST_LABELS, max(2, len(rows) // 2))
    }
    named = [name for name in labels if _is_named(name)]
    chosen = named if len(named) > 1 else list(labels)
    return chosen if len(chosen) > 1 and _share(chosen, labels) else []


def _is_marked(name: str) -> bool:
    return name.startswith(ANNOTATOR) or _is_named(name)


def _by_shape(people: Sequence[str], export: Export) -> Issue:
    shown = ", ".join(people[:5]) + (", …" if len(people) > 5 else "")
    return Issue(
        code="annotators-by-shape",
        severity=Severity.WARNING,
        message=f"{len(people)} columns are taken for annotators, because they share one set of "
        f"labels: {shown}",
        file=export.shown,
        hint="if they are questions, name the annotator's column with --annotator-col",
    )


def _is_named(name: str) -> bool:
    return NUMBERED.fullmatch(name.casefold()) is not None or EMAIL.fullmatch(name) is not None


def _share(names: Sequence[str], values: Mapping[str, set[str]]) -> bool:
    """Whether columns have their values from one small set, which repeats over them."""
    every = set().union(*(values[name] for name in names))
    if len(every) < 2 or len(every) > MOST_LABELS:
        return False
    return all(2 * len(values[name] & _others(name, names, values)) >= len(values[name])
               for name in names)  # fmt: skip


def _others(name: str, names: Sequence[str], values: Mapping[str, set[str]]) -> set[str]:
    return set().union(*(values[other] for other in names if other != name))


def _exploded(row: TableRow, people: Sequence[str]) -> Iterator[TableRecord]:
    """A row for each label of an item; a blank was not asked."""
    item = {name: cell for name, cell in row.cells.items() if name not in people}
    labels = {name: row.cells.get(name) for name in people}
    given = {name: label for name, label in labels.items() if not is_missing(label)}
    if not given:
        yield Dropped("unlabelled")
    for name, label in given.items():
        who = name.removeprefix(ANNOTATOR)
        yield TableRow(row.line, {**item, "annotator_id": who, "label": label})


def _numbered(rows: Any, names: Sequence[str]) -> tuple[Any, list[str]]:
    """Items by the line they stand on, in a table that names them in no way."""

    def numbered() -> Iterator[TableRecord]:
        for row in rows():
            if isinstance(row, TableRow):
                yield TableRow(row.line, {"item_id": f"row-{row.line}", **row.cells})
            else:
                yield row

    return numbered, ["item_id", *names]


LOADER = Loader(
    name="wide",
    title="A wide table, one row an item and one column an annotator",
    detect=detect,
    read=read,
    reads="Each filled cell of an annotator's column is a label; text, options, gold, task and the "
    "item's id are found by their names in the other columns. A blank cell was not asked. A table "
    "without ids names its items by their line.",
    loses="Such tables have no times, no skipped answers, one label an item and annotator.",
    example="wide.csv",
    reads_text=False,
    by_shape=True,
)
