"""Any table, whatever kind of file it is in, for formats that are a shape and not a vendor."""

from __future__ import annotations

from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from realm_cli.errors import InputError
from realm_cli.loaders import csv_table, jsonl, parquet
from realm_cli.loaders.tables import TableRow
from realm_cli.loaders.values import is_missing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from realm_cli.loaders.base import Export
    from realm_cli.loaders.tables import Table

SAMPLED = 200
"""Rows that detection looks at."""


def open_table(export: Export) -> Table:
    """The rows of a Parquet, JSON or CSV file.

    Raises:
        InputError: It is none of these, or is damaged.
    """
    for loader, read in (
        (parquet.LOADER, parquet.read_table),
        (jsonl.LOADER, jsonl.read_table),
        (csv_table.LOADER, csv_table.read_table),
    ):
        if loader.detect(export) is not None:
            return read(export)
    return csv_table.read_table(export)


@lru_cache(maxsize=1)  # every shape asks for it
def sample(export: Export) -> tuple[tuple[str, ...], tuple[Mapping[str, Any], ...]]:
    """The columns and the first rows, for detection; nothing where the file is no table."""
    try:
        if parquet.LOADER.detect(export) is not None:
            return _of_rows(_parquet_rows(export))
        if jsonl.LOADER.detect(export) is not None:
            return _of_rows(_json_rows(export))
        return _of_csv(export)
    except (InputError, ValueError, RecursionError, pa.ArrowException):
        return (), ()


def _parquet_rows(export: Export) -> Iterator[Mapping[str, Any]]:
    rows = parquet.read_table(export).rows()
    return (row.cells for row in islice(rows, SAMPLED) if isinstance(row, TableRow))


def _json_rows(export: Export) -> Iterator[Mapping[str, Any]]:
    values = (value for _, value in islice(jsonl.scan_json(export), SAMPLED))
    return (value for value in values if isinstance(value, dict))


def _of_rows(
    rows: Iterator[Mapping[str, Any]],
) -> tuple[tuple[str, ...], tuple[Mapping[str, Any], ...]]:
    found = tuple(rows)
    return tuple(dict.fromkeys(name for row in found for name in row)), found


def _of_csv(export: Export) -> tuple[tuple[str, ...], tuple[Mapping[str, Any], ...]]:
    if csv_table.LOADER.detect(export) is None:
        return (), ()
    header, *rows = csv_table.first_rows(export, SAMPLED)
    names = csv_table.names_of(header)
    return names, tuple(dict(zip(names, row, strict=False)) for row in rows)


def values_of(rows: Sequence[Mapping[str, Any]], name: str) -> list[Any]:
    """What a column says in some rows, without what is missing."""
    return [row[name] for row in rows if not is_missing(row.get(name))]
