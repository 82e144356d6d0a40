"""realm simulate: items with gold in, annotations by people of known expertise out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from realm_cli.choices import CrowdKind
from realm_cli.cli import console
from realm_cli.cli.options import DataOptions, unfold


@dataclass(frozen=True)
class CrowdOptions:
    """The crowd."""

    kind: Annotated[
        CrowdKind, typer.Option(help="What the annotators are like.", rich_help_panel="Crowd")
    ] = CrowdKind.HAMMER_SPAMMER
    annotators: Annotated[
        int, typer.Option(help="How many annotators.", rich_help_panel="Crowd")
    ] = 40
    labels_per_item: Annotated[
        int, typer.Option(help="How many label each item.", rich_help_panel="Crowd")
    ] = 3
    share: Annotated[
        float,
        typer.Option(
            help="Of experts (hammer-spammer), of the always wrong (adversarial), of the tasks "
            "that each knows (task-specialist), of those who always say the same (constant), of "
            "those who copy another (colluding).",
            rich_help_panel="Crowd",
        ),
    ] = 0.5
    seed: Annotated[int, typer.Option(help="Decides every draw.", rich_help_panel="Crowd")] = 0


@unfold
def simulate(
    files: Annotated[
        list[Path], typer.Argument(help="Items with text, options and gold.", show_default=False)
    ],
    out: Annotated[Path, typer.Option(help="Parquet file for the annotations.")],
    crowd: CrowdOptions,
    data: DataOptions,
) -> None:
    """Let annotators of known expertise label items; the truth about them is written beside.

    Example: realm simulate items.jsonl --kind uniform --labels-per-item 3 --out crowd.parquet
    """
    from realm_cli import simulation
    from realm_cli.cli.settings import crowd_settings

    source = data.source(files)
    known = simulation.simulate_crowd(source, crowd_settings(crowd), out)
    console.note(f"annotations: {out}")
    console.note(f"the truth: {', '.join(str(path) for path in known)}")
