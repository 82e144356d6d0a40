"""Which annotator model fits: chosen by how well it foretells annotations that it has not seen.

No gold is needed. A fifth of the annotations at a time is held out; each model is fitted to the
rest and asked for the probability of every label held out (eq. 18).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from realm_cli.aggregate.em import RESTARTS, Fit, fit
from realm_cli.annotator_models import ANNOTATOR_MODELS
from realm_cli.annotator_models.base import BoundModel, History
from realm_cli.choices import AnnotatorModel
from realm_cli.coding import IntArray
from realm_cli.labels import Codes32, FloatArray, Labels
from realm_cli.truth import Predicted, Truth, even, unknown_prevalence

FOLDS = 5
LARGEST_TABLE = 2_000_000
"""Cells of all confusion tables together beyond which `confusion` is not tried."""
ENOUGH = 300_000
"""Annotations that settle the choice: of more, a random part of the items decides."""


@dataclass(frozen=True)
class Choice:
    """The annotator model that foretells best.

    Attributes:
        model: Which.
        scores: Mean log-probability of a held-out label under each model tried, in nats.
        margin: How much better than the next best, in nats a label; None where nothing was tried.
        reason: Why nothing was tried; None where something was.
    """

    model: AnnotatorModel
    scores: Mapping[AnnotatorModel, float]
    margin: float | None = None
    reason: str | None = None


def bind(
    name: AnnotatorModel, labels: Labels, history: History | None = None
) -> BoundModel[object]:
    """An annotator model for these labels."""
    return ANNOTATOR_MODELS[name](labels, history or History.none(labels.n_annotators))


def truth_for(model: BoundModel[object], labels: Labels, log_p: FloatArray | None) -> Truth:
    """The prior of the truth that goes with an annotator model, or a language model's word."""
    if log_p is not None:
        return Predicted(log_p)
    return unknown_prevalence(labels) if model.learns_prevalence else even(labels)


def fit_model(
    name: AnnotatorModel,
    labels: Labels,
    *,
    history: History | None = None,
    log_p: FloatArray | None = None,
    seed: int = 0,
    restarts: int = RESTARTS,
) -> Fit:
    """An annotator model fitted to labels.

    Args:
        name: Which model.
        labels: The labels.
        history: What earlier batches said.
        log_p: `[I, W]` predictions of a language model that has not seen these labels.
        seed: Decides the restarts.
        restarts: How many.
    """
    model = bind(name, labels, history)
    return fit(labels, model, truth_for(model, labels, log_p), seed=seed, restarts=restarts)


def choose(
    labels: Labels,
    *,
    log_p: FloatArray | None = None,
    seed: int = 0,
    among: Collection[AnnotatorModel] = tuple(ANNOTATOR_MODELS),
) -> Choice:
    """Eq. (18): the model of the highest held-out likelihood.

    Of models that lie within one standard error of the best, the simplest is taken.

    Args:
        labels: The labels.
        log_p: `[I, W]` held-out predictions of a language model, where there is one.
        seed: Decides what is held out.
        among: The models to choose from, as far as the labels allow them.
    """
    reason = _why_not(labels, log_p)
    if reason is not None:
        return Choice(AnnotatorModel.EXPERTISE, {}, reason=reason)
    part = _part(labels, seed)
    fold = (part.dice(np.random.default_rng(seed)) * FOLDS).astype(np.int64)
    names = [name for name in _candidates(labels) if name in among]
    return _best({name: _held_out(name, part, fold, log_p) for name in names})


def _why_not(labels: Labels, log_p: FloatArray | None) -> str | None:
    """Why labels cannot tell annotator models apart."""
    if log_p is not None:
        return None
    shared = np.bincount(labels.item, minlength=labels.n_items)[labels.item] > 1
    if not shared.any():
        return "no item has two labels"
    if len(np.unique(labels.groups.annotator[labels.group[shared]])) < 3:
        return "only two annotators share items"
    return None


def _part(labels: Labels, seed: int) -> Labels:
    if len(labels) <= ENOUGH:
        return labels
    keep = labels.item_dice(np.random.default_rng(seed + 1)) < ENOUGH / len(labels)
    return labels.only(keep[labels.item])


def _candidates(labels: Labels) -> list[AnnotatorModel]:
    small = len(labels.groups.n) * labels.width**2 <= LARGEST_TABLE
    fixed = bool(labels.one_set.all())
    return [
        name
        for name in ANNOTATOR_MODELS
        if name is not AnnotatorModel.CONFUSION or (small and fixed)
    ]


def _held_out(
    name: AnnotatorModel,
    labels: Labels,
    fold: IntArray,
    log_p: FloatArray | None,
) -> FloatArray:
    """`[N]` log-probability of each label under the fit to the other folds."""
    found = np.empty(len(labels))
    for held in range(FOLDS):
        rest = labels.only(fold != held)
        model = bind(name, rest)
        fitted = fit(rest, model, truth_for(model, rest, log_p), restarts=0)
        out = fold == held
        found[out] = foretold(fitted, labels.item[out], labels.group[out], labels.label[out])
    return found


def foretold(
    fitted: Fit,
    item: Codes32,
    group: Codes32,
    label: Codes32,
) -> FloatArray:
    """Log sum_k q_i(k) A(y | k) of labels that the fit has not seen `[n]`."""
    answers = fitted.model.mean_answers(fitted.parameters).log_answers(group, label)
    found: FloatArray = np.logaddexp.reduce(fitted.log_q[item] + answers, axis=1)
    return found


def _best(scores: Mapping[AnnotatorModel, FloatArray]) -> Choice:
    means = {name: float(found.mean()) for name, found in scores.items()}
    top = max(means, key=lambda name: means[name])
    chosen = next(name for name in scores if _level(scores[name], scores[top]))
    others = [mean for name, mean in means.items() if name is not chosen]
    return Choice(chosen, means, means[chosen] - max(others))


def _level(found: FloatArray, best: FloatArray) -> bool:
    """Whether a model lies within a standard error of the best, label by label."""
    gap = best - found
    return bool(gap.mean() <= gap.std() / np.sqrt(len(gap)))
