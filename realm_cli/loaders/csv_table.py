"""CSV and its sisters (tabs, semicolons, bars), in long form: one row an annotation.

Read with the standard library: it keeps every cell as the text it is (`007`, `NA`, `1e5`), takes
rows that lack their last cells, and knows the physical line that a row starts on.
"""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING

from realm_cli.loaders.base import LIKELY, POSSIBLE, Claim, Dropped, Export, Loader, Record, Request
from realm_cli.loaders.columns import looks_long, number_repeats
from realm_cli.loaders.tables import Table, TableRecord, TableRow, long_rows
from realm_cli.schema import CANONICAL_SCHEMA, Issue

if TYPE_CHECKING:
    from _csv import Reader
    from collections.abc import Iterator, Sequence

DELIMITERS = {",": "commas", "\t": "tabs", ";": "semicolons", "|": "bars"}
SNIFFED_ROWS = 20
FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")
"""What a cell begins with that a spreadsheet would run, and the guard itself."""
NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?")
ANNOTATOR = "annotator:"
"""What stands before an annotator's id where each annotator has a column."""
QUOTED = re.compile(r'"(?:[^"]|"")*"')
LONGEST_CELL = 2**31 - 1
"""What csv takes at most everywhere; its default of 131,072 characters is less than a long text."""


def detect(export: Export) -> Claim | None:
    """A header of two or more names, and rows that fit under it."""
    text = export.head
    delimiter = delimiter_of(text)
    if delimiter is None or text.lstrip().startswith(("{", "[", "<")):
        return None
    header, *rows = _first_rows(text, delimiter)
    if sum(bool(name.strip()) for name in header) < 2:
        return None
    fitting = sum(2 <= len(row) <= len(header) for row in rows)
    if 2 * fitting < len(rows):
        return None
    evidence = f"a table of {len(header)} columns separated by {DELIMITERS[delimiter]}"
    return Claim(evidence, LIKELY if looks_long(header) else POSSIBLE)


def read(export: Export, request: Request) -> Iterator[Record]:
    """The rows of a delimited text file."""
    return long_rows(read_table(export), request, export)


def read_table(export: Export) -> Table:
    """The header and the rows.

    Raises:
        InputError: The first line is no header.
    """
    found = records(export)
    header = next((cells for _, cells in found if isinstance(cells, list)), None)
    if header is None:
        raise _no_header(export, found)
    guards = _is_guarded(header)
    written = [unguarded(name) for name in header] if guards else header
    names = names_of(header)
    body = found[1:]

    def rows() -> Iterator[TableRecord]:
        for line, cells in body:
            if isinstance(cells, Issue):
                yield cells
            else:
                told = [unguarded(cell) for cell in cells] if guards else cells
                yield _row(line, told, written, names, export)

    return Table(names, rows)


def _is_guarded(header: Sequence[str]) -> bool:
    """Whether realm wrote this file: it begins with the canonical columns, long or wide."""
    long = list(header[: len(CANONICAL_SCHEMA)]) == CANONICAL_SCHEMA.names
    return long or (any(ANNOTATOR in name for name in header) and header[0] == "item_id")


def guarded(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.startswith(FORMULA) and not NUMBER.fullmatch(cell) else cell


def unguarded(cell: str) -> str:
    """The cell as it was before `guarded`."""
    return cell[1:] if cell.startswith("'") else cell


def header_of(export: Export) -> tuple[str, ...]:
    """The column names, for detection; empty where the file is no table."""
    rows = first_rows(export)
    return tuple(name.strip() for name in rows[0]) if rows else ()


def names_of(header: Sequence[str]) -> tuple[str, ...]:
    """The names of the columns under a header."""
    cells = [unguarded(name) for name in header] if _is_guarded(header) else header
    return number_repeats([name.strip() for name in cells])


def first_rows(export: Export, count: int = SNIFFED_ROWS) -> list[list[str]]:
    """The first rows, for detection; empty where the file is no table."""
    delimiter = delimiter_of(export.head)
    return _first_rows(export.head, delimiter, count) if delimiter is not None else []


def delimiter_of(text: str) -> str | None:
    """The delimiter that the header line has most of, outside its quotes."""
    bare = QUOTED.sub("", text).lstrip("\r\n ")
    header = re.split(r"[\r\n]", bare, maxsplit=1)[0]
    best = max(DELIMITERS, key=header.count)
    return best if best in header else None


def _first_rows(text: str, delimiter: str, count: int = SNIFFED_ROWS) -> list[list[str]]:
    """The first rows, read leniently: the text may break off anywhere."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    rows: list[list[str]] = []
    try:
        for row in reader:
            if row:
                rows.append(row)
            if len(rows) > count:
                break
    except csv.Error:
        pass  # a cell that is longer than what we look at
    return rows or [[]]


def records(export: Export) -> list[tuple[int, list[str] | Issue]]:
    """Each row with the physical line it starts on; blank lines left out."""
    delimiter = delimiter_of(export.head) or ","
    before = csv.field_size_limit(LONGEST_CELL)
    try:
        with export.text() as text:
            reader = csv.reader(text, delimiter=delimiter, strict=True)
            return list(_numbered(reader, export))
    finally:
        csv.field_size_limit(before)


def _numbered(reader: Reader, export: Export) -> Iterator[tuple[int, list[str] | Issue]]:
    line = 1
    try:
        for cells in reader:
            if cells:
                yield line, cells
            line = reader.line_num + 1
    except csv.Error:
        yield line, _bad_quotes(export, line)


def _bad_quotes(export: Export, line: int) -> Issue:
    return Issue(
        code="bad-quotes",
        message="a quoted cell that begins in this row is not closed properly; nothing after it "
        "was read",
        file=export.shown,
        line=line,
        hint='put a cell that holds a quote in quotes, and write the quote twice: "say ""hi"""',
    )


def _no_header(export: Export, records: Sequence[tuple[int, list[str] | Issue]]) -> Exception:
    line = records[0][0] if records else 1
    return export.refuse(
        "no-header",
        "the first row is no header of column names",
        line=line,
        hint="a table needs its column names in the first row",
    )


def _row(
    line: int, cells: list[str], header: list[str], names: Sequence[str], export: Export
) -> TableRecord:
    if cells == header:
        return Dropped("repeated-header")  # batches were joined with their headers
    if any(cell.strip() for cell in cells[len(names) :]):
        return Issue(
            code="too-many-cells",
            message=f"the row has {len(cells)} cells, the header {len(names)}",
            file=export.shown,
            line=line,
            hint="a cell that holds the delimiter needs quotes around it",
        )
    return TableRow(line, dict(zip(names, cells, strict=False)))


LOADER = Loader(
    name="csv",
    title="CSV or TSV, one row an annotation",
    detect=detect,
    read=read,
    reads="The long form. The delimiter (comma, tab, semicolon or bar) is the one that the header "
    "has most of; line ends of all three kinds, cells with line breaks and rows that lack their "
    "last cells are read. Options are a JSON list or cut at `|`. `status` is read where it holds "
    "nothing but realm's own words. `source_line` is the physical line where the row starts. In "
    "files that realm wrote, the apostrophes that guard cells from spreadsheets are taken off.",
    loses="Nothing. Headers repeated where files were joined are counted (`repeated-header`); rows "
    "longer than the header and quotes that are not closed are refused.",
    example="long.csv",
)
