"""The report in a terminal: a summary, then annotators or tasks, worst first.

Everything that people typed is put in as `Text`, which rich never reads as markup, and nothing
is said by colour alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.text import Text

from realm_cli.report import reading
from realm_cli.report.model import (
    AnnotatorReport,
    CompetenceReport,
    TaskCompetence,
    TaskReport,
    Warning_,
)
from realm_cli.report.terminal_parts import (
    DEFAULT_LIMIT,
    LEVELS,
    WIDE,
    Column,
    Encodable,
    axis,
    cell_of,
    interval_bar,
    more,
    pairs,
    panel,
    room,
    table_of,
    typed,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

_WIDEST_BAR = 40


def annotators_view(
    report: CompetenceReport, width: int, *, limit: int | None = DEFAULT_LIMIT
) -> RenderableType:
    """Whom to trust: the annotators, worst competence first.

    Args:
        report: The report.
        width: Columns to fill; print the view on a console at least as wide.
        limit: How many annotators to show; None for all.
    """
    people = reading.worst_first(report)
    shown = people[:limit]
    table = table_of(shown, _annotator_columns(report, shown, width), wide=width >= WIDE)
    parts = [table, *more(len(people) - len(shown)), *_legend(report, shown)]
    return Encodable(_page(report, parts))


def tasks_view(
    report: CompetenceReport, width: int, *, limit: int | None = DEFAULT_LIMIT
) -> RenderableType:
    """Whom to trust with what: the tasks, then the annotator x task matrix.

    Args:
        report: The report.
        width: Columns to fill; print the view on a console at least as wide.
        limit: How many annotators to show; None for all.
    """
    people = reading.worst_first(report)
    shown = people[:limit]
    wide = width >= WIDE
    parts = [
        table_of(report.tasks, _task_columns(report.tasks, width), wide=wide),
        Text(""),
        *_matrix(report, shown, width),
        *more(len(people) - len(shown)),
    ]
    return Encodable(_page(report, parts))


def _page(report: CompetenceReport, parts: Sequence[RenderableType]) -> Group:
    return Group(_summary(report), Text(""), *parts, *_warnings(report.warnings))


def _summary(report: CompetenceReport) -> Panel:
    return panel("Competence report", reading.summary_lines(report))


def _warnings(warnings: Sequence[Warning_]) -> list[RenderableType]:
    if not warnings:
        return []
    lines = [("!", reading.warning_words(warning)) for warning in warnings]
    return [Text("\nWarnings", style="bold yellow"), pairs(lines)]


def _annotator_columns(
    report: CompetenceReport, shown: Sequence[AnnotatorReport], width: int
) -> list[Column[AnnotatorReport]]:
    """The table's columns; names and bars share what the numbers leave."""
    columns = _number_columns(shown, wide=width >= WIDE)
    left = max(room(columns, width, flexible=2), 18)
    name = _name_width(shown, left * 3 // 5)
    bar = min(left - name, _WIDEST_BAR)
    chance = reading.chance_level(report)
    names = Column[AnnotatorReport](
        "annotator", name, lambda one: typed(one.annotator_id, name), right=False
    )

    def bar_of(one: AnnotatorReport) -> Text:
        return interval_bar(one, chance, bar, "yellow" if one.flags else "cyan")

    bars = Column[AnnotatorReport](axis(bar), bar, bar_of, right=False)
    return [names, *columns[:3], bars, *columns[3:]]


def _name_width(shown: Sequence[AnnotatorReport], most: int) -> int:
    longest = max((cell_len(typed(one.annotator_id).plain) for one in shown), default=0)
    return min(max(longest, len("annotator")), most)


def _number_columns(
    shown: Sequence[AnnotatorReport], *, wide: bool
) -> list[Column[AnnotatorReport]]:
    """Columns that would be empty for everyone are left out."""
    competence, expertise = ("competence", "expertise") if wide else ("comp.", "exp.")
    columns: list[Column[AnnotatorReport]] = [
        Column("labels", 7, lambda one: f"{one.n_annotations:,}"),
        Column(competence, len(competence), _competence_cell),
        Column("95%", 6, lambda one: reading.interval(one.competence_interval)),
        Column(expertise, len(expertise), lambda one: reading.percent(one.expertise)),
    ]
    if any(one.gold for one in shown):
        columns.append(Column("gold", 4, _gold_cell))
    columns.append(Column("agrees", 6, lambda one: reading.percent(one.agreement_with_posterior)))
    if any(one.flags for one in shown):
        columns.append(Column("flags", 12, _flags_cell, right=False))
    if any(one.decision for one in shown):
        columns.append(Column("decision", 10, lambda one: typed(one.decision or ""), right=False))
    return columns


def _competence_cell(one: AnnotatorReport | TaskCompetence) -> Text:
    return Text(reading.percent(one.competence), style="bold")


def _gold_cell(one: AnnotatorReport) -> str:
    return reading.percent(one.gold.accuracy) if one.gold else ""


def _flags_cell(one: AnnotatorReport) -> Text:
    return Text("\n".join(typed(flag).plain for flag in one.flags), style="yellow")


def _legend(report: CompetenceReport, shown: Sequence[AnnotatorReport]) -> list[RenderableType]:
    """What the columns mean, and the flags that occur."""
    chance = reading.chance_level(report)
    marks = "● competence, ─ its 95% interval"
    marks += f", ┊ chance ({reading.percent(chance)})" if chance is not None else ""
    lines = [
        ("competence", f"{reading.COMPETENCE}: {marks}"),
        ("expertise", reading.EXPERTISE),
        ("agrees", reading.AGREEMENT),
    ]
    if any(one.gold for one in shown):
        lines.insert(2, ("gold", reading.GOLD))
    present = {flag for one in shown for flag in one.flags}
    lines += [
        (flag, reading.flag_sentence(flag))
        for flag, _ in reading.flag_counts(report)
        if flag in present and reading.flag_sentence(flag)
    ]
    return [Text(""), pairs(lines, style="dim")]


def _task_columns(tasks: Sequence[TaskReport], width: int) -> list[Column[TaskReport]]:
    columns: list[Column[TaskReport]] = [
        Column("items", 9, lambda task: f"{task.n_items:,}"),
        Column("annotators", 10, lambda task: f"{task.n_annotators:,}"),
        Column("annotations", 11, lambda task: f"{task.n_annotations:,}"),
        Column("mean competence", 15, lambda task: reading.percent(task.mean_competence)),
    ]
    if any(task.agreement is not None and task.agreement.alpha for task in tasks):
        columns.append(Column("alpha", 5, _alpha_cell))
    left = max(room(columns, width, flexible=2), 24)
    longest = max((cell_len(typed(task.task).plain) for task in tasks), default=0)
    name = min(max(longest, len("task")), left // 2)
    names = Column[TaskReport]("task", name, lambda task: typed(task.task, name), right=False)
    labels = Column[TaskReport]("labels", left - name, _labels_cell, right=False)
    return [names, *columns, labels]


def _alpha_cell(task: TaskReport) -> str:
    found = task.agreement.alpha if task.agreement else None
    return "–" if found is None else f"{found.value:.2f}"


def _labels_cell(task: TaskReport) -> Text:
    if task.labels is None:
        return Text("differ by item", style="dim")
    listed = ", ".join(typed(label).plain for label in task.labels)
    return Text(f"{len(task.labels)}: {listed}", no_wrap=True, overflow="ellipsis")


def _matrix(
    report: CompetenceReport, shown: Sequence[AnnotatorReport], width: int
) -> list[RenderableType]:
    """Annotator x task: a level, the competence, and how many labels it rests on."""
    overall: list[Column[AnnotatorReport]] = [Column("all", 4, _competence_cell)]
    name = _name_width(shown, 24)
    cell = _matrix_cell_width(report.tasks)
    gap = 2 if width >= WIDE else 1
    left = room(overall, width, flexible=1) - name
    fitting = report.tasks[: max(left // (cell + gap), 1)]
    names = Column[AnnotatorReport](
        "annotator", name, lambda one: typed(one.annotator_id, name), right=False
    )
    columns = [_task_column(task.task, cell) for task in fitting]
    key = f"{LEVELS[0]}…{LEVELS[-1]} and %: competence; then the number of labels"
    left_out = len(report.tasks) - len(fitting)
    if left_out:
        hidden = f"and {reading.counted(left_out, 'more task')}: use a wider terminal or --json"
        key = f"{hidden}\n{key}"
    matrix = table_of(shown, [names, *overall, *columns], wide=width >= WIDE)
    return [matrix, Text(key, style="dim")]


def _matrix_cell_width(tasks: Sequence[TaskReport]) -> int:
    """Room for `▇ 100% 1,234`, and for the name of the task up to 16 cells."""
    longest = max((cell_len(typed(task.task).plain) for task in tasks), default=0)
    return max(min(longest, 16), 12)


def _task_column(task: str, width: int) -> Column[AnnotatorReport]:
    def cell(one: AnnotatorReport) -> Text:
        found = next((part for part in one.by_task if part.task == task), None)
        return _task_cell(found) if found and found.n_annotations else Text("–", style="dim")

    return Column(typed(task, width), width, cell)


def _task_cell(found: TaskCompetence) -> Text:
    level = LEVELS[cell_of(found.competence, len(LEVELS))]
    return Text.assemble(
        (f"{level} ", "cyan"),
        (f"{reading.percent(found.competence):>4}", "bold"),
        (f" {found.n_annotations:>5,}", "dim"),
    )
