"""realm report: on a run's folder, or straight on export files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from realm_cli.cli import console
from realm_cli.cli.decisions import STDOUT, DecisionOptions, decided, write_decisions
from realm_cli.cli.finding import find_report, run_of
from realm_cli.cli.options import DataOptions, JudgeOptions, unfold
from realm_cli.errors import UsageError

if TYPE_CHECKING:
    from realm_cli.report.model import CompetenceReport

LOWEST = 50
"""Annotators shown in a terminal, the least competent first."""


@dataclass(frozen=True)
class ViewOptions:
    """What to show, and where."""

    annotators: Annotated[
        bool, typer.Option("--annotators", help="Who can be trusted how far (the default).")
    ] = False
    tasks: Annotated[bool, typer.Option("--tasks", help="Competence by task.")] = False
    all: Annotated[bool, typer.Option("--all", help="Not just the lowest 50.")] = False
    json: Annotated[bool, typer.Option("--json", help="report.json on stdout.")] = False
    html: Annotated[Path | None, typer.Option(help="Write a page to look at.")] = None


@unfold
def report(
    view: ViewOptions,
    data: DataOptions,
    judging: JudgeOptions,
    deciding: DecisionOptions,
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            help="A run's folder, a report.json, or export files; the newest run if none."
        ),
    ] = None,
) -> None:
    """Show how competent each annotator is, with intervals.

    Example: realm report runs/first --annotators --html report.html
    """
    if view.json and deciding.decisions == STDOUT:
        raise UsageError("--json and --decisions - both write to standard output")
    if deciding.wanted:
        found = decided(run_of(paths or []), paths or [], data, judging, deciding)
        write_decisions(found, deciding)
    else:
        found = find_report(paths or [], data, judging)
    if view.json:
        from realm_cli.report.json_file import to_json

        console.data(to_json(found))
    elif deciding.decisions != STDOUT:
        _show(found, view)
    if view.html is not None:
        _write_html(found, view.html)
        console.note(f"page: {view.html}")


def _show(found: CompetenceReport, view: ViewOptions) -> None:
    from realm_cli.report.terminal import annotators_view, tasks_view

    screen = console.stdout()
    limit = None if view.all else LOWEST
    if view.annotators or not view.tasks:
        screen.print(annotators_view(found, screen.width, limit=limit))
    if view.tasks:
        screen.print(tasks_view(found, screen.width, limit=limit))


def _write_html(found: CompetenceReport, path: Path) -> None:
    from realm_cli.checkpoint import write_file, write_text
    from realm_cli.report.html_page import to_html

    page = to_html(found)
    write_file(path, lambda stage: write_text(page, stage))
