"""JSON Lines, or a JSON list of flat records: one record an annotation.

`RawRow.line` is the physical line where the record starts.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from realm_cli.loaders.base import Head, Loader, Record, Request
from realm_cli.loaders.tables import Table, TableRecord, TableRow, long_rows
from realm_cli.schema import Issue

if TYPE_CHECKING:
    from collections.abc import Iterator

SPACE = re.compile(r"\s*")
BETWEEN = re.compile(r"[\s,]*")
NEXT_RECORD = re.compile(r"^\s*\{", re.MULTILINE)
HALF_CHARACTER = re.compile(r"\\u[dD][89a-fA-F]")

# NaN is no JSON, but data frames write it; like Infinity it is no answer to anything.
DECODER = json.JSONDecoder(parse_constant=lambda _: None)


def detect(head: Head) -> str | None:
    """Text that begins like a JSON record or a list of them."""
    if re.match(r"\s*\[\s*(\{|\]|$)", head.text):
        return "a JSON list"
    return "JSON records one after another" if re.match(r"\s*\{", head.text) else None


def read(head: Head, request: Request) -> Iterator[Record]:
    """The records of a JSONL file, or of a JSON list."""
    records = [_record(line, value, head) for line, value in scan_json(head)]
    names = dict.fromkeys(
        name for record in records if isinstance(record, TableRow) for name in record.cells
    )
    if not names:
        yield from (record for record in records if isinstance(record, Issue))
        return
    yield from long_rows(Table(tuple(names), lambda: iter(records)), request, file=head.shown)


def scan_json(head: Head) -> Iterator[tuple[int, Any]]:
    """The values of a JSON list or of a sequence of JSON texts, each with its line.

    What is broken comes as an Issue. In a sequence reading goes on at the next line that begins a
    record; in a list it ends there.
    """
    text = head.text
    lines = _LineCounter(text)
    in_list = text.lstrip().startswith("[")
    clean = _whole_characters if HALF_CHARACTER.search(text) else None
    position = text.index("[") + 1 if in_list else 0
    while True:
        position = _match_end(BETWEEN if in_list else SPACE, text, position)
        line = lines.at(position)
        if position >= len(text) or (in_list and text[position] == "]"):
            if in_list:
                yield from _list_end(head, line, text[position:])
            return
        try:
            value, position = DECODER.raw_decode(text, position)
        except (ValueError, RecursionError) as error:
            yield line, _broken(head, line, error)
            following = None if in_list else NEXT_RECORD.search(text, text.find("\n", position))
            if following is None or text.find("\n", position) < 0:
                return
            position = following.start()
        else:
            yield line, clean(value) if clean else value


def _whole_characters(value: Any) -> Any:
    """Put `?` for half characters: JSON can spell them, but no text can hold them."""
    text = json.dumps(value, ensure_ascii=False).encode("utf-8", errors="replace")
    return DECODER.decode(text.decode("utf-8"))


class _LineCounter:
    """Line numbers of positions that only ever grow."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._line = 1
        self._position = 0

    def at(self, position: int) -> int:
        self._line += self._text.count("\n", self._position, position)
        self._position = max(self._position, position)
        return self._line


def _list_end(head: Head, line: int, rest: str) -> Iterator[tuple[int, Issue]]:
    """What is wrong with how a list ends: it does not, or something comes behind it."""
    if not rest:
        yield line, _cut_short(head, line)
    elif rest[1:].strip():
        yield (
            line,
            Issue(
                code="broken-json",
                message="the JSON list ends here, and something else comes behind it",
                file=head.shown,
                line=line,
                hint="files that were joined must be split again: name them one after another",
            ),
        )


def _match_end(pattern: re.Pattern[str], text: str, position: int) -> int:
    match = pattern.match(text, position)
    return match.end() if match else position


def _record(line: int, value: Any, head: Head) -> TableRecord:
    if isinstance(value, Issue):
        return value
    if isinstance(value, dict):
        return TableRow(line, value)
    return Issue(
        code="no-record",
        message=f"a record must be an object {{…}}, and this is {json.dumps(value)[:40]}",
        file=head.shown,
        line=line,
    )


def _broken(head: Head, line: int, error: ValueError | RecursionError) -> Issue:
    reason = "it is nested too deeply, or holds too long a number"
    if isinstance(error, json.JSONDecodeError):
        if _at_the_end(error, head.text):
            return _cut_short(head, line)
        reason = error.msg[:1].lower() + error.msg[1:]
    return Issue(
        code="broken-json",
        message=f"the record that begins here is not JSON: {reason}",
        file=head.shown,
        line=line,
    )


def _at_the_end(error: json.JSONDecodeError, text: str) -> bool:
    """Whether nothing is wrong but that the text stops."""
    rest = text[error.pos :].rstrip()
    return not rest or (error.msg.startswith("Unterminated string") and "\n" not in rest)


def _cut_short(head: Head, line: int) -> Issue:
    return Issue(
        code="cut-short",
        message="the JSON breaks off before its end",
        file=head.shown,
        line=line,
        hint="the file was cut short; export or download it again",
    )


LOADER = Loader(
    name="jsonl",
    title="JSON Lines or a JSON list, one record an annotation",
    detect=detect,
    read=read,
    general=True,
)
