"""The contract of a loader: one format a file, rows out under our own names."""

from __future__ import annotations

import codecs
import io
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, BinaryIO, TextIO, TypeAlias

from realm_cli.choices import AnnotatorFrom
from realm_cli.errors import InputError
from realm_cli.schema import Issue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    import pyarrow as pa

    from realm_cli.config import Columns, Reading


@dataclass(frozen=True)
class RawRow:
    """One row under canonical names, not yet checked.

    Attributes:
        line: 1-based line (or record number, where a format has no lines) to point people to.
        values: Canonical column name -> value as found; absent means not given.
        fields: The item's other fields, by their own names.
        names: Canonical column name -> what the file calls it, for messages.
        note: Where in the file, in words, if the line alone does not say.
    """

    line: int
    values: dict[str, Any]
    fields: dict[str, Any] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    note: str | None = None


@dataclass(frozen=True)
class RawBatch:
    """Many rows at once, as Arrow columns; a format that has columns need not be read by rows.

    Attributes:
        line: Record number of the first row, from 1.
        columns: Canonical column name -> column as found.
        fields: The items' other fields, by their own names.
        names: Canonical column name -> what the file calls it, for messages.
        row: Makes the n-th row of the batch a RawRow, for rows that need a closer look.
    """

    line: int
    columns: Mapping[str, pa.Array]
    fields: Mapping[str, pa.Array]
    names: Mapping[str, str]
    row: Callable[[int], RawRow]


@dataclass(frozen=True)
class Dropped:
    """Something in the file that is no annotation; it is counted and left out.

    Attributes:
        reason: Why, as it appears in reports.
    """

    reason: str


Record: TypeAlias = RawRow | RawBatch | Dropped | Issue
"""What a loader yields, in file order."""


@dataclass(frozen=True)
class Export:
    """A file of annotations, wherever it lies: on disk, inside an archive, in a pipe.

    It can be opened again and again; nothing but its beginning is kept in memory.

    Attributes:
        path: Where it lies, as the user named it; inside an archive `archive.zip/member`.
        open: Opens its bytes, unpacked.
        start: Its first bytes.
        sha256: Digest of its bytes.
        encoding: What its text is written in; None where it is no text.
        not_text: Why it is no text, in words; None where it is.
        issues: What was odd about reading it.
    """

    path: Path
    open: Callable[[], BinaryIO]
    start: bytes
    sha256: str = ""
    encoding: str | None = "utf-8-sig"
    not_text: str | None = None
    issues: tuple[Issue, ...] = ()

    @property
    def shown(self) -> str:
        """The path as it appears in messages."""
        return str(self.path)

    @cached_property
    def head(self) -> str:
        """The beginning of the text; empty where there is none."""
        if self.encoding is None:
            return ""
        decoder = codecs.getincrementaldecoder(self.encoding)(errors="replace")
        return decoder.decode(self.start)

    def text(self) -> TextIO:
        """Open the text, its line ends as they are."""
        encoding = self.encoding or "utf-8-sig"
        return io.TextIOWrapper(self.open(), encoding=encoding, newline="", errors="replace")

    def refuse(
        self, code: str, message: str, *, hint: str | None = None, line: int | None = None
    ) -> InputError:
        """The error that says why this file as a whole cannot be read."""
        issue = Issue(code=code, message=message, file=self.shown, line=line, hint=hint)
        return InputError(message, issues=[issue], hint=hint)


@dataclass(frozen=True)
class Request:
    """What the caller wants from a file.

    Attributes:
        reading: How to read it, where the user said so.
        labelled: True for annotations; False for items alone, where annotators and labels are
            neither needed nor looked for.
    """

    reading: Reading
    labelled: bool = True

    @property
    def columns(self) -> Columns:
        """Which column plays which part, where the user said so."""
        return self.reading.columns

    def with_columns(self, **columns: str | None) -> Request:
        """The same request with other columns."""
        changed = self.columns.model_copy(update=columns)
        return replace(self, reading=self.reading.model_copy(update={"columns": changed}))

    def annotator_of(self, export: Export) -> str | None:
        """Who gave all the annotations of a file, where its name says that."""
        by_name = self.reading.annotator_from is AnnotatorFrom.FILENAME
        return export.path.name.split(".")[0] if by_name else None


CERTAIN, NAMED, LIKELY, POSSIBLE = 1.0, 0.95, 0.75, 0.5
"""How sure a claim is: magic bytes, a vendor's own words, a shape, one that many things have."""


@dataclass(frozen=True)
class Claim:
    """A loader's word that a file is of its format.

    Attributes:
        evidence: What in the file says so.
        confidence: From 0 to 1; the surest claim wins, and claims that are about as sure as one
            another are ambiguous.
    """

    evidence: str
    confidence: float = NAMED


@dataclass(frozen=True)
class Loader:
    """A format: how to recognise it, how to read it, and what reading it costs.

    Attributes:
        name: The word for `--format` and for the report.
        title: What people call it.
        detect: A claim that a file is of this format, or None.
        read: Rows of a file. Raises InputError where the file as a whole cannot be read.
        reads: What is read and as what, in sentences for the docs.
        loses: What the format cannot say or what is left out, in sentences for the docs.
        example: Name of the hand-written export that the docs show.
        reads_text: It reads text, so a file that is no text is refused before.
        by_shape: It guesses from what columns hold which of them are annotators or labels, so it
            is not asked where the user has named them.
    """

    name: str
    title: str
    detect: Callable[[Export], Claim | None]
    read: Callable[[Export, Request], Iterator[Record]]
    reads: str = ""
    loses: str = ""
    example: str = ""
    reads_text: bool = True
    by_shape: bool = False


@dataclass(frozen=True)
class LoadedFile:
    """A file that was read, its rows checked one by one.

    Attributes:
        path: Where it lies, as the user named it.
        format: The loader's name.
        evidence: Why it was taken for that format.
        sha256: Digest of its bytes.
        n_rows: How many rows it held, good, bad and dropped.
        table: The good rows, canonical (`CANONICAL_SCHEMA` and the other fields); rows whose
            status is not `ok` are in it too.
        dropped: Reason -> how many rows do not count as answers (their status, mostly).
        issues: Every problem found, in file order.
        confidence: How sure the format is, from 0 to 1.
        mapping: Canonical column name -> what the file calls it.
    """

    path: Path
    format: str
    evidence: str
    sha256: str
    n_rows: int
    table: pa.Table
    dropped: dict[str, int]
    issues: tuple[Issue, ...]
    confidence: float = 1.0
    mapping: Mapping[str, str] = field(default_factory=dict)
