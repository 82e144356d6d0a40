"""JSON Lines, or a JSON list of flat records: one record an annotation.

`RawRow.line` is the physical line where the record starts.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TextIO

from realm_cli.loaders.base import LIKELY, POSSIBLE, Claim, Export, Loader, Record, Request
from realm_cli.loaders.columns import looks_long
from realm_cli.loaders.tables import Table, TableRecord, TableRow, long_rows
from realm_cli.schema import Issue

if TYPE_CHECKING:
    from collections.abc import Iterator

SPACE = re.compile(r"\s*")
BETWEEN = re.compile(r"[\s,]*")
PIECE = 1 << 20
"""Characters that are read from a file at a time."""
LONGEST_WORD = 12
"""No word or escape of JSON is longer; an error farther from the end is no matter of reading on."""
HALF_CHARACTER = re.compile(r"\\u[dD][89a-fA-F]")

# NaN is no JSON, but data frames write it; like Infinity it is no answer to anything.
DECODER = json.JSONDecoder(parse_constant=lambda _: None)


def detect(export: Export) -> Claim | None:
    """Text that begins like a JSON record or a list of them."""
    found = re.match(r"\s*(\[\s*(?:\{|\]|$)|\{)", export.head)
    if found is None:
        return None
    first = first_value(export)
    long = isinstance(first, dict) and looks_long(list(map(str, first)))
    evidence = "JSON records one after another" if found[1] == "{" else "a JSON list"
    return Claim(evidence, LIKELY if long else POSSIBLE)


def read(export: Export, request: Request) -> Iterator[Record]:
    """The records of a JSONL file, or of a JSON list."""
    table = read_table(export)
    if not table.names:
        yield from (record for record in table.rows() if isinstance(record, Issue))
        return
    yield from long_rows(table, request, export)


def read_table(export: Export) -> Table:
    """The records as a table; its columns are all names that records have."""
    names: dict[str, None] = {}

    def rows() -> Iterator[TableRecord]:
        return (_record(line, value, export) for line, value in scan_json(export))

    for record in rows():
        if isinstance(record, TableRow):
            names.update(dict.fromkeys(record.cells))
    return Table(tuple(names), rows)


@lru_cache(maxsize=1)  # every loader asks for it
def first_value(export: Export) -> Any:
    """The first record, for detection; an Issue where the file's beginning is no JSON."""
    return next((value for _, value in scan_json(export)), None)


def scan_json(export: Export) -> Iterator[tuple[int, Any]]:
    """The values of a JSON list or of a sequence of JSON texts, each with its line.

    What is broken comes as an Issue. In a sequence reading goes on at the next line that begins a
    record; in a list it ends there. The file is read in pieces, so that only one value at a time
    is in memory.
    """
    with export.text() as text:
        yield from _Scanner(text, export).values()


