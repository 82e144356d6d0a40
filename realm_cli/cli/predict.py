"""realm predict: a run's model labels new items."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from realm_cli.cli import console
from realm_cli.cli.options import DataOptions, unfold
from realm_cli.errors import UsageError

if TYPE_CHECKING:
    import pyarrow as pa


@unfold
def predict(
    run: Annotated[Path, typer.Argument(help="A folder that realm train wrote.")],
    files: Annotated[list[Path], typer.Argument(help="Items.", show_default=False)],
    data: DataOptions,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help=".parquet or .jsonl; JSON lines on stdout if not given."),
    ] = None,
) -> None:
    """Label items with a trained model, with probabilities.

    Example: realm predict runs/first new_items.jsonl -o labels.parquet
    """
    from realm_cli import prediction
    from realm_cli.checkpoint import write_file, write_parquet, write_text

    if out is not None and out.suffix not in {".parquet", ".jsonl"}:
        raise UsageError(f"cannot write {out.name}", hint="end its name with .parquet or .jsonl")
    source = data.source(files)
    labels = prediction.predict(run, source)
    if out is None:
        console.data(_json_lines(labels))
        return
    if out.suffix == ".parquet":
        write_file(out, lambda path: write_parquet(labels, path))
    else:
        write_file(out, lambda path: write_text(_json_lines(labels), path))
    console.note(f"labels: {out}")


def _json_lines(table: pa.Table) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in table.to_pylist())
