"""From a table to a judgement: labels, history, the choice of an annotator model, fit, posteriors.

The same steps with a language model's predictions and without.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from realm_cli.aggregate.choice import Choice, asked_for, choose, fit_model
from realm_cli.aggregate.em import Fit
from realm_cli.annotations import AnnotationTable
from realm_cli.annotator_models.base import History
from realm_cli.choices import AnnotatorModel, Pooling
from realm_cli.config import JudgeSettings
from realm_cli.labels import FloatArray, Labels, labels_of
from realm_cli.posterior import Judgement, judge

Told = Callable[[str], None]
"""Told in words what is going on."""


class Known(Protocol):
    """What an earlier report says of one annotator."""

    @property
    def annotator_id(self) -> str:
        """Who."""

    @property
    def n_annotations(self) -> int:
        """How many labels it rests on."""

    @property
    def expertise(self) -> float:
        """P(did not guess)."""

    @property
    def competence(self) -> float:
        """P(a label is correct)."""

    @property
    def competence_interval(self) -> tuple[float, float]:
        """95%."""


@dataclass(frozen=True)
class Crowd:
    """A table's labels, and what is known of its annotators from before."""

    table: AnnotationTable
    labels: Labels
    history: History


@dataclass(frozen=True)
class Estimation:
    """What an estimate came to.

    Attributes:
        crowd: The labels.
        choice: The annotator model, and how it was come by.
        fit: Truth and annotators, as fitted.
        judgement: How sure one can be of the annotators.
    """

    crowd: Crowd
    choice: Choice
    fit: Fit
    judgement: Judgement

    @property
    def expertise(self) -> FloatArray:
        """`[A, T]` w as fitted; a cell without labels has the mean of its annotator's."""
        groups = self.crowd.labels.groups
        by_cell = self.fit.model.expertise(self.fit.parameters)
        n = len(self.crowd.table.annotators)
        mean = np.bincount(groups.cell_annotator, by_cell, n) / np.maximum(
            np.bincount(groups.cell_annotator, minlength=n), 1
        )
        matrix = np.repeat(mean[:, None], len(self.crowd.table.items.tasks), axis=1)
        if len(np.unique(groups.cell_task)) > 1:
            matrix[groups.cell_annotator, groups.cell_task] = by_cell
        return matrix


def crowd_of(
    table: AnnotationTable, settings: JudgeSettings, earlier: Sequence[Known] = ()
) -> Crowd:
    """The labels of a table and their annotators' history.

    Args:
        table: The annotations.
        settings: How to judge.
        earlier: The annotators of an earlier report.
    """
    labels = labels_of(
        table, use_gold=settings.use_gold, by_task=settings.pooling is Pooling.PARTIAL
    )
    return Crowd(table, labels, history_of(table.annotators, earlier, settings.prior_strength))


def history_of(annotators: tuple[str, ...], earlier: Sequence[Known], strength: float) -> History:
    """Earlier estimates as further labels: as many as would leave an interval as wide.

    Args:
        annotators: Ids `[A]`.
        earlier: What an earlier report says.
        strength: What one of those labels is worth.
    """
    place = {name: a for a, name in enumerate(annotators)}
    n, w, c = (np.zeros(len(annotators)) for _ in range(3))
    for one in earlier:
        a = place.get(one.annotator_id)
        if a is not None:
            n[a] = strength * _worth(one)
            w[a], c[a] = one.expertise, one.competence
    return History(n, w, c)


def _worth(one: Known) -> float:
    low, high = one.competence_interval
    spread = max((high - low) / 3.92, 1e-3)
    n = one.competence * (1 - one.competence) / spread**2
    return float(np.clip(n, 0, one.n_annotations))


def choice_for(crowd: Crowd, settings: JudgeSettings, log_p: FloatArray | None = None) -> Choice:
    """The annotator model that was asked for, or the one that held-out annotations ask for."""
    if settings.annotator_model is not AnnotatorModel.AUTO:
        return asked_for(settings.annotator_model, crowd.labels, log_p)
    return choose(crowd.labels, log_p=log_p, among=settings.candidates)


def fit_crowd(
    crowd: Crowd, settings: JudgeSettings, choice: Choice, log_p: FloatArray | None = None
) -> Fit:
    """The annotator model chosen, fitted to a crowd's labels (and to held-out predictions)."""
    fitted = fit_model(
        choice.model, crowd.labels, history=crowd.history, log_p=log_p, seed=settings.seed
    )
    return fitted.to_the(choice.power)


def estimate(crowd: Crowd, settings: JudgeSettings, *, told: Told = lambda _: None) -> Estimation:
    """Judge annotators by labels alone.

    Args:
        crowd: The labels.
        settings: How to judge.
        told: Told what is going on.
    """
    told("choosing the annotator model")
    choice = choice_for(crowd, settings)
    told(f"fitting the annotator model {choice.model.value}")
    fit = fit_crowd(crowd, settings, choice)
    told("drawing how sure one can be")
    return judged(crowd, settings, choice, fit)


def judged(crowd: Crowd, settings: JudgeSettings, choice: Choice, fit: Fit) -> Estimation:
    """An estimation from a fit."""
    judgement = judge(crowd.labels, fit, crowd.history, seed=settings.seed)
    return Estimation(crowd, choice, fit, judgement)
