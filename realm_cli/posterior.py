"""How sure one can be of each annotator: posteriors of competence, with intervals.

numpy only. Letters as in `labels.py`; `[X]` are the points of a grid. Equation numbers are those
of docs/method.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.special import log1p

from realm_cli.aggregate.em import Fit, draw_truth
from realm_cli.annotator_models.base import History
from realm_cli.config import TASK_SCALE
from realm_cli.labels import FloatArray, Groups, Labels
from realm_cli.spans import Span, row_sums

GRID_SIZE = 400
COVERAGE = 0.95
NEARLY = 0.9
"""Points nearly as dense as the least dense point of an interval belong to it, too."""
CHAINS = 4
"""Chains of draws, so that one that stays in a corner of the truth does not pass for certainty."""
BURN_IN = 20
SWEEPS = 40
"""Draws kept of each chain."""
FEW_LABELS = 100_000
"""Of fewer labels, where a draw is cheap, more are kept: chance then moves no figure that shows."""
SWEEPS_OF_FEW = 120
MOST_LABELS = 2_000_000
"""Of more labels, one chain is drawn: what others are worth is then known well enough."""


@dataclass(frozen=True)
class Interval:
    """A posterior on a grid, for annotators `[A]` or cells `[C]`.

    Attributes:
        mean: Its mean.
        low: Lower end of the 95% highest-density interval.
        high: Its upper end.
    """

    mean: FloatArray
    low: FloatArray
    high: FloatArray


@dataclass(frozen=True)
class Judgement:
    """What is known of annotators.

    Attributes:
        expertise: `[A]` P(did not guess).
        competence: `[A]` P(a label is correct).
        cell_expertise: `[C]`.
        cell_competence: `[C]`.
        agreement: `[N]` left-out posterior of each label (eq. 9), in table order.
        batch: P(a label is correct) whoever gave it: of all labels, then of each task where tasks
            are told apart `[1 + T]`.
    """

    expertise: Interval
    competence: Interval
    cell_expertise: Interval
    cell_competence: Interval
    agreement: FloatArray
    batch: Interval


def judge(labels: Labels, fit: Fit, history: History, *, seed: int = 0) -> Judgement:
    """Eq. (10): posteriors of every annotator's competence, whatever the truth and the others are.

    Truth and annotators are drawn in turn (Gibbs sampling) from their posterior under the fitted
    annotator model; each drawn truth gives a posterior on a grid, and these are averaged. So an
    interval knows how unsure the truth is, and how unsure the other annotators are.

    Args:
        labels: The labels.
        fit: What was fitted to them.
        history: What earlier batches said.
        seed: Decides the draws.
    """
    rng = np.random.default_rng(seed)
    chains = CHAINS if len(labels) <= MOST_LABELS else 1
    length = BURN_IN + (SWEEPS if len(labels) > FEW_LABELS else SWEEPS_OF_FEW)
    heaps = _Heaps.of(labels, fit, history)
    for sweep in range(chains * length):
        place = sweep % length
        if place == 0:
            parameters, truth = fit.parameters, fit.truth
        beside = replace(fit, truth=truth).posterior(fit.model.mean_answers(parameters))
        drawn = draw_truth(labels, *beside, rng)
        parameters = fit.model.draw(drawn.counts, parameters, rng)
        truth = truth.draw(drawn.class_counts, rng)
        if place >= BURN_IN:
            heaps.add(fit.model.right(drawn.counts), fit.model.knowledge(parameters))
    return heaps.judgement(left_out_agreement(labels, fit))


def left_out_agreement(labels: Labels, fit: Fit) -> FloatArray:
    """Eq. (9): q_i(y) without the label itself `[N]`, in table order.

    Dividing a label's own factor out of the posterior leaves what the others and the prior say.
    """
    answers, _ = fit.posterior(fit.model.answers(fit.parameters))
    found = np.empty(len(labels))
    for block in labels.blocks:
        own = answers.log_answers(block.group, block.label)
        rest = fit.log_q[block.items][block.local_item] - own
        rest -= rest.max(axis=1, keepdims=True)
        weight = np.exp(rest)
        mine = weight[np.arange(len(block.label)), block.label]
        found[block.rows] = mine / weight.sum(axis=1)
    return labels.in_table_order(found)


@dataclass(frozen=True)
class _Scale:
    """A grid, and what right and wrong labels say on it.

    Attributes:
        x: `[X]` points, evenly spaced in 0..1.
        hit: `[G, X]` log-probability of a right label.
        miss: `[X]` log-probability of a wrong one, up to a constant.
        prior: `[A, X]` log-density before the first label.
    """

    x: FloatArray
    hit: FloatArray
    miss: FloatArray
    prior: FloatArray


class _Heaps:
    """Sums of densities over drawn truths."""

    def __init__(self, labels: Labels, chance: tuple[FloatArray, FloatArray], main: _Scale) -> None:
        self.labels = labels
        self.groups = labels.groups
        self.chance = chance
        self.main = main
        self.above = True
        self.known: _Density | None = None
        self.density = _Density(labels, main)
        self.together = _Together(labels.groups)

    @staticmethod
    def of(labels: Labels, fit: Fit, history: History) -> _Heaps:
        """Empty heaps on the scale that fits the annotator model."""
        groups = labels.groups
        share = groups.n / groups.n_options
        cells = groups.by_cell(share) / np.maximum(groups.by_cell(groups.n), 1)
        people = np.bincount(groups.annotator, share, labels.n_annotators) / np.maximum(
            np.bincount(groups.annotator, groups.n, labels.n_annotators), 1
        )
        above = fit.model.above_chance
        scale = _knowledge_scale(groups, history) if above else _accuracy_scale(groups, history)
        heaps = _Heaps(labels, (people, cells), scale)
        heaps.above = above
        return heaps

    def add(self, right: FloatArray, knew: FloatArray | None) -> None:
        """One drawn truth: right labels `[G]`, labels from knowledge `[C]`."""
        self.density.add(right, self.groups.n - right)
        self.together.add(right)
        if knew is not None:
            self._knowledge().add_cells(knew, self.groups.by_cell(self.groups.n) - knew)

    def _knowledge(self) -> _Density:
        if self.known is None:
            x = _grid()
            hit = np.broadcast_to(np.log(x), (len(self.groups.n), GRID_SIZE))
            scale = _Scale(x, hit, np.log1p(-x), np.zeros_like(self.main.prior))
            self.known = _Density(self.labels, scale)
        return self.known

    def judgement(self, agreement: FloatArray) -> Judgement:
        """Means and intervals of what has come together."""
        people, cells = self.density.summaries()
        if self.above:
            expertise = (people, cells)
            competence = (_correct(people, self.chance[0]), _correct(cells, self.chance[1]))
        else:
            competence = (people, cells)
            expertise = (_knows(people, self.chance[0]), _knows(cells, self.chance[1]))
        if self.known is not None:
            expertise = self.known.summaries()
        parts = (expertise[0], competence[0], expertise[1], competence[1])
        return Judgement(*parts, agreement, self.together.summary())


def _grid() -> FloatArray:
    return (np.arange(GRID_SIZE) + 0.5) / GRID_SIZE


def _knowledge_scale(groups: Groups, history: History) -> _Scale:
    """W from 0 to 1, flat before the first label; eq. (2) gives what a right label says."""
    w = _grid()
    share = 1 / groups.n_options[:, None]
    knew = (history.n * history.expertise)[:, None]
    guessed = history.n[:, None] - knew
    hit = np.log(w + (1 - w) * share)
    return _Scale(w, hit, np.log1p(-w), knew * np.log(w) + guessed * np.log1p(-w))


def _accuracy_scale(groups: Groups, history: History) -> _Scale:
    """P(correct) from 0 to 1, where annotators may be worse than chance: Beta(2, 1) before."""
    c = _grid()
    right = 1 + (history.n * history.competence)[:, None]
    wrong = (history.n * (1 - history.competence))[:, None]
    hit = np.broadcast_to(np.log(c), (len(groups.n), GRID_SIZE))
    return _Scale(c, hit, np.log1p(-c), right * np.log(c) + wrong * np.log1p(-c))


def _correct(w: Interval, chance: FloatArray) -> Interval:
    """Eq. (13): P(label is correct) = w + (1 - w) / K."""
    return Interval(*(part + (1 - part) * chance for part in (w.mean, w.low, w.high)))


def _knows(c: Interval, chance: FloatArray) -> Interval:
    """Eq. (13) the other way round; nobody guesses more often than always."""
    rest = np.maximum(1 - chance, 1e-9)
    return Interval(*(np.clip((part - chance) / rest, 0, 1) for part in (c.mean, c.low, c.high)))


class _Density:
    """Densities on a grid, summed over draws: of annotators `[A, X]` and of cells `[C, X]`."""

    def __init__(self, labels: Labels, scale: _Scale) -> None:
        self.groups = groups = labels.groups
        self.scale = scale
        self.people = np.zeros_like(scale.prior)
        self.cells = np.zeros((len(groups.cell_annotator), GRID_SIZE))
        self.one_task = not groups.cell_task.any()
        self.spans = labels.spans

    def add(self, right: FloatArray, wrong: FloatArray) -> None:
        """Right and wrong labels by group `[G]`."""
        for span in self.spans:
            some = span.groups
            by_group = right[some, None] * self.scale.hit[some]
            by_group += wrong[some, None] * self.scale.miss
            self._add(span, np.asarray(span.by_cell @ by_group))

    def add_cells(self, right: FloatArray, wrong: FloatArray) -> None:
        """The same by cell `[C]`, where groups do not differ."""
        for span in self.spans:
            by_cell = right[span.cells, None] * self.scale.hit[0]
            by_cell += wrong[span.cells, None] * self.scale.miss
            self._add(span, by_cell)

    def _add(self, span: Span, by_cell: FloatArray) -> None:
        people = self.scale.prior[span.annotators] + span.by_annotator @ by_cell
        self.people[span.annotators] += _normalised(people)
        if not self.one_task:
            self.cells[span.cells] += _normalised(by_cell)

    def summaries(self) -> tuple[Interval, Interval]:
        """Of annotators, and of cells."""
        people = summarise(self.people)
        if self.one_task:
            who = self.groups.cell_annotator
            return people, Interval(people.mean[who], people.low[who], people.high[who])
        pooled = _pool(np.log(self.cells + 1e-300), self.scale, self.groups)
        return people, summarise(pooled)


class _Together:
    """Densities of P(a label is correct) with all annotators' labels taken together, over draws.

    A drawn truth makes R of N labels right, and so a density x^R (1 - x)^(N - R). Truth and
    annotators vary from draw to draw, so what they leave open is in the interval, as is how few
    labels there are.
    """

    def __init__(self, groups: Groups) -> None:
        self.task = groups.task
        self.n = self._sums(groups.n)
        self.density = np.zeros((len(self.n), GRID_SIZE))

    def _sums(self, values: npt.NDArray[np.generic]) -> FloatArray:
        by_task = np.bincount(self.task, values).astype(np.float64)
        return np.concatenate([[by_task.sum()], by_task])

    def add(self, right: FloatArray) -> None:
        """Right labels by group `[G]` under one drawn truth."""
        x, r = _grid(), self._sums(right)[:, None]
        self.density += _normalised(r * np.log(x) + (self.n[:, None] - r) * np.log1p(-x))

    def summary(self) -> Interval:
        """Of all labels, then of each task."""
        return summarise(self.density)


def _normalised(log_density: FloatArray) -> FloatArray:
    density: FloatArray = log_density - log_density.max(axis=1, keepdims=True)
    np.exp(density, out=density)
    density /= density.sum(axis=1, keepdims=True)
    return density


def _pool(log_likelihood: FloatArray, scale: _Scale, groups: Groups) -> FloatArray:
    """Eq. (11): each cell's posterior `[C, X]`, leaning on its annotator's other cells.

    The annotator's level and the cell's own value are both on the grid; the level is summed out.
    """
    step = _transition(scale.x)
    scaled = np.exp(log_likelihood - log_likelihood.max(axis=1, keepdims=True))
    message = np.log(scaled @ step.T + 1e-300)
    level = scale.prior + row_sums(groups.cell_annotator, len(scale.prior)) @ message
    others = level[groups.cell_annotator] - message
    others = np.exp(others - others.max(axis=1, keepdims=True))
    return _normalised(np.log(others @ step + 1e-300) + log_likelihood)


def _transition(x: FloatArray) -> FloatArray:
    """`[X, X]` P(cell's value | annotator's level): Normal steps on the logit scale."""
    logit = np.log(x) - log1p(-x)
    density = np.exp(-(((logit[None, :] - logit[:, None]) / TASK_SCALE) ** 2) / 2)
    density /= x * (1 - x)
    result: FloatArray = density / density.sum(axis=1, keepdims=True)
    return result


def summarise(weights: FloatArray) -> Interval:
    """Mean and highest-density interval of densities `[n, X]` on evenly spaced points of 0..1."""
    density = weights / weights.sum(axis=1, keepdims=True)
    order = np.argsort(-density, axis=1, kind="stable")
    ranked = np.take_along_axis(density, order, axis=1)
    mass = np.cumsum(ranked, axis=1)
    inside = np.empty_like(density, dtype=bool)
    np.put_along_axis(inside, order, mass - ranked < COVERAGE, 1)
    # A flat posterior knows nothing, and which points it leaves out would be left to chance.
    inside |= density >= NEARLY * np.where(inside, density, np.inf).min(axis=1, keepdims=True)
    size = density.shape[1]
    low = inside.argmax(axis=1) / size
    high = 1 - inside[:, ::-1].argmax(axis=1) / size
    return Interval(density @ ((np.arange(size) + 0.5) / size), low, high)
