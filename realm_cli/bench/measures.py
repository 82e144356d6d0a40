"""What is measured of a method: right answers, calibration, and how well it knows annotators."""

from __future__ import annotations

import numpy as np
from pydantic import BaseModel, ConfigDict
from scipy import stats

from realm_cli.annotations import NO_GOLD
from realm_cli.coding import IntArray
from realm_cli.labels import FloatArray

BINS = 10
"""Of confidence, for the calibration error."""


class Measures(BaseModel):
    """What came of one method with one model, crowd and seed.

    Attributes:
        test_accuracy: Share of the test items on which the model prefers the gold option.
        test_right: For each test item 1 where it does, else 0.
        test_by_task: The accuracy in each task, where there are several.
        calibration_error: Expected calibration error of the model on the test items.
        label_accuracy: Share of the items trained on whose label is gold: the posterior label, the
            label trained on, or what the model says where neither is made.
        expertise_error: Mean absolute error of expertise against the truth.
        expertise_pearson: Correlation with the truth; None where either does not vary.
        expertise_spearman: The same of ranks.
        coverage: Share of the 95% intervals of expertise that hold the truth.
        estimate: How annotators were judged: in-sample, cross-fitted or label-only.
        seconds: Time of training, on whatever else the machine was doing: noisy.
        cpu_seconds: Processor time of it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    test_accuracy: float
    test_right: str
    test_by_task: dict[str, float]
    calibration_error: float
    label_accuracy: float | None = None
    expertise_error: float | None = None
    expertise_pearson: float | None = None
    expertise_spearman: float | None = None
    coverage: float | None = None
    estimate: str | None = None
    seconds: float
    cpu_seconds: float


def accuracy(scores: FloatArray, gold: IntArray) -> float | None:
    """Share of the items with gold whose best-scored option is it; None without gold.

    Args:
        scores: `[I, K]`.
        gold: `[I]`.
    """
    known = gold != NO_GOLD
    if not known.any():
        return None
    return float((scores.argmax(axis=1) == gold)[known].mean())


def calibration_error(log_p: FloatArray, gold: IntArray) -> float:
    """Expected calibration error (Guo et al. 2017, arXiv 1706.04599).

    The mean, over ten bins of the probability of the preferred option, of the distance between
    that probability and how often the option is right, by the number of items in the bin.

    Args:
        log_p: `[I, K]` log-probabilities.
        gold: `[I]`.
    """
    confidence = np.exp(log_p.max(axis=1))
    right = log_p.argmax(axis=1) == gold
    place = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    gaps = np.bincount(place, confidence - right, BINS)
    return float(np.abs(gaps).sum() / len(gold))


class Recovery(BaseModel):
    """How well expertise was found; see `Measures`."""

    model_config = ConfigDict(frozen=True)

    expertise_error: float
    expertise_pearson: float | None
    expertise_spearman: float | None
    coverage: float


def recovery(truth: FloatArray, mean: FloatArray, low: FloatArray, high: FloatArray) -> Recovery:
    """Estimates of expertise beside the truth, `[C]` each; intervals may touch it to 1e-9."""
    covered = (low - 1e-9 <= truth) & (truth <= high + 1e-9)
    varies = len(truth) > 1 and np.ptp(truth) > 0 and np.ptp(mean) > 0
    return Recovery(
        expertise_error=float(np.abs(truth - mean).mean()),
        expertise_pearson=float(np.corrcoef(truth, mean)[0, 1]) if varies else None,
        expertise_spearman=float(stats.spearmanr(truth, mean).statistic) if varies else None,
        coverage=float(covered.mean()),
    )
