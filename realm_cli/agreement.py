"""Agreement between annotators beyond chance, with bootstrap intervals over items.

All is computed from the counts of labels by item, `[I, K]`: who gave a label does not matter, and
items may have different numbers of them. Equal rows of counts are taken together, so that a
bootstrap over items is a multinomial draw over few patterns, and exact.

Shapes: `[P]` patterns, `[K]` labels, `[B]` bootstrap resamples (the first row is the data itself).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from realm_cli.annotations import AnnotationTable
from realm_cli.coding import IntArray
from realm_cli.labels import FloatArray
from realm_cli.schema import Scale

RESAMPLES = 1_000
MOST_DRAWS = 20_000_000
"""Multinomial counts drawn at most; with very many patterns there are fewer resamples."""
FEWEST_RESAMPLES = 100


@dataclass(frozen=True)
class Coefficient:
    """A coefficient and its 95% percentile interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class TaskAgreement:
    """How far the annotators of one task agree; None where a coefficient is not defined.

    Attributes:
        n_items: Items with at least two labels.
        n_pairs: Pairs of labels on the same item.
        scale: What distance `alpha` takes: nominal, ordinal or interval.
        percent: Share of those pairs that are the same.
        alpha: Krippendorff's alpha.
        kappa: Fleiss' kappa.
        ac1: Gwet's AC1.
    """

    n_items: int
    n_pairs: int
    scale: Scale
    percent: Coefficient | None
    alpha: Coefficient | None = None
    kappa: Coefficient | None = None
    ac1: Coefficient | None = None


@dataclass(frozen=True)
class Counts:
    """Label counts of a task's items, equal rows together.

    Attributes:
        n: `[P, K]` how often each label was given.
        items: `[P]` items with these counts.
    """

    n: FloatArray
    items: FloatArray

    @property
    def labels(self) -> FloatArray:
        """`[P]` labels an item."""
        return np.asarray(self.n.sum(axis=1))

    @property
    def several(self) -> FloatArray:
        """`[P]` 1 where an item has two labels or more."""
        return np.asarray(self.labels >= 2, dtype=np.float64)


def agreement(
    table: AnnotationTable, task: int, seed: int = 0, n_resamples: int = RESAMPLES
) -> TaskAgreement:
    """Agreement on one task.

    Where items bring options of their own, a label's position means nothing, and neither does how
    often it was given: only `percent` is defined.

    Args:
        table: The annotations.
        task: Code of the task.
        seed: Decides the resamples.
        n_resamples: How many.
    """
    counts = counts_of(table, task)
    scale, values = _scale(table, task)
    several = counts.several * counts.items
    pairs = counts.labels * (counts.labels - 1) / 2
    n_items, n_pairs = int(several.sum()), int((pairs * counts.items).sum())
    if not n_items:
        return TaskAgreement(0, 0, scale, None)
    weights = _resamples(counts, seed, n_resamples)
    found = TaskAgreement(n_items, n_pairs, scale, _coefficient(percent(counts, weights)))
    used = table.items.option_set[table.items.task == task]
    if len(np.unique(used)) > 1:
        return found
    return TaskAgreement(
        n_items,
        n_pairs,
        scale,
        found.percent,
        _coefficient(alpha(counts, weights, scale, values)),
        _coefficient(kappa(counts, weights)),
        _coefficient(ac1(counts, weights)),
    )


def counts_of(table: AnnotationTable, task: int) -> Counts:
    """The label counts of a task's items with labels."""
    mine = table.task == task
    items, place = np.unique(table.item[mine], return_inverse=True)
    width = int(table.items.n_options[items].max(initial=1))
    flat = np.bincount(place * width + table.label[mine], minlength=len(items) * width)
    rows, times = _distinct_rows(flat.reshape(len(items), width))
    return Counts(rows.astype(np.float64), times.astype(np.float64))


def _distinct_rows(rows: IntArray) -> tuple[IntArray, IntArray]:
    """The distinct rows in ascending order, and how often each occurs.

    Rows of small counts are written as one number each, which sorts a hundred times as fast.
    """
    base = int(rows.max(initial=0)) + 1
    if base ** rows.shape[1] >= 2**62:
        return np.unique(rows, axis=0, return_counts=True)
    numbers = rows @ base ** np.arange(rows.shape[1])[::-1]
    _, first, times = np.unique(numbers, return_index=True, return_counts=True)
    return rows[first], times


def _scale(table: AnnotationTable, task: int) -> tuple[Scale, FloatArray]:
    """The distance that the labels allow, and their values `[K]`."""
    sets = np.unique(table.items.option_set[table.items.task == task])
    names = table.items.option_sets[sets[0]]
    scales = table.items.scales
    scale = scales[task] if scales else Scale.NOMINAL
    try:
        return scale, np.array([float(name) for name in names])
    except ValueError:
        order = np.arange(len(names), dtype=np.float64)
        return (Scale.NOMINAL if scale is Scale.INTERVAL else scale), order


