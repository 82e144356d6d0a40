"""Posteriors of the truth and of w: by hand, against brute force, and in closed form."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.optimize import brentq
from tables import draw_expertise, draw_log_p, items_of, table_of, tables

from realm_cli import posterior
from realm_cli.annotations import AnnotationTable
from realm_cli.config import TASK_SCALE
from realm_cli.posterior import (
    COVERAGE,
    GRID_SIZE,
    ExpertisePosterior,
    FloatArray,
    cells_of,
    expertise_posteriors,
    left_out_agreement,
    log_answer_odds,
    log_normalise,
    truth_log_posterior,
    uniform_log_p,
)

seeds = st.integers(0, 2**32 - 1)
few = settings(deadline=None, max_examples=60)


def posteriors(
    agreement: FloatArray, table: AnnotationTable
) -> tuple[ExpertisePosterior, ExpertisePosterior]:
    return expertise_posteriors(agreement, table, cells_of(table))


def one_annotator(labels_by_task: list[int], n_options: int = 2) -> AnnotationTable:
    """Annotator 0 alone, with as many items in each task as the list says."""
    task = np.repeat(np.arange(len(labels_by_task)), labels_by_task).tolist()
    items = items_of([n_options] * len(task), task=task)
    return table_of([(i, 0, 0) for i in range(len(task))], items)


def test_answer_odds_by_hand():
    # w = .8: K = 2 gives .9 : .1, K = 4 gives .85 : .05; a guesser's label says nothing.
    odds = np.exp(log_answer_odds(np.array([0.8, 0.8, 0.0]), np.array([2, 4, 3])))
    np.testing.assert_allclose(odds, [9, 17, 1])


def test_a_model_that_knows_nothing():
    p = np.exp(uniform_log_p(table_of([(0, 0, 0)], items_of([2, 4]))))
    np.testing.assert_allclose(p, [[0.5, 0.5, 0, 0], [0.25, 0.25, 0.25, 0.25]])


def test_log_normalise_does_not_underflow():
    np.testing.assert_allclose(
        np.exp(log_normalise(np.array([[-5000.0, -5000.0 + np.log(3), -np.inf]]))),
        [[0.25, 0.75, 0]],
    )


def two_voters() -> tuple[FloatArray, AnnotationTable, FloatArray]:
    """p = (.6, .4); label 0 at w = .8 (A = .9 : .1) and label 1 at w = .5 (A = .25 : .75)."""
    table = table_of([(0, 0, 0), (0, 1, 1)], items_of([2]))
    return np.log([[0.6, 0.4]]), table, np.array([[0.8], [0.5]])


def test_truth_posterior_by_hand():
    # .6 * .9 * .25 = .135 against .4 * .1 * .75 = .030: 9/11 and 2/11.
    q = np.exp(truth_log_posterior(*two_voters()))
    np.testing.assert_allclose(q, [[9 / 11, 2 / 11]])


def test_left_out_agreement_by_hand():
    # Without the first: .6 * .25 = .15 for label 0 against .4 * .75 = .30: 1/3.
    # Without the second: .4 * .1 = .04 for label 1 against .6 * .9 = .54: 2/29.
    log_p, table, expertise = two_voters()
    log_q = truth_log_posterior(log_p, table, expertise)
    np.testing.assert_allclose(left_out_agreement(log_q, table, expertise), [1 / 3, 2 / 29])


@given(table=tables(), seed=seeds)
@few
def test_truth_posterior_against_brute_force(table, seed):
    expertise, log_p = draw_expertise(table, seed), draw_log_p(table.items, seed)
    q = np.exp(truth_log_posterior(log_p, table, expertise))
    for i, n in enumerate(table.items.n_options):
        weights = np.exp(log_p[i])
        for a, y in zip(
            table.annotator[table.item == i], table.label[table.item == i], strict=True
        ):
            w = expertise[a, table.items.task[i]]
            weights *= [w * (y == k) + (1 - w) / n for k in range(len(weights))]
        np.testing.assert_allclose(q[i], weights / weights.sum(), rtol=1e-9, atol=1e-12)


@given(table=tables(), seed=seeds)
@few
def test_left_out_agreement_is_the_posterior_without_the_annotation(table, seed):
    expertise, log_p = draw_expertise(table, seed), draw_log_p(table.items, seed)
    log_q = truth_log_posterior(log_p, table, expertise)
    found = left_out_agreement(log_q, table, expertise)
    for n in range(len(table)):
        rest = np.arange(len(table)) != n
        without = replace(
            table, item=table.item[rest], annotator=table.annotator[rest], label=table.label[rest]
        )
        expected = np.exp(truth_log_posterior(log_p, without, expertise))
        assert found[n] == pytest.approx(expected[table.item[n], table.label[n]], abs=1e-7)


@pytest.mark.parametrize(("label", "expected"), [(0, 1), (1, 0)])
def test_left_out_agreement_where_the_model_is_certain(label, expected):
    table = table_of([(0, 0, label)], items_of([2, 2]))
    log_q = truth_log_posterior(np.array([[0.0, -1e4], [0.0, -1e4]]), table, np.array([[0.5]]))
    found = left_out_agreement(log_q, table, np.array([[0.5]]))
    np.testing.assert_allclose(found, [expected], atol=1e-12)


def test_left_out_agreement_where_there_is_nothing_else_to_choose():
    table = table_of([(0, 0, 0), (1, 0, 1)], items_of([1, 2]))
    expertise = np.array([[0.5]])
    log_q = truth_log_posterior(uniform_log_p(table), table, expertise)
    np.testing.assert_allclose(left_out_agreement(log_q, table, expertise), [1, 0.5])


def test_cells_by_hand():
    # Annotator 1 labels items 0 and 2 of task 0 and item 1 of task 1; annotator 0 item 1 only.
    items = items_of([2, 2, 2], task=[0, 1, 0])
    cells = cells_of(table_of([(0, 1, 0), (1, 1, 0), (1, 0, 0), (2, 1, 0)], items))
    assert cells.annotator.tolist() == [0, 1, 1]
    assert cells.task.tolist() == [1, 0, 1]
    assert cells.n.tolist() == [1, 2, 1]
    assert cells.of_annotation.tolist() == [1, 2, 0, 1]


def test_mean_of_w_after_one_right_label_by_hand():
    # K = 2, q = 1: density (1 + w) / 1.5; mean (1/2 + 1/3) / 1.5 = 5/9.
    # Its 95% interval ends at 1 and starts where l + l^2 / 2 = .05 * 1.5, l = sqrt(1.15) - 1.
    overall, _ = posteriors(np.ones(1), one_annotator([1]))
    assert overall.mean[0] == pytest.approx(5 / 9, abs=1e-4)
    assert overall.low[0] == pytest.approx(1.15**0.5 - 1, abs=1 / GRID_SIZE)
    assert overall.high[0] == 1


@pytest.mark.parametrize(("n", "n_options"), [(1, 4), (7, 2), (30, 5), (400, 3)])
def test_posterior_of_w_in_closed_form_where_all_is_right(n, n_options):
    def density(w: float) -> float:
        return float((w + (1 - w) / n_options) ** n)

    mass = quad(density, 0, 1)[0]
    mean = quad(lambda w: w * density(w), 0, 1)[0] / mass
    low = brentq(lambda at: quad(density, at, 1)[0] / mass - COVERAGE, 0, 1)
    overall, cells = posteriors(np.ones(n), one_annotator([n], n_options))
    assert overall.mean[0] == pytest.approx(mean, abs=1e-3)
    assert overall.low[0] == pytest.approx(low, abs=1.5 / GRID_SIZE)
    assert overall.high[0] == 1
    assert (cells.mean[0], cells.low[0]) == (overall.mean[0], overall.low[0])


@given(n=st.integers(1, 40), seed=seeds)
@few
def test_the_interval_is_the_shortest_that_holds_its_mass(n, seed):
    agreement = np.random.default_rng(seed).beta(0.7, 0.5, n)
    overall, _ = posteriors(agreement, one_annotator([n], 3))
    w = (np.arange(20_000) + 0.5) / 20_000
    density = np.exp(np.log(np.outer(agreement, w) + (1 - w) / 3).sum(axis=0))
    cdf = np.concatenate([[0], np.cumsum(density) / density.sum()])
    edges = np.linspace(0, 1, len(cdf))
    low, high = overall.low[0], overall.high[0]
    inside = np.interp(high, edges, cdf) - np.interp(low, edges, cdf)
    assert COVERAGE - 1e-4 <= inside <= COVERAGE + 0.03
    starts = np.linspace(0, 0.99, 500)
    ends = np.interp(np.interp(starts, edges, cdf) + COVERAGE, cdf, edges)
    possible = np.interp(starts, edges, cdf) + COVERAGE <= 1
    assert high - low <= (ends - starts)[possible].min() + 2.5 / GRID_SIZE
    assert low <= overall.mean[0] <= high


def test_the_interval_reaches_the_ends_for_guessers_and_experts():
    guesses, knowledge = np.tile([1.0, 0, 0, 0], 25), np.ones(100)
    guesser, _ = posteriors(guesses, one_annotator([100], 4))
    expert, _ = posteriors(knowledge, one_annotator([100], 4))
    assert guesser.low[0] == 0
    assert guesser.high[0] < 0.3
    assert expert.high[0] == 1
    assert expert.low[0] > 0.9


def test_long_tables_are_summed_in_chunks(monkeypatch):
    dice = np.random.default_rng(1)
    items = items_of([3] * 60, task=np.sort(dice.integers(0, 3, 60)).tolist())
    table = table_of([(i, a, 0) for i in range(60) for a in range(3)], items)
    agreement = dice.random(len(table))
    whole = posteriors(agreement, table)
    monkeypatch.setattr(posterior, "_CHUNK", 7)
    for at_once, in_chunks in zip(whole, posteriors(agreement, table), strict=True):
        np.testing.assert_allclose(in_chunks.mean, at_once.mean, rtol=1e-9)
        np.testing.assert_array_equal(in_chunks.low, at_once.low)


def cell_means(agreements: list[list[float]]) -> FloatArray:
    """Pooled means of w for one annotator, K = 2, by the agreements of each task."""
    table = one_annotator([len(one) for one in agreements])
    return posteriors(np.concatenate(agreements), table)[1].mean


def test_a_cell_without_evidence_leans_on_the_others():
    # A label with q = 1/K says nothing of w. Alone such a cell has mean 1/2.
    nothing = [0.5]
    assert cell_means([nothing])[0] == pytest.approx(0.5, abs=1e-6)
    good = cell_means([[1.0] * 100, nothing])
    bad = cell_means([[1.0, 0.0] * 50, nothing])
    assert good[1] > 0.8
    assert bad[1] < 0.3
    # Leaning is not copying: it stays between the others and one half.
    assert 0.5 < good[1] < good[0]
    assert bad[0] < bad[1] < 0.5


def test_a_cell_with_many_labels_goes_its_own_way():
    alone = cell_means([[1.0, 1.0, 1.0, 0.0] * 500])[0]
    assert alone == pytest.approx(0.5, abs=0.01)  # right on 3/4 = w + (1 - w) / 2
    for others in ([1.0] * 500, [1.0, 0.0] * 250):
        together = cell_means([[1.0, 1.0, 1.0, 0.0] * 500, others])[0]
        assert together == pytest.approx(alone, abs=0.02)


def test_pooling_against_brute_force(monkeypatch):
    """The annotator's level and both cells' w, all combinations of a coarse grid, summed."""
    size = 15
    monkeypatch.setattr(posterior, "GRID_SIZE", size)
    agreements = [[0.9, 0.8, 0.3], [0.1, 0.7]]
    w = (np.arange(size) + 0.5) / size
    z = np.log(w / (1 - w))
    likelihoods = [np.prod([q * w + (1 - w) / 2 for q in one], axis=0) for one in agreements]

    def step(u: int, v: int) -> float:
        return float(np.exp(-(((z[v] - z[u]) / TASK_SCALE) ** 2) / 2) / (w[v] * (1 - w[v])))

    rows = [sum(step(u, v) for v in range(size)) for u in range(size)]
    density = np.zeros((2, size))
    for u, v, x in itertools.product(range(size), repeat=3):
        mass = step(u, v) / rows[u] * likelihoods[0][v] * step(u, x) / rows[u] * likelihoods[1][x]
        density[0, v] += mass
        density[1, x] += mass
    expected = density @ w / density.sum(axis=1)
    np.testing.assert_allclose(cell_means(agreements), expected, rtol=1e-9)


@given(table=tables(), seed=seeds)
@few
def test_relabelling_permutes_the_answer_and_nothing_else(table, seed):
    dice = np.random.default_rng(seed)
    expertise, log_p = draw_expertise(table, seed), draw_log_p(table.items, seed)
    to_annotator = dice.permutation(len(table.annotators))
    to_item = dice.permutation(len(table.items))
    from_item = np.argsort(to_item)
    to_option = np.tile(np.arange(log_p.shape[1]), (len(table.items), 1))
    for i, n in enumerate(table.items.n_options):
        to_option[i, :n] = dice.permutation(n)
    order = dice.permutation(len(table))
    items = replace(
        table.items,
        task=table.items.task[from_item],
        option_set=table.items.option_set[from_item],
    )
    renamed = replace(
        table,
        items=items,
        item=to_item[table.item][order],
        annotator=to_annotator[table.annotator][order],
        label=to_option[table.item, table.label][order],
    )
    moved_p, moved_w = np.empty_like(log_p), np.empty_like(expertise)
    moved_p[to_item[:, None], to_option] = log_p
    moved_w[to_annotator] = expertise
    log_q = truth_log_posterior(log_p, table, expertise)
    moved_q = truth_log_posterior(moved_p, renamed, moved_w)
    np.testing.assert_allclose(moved_q[to_item[:, None], to_option], log_q, atol=1e-9)
    agreement = left_out_agreement(log_q, table, expertise)
    moved = left_out_agreement(moved_q, renamed, moved_w)
    np.testing.assert_allclose(moved, agreement[order], atol=1e-9)
    before, after = posteriors(agreement, table), posteriors(moved, renamed)
    np.testing.assert_allclose(after[0].mean[to_annotator], before[0].mean, atol=1e-9)
    cells, moved_cells = cells_of(table), cells_of(renamed)
    place = {
        (a, t): c
        for c, (a, t) in enumerate(zip(moved_cells.annotator, moved_cells.task, strict=True))
    }
    where = [place[to_annotator[a], t] for a, t in zip(cells.annotator, cells.task, strict=True)]
    np.testing.assert_allclose(after[1].mean[where], before[1].mean, atol=1e-9)
    assert moved_cells.n[where].tolist() == cells.n.tolist()
