"""What is this file? Format and evidence, counts, labels, traps, and the mapping of its columns."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict

from realm_cli import checks, loaders
from realm_cli.annotations import AnnotationTable, build_table
from realm_cli.config import Columns, Reading
from realm_cli.errors import InputError
from realm_cli.loaders.base import Export, LoadedFile, Request
from realm_cli.loaders.containers import exports
from realm_cli.loaders.detection import claims
from realm_cli.schema import CANONICAL_SCHEMA, Findings, Issue, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from realm_cli.labels import FloatArray

ROLES = {
    "item": "item_id",
    "annotator": "annotator_id",
    "label": "label",
    "text": "text",
    "task": "task",
    "gold": "gold",
    "options": "options",
    "status": "status",
    "time": "submitted_at",
    "group": "group",
}
"""Key of a profile's columns -> canonical column."""

MOST_LABELS = 50
"""How many labels of a task are listed."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Candidate(_Frozen):
    """A format that a file could be of."""

    format: str
    title: str
    confidence: float
    evidence: str


class Spread(_Frozen):
    """How a number is spread."""

    smallest: int
    median: float
    largest: int


class LabelCount(_Frozen):
    """How often a label was given."""

    label: str
    count: int


class TaskCount(_Frozen):
    """One question of a file."""

    task: str
    scale: str
    n_items: int
    n_annotations: int
    n_labels: int
    labels: tuple[LabelCount, ...]


class Inspection(_Frozen):
    """What is known of one file.

    Attributes:
        path: Where it lies.
        sha256: Digest of its bytes.
        encoding: What its text is written in; None for binary formats.
        format: The format that is read; None where that is not clear.
        confidence: How sure that is, from 0 to 1.
        evidence: What in the file says so.
        candidates: All formats that it could be of, the likeliest first.
        n_rows: Rows in the file, good, bad and dropped.
        n_items: Distinct items.
        n_annotators: Distinct annotators.
        n_annotations: Annotations that count.
        dropped: Reason -> how many do not.
        labels_per_item: How many annotations an item has.
        items_per_annotator: How many annotations an annotator gave.
        tasks: The questions, with their labels.
        columns: Part -> the column of the file that plays it.
        fields: Other columns that are kept.
        issues: The problems and traps met.
    """

    path: str
    sha256: str
    encoding: str | None
    format: str | None = None
    confidence: float = 0.0
    evidence: str | None = None
    candidates: tuple[Candidate, ...] = ()
    n_rows: int = 0
    n_items: int = 0
    n_annotators: int = 0
    n_annotations: int = 0
    dropped: dict[str, int] = {}
    labels_per_item: Spread | None = None
    items_per_annotator: Spread | None = None
    tasks: tuple[TaskCount, ...] = ()
    columns: dict[str, str] = {}
    fields: tuple[str, ...] = ()
    issues: tuple[Issue, ...] = ()

    @property
    def profile(self) -> Reading:
        """The settings that read this file again, whatever detection does in later versions."""
        columns = {role: name for role, name in self.columns.items() if role in ROLES}
        return Reading(format=self.format, columns=Columns(**columns))


def inspect(paths: Sequence[Path], reading: Reading) -> Iterator[Inspection]:
    """Look at every file that the paths stand for, one after another.

    A file that cannot be read is told of too, with what stood in the way.
    """
    problems = Findings()
    for export in exports(paths, problems):
        yield _inspected(export, reading)
    for issue in problems.all():
        yield Inspection(path=issue.file or "?", sha256="", encoding=None, issues=(issue,))


def _inspected(export: Export, reading: Reading) -> Inspection:
    found = Inspection(
        path=export.shown,
        sha256=export.sha256,
        encoding=export.encoding,
        candidates=tuple(_candidates(export, reading)),
    )
    try:
        file = loaders.load_export(export, Request(reading))
        (file,) = loaders.policy.apply([file], reading)
    except InputError as error:
        return found.model_copy(update={"issues": (*export.issues, *error.problems)})
    return found.model_copy(update=_told(file, reading))


def _candidates(export: Export, reading: Reading) -> Iterator[Candidate]:
    for loader, claim in claims(export, loaders.LOADERS, reading):
        yield Candidate(
            format=loader.name,
            title=loader.title,
            confidence=claim.confidence,
            evidence=claim.evidence,
        )


def _told(file: LoadedFile, reading: Reading) -> dict[str, object]:
    """What a file that could be read says."""
    own = {ours: role for role, ours in ROLES.items()}
    told: dict[str, object] = {
        "path": str(file.path),
        "format": file.format,
        "confidence": file.confidence,
        "evidence": file.evidence,
        "n_rows": file.n_rows,
        "dropped": file.dropped,
        "columns": {own.get(ours, ours): name for ours, name in file.mapping.items()},
        "fields": tuple(_fields(file)),
        "issues": file.issues,
    }
    if any(issue.severity is Severity.ERROR for issue in file.issues):
        return told
    try:
        table, issues = build_table([file], reading.duplicates)
    except InputError as error:
        return {**told, "issues": (*file.issues, *error.problems)}
    issues += checks.check_estimable(table)
    return {**told, **_counts(table), "issues": (*file.issues, *issues)}


def _fields(file: LoadedFile) -> list[str]:
    return [name for name in file.table.column_names if name not in CANONICAL_SCHEMA.names]


def _counts(table: AnnotationTable) -> dict[str, object]:
    return {
        "n_items": len(table.items),
        "n_annotators": len(table.annotators),
        "n_annotations": len(table),
        "labels_per_item": _spread(table.labels_per_item),
        "items_per_annotator": _spread(np.bincount(table.annotator)),
        "tasks": tuple(_task(table, t) for t in range(len(table.items.tasks))),
    }


def _spread(counts: FloatArray | np.ndarray[tuple[int], np.dtype[np.int64]]) -> Spread:
    return Spread(
        smallest=int(counts.min()), median=float(np.median(counts)), largest=int(counts.max())
    )


def _task(table: AnnotationTable, t: int) -> TaskCount:
    items = table.items
    rows = np.flatnonzero(table.task == t)
    width = items.has_option.shape[1]
    pair, count = np.unique(
        items.option_set[table.item[rows]] * width + table.label[rows], return_counts=True
    )
    counts: Counter[str] = Counter()
    for code, n in zip(pair.tolist(), count.tolist(), strict=True):
        counts[items.option_sets[code // width][code % width]] += n
    scale = items.scales[t] if items.scales else "nominal"
    return TaskCount(
        task=items.tasks[t],
        scale=str(scale),
        n_items=int((items.task == t).sum()),
        n_annotations=len(rows),
        n_labels=len(counts),
        labels=tuple(
            LabelCount(label=label, count=n) for label, n in counts.most_common(MOST_LABELS)
        ),
    )
