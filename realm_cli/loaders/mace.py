"""A wide table without a header, as MACE reads it: rows are items, columns annotators."""

from __future__ import annotations

from typing import TYPE_CHECKING

from realm_cli.loaders import csv_table
from realm_cli.loaders.base import Claim, Export, Loader, Record, Request
from realm_cli.loaders.tables import Table, TableRecord, TableRow, long_rows
from realm_cli.schema import Issue

if TYPE_CHECKING:
    from collections.abc import Iterator

FEWEST_COLUMNS, MOST_LABELS = 3, 20


def detect(export: Export) -> Claim | None:
    """A first row that is labels like all the others, and blanks between them."""
    rows = csv_table.first_rows(export, 100)
    if len(rows) < 3 or len({len(row) for row in rows}) > 1 or len(rows[0]) < FEWEST_COLUMNS:
        return None
    first = {cell.strip() for cell in rows[0]} - {""}
    cells = [cell.strip() for row in rows[1:] for cell in row]
    body = set(cells) - {""}
    blank = "" in cells or len(first) < len(rows[0]) // 2
    if not first or not first <= body or len(body) > MOST_LABELS or not blank:
        return None
    return Claim(f"a table without a header: {len(rows[0])} columns of {len(body)} labels")


def read(export: Export, request: Request) -> Iterator[Record]:
    """One row a filled cell."""

    def rows() -> Iterator[TableRecord]:
        for line, cells in csv_table.records(export):
            if isinstance(cells, Issue):
                yield cells
                continue
            if not request.labelled:
                yield TableRow(line, {"item_id": f"row-{line}"})
                continue
            for place, label in enumerate(cells, start=1):
                if label.strip():
                    told = {"annotator_id": f"column-{place}", "label": label}
                    yield TableRow(line, {"item_id": f"row-{line}", **told})

    names = ["item_id", "annotator_id", "label"] if request.labelled else ["item_id"]
    yield from long_rows(Table(names, rows), request, export)


LOADER = Loader(
    name="mace",
    title="A CSV table without a header, rows items and columns annotators (MACE)",
    detect=detect,
    read=read,
    reads="A filled cell is a label by the annotator `column-N` for the item `row-N`.",
    loses="There are no ids and no texts: annotators can be judged by their agreement, but no "
    "model can be trained.",
    example="mace.csv",
)
