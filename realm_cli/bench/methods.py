"""The methods of a comparison, by name: from labelled items to a model and its answers."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from realm_cli import estimation, run_folder
from realm_cli.aggregate.em import with_predictions
from realm_cli.aggregate.majority import vote_shares
from realm_cli.annotations import NO_GOLD, AnnotationTable, Items
from realm_cli.batching import ItemDataset, answers_by_item
from realm_cli.bench.crowd_layer import train_crowd_layer
from realm_cli.bench.data import Labelled
from realm_cli.bench.measures import Judged, judged, of_cells
from realm_cli.bench.peers import CROWD_KIT, crowd_kit, crowdlab
from realm_cli.bench.plan import Method
from realm_cli.bench.prepared import Prepared
from realm_cli.bench.supervised import Targets, train_on_targets
from realm_cli.choices import AnnotatorModel, Objective, Pooling
from realm_cli.choices import Method as Aggregator
from realm_cli.config import JudgeSettings, TrainSettings
from realm_cli.errors import UsageError
from realm_cli.estimation import Estimation
from realm_cli.fitting import FOLDS, Work, suitable_folds, train_and_judge
from realm_cli.labelling import weights
from realm_cli.labels import FloatArray
from realm_cli.learners import learner
from realm_cli.report.model import Kind
from realm_cli.training.fit import Job, fit
from realm_cli.training.predicting import predict_log_p
from realm_cli.unfinished import Saving, Unfinished

FIXED_OPTIONS = frozenset({Method.CONFUSION, Method.CROWD_LAYER})
"""Methods that need the same options for all items of a task."""
NEVER = Saving(minutes=float("inf"))


@dataclass(frozen=True)
class Outcome:
    """What a method came to.

    Attributes:
        test_log_p: `[J, K]` what the model says of the test items; None without one.
        train_scores: `[I, K]` what it all says of the items trained on: best where the label is.
        judged: The annotators, where the method judges them.
        seconds: Time of training.
        cpu_seconds: Processor time of it.
        n_weights: Of the model; None without one.
    """

    test_log_p: FloatArray | None
    train_scores: FloatArray
    judged: Judged | None
    seconds: float
    cpu_seconds: float
    n_weights: int | None = None


@dataclass(frozen=True)
class Made:
    """What a method made.

    Attributes:
        train_scores: Scores of the items trained on, if it has any but the model's own.
        judged: The annotators, where it judges them.
        model: Whether it made a model, and not labels alone.
    """

    train_scores: FloatArray | None = None
    judged: Judged | None = None
    model: bool = True


def applies(method: Method, items: Items) -> bool:
    """Whether a method can be had of these items."""
    return method not in FIXED_OPTIONS or None not in run_folder.labels_of_tasks(items)


def stands_in(method: Method, items: Items) -> bool:
    """Whether a simpler model of annotators takes the place of Dawid and Skene's table."""
    wanted = method in {Method.DAWID_SKENE, Method.DAWID_SKENE_SOFT}
    return wanted and not applies(Method.CONFUSION, items)


def settings_for(method: Method, settings: TrainSettings) -> TrainSettings:
    """How a method trains: as all others do, but for what makes it that method."""
    return settings.model_copy(update=REALM.get(method, {}))


def run_method(
    method: Method, data: Labelled, prepared: Prepared, settings: TrainSettings
) -> Outcome:
    """Train by a method, and ask the model.

    Args:
        method: Which.
        data: Labels, and items to test on.
        prepared: The model, trained in place, and the items as it reads them.
        settings: As `settings_for` has made them.
    """
    started, cpu_started = time.perf_counter(), time.process_time()
    with tempfile.TemporaryDirectory() as scratch:
        train = METHODS[method]
        made = train(data.table, prepared, settings, Path(scratch))
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu_started
    size = settings.batch_size
    own = made.train_scores
    if own is None:
        own = predict_log_p(prepared.backbone, prepared.train, size)
    test = predict_log_p(prepared.backbone, prepared.test, size) if made.model else None
    n_weights = prepared.backbone.model.num_parameters() if made.model else None
    return Outcome(test, own, made.judged, seconds, cpu_seconds, n_weights)


def label(method: Method, table: AnnotationTable, seed: int) -> Outcome:
    """Weigh labels by a method that needs no model.

    Args:
        method: A key of `LABELS_ALONE`.
        table: The annotations.
        seed: Decides what it draws.
    """
    started, cpu_started = time.perf_counter(), time.process_time()
    q = LABELS_ALONE[method](table, seed)
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu_started
    return Outcome(None, q, None, seconds, cpu_seconds)


