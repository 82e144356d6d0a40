"""Posteriors of competence: in closed form where the truth is known, else by coverage."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta
from tables import crowd_of, items_of, table_of, tables

from realm_cli.aggregate.choice import bind, fit_model, truth_for
from realm_cli.aggregate.em import fit, log_posterior
from realm_cli.annotator_models import ANNOTATOR_MODELS
from realm_cli.annotator_models.base import History
from realm_cli.choices import AnnotatorModel, CrowdKind
from realm_cli.config import CrowdSettings
from realm_cli.labels import labels_of
from realm_cli.posterior import GRID_SIZE, Judgement, judge, left_out_agreement, summarise

each_model = pytest.mark.parametrize("name", list(ANNOTATOR_MODELS))


def judged(name: AnnotatorModel, labels, history: History | None = None, seed=0) -> Judgement:
    history = history or History.none(labels.n_annotators)
    return judge(labels, fit_model(name, labels, history=history), history, seed=seed)


def known_truth(n_right: int, n_wrong: int, k: int):
    """One annotator on items whose truth is known."""
    n = n_right + n_wrong
    items = items_of([k] * n, gold=[0] * n)
    return labels_of(table_of([(i, 0, int(i >= n_right)) for i in range(n)], items), use_gold=True)


def test_with_known_truth_the_posterior_is_a_beta():
    # Accuracy with 17 right and 3 wrong under Beta(2, 1): Beta(19, 4).
    found = judged(AnnotatorModel.SIGNED, known_truth(17, 3, 4))
    assert found.competence.mean[0] == pytest.approx(19 / 23, abs=2e-3)
    low, high = found.competence.low[0], found.competence.high[0]
    exact = beta(19, 4)
    assert exact.cdf(high) - exact.cdf(low) == pytest.approx(0.95, abs=0.01)
    assert exact.pdf(low) == pytest.approx(exact.pdf(high), rel=0.1)


def test_all_labels_together_with_known_truth():
    # 17 right and 3 wrong, nothing known before: Beta(18, 4), whatever the annotator model.
    exact = beta(18, 4)
    for name in (AnnotatorModel.SIGNED, AnnotatorModel.EXPERTISE):
        batch = judged(name, known_truth(17, 3, 4)).batch
        assert batch.mean.tolist() == pytest.approx([18 / 22] * 2, abs=2e-3)
        assert exact.cdf(batch.high[0]) - exact.cdf(batch.low[0]) == pytest.approx(0.95, abs=0.01)


def test_tasks_together_with_known_truth():
    items = items_of([2] * 30, task=[0] * 20 + [1] * 10, gold=[0] * 30)
    table = table_of([(i, 0, int(i >= 20)) for i in range(30)], items)
    batch = judged(AnnotatorModel.SIGNED, labels_of(table, use_gold=True)).batch
    assert batch.mean.tolist() == pytest.approx([21 / 32, 21 / 22, 1 / 12], abs=3e-3)
    pooled = labels_of(table, use_gold=True, by_task=False)
    assert len(judged(AnnotatorModel.SIGNED, pooled).batch.mean) == 2  # tasks not told apart


@pytest.mark.parametrize("kind", [CrowdKind.UNIFORM, CrowdKind.HAMMER_SPAMMER])
def test_the_interval_of_all_labels_holds_the_share_of_right_ones(kind):
    inside = 0
    for seed in range(20):
        items = items_of([3] * 120, gold=np.random.default_rng(seed).integers(3, size=120).tolist())
        crowd, _ = crowd_of(items, CrowdSettings(kind=kind, annotators=8, seed=seed))
        right = (crowd.label == items.gold[crowd.item]).mean()
        batch = judged(AnnotatorModel.EXPERTISE, labels_of(crowd), seed=seed).batch
        inside += batch.low[0] <= right <= batch.high[0]
    assert inside >= 17  # 19 of 20 expected; 17 or more with probability .98


def test_expertise_with_known_truth():
    # c uniform over [1/2, 1] for K = 2, with 6 right and 0 wrong: density c^6, E c by hand.
    found = judged(AnnotatorModel.EXPERTISE, known_truth(6, 0, 2))
    mean = ((1 - 0.5**8) / 8) / ((1 - 0.5**7) / 7)
    assert found.competence.mean[0] == pytest.approx(mean, abs=2e-3)
    assert found.expertise.mean[0] == pytest.approx(2 * mean - 1, abs=4e-3)
    assert found.expertise.high[0] == 1


def test_guessers_can_be_called_guessers():
    found = judged(AnnotatorModel.EXPERTISE, known_truth(50, 50, 2))
    assert found.expertise.low[0] == 0
    assert found.competence.low[0] == pytest.approx(0.5)


def test_history_narrows():
    labels = known_truth(8, 2, 3)
    before = History(np.array([200.0]), np.array([0.7]), np.array([0.8]))
    for name in ANNOTATOR_MODELS:
        alone, with_history = judged(name, labels), judged(name, labels, before)
        width = [one.competence.high - one.competence.low for one in (alone, with_history)]
        assert width[1] < width[0] / 2


@each_model
@given(table=tables(max_tasks=1), seed=st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=10)
def test_left_out_agreement_is_the_posterior_without_the_label(name, table, seed):
    """Each label taken away in turn, under the same parameters."""
    rows = list(zip(table.item, table.annotator, table.label, strict=True))
    items = items_of([5] * len(table.items))
    labels = labels_of(table_of(rows, items, len(table.annotators)))
    model = bind(name, labels)
    found = fit(labels, model, truth_for(model, labels, None), restarts=0)
    agreement = left_out_agreement(labels, found)
    for n, (i, _, y) in enumerate(rows):
        keep = np.ones(len(rows), bool)
        keep[np.flatnonzero(labels.order == n)[0] if labels.order is not None else n] = False
        rest = labels.only(keep)
        log_q = log_posterior(rest, model.answers(found.parameters), found.truth)
        assert agreement[n] == pytest.approx(np.exp(log_q[i, y]), abs=1e-6)


def test_draws_follow_the_seed():
    table, _ = crowd_of(items_of([3] * 60, gold=[0, 1, 2] * 20), CrowdSettings(seed=1))
    labels = labels_of(table)
    same = [judged(AnnotatorModel.GUESS, labels, seed=seed).competence.mean for seed in (0, 0, 1)]
    assert (same[0] == same[1]).all()
    assert (same[0] != same[2]).any()


@pytest.mark.parametrize("kind", [CrowdKind.UNIFORM, CrowdKind.HAMMER_SPAMMER])
def test_intervals_cover(kind):
    """Twenty crowds of 20 annotators; 95% intervals hold the truth in all but few cases."""
    inside = []
    for seed in range(20):
        dice = np.random.default_rng(seed)
        items = items_of([4] * 150, gold=dice.integers(4, size=150).tolist())
        settings_ = CrowdSettings(kind=kind, annotators=20, labels_per_item=3, seed=seed)
        table, truth = crowd_of(items, settings_)
        found = judged(AnnotatorModel.EXPERTISE, labels_of(table), seed=seed)
        w = truth[:, 0]
        inside.append((found.expertise.low <= w) & (w <= found.expertise.high))
    assert 0.91 <= np.mean(inside) <= 0.985


def test_a_task_with_few_labels_leans_on_the_others():
    # 40 right in task 0, and one label in task 1 against forty by a stranger there.
    task = [0] * 40 + [1]
    items = items_of([4] * 41, task=task, gold=[0] * 41)
    rows = [(i, 0, 0) for i in range(41)] + [(40, 1, 0)]
    labels = labels_of(table_of(rows, items), use_gold=True)
    found = judged(AnnotatorModel.EXPERTISE, labels)
    expert, stranger = found.cell_expertise.mean[[1, 2]]
    assert expert > 0.8 > stranger


def test_highest_density_by_hand():
    density = np.zeros((1, GRID_SIZE))
    density[0, 100:200] = 1.0
    density[0, 300] = 1.0
    found = summarise(density)
    assert found.low[0] == 100 / GRID_SIZE
    assert 195 / GRID_SIZE <= found.high[0] <= 301 / GRID_SIZE
