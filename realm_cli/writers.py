"""Annotations and labels -> files that realm, and everybody else, reads back as they were.

Canonical Parquet, CSV and JSON Lines hold one row an annotation and lose nothing. The wide CSV
holds one row an item and a column an annotator: labels only.

Spreadsheets run cells that begin like a formula. In CSV such cells get an apostrophe before them,
and so do those that begin with one, so that reading the file back is exact.
"""

from __future__ import annotations

import csv
import io
import json
from contextlib import contextmanager
from datetime import datetime
from itertools import chain
from typing import TYPE_CHECKING, Any, BinaryIO, TextIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from realm_cli.choices import Duplicates, TableFormat
from realm_cli.loaders.csv_table import ANNOTATOR, guarded
from realm_cli.repeats import resolve
from realm_cli.schema import Status, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

ROWS = 1 << 18
"""Rows that are turned from columns into text, or written, at a time."""

ALWAYS = ("label",)
"""Written even where nobody has one: a file of skipped answers is still a file of answers."""

ITEM_COLUMNS = ("item_id", "task", "text", "options", "gold", "scale")


def write_annotations(rows: pa.Table, to: TableFormat, file: BinaryIO) -> None:
    """Write annotations.

    Args:
        rows: The canonical table.
        to: The format.
        file: Where to; it stays open.
    """
    if to is TableFormat.WIDE_CSV:
        _wide_csv(rows, file)
    else:
        starts = range(0, max(rows.num_rows, 1), ROWS)
        write_tables((rows.slice(start, ROWS) for start in starts), to, file)


def write_tables(tables: Iterable[pa.Table], to: TableFormat, file: BinaryIO) -> None:
    """Write tables of the same columns one after another; only one at a time is looked at.

    Args:
        tables: At least one, as `write_annotations` gets or of labels.
        to: The format; not the wide one.
        file: Where to; it stays open.
    """
    WRITERS[to](iter(tables), file)


def write_csv(rows: pa.Table, file: BinaryIO) -> None:
    """Any table as CSV that no spreadsheet runs."""
    _csv(iter([rows]), file)


def _parquet(tables: Iterator[pa.Table], file: BinaryIO) -> None:
    first = plain(next(tables))
    with pq.ParquetWriter(file, first.schema, compression="zstd") as writer:
        for table in chain([first], tables):
            writer.write_table(plain(table).cast(first.schema))


def _csv(tables: Iterator[pa.Table], file: BinaryIO) -> None:
    first = next(tables)
    with _text(file) as text:
        writer = csv.writer(text, lineterminator="\r\n")
        writer.writerow(map(guarded, first.column_names))
        for table in chain([first], tables):
            for values in table.to_pylist():
                writer.writerow([_cell(value) for value in values.values()])


def _jsonl(tables: Iterator[pa.Table], file: BinaryIO) -> None:
    with _text(file) as text:
        for values in chain.from_iterable(table.to_pylist() for table in tables):
            told = {
                name: value for name, value in values.items() if value is not None or name in ALWAYS
            }
            text.write(json.dumps(told, ensure_ascii=False, default=_iso) + "\n")


def _wide_csv(rows: pa.Table, file: BinaryIO) -> None:
    """Of repeated answers the last counts; answers that do not count are left out."""
    answered = rows.filter(pc.equal(rows["status"], Status.OK.value))
    answered, _ = resolve(answered, Duplicates.LAST)
    items: dict[tuple[str, str], dict[str, Any]] = {}
    annotators: dict[str, None] = {}
    for values in _values(answered):
        key = values["task"], values["item_id"]
        item = items.setdefault(key, dict.fromkeys(ITEM_COLUMNS))
        for name in ITEM_COLUMNS:
            item[name] = values[name] if item[name] is None else item[name]
        item[ANNOTATOR + values["annotator_id"]] = values["label"]
        annotators.setdefault(ANNOTATOR + values["annotator_id"])
    names = [*ITEM_COLUMNS, *sorted(annotators)]
    with _text(file) as text:
        writer = csv.writer(text, lineterminator="\r\n")
        writer.writerow(map(guarded, names))
        for item in items.values():
            writer.writerow([_cell(item.get(name)) for name in names])


WRITERS: Mapping[TableFormat, Callable[[Iterator[pa.Table], BinaryIO], None]] = {
    TableFormat.PARQUET: _parquet,
    TableFormat.CSV: _csv,
    TableFormat.JSONL: _jsonl,
}


@contextmanager
def _text(file: BinaryIO) -> Iterator[TextIO]:
    """Text on top of a binary file, which stays open."""
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    try:
        yield text
        text.flush()
    finally:
        text.detach()


def _values(rows: pa.Table) -> Iterator[dict[str, Any]]:
    for start in range(0, rows.num_rows, ROWS):
        yield from rows.slice(start, ROWS).to_pylist()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return guarded(value)
    if isinstance(value, datetime):
        return value.isoformat()
    return json.dumps(value, ensure_ascii=False)


def _iso(value: Any) -> str:
    assert isinstance(value, datetime)
    return value.isoformat()
