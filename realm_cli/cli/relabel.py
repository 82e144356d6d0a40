"""realm relabel: the items whose next labels are worth most, for a budget."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from realm_cli.choices import QueueFormat
from realm_cli.cli import console
from realm_cli.cli.finding import run_of
from realm_cli.cli.options import DataOptions, JudgeOptions, unfold

if TYPE_CHECKING:
    from realm_cli.relabelling import Purchase, Standing


@dataclass(frozen=True)
class BudgetOptions:
    """What further labels may cost, and what they are worth."""

    budget: Annotated[
        float, typer.Option(help="Labels to get, or money with --price.", show_default=False)
    ]
    price: Annotated[float, typer.Option(help="Of one label.")] = 1.0
    per_item: Annotated[int, typer.Option(help="New labels that one item gets at most.")] = 3
    competence: Annotated[
        float | None, typer.Option(help="Of who will give them; else that of this crowd.")
    ] = None


@dataclass(frozen=True)
class QueueOptions:
    """Where the queue goes."""

    out: Annotated[
        Path, typer.Option("--out", "-o", help="File for the queue.", show_default=False)
    ]
    to: Annotated[QueueFormat, typer.Option(help="What reads the file.")] = QueueFormat.CSV
    json: Annotated[bool, typer.Option("--json", help="Print a summary as JSON.")] = False


@unfold
def relabel(
    budget: BudgetOptions,
    into: QueueOptions,
    data: DataOptions,
    judging: JudgeOptions,
    paths: Annotated[
        list[Path] | None,
        typer.Argument(help="A run's folder, or export files; the newest run if none."),
    ] = None,
) -> None:
    """Choose the items to have labelled again: those whose next labels tell most.

    Example: realm relabel runs/first --budget 200 -o queue.json --to label-studio
    """
    from realm_cli import relabelling
    from realm_cli.cli.settings import relabel_settings

    settings = relabel_settings(budget)
    standing = _standing(paths or [], data, judging)
    with console.working("choosing items"):
        bought = relabelling.relabel(standing, settings, into.to, into.out)
    if into.json:
        console.data(bought.model_dump_json(indent=2))
    _tell(bought, budget, into.out)


def _standing(paths: list[Path], data: DataOptions, judging: JudgeOptions) -> Standing:
    from realm_cli import relabelling
    from realm_cli.cli.settings import judge_settings

    run = run_of(paths)
    with console.working("weighing labels") as told:
        if run is not None:
            return relabelling.standing_of_run(run)
        return relabelling.standing_of_files(data.source(paths), judge_settings(judging), told)


def _tell(bought: Purchase, budget: BudgetOptions, out: Path) -> None:
    from realm_cli.report.reading import counted

    cost = "" if budget.price == 1 else f", {bought.cost:,.2f} of {budget.budget:,.2f}"
    console.note(
        f"queue: {out} ({counted(bought.n_labels, 'label')} for "
        f"{counted(bought.n_items, 'item')}{cost})"
    )
    console.note(
        f"expected accuracy over all items: {bought.expected_accuracy_before:.1%} now, "
        f"{bought.expected_accuracy_after:.1%} then, if a new label is right "
        f"{bought.competence:.0%} of the time"
    )
    if bought.cost + budget.price <= budget.budget:
        console.note(
            f"the rest of the budget is not spent: with at most {counted(budget.per_item, 'label')}"
            " an item, no further label would tell anything"
        )
