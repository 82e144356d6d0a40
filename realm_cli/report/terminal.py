"""The report in a terminal: a summary, then annotators or tasks, worst first.

Everything that people typed is put in as `Text`, which rich never reads as markup, and nothing
is said by colour alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from rich.box import ROUNDED, SIMPLE_HEAD
from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from realm_cli.report import reading
from realm_cli.report.model import (
    AnnotatorReport,
    CompetenceReport,
    Decisions,
    TaskCompetence,
    TaskReport,
    Warning_,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Row = TypeVar("Row")

DEFAULT_LIMIT = 50
"""Annotators shown before the rest becomes a number."""

WIDE = 110
"""From this many columns on, headings are whole words and gaps are two spaces."""

_WIDEST_BAR = 40
_LEVELS = "▁▂▃▄▅▆▇█"
_PLAIN = str.maketrans("─●┊┼…·–×" + _LEVELS, "-o:+~.-x" + "12345678")


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
    table = _table(shown, _annotator_columns(report, shown, width), wide=width >= WIDE)
    parts = [table, *_more(len(people) - len(shown)), *_legend(report, shown)]
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
        _table(report.tasks, _task_columns(report.tasks, width), wide=wide),
        Text(""),
        *_matrix(report, shown, width),
        *_more(len(people) - len(shown)),
    ]
    return Encodable(_page(report, parts))


def typed(text: str, width: int | None = None) -> Text:
    """Text that people typed, made safe to show and shortened in the middle to fit."""
    safe = reading.harmless(text)
    return Text(safe if width is None else shortened(safe, width))


def shortened(text: str, width: int) -> str:
    """Text cut in the middle to a number of terminal cells: ids differ at either end."""
    if cell_len(text) <= width:
        return text
    end = text[-((width - 1) // 2) :]
    while cell_len(end) > (width - 1) // 2:  # wide characters take two cells
        end = end[1:]
    return set_cell_size(text, width - 1 - cell_len(end)).rstrip() + "…" + end


class Encodable:
    """A view in the characters that the output's encoding has."""

    def __init__(self, view: RenderableType) -> None:
        self.view = view

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for segment in console.render(self.view, options):
            yield segment._replace(text=_ascii(segment.text)) if options.ascii_only else segment


def _ascii(text: str) -> str:
    plain = text.translate(_PLAIN)
    return "".join(char if char.isascii() else "?" * cell_len(char) for char in plain)


def _page(report: CompetenceReport, parts: Sequence[RenderableType]) -> Group:
    return Group(_summary(report), Text(""), *parts, *_warnings(report.warnings))


def _summary(report: CompetenceReport) -> Panel:
    gold = report.summary.accuracy_on_gold
    lines = [
        ("data", reading.counts_words(report)),
        ("agreement", reading.agreement_words(report)),
        *([("gold", reading.gold_words(gold))] if gold else []),
        ("estimate", reading.estimate_words(report)),
        ("method", reading.method_words(report)),
        ("flagged", reading.flagged_words(report)),
        *_decision_lines(report.decisions),
    ]
    return Panel(_pairs(lines), title="Competence report", title_align="left", box=ROUNDED)


def _decision_lines(decisions: Decisions | None) -> list[tuple[str, str]]:
    """What was decided, and what excluding people would do."""
    if decisions is None:
        return []
    lines = [("decisions", reading.decision_words(decisions))]
    if decisions.exclusion is not None:
        lines.append(("without excluded", reading.exclusion_words(decisions.exclusion)))
    return lines


def _pairs(lines: Sequence[tuple[str, str]], style: str = "none") -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(style=style, overflow="fold")
    for name, words in lines:
        grid.add_row(typed(name), typed(words))
    return grid


def _more(left_out: int) -> list[Text]:
    return [Text(f"and {left_out:,} more: use --all or --json")] if left_out else []


def _warnings(warnings: Sequence[Warning_]) -> list[RenderableType]:
    if not warnings:
        return []
    lines = [("!", reading.warning_words(warning)) for warning in warnings]
    return [Text("\nWarnings", style="bold yellow"), _pairs(lines)]


@dataclass(frozen=True)
class _Column(Generic[Row]):
    """A column of a table: its heading, its width, and a row's cell."""

    heading: RenderableType
    width: int
    cell: Callable[[Row], RenderableType]
    right: bool = True


def _table(rows: Sequence[Row], columns: Sequence[_Column[Row]], *, wide: bool) -> Table:
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, int(wide), 0, 0))
    for column in columns:
        side = "right" if column.right else "left"
        table.add_column(column.heading, width=column.width, justify=side, overflow="fold")  # type: ignore[arg-type]
    for row in rows:
        table.add_row(*(column.cell(row) for column in columns))
    return table


def _room(columns: Sequence[_Column[Row]], width: int, flexible: int) -> int:
    """What fixed columns and all the gaps leave to the flexible columns."""
    gap = 2 if width >= WIDE else 1
    return width - sum(column.width for column in columns) - gap * (len(columns) + flexible)


