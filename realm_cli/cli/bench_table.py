"""The table that grows while `realm bench` works: a row a setting, a column a method."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from realm_cli.cli.console import printable

if TYPE_CHECKING:
    from realm_cli.bench.run import Step

Setting = tuple[str, str, str]


class Board:
    """Mean test accuracy so far, by data set, crowd, model and method."""

    def __init__(self) -> None:
        self.found: dict[Setting, dict[str, list[float]]] = {}
        self.methods: dict[str, None] = {}
        self.caption = ""

    def take(self, step: Step) -> None:
        """Take in a cell that begins or has ended."""
        data, crowd, model, method, _, _ = step.cell.place
        self.methods[method] = None
        self.caption = f"{step.number}/{step.total} {step.cell}"
        row = self.found.setdefault((data, crowd, model), {})
        accuracy = None if step.filled is None else step.filled.measures.test_accuracy
        if accuracy is not None:
            row.setdefault(method, []).append(accuracy)

    def table(self) -> Table:
        """All of it, as it stands."""
        shown = Table(caption=escape(printable(self.caption)))
        for name in ("data", "crowd", "model", *self.methods):
            shown.add_column(escape(printable(name)))
        for setting, row in self.found.items():
            shown.add_row(
                *(escape(printable(name)) for name in setting),
                *(_mean(row.get(method, [])) for method in self.methods),
            )
        return shown


def _mean(values: list[float]) -> str:
    if not values:
        return ""
    return f"{sum(values) / len(values):.3f}"
