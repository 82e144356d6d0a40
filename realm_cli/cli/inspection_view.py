"""An inspection in the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from realm_cli.profiles import profile_text
from realm_cli.report.reading import counted
from realm_cli.report.terminal_parts import typed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from realm_cli.inspection import Inspection, Spread, TaskCount

SHOWN_LABELS, SHOWN_TASKS, SHOWN_CANDIDATES = 12, 12, 3
WIDEST_LABEL = 40
BAR = 24


def view(found: Inspection) -> RenderableType:
    """All that is known of one file."""
    return Panel(Group(*_parts(found)), title=typed(found.path, 70), title_align="left")


def _parts(found: Inspection) -> Iterator[RenderableType]:
    yield from _format(found)
    if found.n_annotations:
        yield _counts(found)
        for task in found.tasks[:SHOWN_TASKS]:
            yield _labels(task)
        if len(found.tasks) > SHOWN_TASKS:
            yield Text(f"… and {len(found.tasks) - SHOWN_TASKS} more tasks")
    yield from _issues(found)
    if found.format is not None:
        yield Text("\nThe mapping that realm would use (--save-profile keeps it):", style="bold")
        yield Text("\n".join(profile_text(found.profile).splitlines()[1:]), style="dim")


def _format(found: Inspection) -> Iterator[Text]:
    by_name = {one.format: one for one in found.candidates}
    if found.format is not None:
        title = by_name[found.format].title if found.format in by_name else found.format
        yield Text.assemble(("Format  ", "bold"), typed(title), f" ({found.format})")
        yield Text.assemble(
            ("Because ", "bold"), typed(found.evidence or ""), f" · {found.confidence:.0%} sure"
        )
    others = [one for one in found.candidates if one.format != found.format]
    if others:
        told = "; ".join(
            f"{one.format} ({one.confidence:.0%}: {one.evidence})"
            for one in others[:SHOWN_CANDIDATES]
        )
        word = "Or      " if found.format else "Perhaps "
        yield Text.assemble((word, "bold"), typed(told))
    if found.encoding:
        yield Text.assemble(("Text    ", "bold"), found.encoding.removesuffix("-sig"))


def _counts(found: Inspection) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_row(Text("\nRows", style="bold"), f"\n{found.n_rows:,}")
    table.add_row(Text("Annotations", style="bold"), f"{found.n_annotations:,} that count")
    table.add_row(Text("Items", style="bold"), _spread(found.n_items, found.labels_per_item))
    table.add_row(
        Text("Annotators", style="bold"), _spread(found.n_annotators, found.items_per_annotator)
    )
    for reason, count in sorted(found.dropped.items()):
        table.add_row(Text("Not counted", style="bold"), typed(f"{count:,} {reason}"))
    return table


def _spread(count: int, spread: Spread | None) -> str:
    if spread is None:
        return f"{count:,}"
    if spread.smallest == spread.largest:
        return f"{count:,}, {counted(spread.largest, 'annotation')} each"
    return (
        f"{count:,}, each with {spread.smallest:,} to {spread.largest:,} annotations "
        f"(median {spread.median:g})"
    )


def _labels(task: TaskCount) -> Table:
    title = f"Task {task.task}: {counted(task.n_labels, 'label')}"
    if task.scale != "nominal":
        title += f", {task.scale}"
    table = Table(box=SIMPLE_HEAD, title=typed(title, 76), title_justify="left", title_style="bold")
    table.add_column("Label")
    table.add_column("Count", justify="right")
    table.add_column("Share", justify="right")
    table.add_column("")
    most = max((one.count for one in task.labels), default=1)
    for one in task.labels[:SHOWN_LABELS]:
        share = one.count / task.n_annotations
        bar = "█" * max(1, round(BAR * one.count / most))
        table.add_row(typed(one.label, WIDEST_LABEL), f"{one.count:,}", f"{share:.1%}", bar)
    if task.n_labels > SHOWN_LABELS:
        table.add_row(f"… and {task.n_labels - SHOWN_LABELS:,} more", "", "", "")
    return table


def _issues(found: Inspection) -> Iterator[Text]:
    for issue in found.issues:
        place = f"line {issue.line:,}: " if issue.line is not None else ""
        hint = f" ({issue.hint})" if issue.hint else ""
        style = {"error": "bold red", "warning": "yellow"}.get(issue.severity, "cyan")
        yield Text.assemble((f"\n{issue.severity}: ", style), typed(place + issue.message + hint))
