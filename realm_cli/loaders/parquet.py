"""Parquet in long form: one row an annotation; `RawRow.line` is the number of the record."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from realm_cli.errors import InputError
from realm_cli.loaders.base import LIKELY, POSSIBLE, Claim, Export, Loader, Record, Request
from realm_cli.loaders.columns import looks_long
from realm_cli.loaders.tables import Table, TableRecord, TableRow, long_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

# Arrow's usual allocator keeps what large files have needed; this one gives it back.
with suppress(NotImplementedError):
    pa.set_memory_pool(pa.jemalloc_memory_pool())

MAGIC = b"PAR1"
MOST_ROWS = 1 << 20
"""Rows of annotations that are in memory at once."""

MOST_ITEMS = 1 << 14
"""Rows of items that are in memory at once: nobody needs all of them together."""

DATASETS = b"huggingface"
"""Key under which the datasets library keeps the names of classes beside the columns."""


def detect(export: Export) -> Claim | None:
    """The file's magic bytes."""
    if not export.start.startswith(MAGIC):
        return None
    try:
        long = looks_long(read_table(export).names)
    except InputError:  # reading it will say what is wrong
        long = True
    return Claim("it starts with the mark of Parquet, PAR1", LIKELY if long else POSSIBLE)


def read(export: Export, request: Request) -> Iterator[Record]:
    """The rows of a Parquet file."""
    most = MOST_ROWS if request.labelled else MOST_ITEMS
    yield from long_rows(read_table(export, most), request, export)


def read_table(export: Export, most: int = MOST_ROWS) -> Table:
    """The columns and rows of a Parquet file.

    Args:
        export: The file.
        most: Rows that are read at once.

    Raises:
        InputError: The file is damaged, now or when a damaged part is come to.
    """
    try:
        with export.open() as raw, pq.ParquetFile(raw) as file:
            schema = file.schema_arrow
    except (pa.ArrowException, OSError) as error:
        raise _broken(export) from error
    texts = [column.name for column in schema if pa.types.is_string(column.type)]
    classes = class_names(schema)

    def batches(names: Sequence[str]) -> Iterator[pa.RecordBatch]:
        try:
            with export.open() as raw, pq.ParquetFile(raw, read_dictionary=texts) as file:
                wanted = list(dict.fromkeys(names))
                for batch in file.iter_batches(batch_size=most, columns=wanted):
                    yield _with_class_names(batch, classes)
        except (pa.ArrowException, OSError) as error:
            raise _broken(export) from error

    def rows() -> Iterator[TableRecord]:
        line = 0
        for batch in batches(schema.names):
            for start in range(0, batch.num_rows, 4096):
                for cells in batch.slice(start, 4096).to_pylist():
                    line += 1
                    yield TableRow(line, cells)

    return Table(schema.names, rows, batches)


def class_names(schema: pa.Schema) -> dict[str, list[str]]:
    """Column of class numbers -> the names of the classes, where the file keeps them."""
    try:
        features = json.loads((schema.metadata or {})[DATASETS])["info"]["features"]
        found = {name: feature["names"] for name, feature in features.items() if "names" in feature}
    except (KeyError, ValueError, TypeError, AttributeError):
        return {}
    return {
        name: [str(one) for one in names]
        for name, names in found.items()
        if isinstance(names, list) and name in schema.names
    }


def _with_class_names(batch: pa.RecordBatch, classes: Mapping[str, Sequence[str]]) -> Any:
    for name, names in classes.items():
        place = batch.schema.get_field_index(name)
        if place >= 0 and pa.types.is_integer(batch.column(place).type):
            codes = batch.column(place).to_pandas().to_numpy(dtype=np.float64, na_value=-1)
            known = (codes >= 0) & (codes < len(names))  # -1 stands for no class
            indices = pa.array(np.where(known, codes, 0).astype(np.int32), mask=~known)
            column = pa.DictionaryArray.from_arrays(indices, pa.array(names, pa.string()))
            batch = batch.set_column(place, name, column)
    return batch


def _broken(export: Export) -> Exception:
    return export.refuse(
        "broken-file",
        "the Parquet file is damaged or cut short",
        hint="write or download it again",
    )


LOADER = Loader(
    name="parquet",
    title="Parquet, one row an annotation",
    detect=detect,
    read=read,
    reads="The long form; any types (dictionary, large strings, lists, timestamps), a part of the "
    "file at a time. Columns of class numbers take the classes' names where the file keeps them "
    "(`ClassLabel`). `source_line` is the number of the record.",
    loses="A data frame's index.",
    reads_text=False,
)
