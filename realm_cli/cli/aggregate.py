"""realm aggregate: the best label of every item, from labels alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from realm_cli.choices import Method
from realm_cli.cli import console
from realm_cli.cli.options import DataOptions, unfold


@dataclass(frozen=True)
class WeighOptions:
    """How labels are weighed."""

    method: Annotated[
        Method, typer.Option(help="auto: the annotator model that held-out annotations ask for.")
    ] = Method.AUTO
    seed: Annotated[int, typer.Option(help="Decides every draw.", min=0)] = 0
    use_gold: Annotated[
        bool, typer.Option("--use-gold", help="Let gold count as known truth (control items).")
    ] = False


@unfold
def aggregate(
    files: Annotated[list[Path], typer.Argument(help="Annotation exports.", show_default=False)],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Parquet file for the labels.", show_default=False)
    ],
    data: DataOptions,
    weigh: WeighOptions,
    json: Annotated[bool, typer.Option("--json", help="Print a summary as JSON.")] = False,
) -> None:
    """Find the best label of every item, without a language model.

    Example: realm aggregate annotations.csv --method dawid-skene -o labels.parquet
    """
    from realm_cli import pipeline

    with console.working("weighing labels"):
        found = pipeline.aggregate(
            data.source(files), weigh.method, out, seed=weigh.seed, use_gold=weigh.use_gold
        )
    for issue in found.issues:
        console.warn(issue.message)
    if json:
        console.data(found.summary())
    console.note(f"method: {found.method}")
    console.note(
        f"labels: {out} ({found.n_items:,} items; {found.n_against:,} differ from the majority)"
    )
    if found.accuracy is not None:
        console.note(
            f"right on gold: {found.accuracy:.1%} of {found.n_gold:,} items "
            f"(majority {found.majority_accuracy:.1%})"
        )
