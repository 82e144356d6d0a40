"""How often chance does as much: exact and robust p-values, and what many of them are worth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import norm, t

from realm_cli.coding import IntArray
from realm_cli.labels import FloatArray

NEWTON = 25
PLAIN = 1.5
"""Standard deviations above which a p-value is worked out; nearer to the mean it is 1."""
MAD = 1.4826
FEWEST_PEERS = 8
"""People of whom at least one can be said to stand out from the rest."""


def q_values(p: FloatArray) -> FloatArray:
    """Benjamini and Hochberg (1995): the false discovery rate at which each is found `[F]`."""
    order = np.argsort(p, kind="stable")
    scaled = p[order] * len(p) / np.arange(1, len(p) + 1)
    rising = np.minimum.accumulate(scaled[::-1])[::-1]
    q = np.empty(len(p))
    q[order] = np.minimum(rising, 1)
    return q


@dataclass(frozen=True)
class Trials:
    """Independent events of known probability, by group.

    Attributes:
        group: `[N]`.
        p: `[N]` probability of each.
        happened: `[N]`.
        size: How many groups there are.
        weight: `[N]` what each counts if it happens; 1 where None.
    """

    group: IntArray
    p: FloatArray
    happened: npt.NDArray[np.bool_]
    size: int
    weight: FloatArray | None = None

    def tail(self) -> FloatArray:
        """`[size]` P(the weights of what happens sum to as much as they do, or more).

        Saddlepoint approximation (Lugannani & Rice 1980), with half a step's correction for plain
        counts; 1 where the sum lies near its mean or below, the product of all probabilities where
        everything happened.
        """
        p = np.clip(self.p, 1e-9, 1 - 1e-9)
        weight = np.ones(len(p)) if self.weight is None else self.weight
        reached = np.bincount(self.group, weight * self.happened, self.size)
        mean = np.bincount(self.group, weight * p, self.size)
        spread = np.sqrt(np.bincount(self.group, weight**2 * p * (1 - p), self.size))
        far = reached - mean > PLAIN * np.maximum(spread, 1e-12)
        all_of_it = np.bincount(self.group, ~self.happened, self.size) == 0
        found = np.ones(self.size)
        everything = np.exp(np.bincount(self.group, np.log(p), self.size))
        found[far & all_of_it] = everything[far & all_of_it]
        rest = far & ~all_of_it
        rows = rest[self.group]
        step = 0.0 if self.weight is not None else 0.5
        within = _Within((np.cumsum(rest) - 1)[self.group[rows]], p[rows], weight[rows])
        found[rest] = within.beyond(reached[rest] - step, lattice=step > 0)
        return found


@dataclass(frozen=True)
class _Within:
    """The cumulant generating function of sums by group."""

    group: IntArray
    p: FloatArray
    weight: FloatArray

    def _cumulants(self, s: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        grown = self.p * np.exp(np.minimum(s[self.group] * self.weight, 500))
        total = 1 - self.p + grown
        share = grown / total
        n = len(s)
        return (
            _sums(self.group, np.log(total), n),
            _sums(self.group, self.weight * share, n),
            _sums(self.group, self.weight**2 * share * (1 - share), n),
        )

    def beyond(self, x: FloatArray, *, lattice: bool) -> FloatArray:
        """P(sum >= x) of each group, for x above the mean."""
        low, high = np.zeros(len(x)), np.full(len(x), np.inf)
        s = np.zeros(len(x))
        for _ in range(NEWTON):
            _, slope, bend = self._cumulants(s)
            low, high = np.where(slope < x, s, low), np.where(slope < x, high, s)
            s = s + (x - slope) / np.maximum(bend, 1e-300)
            middle = np.where(np.isfinite(high), (low + np.minimum(high, 1e9)) / 2, 2 * low + 1)
            s = np.where((s > low) & (s < high) & (s < 2 * low + 2), s, middle)
        k, _, bend = self._cumulants(s)
        w = np.sqrt(2 * np.maximum(s * x - k, 1e-12))
        u = (2 * np.sinh(np.minimum(s, 500) / 2) if lattice else s) * np.sqrt(bend)
        tail = norm.sf(w) + norm.pdf(w) * (1 / np.maximum(u, 1e-12) - 1 / w)
        return np.asarray(np.clip(tail, 0, 1))


def _sums(group: IntArray, values: FloatArray, size: int) -> FloatArray:
    return np.bincount(group, values, size).astype(np.float64, copy=False)


def standing_out(value: FloatArray, variance: FloatArray) -> FloatArray:
    """`[F]` P(somebody lies as far above the others by chance), where people differ anyway.

    People's true values are taken to vary above the median as they do below it (the median absolute
    deviation of the lower half, which those who stand out do not touch); each is seen with its own
    variance, and what is not known of the median and the deviation is allowed for.

    Args:
        value: What was seen of each, on a scale where people spread evenly.
        variance: How far that can be off.
    """
    if len(value) < FEWEST_PEERS:
        return np.ones(len(value))
    middle = np.median(value)
    below = value[value <= middle]
    spread = (MAD * np.median(middle - below)) ** 2
    between = max(spread - float(np.median(variance)), 0.0)
    scale = np.sqrt(between + variance + np.pi / 2 * spread / len(value))
    degrees = max(0.37 * len(below), 3)  # a median absolute deviation knows 37% of what there is
    return np.asarray(t.sf((value - middle) / np.maximum(scale, 1e-9), degrees))
