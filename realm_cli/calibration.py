"""How far a model's predictions can be believed, found by the labels of annotators alone.

Two numbers: a power (one over the temperature), and the share of items on which the model knows
anything, `p' = (1 - lapse) p^power + lapse / K` (eq. 20). Without the lapse a model that is sure
and wrong on some items makes every expert look worse than they are.

With one label an item only the product of lapse and expertise shows in a label's probability. What
tells them apart is that expertise is spread over 0..1: of many annotators the best lies near 1. So
the two numbers are chosen by the evidence, with every annotator's w summed out under its prior, and
not by the best w.
"""

from __future__ import annotations

from itertools import product

import numpy as np

from realm_cli.labels import FloatArray, Labels
from realm_cli.truth import sharpened

POWERS = (0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0, 1.4, 2.0, 3.0)
LAPSES = tuple(np.linspace(0, 0.6, 25).tolist())
N_POINTS = 50
ENOUGH = 20_000
"""Labels that settle two numbers."""


def calibrated(log_p: FloatArray, labels: Labels) -> FloatArray:
    """Eq. (20): predictions `[I, W]` at the power and lapse of the highest evidence.

    Args:
        log_p: `[I, W]` log-probabilities for items that the model has not seen.
        labels: What annotators say of these items.
    """
    _, power, lapse = max(
        (evidence(log_p, labels, power, lapse), power, lapse)
        for power, lapse in product(POWERS, LAPSES)
    )
    return lapsing(log_p, labels, power, lapse)


def lapsing(log_p: FloatArray, labels: Labels, power: float, lapse: float) -> FloatArray:
    """Eq. (20) in logs `[I, W]`."""
    p = np.exp(sharpened(log_p, power))
    mixed = (1 - lapse) * p + lapse / labels.n_options[:, None]
    with np.errstate(divide="ignore"):
        found: FloatArray = np.where(np.isfinite(log_p), np.log(mixed), -np.inf)
    return found


def evidence(log_p: FloatArray, labels: Labels, power: float, lapse: float) -> float:
    """Log-probability of all labels, each by itself beside the prediction, w summed out.

    Every annotator has one w, uniform over 0..1, on a grid.
    """
    step = max(len(labels) // ENOUGH, 1)
    item, label, group = (x[::step] for x in (labels.item, labels.label, labels.group))
    chosen, place = np.unique(item, return_inverse=True)
    k = labels.n_options[chosen][:, None]
    p = (1 - lapse) * np.exp(sharpened(log_p[chosen], power)) + lapse / k
    right = p[place, label]
    w = (np.arange(N_POINTS) + 0.5) / N_POINTS
    share = 1 / k[place, 0]
    logs = np.log(right[:, None] * w + share[:, None] * (1 - w) + 1e-300)
    who = labels.groups.annotator[group]
    order = np.argsort(who, kind="stable")
    firsts = np.flatnonzero(np.diff(who[order], prepend=-1))
    by_annotator = np.add.reduceat(logs[order], firsts, axis=0)
    return float((np.logaddexp.reduce(by_annotator, axis=1) - np.log(N_POINTS)).sum())
