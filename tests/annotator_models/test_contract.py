"""One contract for every annotator model: proper answers, exact posteriors, learners that agree."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from tables import items_of, table_of, tables

from realm_cli.aggregate.choice import bind, truth_for
from realm_cli.aggregate.em import expect, fit, log_posterior
from realm_cli.annotations import AnnotationTable
from realm_cli.annotator_models import ANNOTATOR_MODELS
from realm_cli.annotator_models.base import History
from realm_cli.annotator_models.levels import Levels
from realm_cli.choices import AnnotatorModel
from realm_cli.errors import UsageError
from realm_cli.labels import Labels, labels_of
from realm_cli.learners import learner
from realm_cli.truth import Predicted

each_model = pytest.mark.parametrize("name", list(ANNOTATOR_MODELS))
few = settings(deadline=None, max_examples=25)
seeds = st.integers(0, 2**32 - 1)


def with_one_set(table: AnnotationTable) -> AnnotationTable:
    """The same answers where every item of a task has the same five options."""
    items = items_of([5] * len(table.items), task=table.items.task.tolist())
    codes = zip(table.item, table.annotator, table.label, strict=True)
    return table_of(list(codes), items, len(table.annotators))


def bound(name: AnnotatorModel, table: AnnotationTable):
    if name is AnnotatorModel.CONFUSION:
        table = with_one_set(table)
    labels = labels_of(table)
    model = bind(name, labels)
    return table, labels, model


def drawn(model, labels: Labels, seed: int):
    """Parameters from the middle of nowhere."""
    rng = np.random.default_rng(seed)
    parameters = model.start()
    shape = model.answers(parameters).counts_shape
    spread = np.maximum(labels.groups.n, 0).reshape(-1, *[1] * (len(shape) - 1))
    counts = np.floor(rng.random(shape) * spread / np.prod(shape[1:]))
    return model.draw(counts, parameters, rng)


def answer_table(model, parameters, labels: Labels, group: int) -> np.ndarray:
    """`[K, K]` A(y | k) of one group."""
    n = int(labels.groups.n_options[group])
    found = model.mean_answers(parameters).log_answers(np.full(n, group), np.arange(n))
    return np.exp(found[:, :n])


@each_model
@given(table=tables(), seed=seeds)
@few
def test_answers_are_probabilities(name, table, seed):
    _, labels, model = bound(name, table)
    parameters = drawn(model, labels, seed)
    for group in range(len(labels.groups.n)):
        np.testing.assert_allclose(answer_table(model, parameters, labels, group).sum(0), 1)


@each_model
@given(table=tables(), seed=seeds)
@few
def test_the_posterior_of_the_truth_by_brute_force(name, table, seed):
    """Every item's labels multiplied out, one by one."""
    table, labels, model = bound(name, table)
    parameters = drawn(model, labels, seed)
    rng = np.random.default_rng(seed)
    offered = table.items.has_option
    scores = np.where(offered, rng.normal(size=offered.shape), -np.inf)
    log_p = scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)
    expected = np.where(offered, np.exp(log_p), 0)
    answers = model.mean_answers(parameters)
    for n in range(len(labels)):
        one = answers.log_answers(labels.group[n : n + 1], labels.label[n : n + 1])
        expected[labels.item[n]] *= np.exp(one[0])
    total = expected.sum(axis=1, keepdims=True)
    found = log_posterior(labels, answers, Predicted(log_p))
    np.testing.assert_allclose(np.exp(found), expected / total, atol=1e-9)
    passed = expect(labels, answers, Predicted(log_p))
    np.testing.assert_allclose(passed.log_likelihood, np.log(total).sum(), atol=1e-6)
    assert model.right(passed.counts).sum() == pytest.approx(
        np.exp(found)[table.item, table.label].sum()
    )


@each_model
@given(table=tables(), seed=seeds)
@few
def test_a_learner_says_the_same_as_its_model(name, table, seed):
    """The torch formulas and the numpy ones, label by label, and the way there and back."""
    table, labels, model = bound(name, table)
    parameters = drawn(model, labels, seed)
    module = learner(model, parameters)
    width = labels.width
    with torch.no_grad():
        found = module.log_answers(
            torch.from_numpy(table.annotator[:, None]),
            torch.from_numpy(table.task),
            torch.from_numpy(table.label[:, None]),
            torch.from_numpy(table.items.n_options[table.item]),
            width,
        )[:, 0].numpy()
    group = labels.in_table_order(labels.group.astype(float)).astype(int)
    expected = model.mean_answers(module.found()).log_answers(group, table.label)
    offered = table.items.has_option[table.item]
    np.testing.assert_allclose(found[offered], expected[offered], atol=2e-3)
    if name is not AnnotatorModel.GUESS:  # whose groups share one liking once they learn
        started = model.mean_answers(parameters).log_answers(group, table.label)
        np.testing.assert_allclose(found[offered], started[offered], atol=2e-3)


