"""The report as one HTML page: no network, no framework, nothing that an id or a label can run."""

from __future__ import annotations

import base64
import functools
import hashlib
import statistics
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from realm_cli.report import reading

if TYPE_CHECKING:
    from realm_cli.report.model import AnnotatorReport, CompetenceReport, TaskCompetence

CHART_ROWS = 100
"""Annotators in the charts; the table holds everyone."""

MATRIX_TASKS = 60
"""Tasks in the matrix; report.json holds all."""


def to_html(report: CompetenceReport) -> str:
    """The report as one self-contained page.

    The page's own script and style are allowed by their digests in a Content-Security-Policy and
    nothing else is, so that text which slipped through escaping still could not run or load.
    """
    pages = _environment()
    return pages.get_template("page.html.j2").render(
        style=pages.get_template("style.css.j2").render(),
        script=pages.get_template("sort.js.j2").render(),
        report=report,
        **_summary(report),
        **_charts(report),
    )


def _summary(report: CompetenceReport) -> dict[str, Any]:
    found = report.summary.agreement
    no_pairs = "no item has two labels"
    pairs = f"of {reading.counted(found.n_pairs, 'pair')} of labels on the same item"
    scores = [one.competence for one in report.annotators]
    return {
        "agreement_more": no_pairs if found.percent is None else pairs,
        "kind_words": reading.KIND_WORDS[report.estimate.kind],
        "median": statistics.median(scores) if scores else None,
        "n_flagged": sum(bool(one.flags) for one in report.annotators),
        "flags": reading.flag_counts(report),
        "chance": reading.chance_level(report),
        "gold_meaning": reading.GOLD,
        "agreement_meaning": reading.AGREEMENT,
    }


def _charts(report: CompetenceReport) -> dict[str, Any]:
    people = reading.worst_first(report)
    tasks = [task.task for task in report.tasks[:MATRIX_TASKS]]
    return {
        "people": people,
        "forest": people[:CHART_ROWS],
        "left_out": max(len(people) - CHART_ROWS, 0),
        "most_labels": max((one.n_annotations for one in people), default=0) or 1,
        "matrix_tasks": tasks,
        "matrix": [(one, _cells(one, tasks)) for one in people[:CHART_ROWS]],
        "tasks_left_out": len(report.tasks) - len(tasks),
    }


def _cells(one: AnnotatorReport, tasks: list[str]) -> list[TaskCompetence | None]:
    by_task = {cell.task: cell for cell in one.by_task if cell.n_annotations}
    return [by_task.get(task) for task in tasks]


@functools.cache
def _environment() -> Environment:
    pages = Environment(
        loader=PackageLoader("realm_cli.report"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.filters |= {"at": _at, "tens": _tens, "digest": _digest}
    for function in (
        reading.counted,
        reading.counts_words,
        reading.flag_sentence,
        reading.interval,
        reading.method_words,
        reading.percent,
        reading.warning_words,
    ):
        pages.globals[function.__name__] = function
    return pages


def _shown(value: object) -> object:
    """Every text that a template puts out, with control characters and bidi marks written out."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return reading.visible(value)


def _at(value: float) -> str:
    """A position on an axis from 0 to 1."""
    return f"{100 * value:.2f}%"


def _tens(value: float) -> int:
    """The tenth of 0..1 that a probability falls in, for a cell's shade."""
    return min(int(value * 10), 9)


def _digest(text: str) -> str:
    """A source expression of a Content-Security-Policy that allows exactly this text."""
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"
