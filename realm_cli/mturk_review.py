"""Mechanical Turk's batch results with `Approve` and `Reject` filled in, and else as they were.

Cells are carried over character by character, quotes and line ends too, because the requester's
site compares what comes back with what it sent.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from realm_cli.errors import InputError, UsageError
from realm_cli.loaders import mturk
from realm_cli.loaders.base import Export
from realm_cli.loaders.containers import exports
from realm_cli.loaders.csv_table import delimiter_of
from realm_cli.schema import Findings

APPROVE, REJECT = "Approve", "Reject"
NEEDED = ("WorkerId", "AssignmentStatus")
APPROVED = "x"
BOM = "\ufeff"


@dataclass(frozen=True)
class Review:
    """A batch's file, marked.

    Attributes:
        content: The file's bytes.
        n_approved: Assignments marked to be paid.
        n_rejected: Assignments marked to be rejected.
        n_left: Assignments left as they were: settled already, or marked by hand.
    """

    content: bytes
    n_approved: int
    n_rejected: int
    n_left: int


def open_batch(path: Path) -> Export:
    """A batch file, by its path.

    Raises:
        InputError: It cannot be read, or is no batch file of Mechanical Turk.
    """
    problems = Findings()
    found = list(exports([path], problems))
    if problems:
        raise InputError(f"{path} cannot be read again", problems.all())
    if len(found) != 1 or mturk.detect(found[0]) is None:
        raise InputError(
            f"{path} is no single batch file of Mechanical Turk",
            hint="name the CSV file itself, as the requester's site gave it",
        )
    return found[0]


def review(export: Export, rejections: Mapping[str, str]) -> Review:
    """Approve every assignment that waits, but for those of some workers.

    Args:
        export: A batch file.
        rejections: WorkerId -> the reason that the worker will be told.

    Raises:
        InputError: The file does not say whose assignments they are, or which of them wait.
        UsageError: Somebody who is to be rejected is not in the file.
    """
    batch = _Batch.of(export)
    done = _Count()
    rows = [_marked(row, batch, rejections, done) for row in batch.rows]
    unknown = rejections.keys() - done.workers
    if unknown:
        raise UsageError(
            f"{len(unknown):,} of the annotators to reject are no WorkerId of {export.shown}",
            hint="the report must name annotators as the file does: no --anonymize, no "
            "--annotator-col",
        )
    content = "".join([batch.head, batch.header, *rows]).encode(batch.encoding)
    return Review(content, done.approved, done.rejected, done.left)


@dataclass
class _Count:
    approved: int = 0
    rejected: int = 0
    left: int = 0
    workers: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class _Row:
    """A row's cells as they are written, and what ends it."""

    cells: tuple[str, ...]
    end: str

    def value(self, place: int) -> str:
        """What a cell says; nothing where the row is short."""
        return _value(self.cells[place]) if place < len(self.cells) else ""


@dataclass(frozen=True)
class _Batch:
    """A file taken apart.

    Attributes:
        head: The mark at its beginning, if there is one.
        header: Its first row, with the columns of the review.
        rows: The others.
        place: Column -> where it stands.
        quoted: Whether cells stand in quotes.
        delimiter: Between cells.
        encoding: Of its bytes.
    """

    head: str
    header: str
    rows: tuple[_Row, ...]
    place: Mapping[str, int]
    quoted: bool
    delimiter: str
    encoding: str

    @staticmethod
    def of(export: Export) -> _Batch:
        """The parts of a batch file."""
        encoding = (export.encoding or "utf-8").replace("utf-8-sig", "utf-8")
        with export.open() as file:
            text = file.read().decode(encoding)
        head = BOM if text.startswith(BOM) else ""
        delimiter = delimiter_of(export.head) or ","
        first, *rows = _rows(text[len(head) :], delimiter)
        names = mturk.usual_names([_value(cell).strip() for cell in first.cells])
        _check(names, export)
        quoted = first.cells[0].startswith('"')
        added = [name for name in (APPROVE, REJECT) if name not in names]
        place = {name: n for n, name in enumerate((*names, *added))}
        header = delimiter.join([*first.cells, *(_cell(name, quoted) for name in added)])
        return _Batch(
            head, header + first.end, tuple(rows), place, quoted, delimiter, encoding
        )  # fmt: skip


def _check(names: tuple[str, ...], export: Export) -> None:
    missing = [name for name in NEEDED if name not in names]
    if missing:
        raise export.refuse(
            f"no-column:{missing[0]}",
            f"{export.shown} has no column {missing[0]}, so realm cannot say which assignments "
            "to approve",
            hint="download the batch's results again, with all columns",
        )


def _marked(row: _Row, batch: _Batch, rejections: Mapping[str, str], done: _Count) -> str:
    """A row as it is to be written, and counted."""
    raw = batch.delimiter.join(row.cells) + row.end
    worker = row.value(batch.place["WorkerId"]).strip()
    status = row.value(batch.place["AssignmentStatus"]).strip().casefold()
    if not any(row.cells) or status == "assignmentstatus":  # blank, or the header once more
        return raw
    done.workers.add(worker)
    marked = any(row.value(batch.place[name]).strip() for name in (APPROVE, REJECT))
    if status != "submitted" or marked:
        done.left += 1
        return raw
    reason = rejections.get(worker)
    done.approved += reason is None
    done.rejected += reason is not None
    column, mark = (APPROVE, APPROVED) if reason is None else (REJECT, reason)
    width = max(len(row.cells), *(batch.place[name] + 1 for name in (APPROVE, REJECT)))
    cells = [*row.cells, *[_cell("", batch.quoted)] * (width - len(row.cells))]
    cells[batch.place[column]] = _cell(mark, batch.quoted)
    return batch.delimiter.join(cells) + row.end


def _rows(text: str, delimiter: str) -> Iterator[_Row]:
    """Rows of a delimited text whose quotes are in order, every character kept."""
    bare = rf"[^{re.escape(delimiter)}\r\n]*+"
    cell = re.compile(rf'((?:"(?:[^"]++|"")*+")?{bare})({re.escape(delimiter)}|\r\n|\r|\n|\Z)')
    cells: list[str] = []
    place = 0
    while place < len(text) or cells:
        match = cell.match(text, place)
        assert match is not None  # the loader has read the file
        cells.append(match[1])
        place = match.end()
        if match[2] != delimiter:
            yield _Row(tuple(cells), match[2])
            cells = []


def _value(cell: str) -> str:
    if not cell.startswith('"'):
        return cell
    return cell.strip()[1:-1].replace('""', '"')


def _cell(value: str, quoted: bool) -> str:
    """A cell in the file's own manner."""
    needed = quoted or any(char in value for char in ',;\t|"\r\n')
    return '"' + value.replace('"', '""') + '"' if needed else value
