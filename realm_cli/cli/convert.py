"""realm convert: annotations in another format, without a loss."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from realm_cli.choices import TableFormat
from realm_cli.cli import console
from realm_cli.cli.options import DataOptions, unfold
from realm_cli.errors import OutputExistsError, UsageError

if TYPE_CHECKING:
    from realm_cli.intake import Source
    from realm_cli.loaders.base import LoadedFile

STDOUT = Path("-")
BY_ENDING = {
    ".parquet": TableFormat.PARQUET,
    ".csv": TableFormat.CSV,
    ".jsonl": TableFormat.JSONL,
    ".ndjson": TableFormat.JSONL,
}


@unfold
def convert(
    files: Annotated[list[Path], typer.Argument(help="Annotation exports.", show_default=False)],
    data: DataOptions,
    out: Annotated[Path, typer.Option("--out", "-o", help="File to write; - for standard output.")],
    to: Annotated[
        TableFormat | None, typer.Option(help="Format, where the file's name does not say.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the file if it is there.")
    ] = False,
) -> None:
    """Write annotations as canonical Parquet, CSV (long or wide) or JSON Lines.

    Example: realm convert export.json -o annotations.parquet
    """
    from realm_cli.report.reading import counted

    to = to or _by_ending(out)
    if out != STDOUT and out.exists() and not overwrite:
        raise OutputExistsError(f"{out} exists already", hint="replace it with --overwrite")
    n_rows, dropped = _convert(data.source(files), to, out)
    console.note(f"{out}: {counted(n_rows, 'annotation')}" + dropped)


def _by_ending(out: Path) -> TableFormat:
    if out.suffix.casefold() in BY_ENDING:
        return BY_ENDING[out.suffix.casefold()]
    known = ", ".join(TableFormat)
    raise UsageError(f"{out} does not say which format to write", hint=f"choose --to: {known}")


def _convert(source: Source, to: TableFormat, out: Path) -> tuple[int, str]:
    """How many rows there are, and in words what was read and is no row of the table."""
    from realm_cli import intake
    from realm_cli.checkpoint import write_file

    read: list[LoadedFile] = []

    def write(path: Path) -> None:
        with path.open("wb") as file:
            read.extend(intake.convert(source, to, file))

    with console.working("converting"):
        if out == STDOUT:
            read.extend(intake.convert(source, to, sys.stdout.buffer))
        else:
            write_file(out, write)
    for file in read:
        console.issues(file.issues)
    lost = sum(file.n_rows - file.table.num_rows for file in read)
    return sum(file.table.num_rows for file in read), f", {lost:,} left out" if lost else ""
