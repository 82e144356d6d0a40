"""realm bench: methods held against one another, from a plan file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from realm_cli.cli import console

if TYPE_CHECKING:
    from realm_cli.bench.run import Step


def bench(
    plan: Annotated[Path, typer.Argument(help="TOML file of data, crowds, models, methods.")],
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of the comparison; bench/NAME by itself.", show_default=False),
    ] = None,
    write_docs: Annotated[
        Path | None,
        typer.Option(help="Page to put the tables into, between its marks.", show_default=False),
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Cells computed at a time.")] = 1,
    json: Annotated[bool, typer.Option("--json", help="The results on stdout as JSON.")] = False,
) -> None:
    """Train models by every method of a plan, and tell how they differ.

    Each cell (data set, crowd, model, method, seed) is kept as it is filled: the same command goes
    on where it was cut off.

    Example: realm bench plans/mini.toml --out bench/mini
    """
    from realm_cli.bench import page, results
    from realm_cli.bench.plan import read_plan
    from realm_cli.bench.run import run

    wanted = read_plan(plan)
    folder = out or Path("bench") / wanted.name
    if write_docs is not None:
        page.check_page(write_docs, wanted.name)  # before hours have gone by
    with _progress() as watcher:
        ran = run(wanted, folder, watcher, jobs=jobs)
    found = results.results(wanted, ran)
    page.write_results(found, wanted, folder)
    if write_docs is not None:
        page.write_page(write_docs, found, wanted)
    console.data(found.model_dump_json(indent=2) if json else results.markdown(found))
    console.note(f"results: {folder / 'results.md'}, results.json and charts beside it")


@contextmanager
def _progress() -> Iterator[Callable[[Step], None]]:
    """A table that grows where somebody watches, else a line a cell."""
    if not console.stderr().is_terminal:
        yield lambda step: console.note(_line(step)) if step.filled else None
        return
    from rich.live import Live

    from realm_cli.cli.bench_table import Board

    board = Board()
    with Live(board.table(), console=console.stderr(), refresh_per_second=4) as live:

        def show(step: Step) -> None:
            board.take(step)
            live.update(board.table())

        yield show


def _line(step: Step) -> str:
    assert step.filled is not None
    measures = step.filled.measures
    took = "there already" if step.known else f"{measures.seconds:.0f} s"
    model, labels = measures.test_accuracy, measures.label_accuracy
    told = f"labels {labels or 0:.3f}" if model is None else f"{model:.3f}"
    return f"{step.number}/{step.total} {step.cell}: {told} ({took})"
