"""Annotators who may be worse than chance: one number between always wrong and always right.

    A(y | k) = c [y = k] + (1 - c) / (K - 1) [y != k],    c = e^u / (e^u + K - 1)      (eq. 15)

The one-coin form of Dawid & Skene 1979 (doi 10.2307/2346806). In REALM's terms w = (c K - 1) /
(K - 1) runs from -1 / (K - 1) to 1. `u` is how much a label says, in nats: 0 for a guesser, below
0 for somebody whose labels speak against what they name. Its prior mean lies well above 0: with
K = 2, truth and its opposite explain labels equally well, and only the belief that most people are
right more often than wrong tells them apart.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from scipy.special import expit, log_expit

from realm_cli.annotator_models.answers import OwnOption
from realm_cli.annotator_models.base import History
from realm_cli.annotator_models.levels import (
    N_POINTS,
    Levels,
    NormalPrior,
    climb,
    draw_levels,
    log_prior,
    on_grid,
)
from realm_cli.labels import FloatArray, Labels
from realm_cli.spans import Span

PRIOR_MEAN = 1.5
"""With two options right 82 times in a hundred, with five 53."""
PRIOR_SCALE = 1.5
_GRID = np.linspace(PRIOR_MEAN - 9, PRIOR_MEAN + 9, N_POINTS)


class Signed:
    """The model bound to labels; parameters are `Levels` of u.

    Args:
        labels: What it is fitted to.
        history: What earlier batches said.
    """

    above_chance = False
    learns_prevalence = False
    """As for `expertise`: errors are spread evenly."""

    def __init__(self, labels: Labels, history: History) -> None:
        self.labels = labels
        self.groups = labels.groups
        self.offset = np.log(np.maximum(self.groups.n_options - 1, 1e-9))
        total = np.bincount(self.groups.annotator, self.groups.n, labels.n_annotators)
        mean = np.bincount(
            self.groups.annotator, self.groups.n * self.offset, labels.n_annotators
        ) / np.maximum(total, 1)
        wins = history.n * history.competence
        self.prior = NormalPrior(PRIOR_MEAN, PRIOR_SCALE, mean, wins, history.n)

    def start(self) -> Levels:
        """The prior mean."""
        return Levels(
            np.full(self.labels.n_annotators, PRIOR_MEAN),
            np.zeros(len(self.groups.cell_annotator)),
        )

    def answers(self, parameters: Levels) -> OwnOption:
        """Eq. (15)."""
        x = parameters.theta(self.groups)[self.groups.cell] - self.offset
        hit, miss = log_expit(x), log_expit(-x) - self.offset
        return OwnOption(hit[:, None], miss[:, None], self.labels.width)

    mean_answers = answers

    def maximise(self, counts: FloatArray, parameters: Levels) -> Levels:
        """Newton's method on u and v."""
        return climb(counts[:, 0], self.offset, self.groups, self.prior, parameters)

    def log_prior(self, parameters: Levels) -> float:
        """Normal in u and in v."""
        return log_prior(parameters, self.prior)

    def draw(self, counts: FloatArray, parameters: Levels, rng: np.random.Generator) -> Levels:
        """U and v given the truth."""
        hit, miss = self._answers_on_grid
        wrong = self.groups.n - counts[:, 0]

        def by_cell(span: Span) -> FloatArray:
            some = span.groups
            by_group = counts[some] * hit[some]
            by_group += wrong[some, None] * miss[some]
            return np.asarray(span.by_cell @ by_group)

        return draw_levels(by_cell, _GRID, self.labels, self._prior_on_grid, parameters, rng)

    @cached_property
    def _answers_on_grid(self) -> tuple[FloatArray, FloatArray]:
        """Twice `[G, points]`: log-probability of a right and of a wrong label."""
        x = _GRID[None, :] - self.offset[:, None]
        return log_expit(x), log_expit(-x)

    @cached_property
    def _prior_on_grid(self) -> FloatArray:
        return on_grid(self.prior, _GRID, self.labels.n_annotators)

    def knowledge(self, parameters: Levels) -> FloatArray | None:
        """It follows from the right labels."""
        del parameters
        return None

    def expertise(self, parameters: Levels) -> FloatArray:
        """`[C]` (c K - 1) / (K - 1), negative below chance; for the widest item of a cell."""
        options = np.zeros(len(self.groups.cell_annotator))
        np.maximum.at(options, self.groups.cell, self.groups.n_options)
        options = np.maximum(options, 2)
        c = expit(parameters.theta(self.groups) - np.log(options - 1))
        return np.minimum((c * options - 1) / (options - 1), 1 - 1e-6)

    def right(self, counts: FloatArray) -> FloatArray:
        """`[G]`."""
        return counts[:, 0]
