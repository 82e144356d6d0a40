"""The report that a command is about: a run's, one in a file, or one made of exports."""

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

    if not paths:
        newest = runs.newest_run()
        console.note(f"newest run: {newest}")
        return runs.read_report(newest)
    whole = [path for path in paths if runs.is_run(path) or runs.is_report(path)]
    if not whole:
        return _estimate(paths, data, judging)
    if len(paths) > 1:
        kind = "a run's folder" if runs.is_run(whole[0]) else "a report"
        raise UsageError(
            f"{whole[0]} is {kind} among other inputs",
            hint="name one run's folder or report, or exports only",
        )
    return runs.read_report(whole[0]) if runs.is_run(whole[0]) else from_json(whole[0])


def _estimate(paths: list[Path], data: DataOptions, judging: JudgeOptions) -> CompetenceReport:
    from realm_cli import pipeline
    from realm_cli.cli.settings import judge_settings

    with console.working("judging annotators by their labels") as told:
        return pipeline.estimate(data.source(paths), judge_settings(judging), told)
