"""From option probabilities and annotations to posteriors: of the truth, and of each w.

numpy only. Shapes: `[N]` annotations, `[I]` items, `[A]` annotators, `[T]` tasks, `[K]` the widest
item's options, `[C]` the cells (annotator, task) that hold labels, `[G]` grid points of w.
Equation numbers are those of docs/method.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from realm_cli.annotations import AnnotationTable
from realm_cli.config import TASK_SCALE

FloatArray = npt.NDArray[np.float64]

GRID_SIZE = 400
COVERAGE = 0.95
_CHUNK = 20_000
"""Annotations whose grid likelihoods are held at once: 64 MB."""


def uniform_log_p(table: AnnotationTable) -> FloatArray:
    """`[I, K]` log-probabilities of a model that knows nothing; -inf beyond an item's options."""
    level = -np.log(table.items.n_options.astype(np.float64))
    return np.where(table.items.has_option, level[:, None], -np.inf)


def log_answer_odds(w: FloatArray, n_options: npt.NDArray[np.int64]) -> FloatArray:
    """Log A(y | y) - log A(y | k != y) of the expertise model: how much one label says, in nats.

    By eq. (2) it is log(1 + w K / (1 - w)).
    """
    odds: FloatArray = np.log1p(w * n_options / (1 - w))
    return odds


def truth_log_posterior(
    log_p: FloatArray, table: AnnotationTable, expertise: FloatArray
) -> FloatArray:
    """Eq. (8): log q_i(k), with q proportional to p_i(k) prod_a A_a(y_ia | k).

    Args:
        log_p: `[I, K]` log-probabilities of the options.
        table: The annotations.
        expertise: `[A, T]` w, below 1.

    Returns:
        `[I, K]` normalised log-posterior.
    """
    # A(y | k) is the same for every k but y, so a label only lifts its own option: one number.
    odds = _label_odds(table, expertise)
    width = log_p.shape[1]
    lift = np.bincount(
        table.item * width + table.label, weights=odds, minlength=log_p.size
    ).reshape(log_p.shape)
    return log_normalise(log_p + lift)


def log_normalise(values: FloatArray) -> FloatArray:
    """Log-probabilities from unnormalised logs, row by row."""
    peak = values.max(axis=1, keepdims=True)
    total = np.log(np.exp(values - peak).sum(axis=1, keepdims=True))
    normalised: FloatArray = values - peak - total
    return normalised


def left_out_agreement(
    log_q: FloatArray, table: AnnotationTable, expertise: FloatArray
) -> FloatArray:
    """Eq. (9): q_i(y) without the annotation itself, for each annotation `[N]`.

    Dividing an annotation's own factor out of the posterior leaves the odds of its label divided
    by its answer odds.
    """
    own = log_q[table.item, table.label]
    others = log_q[table.item].copy()
    others[np.arange(len(table)), table.label] = -np.inf
    peak = np.maximum(others.max(axis=1), -745.0)
    rest = peak + np.log(np.exp(others - peak[:, None]).sum(axis=1) + 1e-300)
    logit = own - rest - _label_odds(table, expertise)
    agreement: FloatArray = 1 / (1 + np.exp(-np.clip(logit, -700, 700)))
    return agreement


def _label_odds(table: AnnotationTable, expertise: FloatArray) -> FloatArray:
    return log_answer_odds(
        expertise[table.annotator, table.task], table.items.n_options[table.item]
    )


@dataclass(frozen=True)
class ExpertisePosterior:
    """The posterior of w on a grid, for annotators or for cells: mean and 95% interval.

    Attributes:
        mean: `[...]` posterior mean of w.
        low: Lower end of the highest-density interval.
        high: Its upper end.
    """

    mean: FloatArray
    low: FloatArray
    high: FloatArray


@dataclass(frozen=True)
class Cells:
    """The (annotator, task) pairs that hold labels, and which pair each annotation is in.

    Attributes:
        annotator: `[C]` annotator codes, ascending.
        task: `[C]` task codes.
        of_annotation: `[N]` cell of each annotation.
        n: `[C]` annotations in each.
    """

    annotator: npt.NDArray[np.int64]
    task: npt.NDArray[np.int64]
    of_annotation: npt.NDArray[np.int64]
    n: npt.NDArray[np.int64]


