"""What a comparison's charts show: accuracy along noise, labels an item, and size of the model."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

from realm_cli.bench.charts import Panel, Place, svg
from realm_cli.bench.plan import Plan
from realm_cli.bench.results import Results, Row


@dataclass(frozen=True)
class Along:
    """A chart: rows that differ in one thing only, along that thing.

    Attributes:
        words: What it is.
        place: Where a row is along it.
        same: What rows of one panel share.
    """

    words: str
    place: Callable[[Row], Place]
    same: Callable[[Row], Hashable]


def charts(found: Results, plan: Plan) -> dict[str, str]:
    """SVG by the name of its file, for all that the plan varies."""
    drawn = {}
    for name, along in _alongs(plan).items():
        panels = [panel for rows in _grouped(found, along) if (panel := _panel(rows, along))]
        if panels:
            drawn[f"accuracy-by-{name}.svg"] = svg(panels)
    return drawn


def _alongs(plan: Plan) -> dict[str, Along]:
    crowds = {one.name: one.behaviour for one in plan.crowds}

    def but(crowd: str, left_out: set[str]) -> Hashable:
        return tuple((k, v) for k, v in crowds.get(crowd, {}).items() if k not in left_out)

    return {
        "model-size": Along(
            "weights of the model, on a logarithmic scale",
            lambda row: Place(
                f"{row.model} ({(row.n_weights or 0) / 1e6:.2g} M)", math.log(row.n_weights or 1)
            ),
            lambda row: (row.data, row.crowd),
        ),
        "labels-an-item": Along(
            "labels an item",
            lambda row: Place(f"{row.labels_per_item:.3g}", row.labels_per_item),
            lambda row: (row.data, row.model, but(row.crowd, {"labels_per_item"})),
        ),
        "noise": Along(
            "wrong labels",
            lambda row: Place(f"{row.noise or 0:.0%}", row.noise or 0),
            lambda row: (row.data, row.model, but(row.crowd, {"kind", "share"})),
        ),
    }


def _grouped(found: Results, along: Along) -> list[list[Row]]:
    """Rows of models, those of one panel together."""
    groups: dict[Hashable, list[Row]] = {}
    for row in found.rows:
        if "test_accuracy" in row.averages:
            groups.setdefault(along.same(row), []).append(row)
    return list(groups.values())


def _panel(rows: Sequence[Row], along: Along) -> Panel | None:
    """A line a method; None where there is but one place."""
    settings = {(row.crowd, row.model): along.place(row) for row in rows}
    order = sorted(settings, key=lambda one: settings[one].at)
    if len({settings[one].at for one in order}) < 2:
        return None
    lines: dict[str, dict[int, float]] = {}
    for row in rows:
        value = row.averages["test_accuracy"].mean
        lines.setdefault(row.method, {})[order.index((row.crowd, row.model))] = value
    return Panel(_title(rows), along.words, tuple(settings[one] for one in order), lines)


def _title(rows: Sequence[Row]) -> str:
    """What all rows share."""
    shared = (
        {row.data for row in rows}, {row.crowd for row in rows}, {row.model for row in rows},
    )  # fmt: skip
    return ", ".join(one.pop() for one in shared if len(one) == 1)
