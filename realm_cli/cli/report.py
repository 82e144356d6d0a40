"""realm report: on a run's folder, or straight on export files."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from realm_cli.choices import View
from realm_cli.cli import console
from realm_cli.cli.decisions import STDOUT, DecisionOptions, decided, write_decisions
from realm_cli.cli.finding import run_of, whole_of
from realm_cli.cli.options import DataOptions, JudgeOptions, unfold
from realm_cli.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import RenderableType

    from realm_cli.reporting import Account

FIRST = 50
"""Rows shown in a terminal: the least competent, the most doubtful, the most surprising."""


def _file(what: str) -> Any:
    return typer.Option(help=what, rich_help_panel="Files", show_default=False)


@dataclass(frozen=True)
class ViewOptions:
    """What to show, and where."""

    annotators: Annotated[
        bool, typer.Option("--annotators", help="Who can be trusted how far (the default).")
    ] = False
    tasks: Annotated[bool, typer.Option("--tasks", help="Competence by task.")] = False
    items: Annotated[
        bool, typer.Option("--items", help="Items, the most doubtful first; who disagreed.")
    ] = False
    annotator: Annotated[
        str | None, typer.Option(metavar="ID", help="All about one annotator.", show_default=False)
    ] = None
    all: Annotated[bool, typer.Option("--all", help="Not just the first 50.")] = False
    json: Annotated[bool, typer.Option("--json", help="The view as JSON on stdout.")] = False
    html: Annotated[Path | None, _file("Write a page to look at.")] = None
    markdown: Annotated[Path | None, _file("Write Markdown.")] = None
    csv: Annotated[Path | None, _file("Write rows for a spreadsheet.")] = None
    parquet: Annotated[Path | None, _file("Write rows with their types.")] = None

    def view(self) -> View:
        """The one view asked for.

        Raises:
            UsageError: Several are.
        """
        asked = [view for view in View if getattr(self, view.value)]
        if len(asked) > 1:
            flags = " and ".join(f"--{view.value}" for view in asked)
            raise UsageError(f"{flags} are different views", hint="ask for one at a time")
        return asked[0] if asked else View.ANNOTATORS


@unfold
def report(
    options: ViewOptions,
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
    view = options.view()
    if options.json and deciding.decisions == STDOUT:
        raise UsageError("--json and --decisions - both write to standard output")
    ask = partial(_account, paths or [], data, judging)
    account = _decided(ask, paths or [], (data, judging, deciding)) if deciding.wanted else ask()
    from realm_cli.reporting import VIEWS, WRITERS

    forms = VIEWS[view]
    shown = forms.of(account, options.annotator)
    if options.json:
        console.data(forms.json(shown))
    elif deciding.decisions != STDOUT:
        screen = console.stdout()
        screen.print(_screen(view, shown, screen.width, None if options.all else FIRST))
    for form, write in WRITERS.items():
        path = getattr(options, form)
        if path is not None:
            write(forms, shown, path)
            console.note(f"{form}: {path}")


def _screen(view: View, shown: Any, width: int, limit: int | None) -> RenderableType:
    from realm_cli.report.terminal import annotators_view, tasks_view
    from realm_cli.report.terminal_items import items_screen
    from realm_cli.report.terminal_person import person_screen

    screens: dict[View, Any] = {
        View.ANNOTATORS: annotators_view,
        View.TASKS: tasks_view,
        View.ITEMS: items_screen,
        View.ANNOTATOR: person_screen,
    }
    found: RenderableType = screens[view](shown, width, limit=limit)
    return found


def _account(paths: list[Path], data: DataOptions, judging: JudgeOptions) -> Account:
    """The report of a run or of a file that holds one, or label-only estimates from exports."""
    from realm_cli import reporting, runs
    from realm_cli.cli.settings import judge_settings

    whole = whole_of(paths)
    if whole is None:
        with console.working("judging annotators by their labels") as told:
            return reporting.account_of_exports(data.source(paths), judge_settings(judging), told)
    if data.anonymize:
        raise UsageError(
            "--anonymize hashes names as exports are read; a run's are as it was trained with",
            hint="train with --anonymize, or report on the exports themselves",
        )
    if runs.is_run(whole):
        return reporting.account_of_run(whole)
    return reporting.account_of_report(whole)


def _decided(
    ask: Callable[[], Account],
    paths: list[Path],
    how: tuple[DataOptions, JudgeOptions, DecisionOptions],
) -> Account:
    """The same with decisions, which are written down."""
    from realm_cli.reporting import Account

    found = decided(run_of(paths), paths, *how)
    write_decisions(found, how[-1])
    return Account(found, lambda: ask().labelled())
