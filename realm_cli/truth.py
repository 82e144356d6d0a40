"""What is believed of the truth before a single label is looked at.

Nothing (`Even`), how often each option is true (`Prevalence`), or what a model predicts
(`Predicted`). Letters as in `labels.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from realm_cli.annotations import NO_GOLD
from realm_cli.labels import Block, FloatArray, Labels

PREVALENCE_COUNT = 1.0
"""Labels that each option is taken to have been true of before the first."""


class Truth(Protocol):
    """A prior of the truth that can be refitted to its posterior."""

    def log_prior(self, block: Block, labels: Labels) -> FloatArray:
        """`[items, W]` normalised; -inf for options that an item does not have."""

    def refit(self, class_counts: FloatArray) -> Truth:
        """The same, fitted to the expected number of items of each truth `[J, W]`."""

    def draw(self, class_counts: FloatArray, rng: np.random.Generator) -> Truth:
        """The same, drawn from its posterior."""

    def to_the(self, power: float) -> Truth:
        """The same beside labels that are taken to a power."""


@dataclass(frozen=True)
class Prevalence:
    """How often each option is true, by class of items.

    Attributes:
        log_share: `[J, W]`, -inf beyond a class's options.
        learns: Whether it moves at all.
    """

    log_share: FloatArray
    learns: bool = True

    def log_prior(self, block: Block, labels: Labels) -> FloatArray:
        """The same for all items of a class."""
        if (self.log_share == self.log_share[0]).all():  # laying rows out costs as much as a fit
            shape = (block.n_items, self.log_share.shape[1])
            return _only_known(np.broadcast_to(self.log_share[0], shape), block, labels)
        return _only_known(self.log_share[labels.item_class[block.items]], block, labels)

    def refit(self, class_counts: FloatArray) -> Prevalence:
        """Shares of the counts."""
        if not self.learns:
            return self
        return self._of(class_counts + PREVALENCE_COUNT)

    def draw(self, class_counts: FloatArray, rng: np.random.Generator) -> Prevalence:
        """From a Dirichlet."""
        if not self.learns:
            return self
        return self._of(rng.gamma(class_counts + PREVALENCE_COUNT))

    def to_the(self, power: float) -> Prevalence:
        """Taken to the power with them: it is known from them, and what is likeliest stays so."""
        return replace(self, log_share=power * self.log_share)

    def _of(self, weights: FloatArray) -> Prevalence:
        offered = np.isfinite(self.log_share)
        weights = np.where(offered, weights, 0.0)
        share = weights / weights.sum(axis=1, keepdims=True)
        return replace(self, log_share=np.log(np.where(offered, share, 1)) + _never(offered))


@dataclass(frozen=True)
class Predicted:
    """What a model predicts, made duller or sharper by one temperature.

    Attributes:
        log_p: `[I, W]` log-probabilities, -inf beyond an item's options.
    """

    log_p: FloatArray

    def log_prior(self, block: Block, labels: Labels) -> FloatArray:
        """The prediction."""
        return _only_known(self.log_p[block.items], block, labels)

    def refit(self, class_counts: FloatArray) -> Predicted:
        """It stays."""
        del class_counts
        return self

    def draw(self, class_counts: FloatArray, rng: np.random.Generator) -> Predicted:
        """It stays."""
        del class_counts, rng
        return self

    def to_the(self, power: float) -> Predicted:
        """It stays: it is not known from the labels."""
        del power
        return self


def even(labels: Labels) -> Prevalence:
    """A model that knows nothing."""
    offered = np.arange(labels.width)[None, :] < labels.class_options[:, None]
    level = -np.log(labels.class_options)[:, None]
    return Prevalence(np.where(offered, level, -np.inf), learns=False)


def unknown_prevalence(labels: Labels) -> Prevalence:
    """Even to begin with, to be learned."""
    return replace(even(labels), learns=True)


def sharpened(log_p: FloatArray, power: float) -> FloatArray:
    """Log-probabilities `[I, W]` of p^power, normalised."""
    scaled = np.where(np.isfinite(log_p), log_p * power, -np.inf)
    return scaled - np.logaddexp.reduce(scaled, axis=1, keepdims=True)


def _never(offered: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> FloatArray:
    return np.where(offered, 0.0, -np.inf)


def _only_known(log_prior: FloatArray, block: Block, labels: Labels) -> FloatArray:
    """Where the truth is known, it is certain."""
    if labels.known is None:
        return log_prior
    known = labels.known[block.items]
    rows = np.flatnonzero(known != NO_GOLD)
    log_prior = log_prior.copy()
    log_prior[rows] = -np.inf
    log_prior[rows, known[rows]] = 0.0
    return log_prior
