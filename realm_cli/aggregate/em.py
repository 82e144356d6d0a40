"""Any annotator model fitted to labels, by expectation maximisation in blocks of items.

Each pass goes through the labels once: posterior of the truth (eq. 8), expected counts, and the
log-likelihood, block by block, so that memory is that of the labels and their posterior.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from realm_cli.annotator_models.answers import Answers
from realm_cli.annotator_models.base import BoundModel
from realm_cli.labels import Block, FloatArray, Labels
from realm_cli.truth import Predicted, Truth, even

MAX_ITERATIONS = 300
TOLERANCE = 1e-7
"""Relative change of the log-posterior at which a fit has converged."""
RESTARTS = 3
DISAGREEMENT = 0.02
"""Share of items on which two restarts may differ before the reader is told."""


@dataclass(frozen=True)
class Expectation:
    """One pass over the labels.

    Attributes:
        counts: What the annotator model counts, summed over all labels.
        class_counts: `[J, W]` expected items of each truth.
        log_likelihood: Of all labels, in nats.
    """

    counts: FloatArray
    class_counts: FloatArray
    log_likelihood: float


@dataclass(frozen=True)
class Fit:
    """What labels say of truth and annotators under one annotator model.

    Attributes:
        model: The annotator model.
        parameters: Its parameters.
        truth: The prior of the truth, as fitted.
        log_q: `[I, W]` log-posterior of the truth, -inf beyond an item's options.
        log_posterior: The objective reached, in nats.
        n_iterations: Passes made.
        converged: Whether the last step was small enough.
        disagreement: Largest share of items on which a restart that fits nearly as well has
            another answer.
    """

    model: BoundModel[Any]
    parameters: Any
    truth: Truth
    log_q: FloatArray
    log_posterior: float
    n_iterations: int
    converged: bool
    disagreement: float = 0.0


Posterior = Callable[[Block], FloatArray]
"""`[items, W]` posterior probabilities of a block's items."""


def fit(
    labels: Labels,
    model: BoundModel[Any],
    truth: Truth,
    *,
    seed: int = 0,
    restarts: int = RESTARTS,
) -> Fit:
    """The best of several fits: from the majority vote, and from votes of unequal weight.

    Args:
        labels: The labels.
        model: The annotator model, bound to them.
        truth: The prior of the truth.
        seed: Decides the restarts.
        restarts: How many besides the one from the vote.
    """
    rng = np.random.default_rng(seed)
    who = labels.groups.annotator[labels.group]
    starts = [None] + [rng.exponential(size=labels.n_annotators)[who] for _ in range(restarts)]
    fits = [_climb(labels, model, truth, votes_of(labels, weight)) for weight in starts]
    best = max(fits, key=lambda one: one.log_posterior)
    first = fits[0]
    # The vote's own mode is kept unless another is better by more than rounding.
    if best.log_posterior - first.log_posterior < 1e-4 * abs(first.log_posterior):
        best = first
    answer = best.log_q.argmax(axis=1)
    near = [one for one in fits if best.log_posterior - one.log_posterior < 1e-3 * len(labels)]
    differ = max(float((one.log_q.argmax(axis=1) != answer).mean()) for one in near)
    return replace(best, disagreement=differ)


def votes_of(labels: Labels, weight: FloatArray | None = None) -> Posterior:
    """Shares of the (weighted) votes; even shares for items without any."""
    flat = even(labels)

    def posterior(block: Block) -> FloatArray:
        mine = None if weight is None else weight[block.rows]
        votes = np.bincount(block.key, mine, block.n_items * labels.width)
        flat_table: FloatArray = votes.astype(np.float64).reshape(labels.width, block.n_items).T
        table = flat_table + 1e-3 * np.exp(flat.log_prior(block, labels))
        shares: FloatArray = table / table.sum(axis=1, keepdims=True)
        return shares

    return posterior