class _Scanner:
    """Reads JSON values off a stream of text."""

    def __init__(self, text: TextIO, export: Export) -> None:
        self._text = text
        self._export = export
        self._buffer = ""
        self._position = 0
        self._line = 1
        self._ended = False

    def values(self) -> Iterator[tuple[int, Any]]:
        self._skip(SPACE)
        in_list = self._peek() == "["
        self._advance(self._position + in_list)
        between = BETWEEN if in_list else SPACE
        while True:
            self._skip(between)
            line = self._line
            following = self._peek()
            if not following or (in_list and following == "]"):
                if in_list:
                    yield from _list_end(self._export, line, following + self._rest_of_line())
                return
            try:
                yield line, self._value()
            except (ValueError, RecursionError) as error:
                yield line, _broken(self._export, line, error)
                if in_list or not self._next_record():
                    return

    def _value(self) -> Any:
        """The value that begins here; more of the file is read until it is whole."""
        while True:
            try:
                value, end = DECODER.raw_decode(self._buffer, self._position)
                # a number or a word may go on behind the buffer's end
                whole = end < len(self._buffer) or self._ended
            except json.JSONDecodeError as error:
                if self._ended or not _near_the_end(error):
                    raise
            else:
                if whole:
                    half = HALF_CHARACTER.search(self._buffer, self._position, end)
                    self._advance(end)
                    return _whole_characters(value) if half else value
            self._read_more()

    def _read_more(self) -> None:
        """At least double what is there, so that a long value is not parsed too many times."""
        self._buffer = self._buffer[self._position :]
        self._position = 0
        piece = self._text.read(max(PIECE, len(self._buffer)))
        self._ended = not piece
        self._buffer += piece

    def _peek(self) -> str:
        if self._position >= len(self._buffer) and not self._ended:
            self._read_more()
        return self._buffer[self._position : self._position + 1]

    def _advance(self, end: int) -> None:
        self._line += self._buffer.count("\n", self._position, end)
        self._position = end

    def _skip(self, pattern: re.Pattern[str]) -> None:
        while self._peek():
            match = pattern.match(self._buffer, self._position)
            self._advance(match.end() if match else self._position)
            if self._position < len(self._buffer):
                return

    def _rest_of_line(self) -> str:
        """What stands behind the bracket that ends a list, as far as it matters."""
        self._advance(self._position + (self._position < len(self._buffer)))
        self._skip(SPACE)
        return self._peek()

    def _next_record(self) -> bool:
        """Go to the next line that begins a record; False where there is none."""
        while True:
            end = self._buffer.find("\n", self._position)
            if end >= 0:
                self._advance(end + 1)
                self._skip(SPACE)
                if self._peek() == "{":
                    return True
            elif self._ended:
                return False
            else:
                self._read_more()


def _near_the_end(error: json.JSONDecodeError) -> bool:
    """Whether more text might mend it."""
    at_end = len(error.doc) - error.pos <= LONGEST_WORD
    return at_end or error.msg.startswith("Unterminated string")


def _whole_characters(value: Any) -> Any:
    """Put `?` for half characters: JSON can spell them, but no text can hold them."""
    text = json.dumps(value, ensure_ascii=False).encode("utf-8", errors="replace")
    return DECODER.decode(text.decode("utf-8"))


def _list_end(export: Export, line: int, rest: str) -> Iterator[tuple[int, Issue]]:
    """What is wrong with how a list ends: it does not, or something comes behind it."""
    if not rest:
        yield line, _cut_short(export, line)
    elif rest[1:]:
        yield (
            line,
            Issue(
                code="broken-json",
                message="the JSON list ends here, and something else comes behind it",
                file=export.shown,
                line=line,
                hint="files that were joined must be split again: name them one after another",
            ),
        )


def _record(line: int, value: Any, export: Export) -> TableRecord:
    if isinstance(value, Issue):
        return value
    if isinstance(value, dict):
        return TableRow(line, value)
    return Issue(
        code="no-record",
        message=f"a record must be an object {{…}}, and this is {json.dumps(value)[:40]}",
        file=export.shown,
        line=line,
    )


def _broken(export: Export, line: int, error: ValueError | RecursionError) -> Issue:
    reason = "it is nested too deeply, or holds too long a number"
    if isinstance(error, json.JSONDecodeError):
        if _at_the_end(error, error.doc):
            return _cut_short(export, line)
        reason = error.msg[:1].lower() + error.msg[1:]
    return Issue(
        code="broken-json",
        message=f"the record that begins here is not JSON: {reason}",
        file=export.shown,
        line=line,
    )


def _at_the_end(error: json.JSONDecodeError, text: str) -> bool:
    """Whether nothing is wrong but that the text stops."""
    rest = text[error.pos :].rstrip()
    return not rest or (error.msg.startswith("Unterminated string") and "\n" not in rest)


def _cut_short(export: Export, line: int) -> Issue:
    return Issue(
        code="cut-short",
        message="the JSON breaks off before its end",
        file=export.shown,
        line=line,
        hint="the file was cut short; export or download it again",
    )


LOADER = Loader(
    name="jsonl",
    title="JSON Lines or a JSON list, one record an annotation",
    detect=detect,
    read=read,
    reads="The long form: one object an annotation, one after another or in a list, whatever the "
    "file's name. `NaN` is missing. `source_line` is the line where the record starts.",
    loses="Nothing; nested fields become JSON text. Broken or cut-off JSON is refused, by line.",
    example="long.jsonl",
)
