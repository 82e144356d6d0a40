"""What a comparison came to: means over seeds, differences between methods, as Markdown too."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import numpy as np
from pydantic import BaseModel, ConfigDict

from realm_cli.bench.cells import Filled
from realm_cli.bench.compare import paired_difference
from realm_cli.bench.plan import Plan
from realm_cli.bench.run import Ran
from realm_cli.labels import FloatArray

MEASURED = (
    "test_accuracy", "calibration_error", "label_accuracy", "expertise_error", "expertise_pearson",
    "expertise_spearman", "coverage", "seconds", "cpu_seconds",
)  # fmt: skip
HEADS = {
    "test_accuracy": "test accuracy",
    "calibration_error": "calibration error",
    "label_accuracy": "label accuracy",
    "expertise_error": "expertise: mean error",
    "expertise_pearson": "expertise: Pearson",
    "expertise_spearman": "expertise: Spearman",
    "coverage": "expertise: coverage",
    "seconds": "seconds (noisy)",
    "cpu_seconds": "CPU seconds",
}


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class Average(_Part):
    """A measure over seeds and folds.

    Attributes:
        mean: Its mean.
        spread: Its standard deviation over seeds, each the mean of its folds; None of one seed.
    """

    mean: float
    spread: float | None


class Row(_Part):
    """A method on one data set, crowd and model.

    Attributes:
        data: Data set.
        crowd: Who labelled it.
        model: What was fine-tuned.
        method: How.
        n_seeds: How many seeds.
        labels_per_item: Of the items trained on.
        noise: Share of their labels that are not gold; None without gold.
        n_weights: Of the model; None of labels alone.
        averages: By measure; those that there are none of are missing.
    """

    data: str
    crowd: str
    model: str
    method: str
    n_seeds: int
    labels_per_item: float
    noise: float | None
    n_weights: int | None
    averages: dict[str, Average]


class Comparison(_Part):
    """How much more often one method is right than another, on the same items and seeds.

    Attributes:
        data: Data set.
        crowd: Who labelled it.
        model: What was fine-tuned.
        first: The one method.
        second: The other.
        difference: In share of the test items.
        interval: 95%, by bootstrap over seeds and items.
    """

    data: str
    crowd: str
    model: str
    first: str
    second: str
    difference: float
    interval: tuple[float, float]


class Results(_Part):
    """results.json.

    Attributes:
        format_version: MAJOR.MINOR; within a major version fields are only added.
        plan: Name of the plan.
        seeds: Its seeds.
        rows: A row a method, data set, crowd and model.
        comparisons: The pairs that the plan names.
        notes: What else the reader must know, in words.
        versions: Of realm and of what computes.
        machines: What computed it.
        days: When.
        left_out: (data set, method) where options differ by item and the method needs them fixed.
    """

    format_version: str = "1.0"
    plan: str
    seeds: tuple[int, ...]
    rows: tuple[Row, ...]
    comparisons: tuple[Comparison, ...]
    left_out: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    versions: dict[str, str]
    machines: tuple[str, ...]
    days: tuple[str, ...]


def results(plan: Plan, ran: Ran) -> Results:
    """Bring a plan's cells together."""
    rows, comparisons = [], []
    for setting in dict.fromkeys(_setting(cell) for cell in ran.filled):
        by_method: dict[str, list[Filled]] = {}
        for cell in ran.filled:
            if _setting(cell) == setting:
                by_method.setdefault(cell.method, []).append(cell)
        rows += [_row(cells) for cells in by_method.values()]
        comparisons += [
            _compared(by_method[first], by_method[second])
            for first, second in plan.compare
            if _answers(by_method.get(first, ())) and _answers(by_method.get(second, ()))
        ]
    return Results(
        plan=plan.name,
        seeds=plan.seeds,
        rows=tuple(rows),
        comparisons=tuple(comparisons),
        left_out=ran.left_out,
        notes=ran.notes,
        versions=dict(ran.versions),
        machines=tuple(sorted({cell.machine for cell in ran.filled})),
        days=tuple(sorted({cell.day for cell in ran.filled})),
    )


def _answers(cells: Sequence[Filled]) -> bool:
    """Whether there is a model to ask."""
    return bool(cells) and all(cell.measures.test_right for cell in cells)


