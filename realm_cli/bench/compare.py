"""Differences between two methods on the same items, crowds and seeds, with intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from realm_cli.labels import FloatArray

RESAMPLES = 2000


@dataclass(frozen=True)
class Difference:
    """How much more often one method is right than another.

    Attributes:
        mean: In share of test items.
        low: Lower end of the 95% bootstrap interval.
        high: Its upper end.
    """

    mean: float
    low: float
    high: float


def paired_difference(first: FloatArray, second: FloatArray, seed: int = 0) -> Difference:
    """The mean difference, with an interval over seeds and items.

    Seeds and items are drawn with replacement, independently of one another, as both are samples:
    an interval over the items alone would take the luck of a few crowds for the truth. With one
    seed it can say nothing of others.

    Args:
        first: `[S, J]` 1 where a method is right, by seed and test item.
        second: The same of the other.
        seed: Decides the draws.
    """
    rng = np.random.default_rng(seed)
    gain = first - second
    n_seeds, n_items = gain.shape
    seeds = rng.multinomial(n_seeds, [1 / n_seeds] * n_seeds, RESAMPLES) / n_seeds
    items = rng.multinomial(n_items, [1 / n_items] * n_items, RESAMPLES) / n_items
    drawn = ((seeds @ gain) * items).sum(axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Difference(float(gain.mean()), float(low), float(high))
