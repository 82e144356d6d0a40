"""Exports -> a checked table: read, complete, join, check; or convert, or say what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from realm_cli import checks, loaders
from realm_cli.annotations import AnnotationTable, build_items, build_table, join
from realm_cli.choices import TableFormat
from realm_cli.config import Reading
from realm_cli.errors import InputError
from realm_cli.loaders.completion import complete
from realm_cli.report.model import InputFile
from realm_cli.schema import Findings, Issue, Severity, Status
from realm_cli.writers import write_annotations

if TYPE_CHECKING:
    from realm_cli.loaders.base import LoadedFile


@dataclass(frozen=True)
class Source:
    """Where annotations come from and how to read them.

    Attributes:
        files: The exports.
        reading: How to read them.
        items: A file with the items' texts, options and gold, where the exports lack them.
        dev: An export of further items, which are not to be trained on.
    """

    files: tuple[Path, ...]
    reading: Reading = loaders.AS_FOUND
    items: Path | None = None
    dev: Path | None = None


@dataclass(frozen=True)
class Loaded:
    """A checked table, the files it came from, and the problems met that stop nothing.

    Attributes:
        table: The annotations.
        inputs: The files.
        issues: The problems.
        dev: Which items came from `Source.dev` `[I]`.
    """

    table: AnnotationTable
    inputs: tuple[InputFile, ...]
    issues: tuple[Issue, ...]
    dev: npt.NDArray[np.bool_]

    @property
    def warnings(self) -> tuple[Issue, ...]:
        """What belongs into the report: notes are for those who look at the files."""
        return tuple(issue for issue in self.issues if issue.severity is Severity.WARNING)


def load(source: Source, check: Callable[[AnnotationTable], list[Issue]]) -> Loaded:
    """Read, join and check annotations.

    Raises:
        InputError: With everything that is wrong.
    """
    files = read(source)
    further = () if source.dev is None else read(replace(source, files=(source.dev,)))
    both = (*files, *further)
    table, issues = build_table(both, source.reading.duplicates)
    dev = _items_of(further, table)
    issues += _checked_dev(_items_of(files, table), dev, table) if further else []
    found = [issue for file in both for issue in file.issues] + issues + check(table)
    errors = [issue for issue in found if issue.severity is Severity.ERROR]
    if errors:
        raise InputError("the annotations cannot be used as they are", issues=errors)
    return Loaded(table, tuple(_input(file) for file in both), tuple(found), dev)


def _items_of(files: Sequence[LoadedFile], table: AnnotationTable) -> npt.NDArray[np.bool_]:
    """Which items of a table have answers that count in some of its files `[I]`."""
    items = table.items
    if not files:
        return np.zeros(len(items), dtype=bool)
    rows = join([file.table for file in files])
    rows = rows.filter(pc.equal(rows["status"], Status.OK.value))
    keys = set(zip(rows["task"].to_pylist(), rows["item_id"].to_pylist(), strict=True))
    found = zip((items.tasks[t] for t in items.task), items.ids, strict=True)
    return np.array([key in keys for key in found], dtype=bool)


def _checked_dev(
    trained: npt.NDArray[np.bool_], dev: npt.NDArray[np.bool_], table: AnnotationTable
) -> list[Issue]:
    """Items that are to be trained on and not, and tasks that are not trained on at all."""
    items = table.items
    both = np.flatnonzero(trained & dev)
    strange = sorted(set(items.task[dev].tolist()) - set(items.task[trained].tolist()))
    findings = Findings(
        Issue(
            code="dev-item-trained-on",
            message=f"item {items.ids[i]!r} is in the --dev file and in one to train on",
            hint="take it out of one of them",
        )
        for i in both.tolist()
    )
    findings.extend(
        Issue(
            code="dev-task-unknown",
            message=f"no item to train on has the task {items.tasks[t]!r} of the --dev file",
            hint="name the task's column with --task-col, or take its items out",
        )
        for t in strange
    )
    return list(findings.all())


def read(source: Source) -> tuple[LoadedFile, ...]:
    """Read annotations, and complete them from the file of items if there is one.

    Raises:
        InputError: With everything that is wrong.
    """
    files = loaders.load(source.files, source.reading)
    if source.items is None:
        return files
    known = loaders.load_items([source.items])
    return tuple(complete(file, known) for file in files)


def _input(file: LoadedFile) -> InputFile:
    return InputFile(
        path=str(file.path),
        format=file.format,
        sha256=file.sha256,
        rows=file.n_rows,
        dropped=file.dropped,
    )


@dataclass(frozen=True)
class Validation:
    """What a file check found.

    Attributes:
        inputs: The files that could be read; empty where errors kept them from being joined.
        issues: Every problem: errors, warnings and notes.
    """

    inputs: tuple[InputFile, ...]
    issues: tuple[Issue, ...]

    @property
    def n_errors(self) -> int:
        """How many problems keep the files from being trained on."""
        return self._count(Severity.ERROR)

    @property
    def n_warnings(self) -> int:
        """How many problems do not."""
        return self._count(Severity.WARNING)

    def _count(self, severity: Severity) -> int:
        return sum(issue.count for issue in self.issues if issue.severity is severity)


def validate(source: Source, heldout: Source | None = None) -> Validation:
    """Read and check annotations as `train` would, and gather what is wrong instead of raising.

    Args:
        source: The annotations.
        heldout: Items that a model trained on them will be tested on.
    """
    try:
        loaded = load(source, checks.check_trainable)
    except InputError as error:
        return Validation((), error.problems)
    return Validation(loaded.inputs, (*loaded.issues, *_overlap(loaded.table, heldout)))


def _overlap(table: AnnotationTable, heldout: Source | None) -> list[Issue]:
    """Held-out items that are trained on too."""
    if heldout is None:
        return []
    files = loaders.load_items(heldout.files, heldout.reading)
    items, _, _ = build_items(join([file.table for file in files]))
    return checks.check_overlap(table, items)


def convert(source: Source, to: TableFormat, out: BinaryIO) -> tuple[LoadedFile, ...]:
    """Write annotations in another format: all of them, those that do not count too.

    Args:
        source: The annotations.
        to: The format.
        out: Where to write.

    Returns:
        The files that were read.
    """
    files = read(source)
    write_annotations(join([file.table for file in files]), to, out)
    return files