def _setting(cell: Filled) -> tuple[str, str, str]:
    return cell.data, cell.crowd, cell.model


def _row(cells: Sequence[Filled]) -> Row:
    first = cells[0]
    averages = {name: _average(cells, name) for name in MEASURED}
    return Row(
        data=first.data,
        crowd=first.crowd,
        model=first.model,
        method=first.method,
        n_seeds=len({one.seed for one in cells}),
        labels_per_item=sum(one.n_annotations for one in cells) / sum(one.n_train for one in cells),
        noise=_mean([one.noise for one in cells]),
        n_weights=first.n_weights,
        averages={name: found for name, found in averages.items() if found is not None},
    )


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _average(cells: Sequence[Filled], name: str) -> Average | None:
    """Over seeds the mean of folds; None where a cell lacks the measure."""
    by_seed: dict[int, list[float]] = {}
    for cell in cells:
        value = getattr(cell.measures, name)
        if value is None:
            return None
        by_seed.setdefault(cell.seed, []).append(value)
    means = [float(np.mean(values)) for values in by_seed.values()]
    spread = float(np.std(means, ddof=1)) if len(means) > 1 else None
    return Average(mean=float(np.mean(means)), spread=spread)


def _compared(first: Sequence[Filled], second: Sequence[Filled]) -> Comparison:
    found = paired_difference(_right(first), _right(second))
    one = first[0]
    return Comparison(
        data=one.data,
        crowd=one.crowd,
        model=one.model,
        first=one.method,
        second=second[0].method,
        difference=found.mean,
        interval=(found.low, found.high),
    )


def _right(cells: Sequence[Filled]) -> FloatArray:
    """`[S, J]` 1 where right, the items of a seed's folds one after the other."""
    ordered = sorted(cells, key=lambda cell: (cell.seed, cell.fold))
    rows = [
        "".join(cell.measures.test_right for cell in same)
        for _, same in groupby(ordered, key=lambda cell: cell.seed)
    ]
    return np.array([[float(digit) for digit in row] for row in rows])


def markdown(found: Results) -> str:
    """A table for each data set, crowd and model, then the differences."""
    parts = []
    for (data, crowd, model), same in groupby(
        found.rows, key=lambda row: (row.data, row.crowd, row.model)
    ):
        parts.append(f"**{data}, {crowd}, {model}**\n\n{_table(list(same))}")
    if found.comparisons:
        parts.append(_differences(found.comparisons))
    parts += [
        f"`{method}` is left out on {data}: its options differ from item to item."
        for data, method in found.left_out
    ]
    parts += found.notes
    seeds = ", ".join(str(seed) for seed in found.seeds)
    software = "".join(f", {name} {version}" for name, version in found.versions.items())
    days = " to ".join(dict.fromkeys((found.days[0], found.days[-1])))
    parts.append(
        f"Plan `{found.plan}`, seeds {seeds}{software}, on {', '.join(found.machines)}, {days}; "
        "± is the standard deviation over seeds."
    )
    return "\n\n".join(parts)


def _table(rows: Sequence[Row]) -> str:
    names = [name for name in MEASURED if any(name in row.averages for row in rows)]
    lines = [
        f"| method | {' | '.join(HEADS[name] for name in names)} |",
        "|---" * (len(names) + 1) + "|",
    ]
    lines += [
        f"| {row.method} | {' | '.join(_shown(row.averages.get(n), n) for n in names)} |"
        for row in rows
    ]
    return "\n".join(lines)


def _shown(average: Average | None, name: str) -> str:
    if average is None:
        return "–"
    digits = 1 if "seconds" in name else 3
    spread = "" if average.spread is None else f" ± {average.spread:.{digits}f}"
    return f"{average.mean:.{digits}f}{spread}"


def _differences(comparisons: Sequence[Comparison]) -> str:
    lines = [
        "| data | crowd | model | methods | difference in test accuracy | 95% interval |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {one.data} | {one.crowd} | {one.model} | {one.first} − {one.second} "
        f"| {one.difference:+.3f} | {one.interval[0]:+.3f} to {one.interval[1]:+.3f} |"
        for one in comparisons
    ]
    return "\n".join(lines)
