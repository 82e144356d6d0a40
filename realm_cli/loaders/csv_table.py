"""CSV and its sisters (tabs, semicolons, bars), in long form: one row an annotation.

Read with the standard library: it keeps every cell as the text it is (`007`, `NA`, `1e5`), takes
rows that lack their last cells, and knows the physical line that a row starts on.
"""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING

from realm_cli.loaders.base import Dropped, Head, Loader, Record, Request
from realm_cli.loaders.columns import number_repeats
from realm_cli.loaders.tables import Table, TableRecord, TableRow, long_rows
from realm_cli.schema import Issue

if TYPE_CHECKING:
    from _csv import Reader
    from collections.abc import Iterator, Sequence

DELIMITERS = {",": "commas", "\t": "tabs", ";": "semicolons", "|": "bars"}
SNIFFED = 1 << 16
SNIFFED_ROWS = 20
QUOTED = re.compile(r'"(?:[^"]|"")*"')
LONGEST_CELL = 2**31 - 1
"""What csv takes at most everywhere; its default of 131,072 characters is less than a long text."""


def detect(head: Head) -> str | None:
    """A header of two or more names, and rows that fit under it."""
    text = head.text[:SNIFFED]
    delimiter = delimiter_of(text)
    if delimiter is None or text.lstrip().startswith(("{", "[", "<")):
        return None
    header, *rows = _first_rows(text, delimiter)
    if sum(bool(name.strip()) for name in header) < 2:
        return None
    fitting = sum(2 <= len(row) <= len(header) for row in rows)
    if 2 * fitting < len(rows):
        return None
    return f"a table of {len(header)} columns separated by {DELIMITERS[delimiter]}"


def read(head: Head, request: Request) -> Iterator[Record]:
    """The rows of a delimited text file."""
    return long_rows(read_table(head), request, file=head.shown)


def read_table(head: Head) -> Table:
    """The header and the rows.

    Raises:
        InputError: The first line is no header.
    """
    records = _records(head)
    header = next((cells for _, cells in records if isinstance(cells, list)), None)
    if header is None:
        raise _no_header(head, records)
    names = number_repeats([name.strip() for name in header])
    body = records[1:]

    def rows() -> Iterator[TableRecord]:
        for line, cells in body:
            yield cells if isinstance(cells, Issue) else _row(line, cells, header, names, head)

    return Table(names, rows)


def header_of(head: Head) -> tuple[str, ...]:
    """The column names, for detection; empty where the file is no table."""
    text = head.text[:SNIFFED]
    delimiter = delimiter_of(text)
    if delimiter is None:
        return ()
    return tuple(name.strip() for name in _first_rows(text, delimiter)[0])


def delimiter_of(text: str) -> str | None:
    """The delimiter that the header line has most of, outside its quotes."""
    bare = QUOTED.sub("", text[:SNIFFED]).lstrip("\r\n ")
    header = re.split(r"[\r\n]", bare, maxsplit=1)[0]
    best = max(DELIMITERS, key=header.count)
    return best if best in header else None


def _first_rows(text: str, delimiter: str) -> list[list[str]]:
    """The first rows, read leniently: the text may break off anywhere."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    rows: list[list[str]] = []
    try:
        for row in reader:
            if row:
                rows.append(row)
            if len(rows) > SNIFFED_ROWS:
                break
    except csv.Error:
        pass  # a cell that is longer than what we look at
    return rows or [[]]


def _records(head: Head) -> list[tuple[int, list[str] | Issue]]:
    """Each row with the physical line it starts on; blank lines left out."""
    delimiter = delimiter_of(head.text) or ","
    reader = csv.reader(io.StringIO(head.text, newline=""), delimiter=delimiter, strict=True)
    before = csv.field_size_limit(LONGEST_CELL)
    try:
        return list(_numbered(reader, head))
    finally:
        csv.field_size_limit(before)


def _numbered(reader: Reader, head: Head) -> Iterator[tuple[int, list[str] | Issue]]:
    line = 1
    try:
        for cells in reader:
            if cells:
                yield line, cells
            line = reader.line_num + 1
    except csv.Error:
        yield line, _bad_quotes(head, line)


def _bad_quotes(head: Head, line: int) -> Issue:
    return Issue(
        code="bad-quotes",
        message="a quoted cell that begins in this row is not closed properly; nothing after it "
        "was read",
        file=head.shown,
        line=line,
        hint='put a cell that holds a quote in quotes, and write the quote twice: "say ""hi"""',
    )


def _no_header(head: Head, records: Sequence[tuple[int, list[str] | Issue]]) -> Exception:
    line = records[0][0] if records else 1
    return head.refuse(
        "no-header",
        "the first row is no header of column names",
        line=line,
        hint="a table needs its column names in the first row",
    )


def _row(
    line: int, cells: list[str], header: list[str], names: Sequence[str], head: Head
) -> TableRecord:
    if cells == header:
        return Dropped("repeated-header")  # batches were joined with their headers
    if any(cell.strip() for cell in cells[len(names) :]):
        return Issue(
            code="too-many-cells",
            message=f"the row has {len(cells)} cells, the header {len(names)}",
            file=head.shown,
            line=line,
            hint="a cell that holds the delimiter needs quotes around it",
        )
    return TableRow(line, dict(zip(names, cells, strict=False)))


LOADER = Loader(
    name="csv",
    title="CSV or TSV, one row an annotation",
    detect=detect,
    read=read,
    general=True,
)
