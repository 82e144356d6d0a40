"""Annotators who, when they do not know, answer as they like: MACE.

    A(y | k) = w [y = k] + (1 - w) s(y)                                          (eq. 16)

Source: MACE (Hovy, Berg-Kirkpatrick, Vaswani & Hovy 2013, "Learning whom to trust with MACE",
NAACL), fitted by variational Bayes as there: w ~ Beta(1, 1), s ~ Dirichlet(1 + K m / 2). Three
things are added: m, which sums to 1, is how the whole crowd guesses at the task, so that annotators
with few labels are taken for one of the crowd; the prevalence of the options is learned beside; and
items may differ in their options, where s is a liking for a position. Each group has its own s, and
each cell its own w.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import digamma, gammaln

from realm_cli.annotator_models.answers import OwnOption, label_counts
from realm_cli.annotator_models.base import History
from realm_cli.labels import FloatArray, Labels

PRIOR_W = 1.0
PRIOR_S = 1.0
CROWD = 0.5
"""Labels that the crowd's way of guessing is worth in everybody's own, for each option."""
_ROUNDS = 3
"""Inner steps between w and s for one posterior of the truth."""


@dataclass(frozen=True)
class Guesses:
    """Posteriors of w and s.

    Attributes:
        knew: `[C]` first parameter of each Beta: labels from knowledge, prior included.
        guessed: `[C]` its second.
        liked: `[G, W]` parameters of each Dirichlet; 0 beyond a group's options.
        prior: `[G, W]` those before the first label.
        heap: `[C]` labels from knowledge that a draw was made from; None outside of draws.
    """

    knew: FloatArray
    guessed: FloatArray
    liked: FloatArray
    prior: FloatArray
    heap: FloatArray | None = None


class Guess:
    """The model bound to labels.

    Args:
        labels: What it is fitted to.
        history: What earlier batches said.
    """

    above_chance = False
    learns_prevalence = True

    def __init__(self, labels: Labels, history: History) -> None:
        self.labels = labels
        self.groups = labels.groups
        self.offered: npt.NDArray[np.bool_] = (
            np.arange(labels.width)[None, :] < self.groups.n_options[:, None]
        )
        self.given = label_counts(labels)
        who = self.groups.cell_annotator
        self.prior_knew = PRIOR_W + (history.n * history.expertise)[who]
        self.prior_guessed = PRIOR_W + (history.n * (1 - history.expertise))[who]

    def start(self) -> Guesses:
        """The priors, with a crowd that guesses evenly."""
        prior = self._prior(np.zeros(self.offered.shape))
        return Guesses(self.prior_knew, self.prior_guessed, prior, prior)

    def _prior(self, guessed: FloatArray) -> FloatArray:
        """`[G, W]`: a label of each option, and half as many spread as the crowd guesses."""
        task = self.groups.task
        crowd = np.stack([np.bincount(task, column) for column in guessed.T], axis=1)[task] + 1
        crowd = np.where(self.offered, crowd, 0.0)
        weight = CROWD * self.groups.n_options[:, None]
        share: FloatArray = crowd / crowd.sum(axis=1, keepdims=True)
        return np.where(self.offered, PRIOR_S, 0.0) + weight * share

    def answers(self, parameters: Guesses) -> OwnOption:
        """Eq. (16) with exp E log in the place of w, 1 - w and s, as variational Bayes weighs."""
        total = digamma(parameters.knew + parameters.guessed)
        know = (digamma(parameters.knew) - total)[self.groups.cell]
        guess = (digamma(parameters.guessed) - total)[self.groups.cell]
        liked = np.where(self.offered, parameters.liked, 1.0)
        like = digamma(liked) - digamma(parameters.liked.sum(axis=1))[:, None]
        return self._own(know, guess, like)

    def mean_answers(self, parameters: Guesses) -> OwnOption:
        """Eq. (16) with the means of w and s."""
        w = (parameters.knew / (parameters.knew + parameters.guessed))[self.groups.cell]
        s = parameters.liked / parameters.liked.sum(axis=1, keepdims=True)
        return self._own(np.log(w), np.log1p(-w), np.log(np.where(self.offered, s, 1.0)))

    def _own(self, know: FloatArray, guess: FloatArray, like: FloatArray) -> OwnOption:
        miss = guess[:, None] + like
        return OwnOption(np.logaddexp(know[:, None], miss), miss, self.labels.width)

    def maximise(self, counts: FloatArray, parameters: Guesses) -> Guesses:
        """Of the right labels, those from knowledge; w and s follow from the two heaps."""
        for _ in range(_ROUNDS):
            answers = self.answers(parameters)
            knew = counts * -np.expm1(answers.miss - answers.hit)
            parameters = self._from(knew)
        return parameters

    def _from(self, knew: FloatArray) -> Guesses:
        """The posteriors once it is known (or expected) who knew what `[G, W]`."""
        guessed = np.where(self.offered, self.given - knew, 0.0)
        prior = self._prior(guessed)
        by_cell = self.groups.by_cell(knew.sum(axis=1))
        n = self.groups.by_cell(self.groups.n)
        w = self.prior_knew + by_cell, self.prior_guessed + n - by_cell
        return Guesses(*w, guessed + prior, prior)

    def log_prior(self, parameters: Guesses) -> float:
        """Minus the Kullback-Leibler divergence of the posteriors from the priors."""
        beta = _divergence(
            np.stack([parameters.knew, parameters.guessed], axis=1),
            np.stack([self.prior_knew, self.prior_guessed], axis=1),
        )
        return -beta - _divergence(parameters.liked, parameters.prior)

    def draw(self, counts: FloatArray, parameters: Guesses, rng: np.random.Generator) -> Guesses:
        """Who knew, given the truth; then w and s.

        Drawn w and s are written as a Beta and Dirichlets so large that they have no spread.
        """
        answers = self.mean_answers(parameters)
        chance = -np.expm1(answers.miss - answers.hit)
        knew = rng.binomial(np.rint(counts).astype(np.int64), np.clip(chance, 0, 1))
        found = self._from(knew.astype(np.float64))
        w = np.clip(rng.beta(found.knew, found.guessed), 1e-6, 1 - 1e-6)
        s = np.where(self.offered, np.maximum(rng.gamma(found.liked), 1e-9), 0.0)
        sure = 1e9
        liked = sure * s / s.sum(axis=1, keepdims=True)
        return Guesses(sure * w, sure * (1 - w), liked, found.prior, found.knew - PRIOR_W)

    def knowledge(self, parameters: Guesses) -> FloatArray | None:
        """`[C]` labels from knowledge."""
        return parameters.heap

    def expertise(self, parameters: Guesses) -> FloatArray:
        """`[C]` mean of w."""
        w = parameters.knew / (parameters.knew + parameters.guessed)
        return np.asarray(np.minimum(w, 1 - 1e-6), dtype=np.float64)

    def right(self, counts: FloatArray) -> FloatArray:
        """`[G]`."""
        found: FloatArray = counts.sum(axis=1)
        return found


def _divergence(found: FloatArray, prior: FloatArray) -> float:
    """Sum over rows of KL(Dirichlet(found) || Dirichlet(prior)); 0 in both is no option at all."""
    there = prior > 0
    a, b = np.where(there, found, 1.0), np.where(there, prior, 1.0)
    total_a, total_b = found.sum(axis=1), prior.sum(axis=1)
    each = (a - b) * (digamma(a) - digamma(total_a)[:, None]) - gammaln(a) + gammaln(b)
    return float(np.where(there, each, 0).sum() + (gammaln(total_a) - gammaln(total_b)).sum())
