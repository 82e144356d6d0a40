"""The part of realm report that decides about annotators: its flags, and what it writes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from realm_cli.cli import console

if TYPE_CHECKING:
    from realm_cli.cli.options import DataOptions, JudgeOptions
    from realm_cli.report.model import CompetenceReport

STDOUT = Path("-")


def _flag(what: str, *names: str) -> Any:
    return typer.Option(*names, help=what, rich_help_panel="Decisions")


@dataclass(frozen=True)
class DecisionOptions:
    """What to decide about annotators, and where to write it."""

    decisions: Annotated[
        Path | None, _flag("CSV of whom to keep, review, retrain, exclude; - for stdout.")
    ] = None
    approve: Annotated[
        Path | None, _flag("MTurk's batch file with Approve and Reject filled in.")
    ] = None
    min_competence: Annotated[
        float | None, _flag("Competence asked for; else a fifth of the way from chance to 1.")
    ] = None
    min_labels: Annotated[int, _flag("Nobody with fewer labels is excluded.")] = 20
    max_width: Annotated[float, _flag("Nor anybody with a wider interval.")] = 0.4

    @property
    def wanted(self) -> bool:
        """Whether anything is to be decided."""
        return self.decisions is not None or self.approve is not None


def decided(
    run: Path | None,
    paths: list[Path],
    data: DataOptions,
    judging: JudgeOptions,
    deciding: DecisionOptions,
) -> CompetenceReport:
    """The report of a run, or on files, with decisions."""
    from realm_cli import follow_up
    from realm_cli.cli.settings import decision_settings, judge_settings

    settings = decision_settings(deciding)
    with console.working("judging annotators") as told:
        if run is not None:
            judged = follow_up.judged_run(run)
        else:
            judged = follow_up.judged_files(data.source(paths), judge_settings(judging), told)
        told("weighing the labels without the excluded")
        return follow_up.decided(judged, settings)


def write_decisions(found: CompetenceReport, deciding: DecisionOptions) -> None:
    """Write the files that were asked for, and say what is in them."""
    from realm_cli import follow_up
    from realm_cli.checkpoint import write_file, write_text
    from realm_cli.decisions import to_csv

    if deciding.approve is not None:
        marked = follow_up.pay(found, deciding.approve)
        console.note(
            f"batch: {deciding.approve} ({marked.n_approved:,} to approve, {marked.n_rejected:,} "
            f"to reject, {marked.n_left:,} left as they were)"
        )
    if deciding.decisions == STDOUT:
        console.data(to_csv(found))
    elif deciding.decisions is not None:
        write_file(deciding.decisions, lambda stage: write_text(to_csv(found), stage))
        console.note(f"decisions: {deciding.decisions}")
