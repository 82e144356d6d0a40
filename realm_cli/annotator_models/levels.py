"""One number an annotator and a deviation a task: what `expertise` and `signed` have in common.

`theta[a, t] = u[a] + v[a, t]`, with `v ~ Normal(0, TASK_SCALE^2)`, so that a cell with few labels
leans on its annotator. A group's labels succeed with probability sigmoid(theta - offset).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from scipy.special import expit, log_expit

from realm_cli.config import TASK_SCALE
from realm_cli.labels import FloatArray, Groups, Labels
from realm_cli.spans import Span

N_POINTS = 200
"""Points of a grid that parameters are drawn from."""


@dataclass(frozen=True)
class Levels:
    """Attributes: level `[A]` u, and deviation `[C]` v, on the logit scale."""

    level: FloatArray
    deviation: FloatArray

    def theta(self, groups: Groups) -> FloatArray:
        """`[C]`."""
        return self.level[groups.cell_annotator] + self.deviation


class LevelPrior(Protocol):
    """A log-concave prior of u."""

    def slope(self, level: FloatArray) -> FloatArray:
        """First derivative of the log-density."""

    def bend(self, level: FloatArray) -> FloatArray:
        """Minus its second derivative."""

    def log_density(self, level: FloatArray) -> FloatArray:
        """Of levels `[..., A]`, up to a constant."""


@dataclass(frozen=True)
class LogisticPrior:
    """Logistic(0, 1) with further trials: sigmoid(u) is uniform where there are none.

    Attributes:
        wins: `[A]` successes among them.
        trials: `[A]`.
    """

    wins: FloatArray
    trials: FloatArray

    def slope(self, level: FloatArray) -> FloatArray:
        """Of (1 + wins) log sigmoid(u) + (1 + losses) log sigmoid(-u)."""
        return 1 + self.wins - (2 + self.trials) * expit(level)

    def bend(self, level: FloatArray) -> FloatArray:
        """Minus the second derivative."""
        own = expit(level)
        return (2 + self.trials) * own * (1 - own)

    def log_density(self, level: FloatArray) -> FloatArray:
        """Up to a constant."""
        lost = self.trials - self.wins
        result: FloatArray = (1 + self.wins) * log_expit(level) + (1 + lost) * log_expit(-level)
        return result


@dataclass(frozen=True)
class NormalPrior:
    """Normal(mean, scale^2) with further trials of probability sigmoid(u - offset).

    Attributes:
        mean: Of u.
        scale: Its standard deviation.
        offset: `[A]`.
        wins: `[A]` successes among the trials.
        trials: `[A]`.
    """

    mean: float
    scale: float
    offset: FloatArray
    wins: FloatArray
    trials: FloatArray

    def slope(self, level: FloatArray) -> FloatArray:
        """First derivative."""
        pull = (self.mean - level) / self.scale**2
        return pull + self.wins - self.trials * expit(level - self.offset)

    def bend(self, level: FloatArray) -> FloatArray:
        """Minus the second derivative."""
        own = expit(level - self.offset)
        return 1 / self.scale**2 + self.trials * own * (1 - own)

    def log_density(self, level: FloatArray) -> FloatArray:
        """Up to a constant."""
        pull = -(((level - self.mean) / self.scale) ** 2) / 2
        lost = self.trials - self.wins
        x = level - self.offset
        result: FloatArray = pull + self.wins * log_expit(x) + lost * log_expit(-x)
        return result


def climb(
    wins: FloatArray, offset: FloatArray, groups: Groups, prior: LevelPrior, start: Levels
) -> Levels:
    """Newton's method on the log-posterior of u and v given expected successes, all at once.

    The Hessian is an arrow (u meets each of its v, the v do not meet one another), so a step is a
    Schur complement and costs no more than a sum over cells. With one task v stays 0.

    Args:
        wins: `[G]` expected successes.
        offset: `[G]`.
        groups: The groups; they say how many labels each has.
        prior: Of u.
        start: Where to begin.
    """
    one_task = not groups.cell_task.any()
    n_annotators = len(start.level)
    tight = 1e12 if one_task else TASK_SCALE**-2
    for _ in range(30):
        p = expit(start.theta(groups)[groups.cell] - offset)
        residual = groups.by_cell(wins - groups.n * p)
        curvature = groups.by_cell(groups.n * p * (1 - p))
        slope_v = residual - tight * start.deviation
        bend_v = curvature + tight
        share = curvature / bend_v
        sums = [
            np.bincount(groups.cell_annotator, values, n_annotators)
            for values in (residual - share * slope_v, curvature - share * curvature)
        ]
        step_u = (sums[0] + prior.slope(start.level)) / (sums[1] + prior.bend(start.level))
        step_u = np.clip(step_u, -2, 2)
        step_v = np.clip((slope_v - curvature * step_u[groups.cell_annotator]) / bend_v, -2, 2)
        start = replace(
            start,
            level=start.level + step_u,
            deviation=start.deviation if one_task else start.deviation + step_v,
        )
        if np.abs(step_u).max(initial=0) < 1e-8:
            break
    return start


def log_prior(levels: Levels, prior: LevelPrior) -> float:
    """Eq. (3): log-density of u and v, up to a constant."""
    return float(
        prior.log_density(levels.level).sum() - ((levels.deviation / TASK_SCALE) ** 2).sum() / 2
    )


def on_grid(prior: LevelPrior, grid: FloatArray, n_annotators: int) -> FloatArray:
    """`[A, points]` the log-density of u at every point, up to a constant."""
    return prior.log_density(np.repeat(grid[:, None], n_annotators, axis=1)).T.copy()


def draw_levels(
    log_likelihood: Callable[[Span], FloatArray],
    grid: FloatArray,
    labels: Labels,
    log_prior: FloatArray,
    levels: Levels,
    rng: np.random.Generator,
) -> Levels:
    """U and v drawn by Gibbs steps on a grid of theta.

    Args:
        log_likelihood: `[cells, points]` of the labels of a span's cells at each theta.
        grid: `[points]` theta, evenly spaced.
        labels: The labels.
        log_prior: `[A, points]` of u.
        levels: The draw before.
        rng: Where chance comes from.
    """
    level, deviation = np.empty_like(levels.level), levels.deviation.copy()
    one_task = not labels.groups.cell_task.any()
    for span in labels.spans:
        people, cells = span.annotators, span.cells
        by_cell = log_likelihood(span)
        who = labels.groups.cell_annotator[cells]
        if not one_task:
            theta = _draw(by_cell + _log_steps(grid, levels.level[who]), grid, rng)
            by_cell = _log_steps(grid, theta)
        level[people] = _draw(log_prior[people] + span.by_annotator @ by_cell, grid, rng)
        if not one_task:
            deviation[cells] = theta - level[who]
    return Levels(level, deviation)


def _log_steps(grid: FloatArray, centre: FloatArray) -> FloatArray:
    """`[C, points]` log-density of Normal(centre, TASK_SCALE^2), up to a constant."""
    steps: FloatArray = (grid[None, :] - centre[:, None]) / TASK_SCALE
    np.square(steps, out=steps)
    steps /= -2
    return steps


def _draw(log_weights: FloatArray, grid: FloatArray, rng: np.random.Generator) -> FloatArray:
    """One grid point a row, with a step's width of jitter so that draws do not repeat."""
    weights = log_weights - log_weights.max(axis=1, keepdims=True)
    np.exp(weights, out=weights)
    np.cumsum(weights, axis=1, out=weights)
    below = weights < rng.random((len(weights), 1)) * weights[:, -1:]
    hit = np.count_nonzero(below, axis=1)
    step = grid[1] - grid[0]
    drawn: FloatArray = grid[hit] + step * (rng.random(len(weights)) - 0.5)
    return drawn
