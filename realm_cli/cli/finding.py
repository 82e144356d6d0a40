"""What the arguments of a command name: a run, a report in a file, or export files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from realm_cli.cli import console
from realm_cli.errors import UsageError

if TYPE_CHECKING:
    from realm_cli.cli.options import DataOptions, JudgeOptions
    from realm_cli.report.model import CompetenceReport


def find_report(paths: list[Path], data: DataOptions, judging: JudgeOptions) -> CompetenceReport:
    """The report of a run or of a file that holds one, or label-only estimates from exports.

    Raises:
        UsageError: A run or a report is one of several inputs.
    """
    from realm_cli import runs
    from realm_cli.report.json_file import from_json

    whole = whole_of(paths)
    if whole is None:
        return _estimate(paths, data, judging)
    return runs.read_report(whole) if runs.is_run(whole) else from_json(whole)


def run_of(paths: list[Path]) -> Path | None:
    """The run that is meant, the newest one if nothing is named; None for export files.

    Raises:
        UsageError: A run is named beside other inputs, there is none, or a report stands alone.
    """
    from realm_cli import runs

    whole = whole_of(paths)
    if whole is not None and not runs.is_run(whole):
        raise UsageError(
            f"{whole} is a report without its annotations",
            hint="name the run's folder, or the exports that it was made of",
        )
    return whole


def whole_of(paths: list[Path]) -> Path | None:
    """The one run or report that is named, or the newest run; None for export files."""
    from realm_cli import runs

    if not paths:
        newest = runs.newest_run()
        console.note(f"newest run: {newest}")
        return newest
    whole = [path for path in paths if runs.is_run(path) or runs.is_report(path)]
    if whole and len(paths) > 1:
        kind = "a run's folder" if runs.is_run(whole[0]) else "a report"
        raise UsageError(
            f"{whole[0]} is {kind} among other inputs",
            hint="name one run's folder or report, or exports only",
        )
    return whole[0] if whole else None


def _estimate(paths: list[Path], data: DataOptions, judging: JudgeOptions) -> CompetenceReport:
    from realm_cli import pipeline
    from realm_cli.cli.settings import judge_settings

    with console.working("judging annotators by their labels") as told:
        return pipeline.estimate(data.source(paths), judge_settings(judging), told)
