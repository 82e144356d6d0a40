"""What the terminal's views are made of: tables of a fixed width, names and values, safe text.

Everything that people typed is put in as `Text`, which rich never reads as markup, and nothing
is said by colour alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from rich.box import ROUNDED, SIMPLE_HEAD
from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from realm_cli.report import reading

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Row = TypeVar("Row")

DEFAULT_LIMIT = 50
"""Rows shown before the rest becomes a number."""

WIDE = 110
"""From this many columns on, headings are whole words and gaps are two spaces."""

LEVELS = "▁▂▃▄▅▆▇█"
_PLAIN = str.maketrans("─●┊┼…·–×" + LEVELS, "-o:+~.-x" + "12345678")


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


@dataclass(frozen=True)
class Column(Generic[Row]):
    """A column of a table: its heading, its width, and a row's cell."""

    heading: RenderableType
    width: int
    cell: Callable[[Row], RenderableType]
    right: bool = True


def table_of(rows: Sequence[Row], columns: Sequence[Column[Row]], *, wide: bool) -> Table:
    """Rows in columns; gaps are two spaces in a wide one."""
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, int(wide), 0, 0))
    for column in columns:
        side = "right" if column.right else "left"
        table.add_column(column.heading, width=column.width, justify=side, overflow="fold")  # type: ignore[arg-type]
    for row in rows:
        table.add_row(*(column.cell(row) for column in columns))
    return table


def room(columns: Sequence[Column[Row]], width: int, flexible: int) -> int:
    """What fixed columns and all the gaps leave to the flexible columns."""
    gap = 2 if width >= WIDE else 1
    return width - sum(column.width for column in columns) - gap * (len(columns) + flexible)


def pairs(lines: Sequence[tuple[str, str]], style: str = "none") -> Table:
    """Names, and beside each what there is to say of it."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(style=style, overflow="fold")
    for name, words in lines:
        grid.add_row(typed(name), typed(words))
    return grid


def more(left_out: int) -> list[Text]:
    """That there are more than are shown, where there are."""
    return [Text(f"and {left_out:,} more: use --all or --json")] if left_out else []


def panel(title: str, lines: Sequence[tuple[str, str]]) -> Panel:
    """A box of names and what there is to say of each."""
    return Panel(pairs(lines), title=typed(title), title_align="left", box=ROUNDED)


class Judged(Protocol):
    """Whatever has a competence: a person, a cell, a stretch of time."""

    @property
    def competence(self) -> float:
        """P(a label is correct)."""

    @property
    def competence_interval(self) -> tuple[float, float]:
        """95%."""


def cell_of(value: float, width: int) -> int:
    """The character cell that a probability falls in."""
    return min(int(value * width), width - 1)


def axis(width: int) -> Text:
    """The ends of the scale, above bars of that width."""
    return Text("0" + "100%".rjust(width - 1), style="dim")


def interval_bar(one: Judged, chance: float | None, width: int, style: str = "cyan") -> Text:
    """The interval as a line over 0..1, competence as a point on it, chance as a dotted mark."""
    low, high = (cell_of(bound, width) for bound in one.competence_interval)
    cells = [" "] * low + ["─"] * (high - low + 1) + [" "] * (width - high - 1)
    if chance is not None:
        mark = cell_of(chance, width)
        cells[mark] = "┊" if cells[mark] == " " else "┼"
    cells[cell_of(one.competence, width)] = "●"
    return Text("".join(cells), style=style)
