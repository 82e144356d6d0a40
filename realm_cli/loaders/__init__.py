"""Files -> rows under our own names: one format a file, all of them in LOADERS."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from realm_cli.choices import AnnotatorFrom
from realm_cli.config import Reading
from realm_cli.errors import InputError, UsageError
from realm_cli.loaders import (
    appen,
    argilla,
    counts,
    csv_table,
    doccano,
    ground_truth,
    jsonl,
    label_studio,
    label_studio_csv,
    label_studio_min,
    lewidi,
    mace,
    mturk,
    mturk_api,
    nested,
    one_hot,
    parquet,
    peerannot,
    policy,
    potato,
    prodigy,
    survey,
    toloka,
    turkle,
    wide,
)
from realm_cli.loaders.base import Claim, Export, LoadedFile, Loader, Record, Request
from realm_cli.loaders.containers import exports
from realm_cli.loaders.detection import choose, named
from realm_cli.loaders.validation import check_rows, in_pieces
from realm_cli.schema import Findings, Issue, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

LOADERS: dict[str, Loader] = {
    "parquet": parquet.LOADER,
    "csv": csv_table.LOADER,
    "jsonl": jsonl.LOADER,
    "label_studio": label_studio.LOADER,
    "label_studio_min": label_studio_min.LOADER,
    "label_studio_csv": label_studio_csv.LOADER,
    "mturk": mturk.LOADER,
    "mturk_api": mturk_api.LOADER,
    "turkle": turkle.LOADER,
    "ground_truth": ground_truth.LOADER,
    "appen": appen.LOADER,
    "toloka": toloka.LOADER,
    "prodigy": prodigy.LOADER,
    "argilla": argilla.LOADER,
    "doccano": doccano.LOADER,
    "potato": potato.LOADER,
    "lewidi": lewidi.LOADER,
    "peerannot": peerannot.LOADER,
    "wide": wide.LOADER,
    "one_hot": one_hot.LOADER,
    "nested": nested.LOADER,
    "mace": mace.LOADER,
    "counts": counts.LOADER,
    "survey": survey.LOADER,
}
"""Format name -> loader. A new format is one file and one line here."""

PIECE = 1 << 14
"""Rows of items that are read at a time."""

AS_FOUND = Reading()
"""Nothing said by the user: formats are detected, columns found by their names."""


def load(paths: Sequence[Path], reading: Reading = AS_FOUND) -> tuple[LoadedFile, ...]:
    """Read annotation exports.

    Args:
        paths: Files, folders, patterns, archives or `-`, read in this order.
        reading: How to read them, where they do not say.

    Returns:
        One LoadedFile a file; warnings stay in its issues.

    Raises:
        InputError: With all the errors of all the files.
        UsageError: There is no such format, or no file was named.
    """
    return _load_all(paths, Request(reading, labelled=True))


def load_items(paths: Sequence[Path], reading: Reading = AS_FOUND) -> tuple[LoadedFile, ...]:
    """Read the items of the same files, whether or not anybody labelled them.

    Annotators and labels are not looked for; their columns in the table are null. An item comes
    once a row of the file, so more than once where several annotators labelled it.

    Args:
        paths: Files, folders, patterns, archives or `-`, read in this order.
        reading: How to read them; the columns of annotator and label are not used.

    Raises:
        InputError: With all the errors of all the files.
        UsageError: There is no such format, or no file was named.
    """
    return _load_all(paths, Request(reading, labelled=False))


@dataclass(frozen=True)
class ItemFiles:
    """Files of items, to be gone through a piece at a time, and more than once.

    Attributes:
        paths: As the user named them.
        exports: The files that these stand for.
        request: How to read them.
        problems: What is wrong with those that could not be opened.
    """

    paths: tuple[Path, ...]
    exports: tuple[Export, ...]
    request: Request
    problems: tuple[Issue, ...]

    def pieces(self) -> Iterator[LoadedFile]:
        """What `load_items` gives for a file, for about PIECE rows of it at a time.

        Nothing is raised for bad rows: a piece carries its own issues.

        Raises:
            InputError: With all that is wrong with files as a whole.
        """
        problems = Findings(self.problems)
        for export in self.exports:
            try:
                yield from _pieces(export, self.request)
            except InputError as error:
                problems.extend(error.issues)
        if problems:
            raise refusal(self.paths, problems.all())


def open_items(paths: Sequence[Path], reading: Reading = AS_FOUND) -> ItemFiles:
    """Items that never are in memory all together; `load_items` for files of any length.

    Args:
        paths: Files, folders, patterns, archives or `-`, read in this order.
        reading: How to read them; the columns of annotator and label are not used.

    Raises:
        UsageError: There is no such format, or no file was named.
    """
    request, problems = Request(reading, labelled=False), Findings()
    found = tuple(_exports(paths, request, problems))
    return ItemFiles(tuple(paths), found, request, problems.all())


def _pieces(export: Export, request: Request) -> Iterator[LoadedFile]:
    loader, claim = choose(export, LOADERS, request.reading)
    n_rows = 0
    for records in in_pieces(loader.read(export, request), PIECE):
        file = _checked(records, export, (loader, claim, request))
        n_rows += file.n_rows
        yield file
    if n_rows == 0:
        raise _no_rows(export)


def _exports(paths: Sequence[Path], request: Request, problems: Findings) -> Iterator[Export]:
    if not paths:
        raise UsageError("no input file is named", hint="name at least one annotation export")
    if request.reading.format is not None:
        named(LOADERS, request.reading.format)
    return exports([Path(path) for path in paths], problems)


def _load_all(paths: Sequence[Path], request: Request) -> tuple[LoadedFile, ...]:
    files: list[LoadedFile] = []
    problems = Findings()
    for export in _exports(paths, request, problems):
        try:
            file = load_export(export, request)
        except InputError as error:
            problems.extend(error.issues)
        else:
            files.append(file)
            problems.extend(issue for issue in file.issues if issue.severity is Severity.ERROR)
    if problems:
        raise refusal(paths, problems.all())
    return policy.apply(files, request.reading) if request.labelled else tuple(files)


def load_export(export: Export, request: Request) -> LoadedFile:
    """Read one file.

    Raises:
        InputError: The file as a whole cannot be read.
    """
    loader, claim = choose(export, LOADERS, request.reading)
    by_project = request.reading.annotator_from is AnnotatorFrom.PROJECT
    if by_project and loader is not label_studio.LOADER:
        raise UsageError(
            f"--annotator-from project is for Label Studio's JSON, and {export.shown} is "
            f"{loader.name}",
            hint="name the annotator's column with --annotator-col",
        )
    file = _checked(loader.read(export, request), export, (loader, claim, request))
    if file.n_rows == 0 and not any(issue.severity is Severity.ERROR for issue in file.issues):
        raise _no_rows(export)
    return file


def _no_rows(export: Export) -> InputError:
    return export.refuse("no-rows", "the file holds no rows", hint="export it again")


def _checked(
    records: Iterable[Record], export: Export, how: tuple[Loader, Claim, Request]
) -> LoadedFile:
    loader, claim, request = how
    checked = check_rows(records, file=export.shown, labelled=request.labelled)
    return LoadedFile(
        path=export.path,
        format=loader.name,
        evidence=claim.evidence,
        sha256=export.sha256,
        n_rows=checked.n_rows,
        table=checked.table,
        dropped=dict(checked.dropped),
        issues=(*export.issues, *checked.findings.all()),
        confidence=claim.confidence,
        mapping=checked.mapping,
    )


def refusal(paths: Sequence[Path], errors: Sequence[Issue]) -> InputError:
    """One line that counts; the issues say what and where."""
    n_files = len({issue.file for issue in errors})
    which = str(paths[0]) if len(paths) == 1 else f"{n_files} of {len(paths)} files"
    count = sum(issue.count for issue in errors)
    return InputError(
        f"{which} cannot be used: {count:,} problem{'s' if count > 1 else ''}", issues=errors
    )
