"""A table of confusions for each annotator and task: Dawid and Skene.

    A(y | k) = T[k, y],  T[k] ~ Dirichlet(CROWD m[k] + DIAGONAL [y = k] + EVEN / K)   (eq. 17)

Sources: Dawid & Skene 1979 (doi 10.2307/2346806); the priors in the manner of Raykar et al. 2010
("Learning from crowds", JMLR 11). `m` is the table of the whole crowd at the task, so that
annotators with few labels are taken for one of the crowd instead of as blank, which is what makes
the plain form collapse; the rest favours the diagonal, so that truth and labels keep their names.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from realm_cli.annotator_models.answers import Table
from realm_cli.annotator_models.base import History
from realm_cli.errors import UsageError
from realm_cli.labels import FloatArray, Labels

CROWD = 0.5
DIAGONAL = 0.1
EVEN = 0.02


@dataclass(frozen=True)
class Confusions:
    """Attributes: log_a `[G, W, W]` by group, label and truth; prior `[G, W, W]` pseudo-counts."""

    log_a: FloatArray
    prior: FloatArray


class Confusion:
    """The model bound to labels.

    Args:
        labels: What it is fitted to.
        history: What earlier batches said.

    Raises:
        UsageError: A task has no fixed label set.
    """

    above_chance = False
    learns_prevalence = True

    def __init__(self, labels: Labels, history: History) -> None:
        if not labels.one_set.all():
            raise UsageError(
                "the annotator model `confusion` needs one set of labels for all items of a task",
                hint="where each item has options of its own, use expertise, signed or guess",
            )
        self.labels = labels
        self.groups = labels.groups
        width = labels.width
        inside = np.arange(width)[None, :] < self.groups.n_options[:, None]
        self.offered = inside[:, :, None] & inside[:, None, :]
        sizes = self.groups.n_options[:, None, None]
        own = np.eye(width)[None]
        self.base = np.where(self.offered, DIAGONAL * own + EVEN / sizes, 0.0)
        c = history.competence[self.groups.annotator][:, None, None]
        table = np.where(own > 0, c, (1 - c) / np.maximum(sizes - 1, 1))
        before = history.n[self.groups.annotator][:, None, None] / sizes * table
        self.before = np.where(self.offered, before, 0.0)

    def start(self) -> Confusions:
        """Everybody mostly right."""
        prior = self.base + self.before + np.where(self.offered, np.eye(self.labels.width), 0)
        return Confusions(self._log(prior), prior)

    def answers(self, parameters: Confusions) -> Table:
        """Eq. (17)."""
        return Table(parameters.log_a)

    mean_answers = answers

    def maximise(self, counts: FloatArray, parameters: Confusions) -> Confusions:
        """Counts and prior, normalised over the labels of each truth."""
        del parameters
        prior = self._prior(counts)
        return Confusions(self._log(counts + prior), prior)

    def _prior(self, counts: FloatArray) -> FloatArray:
        """`[G, W, W]`: the crowd's table at each task, and the diagonal."""
        task = self.groups.task
        crowd = np.zeros((int(task.max(initial=0)) + 1, *counts.shape[1:]))
        np.add.at(crowd, task, counts)
        crowd = crowd[task] + self.base
        crowd /= np.maximum(crowd.sum(axis=1, keepdims=True), 1e-300)
        return self.base + self.before + CROWD * crowd

    def _log(self, counts: FloatArray) -> FloatArray:
        total = np.maximum(counts.sum(axis=1, keepdims=True), 1e-300)
        return np.log(np.where(self.offered, counts / total, 1.0))

    def log_prior(self, parameters: Confusions) -> float:
        """Log-density of the tables under their Dirichlets, up to a constant."""
        return float((parameters.prior * parameters.log_a).sum())

    def draw(
        self, counts: FloatArray, parameters: Confusions, rng: np.random.Generator
    ) -> Confusions:
        """Tables given the truth."""
        del parameters
        prior = self._prior(counts)
        drawn = np.maximum(rng.gamma(counts + prior), 1e-9)
        return Confusions(self._log(np.where(self.offered, drawn, 0.0)), prior)

    def knowledge(self, parameters: Confusions) -> FloatArray | None:
        """It follows from the right labels."""
        del parameters
        return None

    def expertise(self, parameters: Confusions) -> FloatArray:
        """`[C]` (c K - 1) / (K - 1), with c the mean of the diagonal."""
        diagonal = np.exp(np.einsum("gkk->gk", parameters.log_a))
        inside = np.einsum("gkk->gk", self.offered)
        options = np.maximum(self.groups.n_options, 2)
        c = np.where(inside, diagonal, 0).sum(axis=1) / self.groups.n_options
        w = np.zeros(len(self.groups.cell_annotator))
        w[self.groups.cell] = (c * options - 1) / (options - 1)
        return np.minimum(w, 1 - 1e-6)

    def right(self, counts: FloatArray) -> FloatArray:
        """`[G]`."""
        found: FloatArray = np.einsum("gkk->g", counts)
        return found
