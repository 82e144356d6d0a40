"""realm predict: a run's model labels new items."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from realm_cli.choices import TableFormat
from realm_cli.cli import console
from realm_cli.cli.convert import BY_ENDING, STDOUT
from realm_cli.cli.options import DataOptions, unfold
from realm_cli.errors import UsageError

if TYPE_CHECKING:
    from typing import BinaryIO

    from realm_cli.prediction import Labels


@unfold
def predict(
    run: Annotated[Path, typer.Argument(help="A folder that realm train wrote.")],
    files: Annotated[list[Path], typer.Argument(help="Items; - for stdin.", show_default=False)],
    data: DataOptions,
    out: Annotated[
        Path,
        typer.Option("--out", "-o", help=".parquet, .csv or .jsonl; - for JSON lines on stdout."),
    ] = STDOUT,
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Items that the model reads at a time.")
    ] = None,
) -> None:
    """Label items with a trained model, with probabilities.

    Example: realm predict runs/first new_items.jsonl -o labels.parquet
    """
    from realm_cli import prediction
    from realm_cli.checkpoint import write_file
    from realm_cli.cli.progress import labelling_progress

    to = _format(out)
    with labelling_progress() as watcher:
        labels = prediction.label(run, data.source(files), prediction.Work(batch_size, watcher))
        if out == STDOUT:
            _write(labels, to, sys.stdout.buffer)
        else:
            write_file(out, lambda path: _write_to(path, labels, to))
    for issue in labels.issues:
        console.warn(issue.message)
    if out != STDOUT:
        console.note(f"labels: {out}")


def _format(out: Path) -> TableFormat:
    if out == STDOUT:
        return TableFormat.JSONL
    if out.suffix.casefold() in BY_ENDING:
        return BY_ENDING[out.suffix.casefold()]
    raise UsageError(
        f"cannot write {out.name}", hint="end its name with .parquet, .csv or .jsonl, or give -"
    )


def _write_to(path: Path, labels: Labels, to: TableFormat) -> None:
    with path.open("wb") as file:
        _write(labels, to, file)


def _write(labels: Labels, to: TableFormat, file: BinaryIO) -> None:
    from realm_cli.writers import write_tables

    write_tables(labels.pieces, to, file)
