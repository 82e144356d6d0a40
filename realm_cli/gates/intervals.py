"""Intervals for shares, and for differences of what has an interval."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

Interval = tuple[float, float]
Estimate = tuple[float, Interval]
"""A value and its interval."""
TAIL = 0.025
"""What a 95% interval leaves out on either side."""


def share_interval(share: float, n: float) -> Interval:
    """Clopper and Pearson's interval (1934, doi 10.1093/biomet/26.4.404): never too narrow.

    Also for a mean of n values in 0..1, whose variance is at most that of a share.

    Args:
        share: The share, x / n.
        n: Of how many; more than 0.
    """
    from scipy.special import betaincinv  # a fifth of a second, and not every gate asks for it

    x = share * n
    low = float(betaincinv(x, n - x + 1, TAIL)) if x > 0 else 0.0
    high = float(betaincinv(x + 1, n - x, 1 - TAIL)) if x < n else 1.0
    return min(low, share), max(high, share)


def fall(old: Estimate, new: Estimate) -> Estimate:
    """How far something fell from `old` to `new`, two independent estimates.

    Zou and Donner (2008, doi 10.1002/sim.3095): the interval of a difference from the distances
    between each estimate and its bounds, which need not be the same on both sides.
    """
    (was, (was_low, was_high)), (now, (low, high)) = old, new
    down = sqrt((was - was_low) ** 2 + (high - now) ** 2)
    up = sqrt((was_high - was) ** 2 + (now - low) ** 2)
    return was - now, (was - now - down, was - now + up)


def mean_of(estimates: Sequence[Estimate], weights: Sequence[float]) -> Estimate:
    """The weighted mean of independent estimates, by the same rule."""
    total = sum(weights)
    shares = [weight / total for weight in weights]
    value = sum(w * mean for w, (mean, _) in zip(shares, estimates, strict=True))
    parts = list(zip(shares, estimates, strict=True))
    down = sqrt(sum((w * (mean - low)) ** 2 for w, (mean, (low, _)) in parts))
    up = sqrt(sum((w * (high - mean)) ** 2 for w, (mean, (_, high)) in parts))
    return value, (value - down, value + up)