def _climb(
    labels: Labels,
    model: BoundModel[Any],
    truth: Truth,
    start: Posterior,
) -> Fit:
    parameters = model.start()
    counts, class_counts = _count(labels, model.answers(parameters), start)
    last, n_passes, converged = -np.inf, 0, False
    while n_passes < MAX_ITERATIONS and not converged:
        n_passes += 1
        parameters = model.maximise(counts, parameters)
        truth = truth.refit(class_counts)
        found = expect(labels, model.answers(parameters), truth)
        reached = found.log_likelihood + model.log_prior(parameters)
        counts, class_counts = found.counts, found.class_counts
        converged = abs(reached - last) <= TOLERANCE * abs(reached)
        last = reached
    log_q = log_posterior(labels, model.answers(parameters), truth)
    return Fit(model, parameters, truth, log_q, last, n_passes, converged)


def _count(labels: Labels, answers: Answers, posterior: Posterior) -> tuple[FloatArray, FloatArray]:
    counts = np.zeros(answers.counts_shape)
    class_counts = np.zeros((len(labels.class_task), labels.width))
    for block in labels.blocks:
        q = posterior(block)
        counts += answers.count(block, q)
        _add_classes(class_counts, labels, block, q)
    return counts, class_counts


def with_predictions(fitted: Fit, parameters: Any, log_p: FloatArray) -> Fit:
    """The posterior of the truth under other parameters, found beside a model's predictions.

    Args:
        fitted: A fit to the same labels.
        parameters: Of its annotator model.
        log_p: `[I, W]` log-probabilities of the options.
    """
    labels, truth = fitted.model.labels, Predicted(log_p)
    answers = fitted.model.mean_answers(parameters)
    reached = expect(labels, answers, truth).log_likelihood
    log_q = log_posterior(labels, answers, truth)
    return replace(fitted, parameters=parameters, truth=truth, log_q=log_q, log_posterior=reached)


def expect(labels: Labels, answers: Answers, truth: Truth) -> Expectation:
    """Eq. (8) and the sums over it, in one pass."""
    counts = np.zeros(answers.counts_shape)
    class_counts = np.zeros((len(labels.class_task), labels.width))
    total = answers.constant(labels)
    for block, q, evidence in _passes(labels, answers, truth):
        counts += answers.count(block, q)
        _add_classes(class_counts, labels, block, q)
        total += evidence
    return Expectation(counts, class_counts, total)


def log_posterior(labels: Labels, answers: Answers, truth: Truth) -> FloatArray:
    """Eq. (8): `[I, W]` normalised log-posterior of every item's truth."""
    found = np.empty((labels.n_items, labels.width))
    for block in labels.blocks:
        scores = _scores(labels, answers, truth, block)
        found[block.items] = scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)
    return found


def draw_truth(
    labels: Labels, answers: Answers, truth: Truth, rng: np.random.Generator
) -> Expectation:
    """Counts for one truth drawn from its posterior."""
    counts = np.zeros(answers.counts_shape)
    class_counts = np.zeros((len(labels.class_task), labels.width))
    dice = labels.item_dice(rng)
    for block, q, _ in _passes(labels, answers, truth):
        rising = np.cumsum(q, axis=1)
        z = (rising < dice[block.items, None] * rising[:, -1:]).sum(axis=1)
        drawn = np.zeros(q.shape, order="F")
        drawn[np.arange(block.n_items), z] = 1
        counts += answers.count(block, drawn)
        _add_classes(class_counts, labels, block, drawn)
    return Expectation(counts, class_counts, np.nan)


def _passes(
    labels: Labels, answers: Answers, truth: Truth
) -> Iterator[tuple[Block, FloatArray, float]]:
    """Each block with its posterior `[items, W]` and the log-evidence of its labels."""
    for block in labels.blocks:
        q = _scores(labels, answers, truth, block)
        peak = q.max(axis=1)
        q -= peak[:, None]
        np.exp(q, out=q)
        total = q.sum(axis=1)
        q /= total[:, None]
        yield block, q, float(peak.sum() + np.log(total).sum())


def _scores(labels: Labels, answers: Answers, truth: Truth, block: Block) -> FloatArray:
    """`[items, W]` unnormalised log-posterior, column after column: rows are short."""
    scores = np.asfortranarray(answers.evidence(block))
    scores += truth.log_prior(block, labels)
    return scores


def _add_classes(total: FloatArray, labels: Labels, block: Block, q: FloatArray) -> None:
    if len(total) == 1:
        total[0] += q.sum(axis=0)
        return
    which = labels.item_class[block.items]
    for k in range(total.shape[1]):
        total[:, k] += np.bincount(which, q[:, k], len(total))
