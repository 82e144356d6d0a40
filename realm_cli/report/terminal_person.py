"""One page on one person, in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.text import Text

from realm_cli.report import reading
from realm_cli.report.model import AnnotatorReport, Stretch, TaskCompetence
from realm_cli.report.person import AnnotatorPage, Confusions, PersonalLabel, person_lines
from realm_cli.report.terminal_items import LINES
from realm_cli.report.terminal_parts import (
    DEFAULT_LIMIT,
    WIDE,
    Column,
    Encodable,
    axis,
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

Part = TypeVar("Part", TaskCompetence, Stretch)

_SLIPS = 10
"""Confusions shown of a task."""


def person_screen(
    page: AnnotatorPage, width: int, *, limit: int | None = DEFAULT_LIMIT
) -> RenderableType:
    """What is known of one person.

    Args:
        page: The page.
        width: Columns to fill.
        limit: How many labels to show; None for all that surprise.
    """
    one = page.annotator
    title = f"Annotator {typed(one.annotator_id, width - 20).plain}"
    parts: list[RenderableType] = [panel(title, person_lines(page)), *_words(one)]
    if len(one.by_task) > 1:
        parts += _section("By task", _stretched(page, _by_task(one), one.by_task, width))
    if one.over_time:
        parts += _section("Over time", _stretched(page, _when(), one.over_time, width))
    for confusions in page.confusions:
        parts += _slips(confusions)
    surprising = page.surprising
    shown = surprising[:limit]
    parts += _section("Most surprising labels", _labels(shown, width))
    return Encodable(Group(*parts, *more(len(surprising) - len(shown))))


def _section(title: str, *parts: RenderableType) -> list[RenderableType]:
    return [Text(f"\n{title}", style="bold"), *parts]


def _words(one: AnnotatorReport) -> list[RenderableType]:
    """Flags and what tests have found, in words."""
    lines = [(flag, reading.flag_sentence(flag)) for flag in one.flags]
    lines += [
        (found.test, found.words + reading.q_words(found)) for found in one.evidence if found.found
    ]
    return [Text(""), pairs([line for line in lines if line[1]])] if lines else []


def _by_task(one: AnnotatorReport) -> Column[TaskCompetence]:
    width = max(cell_len(typed(part.task).plain) for part in one.by_task)
    width = max(min(width, 30), 4)
    return Column("task", width, lambda part: typed(part.task, width), right=False)


def _when() -> Column[Stretch]:
    return Column("when", 24, lambda part: Text(reading.stretch_words(part)), right=False)


def _stretched(
    page: AnnotatorPage, first: Column[Part], parts: Sequence[Part], width: int
) -> RenderableType:
    """Parts of a person's labels, each with its competence and a bar."""
    numbers: list[Column[Part]] = [
        first,
        Column("labels", 7, lambda part: f"{_n(part):,}"),
        Column("comp.", 5, lambda part: Text(reading.percent(part.competence), style="bold")),
        Column("95%", 6, lambda part: reading.interval(part.competence_interval)),
    ]
    bar = max(min(room(numbers, width, flexible=1), 40), 10)
    bars = Column[Part](
        axis(bar), bar, lambda part: interval_bar(part, page.chance, bar), right=False
    )
    numbers.append(bars)
    return table_of(parts, numbers, wide=width >= WIDE)


def _n(part: TaskCompetence | Stretch) -> int:
    return part.n if isinstance(part, Stretch) else part.n_annotations


def _slips(found: Confusions) -> list[RenderableType]:
    """What they said where the posterior says something else, most frequent first."""
    if not found.slips:
        return []
    totals = dict(zip(found.labels, map(sum, found.counts), strict=True))
    lines = [
        (f"{n:,} of {totals[truth]:,}", f"said {said!r} where the posterior label is {truth!r}")
        for n, truth, said in found.slips[:_SLIPS]
    ]
    return _section(f"Confusions: {typed(found.task).plain}", pairs(lines))


def _labels(shown: Sequence[PersonalLabel], width: int) -> RenderableType:
    if not shown:
        return Text("none: they said what the posterior says, everywhere", style="dim")
    number = Column[PersonalLabel]("prob.", 5, lambda one: reading.percent(one.probability))
    with_gold = any(one.gold is not None for one in shown)
    left = max(room([number], width, flexible=4 + with_gold), 40)
    item, label = left // 6, left // (7 if with_gold else 6)
    text = left - item - (2 + with_gold) * label
    columns = [
        Column[PersonalLabel]("item", item, lambda one: typed(one.item_id, item), right=False),
        Column("text", text, lambda one: typed(one.text or "", LINES * text), right=False),
        Column("said", label, lambda one: typed(one.label, LINES * label), right=False),
        number,
        Column(
            "posterior", label, lambda one: typed(one.posterior_label, LINES * label), right=False
        ),
    ]
    if with_gold:
        columns.append(
            Column("gold", label, lambda one: typed(one.gold or "", LINES * label), right=False)
        )
    return table_of(shown, columns, wide=width >= WIDE)
