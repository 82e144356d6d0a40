"""Files -> rows under our own names: one format a file, all of them in LOADERS."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from realm_cli.config import Columns
from realm_cli.errors import InputError, UsageError
from realm_cli.loaders import csv_table, jsonl, label_studio, mturk, parquet
from realm_cli.loaders.base import LoadedFile, Loader, Request
from realm_cli.loaders.detection import choose, named, open_head
from realm_cli.loaders.validation import Checked, check_rows
from realm_cli.schema import Issue, Severity

if TYPE_CHECKING:
    from collections.abc import Sequence

LOADERS: dict[str, Loader] = {
    "parquet": parquet.LOADER,
    "csv": csv_table.LOADER,
    "jsonl": jsonl.LOADER,
    "label_studio": label_studio.LOADER,
    "mturk": mturk.LOADER,
}
"""Format name -> loader. A new format is one file and one line here."""

FOUND_BY_NAME = Columns()
"""No column named by the user: all of them are found by their names."""


def load(
    paths: Sequence[Path], columns: Columns = FOUND_BY_NAME, format_name: str | None = None
) -> tuple[LoadedFile, ...]:
    """Read annotation exports.

    Args:
        paths: Files, read in this order.
        columns: Which column plays which part, where the names do not say.
        format_name: A key of LOADERS; None to find the format of each file by its content.

    Returns:
        One LoadedFile a file; warnings stay in its issues.

    Raises:
        InputError: With all the errors of all the files.
        UsageError: There is no such format, or no file was named.
    """
    return _load_all(paths, Request(columns, labelled=True), format_name)


def load_items(
    paths: Sequence[Path], columns: Columns = FOUND_BY_NAME, format_name: str | None = None
) -> tuple[LoadedFile, ...]:
    """Read the items of the same files, whether or not anybody labelled them.

    Annotators and labels are not looked for; their columns in the table are null. An item comes
    once a row of the file, so more than once where several annotators labelled it.

    Args:
        paths: Files, read in this order.
        columns: Which column plays which part; those of annotator and label are not used.
        format_name: A key of LOADERS; None to find the format of each file by its content.

    Raises:
        InputError: With all the errors of all the files.
        UsageError: There is no such format, or no file was named.
    """
    return _load_all(paths, Request(columns, labelled=False), format_name)


def _load_all(
    paths: Sequence[Path], request: Request, format_name: str | None
) -> tuple[LoadedFile, ...]:
    if not paths:
        raise UsageError("no input file is named", hint="name at least one annotation export")
    if format_name is not None:
        named(LOADERS, format_name)
    files: list[LoadedFile] = []
    errors: list[Issue] = []
    for path in paths:
        try:
            file = _load_one(Path(path), request, format_name)
        except InputError as error:
            errors += error.issues
        else:
            files.append(file)
            errors += [issue for issue in file.issues if issue.severity is Severity.ERROR]
    if errors:
        raise _refusal(paths, errors)
    return tuple(files)


def _load_one(path: Path, request: Request, format_name: str | None) -> LoadedFile:
    head = open_head(path)
    loader, evidence = choose(head, LOADERS, format_name)
    records = loader.read(head, request)
    checked = check_rows(records, file=head.shown, labelled=request.labelled)
    if checked.n_rows == 0 and not checked.issues:
        raise head.refuse("no-rows", "the file holds no rows", hint="export it again")
    return _loaded(path, loader, evidence, hashlib.sha256(head.raw).hexdigest(), checked)


def _loaded(path: Path, loader: Loader, evidence: str, sha256: str, checked: Checked) -> LoadedFile:
    return LoadedFile(
        path=path,
        format=loader.name,
        evidence=evidence,
        sha256=sha256,
        n_rows=checked.n_rows,
        table=checked.table,
        dropped=dict(checked.dropped),
        issues=tuple(checked.issues),
    )


def _refusal(paths: Sequence[Path], errors: Sequence[Issue]) -> InputError:
    """One line that counts; the issues say what and where."""
    n_files = len({issue.file for issue in errors})
    which = str(paths[0]) if len(paths) == 1 else f"{n_files} of {len(paths)} files"
    problems = f"{len(errors):,} problem{'s' if len(errors) > 1 else ''}"
    return InputError(f"{which} cannot be used: {problems}", issues=errors)
