"""The views of `realm report`: what to show of a run or of exports, and every form it takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from realm_cli import checkpoint, pipeline, runs
from realm_cli.choices import View
from realm_cli.config import JudgeSettings
from realm_cli.errors import InputError, UsageError
from realm_cli.estimation import Told
from realm_cli.intake import Source
from realm_cli.report.html_page import items_to_html, person_to_html, to_html
from realm_cli.report.items import Labelled, items_json, items_view
from realm_cli.report.json_file import from_json, to_json
from realm_cli.report.markdown import (
    annotators_markdown,
    items_markdown,
    page_markdown,
    tasks_markdown,
)
from realm_cli.report.model import CompetenceReport
from realm_cli.report.person import annotator_page, page_json, page_table
from realm_cli.report.tables import cells_table, labels_table, people_table
from realm_cli.schema import plain
from realm_cli.writers import write_csv

_NEEDED = ["item_id", "task", "annotator_id", "label", "text"]


@dataclass(frozen=True)
class Account:
    """A report, and the labels it rests on for those who ask about items or a person.

    Attributes:
        report: The report.
        labelled: Reads or makes the labels.
    """

    report: CompetenceReport
    labelled: Callable[[], Labelled]


def account_of_run(run: Path) -> Account:
    """What a run's folder holds; needs no torch."""
    return Account(runs.read_report(run), partial(_labelled_of_run, run))


def account_of_report(path: Path) -> Account:
    """A report by itself, which has annotators and tasks but no items."""
    return Account(from_json(path), partial(_no_labels, path))


def _no_labels(path: Path) -> Labelled:
    raise UsageError(
        f"{path} is a report without its annotations",
        hint="items and single annotators are shown from a run's folder or from exports",
    )


def account_of_exports(source: Source, settings: JudgeSettings, told: Told) -> Account:
    """What the labels alone say of annotators and items; no torch."""
    found, report = pipeline.judge_exports(source, settings, told)
    table = found.crowd.table
    return Account(
        report,
        lambda: Labelled(labels_table(table, found.fit.log_q), plain(table.rows.select(_NEEDED))),
    )


def _labelled_of_run(run: Path) -> Labelled:
    side = run / checkpoint.SIDE
    return Labelled(
        _read_parquet(side / checkpoint.LABELS_FILE),
        _read_parquet(side / checkpoint.ANNOTATIONS_FILE, _NEEDED),
    )


def _read_parquet(path: Path, columns: list[str] | None = None) -> pa.Table:
    try:
        return pq.read_table(path, columns=columns)
    except (OSError, pa.ArrowException) as error:
        raise InputError(
            f"cannot read {path}: {error}",
            hint="items and single annotators are shown from a run's whole folder",
        ) from error


@dataclass(frozen=True)
class Forms:
    """How one view is written.

    Attributes:
        of: What it shows, from an account and an annotator's id (which one view needs).
        json: As JSON.
        html: As a page.
        markdown: As Markdown.
        table: As rows, for CSV and Parquet.
    """

    of: Callable[[Account, str | None], Any]
    json: Callable[[Any], str]
    html: Callable[[Any], str]
    markdown: Callable[[Any], str]
    table: Callable[[Any], pa.Table]


def _report(account: Account, _: str | None) -> CompetenceReport:
    return account.report


VIEWS: Mapping[View, Forms] = {
    View.ANNOTATORS: Forms(_report, to_json, to_html, annotators_markdown, people_table),
    View.TASKS: Forms(_report, to_json, to_html, tasks_markdown, cells_table),
    View.ITEMS: Forms(
        lambda account, _: items_view(account.labelled()),
        items_json,
        items_to_html,
        items_markdown,
        lambda view: view.table,
    ),
    View.ANNOTATOR: Forms(
        lambda account, who: annotator_page(account.report, account.labelled(), who or ""),
        page_json,
        person_to_html,
        page_markdown,
        page_table,
    ),
}


def write_html(forms: Forms, shown: Any, path: Path) -> None:
    """A page of its own."""
    page = forms.html(shown)
    checkpoint.write_file(path, partial(checkpoint.write_text, page))


def write_markdown(forms: Forms, shown: Any, path: Path) -> None:
    """Markdown."""
    text = forms.markdown(shown)
    checkpoint.write_file(path, partial(checkpoint.write_text, text))


def write_rows_csv(forms: Forms, shown: Any, path: Path) -> None:
    """Rows that a spreadsheet takes for text and numbers, never for formulas."""
    rows = forms.table(shown)

    def write(stage: Path) -> None:
        with stage.open("wb") as file:
            write_csv(rows, file)

    checkpoint.write_file(path, write)


def write_rows_parquet(forms: Forms, shown: Any, path: Path) -> None:
    """Rows with their types."""
    rows = forms.table(shown)
    checkpoint.write_file(path, partial(checkpoint.write_parquet, rows))


WRITERS: Mapping[str, Callable[[Forms, Any, Path], None]] = {
    "html": write_html,
    "markdown": write_markdown,
    "csv": write_rows_csv,
    "parquet": write_rows_parquet,
}
