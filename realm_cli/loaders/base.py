"""The contract of a loader: one format a file, raw rows out under our own names."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from realm_cli.errors import InputError
from realm_cli.schema import Issue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    import pyarrow as pa

    from realm_cli.config import Columns


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
class Dropped:
    """Something in the file that is no annotation; it is counted and left out.

    Attributes:
        reason: Why, as it appears in reports.
    """

    reason: str


Record: TypeAlias = RawRow | Dropped | Issue
"""What a loader yields, in file order."""


@dataclass(frozen=True)
class Head:
    """A file as detection and loaders see it, read from disk once.

    Attributes:
        path: Where it lies, as the user named it.
        raw: Its bytes.
        text: What they decode to; empty where they are no text.
        not_text: Why they are no text, in words; None where they are.
    """

    path: Path
    raw: bytes
    text: str
    not_text: str | None = None

    @property
    def shown(self) -> str:
        """The path as it appears in messages."""
        return str(self.path)

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
        columns: Which column plays which part, where the user said so.
        labelled: True for annotations; False for items alone, where annotators and labels are
            neither needed nor looked for.
    """

    columns: Columns
    labelled: bool = True


@dataclass(frozen=True)
class Loader:
    """A format: how to recognise it and how to read it.

    Attributes:
        name: The word for `--format` and for the report.
        title: What people call it.
        detect: Evidence in words that a file is of this format, or None.
        read: Rows of a file. Raises InputError where the file as a whole cannot be read.
        general: It takes any table or list of records, and gives way to a loader that knows
            whose export it is.
        reads_text: It reads `Head.text`, so a file that is no text is refused before.
    """

    name: str
    title: str
    detect: Callable[[Head], str | None]
    read: Callable[[Head, Request], Iterator[Record]]
    general: bool = False
    reads_text: bool = True


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
    """

    path: Path
    format: str
    evidence: str
    sha256: str
    n_rows: int
    table: pa.Table
    dropped: dict[str, int]
    issues: tuple[Issue, ...]