def _aggregate(method: Aggregator, table: AnnotationTable, seed: int) -> FloatArray:
    """As `realm aggregate` does it."""
    return weights(table, method, seed=seed)


LABELS_ALONE: dict[Method, Callable[[AnnotationTable, int], FloatArray]] = {
    Method.AGGREGATE: partial(_aggregate, Aggregator.AUTO),
    Method.AGGREGATE_GUESS: partial(_aggregate, Aggregator.GUESS),
    **{method: partial(crowd_kit, method) for method in CROWD_KIT},
}

Train = Callable[[AnnotationTable, Prepared, TrainSettings, Path], Made]


def _naive(
    table: AnnotationTable, prepared: Prepared, settings: TrainSettings, folder: Path
) -> Made:
    """A row an annotation."""
    targets = Targets(table.item, _one_hot(table.label, table.items))
    train_on_targets((prepared.backbone, prepared.train), targets, settings, folder)
    return Made()


def _oracle(
    table: AnnotationTable, prepared: Prepared, settings: TrainSettings, folder: Path
) -> Made:
    """A row an item, its gold."""
    known = np.flatnonzero(table.items.gold != NO_GOLD)
    if not len(known):
        raise UsageError("the method oracle needs items with gold to train on")
    targets = Targets(known, _one_hot(table.items.gold[known], table.items))
    train_on_targets((prepared.backbone, prepared.train), targets, settings, folder)
    return Made()


def _majority(
    table: AnnotationTable, prepared: Prepared, settings: TrainSettings, folder: Path
) -> Made:
    """A row an item, the winner of its vote; ties are broken by chance."""
    winners = _winners(table, settings)
    _on_items(winners, table, (prepared, settings, folder))
    return Made(winners)


def _dawid_skene(
    table: AnnotationTable, prepared: Prepared, settings: TrainSettings, folder: Path
) -> Made:
    """A row an item, its most probable label by the labels alone."""
    found = _labels_alone(table, settings)
    q = np.exp(found.fit.log_q)
    _on_items(_one_hot(q.argmax(axis=1), table.items), table, (prepared, settings, folder))
    return Made(q, judged(found, Kind.LABEL_ONLY))


def _dawid_skene_soft(
    table: AnnotationTable, prepared: Prepared, settings: TrainSettings, folder: Path
) -> Made:
    """A row an item, all its options weighed by their posterior."""
    found = _labels_alone(table, settings)
    q = np.exp(found.fit.log_q)
    _on_items(q, table, (prepared, settings, folder))
    return Made(q, judged(found, Kind.LABEL_ONLY))


def _crowd_layer(
    table: AnnotationTable, prepared: Prepared, settings: TrainSettings, folder: Path
) -> Made:
    train_crowd_layer((prepared.backbone, prepared.train), table, settings, folder)
    return Made()


def _realm(
    table: AnnotationTable, prepared: Prepared, settings: TrainSettings, folder: Path
) -> Made:
    """Model and annotators together, as `realm train` does it."""
    crowd = estimation.crowd_of(table, settings)
    none = np.zeros(len(table.items), dtype=bool)
    work = Work(
        prepared.backbone, prepared.train, settings, none, Unfinished(folder), lambda _: None,
        saving=NEVER,
    )  # fmt: skip
    trained = train_and_judge(crowd, work)
    return Made(trained.found.fit.log_q, judged(trained.found, trained.kind))


def _paper(
    table: AnnotationTable, prepared: Prepared, settings: TrainSettings, folder: Path
) -> Made:
    """The method as published: every label trained on, and expertise as it was learned.

    Nothing is withheld, nothing checked, and no interval is given.
    """
    crowd = estimation.crowd_of(table, settings)
    choice = estimation.choice_for(crowd, settings)
    alone = estimation.fit_crowd(crowd, settings, choice)
    some = np.flatnonzero(table.labels_per_item)
    answers = answers_by_item(table)
    items = ItemDataset(prepared.train.only(some), [answers[i] for i in some])
    job = Job(settings, Unfinished(folder).stage(0), NEVER, predict=prepared.train)
    result = fit(prepared.backbone, items, learner(alone.model, alone.model.start()), job)
    fitted = with_predictions(alone, result.parameters, result.log_p)
    w = alone.model.expertise(result.parameters)
    return Made(fitted.log_q, Judged(Kind.IN_SAMPLE, of_cells(crowd, w)))


