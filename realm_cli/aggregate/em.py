"""Any annotator model fitted to labels, by expectation maximisation in blocks of items.

Each pass goes through the labels once: posterior of the truth (eq. 8), expected counts, and the
log-likelihood, block by block, so that memory is that of the labels and their posterior.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np

from realm_cli.annotator_models.answers import Answers
from realm_cli.annotator_models.base import BoundModel
from realm_cli.labels import Block, FloatArray, Labels
from realm_cli.truth import Predicted, Truth, even

T = TypeVar("T")

MAX_ITERATIONS = 300
TOLERANCE = 1e-7
"""Relative change of the log-posterior at which a fit has converged."""
RESTARTS = 3
DISAGREEMENT = 0.02
"""Share of items on which two restarts may differ before the reader is told."""


def cores() -> int:
    """How many this process may use; not every system lets a process be kept to some of them."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


THREADS = min(cores(), 8)


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

    def plus(self, other: Expectation) -> Expectation:
        """Both together; this one's arrays are used up."""
        return Expectation(
            np.add(self.counts, other.counts, out=self.counts),
            np.add(self.class_counts, other.class_counts, out=self.class_counts),
            self.log_likelihood + other.log_likelihood,
        )


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
        power: What a label counts for in the posterior of the truth (eq. 25).
    """

    model: BoundModel[Any]
    parameters: Any
    truth: Truth
    log_q: FloatArray
    log_posterior: float
    n_iterations: int
    converged: bool
    disagreement: float = 0.0
    power: float = 1.0

    def posterior(self, answers: Answers) -> tuple[Answers, Truth]:
        """Eq. (25): what goes into the posterior of the truth, some answers and its prior."""
        if self.power == 1:
            return answers, self.truth
        return answers.to_the(self.power), self.truth.to_the(self.power)

    def to_the(self, power: float) -> Fit:
        """The same fit with another posterior of the truth."""
        if power == self.power:
            return self
        found = replace(self, power=power)
        parts = found.posterior(self.model.answers(self.parameters))
        return replace(found, log_q=log_posterior(self.model.labels, *parts))


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
    if len(fits) == 1:
        return first
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
    found = _sums(labels, model.answers(parameters), lambda block: (start(block), np.nan))
    last, n_passes, converged = -np.inf, 0, False
    while n_passes < MAX_ITERATIONS and not converged:
        n_passes += 1
        parameters = model.maximise(found.counts, parameters)
        truth = truth.refit(found.class_counts)
        found = expect(labels, model.answers(parameters), truth)
        reached = found.log_likelihood + model.log_prior(parameters)
        converged = abs(reached - last) <= TOLERANCE * abs(reached)
        last = reached
    log_q = log_posterior(labels, model.answers(parameters), truth)
    return Fit(model, parameters, truth, log_q, last, n_passes, converged)


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
    beside = replace(fitted, parameters=parameters, truth=truth, log_posterior=reached)
    return replace(beside, log_q=log_posterior(labels, *beside.posterior(answers)))


def expect(labels: Labels, answers: Answers, truth: Truth) -> Expectation:
    """Eq. (8) and the sums over it, in one pass."""
    found = _sums(labels, answers, lambda block: _posterior(labels, answers, truth, block))
    return replace(found, log_likelihood=found.log_likelihood + answers.constant(labels))


def log_posterior(labels: Labels, answers: Answers, truth: Truth) -> FloatArray:
    """Eq. (8): `[I, W]` normalised log-posterior of every item's truth."""
    found = np.empty((labels.n_items, labels.width))

    def one(block: Block) -> None:
        scores = _scores(labels, answers, truth, block)
        scores -= scores.max(axis=1)[:, None]
        scores -= np.log(np.exp(scores).sum(axis=1))[:, None]
        found[block.items] = scores

    for _ in _over(labels.blocks, one):
        pass
    return found


def draw_truth(
    labels: Labels, answers: Answers, truth: Truth, rng: np.random.Generator
) -> Expectation:
    """Counts for one truth drawn from its posterior."""
    dice = labels.item_dice(rng)

    def drawn(block: Block) -> tuple[FloatArray, float]:
        q, _ = _posterior(labels, answers, truth, block)
        rising = np.cumsum(q, axis=1)
        z = (rising < dice[block.items, None] * rising[:, -1:]).sum(axis=1)
        chosen = np.zeros(q.shape, order="F")
        chosen[np.arange(block.n_items), z] = 1
        return chosen, np.nan

    return _sums(labels, answers, drawn)


def _sums(
    labels: Labels, answers: Answers, posterior: Callable[[Block], tuple[FloatArray, float]]
) -> Expectation:
    """The counts under a posterior, and its evidence, summed block by block in their order."""

    def one(block: Block) -> Expectation:
        q, evidence = posterior(block)
        return Expectation(answers.count(block, q), _class_counts(labels, block, q), evidence)

    return functools.reduce(Expectation.plus, _over(labels.blocks, one))


def _over(blocks: Sequence[Block], work: Callable[[Block], T]) -> Iterable[T]:
    """What becomes of each block, in their order.

    numpy and scipy let go of the interpreter while they work, so blocks are worked off by threads.
    """
    return map(work, blocks) if len(blocks) == 1 else _pool().map(work, blocks)


@functools.cache
def _pool() -> ThreadPoolExecutor:
    """The threads of all passes: starting some anew for each costs as much as a small pass."""
    return ThreadPoolExecutor(THREADS)


def _posterior(
    labels: Labels, answers: Answers, truth: Truth, block: Block
) -> tuple[FloatArray, float]:
    """`[items, W]` posterior of a block (eq. 8), and the log-evidence of its labels."""
    q = _scores(labels, answers, truth, block)
    peak = q.max(axis=1)
    q -= peak[:, None]
    np.exp(q, out=q)
    total = q.sum(axis=1)
    q /= total[:, None]
    return q, float(peak.sum() + np.log(total).sum())


def _scores(labels: Labels, answers: Answers, truth: Truth, block: Block) -> FloatArray:
    """`[items, W]` unnormalised log-posterior, column after column: rows are short."""
    scores = np.empty((labels.width, block.n_items))
    np.add(answers.evidence(block).T, truth.log_prior(block, labels).T, out=scores)
    return scores.T


def _class_counts(labels: Labels, block: Block, q: FloatArray) -> FloatArray:
    """`[J, W]` expected items of each truth."""
    n_classes = len(labels.class_task)
    if n_classes == 1:
        total: FloatArray = q.sum(axis=0)
        return total[None]
    which = labels.item_class[block.items]
    return np.stack([np.bincount(which, column, n_classes) for column in q.T], axis=1)