def cells_of(table: AnnotationTable) -> Cells:
    """The cells of a table, ordered by annotator and task."""
    n_tasks = len(table.items.tasks)
    keys, inverse, counts = np.unique(
        table.annotator * n_tasks + table.task, return_inverse=True, return_counts=True
    )
    return Cells(keys // n_tasks, keys % n_tasks, inverse.astype(np.int64), counts)


def expertise_posteriors(
    agreement: FloatArray, table: AnnotationTable, cells: Cells
) -> tuple[ExpertisePosterior, ExpertisePosterior]:
    """Eq. (10): the posterior of each annotator's w over all tasks `[A]`, and of each cell's `[C]`.

    Args:
        agreement: `[N]` left-out posterior of the label given (eq. 9).
        table: The annotations.
        cells: Their cells.
    """
    likelihood = _grid_log_likelihood(agreement, table, cells)
    overall = np.zeros((len(table.annotators), GRID_SIZE))
    np.add.at(overall, cells.annotator, likelihood)
    pooled = likelihood if len(table.items.tasks) == 1 else _pool(likelihood, cells, len(overall))
    return _summarise(overall), _summarise(pooled)


def _grid() -> FloatArray:
    return (np.arange(GRID_SIZE) + 0.5) / GRID_SIZE


def _grid_log_likelihood(agreement: FloatArray, table: AnnotationTable, cells: Cells) -> FloatArray:
    """`[C, G]` sum over a cell's labels of log(w q + (1 - w) / K)."""
    w = _grid()
    guess = 1 / table.items.n_options[table.item]
    order = np.argsort(cells.of_annotation, kind="stable")
    total = np.zeros((len(cells.n), GRID_SIZE))
    for start in range(0, len(order), _CHUNK):
        rows = order[start : start + _CHUNK]
        logs = np.log(np.outer(agreement[rows], w) + np.outer(guess[rows], 1 - w))
        which, firsts = np.unique(cells.of_annotation[rows], return_index=True)
        total[which] += np.add.reduceat(logs, firsts, axis=0)
    return total


def _pool(likelihood: FloatArray, cells: Cells, n_annotators: int) -> FloatArray:
    """Eq. (11): each cell's log-posterior `[C, G]`, leaning on its annotator's other cells.

    The annotator's level u and the cell's own w are both on the grid; u is summed out.
    """
    step = _transition()
    peak = likelihood.max(axis=1, keepdims=True)
    scaled = np.exp(likelihood - peak)
    message = np.log(scaled @ step.T + 1e-300)
    level = np.zeros((n_annotators, GRID_SIZE))
    np.add.at(level, cells.annotator, message)
    others = level[cells.annotator] - message
    others = np.exp(others - others.max(axis=1, keepdims=True))
    pooled: FloatArray = np.log(others @ step + 1e-300) + likelihood
    return pooled


def _transition() -> FloatArray:
    """`[G, G]` P(cell's w | annotator's level) on the grid: Normal steps on the logit scale."""
    w = _grid()
    logit = np.log(w) - np.log1p(-w)
    density = np.exp(-(((logit[None, :] - logit[:, None]) / TASK_SCALE) ** 2) / 2)
    density /= w * (1 - w)
    result: FloatArray = density / density.sum(axis=1, keepdims=True)
    return result


def _summarise(log_density: FloatArray) -> ExpertisePosterior:
    """Mean and highest-density interval of each row; the grid's cells are 1/G wide."""
    density = np.exp(log_density - log_density.max(axis=1, keepdims=True))
    density /= density.sum(axis=1, keepdims=True)
    order = np.argsort(-density, axis=1, kind="stable")
    mass = np.cumsum(np.take_along_axis(density, order, axis=1), axis=1)
    inside = np.empty_like(density, dtype=bool)
    np.put_along_axis(inside, order, mass - np.take_along_axis(density, order, 1) < COVERAGE, 1)
    low = inside.argmax(axis=1) / GRID_SIZE
    high = 1 - inside[:, ::-1].argmax(axis=1) / GRID_SIZE
    return ExpertisePosterior(density @ _grid(), low, high)
