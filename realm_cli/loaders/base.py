"""The contract of a loader: one format a file, raw rows out under our own names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from realm_cli.config import Columns
from realm_cli.schema import Issue


@dataclass(frozen=True)
class RawRow:
    """One row under canonical names, not yet checked.

    Attributes:
        line: 1-based line (or record number, where a format has no lines) to point people to.
        values: Canonical column name -> value as found; absent means not given.
        fields: The item's other fields, by their own names.
    """

    line: int
    values: dict[str, Any]
    fields: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Head:
    """What detection looks at: the name, the first bytes, and the text they decode to."""

    path: Path
    raw: bytes
    text: str


@dataclass(frozen=True)
class Loader:
    """A format: how to recognise it and how to read it.

    Attributes:
        name: The word for `--format` and for the report.
        title: What people call it.
        detect: Evidence in words that a file is of this format, or None.
        read: Raw rows of a file. Raises InputError where the file as a whole cannot be read.
    """

    name: str
    title: str
    detect: Callable[[Head], str | None]
    read: Callable[[Path, Columns], Iterator[RawRow]]


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
