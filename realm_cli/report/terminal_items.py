"""The items that people could not settle, in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.text import Text

from realm_cli.report import reading
from realm_cli.report.items import DOUBT_ORDER, SETTLED, DoubtfulItem, ItemsView
from realm_cli.report.terminal_parts import (
    DEFAULT_LIMIT,
    WIDE,
    Column,
    Encodable,
    more,
    pairs,
    panel,
    room,
    table_of,
    typed,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

LINES = 2
"""A text may take so many before its middle is cut out."""
_SHOWN_DISSENT = 4
"""People named who disagreed; the rest of them is counted."""


def items_screen(
    view: ItemsView, width: int, *, limit: int | None = DEFAULT_LIMIT
) -> RenderableType:
    """The most doubtful items, with who disagreed.

    Args:
        view: The items.
        width: Columns to fill.
        limit: How many to show; None for all.
    """
    shown = view.first(limit)
    lines = [
        ("items", f"{len(view):,}, {DOUBT_ORDER}"),
        ("unsettled", f"{view.n_unsettled:,} whose label is less than {SETTLED:.0%} probable"),
    ]
    legend = [
        ("prob.", "the probability of the posterior label"),
        ("bits", "the entropy of the posterior: 0 where it is sure"),
        ("disagree", "who said something else than the posterior label, and what"),
    ]
    table = table_of(shown, _columns(shown, width), wide=width >= WIDE)
    parts: list[RenderableType] = [
        Text(""),
        table,
        *more(len(view) - len(shown)),
        Text(""),
        pairs(legend, style="dim"),
    ]
    return Encodable(Group(panel("Doubtful items", lines), *parts))


def _columns(shown: Sequence[DoubtfulItem], width: int) -> list[Column[DoubtfulItem]]:
    columns: list[Column[DoubtfulItem]] = [
        Column("prob.", 5, lambda one: reading.percent(one.probability)),
        Column("bits", 4, lambda one: f"{one.entropy:.2f}"),
        Column("n", 3, lambda one: f"{one.n_annotations:,}"),
    ]
    with_gold = any(one.gold is not None for one in shown)
    several = len({one.task for one in shown}) > 1
    flexible = 4 + with_gold + several
    share = max(room(columns, width, flexible=flexible), 8 * flexible)
    item = _width([one.item_id for one in shown], "item", share // 5)
    label = _width([one.label for one in shown], "label", share // 6)
    task = _width([one.task for one in shown], "task", share // 7) if several else 0
    gold = label if with_gold else 0
    rest = share - item - label - task - gold
    text = rest // 2
    found = [Column[DoubtfulItem]("item", item, lambda one: typed(one.item_id, item), right=False)]
    if several:
        found.append(Column("task", task, lambda one: typed(one.task, task), right=False))
    found += [
        Column("text", text, lambda one: typed(one.text or "", LINES * text), right=False),
        Column("label", label, lambda one: typed(one.label, LINES * label), right=False),
        *columns,
    ]
    if with_gold:
        found.append(
            Column("gold", gold, lambda one: typed(one.gold or "", LINES * gold), right=False)
        )
    wide = rest - text
    return [*found, Column("disagree", wide, lambda one: _dissent(one, wide), right=False)]


def _width(words: Sequence[str], heading: str, most: int) -> int:
    longest = max((cell_len(typed(word).plain) for word in words), default=0)
    return max(min(longest, most), len(heading))


def _dissent(one: DoubtfulItem, width: int) -> Text:
    lines = [
        typed(f"{answer.annotator_id}: {answer.label}", LINES * width)
        for answer in one.dissent[:_SHOWN_DISSENT]
    ]
    left = len(one.dissent) - len(lines)
    return Text("\n").join([*lines, *([Text(f"and {left:,} more")] if left else [])])
