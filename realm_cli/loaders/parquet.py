"""Parquet, in long form: one row an annotation. `RawRow.line` is the row's number."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from realm_cli.loaders.base import Head, Loader, Record, Request
from realm_cli.loaders.tables import Table, TableRecord, TableRow, long_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

MAGIC = b"PAR1"
BATCH = 4096


def detect(head: Head) -> str | None:
    """The file's magic bytes."""
    return "it starts with the mark of Parquet, PAR1" if head.raw.startswith(MAGIC) else None


def read(head: Head, request: Request) -> Iterator[Record]:
    """The rows of a Parquet file."""
    try:
        file = pq.ParquetFile(pa.BufferReader(head.raw))
        names = file.schema_arrow.names
    except (pa.ArrowException, OSError) as error:
        raise _broken(head) from error

    def rows() -> Iterator[TableRecord]:
        try:
            yield from _rows(file)
        except (pa.ArrowException, OSError) as error:
            raise _broken(head) from error

    return long_rows(Table(names, rows), request, file=head.shown)


def _rows(file: pq.ParquetFile) -> Iterator[TableRow]:
    line = 0
    for batch in file.iter_batches(batch_size=BATCH):
        for cells in batch.to_pylist():
            line += 1
            yield TableRow(line, cells)


def _broken(head: Head) -> Exception:
    return head.refuse(
        "broken-file",
        "the Parquet file is damaged or cut short",
        hint="write or download it again",
    )


LOADER = Loader(
    name="parquet",
    title="Parquet, one row an annotation",
    detect=detect,
    read=read,
    reads_text=False,
)
