"""The protocol of annotator models, and what comes from earlier batches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np

from realm_cli.annotator_models.answers import Answers
from realm_cli.labels import FloatArray, Labels

P = TypeVar("P")


@dataclass(frozen=True)
class History:
    """What earlier batches said of annotators, as if they had given further labels.

    Attributes:
        n: Labels that the earlier estimate is worth `[A]`; 0 for strangers.
        expertise: Their expertise then `[A]`.
        competence: Their competence then `[A]`.
    """

    n: FloatArray
    expertise: FloatArray
    competence: FloatArray

    @staticmethod
    def none(n_annotators: int) -> History:
        """Strangers all."""
        nothing = np.zeros(n_annotators)
        return History(nothing, nothing, nothing)


class BoundModel(Protocol[P]):
    """How annotators err: a family of A(y | k), bound to the labels that it is fitted to.

    A fit alternates between the posterior of the truth, from `answers`, and `maximise`.
    """

    labels: Labels
    """The labels that it is fitted to."""
    learns_prevalence: bool
    """Whether how often each option is true can be told from how often each is given."""
    above_chance: bool
    """Whether nobody can be worse than chance."""

    def start(self) -> P:
        """The parameters of an annotator of whom nothing is known."""

    def answers(self, parameters: P) -> Answers:
        """What they would answer, as a fit weighs it."""

    def mean_answers(self, parameters: P) -> Answers:
        """What they would answer: proper probabilities, to predict with."""

    def maximise(self, counts: FloatArray, parameters: P) -> P:
        """The best parameters for expected counts, near the ones before."""

    def log_prior(self, parameters: P) -> float:
        """Log-density of the parameters, up to a constant; with variational ones, minus KL."""

    def draw(self, counts: FloatArray, parameters: P, rng: np.random.Generator) -> P:
        """Parameters drawn from their posterior, given a drawn truth's counts."""

    def expertise(self, parameters: P) -> FloatArray:
        """`[C]` expertise of each cell, below 1."""

    def knowledge(self, parameters: P) -> FloatArray | None:
        """`[C]` labels from knowledge in a draw; None where the right labels say all there is."""

    def right(self, counts: FloatArray) -> FloatArray:
        """`[G]` expected right labels."""
