"""Able annotators and easy items: GLAD.

    P(label is correct) = sigmoid(ability[a] * ease[i]),  ease > 0; errors evenly spread    (eq. 19)

Source: Whitehill, Ruvolo, Wu, Bergsma & Movellan 2009, "Whose vote should count more" (NIPS 22).
Ability ~ Normal(1, 1), log ease ~ Normal(0, 1). Expectation maximisation, with a few steps of
L-BFGS on all abilities and eases at once as the M-step.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_expit

from realm_cli.coding import IntArray
from realm_cli.labels import FloatArray, Labels

MAX_ITERATIONS = 60
TOLERANCE = 1e-5
_STEPS = 12


@dataclass(frozen=True)
class Glad:
    """Attributes: log_q `[I, W]`; ability `[A]`; ease `[I]`."""

    log_q: FloatArray
    ability: FloatArray
    ease: FloatArray


def glad(labels: Labels) -> Glad:
    """Eq. (19), fitted to labels."""
    who = labels.groups.annotator[labels.group]
    x = np.concatenate([np.ones(labels.n_annotators), np.zeros(labels.n_items)])
    last = -np.inf
    for _ in range(MAX_ITERATIONS):
        log_q, reached = _truth(labels, who, x)
        if abs(reached - last) < TOLERANCE * abs(reached):
            break
        last = reached
        right = np.exp(log_q[labels.item, labels.label])
        found = minimize(
            _loss, x, (labels, who, right), jac=True, method="L-BFGS-B",
            options={"maxiter": _STEPS},
        )  # fmt: skip
        x = found.x
    log_q, _ = _truth(labels, who, x)
    return Glad(log_q, x[: labels.n_annotators], np.exp(x[labels.n_annotators :]))


def _logit(labels: Labels, who: IntArray, x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """`[N]` ability times ease, and the ease."""
    ease = np.exp(x[labels.n_annotators :])[labels.item]
    return x[who] * ease, ease


def _truth(labels: Labels, who: IntArray, x: FloatArray) -> tuple[FloatArray, float]:
    """Log-posterior of the truth under even priors, and the log-posterior of the parameters."""
    logit, _ = _logit(labels, who, x)
    others = np.log(np.maximum(labels.n_options - 1, 1e-9))[labels.item]
    miss = log_expit(-logit) - others
    offered = np.arange(labels.width)[None, :] < labels.n_options[:, None]
    lift = np.bincount(
        labels.item.astype(np.int64) * labels.width + labels.label,
        log_expit(logit) - miss,
        labels.n_items * labels.width,
    ).reshape(offered.shape)
    scores: FloatArray = np.where(offered, lift - np.log(labels.n_options)[:, None], -np.inf)
    total = np.logaddexp.reduce(scores, axis=1, keepdims=True)
    return scores - total, float(total.sum() + miss.sum()) - _penalty(labels, x)


def _penalty(labels: Labels, x: FloatArray) -> float:
    ability, log_ease = x[: labels.n_annotators], x[labels.n_annotators :]
    return float(((ability - 1) ** 2).sum() + (log_ease**2).sum()) / 2


def _loss(
    x: FloatArray, labels: Labels, who: IntArray, right: FloatArray
) -> tuple[float, FloatArray]:
    """Minus the expected log-posterior, and its gradient."""
    logit, ease = _logit(labels, who, x)
    value = (right * log_expit(logit) + (1 - right) * log_expit(-logit)).sum()
    slope = right - np.exp(log_expit(logit))
    gradient = np.concatenate(
        [
            np.bincount(who, slope * ease, labels.n_annotators) - (x[: labels.n_annotators] - 1),
            np.bincount(labels.item, slope * logit, labels.n_items) - x[labels.n_annotators :],
        ]
    )
    return -float(value) + _penalty(labels, x), -gradient
