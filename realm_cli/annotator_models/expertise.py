"""REALM's annotator model: know with probability w, else guess uniformly.

    A(y | k) = w [y = k] + (1 - w) / K                                          (eq. 2)

Source: REALM, arXiv 2604.17289. The matrix over tasks is partially pooled here:
`logit w[a, t] = u[a] + v[a, t]`, with u ~ Logistic(0, 1), which is w uniform over 0..1.
Fitted by expectation maximisation: the hidden things are the truth, and whether a label came from
knowledge.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from scipy.special import expit, log_expit, logit

from realm_cli.annotator_models.answers import OwnOption
from realm_cli.annotator_models.base import History
from realm_cli.annotator_models.levels import (
    N_POINTS,
    Levels,
    LogisticPrior,
    climb,
    draw_levels,
    log_prior,
    on_grid,
)
from realm_cli.labels import FloatArray, Labels
from realm_cli.spans import Span

_GRID = np.linspace(-9, 9, N_POINTS)


class Expertise:
    """The model bound to labels; parameters are `Levels` of logit w.

    Args:
        labels: What it is fitted to.
        history: What earlier batches said.
    """

    above_chance = True
    learns_prevalence = False
    """With errors spread evenly, a skew of the answers would be taken for a skew of the truth."""

    def __init__(self, labels: Labels, history: History) -> None:
        self.labels = labels
        self.groups = labels.groups
        self.prior = LogisticPrior(history.n * history.expertise, history.n)

    def start(self) -> Levels:
        """W of one half, or what is known from before."""
        level = np.log((1 + self.prior.wins) / (1 + self.prior.trials - self.prior.wins))
        return Levels(level, np.zeros(len(self.groups.cell_annotator)))

    def answers(self, parameters: Levels) -> OwnOption:
        """Eq. (2)."""
        theta = parameters.theta(self.groups)[self.groups.cell]
        miss = log_expit(-theta) - np.log(self.groups.n_options)
        hit = np.logaddexp(log_expit(theta), miss)
        return OwnOption(hit[:, None], miss[:, None], self.labels.width)

    mean_answers = answers

    def maximise(self, counts: FloatArray, parameters: Levels) -> Levels:
        """Eq. (12), then Newton's method on u and v."""
        answers = self.answers(parameters)
        # of the labels that are right, the share that came from knowledge
        knew = counts[:, 0] * -np.expm1(answers.miss[:, 0] - answers.hit[:, 0])
        return climb(knew, np.zeros(len(knew)), self.groups, self.prior, parameters)

    def log_prior(self, parameters: Levels) -> float:
        """Eq. (3)."""
        return log_prior(parameters, self.prior)

    def draw(self, counts: FloatArray, parameters: Levels, rng: np.random.Generator) -> Levels:
        """U and v given the truth."""
        wrong = self.groups.n - counts[:, 0]
        miss = np.log1p(-expit(_GRID))

        def by_cell(span: Span) -> FloatArray:
            some = span.groups
            by_group = counts[some] * self._hit_on_grid[some]
            by_group += wrong[some, None] * miss
            return np.asarray(span.by_cell @ by_group)

        return draw_levels(by_cell, _GRID, self.labels, self._prior_on_grid, parameters, rng)

    @cached_property
    def _hit_on_grid(self) -> FloatArray:
        """`[G, points]` log-probability of a right label at every point."""
        w = expit(_GRID)[None, :]
        hit: FloatArray = np.log(w + (1 - w) / self.groups.n_options[:, None])
        return hit

    @cached_property
    def _prior_on_grid(self) -> FloatArray:
        return on_grid(self.prior, _GRID, self.labels.n_annotators)

    def knowledge(self, parameters: Levels) -> FloatArray | None:
        """It follows from the right labels."""
        del parameters
        return None

    def expertise(self, parameters: Levels) -> FloatArray:
        """`[C]` w; below 1, also once rounded to single precision."""
        w: FloatArray = expit(np.minimum(parameters.theta(self.groups), logit(1 - 1e-6)))
        return w

    def right(self, counts: FloatArray) -> FloatArray:
        """`[G]`."""
        return counts[:, 0]
