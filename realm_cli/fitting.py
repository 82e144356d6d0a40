"""Train a model and judge annotators by it: in-sample or cross-fitted, never worse than the labels.

A model that has seen an item's labels can learn them by heart, and then calls guessers experts.
So either annotators are judged by models that have not seen the items (cross-fitting), or at least
some annotations are withheld from training, and the model's word counts only if it clearly helps
to foretell them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file, save_file

from realm_cli import estimation, processes
from realm_cli.aggregate.choice import foretold, level
from realm_cli.aggregate.em import Fit, expect, with_predictions
from realm_cli.batching import EncodedItems, ItemDataset, answers_by_item
from realm_cli.checkpoint import write_file, write_text
from realm_cli.choices import Objective, Tracker
from realm_cli.estimation import Crowd, Estimation, Told
from realm_cli.held_out import beside_predictions, judge_by_predictions
from realm_cli.labels import FloatArray, Labels
from realm_cli.learners import Learner, learner
from realm_cli.metrics import LoggedStep, from_lines, stage_name, to_lines
from realm_cli.report.model import Kind
from realm_cli.training.callbacks import Progress
from realm_cli.training.fit import FitResult, Job
from realm_cli.training.fit import fit as train
from realm_cli.unfinished import Saving, Stage, Stop, Unfinished

if TYPE_CHECKING:
    from realm_cli.annotations import AnnotationTable
    from realm_cli.backbones.base import Backbone
    from realm_cli.config import TrainSettings

BoolArray = npt.NDArray[np.bool_]

FOLDS = 5
"""Folds of cross-fitting that suit a crowd whose labels overlap."""
FOLDS_ALONE = 3
"""The same where labels stand alone: there cross-fitting is the default."""
ROUNDS_ALONE = 2
"""How often each fold has a model where labels stand alone."""
WITHHELD = 0.05
"""Share of the items with several labels of which one is withheld from training."""
FEWEST_WITHHELD = 20
"""Fewer withheld labels than this show nothing."""
MOST_WITHHELD = 0.35
"""Where these would be more than this share of the items, none is withheld."""


@dataclass(frozen=True)
class Work:
    """What training needs, and whom to tell.

    Attributes:
        backbone: The model, trained in place.
        encoded: All items.
        settings: How.
        dev: Items kept out of training, to choose the best checkpoint by `[I]`.
        unfinished: Where what is done is kept until all is.
        told: Told in words what is going on.
        watcher: Called after each step.
        saving: How often to leave a checkpoint.
        stop: Somebody's wish to end it.
        trackers: Whom else to tell of the final training.
    """

    backbone: Backbone
    encoded: EncodedItems
    settings: TrainSettings
    dev: BoolArray
    unfinished: Unfinished
    told: Told
    watcher: Callable[[Progress], None] | None = None
    saving: Saving = field(default_factory=Saving)
    stop: Stop = field(default_factory=Stop)
    trackers: tuple[Tracker, ...] = ()


@dataclass(frozen=True)
class Trained:
    """What training came to.

    Attributes:
        found: The judgement to report.
        log_p: `[I, K]` the model's predictions: held-out ones where there are.
        kind: How the annotators were judged.
        history: What was measured on the way, of folds first.
        fallback: Why by labels alone, if they were.
    """

    found: Estimation
    log_p: FloatArray
    kind: Kind
    history: tuple[LoggedStep, ...]
    fallback: str | None = None


def n_folds(crowd: Crowd, settings: TrainSettings) -> int:
    """Folds of cross-fitting, 1 for none: as asked for, else only where labels stand alone."""
    own = suitable_folds(crowd.table) if stand_alone(crowd.table) else 1
    return min(settings.cross_fit or own, len(crowd.table.items))


def suitable_folds(table: AnnotationTable) -> int:
    """As many as are worth their trainings."""
    return FOLDS_ALONE if stand_alone(table) else FOLDS


def stand_alone(table: AnnotationTable) -> bool:
    """Whether labels stand alone, so that by themselves they tell nothing of who is right."""
    return bool((table.labels_per_item <= 1).mean() > 0.95)


def train_and_judge(crowd: Crowd, work: Work) -> Trained:
    """Train the final model on everything, and judge the annotators.

    Args:
        crowd: The labels.
        work: Model, items and settings.
    """
    folds = n_folds(crowd, work.settings)
    return _cross_fitted(crowd, work, folds) if folds > 1 else _in_sample(crowd, work)


def _in_sample(crowd: Crowd, work: Work) -> Trained:
    """One training on all but a few withheld annotations, and the dev items.

    What the model says of dev items is held out; their labels count in the judgement like all
    others.
    """
    labels, settings = crowd.labels, work.settings
    choice = estimation.choice_for(crowd, settings)
    seen = estimation.fit_crowd(_without_dev(crowd, work), settings, choice)
    alone = estimation.fit_crowd(crowd, settings, choice) if work.dev.any() else seen
    keep = ~_withheld(labels, settings.seed, work.dev)
    part = Part(keep & ~work.dev[labels.item], work.dev)
    result = _train(crowd, work, _beginner(seen, settings), part)
    fitted = with_predictions(alone, result.parameters, result.log_p)
    if keep.all():
        reason = _no_fit(alone, fitted)
    else:
        rest = estimation.fit_crowd(replace(crowd, labels=labels.only(keep)), settings, choice)
        reason = _no_help(crowd, rest, result, ~keep)
    kind = Kind.IN_SAMPLE if reason is None else Kind.LABEL_ONLY
    found = estimation.judged(crowd, settings, choice, fitted if reason is None else alone)
    return Trained(found, result.log_p, kind, result.history, reason)


def _without_dev(crowd: Crowd, work: Work) -> Crowd:
    """The labels that may be trained on: by those of dev items nothing is set."""
    if not work.dev.any():
        return crowd
    return replace(crowd, labels=crowd.labels.only(~work.dev[crowd.labels.item]))


def _beginner(alone: Fit, settings: TrainSettings) -> Learner:
    """The annotator model at its start: what labels alone say, or nothing.

    Only the joint objective shares the assumption of the label-only fit: one truth an item.
    """
    joint = settings.objective is Objective.JOINT
    return learner(alone.model, alone.parameters if joint else alone.model.start())


@dataclass(frozen=True)
class Part:
    """What one training sees.

    Attributes:
        keep: Labels to train on `[N]`, in the order of `Labels`.
        dev: Items to choose the best checkpoint by `[I]`.
        number: Which training it is; 0 is the final one.
    """

    keep: BoolArray
    dev: BoolArray
    number: int = 0


def _train(crowd: Crowd, work: Work, annotators: Learner, part: Part) -> FitResult:
    """One training."""
    number, labels = part.number, crowd.labels
    seed = (work.settings.seed + number) % 2**32
    job = Job(
        settings=work.settings.model_copy(update={"seed": seed}),
        stage=work.unfinished.stage(number),
        saving=work.saving,
        stop=work.stop,
        watcher=work.watcher,
        told=work.told,
        predict=work.encoded,
        dev=_dataset(crowd, work, part.dev[labels.item]) if part.dev.any() else None,
        name=stage_name(number),
        trackers=work.trackers if number == 0 else (),
    )
    return train(work.backbone, _dataset(crowd, work, part.keep), annotators, job)


def _dataset(crowd: Crowd, work: Work, keep: BoolArray) -> ItemDataset:
    """The items with those of their labels for which `keep [N]` holds, if any does."""
    kept = crowd.labels.in_table_order(keep.astype(np.float64)) > 0
    answers = answers_by_item(crowd.table, kept)
    some = np.array([i for i, found in enumerate(answers) if found.labels], dtype=np.int64)
    return ItemDataset(work.encoded.only(some), [answers[i] for i in some])


def _withheld(labels: Labels, seed: int, dev: BoolArray) -> BoolArray:
    """`[N]` one label of a twentieth of the items that have several and are trained on."""
    rng = np.random.default_rng([seed, 1])
    several = np.flatnonzero((np.bincount(labels.item, minlength=labels.n_items) > 1) & ~dev)
    dice = labels.item_dice(rng)[several]
    n = max(round(len(several) * WITHHELD), FEWEST_WITHHELD)
    out = np.zeros(len(labels), dtype=bool)
    if n > MOST_WITHHELD * len(several):
        return out
    chosen = np.sort(several[np.argsort(dice)[:n]])
    starts = np.searchsorted(labels.item, chosen)
    ends = np.searchsorted(labels.item, chosen, side="right")
    out[starts + (rng.random(len(chosen)) * (ends - starts)).astype(np.int64)] = True
    return out


def _no_help(crowd: Crowd, alone: Fit, result: FitResult, out: BoolArray) -> str | None:
    """Why the model's word should not count: withheld annotations are not clearly better foretold.

    Both sides know the other labels of the item; one knows the model's prediction besides. A model
    at chance foretells a few labels better by luck, so the gain must exceed its standard error.

    Args:
        crowd: All labels.
        alone: The fit to those that were not withheld.
        result: What training on these came to.
        out: Which were withheld `[N]`.
    """
    labels = crowd.labels
    beside = with_predictions(alone, result.parameters, result.log_p)
    without, with_model = (
        foretold(one, labels.item[out], labels.group[out], labels.label[out])
        for one in (alone, beside)
    )
    if not level(without, with_model):
        return None
    return (
        f"the model's word does not clearly help to foretell {len(without):,} annotations that "
        f"were withheld from training (log-likelihood {with_model.mean():.3f} a label with it, "
        f"{without.mean():.3f} by the other labels alone)"
    )


def _no_fit(alone: Fit, beside: Fit) -> str | None:
    """Why the model's word should not count: with it the labels are less probable than without.

    A model is flattered by labels that it has seen, so this says little for one that passes; it
    is for crowds of so few labels that none can be withheld.
    """
    labels = alone.model.labels
    answers = alone.model.mean_answers(alone.parameters)
    without = expect(labels, answers, alone.truth).log_likelihood / len(labels)
    with_model = beside.log_posterior / len(labels)
    if with_model >= without:
        return None
    return (
        "even the annotations that the model was trained on are less probable with its word "
        f"(log-likelihood {with_model:.3f} a label) than by labels alone ({without:.3f})"
    )


def _cross_fitted(crowd: Crowd, work: Work, folds: int) -> Trained:
    """Models on parts of the items; annotators judged by predictions for items not trained on."""
    labels, settings = crowd.labels, work.settings
    work.told(
        f"cross-fitting: {_trainings(crowd, folds) + 1} trainings, each annotator judged by models "
        "that have not seen the items"
    )
    log_p, history = _held_out_predictions(crowd, work, folds)
    work.told("fitting annotators to held-out predictions")
    judged = judge_by_predictions(crowd, settings, log_p)
    work.told(
        "training the final model on all but the dev items"
        if work.dev.any()
        else "training the final model on everything"
    )
    annotators = learner(judged.fit.model, judged.fit.parameters)
    annotators.requires_grad_(False)
    final = _train(crowd, work, annotators, Part(~work.dev[labels.item], work.dev))
    kind = Kind.CROSS_FITTED if judged.fallback is None else Kind.LABEL_ONLY
    return Trained(judged.found, judged.log_p, kind, (*history, *final.history), judged.fallback)


def _held_out_predictions(
    crowd: Crowd, work: Work, folds: int
) -> tuple[FloatArray, tuple[LoggedStep, ...]]:
    """`[I, K]` predictions of models that were not trained on the item, and their history.

    A fold chooses its checkpoint by the dev items outside of it, so that its own stay untouched.
    """
    labels, n = crowd.labels, _trainings(crowd, folds)
    dice = labels.item_dice(np.random.default_rng([work.settings.seed, 2]))
    fold = np.argsort(np.argsort(dice)) % folds
    fresh = work.backbone.trained_state()
    log_p = np.where(crowd.table.items.has_option, -np.log(labels.n_options)[:, None], -np.inf)
    history: list[LoggedStep] = []
    for number in range(1, n + 1):
        held, stage = fold == (number - 1) % folds, work.unfinished.stage(number)
        if not stage.result.is_file():
            work.told(f"cross-fitting: training {number} of {n + 1}")
            part = Part((~held & ~work.dev)[labels.item], ~held & work.dev, number)
            result = _train(crowd, work, _known_so_far(crowd, work, log_p), part)
            work.backbone.restore(fresh)
            processes.first(partial(_keep, stage, result))
        log_p[held] = load_file(stage.result)["log_p"][held]
        history += from_lines(stage.metrics.read_text("utf-8"))
    return log_p, tuple(history)


def _trainings(crowd: Crowd, folds: int) -> int:
    """How many models are trained on parts of the items.

    Where labels stand alone, the first round finds out who knows, and its models are the worse for
    not having known; so every fold gets another. Where labels overlap they tell that beforehand.
    """
    return folds * ROUNDS_ALONE if stand_alone(crowd.table) else folds


def _known_so_far(crowd: Crowd, work: Work, log_p: FloatArray) -> Learner:
    """The annotator model at the start of a fold's training.

    Where labels overlap: what they tell by themselves. Where they stand alone: what the predictions
    of the trainings before tell, once they explain the labels better than no model does; it is
    then held fast, as a model that may learn it again calls guessers experts.

    Args:
        crowd: All labels.
        work: Which items are dev items, and how to judge.
        log_p: `[I, K]` predictions of models that have not seen the item, uniform where there
            are none yet.
    """
    shown, settings = _without_dev(crowd, work), work.settings
    if stand_alone(crowd.table):
        beside = beside_predictions(shown, settings, log_p)
        if beside.help:
            annotators = learner(beside.fit.model, beside.fit.parameters)
            annotators.requires_grad_(False)
            return annotators
    choice = estimation.choice_for(crowd, settings)
    return _beginner(estimation.fit_crowd(shown, settings, choice), settings)


def _keep(stage: Stage, result: FitResult) -> None:
    """What came of a fold, in the place of its checkpoints."""
    write_file(stage.metrics, partial(write_text, to_lines(result.history)))
    write_file(stage.result, partial(save_file, {"log_p": result.log_p}))
    stage.clear_checkpoints()
