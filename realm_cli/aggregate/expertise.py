"""REALM's annotator model fitted to the labels alone, by expectation maximisation.

The one-coin model (Dawid & Skene 1979, with one parameter an annotator; the mixture is that of
REALM, arXiv 2604.17289), with the priors of `annotator_models/expertise.py`, so that no annotator
ends at 0 or 1 and cells with few labels lean on their annotator.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from realm_cli.annotations import AnnotationTable
from realm_cli.choices import Pooling
from realm_cli.config import TASK_SCALE
from realm_cli.posterior import (
    Cells,
    FloatArray,
    cells_of,
    log_answer_odds,
    truth_log_posterior,
    uniform_log_p,
)

MAX_ITERATIONS = 500
TOLERANCE = 1e-6


@dataclass(frozen=True)
class LabelEstimate:
    """What labels alone say.

    Attributes:
        log_q: `[I, K]` log-posterior of the truth.
        expertise: `[A, T]` w.
    """

    log_q: FloatArray
    expertise: FloatArray


def fit_expertise(table: AnnotationTable, pooling: Pooling = Pooling.PARTIAL) -> LabelEstimate:
    """Maximum a posteriori w and the posterior of the truth, from labels alone.

    Args:
        table: The annotations.
        pooling: Whether an annotator's w may differ between tasks.
    """
    log_p = uniform_log_p(table)
    cells = cells_of(table)
    by_task = pooling is Pooling.PARTIAL and len(table.items.tasks) > 1
    level = np.zeros(len(table.annotators))
    deviation = np.zeros(len(cells.n))
    expertise = _matrix(level, deviation, cells, table)
    for _ in range(MAX_ITERATIONS):
        log_q = truth_log_posterior(log_p, table, expertise)
        knew = np.bincount(
            cells.of_annotation,
            weights=responsibilities(log_q, table, expertise),
            minlength=len(cells.n),
        ).astype(np.float64)
        level, deviation = _maximise(knew, cells, level, deviation, by_task=by_task)
        updated = _matrix(level, deviation, cells, table)
        change = np.abs(updated - expertise).max()
        expertise = updated
        if change < TOLERANCE:
            break
    return LabelEstimate(truth_log_posterior(log_p, table, expertise), expertise)


def responsibilities(
    log_q: FloatArray, table: AnnotationTable, expertise: FloatArray
) -> FloatArray:
    """Eq. (12): P(the label came from knowledge, not from a guess), for each annotation `[N]`.

    q(y) w / (w + (1 - w) / K): only a label that is true can have come from knowledge.
    """
    w = expertise[table.annotator, table.task]
    odds = log_answer_odds(w, table.items.n_options[table.item])
    right: FloatArray = np.exp(log_q[table.item, table.label])
    return -right * np.expm1(-odds)


def _matrix(
    level: FloatArray, deviation: FloatArray, cells: Cells, table: AnnotationTable
) -> FloatArray:
    """`[A, T]` w; a cell without labels has its annotator's level."""
    logits = np.repeat(level[:, None], len(table.items.tasks), axis=1)
    logits[cells.annotator, cells.task] += deviation
    return _sigmoid(logits)


def _maximise(
    knew: FloatArray, cells: Cells, level: FloatArray, deviation: FloatArray, *, by_task: bool
) -> tuple[FloatArray, FloatArray]:
    """Newton's method on the expected log-posterior of u and v, all annotators at once.

    The Hessian is an arrow (u meets each of its v, the v do not meet one another), so a step is
    a Schur complement and costs no more than a sum over cells.
    """
    n_annotators = len(level)
    for _ in range(20):
        w = _sigmoid(level[cells.annotator] + deviation)
        residual = knew - cells.n * w
        curvature = cells.n * w * (1 - w)
        own = _sigmoid(level)
        slope_u = np.bincount(cells.annotator, residual, n_annotators) + 1 - 2 * own
        bend_u = np.bincount(cells.annotator, curvature, n_annotators) + 2 * own * (1 - own)
        if by_task:
            slope_v = residual - deviation / TASK_SCALE**2
            bend_v = curvature + 1 / TASK_SCALE**2
            share = curvature / bend_v
            slope_u = slope_u - np.bincount(cells.annotator, share * slope_v, n_annotators)
            bend_u = bend_u - np.bincount(cells.annotator, share * curvature, n_annotators)
        step_u = np.clip(slope_u / bend_u, -2, 2)
        level = level + step_u
        if by_task:
            step_v = np.clip((slope_v - curvature * step_u[cells.annotator]) / bend_v, -2, 2)
            deviation = deviation + step_v
        if np.abs(step_u).max() < 1e-8:
            break
    return level, deviation


def _sigmoid(logits: FloatArray) -> FloatArray:
    return 1 / (1 + np.exp(-logits))