def _resamples(counts: Counts, seed: int, n_resamples: int) -> FloatArray:
    """`[B, P]` items of each pattern: the data, then draws with replacement."""
    n_resamples = max(min(n_resamples, MOST_DRAWS // len(counts.items)), FEWEST_RESAMPLES)
    total = counts.items.sum()
    drawn = np.random.default_rng(seed).multinomial(
        int(total), counts.items / total, size=n_resamples
    )
    return np.vstack([counts.items, drawn])


def percent(counts: Counts, weights: FloatArray) -> FloatArray:
    """`[B]` equal pairs over pairs: sum_i sum_k n_ik (n_ik - 1) / sum_i n_i (n_i - 1)."""
    same = (counts.n * (counts.n - 1)).sum(axis=1)
    return _ratio(weights @ same, weights @ (counts.labels * (counts.labels - 1)))


def kappa(counts: Counts, weights: FloatArray) -> FloatArray:
    """`[B]` Fleiss' kappa (1971, doi 10.1037/h0031619), for any number of labels an item.

    (P - Pe) / (1 - Pe), with P the mean over items with two labels or more of the share of equal
    pairs, and Pe = sum_k p_k^2, p_k the share of all their labels that are k.
    """
    observed = _mean_item_agreement(counts, weights)
    given = weights @ (counts.n * counts.several[:, None])
    share = given / np.maximum(given.sum(axis=1, keepdims=True), 1e-300)
    expected = (share**2).sum(axis=1)
    return _ratio(observed - expected, 1 - expected)


def ac1(counts: Counts, weights: FloatArray) -> FloatArray:
    """`[B]` Gwet's AC1 (2008, doi 10.1348/000711006X126600).

    (P - Pe) / (1 - Pe), P as for kappa, and Pe = sum_k q_k (1 - q_k) / (K - 1), q_k the mean over
    all labelled items of the share of their labels that are k.
    """
    k = counts.n.shape[1]
    if k < 2:
        return np.full(len(weights), np.nan)
    observed = _mean_item_agreement(counts, weights)
    share = (weights @ (counts.n / counts.labels[:, None])) / weights.sum(axis=1, keepdims=True)
    expected = (share * (1 - share)).sum(axis=1) / (k - 1)
    return _ratio(observed - expected, 1 - expected)


def _mean_item_agreement(counts: Counts, weights: FloatArray) -> FloatArray:
    """`[B]` mean over items with two labels or more of the share of equal pairs."""
    pairs = counts.labels * (counts.labels - 1)
    each = _ratio((counts.n * (counts.n - 1)).sum(axis=1), pairs)
    return _ratio(weights @ np.nan_to_num(each), weights @ counts.several)


def alpha(counts: Counts, weights: FloatArray, scale: Scale, values: FloatArray) -> FloatArray:
    """`[B]` Krippendorff's alpha (2011, "Computing Krippendorff's alpha-reliability").

    1 - Do / De. Do is the mean squared distance d of two labels of one item, each item's pairs
    weighed by 1 / (n_i - 1); De that of any two labels. d_ck is [c != k], (v_c - v_k)^2, or the
    squared number of labels given from c to k, halves of c and k themselves left out.
    """
    pairable = counts.n * counts.several[:, None]
    totals = weights @ pairable
    per_item = np.nan_to_num(_ratio(1.0, counts.labels - 1)) * counts.several
    if scale is Scale.ORDINAL:  # distances depend on the totals, and so on the resample
        places = np.cumsum(totals, axis=1) - totals / 2
        observed = np.array(
            [
                w @ (per_item * _spread(pairable, x[:, None]))
                for w, x in zip(weights, places, strict=True)
            ]
        )
        expected = np.array(
            [_spread(n[None], x[:, None])[0] for n, x in zip(totals, places, strict=True)]
        )
    else:
        nominal = scale is Scale.NOMINAL
        x = np.eye(len(values)) / np.sqrt(2) if nominal else values[:, None]
        observed = weights @ (per_item * _spread(pairable, x))
        expected = _spread(totals, x)
    return 1 - _ratio(observed * (totals.sum(axis=1) - 1), expected)


def _spread(n: FloatArray, x: FloatArray) -> FloatArray:
    """`[...]` sum_c sum_k n_c n_k |x_c - x_k|^2 of counts `[..., K]` and places `[K, F]`."""
    total = n.sum(axis=1) * (n @ (x**2).sum(axis=1)) - ((n @ x) ** 2).sum(axis=1)
    return np.asarray(2 * total)


def _ratio(over: FloatArray | float, under: FloatArray) -> FloatArray:
    """A quotient, NaN where there is nothing to divide by."""
    safe = np.where(np.abs(under) > 1e-12, under, np.nan)
    return np.asarray(over / safe)


def _coefficient(values: FloatArray) -> Coefficient | None:
    """The data's value, and the middle 95% of the resamples; None where it is not defined."""
    values = np.minimum(values, 1.0)  # rounding can lift full agreement a little above
    value, drawn = float(values[0]), values[1:][np.isfinite(values[1:])]
    if not np.isfinite(value) or not len(drawn):
        return None
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Coefficient(value, min(float(low), value), max(float(high), value))
