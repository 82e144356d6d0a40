"""The report as one HTML page: no network, no framework, nothing that an id or a label can run."""

from __future__ import annotations

import base64
import functools
import hashlib
import statistics
from datetime import datetime
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from realm_cli import __version__
from realm_cli.report import charts, reading
from realm_cli.report.items import DOUBT_ORDER, SETTLED

if TYPE_CHECKING:
    from realm_cli.report.items import ItemsView
    from realm_cli.report.model import AnnotatorReport, CompetenceReport, TaskCompetence
    from realm_cli.report.person import AnnotatorPage

CHART_ROWS = 100
"""Annotators in the charts; the table holds everyone."""

MATRIX_TASKS = 60
"""Tasks in the matrix; report.json holds all."""

ITEM_ROWS = 1_000
"""Items on a page about items, and labels on a page about a person."""

MANY = 12
"""From so many annotators on, histograms say more than the single people."""


def to_html(report: CompetenceReport) -> str:
    """The report as one self-contained page.

    The page's own script and style are allowed by their digests in a Content-Security-Policy and
    nothing else is, so that text which slipped through escaping still could not run or load.
    """
    return _rendered(
        "report.html.j2", report=report, written=_written(report), **_summary(report),
        **_charts(report),
    )  # fmt: skip


def items_to_html(view: ItemsView) -> str:
    """The items that people could not settle, as a page like the report's."""
    shown = view.first(ITEM_ROWS)
    return _rendered(
        "items.html.j2",
        view=view,
        items=shown,
        written=("realm", __version__, None),
        doubt_order=DOUBT_ORDER,
        settled=SETTLED,
        several_tasks=len({one.task for one in shown}) > 1,
        with_gold=any(one.gold is not None for one in shown),
    )


def person_to_html(page: AnnotatorPage) -> str:
    """One page on one person."""
    shown = page.surprising[:ITEM_ROWS]
    return _rendered(
        "person.html.j2",
        page=page,
        one=page.annotator,
        kind_words=reading.KIND_WORDS[page.estimate.kind],
        surprising=shown,
        written=("realm", __version__, None),
        found=[one for one in page.annotator.evidence if one.found],
        drift=charts.drift(page.annotator) if len(page.annotator.over_time) > 1 else None,
        with_gold=any(one.gold is not None for one in shown),
        several_tasks=len({one.task for one in shown}) > 1,
    )


def _rendered(template: str, **values: Any) -> str:
    pages = _environment()
    return pages.get_template(template).render(
        style=pages.get_template("style.css.j2").render(),
        script=pages.get_template("tables.js.j2").render(),
        **values,
    )


def _written(report: CompetenceReport) -> tuple[str, str, datetime | None]:
    return report.tool.name, report.tool.version, report.created_at


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
    standing_out = [one for one in people if any(found.found for found in one.evidence)]
    return {
        "people": people,
        "forest": people[:CHART_ROWS],
        "left_out": max(len(people) - CHART_ROWS, 0),
        "most_labels": max((one.n_annotations for one in people), default=0) or 1,
        "spread": _histograms(people) if len(people) >= MANY else (),
        "standing_out": standing_out[:CHART_ROWS],
        "standing_out_left": max(len(standing_out) - CHART_ROWS, 0),
        "drifts": charts.drifts(people),
        "curves": charts.training_curves(report.training),
        "reliability": charts.reliability(report.calibration),
        "agreements": [task for task in report.tasks if task.agreement is not None],
        "matrix_tasks": tasks,
        "matrix": [(one, _cells(one, tasks)) for one in people[:CHART_ROWS]],
        "tasks_left_out": len(report.tasks) - len(tasks),
    }


def _histograms(people: list[AnnotatorReport]) -> tuple[tuple[str, charts.Histogram], ...]:
    return (
        ("How competent annotators are", charts.competences(people)),
        ("Labels per annotator", charts.labels_each(people)),
    )


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
    pages.filters |= {"at": _at, "tens": _tens, "digest": _digest, "number": _number}
    for function in (
        reading.calibration_error,
        reading.coefficient,
        reading.counted,
        reading.counts_words,
        reading.flag_sentence,
        reading.interval,
        reading.method_words,
        reading.percent,
        reading.q_words,
        reading.stretch_words,
        reading.warning_words,
    ):
        pages.globals[function.__name__] = function
    return pages


def _shown(value: object) -> object:
    """Every text that a template puts out, with control characters and bidi marks written out."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return reading.visible(value)


def _number(value: int) -> str:
    """A count with its thousands marked."""
    return f"{value:,}"


def _at(value: float) -> str:
    """A position on an axis from 0 to 1."""
    return f"{100 * value:.2f}%"


def _tens(value: float) -> int:
    """The tenth of 0..1 that a probability falls in, for a cell's shade."""
    return min(int(value * 10), 9)


def _digest(text: str) -> str:
    """A source expression of a Content-Security-Policy that allows exactly this text."""
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"
