"""Which annotator model fits, and what a label counts for: by annotations that it has not seen.

No gold is needed. A fifth of the annotations at a time is held out; each model is fitted to the
rest and asked for the probability of every label held out (eq. 18), with the rest's labels taken
to several powers (eq. 25).
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
POWERS = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2)
"""What a label may count for: 1 where annotators err independently of one another."""
CLEARLY = 2.0
"""Standard errors by which a power must foretell better than 1 to be believed."""


@dataclass(frozen=True)
class Choice:
    """The annotator model that foretells best.

    Attributes:
        model: Which.
        scores: Mean log-probability of a held-out label under each model tried, in nats.
        margin: How much better than the next best, in nats a label; None where nothing was tried.
        reason: Why nothing was tried; None where something was.
        power: What a label counts for under the model (eq. 25).
    """

    model: AnnotatorModel
    scores: Mapping[AnnotatorModel, float]
    margin: float | None = None
    reason: str | None = None
    power: float = 1.0


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
    names = [name for name in _candidates(labels) if name in among]
    return _best(_all_held_out(names, labels, log_p, seed))


def asked_for(
    model: AnnotatorModel, labels: Labels, log_p: FloatArray | None = None, seed: int = 0
) -> Choice:
    """An annotator model that was not chosen here, and what a label counts for under it.

    Args:
        model: The annotator model.
        labels: The labels.
        log_p: `[I, W]` held-out predictions of a language model, where there is one.
        seed: Decides what is held out.
    """
    if _why_not(labels, log_p) is not None:
        return Choice(model, {})
    return Choice(model, {}, power=_power(_all_held_out([model], labels, log_p, seed)[model]))


def _all_held_out(
    names: Collection[AnnotatorModel], labels: Labels, log_p: FloatArray | None, seed: int
) -> dict[AnnotatorModel, FloatArray]:
    """`[P, N]` of each model, on as many labels as settle it."""
    part = _part(labels, seed)
    fold = (part.dice(np.random.default_rng(seed)) * FOLDS).astype(np.int64)
    return {name: _held_out(name, part, fold, log_p) for name in names}


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
    """`[P, N]` log-probability of each label under the fit to the other folds, by power."""
    found = np.empty((len(POWERS), len(labels)))
    for held in range(FOLDS):
        rest = labels.only(fold != held)
        model = bind(name, rest)
        fitted = fit(rest, model, truth_for(model, rest, log_p), restarts=0)
        out = fold == held
        for place, power in enumerate(POWERS):
            found[place, out] = foretold(
                fitted.to_the(power), labels.item[out], labels.group[out], labels.label[out]
            )
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


def _power(found: FloatArray) -> float:
    """Eq. (25): the power under which held-out labels `[P, N]` are foretold best; 1 if in doubt."""
    best = int(found.mean(axis=1).argmax())
    return 1.0 if level(found[0], found[best], CLEARLY) else POWERS[best]


def _best(found: Mapping[AnnotatorModel, FloatArray]) -> Choice:
    powers = {name: _power(each) for name, each in found.items()}
    scores = {name: each[POWERS.index(powers[name])] for name, each in found.items()}
    means = {name: float(found.mean()) for name, found in scores.items()}
    top = max(means, key=lambda name: means[name])
    chosen = next(name for name in scores if level(scores[name], scores[top]))
    others = [mean for name, mean in means.items() if name is not chosen]
    return Choice(chosen, means, means[chosen] - max(others), power=powers[chosen])


def level(found: FloatArray, best: FloatArray, errors: float = 1.0) -> bool:
    """Whether labels are foretold `[N]` as well as by the best, within so many standard errors."""
    gap = best - found
    return bool(gap.mean() <= errors * gap.std() / np.sqrt(len(gap)))