def _cross_fitted(
    table: AnnotationTable, prepared: Prepared, settings: TrainSettings, folder: Path
) -> Made:
    """realm, cross-fitted in as many folds as suit the crowd."""
    folds = suitable_folds(table)
    return _realm(table, prepared, settings.model_copy(update={"cross_fit": folds}), folder)


def _crowdlab(
    table: AnnotationTable, prepared: Prepared, settings: TrainSettings, folder: Path
) -> Made:
    """CROWDLAB on predictions of models trained on the vote of the other folds."""
    winners = _winners(table, settings)
    fold = np.random.default_rng([settings.seed, 5]).permutation(len(winners)) % FOLDS
    fresh = prepared.backbone.trained_state()
    p = np.zeros(winners.shape)
    for held in range(FOLDS):
        others = np.flatnonzero((fold != held) & (table.labels_per_item > 0))
        targets = Targets(others, winners[others])
        train_on_targets((prepared.backbone, prepared.train), targets, settings, folder)
        own = np.flatnonzero(fold == held)
        log_p = predict_log_p(prepared.backbone, prepared.train.only(own), settings.batch_size)
        p[own, : log_p.shape[1]] = np.exp(log_p)
        prepared.backbone.restore(fresh)
    return Made(crowdlab(table, p), model=False)


METHODS: dict[Method, Train] = {
    Method.ORACLE: _oracle,
    Method.NAIVE: _naive,
    Method.MAJORITY: _majority,
    Method.DAWID_SKENE: _dawid_skene,
    Method.DAWID_SKENE_SOFT: _dawid_skene_soft,
    Method.CROWD_LAYER: _crowd_layer,
    Method.REALM_PAPER: _paper,
    Method.JOINT: _realm,
    Method.JOINT_CROSS_FIT: _cross_fitted,
    Method.MATRIX: _realm,
    Method.SCALAR: _realm,
    Method.SIGNED: _realm,
    Method.GUESS: _realm,
    Method.CONFUSION: _realm,
    Method.REALM: _realm,
    Method.CROWDLAB: _crowdlab,
}

_EXPERTISE = {"annotator_model": AnnotatorModel.EXPERTISE}
REALM: dict[Method, dict[str, Any]] = {
    Method.REALM_PAPER: {
        **_EXPERTISE,
        "objective": Objective.INDEPENDENT, "form_weight": 0.0, "cross_fit": 1,
    },
    Method.JOINT: {**_EXPERTISE, "cross_fit": 1},
    Method.JOINT_CROSS_FIT: _EXPERTISE,
    Method.MATRIX: {**_EXPERTISE, "pooling": Pooling.PARTIAL},
    Method.SCALAR: {**_EXPERTISE, "pooling": Pooling.FULL},
    Method.SIGNED: {"annotator_model": AnnotatorModel.SIGNED},
    Method.GUESS: {"annotator_model": AnnotatorModel.GUESS},
    Method.CONFUSION: {"annotator_model": AnnotatorModel.CONFUSION},
}  # fmt: skip
"""What makes `realm train` each of its methods here; where nothing is said its defaults hold."""


def _labels_alone(table: AnnotationTable, settings: TrainSettings) -> Estimation:
    """Dawid and Skene's fit; where options differ by item, one number an annotator in its place."""
    fixed = applies(Method.CONFUSION, table.items)
    model = AnnotatorModel.CONFUSION if fixed else AnnotatorModel.EXPERTISE
    how = JudgeSettings(annotator_model=model, seed=settings.seed)
    return estimation.estimate(estimation.crowd_of(table, how), how)


def _on_items(
    weight: FloatArray, table: AnnotationTable, how: tuple[Prepared, TrainSettings, Path]
) -> None:
    """Train on probabilities `[I, K]`, a row an item that anybody has labelled."""
    prepared, settings, folder = how
    some = np.flatnonzero(table.labels_per_item)
    targets = Targets(some, weight[some])
    train_on_targets((prepared.backbone, prepared.train), targets, settings, folder)


def _winners(table: AnnotationTable, settings: TrainSettings) -> FloatArray:
    """`[I, K]` 1 for the winner of each item's vote."""
    shares = vote_shares(table)
    dice = np.random.default_rng([settings.seed, 4]).random(shares.shape)
    # No tie is as close as 1e-6 but a true one, with fewer than a thousand labels an item.
    return _one_hot((shares + 1e-6 * dice).argmax(axis=1), table.items)


def _one_hot(label: Any, items: Items) -> FloatArray:
    rows: FloatArray = np.eye(items.has_option.shape[1])[label]
    return rows