@pytest.mark.parametrize("name", [AnnotatorModel.EXPERTISE, AnnotatorModel.SIGNED])
@given(table=tables(), seed=seeds)
@few
def test_one_step_is_the_maximum_for_its_counts(name, table, seed):
    """Newton's method against a general optimiser on the expected log-posterior."""
    _, labels, model = bound(name, table)
    before = drawn(model, labels, seed)
    counts = np.random.default_rng(seed).random(len(labels.groups.n))[:, None]
    counts = counts * labels.groups.n[:, None]
    answers = model.answers(before)
    share = 1.0  # of the right labels, those the step counts as successes
    if name is AnnotatorModel.EXPERTISE:
        share = -np.expm1(answers.miss[:, 0] - answers.hit[:, 0])
    offset = np.zeros(len(counts)) if name is AnnotatorModel.EXPERTISE else model.offset
    wins = counts[:, 0] * share
    found = model.maximise(counts, before)
    n_annotators, n_cells = len(found.level), len(found.deviation)
    by_task = labels.groups.cell_task.any()

    def loss(x: np.ndarray) -> float:
        levels = Levels(x[:n_annotators], x[n_annotators:] * by_task)
        logit = levels.theta(labels.groups)[labels.groups.cell] - offset
        lost = labels.groups.n - wins
        value = -(wins * np.logaddexp(0, -logit) + lost * np.logaddexp(0, logit)).sum()
        return -(value + model.log_prior(levels))

    here = np.concatenate([found.level, found.deviation])
    best = minimize(loss, np.zeros(n_annotators + n_cells))
    assert loss(here) <= best.fun + 1e-5 * max(1, abs(best.fun))


def test_expertise_by_hand():
    # w = .8: K = 2 gives .9 and .1, K = 4 gives .85 and .05.
    table = table_of([(0, 0, 0), (1, 0, 3)], items_of([2, 4]))
    labels = labels_of(table)
    model = bind(AnnotatorModel.EXPERTISE, labels)
    parameters = Levels(np.log([0.8 / 0.2]), np.zeros(1))
    np.testing.assert_allclose(answer_table(model, parameters, labels, 0)[0], [0.9, 0.1])
    np.testing.assert_allclose(
        answer_table(model, parameters, labels, 1)[3], [0.05, 0.05, 0.05, 0.85]
    )
    assert model.expertise(parameters).tolist() == pytest.approx([0.8])


def test_signed_by_hand():
    # u = -log 3 with K = 4: e^u = 1/3, c = (1/3) / (1/3 + 3) = .1, and w = (.4 - 1) / 3 = -.2.
    labels = labels_of(table_of([(0, 0, 1)], items_of([4])))
    model = bind(AnnotatorModel.SIGNED, labels)
    parameters = Levels(-np.log([3.0]), np.zeros(1))
    np.testing.assert_allclose(answer_table(model, parameters, labels, 0)[1], [0.3, 0.1, 0.3, 0.3])
    assert model.expertise(parameters).tolist() == pytest.approx([-0.2])


def test_guess_by_hand():
    # w = 1/2 and s = (.8, .2): label 0 has .5 + .4 where it is true and .4 where it is not.
    labels = labels_of(table_of([(0, 0, 0)], items_of([2])))
    model = bind(AnnotatorModel.GUESS, labels)
    start = model.start()
    liked = np.array([[8.0, 2.0]])
    parameters = type(start)(np.array([5.0]), np.array([5.0]), liked, liked)
    found = answer_table(model, parameters, labels, 0)
    np.testing.assert_allclose(found, [[0.9, 0.4], [0.1, 0.6]])


def test_the_crowds_way_of_guessing_is_worth_half_a_label_an_option():
    # Two annotators: nine guesses of label 0, one of label 1. The crowd's share is (10, 2) / 12.
    rows = [(i, 0, 0) for i in range(9)] + [(9, 1, 1)]
    model = bind(AnnotatorModel.GUESS, labels_of(table_of(rows, items_of([2] * 10))))
    found = model.maximise(np.zeros((2, 2)), model.start())
    np.testing.assert_allclose(found.prior, [[1 + 10 / 12, 1 + 2 / 12]] * 2)
    np.testing.assert_allclose(found.liked, found.prior + np.diag([9, 1]))


def test_confusion_by_hand():
    # One annotator, two options; all of the crowd is that annotator. Ten times truth 0, of which
    # label 1 twice: base (.1 + .01, .01), the crowd's share (8.11, 2.01) / 10.12 with weight .5.
    table = table_of([(i, 0, 0) for i in range(10)], items_of([2] * 10))
    model = bind(AnnotatorModel.CONFUSION, labels_of(table))
    counts = np.array([[[8.0, 0], [2.0, 0]]])
    found = np.exp(model.maximise(counts, model.start()).log_a)[0]
    crowd = np.array([8.11, 2.01]) / 10.12
    expected = np.array([8.11, 2.01]) + 0.5 * crowd
    np.testing.assert_allclose(found[:, 0], expected / expected.sum())


def test_confusion_needs_one_set_of_labels():
    table = table_of([(0, 0, 0), (1, 0, 0)], items_of([2, 3]))
    with pytest.raises(UsageError, match="one set of labels"):
        bind(AnnotatorModel.CONFUSION, labels_of(table))


@each_model
def test_history_is_worth_as_many_labels(name):
    """A stranger and somebody known to be good, with the same few labels."""
    items = items_of([3] * 4)
    table = table_of([(i, a, (i + a) % 3) for i in range(4) for a in range(2)], items)
    labels = labels_of(table)
    history = History(np.array([0.0, 50.0]), np.array([0.0, 0.95]), np.array([0.0, 0.97]))
    model = bind(name, labels, history)
    found = fit(labels, model, truth_for(model, labels, None))
    stranger, known = model.expertise(found.parameters)
    assert known > 0.8 > stranger


@each_model
@few
@given(table=tables(), seed=seeds)
def test_the_mean_expertise_of_a_learner_is_that_of_its_cells(name, table, seed):
    _, labels, model = bound(name, table)
    parameters = drawn(model, labels, seed)
    told = learner(model, parameters).mean_expertise()
    assert told == pytest.approx(model.expertise(parameters).mean(), abs=1e-4)