def _annotator_columns(
    report: CompetenceReport, shown: Sequence[AnnotatorReport], width: int
) -> list[_Column[AnnotatorReport]]:
    """The table's columns; names and bars share what the numbers leave."""
    columns = _number_columns(shown, wide=width >= WIDE)
    left = max(_room(columns, width, flexible=2), 18)
    name = _name_width(shown, left * 3 // 5)
    bar = min(left - name, _WIDEST_BAR)
    chance = reading.chance_level(report)
    names = _Column[AnnotatorReport](
        "annotator", name, lambda one: typed(one.annotator_id, name), right=False
    )
    bars = _Column[AnnotatorReport](
        _axis(bar), bar, lambda one: _interval_bar(one, chance, bar), right=False
    )
    return [names, *columns[:3], bars, *columns[3:]]


def _name_width(shown: Sequence[AnnotatorReport], most: int) -> int:
    longest = max((cell_len(typed(one.annotator_id).plain) for one in shown), default=0)
    return min(max(longest, len("annotator")), most)


def _number_columns(
    shown: Sequence[AnnotatorReport], *, wide: bool
) -> list[_Column[AnnotatorReport]]:
    """Columns that would be empty for everyone are left out."""
    competence, expertise = ("competence", "expertise") if wide else ("comp.", "exp.")
    columns: list[_Column[AnnotatorReport]] = [
        _Column("labels", 7, lambda one: f"{one.n_annotations:,}"),
        _Column(competence, len(competence), _competence_cell),
        _Column("95%", 6, lambda one: reading.interval(one.competence_interval)),
        _Column(expertise, len(expertise), lambda one: reading.percent(one.expertise)),
    ]
    if any(one.gold for one in shown):
        columns.append(_Column("gold", 4, _gold_cell))
    columns.append(_Column("agrees", 6, lambda one: reading.percent(one.agreement_with_posterior)))
    if any(one.flags for one in shown):
        columns.append(_Column("flags", 12, _flags_cell, right=False))
    if any(one.decision for one in shown):
        columns.append(_Column("decision", 8, lambda one: typed(one.decision or ""), right=False))
    return columns


def _competence_cell(one: AnnotatorReport | TaskCompetence) -> Text:
    return Text(reading.percent(one.competence), style="bold")


def _gold_cell(one: AnnotatorReport) -> str:
    return reading.percent(one.gold.accuracy) if one.gold else ""


def _flags_cell(one: AnnotatorReport) -> Text:
    return Text("\n".join(typed(flag).plain for flag in one.flags), style="yellow")


def _cell_of(value: float, width: int) -> int:
    """The character cell that a probability falls in."""
    return min(int(value * width), width - 1)


def _axis(width: int) -> Text:
    return Text("0" + "100%".rjust(width - 1), style="dim")


def _interval_bar(one: AnnotatorReport, chance: float | None, width: int) -> Text:
    """The interval as a line over 0..1, competence as a point on it, chance as a dotted mark."""
    low, high = (_cell_of(bound, width) for bound in one.competence_interval)
    cells = [" "] * low + ["─"] * (high - low + 1) + [" "] * (width - high - 1)
    if chance is not None:
        mark = _cell_of(chance, width)
        cells[mark] = "┊" if cells[mark] == " " else "┼"
    cells[_cell_of(one.competence, width)] = "●"
    return Text("".join(cells), style="yellow" if one.flags else "cyan")


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
    return [Text(""), _pairs(lines, style="dim")]


def _task_columns(tasks: Sequence[TaskReport], width: int) -> list[_Column[TaskReport]]:
    columns: list[_Column[TaskReport]] = [
        _Column("items", 9, lambda task: f"{task.n_items:,}"),
        _Column("annotators", 10, lambda task: f"{task.n_annotators:,}"),
        _Column("annotations", 11, lambda task: f"{task.n_annotations:,}"),
        _Column("mean competence", 15, lambda task: reading.percent(task.mean_competence)),
    ]
    if any(task.agreement is not None and task.agreement.alpha for task in tasks):
        columns.append(_Column("alpha", 5, _alpha_cell))
    left = max(_room(columns, width, flexible=2), 24)
    longest = max((cell_len(typed(task.task).plain) for task in tasks), default=0)
    name = min(max(longest, len("task")), left // 2)
    names = _Column[TaskReport]("task", name, lambda task: typed(task.task, name), right=False)
    labels = _Column[TaskReport]("labels", left - name, _labels_cell, right=False)
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
    overall: list[_Column[AnnotatorReport]] = [_Column("all", 4, _competence_cell)]
    name = _name_width(shown, 24)
    cell = _matrix_cell_width(report.tasks)
    gap = 2 if width >= WIDE else 1
    room = _room(overall, width, flexible=1) - name
    fitting = report.tasks[: max(room // (cell + gap), 1)]
    names = _Column[AnnotatorReport](
        "annotator", name, lambda one: typed(one.annotator_id, name), right=False
    )
    columns = [_task_column(task.task, cell) for task in fitting]
    key = f"{_LEVELS[0]}…{_LEVELS[-1]} and %: competence; then the number of labels"
    left_out = len(report.tasks) - len(fitting)
    if left_out:
        hidden = f"and {reading.counted(left_out, 'more task')}: use a wider terminal or --json"
        key = f"{hidden}\n{key}"
    return [_table(shown, [names, *overall, *columns], wide=width >= WIDE), Text(key, style="dim")]


def _matrix_cell_width(tasks: Sequence[TaskReport]) -> int:
    """Room for `▇ 100% 1,234`, and for the name of the task up to 16 cells."""
    longest = max((cell_len(typed(task.task).plain) for task in tasks), default=0)
    return max(min(longest, 16), 12)


def _task_column(task: str, width: int) -> _Column[AnnotatorReport]:
    def cell(one: AnnotatorReport) -> Text:
        found = next((part for part in one.by_task if part.task == task), None)
        return _task_cell(found) if found and found.n_annotations else Text("–", style="dim")

    return _Column(typed(task, width), width, cell)


def _task_cell(found: TaskCompetence) -> Text:
    level = _LEVELS[_cell_of(found.competence, len(_LEVELS))]
    return Text.assemble(
        (f"{level} ", "cyan"),
        (f"{reading.percent(found.competence):>4}", "bold"),
        (f" {found.n_annotations:>5,}", "dim"),
    )
