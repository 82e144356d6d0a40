"""What a label more is worth, by hand and in general; and how a budget is spent."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realm_cli.relabel import (
    MOST_WAYS,
    affordable,
    expected,
    expected_accuracy,
    expected_information,
    outcomes,
    queue,
)


def entropy(*p):
    return -sum(x * np.log(x) for x in p if x > 0)


def two(*first):
    """`[I, 2]`."""
    return np.array([[p, 1 - p] for p in first])


def worth(q, c, n=1):
    k = np.full(len(q), q.shape[1])
    return expected(q, k, np.full(len(q), c), n)


def test_one_label_of_two_options_by_hand():
    # q = .5, c = .75: the label is right with .75 whatever it is: ln 2 - H(.75)
    # q = .9: says so with .9*.75 + .1*.25 = .7 and leaves .675/.7; else .225/.3 = .75
    information, accuracy = worth(two(0.5, 0.9), 0.75)
    half = np.log(2) - entropy(0.75, 0.25)
    sure = entropy(0.9, 0.1) - 0.7 * entropy(0.675 / 0.7, 0.025 / 0.7) - 0.3 * entropy(0.75, 0.25)
    np.testing.assert_allclose(information, [half, sure])
    np.testing.assert_allclose(information, [0.130812, 0.048529], atol=1e-6)
    np.testing.assert_allclose(accuracy, [0.75, 0.9])


def test_two_labels_of_two_options_by_hand():
    # both say the same with .3125 each way, and leave .9; with .375 they cancel out
    information, accuracy = worth(two(0.5), 0.75, n=2)
    left = 0.625 * entropy(0.9, 0.1) + 0.375 * np.log(2)
    np.testing.assert_allclose(information, [np.log(2) - left])
    np.testing.assert_allclose(accuracy, [0.625 * 0.9 + 0.375 * 0.5])


def test_four_options_by_hand():
    # even, c = .7: ln 4 - H(.7, .1, .1, .1); the label alone is then followed
    information, accuracy = worth(np.full((1, 4), 0.25), 0.7)
    np.testing.assert_allclose(information, [np.log(4) - entropy(0.7, 0.1, 0.1, 0.1)])
    np.testing.assert_allclose(accuracy, [0.7])


def test_outcomes_by_hand():
    # (2, 0), (1, 1), (0, 2) labels on the two options, given each truth
    np.testing.assert_allclose(
        outcomes(2, 2, 0.9), [[0.81, 0.01], [0.18, 0.18], [0.01, 0.81]], atol=1e-12
    )
    np.testing.assert_allclose(outcomes(3, 3, 0.8).sum(axis=0), 1)
    np.testing.assert_allclose(outcomes(2, 1, 1.0), [[1, 0], [0, 1]])


@pytest.mark.parametrize("n", [1, 2, 3])
def test_counts_say_what_the_labels_one_by_one_would(n):
    q, c = np.array([0.5, 0.3, 0.2]), 0.6
    one = np.where(np.eye(3) > 0, c, (1 - c) / 2)
    falls = np.array([np.prod(one[list(way)], axis=0) for way in product(range(3), repeat=n)])
    found = outcomes(3, n, c)
    for what in (expected_information, expected_accuracy):
        np.testing.assert_allclose(what(q[None], found), what(q[None], falls))


def test_a_guesser_tells_nothing_and_a_sure_item_gains_nothing():
    assert worth(two(0.5), 0.5)[0] == pytest.approx(0)
    assert worth(two(1.0), 0.9)[0] == pytest.approx(0)


def test_options_without_end_are_not_planned_ahead():
    assert MOST_WAYS < 400 * 401 // 2
    q = np.full((1, 400), 1 / 400)
    assert worth(q, 0.9)[0] > 1
    assert worth(q, 0.9, n=2)[0] == 0
    found = queue(q, np.array([400]), np.array([0.9]), 3, 3)
    assert found.n_labels.tolist() == [1]


def spent(q, budget, per_item, c=0.75):
    n = len(q)
    return queue(q, np.full(n, q.shape[1]), np.full(n, c), budget, per_item)


@pytest.mark.parametrize(
    ("budget", "counts"), [(1, [1, 0]), (2, [2, 0]), (3, [2, 1]), (4, [2, 2]), (9, [2, 2])]
)
def test_a_budget_goes_where_it_tells_most_by_hand(budget, counts):
    # at .5 the labels tell .131, then .099; at .9 the first tells .049
    found = spent(two(0.5, 0.9), budget, 2)
    assert found.n_labels.tolist() == counts
    if budget == 3:
        np.testing.assert_allclose(found.information, [0.230040, 0.048529], atol=1e-5)
        np.testing.assert_allclose(found.accuracy, [0.75, 0.9])


def test_nothing_is_bought_that_tells_nothing():
    assert spent(two(1.0, 0.5), 5, 2).n_labels.tolist() == [0, 2]
    assert spent(two(0.5), 5, 2, c=0.5).n_labels.tolist() == [0]


def test_of_items_alike_the_first_comes_first():
    found = spent(two(*[0.6] * 5), 3, 1)
    assert found.order.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("budget", "price", "labels"),
    [(0.3, 0.1, 3), (10, 0.07, 142), (0.29, 0.1, 2), (5, 1, 5), (5.9, 1, 5), (0.05, 0.1, 0)],
)
def test_what_a_budget_pays_for(budget, price, labels):
    assert affordable(budget, price) == labels


beliefs = st.integers(2, 4).flatmap(
    lambda k: st.lists(st.lists(st.floats(0.01, 1), min_size=k, max_size=k), min_size=1, max_size=8)
)


def normalised(rows):
    q = np.array(rows)
    return q / q.sum(axis=1, keepdims=True)


@given(beliefs, st.floats(0.3, 0.99), st.integers(1, 12), st.integers(1, 4))
def test_budgets_are_kept_and_the_rest_is_as_it_was(rows, c, budget, per_item):
    q = normalised(rows)
    found = spent(q, budget, per_item, c)
    assert found.n_labels.sum() <= budget
    assert found.n_labels.max() <= per_item
    assert sorted(found.order) == np.flatnonzero(found.n_labels).tolist()
    untouched = found.n_labels == 0
    np.testing.assert_allclose(found.accuracy[untouched], q.max(axis=1)[untouched])
    assert (found.accuracy >= q.max(axis=1) - 1e-9).all()
    assert (found.information >= 0).all()


@given(beliefs, st.floats(0.3, 0.99), st.randoms(use_true_random=False))
def test_items_in_another_order_are_the_same_queue(rows, c, dice):
    q = np.unique(normalised(rows).round(3), axis=0)
    order = list(range(len(q)))
    dice.shuffle(order)
    here, there = spent(q, 4, 2, c), spent(q[order], 4, 2, c)
    first, _ = worth(q, c)
    if len(np.unique(first.round(9))) == len(q):  # ties fall to whoever comes first
        np.testing.assert_array_equal(here.n_labels[order], there.n_labels)
        np.testing.assert_allclose(here.accuracy[order], there.accuracy)


@given(beliefs, st.floats(0.3, 0.99), st.permutations(range(4)))
def test_the_names_of_options_do_not_matter(rows, c, order):
    q = normalised(rows)
    swapped = q[:, [k for k in order if k < q.shape[1]]]
    for here, there in zip(worth(q, c, 2), worth(swapped, c, 2), strict=True):
        np.testing.assert_allclose(here, there, atol=1e-12)


@given(beliefs, st.floats(0.3, 0.99))
def test_every_further_label_tells_less(rows, c):
    q = normalised(rows)
    told = [np.zeros(len(q)), *(worth(q, c, n)[0] for n in (1, 2, 3, 4))]
    gains = np.diff(told, axis=0)
    assert (np.diff(gains, axis=0) <= 1e-9).all()


@given(st.lists(st.floats(0.5, 0.999), min_size=2, max_size=8), st.floats(0.55, 0.99))
def test_of_two_options_the_more_uncertain_item_comes_first(first, c):
    q = two(*sorted(set(np.round(first, 2)), reverse=True))
    found = spent(q, len(q), 1, c)
    order = [i for i in reversed(range(len(q))) if found.n_labels[i]]
    assert found.order.tolist() == order


def test_any_budget_is_spent_as_an_exhaustive_search_would():
    rng = np.random.default_rng(3)
    q = rng.dirichlet(np.ones(3), 4)
    told = np.stack([np.zeros(4), *(worth(q, 0.7, n)[0] for n in (1, 2, 3))])
    for budget in range(1, 9):
        best = max(
            sum(told[n, i] for i, n in enumerate(plan))
            for plan in product(range(4), repeat=4)
            if sum(plan) <= budget
        )
        assert spent(q, budget, 3, 0.7).information.sum() == pytest.approx(best)
