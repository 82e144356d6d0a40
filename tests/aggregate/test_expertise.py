"""Expertise from labels alone: known crowds recovered, a stationary point found, odd sizes."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.stats import pearsonr, spearmanr
from tables import crowd_of, draw_expertise, items_of, table_of, tables

from realm_cli.aggregate.expertise import fit_expertise, responsibilities
from realm_cli.aggregate.majority import vote_shares, winning_shares
from realm_cli.annotations import NO_GOLD, AnnotationTable, Items, build_table
from realm_cli.annotator_models.expertise import Expertise
from realm_cli.choices import CrowdKind, Pooling
from realm_cli.config import TASK_SCALE, CrowdSettings, Reading
from realm_cli.likelihood import joint
from realm_cli.loaders import load
from realm_cli.posterior import FloatArray, truth_log_posterior, uniform_log_p

DATA = os.environ.get("REALM_DATA")


def golden_items(n: int, n_options: int = 4, n_tasks: int = 1) -> Items:
    dice = np.random.default_rng(11)
    return items_of(
        [n_options] * n,
        task=np.sort(np.arange(n) % n_tasks).tolist(),
        gold=dice.integers(0, n_options, n).tolist(),
    )


def accuracy(scores: FloatArray, items: Items) -> float:
    known = np.flatnonzero(items.gold != NO_GOLD)
    return float(winning_shares(scores)[known, items.gold[known]].mean())


def test_responsibility_by_hand():
    # w = .8, K = 2: a label 0 that is true came from knowledge with .8 / .9 = 8/9; q(0) = 3/4.
    table = table_of([(0, 0, 0), (0, 0, 1)], items_of([2]))
    found = responsibilities(np.log([[0.75, 0.25]]), table, np.array([[0.8]]))
    np.testing.assert_allclose(found, [0.75 * 8 / 9, 0.25 * 8 / 9])


@given(table=tables(), seed=st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=40)
def test_responsibilities_by_brute_force(table, seed):
    """Over the hidden truth and the hidden coin (knew, guessed) of each label."""
    w = draw_expertise(table, seed)
    log_q = truth_log_posterior(uniform_log_p(table), table, w)
    own = w[table.annotator, table.task]
    knew = own / (own + (1 - own) / table.items.n_options[table.item])
    expected = np.exp(log_q[table.item, table.label]) * knew
    np.testing.assert_allclose(responsibilities(log_q, table, w), expected, atol=1e-9)


@pytest.mark.parametrize("kind", [CrowdKind.UNIFORM, CrowdKind.HAMMER_SPAMMER, CrowdKind.BETA])
def test_known_expertise_is_recovered(kind):
    items = golden_items(1_500)
    table, truth = crowd_of(items, CrowdSettings(kind=kind, labels_per_item=5, seed=1))
    fitted = fit_expertise(table)
    assert pearsonr(fitted.expertise[:, 0], truth[:, 0]).statistic >= 0.97
    assert np.abs(fitted.expertise - truth).mean() <= 0.06
    assert abs((fitted.expertise - truth).mean()) <= 0.04


def test_known_expertise_of_specialists_is_recovered_cell_by_cell():
    items = golden_items(3_000, n_tasks=3)
    settings = CrowdSettings(
        kind=CrowdKind.TASK_SPECIALIST, share=0.34, labels_per_item=7, annotators=30, seed=2
    )
    table, truth = crowd_of(items, settings)
    by_task, pooled = fit_expertise(table).expertise, fit_expertise(table, Pooling.FULL).expertise
    assert pearsonr(by_task.ravel(), truth.ravel()).statistic >= 0.95
    assert np.ptp(pooled, axis=1).max() == 0
    assert accuracy(np.exp(fit_expertise(table).log_q), items) > 0.9


def test_a_crowd_of_which_a_fifth_are_experts_beats_its_majority():
    items = golden_items(1_000)
    table, truth = crowd_of(items, CrowdSettings(share=0.2, labels_per_item=5, seed=3))
    fitted = fit_expertise(table)
    vote = accuracy(vote_shares(table), items)
    assert vote < 0.7
    assert accuracy(np.exp(fitted.log_q), items) > vote + 0.1
    assert (fitted.expertise[truth > 0.5].min()) > fitted.expertise[truth < 0.5].max()


def marginal_gradient(table: AnnotationTable, expertise: FloatArray) -> list[torch.Tensor]:
    """Of the penalised marginal log-likelihood in u and v; items are equally often labelled."""
    model = Expertise(len(table.annotators), len(table.items.tasks), Pooling.PARTIAL).double()
    level = levels(expertise)
    with torch.no_grad():
        model.level.copy_(level)
        if model.deviation is not None:
            model.deviation.copy_(torch.logit(torch.tensor(expertise)) - level[:, None])
    shape = (len(table.items), -1)
    log_a = model.log_answers(
        torch.tensor(table.annotator.reshape(shape)),
        torch.tensor(table.items.task),
        torch.tensor(table.label.reshape(shape)),
        torch.tensor(table.items.n_options),
        table.items.has_option.shape[1],
    )
    present = torch.ones(log_a.shape[:2], dtype=torch.bool)
    value = joint(torch.tensor(uniform_log_p(table)), log_a, present) + model.log_prior()
    return list(torch.autograd.grad(value, list(model.parameters())))


def levels(expertise: FloatArray) -> torch.Tensor:
    """The u that the prior likes best, given w: where its pulls on u cancel.

    With v_t = logit w_t - u and s = TASK_SCALE they are 1 - 2 sigmoid(u) + sum_t v_t / s^2.
    """

    def pull(u: float, logits: FloatArray) -> float:
        return float(1 - 2 / (1 + np.exp(-u)) + (logits - u).sum() / TASK_SCALE**2)

    logits = np.log(expertise) - np.log1p(-expertise)
    if logits.shape[1] == 1:
        return torch.tensor(logits[:, 0])
    return torch.tensor([brentq(pull, -40, 40, args=(row,), xtol=1e-12) for row in logits])


@pytest.mark.parametrize("n_tasks", [1, 3])
def test_the_fit_is_a_stationary_point(n_tasks):
    items = golden_items(150, n_options=3, n_tasks=n_tasks)
    table, _ = crowd_of(
        items, CrowdSettings(kind=CrowdKind.UNIFORM, annotators=8, labels_per_item=4, seed=5)
    )
    fitted = fit_expertise(table).expertise
    at_rest = marginal_gradient(table, fitted)
    moved = marginal_gradient(table, (fitted + 0.02).clip(max=0.99))
    assert len(at_rest) == (1 if n_tasks == 1 else 2)
    for still, other in zip(at_rest, moved, strict=True):
        assert still.abs().max() < 2e-3
        assert other.abs().max() > 0.05


@pytest.mark.parametrize("pooling", list(Pooling))
def test_one_label_of_all(pooling):
    fitted = fit_expertise(table_of([(0, 0, 1)], items_of([3])), pooling)
    # Nothing to compare with: w at its prior's one half, A = .5 + .5/3 = 2/3 against 1/6, 1/6.
    np.testing.assert_allclose(fitted.expertise, [[0.5]])
    np.testing.assert_allclose(np.exp(fitted.log_q), [[1 / 6, 2 / 3, 1 / 6]])


def test_one_label_an_item_leaves_everyone_at_one_half():
    items = golden_items(60)
    table, _ = crowd_of(items, CrowdSettings(annotators=5, labels_per_item=1))
    np.testing.assert_allclose(fit_expertise(table).expertise, np.full((5, 1), 0.5), atol=1e-9)


@pytest.mark.parametrize("n_options", [2, 3, 10, 200])
def test_any_number_of_options(n_options):
    items = golden_items(300, n_options)
    table, truth = crowd_of(items, CrowdSettings(annotators=10, labels_per_item=5, seed=6))
    fitted = fit_expertise(table)
    assert np.isfinite(fitted.log_q).all()
    assert np.abs(fitted.expertise - truth).max() < 0.2
    assert accuracy(np.exp(fitted.log_q), items) > 0.93


@given(table=tables(), pooling=st.sampled_from(Pooling))
@settings(deadline=None, max_examples=40)
def test_any_small_table(table, pooling):
    fitted = fit_expertise(table, pooling)
    assert fitted.expertise.shape == (len(table.annotators), len(table.items.tasks))
    assert ((fitted.expertise > 0) & (fitted.expertise < 1)).all()
    np.testing.assert_allclose(np.exp(fitted.log_q).sum(axis=1), 1)
    assert (np.exp(fitted.log_q)[~table.items.has_option] == 0).all()


def test_nobody_is_ever_certain():
    # A thousand labels, all agreed on: the prior leaves w at most (n + 1) / (n + 2).
    items = golden_items(1_000, 2)
    everyone = [(i, a, int(items.gold[i])) for i in range(1_000) for a in range(3)]
    w = fit_expertise(table_of(everyone, items)).expertise
    assert (w < 1_001 / 1_002 + 1e-6).all()
    assert (w > 0.99).all()


def test_a_cell_without_labels_has_its_annotators_level():
    """Annotator 0 labels task 0 only, always with the others; task 1 is known by the level u."""
    items = golden_items(200, n_options=4, n_tasks=2)
    annotations = [
        (i, a, int(items.gold[i]))
        for i in range(200)
        for a in range(4)
        if a > 0 or items.task[i] == 0
    ]
    w = fit_expertise(table_of(annotations, items)).expertise
    assert 0.8 < w[0, 1] < w[0, 0]


# crowd-kit 1.4.2 uses what pandas 3.1 has deprecated.
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
def test_crowd_kits_one_coin_model_says_the_same():
    aggregation = pytest.importorskip("crowdkit.aggregation")
    items = golden_items(400)
    table, _ = crowd_of(
        items, CrowdSettings(kind=CrowdKind.BETA, annotators=15, labels_per_item=5, seed=7)
    )
    frame = pd.DataFrame({"task": table.item, "worker": table.annotator, "label": table.label})
    theirs = aggregation.OneCoinDawidSkene(n_iter=200, tol=1e-8).fit(frame)
    ours = fit_expertise(table)
    labels = theirs.labels_.sort_index().to_numpy()
    assert (ours.log_q.argmax(axis=1) == labels).mean() >= 0.985
    skills = theirs.skills_.sort_index().to_numpy()
    competence = ours.expertise[:, 0] + (1 - ours.expertise[:, 0]) / 4
    assert np.abs(competence - skills).max() < 0.03


@pytest.mark.skipif(DATA is None, reason="REALM_DATA names no folder of real data")
def test_a_real_crowd():
    files = load([Path(DATA or "") / "crowd/snow_rte_temp.parquet"], Reading())
    table, _ = build_table(files)
    fitted = fit_expertise(table)
    assert accuracy(np.exp(fitted.log_q), table.items) >= 0.92
    assert accuracy(vote_shares(table), table.items) == pytest.approx(0.902, abs=0.0005)
    right = table.label == table.items.gold[table.item]
    n = np.bincount(table.annotator)
    real = np.bincount(table.annotator, right) / n
    mean = np.bincount(table.annotator, fitted.expertise[table.annotator, table.task]) / n
    busy = n >= 20
    assert busy.sum() > 50
    assert spearmanr(mean[busy], real[busy]).statistic >= 0.80
